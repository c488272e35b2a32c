"""The set-ups of topology.py over IPv6.

    set-up 1                                      set-up 2

    ctl 2001:db8::1 ---p1--+                      ctl 2001:db8:9::2 --- gw 2001:db8::1 ---p1--+
    h1  10.7.0.1    ---p2--+ sw (br0)             h1  10.7.0.1 ---------------------------p2--+ sw (br0)
    h2  10.7.0.2    ---p3--+                      h2  10.7.0.2 ---------------------------p3--+

Set-ups 3 and 4 are 1 and 2 with another switch, sw2 (br0), behind p5.

br0 is 2001:db8::2 (static), or has what DHCPv6 or a router advertisement gives it. IPv6 is on only where it is
needed; duplicate address detection, a second of waiting, is off.
"""

from . import peers, switch

PREFIX = "2001:db8::/64"
LOCAL_ADDRESS = "2001:db8::2"
BEHIND_MAC = "52:54:00:00:00:02"


def enable(space, device):
    """IPv6 on this device: it gets its link-local address, and a host asks for routers at once."""
    where = f"net.ipv6.conf.{device}"
    space.sysctl(f"{where}.accept_dad=0", f"{where}.router_solicitation_delay=0",
                 f"{where}.disable_ipv6=0")


def address(space, device, scope="global"):
    """The first usable address of that scope, or None."""
    text = space.ip("-o", "-6", "addr", "show", "dev", device, "scope", scope, "-tentative",
                    check=False).stdout
    words = text.split()
    return words[words.index("inet6") + 1].split("/")[0] if "inet6" in words else None


class Network6:
    """A wired set-up without any process in it."""

    def __init__(self, lab, setup=1):
        self.lab = lab
        self.sw = lab.namespace("sw")
        self.h1 = lab.host("h1", "10.7.0.1/24")
        self.h2 = lab.host("h2", "10.7.0.2/24")
        self.ctl = lab.host("ctl")
        if setup in (1, 3):
            self.uplink, self.gateway, self.controller_ip = self.ctl, None, "2001:db8::1"
            lab.wire(self.sw, "p1", self.ctl, "eth0")
        else:
            self.uplink, self.gateway = peers.router(lab), "2001:db8::1"
            self.controller_ip = "2001:db8:9::2"
            lab.wire(self.sw, "p1", self.uplink, "eth0")
            lab.wire(self.uplink, "eth1", self.ctl, "eth0")
            self.uplink.sysctl("net.ipv6.conf.all.forwarding=1")
            enable(self.uplink, "eth1")
            enable(self.ctl, "eth0")
            self._add(self.uplink, "2001:db8:9::1/64", "eth1")
            self._add(self.ctl, "2001:db8:9::2/64", "eth0")
            self.ctl.ip("-6", "route", "add", "default", "via", "2001:db8:9::1")
        enable(self.uplink, "eth0")
        self._add(self.uplink, "2001:db8::1/64", "eth0")
        for host, port in ((self.h1, "p2"), (self.h2, "p3")):
            lab.wire(self.sw, port, host, "eth0")
            host.configure()
        self.ports = ["p1", "p2", "p3"]
        if setup in (3, 4):
            self.sw2 = lab.namespace("sw2")
            lab.wire(self.sw, "p5", self.sw2, "p1")
            self.ports.append("p5")

    @staticmethod
    def _add(space, prefix, device):
        space.ip("-6", "addr", "add", prefix, "dev", device, "nodad")

    def make_switch(self, **kwargs):
        kwargs.setdefault("controllers", [f"tcp:[{self.controller_ip}]:6653"])
        return switch.Switch(self.lab, self.sw, self.ports, **kwargs)

    def make_switch_behind(self):
        return switch.Switch(self.lab, self.sw2, ["p1"], [f"tcp:[{self.controller_ip}]:6653"],
                             config={"local": {"mac": BEHIND_MAC}}, name="2")

    @staticmethod
    def local_up(lifeline):
        device = lifeline.local_up()
        enable(lifeline.space, device)
        return device

    def address_local(self, lifeline):
        device = self.local_up(lifeline)
        self._add(self.sw, f"{LOCAL_ADDRESS}/64", device)
        if self.gateway:
            self.sw.ip("-6", "route", "replace", "default", "via", self.gateway)
        return LOCAL_ADDRESS


def radvd(space, device="eth0", prefix=PREFIX):
    """A router that advertises itself and `prefix` on `device`."""
    config = space.lab.path(f"radvd-{space.name}.conf")
    with open(config, "w", encoding="utf-8") as file:
        file.write(f"interface {device} {{ AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4;\n"
                   f"  AdvDefaultLifetime 60; prefix {prefix} {{ }}; }};\n")
    return space.start("radvd", "radvd", "-n", "-m", "stderr", "-C", config, "-p",
                       space.lab.path(f"radvd-{space.name}.pid"))


def dnsmasq(space, device="eth0"):
    """A DHCPv6 server for PREFIX on `device`, without router advertisements."""
    server = space.start(
        "dnsmasq", "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--user=root",
        "--log-dhcp", "--log-facility=-", f"--interface={device}", "--dhcp-authoritative",
        "--dhcp-range=2001:db8::100,2001:db8::1ff,64,1h",
        f"--dhcp-leasefile={space.lab.path('dnsmasq6.leases')}", "--pid-file=")
    server.wait_log("DHCPv6, IP range")
    return server


DHCLIENT6_SCRIPT = """#!/bin/sh
# Called by dhclient: sets the address it was given, and touches nothing else.
case "$reason" in BOUND6|RENEW6|REBIND6) ;; *) exit 0 ;; esac
ip -6 addr replace "$new_ip6_address/64" dev "$interface" nodad
exit 0
"""


def dhclient(space, device):
    return peers.dhclient(space, device, family="-6", script_text=DHCLIENT6_SCRIPT)
