"""The group `remotes`: what a thousand controllers of switches behind this one (`in_band.also_reach`) cost, beside one.

Set-up 1 of the end-to-end tests, connected, nothing else configured; the thousand are reached by a default route.

  start    the process starts with them in its file -> all their rules stand
  reload   a reload brings them all to a switch that runs -> all their rules stand
  add      `remote add` of one more, asked on the admin socket -> a packet from it would meet (i), 50 times
  gateway  the kernel knows another MAC of their common next hop -> rules (d) and (e) stand, and the old ones are gone;
           as reload and start with what it takes to read all rules
  echo     round trips of the controller's echoes while the reload is taken over: median, longest
"""

import json
import socket
import threading
import time

from lab import net, openflow, topology

PRIORITY_I = "18181801"
GATEWAY_MACS = ("02:aa:bb:cc:dd:01", "02:aa:bb:cc:dd:02")


def addresses(count, network=18):
    return [f"198.{network}.{n >> 8}.{n & 255}:6653" for n in range(count)]


class Scene:
    def __init__(self, at_start):
        self.lab = net.Lab()
        network = self.network = topology.Network(self.lab, 1)
        self.controller = openflow.Controller(network.ctl).start()
        self.switch = network.make_switch(allow=(r"WARN ",), config={
            "log_level": "warn", "in_band": {"also_reach": at_start} if at_start else {}})
        # br0 is there, with its address, as after a restart: what is measured is the switch.
        self.switch.start()
        network.address_local(self.switch, "static")
        network.sw.ip("route", "add", "default", "via", "10.0.0.9")
        network.sw.ip("neigh", "replace", "10.0.0.9", "lladdr", "02:aa:bb:cc:dd:00", "dev", "br0", "nud", "permanent")
        self.session = self.controller.session()
        self.session.echo()

    def ask(self, command, **arguments):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(f"{self.switch.run_dir}/br0.ctl")
            client.sendall(json.dumps({"command": command, **arguments}).encode() + b"\n")
            data = b""
            while not data.endswith(b"\n"):
                piece = client.recv(1 << 20)
                if not piece:
                    break
                data += piece
        return json.loads(data)

    def rules(self):
        return self.ask("flows", hidden=True)["hidden_rules"]

    def wait_sessions(self, count):
        """Until (i) stands for so many remotes beside the controller; the moment."""
        self.lab.until(lambda: sum(r["letter"] == "i" for r in self.rules()) == count + 1,
                       f"the rules of {count} stand", 60, 0)
        return time.monotonic()

    def close(self):
        self.controller.stop()
        self.switch.stop()
        self.lab.close()


def starts(count, rounds):
    took = []
    for _ in range(rounds):
        scene = Scene(addresses(count))
        try:
            scene.wait_sessions(count)
            scene.switch.stop()
            began = time.monotonic()
            scene.switch.start(wait_ready=False)
            scene.lab.until(lambda: scene.switch.status_or_none(), "it answers", 30, 0)
            took.append((scene.wait_sessions(count) - began) * 1000)
        finally:
            scene.close()
    return took


def reloads(scene, count):
    """One reload that brings `count`, milliseconds; and the echoes meanwhile."""
    scene.switch.config["in_band"] = {"also_reach": addresses(count)}
    scene.switch.write_config()
    echoes, done = [], threading.Event()

    def probe():
        while not done.is_set():
            echoes.append(scene.session.echo() * 1000)
    prober = threading.Thread(target=probe)
    prober.start()
    began = time.monotonic()
    scene.ask("reload")
    took = (scene.wait_sessions(count) - began) * 1000
    done.set()
    prober.join()
    return took, echoes


def one_more(scene, times):
    took = []
    for address in addresses(times, 19):
        began = time.monotonic()
        answer = scene.ask("remote", action="add", address=address)
        assert "error" not in answer, answer
        packet = f"tcp,nw_src={address.split(':')[0]},tp_src=6653"
        scene.lab.until(lambda packet=packet: PRIORITY_I in json.dumps(scene.ask("trace", port="p1", packet=packet)),
                        "its rules stand", 10, 0)
        took.append((time.monotonic() - began) * 1000)
    return took


def gateway(scene, times):
    took = []
    for number in range(times):
        new, old = GATEWAY_MACS[number % 2], GATEWAY_MACS[1 - number % 2]
        began = time.monotonic()
        scene.network.sw.ip("neigh", "replace", "10.0.0.9", "lladdr", new, "dev", "br0", "nud", "permanent")

        def moved(new=new, old=old):
            matches = [r["match"] for r in scene.rules() if r["letter"] in "de"]
            return sum(new in m for m in matches) == 2 and not any(old in m for m in matches)
        scene.lab.until(moved, "rules (d) and (e) follow", 30, 0)
        took.append((time.monotonic() - began) * 1000)
    return took


def measure(row):
    """{figure: milliseconds}"""
    figures = {}
    for count in row.counts:
        figures[f"{count}: start"] = starts(count, 3)
        scene = Scene([])
        try:
            took, echoes = reloads(scene, count)
            figures[f"{count}: reload"] = [took]
            figures[f"{count}: echo meanwhile"] = echoes
            figures[f"{count}: add one more"] = one_more(scene, 50)
            figures[f"{count}: gateway's new MAC"] = gateway(scene, 10)
        finally:
            scene.close()
    return figures
