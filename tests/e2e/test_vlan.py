"""A management VLAN: the uplink is a trunk, the controller behind a VLAN device, br0 untagged (local.vlan). The uplink
is the test NIC (tests/nic), so that control traffic is steered as it comes there."""

from lab import case, nic, openflow, topology6, vlan


class ManagementVlan(case.LabTest):
    def setUp(self):
        super().setUp()
        self.net = self.network(1)
        # "eth0" is then the controller's device in VLAN 100, as everything else expects it.
        ctl = self.net.ctl
        ctl.ip("addr", "flush", "dev", "eth0")
        ctl.ip("link", "set", "dev", "eth0", "down")
        ctl.ip("link", "set", "dev", "eth0", "name", "trunk0")
        ctl.ip("link", "set", "dev", "trunk0", "up")
        vlan.add(ctl, "trunk0", "eth0", 100, "10.0.0.1/24")
        vlan.add(ctl, "trunk0", "tenant", 200, "10.7.0.9/24")
        ctl.sysctl("net.ipv4.conf.all.arp_ignore=1")  # an address is its own VLAN's

    def ports(self, third):
        return [{"name": "p1", "device": "net_testnic0", "number": 1, "trunk": [100, 200]},
                {"name": "p2", "device": "net_af_packet0", "number": 2, "access": 200},
                {"name": "p3", "device": "net_af_packet1", "number": 3, "access": third}]

    def echoes_come_by_the_control_queue(self, lifeline, session):
        def uplink():
            return next(p for p in lifeline.ctl_json("offload")["ports"] if p["name"] == "p1")

        def steered():
            before = uplink()["known"]
            session.echo()
            return uplink()["known"] > before
        self.lab.until(steered, "the NIC has its rules")
        self.assertIn("exact", [r["rung"] for r in uplink()["rules"] if r["intent"].startswith("(i)")])
        before = uplink()["known"]
        for _ in range(20):
            session.echo()
        self.assertGreaterEqual(uplink()["known"], before + 20)

    def test_the_session_lives_in_it_below_any_flows_and_hosts_stay_outside(self):
        self.require("udhcpc", "dnsmasq")
        controller = openflow.Controller(self.net.ctl).start()
        self.net.serve_dhcp()
        self.net.ports = ["p2", "p3"]
        lifeline = self.watch(self.net.make_switch(
            eal=["-d", nic.module(), "--vdev=net_testnic0,iface=p1,profile=mlx5"],
            config={"local": {"vlan": 100}, "ports": self.ports(200)})).start()
        self.net.address_local(lifeline, "udhcpc")
        session = controller.session()
        session.echo()
        self.lab.until(lambda: lifeline.hidden_letters() == "abcdefghi", "rules (a) to (i) stand")
        for rule in lifeline.hidden_rules():
            self.assertIn("dl_vlan=100", rule["match"])
        self.echoes_come_by_the_control_queue(lifeline, session)

        h1, h2 = self.net.h1, self.net.h2
        self.assertFalse(h1.ping("10.7.0.9"), "the table is empty")
        lifeline.ofctl("add-flow", "priority=65535,actions=drop")
        session.echo()
        lifeline.ofctl("del-flows")
        session.echo()

        # NORMAL keeps the VLANs apart and tags as each port wants it.
        lifeline.ofctl("add-flow", "actions=NORMAL")
        self.lab.until(lambda: h1.ping("10.7.0.2"), "access to access")
        self.lab.until(lambda: h1.ping("10.7.0.9"), "access to trunk")
        h2.ip("addr", "add", "10.0.0.50/24", "dev", "eth0")
        self.assertFalse(h2.ping("10.0.0.1"), "a host's VLAN is another")
        self.assertFalse(h2.ping(self.net.sw.address("br0")))
        session.echo()

        # The port changes its VLAN while the switch runs.
        lifeline.config["ports"] = self.ports(100)
        lifeline.write_config()
        self.assertEqual(lifeline.ctl_json("reload"), {"changed": ["ports[p3].access"], "restart": []})
        self.lab.until(lambda: h2.ping("10.0.0.1"), "in the management VLAN now")
        self.assertTrue(h2.ping(self.net.sw.address("br0")))
        self.assertFalse(h1.ping("10.7.0.2"))
        session.echo()
        self.assertEqual(len(controller.sessions), 1)

        # So does the switch itself: its next hop is found there too.
        self.net.ctl.ip("addr", "del", "10.0.0.1/24", "dev", "eth0")
        vlan.add(self.net.ctl, "trunk0", "eth300", 300, "10.0.0.1/24")
        lifeline.config["local"]["vlan"] = 300
        lifeline.config["ports"][0]["trunk"] = [200, 300]
        lifeline.write_config()
        self.assertEqual(lifeline.ctl_json("reload")["restart"], [])
        self.lab.until(lambda: self.reached(controller), "the controller is reached in the new VLAN", 20)

        # And its uplink becomes an access port: the NIC steers untagged frames then.
        self.net.ctl.ip("addr", "del", "10.0.0.1/24", "dev", "eth300")
        self.net.ctl.ip("addr", "add", "10.0.0.1/24", "dev", "trunk0")
        lifeline.config["ports"][0] = {"name": "p1", "device": "net_testnic0", "number": 1, "access": 300}
        lifeline.write_config()
        self.assertEqual(lifeline.ctl_json("reload")["changed"], ["ports[p1].access", "ports[p1].trunk"])
        session = self.lab.until(lambda: self.reached(controller), "the controller is reached, untagged", 20)
        self.echoes_come_by_the_control_queue(lifeline, session)

        # With a native VLAN it is a trunk again; native-tagged, the controller hears its tag.
        lifeline.config["ports"][0] = {"name": "p1", "device": "net_testnic0", "number": 1, "trunk": ["200-210"],
                                       "native": 300, "native_tagged": True}
        self.net.ctl.ip("addr", "del", "10.0.0.1/24", "dev", "trunk0")
        self.net.ctl.ip("addr", "add", "10.0.0.1/24", "dev", "eth300")
        lifeline.write_config()
        self.assertEqual(lifeline.ctl_json("reload")["restart"], [])
        self.lab.until(lambda: self.reached(controller), "the controller is reached, tagged", 20)

    def reached(self, controller):
        """A session that answers."""
        for session in controller.sessions:
            try:
                session.echo(1.0)
                return session
            except AssertionError:
                continue
        return None


class ManagementVlanOverIpv6(case.LabTest):
    """ctl 2001:db8::1 in VLAN 100 ---p1--- sw (br0) ---p5--- sw2 (br0): both wires are trunks."""

    @staticmethod
    def trunk(name, number=1):
        return {"name": name, "device": f"net_af_packet{number - 1}", "number": number, "trunk": [100, 200]}

    def test_it_holds_a_switch_and_one_behind_it_below_drop_alls(self):
        net = topology6.Network6(self.lab, 3)
        ctl = net.ctl
        ctl.ip("link", "set", "dev", "eth0", "down")
        ctl.ip("link", "set", "dev", "eth0", "name", "trunk0")
        ctl.sysctl("net.ipv6.conf.trunk0.disable_ipv6=1")
        ctl.ip("link", "set", "dev", "trunk0", "up")
        vlan.add(ctl, "trunk0", "eth0", 100)
        topology6.enable(ctl, "eth0")
        ctl.ip("-6", "addr", "add", "2001:db8::1/64", "dev", "eth0", "nodad")
        controller = openflow.Controller(ctl, family=openflow.IPV6).start()
        net.ports = ["p1", "p2", "p5"]
        first = self.watch(net.make_switch(config={
            "local": {"vlan": 100}, "in_band": {"relay_arp": True}, "inactivity_probe_s": 2,
            "ports": [self.trunk("p1"), {"name": "p2", "device": "net_af_packet1", "number": 2, "access": 200},
                      self.trunk("p5", 3)]})).start()
        net.address_local(first)
        near = controller.session()
        near.drop_everything()
        second = self.watch(net.make_switch_behind())
        second.config["local"]["vlan"] = 100
        second.config["ports"] = [self.trunk("p1")]
        second.start()
        device = net.local_up(second)
        net.sw2.ip("-6", "addr", "add", "2001:db8::3/64", "dev", device, "nodad")
        far = controller.session(after=1)
        self.assertTrue(far.peer.startswith("2001:db8::3:"), far.peer)
        far.drop_everything()
        for lifeline in (first, second):
            for rule in lifeline.hidden_rules():
                self.assertIn("dl_vlan=100", rule["match"])
        # Both resolve their way anew, each in the VLAN alone.
        for space, device in ((net.sw, "br0"), (net.sw2, "br0"), (ctl, "eth0")):
            space.ip("-6", "neigh", "flush", "dev", device)
        for session in (near, far):
            session.echo(10)
            self.assertFalse(session.closed.is_set())
        ctl.set_mac("02:aa:bb:cc:dd:01", "eth0")
        for session in (near, far):
            session.echo(15)
        self.assertEqual(len(controller.sessions), 2, "a switch connected again")
