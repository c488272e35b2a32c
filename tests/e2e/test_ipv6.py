"""Set-ups 1 to 4 over IPv6 (see lab/topology6.py), fail_mode secure and no flow in the table: the local address
static, by DHCPv6, or by a router advertisement through the switch."""

from lab import case, openflow, topology6

ALL = "abclmnnopqrstuvw"
NEW_MAC = "02:aa:bb:cc:dd:01"


class Ipv6(case.LabTest):
    def prepare(self, setup, **in_band):
        self.net = topology6.Network6(self.lab, setup)
        self.controller = openflow.Controller(self.net.ctl, family=openflow.IPV6).start()
        config = {"in_band": in_band} if in_band else None
        self.lifeline = self.watch(self.net.make_switch(config=config)).start()

    def session_up(self, address):
        session = self.controller.session()
        self.assertTrue(session.peer.startswith(address + ":"), session.peer)
        session.echo()
        self.lab.until(lambda: self.lifeline.hidden_letters() == ALL, "all rules stand")
        self.assertEqual(self.lifeline.remote()["next_hop"]["mac"], self.net.uplink.mac())
        return session

    def session_stays(self, session, timeout=5.0):
        session.echo(timeout)
        self.assertFalse(session.closed.is_set())
        self.assertEqual(len(self.controller.sessions), 1, "the switch opened another connection")

    def attack(self, session):
        session.drop_everything()
        self.session_stays(session)
        # Neighbours are forgotten on both sides: their discovery has to pass below a drop-all.
        for space, device in ((self.net.sw, "br0"), (self.net.uplink, "eth0")):
            space.ip("-6", "neigh", "flush", "dev", device)
        self.session_stays(session)
        self.assertFalse(self.net.h1.ping("10.7.0.2"))
        session.delete_flows()
        self.session_stays(session)
        self.assertEqual(self.lifeline.hidden_letters(), ALL)

    def test_static_address_controller_on_the_local_subnet(self):
        self.prepare(1)
        self.attack(self.session_up(self.net.address_local(self.lifeline)))

    def test_static_address_controller_behind_a_gateway_whose_mac_changes(self):
        self.prepare(2)
        session = self.session_up(self.net.address_local(self.lifeline))
        self.attack(session)
        session.drop_everything()
        self.net.uplink.sysctl("net.ipv6.conf.eth0.ndisc_notify=1")
        self.net.uplink.set_mac(NEW_MAC)
        self.session_stays(session, 10)
        self.lab.until(lambda: self.lifeline.remote()["next_hop"]["mac"] == NEW_MAC,
                       "the status shows the next hop's new MAC", 15)

    def test_a_link_local_controller_needs_no_address_but_that_of_every_link(self):
        self.net = topology6.Network6(self.lab, 1)
        self.controller = openflow.Controller(self.net.ctl, family=openflow.IPV6).start()
        target = topology6.address(self.net.ctl, "eth0", "link")
        self.lifeline = self.watch(self.net.make_switch(controllers=[f"tcp:[{target}%br0]:6653"])).start()
        device = self.net.local_up(self.lifeline)
        local = self.lab.until(lambda: topology6.address(self.net.sw, device, "link"), "its own link-local address")
        session = self.session_up(local)
        self.assertEqual(self.lifeline.remote()["next_hop"]["ip"], target)
        self.attack(session)
        # The zone is the local port by whatever name it has.
        self.net.sw.ip("link", "set", "dev", device, "down")
        self.net.sw.ip("link", "set", "dev", device, "name", "renamed0")
        self.net.sw.ip("link", "set", "dev", "renamed0", "up")
        again = self.controller.session(after=1) if session.closed.is_set() else session
        again.echo(10)

    def test_router_advertisement_and_a_link_local_next_hop(self):
        self.require("radvd")
        self.prepare(2)
        topology6.radvd(self.net.uplink)
        device = self.net.local_up(self.lifeline)
        address = self.lab.until(lambda: topology6.address(self.net.sw, device),
                                 "a router advertisement gives the local port its address", 20)
        session = self.session_up(address)
        self.assertTrue(self.lifeline.remote()["next_hop"]["ip"].startswith("fe80::"))
        self.attack(session)

    def test_dhcpv6_controller_on_the_local_subnet(self):
        self.require("dhclient", "dnsmasq")
        self.prepare(1)
        topology6.dnsmasq(self.net.uplink)
        device = self.net.local_up(self.lifeline)
        self.lab.until(lambda: topology6.address(self.net.sw, device, "link"),
                       "the local port has its link-local address")
        topology6.dhclient(self.net.sw, device)
        address = self.lab.until(lambda: topology6.address(self.net.sw, device),
                                 "DHCPv6 gives the local port its address", 20)
        self.attack(self.session_up(address))

    def up(self, address):
        """The first switch is there; it drops everything that it may."""
        session = self.controller.session()
        self.assertTrue(session.peer.startswith(address + ":"), session.peer)
        session.drop_everything()
        session.echo()
        return session

    def behind_is_up(self, address, first):
        """So is the one behind it. Both have to resolve their way anew, below their drop-alls."""
        session = self.controller.session(after=1)
        self.assertTrue(session.peer.startswith(address + ":"), session.peer)
        session.drop_everything()
        for space, device in ((self.net.sw, "br0"), (self.net.sw2, "br0"), (self.net.uplink, "eth0")):
            space.ip("-6", "neigh", "flush", "dev", device)
        for each in (first, session):
            each.echo(10)
            self.assertFalse(each.closed.is_set())
        self.assertEqual(len(self.controller.sessions), 2, "a switch opened another connection")

    def test_3_a_switch_behind_gets_its_address_by_dhcpv6_through_a_drop_all(self):
        self.require("dhclient", "dnsmasq")
        self.prepare(3, relay_arp=True, relay_dhcp=["52:54:00"])
        topology6.dnsmasq(self.net.uplink)
        first = self.up(self.net.address_local(self.lifeline))
        behind = self.watch(self.net.make_switch_behind()).start()
        device = self.net.local_up(behind)
        self.lab.until(lambda: topology6.address(self.net.sw2, device, "link"), "its link-local address")
        topology6.dhclient(self.net.sw2, device)
        address = self.lab.until(lambda: topology6.address(self.net.sw2, device),
                                 "DHCPv6 gives the switch behind its address", 20)
        self.behind_is_up(address, first)

    def test_4_a_switch_behind_hears_the_router_through_a_drop_all(self):
        self.require("radvd")
        self.prepare(4, relay_arp=True)
        topology6.radvd(self.net.uplink)
        device = self.net.local_up(self.lifeline)
        first = self.up(self.lab.until(lambda: topology6.address(self.net.sw, device),
                                       "a router advertisement gives the local port its address", 20))
        behind = self.watch(self.net.make_switch_behind()).start()
        device = self.net.local_up(behind)
        address = self.lab.until(lambda: topology6.address(self.net.sw2, device),
                                 "the switch behind hears the router", 20)
        self.behind_is_up(address, first)

    def test_a_router_behind_an_untrusted_port_is_not_heard(self):
        self.require("radvd")
        self.prepare(2, trusted_ports=["p1"])
        topology6.enable(self.net.h1, "eth0")
        self.net.h1.sysctl("net.ipv6.conf.all.forwarding=1")
        topology6.radvd(self.net.h1, prefix="2001:db8:bad::/64")
        device = self.net.local_up(self.lifeline)
        self.lab.until(lambda: self.drops("router_untrusted") >= 2, "the rogue has advertised itself", 20)
        self.assertIsNone(topology6.address(self.net.sw, device))
        topology6.radvd(self.net.uplink)
        address = self.lab.until(lambda: topology6.address(self.net.sw, device),
                                 "the router is heard", 20)
        self.assertTrue(address.startswith("2001:db8::"), address)
        self.up(address)
        routes = self.net.sw.ip("-6", "route", "show", "default").stdout
        self.assertEqual(routes.count("via fe80::"), 1, routes)

    def drops(self, name):
        return {d["name"]: d["count"] for d in self.lifeline.ctl_json("stats")["drops"]}[name]
