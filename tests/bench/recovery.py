"""How soon the rules, and the session, follow what changes around the switch. Set-up 1 of the end-to-end tests, below a
rule of priority 65535 that drops everything.

  rules  from the change until rules (d) and (e) stand for the new address: from then on a first control frame passes
  echo   from the change until the controller's echo request is answered: the session, or a new one, goes on
  back   from the change until the next session's handshake is done, where the change ends the old one

Both include what it takes to see it: for Lifeline a round trip on its admin socket, well under a millisecond, for
Open vSwitch one run of ovs-appctl.
"""

import concurrent.futures
import json
import socket
import subprocess
import time

import bring_up
from lab import net, openflow, topology

MACS = ("02:aa:bb:cc:dd:01", "02:aa:bb:cc:dd:02")
LONGEST_S = 60


class Lifeline(bring_up.LifelineSwitch):
    def hidden(self):
        """The hidden rules of ARP, as text."""
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(f"{self.switch.run_dir}/br0.ctl")
            client.sendall(b'{"command": "flows", "hidden": true}\n')
            data = b""
            while piece := client.recv(65536):
                data += piece
                if data.endswith(b"\n"):
                    break
        return [rule["match"] for rule in json.loads(data)["hidden_rules"] if rule["letter"] in "de"]


class OpenVswitch(bring_up.OpenVswitchSwitch):
    def hidden(self):
        return [line for line in self.ovs.appctl("bridge/dump-flows", "br0").splitlines() if "arp" in line]


SIDES = {"lifeline": Lifeline, "openvswitch": OpenVswitch}


class Scene:
    """One side in a lab of its own, connected, everything dropped."""

    def __init__(self, side, spare=False):
        self.lab = net.Lab()
        self.side = SIDES[side]()
        self.network = topology.Network(self.lab, 1, spare=spare)
        self.controller = openflow.Controller(self.network.ctl).start()
        self.side.start(self.network)
        self.side.address(self.network)
        self.session = self.controller.session(30)
        self.session.drop_everything()
        self.session.echo()
        self.wait_rules(self.network.ctl.mac("eth0"))
        # Linux believes no second address of a neighbour within a second (locktime) unless it is announced.
        settled_at = time.monotonic() + 1.5
        self.lab.until(lambda: time.monotonic() >= settled_at, "the kernel's neighbours have settled", 5)

    def wait_rules(self, mac):
        """Until two rules name this address; the moment."""
        def stand():
            return sum(mac in rule for rule in self.side.hidden()) >= 2
        self.lab.until(stand, f"the rules stand for {mac}", LONGEST_S, 0)
        return time.monotonic()

    def wait_echo(self):
        """Until an echo is answered, on this session or on the next; the moment."""
        try:
            self.session.echo(LONGEST_S)
        except openflow.Closed:
            self.session = self.controller.session(LONGEST_S)
            self.session.echo(LONGEST_S)
        return time.monotonic()

    def close(self):
        self.controller.stop()
        self.side.stop()
        self.lab.close()


def kernel_event(side, count):
    """The kernel is told of another MAC for the next hop, and of the true one again, `count` times in all;
    {"rules": milliseconds}."""
    scene = Scene(side)
    took = []
    try:
        true_mac = scene.network.ctl.mac("eth0")
        # One `ip` for all changes: starting it would be most of what is measured.
        ip = subprocess.Popen(["ip", "-n", "sw", "-batch", "-"], stdin=subprocess.PIPE, bufsize=0)
        for number in range(count):
            mac = MACS[0] if number % 2 == 0 else true_mac
            began = time.monotonic()
            ip.stdin.write(f"neigh replace 10.0.0.1 lladdr {mac} dev br0 nud reachable\n".encode())
            took.append((scene.wait_rules(mac) - began) * 1000)
        ip.stdin.close()
        ip.wait()
    finally:
        scene.close()
    return {"rules": took}


def next_hop_mac(side, announce, count):
    """The next hop takes another MAC; {"rules": milliseconds, "echo": milliseconds}."""
    took = {"rules": [], "echo": []}
    pool = concurrent.futures.ThreadPoolExecutor(1)
    for number in range(count):
        scene = Scene(side)
        try:
            began = time.monotonic()
            scene.network.uplink.set_mac(MACS[number % 2], "eth0", announce)
            # The controller speaks at once: its frames are what an idle network would lack.
            echo = pool.submit(scene.wait_echo)
            took["rules"].append((scene.wait_rules(MACS[number % 2]) - began) * 1000)
            took["echo"].append((echo.result() - began) * 1000)
        finally:
            scene.close()
    return took


def restart(scene):
    """The controller's process ends and is started again: from its listening."""
    scene.controller.stop()
    scene.session.closed.wait(LONGEST_S)
    known = len(scene.controller.sessions)
    scene.controller.start()
    return scene.controller.session(LONGEST_S, known).ready_at - scene.controller.listening_at


def address(scene):
    """The local port has another address: from its being there."""
    sw, known = scene.network.sw, len(scene.controller.sessions)
    sw.ip("addr", "flush", "dev", "br0")
    began = time.monotonic()
    sw.ip("addr", "add", "10.0.0.77/24", "dev", "br0")
    return scene.controller.session(LONGEST_S, known).ready_at - began


def interface(scene):
    """The local port is set down, and up again: from its being up; the session goes on."""
    sw = scene.network.sw
    sw.ip("link", "set", "dev", "br0", "down")
    began = time.monotonic()
    sw.ip("link", "set", "dev", "br0", "up")
    return scene.wait_echo() - began


def moved(scene):
    """The controller is unplugged at one port and plugged in at another: from its being plugged in."""
    began = time.monotonic()
    scene.network.move(scene.network.ctl, ["10.0.0.1/24"])
    return scene.wait_echo() - began


# event: what happens, the figure's name
DISTURBANCES = {"restart": (restart, "back"), "address": (address, "back"), "interface": (interface, "echo"),
                "moved": (moved, "echo")}


def disturbance(side, event, count):
    """{figure: milliseconds}"""
    happens, figure = DISTURBANCES[event]
    took = []
    for _ in range(count):
        scene = Scene(side, spare=event == "moved")
        try:
            took.append(happens(scene) * 1000)
        finally:
            scene.close()
    return {figure: took}


def measure(row, side, count):
    if row.event in DISTURBANCES:
        return disturbance(side, row.event, count)
    if row.event == "kernel":
        return kernel_event(side, row.times)
    return next_hop_mac(side, row.event == "announced", count)
