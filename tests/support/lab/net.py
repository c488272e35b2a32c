"""Network namespaces and the wires between them."""

import itertools
import os
import re
import socket
import threading
import time

from . import process, sandbox, wait


class Namespace:
    """A network namespace with loopback up and IPv6 silent."""

    def __init__(self, lab, name):
        self.lab = lab
        self.name = name
        process.run(["ip", "netns", "add", name])
        # Router solicitations and duplicate address detection would be noise on the wires.
        self.sysctl("net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")
        self.run("ip", "link", "set", "lo", "up")

    def run(self, *argv, **kwargs):
        return process.run(["ip", "netns", "exec", self.name, *argv], **kwargs)

    def ip(self, *words, **kwargs):
        return process.run(["ip", "-n", self.name, *words], **kwargs)

    def sysctl(self, *assignments):
        self.run("sysctl", "-qw", *assignments)

    def start(self, process_name, *argv, **kwargs):
        return self.lab.start(process_name, ["ip", "netns", "exec", self.name, *argv], **kwargs)

    def call(self, function):
        """Runs function() in a thread inside this namespace and returns its result. Sockets made there
        stay in the namespace for their life."""
        box = {}

        def body():
            try:
                descriptor = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
                try:
                    sandbox.setns(descriptor)
                finally:
                    os.close(descriptor)
                box["value"] = function()
            except BaseException as error:  # handed to the caller
                box["error"] = error
        thread = threading.Thread(target=body)
        thread.start()
        thread.join()
        if "error" in box:
            raise box["error"]
        return box["value"]

    def socket(self, family=socket.AF_INET, kind=socket.SOCK_STREAM, protocol=0):
        return self.call(lambda: socket.socket(family, kind, protocol))

    def mac(self, device="eth0"):
        text = self.ip("-o", "link", "show", "dev", device).stdout
        return re.search(r"link/ether ([0-9a-f:]{17})", text).group(1)

    def set_mac(self, mac, device="eth0", announce=False):
        """Changes the address of a live device. `announce`: with a gratuitous ARP, as a gateway's
        failover does; without, nobody is told."""
        self.sysctl(f"net.ipv4.conf.{device}.arp_notify={int(announce)}")
        self.ip("link", "set", "dev", device, "address", mac)

    def has_device(self, device):
        return self.ip("link", "show", "dev", device, check=False).returncode == 0

    def ifindex(self, device):
        """Its index, or None where there is no such device."""
        found = re.match(r"(\d+):", self.ip("-o", "link", "show", "dev", device, check=False).stdout)
        return int(found.group(1)) if found else None

    def address(self, device):
        """The first IPv4 address of a device, or None."""
        text = self.ip("-o", "-4", "addr", "show", "dev", device, check=False).stdout
        found = re.search(r"inet ([0-9.]+)/", text)
        return found.group(1) if found else None

    def established(self, port):
        """Peers ("address:port") of established TCP connections to a local port here."""
        text = self.run("ss", "-Htn", "state", "established", "sport", "=", f":{port}").stdout
        return sorted(line.split()[-1] for line in text.splitlines() if line.strip())

    def ping(self, address, count=1, deadline=1):
        """True when all of `count` echo requests were answered."""
        result = self.run("ping", "-n", "-q", "-i", "0.05", "-c", str(count), "-W", str(deadline),
                          address, check=False)
        return result.returncode == 0 and f" {count} received" in result.stdout


class Host(Namespace):
    """A namespace with one device "eth0"."""

    def __init__(self, lab, name, address=None):
        super().__init__(lab, name)
        self.ip_address = address.split("/")[0] if address else None
        self.prefix = address

    def configure(self):
        if self.prefix:
            self.ip("addr", "add", self.prefix, "dev", "eth0")


class Lab:
    """What one test makes: namespaces, processes. close() stops the processes in reverse order; the
    sandbox takes the rest with it."""

    def __init__(self):
        self.directory = sandbox.WORK_DIR
        self.processes = []
        self.namespaces = {}
        self._log_numbers = itertools.count(1)
        self.started = time.monotonic()

    def namespace(self, name):
        self.namespaces[name] = Namespace(self, name)
        return self.namespaces[name]

    def host(self, name, address=None):
        self.namespaces[name] = Host(self, name, address)
        return self.namespaces[name]

    def path(self, name):
        return os.path.join(self.directory, name)

    def wire(self, left, left_device, right, right_device):
        """A veth pair between two namespaces, up, with offloads off on both ends: veth would otherwise
        hand over frames with partial checksums and larger than the MTU."""
        process.run(["ip", "link", "add", left_device, "netns", left.name, "type", "veth",
                     "peer", "name", right_device, "netns", right.name])
        for space, device in ((left, left_device), (right, right_device)):
            space.run("ethtool", "-K", device, "tx", "off", "rx", "off", "tso", "off", "gso", "off",
                      "gro", "off")
            space.ip("link", "set", "dev", device, "up")

    def start(self, name, argv, **kwargs):
        log_path = self.path(f"{next(self._log_numbers):02d}-{name}.log")
        started = process.Process(name, argv, log_path, **kwargs)
        self.processes.append(started)
        return started

    def check_alive(self):
        for each in self.processes:
            each.check_alive()

    def until(self, condition, what, timeout=10.0, interval=0.02):
        return wait.until(condition, what, timeout, interval, alive=self.check_alive)

    def logs(self, lines=60):
        """The ends of all logs, for a failure report."""
        parts = []
        for each in self.processes:
            parts.append(f"--- {each.name} (status {each.poll()}): {' '.join(each.argv)}\n"
                         f"{each.tail(lines)}")
        return "\n".join(parts)

    def close(self):
        for each in reversed(self.processes):
            each.must_live = False
            try:
                each.stop(timeout=5.0)
            except AssertionError:
                pass  # it was killed; who cares about its status has asked before
        # For the next lab of the same sandbox.
        for name in self.namespaces:
            process.run(["ip", "netns", "del", name], check=False)
