"""The switch reaches its controller through its own ports: set-ups 1 and 2 (see lab/topology.py), the local
address static or by DHCP through the switch, fail_mode secure and no flow in the table."""

import signal

from lab import case, openflow, peers, process


class BringUp(case.LabTest):
    def bring_up(self, setup, how, version=openflow.V13):
        network = self.network(setup)
        controller = openflow.Controller(network.ctl, version=version).start()
        if how != "static":
            network.serve_dhcp()
        lifeline = self.watch(network.make_switch()).start()
        address = network.address_local(lifeline, how)
        session = controller.session()
        self.assertEqual(session.version, version)
        self.assertTrue(session.peer.startswith(address + ":"), session.peer)
        session.echo()
        return network, lifeline, controller, session

    def check_rules(self, network, lifeline):
        """All nine kinds stand, and the next hop is the one the kernel knows."""
        self.lab.until(lambda: lifeline.hidden_letters() == "abcdefghi", "rules (a) to (i) stand")
        hop = lifeline.remote()["next_hop"]
        self.assertEqual(hop["ip"], network.gateway or network.controller_ip)
        self.assertEqual(hop["mac"], network.uplink.mac("eth0"))
        self.assertEqual(hop["device"], "br0")

    def test_static_address_controller_on_the_local_subnet(self):
        network, lifeline, _, _ = self.bring_up(1, "static")
        self.check_rules(network, lifeline)

    def test_static_address_controller_behind_a_gateway(self):
        network, lifeline, _, _ = self.bring_up(2, "static")
        self.check_rules(network, lifeline)

    def test_udhcpc_controller_on_the_local_subnet(self):
        self.require("udhcpc", "dnsmasq")
        network, lifeline, _, _ = self.bring_up(1, "udhcpc")
        self.check_rules(network, lifeline)

    def test_udhcpc_controller_behind_a_gateway(self):
        self.require("udhcpc", "dnsmasq")
        network, lifeline, _, _ = self.bring_up(2, "udhcpc", openflow.V10)
        self.check_rules(network, lifeline)

    def test_dhclient_controller_on_the_local_subnet(self):
        self.require("dhclient", "dnsmasq")
        self.bring_up(1, "dhclient", openflow.V10)

    def test_dhclient_controller_behind_a_gateway(self):
        self.require("dhclient", "dnsmasq")
        self.bring_up(2, "dhclient")

    def test_hosts_get_nothing_through_an_empty_table(self):
        """The hidden rules are as narrow as the control connection: other traffic, DHCP and ARP of others
        included, stays under the controller's policy."""
        network, lifeline, _, session = self.bring_up(1, "static")
        self.assertFalse(network.h1.ping("10.7.0.2"))
        network.h1.ip("addr", "add", "10.0.0.50/24", "dev", "eth0")
        self.assertFalse(network.h1.ping(network.controller_ip))
        session.echo()

    def test_hidden_rules_are_the_operators_to_see_and_nobody_elses(self):
        _, lifeline, _, session = self.bring_up(1, "static")
        session.echo()
        for version in ("OpenFlow10", "OpenFlow13"):
            dump = lifeline.ofctl("dump-flows", version=version).stdout
            self.assertNotIn("priority", dump)
            aggregate = lifeline.ofctl("dump-aggregate", version=version).stdout
            self.assertIn("flow_count=0", aggregate)
            tables = lifeline.ofctl("dump-tables", version=version).stdout
            self.assertIn("matched=0", tables)
            self.assertNotRegex(tables, r"(active|matched)=[1-9]")
        # Nor do they hear of one that comes or goes.
        monitors = [self.lab.start(f"watch-{v}", ["ovs-ofctl", "-O", v, "monitor", lifeline.mgmt, "65534", "watch:"])
                    for v in ("OpenFlow10", "OpenFlow13")]
        for monitor in monitors:
            self.lab.until(lambda monitor=monitor: "MONITOR" in monitor.log(), "it watches")
        lifeline.ctl("remote", "add", "10.9.9.9")
        lifeline.ctl("in-band", "off")
        self.lab.until(lambda: not lifeline.hidden_rules(), "none stands")
        lifeline.ctl("in-band", "on")
        lifeline.ctl("remote", "del", "10.9.9.9")
        self.lab.until(lambda: lifeline.hidden_letters() == "abcdefghi", "all stand again")
        lifeline.ofctl("add-flow", "send_flow_rem,cookie=0x77,in_port=3,actions=drop")
        lifeline.ofctl("del-flows", "in_port=3")
        for monitor in monitors:
            self.lab.until(lambda monitor=monitor: "cookie:0x77" in monitor.log(), "a removal is told", 10)
            told = [line for line in monitor.log().splitlines() if "event=" in line or "FLOW_REMOVED" in line]
            self.assertEqual([line for line in told if "0x77" not in line], [], monitor.log())
        self.assertNotIn("181818", lifeline.ctl("flows").stdout)
        shown = lifeline.ctl("flows", "--hidden").stdout
        for priority in range(18181801, 18181810):
            self.assertIn(str(priority), shown)
        rules = {rule["letter"]: rule for rule in lifeline.hidden_rules()}
        for letter in "hi":
            self.assertGreater(rules[letter]["packets"], 0, rules[letter])
            self.assertGreater(rules[letter]["bytes"], rules[letter]["packets"] * 54 - 1)

    def test_the_controller_may_come_up_long_after_the_switch(self):
        network = self.network(1)
        lifeline = self.watch(network.make_switch()).start()
        network.address_local(lifeline, "static")
        self.lab.until(lambda: "h" in lifeline.hidden_letters(), "rules of the remote stand")
        controller = openflow.Controller(network.ctl).start()
        session = controller.session()
        self.assertLess(session.ready_at - controller.listening_at, 2.0)

    def test_what_changed_while_the_kernel_lost_its_notifications_is_asked_for(self):
        network, lifeline, _, session = self.bring_up(1, "static")
        self.check_rules(network, lifeline)
        lifeline.process.send_signal(signal.SIGSTOP)
        # Far more than the socket's buffer holds; what comes after them is lost.
        changes = [f"neigh replace 10.0.0.200 lladdr 02:00:00:00:{n >> 8:02x}:{n & 255:02x} dev br0 nud permanent\n"
                   for n in range(20_000)]
        other = "02:aa:bb:cc:dd:ee"
        changes.append(f"neigh replace 10.0.0.1 lladdr {other} dev br0 nud permanent\n")
        process.run(["ip", "-n", network.sw.name, "-batch", "-"], input_text="".join(changes))
        lifeline.process.send_signal(signal.SIGCONT)
        # The poll of a next hop whose MAC is known comes after 10 s.
        self.lab.until(lambda: lifeline.remote()["next_hop"]["mac"] == other, "the new MAC is known", 3)
        stats = {d["name"]: d["count"] for d in lifeline.ctl_json("stats")["drops"]}
        self.assertGreater(stats["kernel_events_lost"], 0)
        network.sw.ip("neigh", "replace", "10.0.0.1", "lladdr", network.uplink.mac("eth0"), "dev", "br0", "nud",
                      "reachable")
        session.echo()
        self.check_rules(network, lifeline)

    def meet_ovs_testcontroller(self, version):
        network = self.network(2)
        peers.testcontroller(network.ctl, version)
        lifeline = self.watch(network.make_switch()).start()
        network.address_local(lifeline, "static")
        self.lab.until(lifeline.connected, "the session comes up", 15)
        self.assertEqual(len(network.ctl.established(6653)), 1)

    def test_ovs_testcontroller_speaks_1_0(self):
        self.meet_ovs_testcontroller("OpenFlow10")

    def test_ovs_testcontroller_speaks_1_3(self):
        self.meet_ovs_testcontroller("OpenFlow13")
