"""The set-ups. Numbers as in the in-band specification.

    1  controller on the local port's subnet   2  controller behind a gateway

    ctl 10.0.0.1 ---p1--+                      ctl 10.9.0.2 --- gw 10.0.0.1 ---p1--+
    h1  10.7.0.1 ---p2--+ sw (br0)             h1  10.7.0.1 --------------------p2--+ sw (br0)
    h2  10.7.0.2 ---p3--+                      h2  10.7.0.2 --------------------p3--+

    3  between another switch and the controller (behind sw2 hangs sw3)
    4  between another switch and the gateway

    ctl 10.0.0.1 ---p1--+                      ctl 10.9.0.2 --- gw 10.0.0.1 ---p1--+
    h1, h2 -----p2, p3--+ sw (br0)             h1, h2 ---------------------p2, p3--+ sw (br0)
    sw2 (br0) ------p5--+                      sw2 (br0) -----------------------p5--+
     +-- sw3 (br0)

    5  controller on a guest of this host,     6  the same, on a guest network that br0 has no address on;
       reached through the local port             gw routes between the two networks, on one wire

    guest ctl 10.0.0.1 ---p1--+                guest ctl 10.5.0.2 ------p1--+
    h1, h2 -----------p2, p3--+ sw (br0)       h1, h2 ------------p2, p3--+ sw (br0)
    sw2 (br0) ------------p5--+                gw 10.0.0.1, 10.5.0.1 -p5--+

Every box is a network namespace; p1..p6 are veths in "sw" that lifeline opens with DPDK's af_packet driver. br0
is the local port: 10.0.0.2, static or by DHCP (server on the box that answers for the way to the controller). p4,
where wanted, ends at "eth9" of the box behind p1, with the link down: another place to be.
"""

from . import net, peers, switch

LOCAL_PREFIX = "10.0.0.2/24"
LOCAL_ADDRESS = "10.0.0.2"
SECOND_PREFIX = "10.0.0.3/24"
THIRD_PREFIX = "10.0.0.4/24"


class Network:
    """A wired set-up without any process in it. `spare`: with p4."""

    def __init__(self, lab, setup=1, spare=False):
        self.lab = lab
        self.setup = setup
        self.sw = self._switch_space("sw")
        self.h1 = lab.host("h1", "10.7.0.1/24")
        self.h2 = lab.host("h2", "10.7.0.2/24")
        self.ports = ["p1", "p2", "p3"]
        if setup in (1, 3, 5):
            self._on_the_local_subnet()
        elif setup in (2, 4):
            self._behind_a_gateway()
        else:
            self._on_another_network()
        lab.wire(self.sw, "p2", self.h1, "eth0")
        lab.wire(self.sw, "p3", self.h2, "eth0")
        self.h1.configure()
        self.h2.configure()
        if spare:
            behind = self.uplink if setup in (1, 2, 3, 4) else self.ctl
            lab.wire(self.sw, "p4", behind, "eth9")
            behind.ip("link", "set", "dev", "eth9", "down")
            self.ports.append("p4")
        if setup in (3, 4, 5):
            self.sw2 = self._switch_space("sw2")
            lab.wire(self.sw, "p5", self.sw2, "p1")
            self.ports.append("p5")
        if setup == 3:
            self.sw3 = self._switch_space("sw3")
            lab.wire(self.sw2, "p2", self.sw3, "p1")
        if setup == 6:
            self.ports.append("p5")

    def _switch_space(self, name):
        """The ports are also devices of the namespace's own kernel, which would answer ARP for br0's address on
        them, with their MACs, and take the controller's frames past the switch."""
        space = self.lab.namespace(name)
        space.sysctl("net.ipv4.conf.all.arp_ignore=1")
        return space

    def _on_the_local_subnet(self):
        self.ctl = self.lab.host("ctl", "10.0.0.1/24")
        self.uplink = self.ctl  # the box that answers ARP for the way to the controller
        self.uplink_port = "p1"
        self.controller_ip = "10.0.0.1"
        self.gateway = None
        self.lab.wire(self.sw, "p1", self.ctl, "eth0")
        self.ctl.configure()

    def _behind_a_gateway(self):
        self.ctl = self.lab.host("ctl", "10.9.0.2/24")
        self.uplink = peers.router(self.lab)
        self.uplink_port = "p1"
        self.controller_ip = "10.9.0.2"
        self.gateway = "10.0.0.1"
        self.lab.wire(self.sw, "p1", self.uplink, "eth0")
        self.lab.wire(self.uplink, "eth1", self.ctl, "eth0")
        self.uplink.ip("addr", "add", "10.0.0.1/24", "dev", "eth0")
        self.uplink.ip("addr", "add", "10.9.0.1/24", "dev", "eth1")
        self.ctl.configure()
        self.ctl.ip("route", "add", "default", "via", "10.9.0.1")

    def _on_another_network(self):
        self.ctl = self.lab.host("ctl", "10.5.0.2/24")
        self.uplink = peers.router(self.lab)
        self.uplink_port = "p5"
        self.controller_ip = "10.5.0.2"
        self.gateway = "10.0.0.1"
        self.lab.wire(self.sw, "p1", self.ctl, "eth0")
        self.lab.wire(self.sw, "p5", self.uplink, "eth0")
        # Both networks on one wire: it must not tell hosts of one to go straight to the other.
        self.uplink.sysctl("net.ipv4.conf.all.send_redirects=0", "net.ipv4.conf.eth0.send_redirects=0")
        self.uplink.ip("addr", "add", "10.0.0.1/24", "dev", "eth0")
        self.uplink.ip("addr", "add", "10.5.0.1/24", "dev", "eth0")
        self.ctl.configure()
        self.ctl.ip("route", "add", "default", "via", "10.5.0.1")

    def target(self, port=6653):
        return f"tcp:{self.controller_ip}:{port}"

    def make_switch(self, **kwargs):
        kwargs.setdefault("controllers", [self.target()])
        return switch.Switch(self.lab, self.sw, self.ports, **kwargs)

    def make_switch_behind(self, number, **kwargs):
        """sw2 or sw3 of set-ups 3 to 5: another lifeline, to the same controller."""
        space = self.sw2 if number == 2 else self.sw3
        ports = ["p1", "p2"] if self.setup == 3 and number == 2 else ["p1"]
        config = {"local": {"mac": f"02:00:00:00:00:0{number}"}, "in_band": {"relay_arp": number == 2},
                  "inactivity_probe_s": 1}
        return switch.Switch(self.lab, space, ports, [self.target()], config=config, name=str(number), **kwargs)

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

    # Changes --------------------------------------------------------------------------------------

    def add_gateway(self):
        """Set-up 2: a second router, 10.0.0.9, between p6 and the controller; before make_switch()."""
        second = peers.router(self.lab, "gw2")
        self.lab.wire(self.sw, "p6", second, "eth0")
        self.lab.wire(second, "eth1", self.ctl, "eth1")
        self.ports.append("p6")
        second.ip("addr", "add", "10.0.0.9/24", "dev", "eth0")
        second.ip("addr", "add", "10.8.0.1/24", "dev", "eth1")
        second.ip("route", "add", "10.9.0.0/24", "via", "10.8.0.2")
        self.ctl.sysctl("net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.eth0.rp_filter=0",
                        "net.ipv4.conf.eth1.rp_filter=0")
        self.ctl.ip("addr", "add", "10.8.0.2/24", "dev", "eth1")
        return second

    def move(self, space, addresses, gateway=None):
        """The box behind p1 is unplugged there and plugged in at p4, with its MAC and addresses."""
        mac = space.mac("eth0")
        space.ip("link", "set", "dev", "eth0", "down")
        space.ip("addr", "flush", "dev", "eth0")
        space.ip("link", "set", "dev", "eth9", "address", mac)
        space.ip("link", "set", "dev", "eth9", "up")
        for address in addresses:
            space.ip("addr", "add", address, "dev", "eth9")
        if gateway:
            space.ip("route", "replace", "default", "via", gateway)


__all__ = ["Network", "LOCAL_ADDRESS", "LOCAL_PREFIX", "SECOND_PREFIX", "THIRD_PREFIX", "net"]
