"""The set-ups. Numbers as in the in-band specification: 1 = controller on the local port's subnet,
2 = controller behind a gateway.

    set-up 1                                  set-up 2

    ctl 10.0.0.1 ---p1--+                     ctl 10.9.0.2 --- gw 10.0.0.1 ---p1--+
    h1  10.7.0.1 ---p2--+ sw (br0)            h1  10.7.0.1 --------------------p2--+ sw (br0)
    h2  10.7.0.2 ---p3--+                     h2  10.7.0.2 --------------------p3--+

Every box is a network namespace; p1..p3 are veths in "sw" that lifeline opens with DPDK's af_packet driver. br0
is the local port: 10.0.0.2, static or by DHCP (server on ctl or gw, on the far side of p1).
"""

from . import net, peers, switch

LOCAL_PREFIX = "10.0.0.2/24"
LOCAL_ADDRESS = "10.0.0.2"


class Network:
    """A wired set-up without any process in it."""

    def __init__(self, lab, setup=1):
        self.lab = lab
        self.setup = setup
        self.sw = lab.namespace("sw")
        self.h1 = lab.host("h1", "10.7.0.1/24")
        self.h2 = lab.host("h2", "10.7.0.2/24")
        if setup == 1:
            self.ctl = lab.host("ctl", "10.0.0.1/24")
            self.uplink = self.ctl  # the box on the far side of p1
            self.controller_ip = "10.0.0.1"
            self.gateway = None
            lab.wire(self.sw, "p1", self.ctl, "eth0")
            self.ctl.configure()
        else:
            self.ctl = lab.host("ctl", "10.9.0.2/24")
            self.uplink = peers.router(lab)
            self.controller_ip = "10.9.0.2"
            self.gateway = "10.0.0.1"
            lab.wire(self.sw, "p1", self.uplink, "eth0")
            lab.wire(self.uplink, "eth1", self.ctl, "eth0")
            self.uplink.ip("addr", "add", "10.0.0.1/24", "dev", "eth0")
            self.uplink.ip("addr", "add", "10.9.0.1/24", "dev", "eth1")
            self.ctl.configure()
            self.ctl.ip("route", "add", "default", "via", "10.9.0.1")
        lab.wire(self.sw, "p2", self.h1, "eth0")
        lab.wire(self.sw, "p3", self.h2, "eth0")
        self.h1.configure()
        self.h2.configure()

    def target(self, port=6653):
        return f"tcp:{self.controller_ip}:{port}"

    def make_switch(self, **kwargs):
        kwargs.setdefault("controllers", [self.target()])
        return switch.Switch(self.lab, self.sw, ["p1", "p2", "p3"], **kwargs)

    def serve_dhcp(self):
        return peers.dnsmasq(self.uplink, "10.0.0.100", "10.0.0.150", router=self.gateway)

    def address_local(self, lifeline, how):
        """Gives the local port its address: "static", or a DHCP client's name (serve_dhcp() first).
        Returns once it has one."""
        if how == "static":
            return lifeline.local_static(LOCAL_PREFIX, self.gateway)
        device = lifeline.local_up()
        peers.DHCP_CLIENTS[how](self.sw, device)
        return self.lab.until(lambda: self.sw.address(device),
                              f"{how} gets an address through the switch", 20)


__all__ = ["Network", "LOCAL_ADDRESS", "LOCAL_PREFIX", "net"]
