"""A host as scripts/setup-host sees it, and what it uses its interfaces for."""

import glob
import ipaddress
import json
import os
import subprocess
import sys


class Refused(Exception):
    """Told to the operator; nothing was changed, or what was is named."""


class Host:
    """Everything that is read and written, so that a test can be another host."""

    def __init__(self, root="", dry_run=False, out=sys.stdout):
        self.root, self.dry_run, self.out = root, dry_run, out

    def path(self, name):
        return self.root + name

    def say(self, text):
        print(text, file=self.out, flush=True)

    def exists(self, name):
        return os.path.exists(self.path(name))

    def read(self, name, default=""):
        try:
            with open(self.path(name), encoding="ascii", errors="replace") as file:
                return file.read().strip()
        except OSError:
            return default

    def list(self, pattern):
        return sorted(found[len(self.root):] for found in glob.glob(self.path(pattern)))

    def link(self, name):
        """The last part of where a symbolic link leads; None: there is none."""
        try:
            return os.path.basename(os.readlink(self.path(name)))
        except OSError:
            return None

    def write(self, name, text):
        if self.dry_run:
            return self.say(f"would write {text!r} to {name}")
        try:
            with open(self.path(name), "w", encoding="ascii") as file:
                file.write(text)
        except OSError as error:
            raise Refused(f"{name} does not take {text!r}: {error.strerror}") from None
        return None

    def command(self, *argv):
        if self.dry_run:
            return self.say("would run " + " ".join(argv))
        try:
            result = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        except FileNotFoundError:
            raise Refused(f"{argv[0]} is not installed") from None
        if result.returncode != 0:
            raise Refused(f"{' '.join(argv)}: {result.stdout.strip()}")
        return None

    def ip(self, *words):
        """What `ip -j` says; None: nothing. Without an answer no NIC can be told to be free."""
        try:
            result = subprocess.run(["ip", "-j", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                    text=True, check=False)
        except FileNotFoundError:
            raise Refused("ip is not installed (iproute2): cannot tell which NICs the host uses") from None
        if result.returncode != 0 or not result.stdout.strip():
            return None
        return json.loads(result.stdout)

    def ssh_connections(self):
        """SSH_CONNECTION of this process and of those that it came from: sudo takes it away."""
        found, pid = [os.environ.get("SSH_CONNECTION", "")], os.getpid()
        while pid > 1:
            try:
                with open(f"/proc/{pid}/environ", "rb") as file:
                    found += [v[15:].decode(errors="replace") for v in file.read().split(b"\0")
                              if v.startswith(b"SSH_CONNECTION=")]
                with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
                    pid = int(file.read().rpartition(")")[2].split()[1])
            except OSError:
                break
        return sorted({f for f in found if f})


class Uses:
    """What the host uses its interfaces for: interface -> reasons."""

    def __init__(self, host):
        self.reasons = {}
        self.links = {link["ifname"]: link for link in host.ip("-d", "link", "show") or []}
        self._addresses(host.ip("addr", "show") or [])
        for family in ("-4", "-6"):
            self._routes(host.ip(family, "route", "show", "table", "all") or [])
        for connection in host.ssh_connections():
            self._ssh(host, connection)

    def _add(self, interface, reason):
        known = self.reasons.setdefault(interface, [])
        if reason not in known:
            known.append(reason)

    def _addresses(self, links):
        self.address_at = {}
        for link in links:
            for address in link.get("addr_info", []):
                self.address_at[ipaddress.ip_address(address["local"])] = link["ifname"]
                if address.get("scope") != "link":
                    self._add(link["ifname"], f"has the address {address['local']}")

    def _routes(self, routes):
        for route in routes:
            if route.get("dst") != "default" or route.get("type", "unicast") != "unicast":
                continue
            for hop in route.get("nexthops", [route]):
                if "dev" in hop and hop["dev"] != "lo":
                    by = f" by {hop['gateway']}" if "gateway" in hop else ""
                    self._add(hop["dev"], f"carries the default route{by}")

    def _ssh(self, host, connection):
        words = connection.split()
        try:
            client, server = (ipaddress.ip_address(words[i].partition("%")[0]) for i in (0, 2))
        except (ValueError, IndexError):
            raise Refused(f"SSH_CONNECTION is '{connection}': cannot tell which NIC it takes") from None
        if client.is_loopback:
            return
        interfaces = {words[i].partition("%")[2] for i in (0, 2)} | {self.address_at.get(server, "")}
        for route in host.ip("route", "get", str(client)) or []:
            interfaces.add(route.get("dev", ""))
        interfaces -= {""}
        if not interfaces:
            raise Refused(f"no interface has {server}, and no route leads to {client}: cannot tell which NIC your "
                          "SSH session takes; run this on the console")
        for interface in interfaces:
            self._add(interface, f"carries your SSH session from {client}")

    def uppers(self, interface):
        """Bonds, bridges, VLANs, … that interface is a part of, as far up as they go."""
        found, todo = [], [interface]
        while todo:
            below = todo.pop()
            for name, link in self.links.items():
                # A veth's link is its other end.
                on_top = link.get("link") == below and link.get("linkinfo", {}).get("info_kind") != "veth"
                if (on_top or self.links.get(below, {}).get("master") == name) \
                        and name not in found and name != interface:
                    found.append(name)
                    todo.append(name)
        return found

    def why_not(self, interface):
        """Reasons that interface may not be taken."""
        reasons = [f"{interface} {reason}" for reason in self.reasons.get(interface, [])]
        for upper in self.uppers(interface):
            for reason in self.reasons.get(upper, ["is set up on it; take it down first"]):
                reasons.append(f"{interface} is a part of {upper}, which {reason}")
        return reasons
