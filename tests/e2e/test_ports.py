"""Ports come and go while packets are forwarded: devices that vanish and come back, and the configuration."""

from lab import case, openflow, switch

ADD, DELETE, MODIFY = range(3)


class Ports(case.LabTest):
    def told(self, session, reason, number, known=0):
        """Waits until the controller was told once more than `known` times."""
        def count():
            return sum(1 for r, port in session.port_status if (r, port.number) == (reason, number))
        self.lab.until(lambda: count() > known, f"port status {('ADD', 'DELETE', 'MODIFY')[reason]} of port {number}")

    def reaches(self, source, target):
        self.lab.until(lambda: source.ping(target.ip_address), f"{source.name} reaches {target.name}")

    def listed(self):
        ports = self.lifeline.ctl_json("ports")
        return {p["name"]: p["number"] for p in ports["ports"]}, {p["name"] for p in ports["absent"]}

    def local_has_mtu(self, mtu):
        """The kernel's word, and the switch's."""
        def seen():
            text = self.lifeline.space.ip("-o", "link", "show", "dev", "br0").stdout
            return f" mtu {mtu} " in text and switch.port_counters(self.lifeline)["br0"]["mtu"] == mtu
        self.lab.until(seen, f"the local port's MTU is {mtu}")

    def reload_ports(self, ports):
        self.lifeline.config["ports"] = ports
        self.lifeline.write_config()
        return self.lifeline.ctl_json("reload")

    def test_devices_that_vanish_come_back_under_their_numbers_and_sessions_stay(self):
        net = self.network(1)
        late = self.lab.host("h3", "10.7.0.3/24")
        newer = openflow.Controller(net.ctl).start()
        older = openflow.Controller(net.ctl, port=6654, version=openflow.V10).start()
        self.lifeline = self.watch(net.make_switch(controllers=[net.target(), net.target(6654)]))
        ports = self.lifeline.config["ports"]
        ports.append({"name": "p4", "device": "net_af_packet9,iface=p4", "optional": True, "mtu": 1400})
        self.lifeline.allow(r"WARN control: port p4: .* no interface 'p4'", r"WARN control: port .* is gone")
        self.lifeline.start()
        net.address_local(self.lifeline, "static")
        sessions = [newer.session(), older.session()]
        for flow in ("in_port=2,actions=output:3,output:4", "in_port=3,actions=output:2", "in_port=4,actions=output:2"):
            self.lifeline.ofctl("add-flow", flow)
        self.reaches(net.h1, net.h2)
        self.assertEqual(self.listed(), ({"p1": 1, "p2": 2, "p3": 3, "br0": "LOCAL"}, {"p4"}))
        self.local_has_mtu(1500)

        # One that was not there at the start.
        self.lab.wire(net.sw, "p4", late, "eth0")
        late.configure()
        for session in sessions:
            self.told(session, ADD, 4)
        self.reaches(net.h1, late)
        self.local_has_mtu(1400)  # the smallest of the ports'

        # One that EAL made goes, with its interface. Others go on.
        net.sw.ip("link", "del", "p3")
        for session in sessions:
            self.told(session, DELETE, 3)
        self.assertTrue(net.h1.ping(late.ip_address))
        self.assertEqual(self.listed(), ({"p1": 1, "p2": 2, "p4": 4, "br0": "LOCAL"}, {"p3"}))
        self.lab.wire(net.sw, "p3", net.h2, "eth0")
        net.h2.configure()
        net.h1.ip("neigh", "flush", "all")  # the new wire's end has another MAC
        for session in sessions:
            self.told(session, ADD, 3)
        self.reaches(net.h1, net.h2)

        # The configuration takes one away and gives it back, and another that is not optional and not there.
        self.assertEqual(self.reload_ports(ports[:3])["changed"], ["ports[p4]"])
        for session in sessions:
            self.told(session, DELETE, 4)
        self.local_has_mtu(1500)
        self.assertEqual(self.reload_ports([*ports[:2], ports[3], ports[2]])["changed"], ["ports[p4]"])
        for session in sessions:
            self.told(session, ADD, 4, known=1)
        self.local_has_mtu(1400)
        self.reaches(net.h1, late)
        self.lifeline.allow(r"WARN control: port p5: .* no interface 'p5'")
        self.lifeline.config["ports"] = [*ports, {"name": "p5", "device": "net_af_packet8,iface=p5"}]
        self.lifeline.write_config()
        self.assertIn("no interface 'p5'", self.lifeline.ctl("reload", check=False).stderr)
        for session, controller in zip(sessions, (newer, older)):
            session.echo()
            self.assertEqual(len(controller.sessions), 1)

        # The way to the controllers itself.
        net.sw.ip("link", "del", "p1")
        self.lab.until(lambda: "p1" in self.listed()[1], "the uplink is missed")
        self.lab.wire(net.sw, "p1", net.ctl, "eth0")
        net.ctl.configure()
        self.lab.until(lambda: self.listed()[0].get("p1") == 1, "the uplink is back")
        for controller in (newer, older):
            self.lab.until(lambda c=controller: self.answers(c), "the controller is back", 20)

    @staticmethod
    def answers(controller):
        try:
            return bool(controller.sessions[-1].echo(timeout=2))
        except (AssertionError, OSError):
            return False
