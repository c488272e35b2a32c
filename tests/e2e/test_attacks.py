"""What a controller, or the network, may do without cutting the switch off. "The session stays" means: the same
TCP connection, and an echo request of the controller is answered on it."""

import random

from lab import case, openflow, peers

NEW_MAC = "02:aa:bb:cc:dd:01"


class Attack(case.LabTest):
    def bring_up(self, setup, version=openflow.V13, how="static", **kwargs):
        self.net = self.network(setup)
        self.controller = openflow.Controller(self.net.ctl, version=version).start()
        if how != "static":
            self.net.serve_dhcp()
        self.lifeline = self.watch(self.net.make_switch(**kwargs)).start()
        self.net.address_local(self.lifeline, how)
        self.session = self.controller.session()
        self.session.echo()
        return self.session

    def session_stays(self, timeout=5.0):
        self.session.echo(timeout)
        self.assertFalse(self.session.closed.is_set())
        self.assertEqual(len(self.controller.sessions), 1, "the switch opened another connection")
        remote = self.lifeline.remote()
        self.assertEqual(remote["state"], "connected")
        self.assertEqual(remote["connections"], 1)


class ControllerAttacks(Attack):
    def drop_and_delete(self, setup, version):
        session = self.bring_up(setup, version)
        session.drop_everything()
        self.session_stays()
        # Neighbours are forgotten on both sides: ARP has to pass below a rule that drops everything.
        for space, device in ((self.net.sw, "br0"), (self.net.uplink, "eth0")):
            space.ip("neigh", "flush", "dev", device)
        self.session_stays()
        self.assertFalse(self.net.h1.ping("10.7.0.2"))
        session.delete_flows()
        self.session_stays()
        self.assertEqual(self.lifeline.hidden_letters(), "abcdefghi")

    def test_drop_all_and_delete_all_on_the_local_subnet_1_0(self):
        self.drop_and_delete(1, openflow.V10)

    def test_drop_all_and_delete_all_on_the_local_subnet_1_3(self):
        self.drop_and_delete(1, openflow.V13)

    def test_drop_all_and_delete_all_behind_a_gateway_1_0(self):
        self.drop_and_delete(2, openflow.V10)

    def test_drop_all_and_delete_all_behind_a_gateway_1_3(self):
        self.drop_and_delete(2, openflow.V13)

    def port_flags(self, version):
        session = self.bring_up(1, version)
        ports = session.ports()
        self.assertIn(openflow.LOCAL[version], ports)
        self.assertEqual(len(ports), 4)
        for number in ports:
            for flag in openflow.PORT_FLAGS[version]:
                # Shown when the test fails.
                print(f"port {number} {openflow.FLAG_NAMES[flag]}")
                session.port_mod(number, flag, flag)
                self.assertTrue(session.ports()[number].config & flag)
                self.session_stays()
                session.port_mod(number, 0, flag)
        everything = 0
        for flag in openflow.PORT_FLAGS[version]:
            everything |= flag
        for number in ports:
            session.port_mod(number, everything, everything)
        self.session_stays()
        # A filter in software: the devices stay up.
        self.assertIn("UP", self.net.sw.ip("-o", "link", "show", "dev", "br0").stdout.split("<")[1])

    def test_every_port_flag_on_every_port_1_0(self):
        self.port_flags(openflow.V10)

    def test_every_port_flag_on_every_port_1_3(self):
        self.port_flags(openflow.V13)

    def test_a_drop_all_of_ovs_ofctl(self):
        self.bring_up(1)
        self.lifeline.ofctl("add-flow", "priority=65535,actions=drop")
        self.session_stays()
        self.lifeline.ofctl("del-flows")
        self.session_stays()
        for flag in ("no-receive", "no-forward", "down"):
            for port in ("br0", "p1"):
                self.lifeline.ofctl("mod-port", port, flag)
                self.session_stays()

    def test_a_fresh_dhcp_lease_below_a_drop_all(self):
        self.require("udhcpc", "dnsmasq")
        session = self.bring_up(1, how="udhcpc")
        session.drop_everything()
        client = [p for p in self.lab.processes if p.name == "udhcpc"][-1]
        client.stop()
        again = peers.udhcpc(self.net.sw, "br0")
        again.wait_log("lease of .* obtained", 15)
        self.session_stays()


class NetworkChanges(Attack):
    def next_hop_moves(self, setup, announce, timeout):
        session = self.bring_up(setup)
        session.drop_everything()
        self.net.uplink.set_mac(NEW_MAC, "eth0", announce)
        self.session_stays(timeout)
        self.lab.until(lambda: self.lifeline.remote()["next_hop"]["mac"] == NEW_MAC,
                       "the status shows the next hop's new MAC", 15)
        rules = [r for r in self.lifeline.hidden_rules() if r["letter"] in "de"]
        self.assertEqual(len(rules), 2)
        for rule in rules:
            self.assertIn(NEW_MAC, rule["match"])

    def test_the_controllers_mac_changes_announced(self):
        self.next_hop_moves(1, True, 10)

    def test_the_gateways_mac_changes_announced(self):
        self.next_hop_moves(2, True, 10)

    def test_the_gateways_mac_changes_silently(self):
        self.next_hop_moves(2, False, 30)

    def test_a_narrow_link_behind_the_gateway_is_learned_below_a_drop_all(self):
        """Path MTU discovery: the router's "fragmentation needed" reaches the host's stack."""
        session = self.bring_up(2)
        session.drop_everything()
        self.net.uplink.ip("link", "set", "dev", "eth1", "mtu", "1400")
        # What the controller sends must fit, but it goes on to invite segments of 1460 bytes.
        self.net.ctl.ip("route", "replace", "default", "via", "10.9.0.1", "mtu", "lock", "1400",
                        "advmss", "1460")
        payload = b"m" * 8000
        self.assertEqual(session.request(openflow.ECHO_REQUEST, payload), payload)
        self.session_stays()
        self.assertIn("mtu 1400", self.net.sw.ip("route", "get", "10.9.0.2").stdout)

    def test_strict_keeps_the_session_below_a_drop_all_and_over_a_link_failure(self):
        session = self.bring_up(2, config={"in_band": {"strict": True}})
        session.drop_everything()
        self.session_stays()
        rule, = [r for r in self.lifeline.hidden_rules() if r["letter"] == "h"]
        self.assertIn(self.net.uplink.mac(), rule["match"])
        # The FDB forgets the gateway with the link: it is asked for, not flooded to.
        self.net.uplink.ip("link", "set", "dev", "eth0", "down")
        self.lab.until(lambda: "LOWER_UP" not in
                       self.net.sw.ip("-o", "link", "show", "dev", "p1").stdout, "p1 is down")
        self.net.uplink.ip("link", "set", "dev", "eth0", "up")
        self.session_stays(15)

    def test_the_uplink_goes_down_and_up(self):
        self.bring_up(1)
        self.net.uplink.ip("link", "set", "dev", "eth0", "down")
        self.lab.until(lambda: "LOWER_UP" not in
                       self.net.sw.ip("-o", "link", "show", "dev", "p1").stdout, "p1 is down")
        self.net.uplink.ip("link", "set", "dev", "eth0", "up")
        self.session_stays(15)

    def test_a_data_port_is_deleted_while_it_forwards(self):
        self.bring_up(1, allow=("p3", "net_af_packet2"))
        self.lifeline.ofctl("add-flow", "actions=NORMAL")
        self.lab.until(lambda: self.net.h1.ping("10.7.0.2"), "the hosts reach each other")
        self.net.sw.ip("link", "del", "p3")
        self.assertFalse(self.net.h1.ping("10.7.0.2"))
        self.session_stays()
        self.lifeline.ofctl("dump-ports")


class Garbage(Attack):
    def test_garbage_on_the_openflow_listener_ends_that_connection_only(self):
        import socket
        self.bring_up(1, allow=(r"WARN control: ", r"WARN openflow: ", r"WARN ofagent: "))
        seed = random.randrange(1 << 32)
        print(f"seed {seed}")
        rng = random.Random(seed)
        path = self.lifeline.mgmt.removeprefix("unix:")
        hello = b"\x04\x00\x00\x08\x00\x00\x00\x01"
        cases = [b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 64, b"\x04\x00\x00\x00\x00\x00\x00\x00",
                 b"\x04\x00\x00\x07\x00\x00\x00\x00", hello + b"\x04\x0e\x00\x09\x00\x00\x00\x02\x00",
                 hello + b"\x09\x0e\x00\x08\x00\x00\x00\x02", hello + b"\x04\x12\xff\xff" + b"\x00" * 70000]
        cases += [rng.randbytes(rng.randrange(1, 3000)) for _ in range(40)]
        cases += [hello + bytes([4, rng.randrange(30)]) + (8 + n).to_bytes(2, "big") + rng.randbytes(4 + n)
                  for n in (rng.randrange(200) for _ in range(60))]
        for data in cases:
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(path)
                client.settimeout(2)
                try:
                    client.sendall(data)
                    client.shutdown(socket.SHUT_WR)
                    while client.recv(65536):
                        pass
                except (BrokenPipeError, ConnectionResetError):
                    pass
        self.session_stays()
        self.assertIn("dpid", self.lifeline.ofctl("show").stdout)
