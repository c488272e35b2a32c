"""Hidden rules in a NIC: the uplink is the test NIC (tests/nic) in front of its veth."""

from lab import case, nic, openflow


class Offload(case.LabTest):
    def test_the_session_comes_by_the_control_queue(self):
        network = self.network(1)
        controller = openflow.Controller(network.ctl).start()
        network.ports = ["p2", "p3"]
        lifeline = self.watch(network.make_switch(
            telemetry=True,
            eal=["-d", nic.module(), "--vdev=net_testnic0,iface=p1,profile=mlx5"],
            config={"ports": [{"name": "p1", "device": "net_testnic0", "number": 1},
                              {"name": "p2", "device": "net_af_packet0", "number": 2},
                              {"name": "p3", "device": "net_af_packet1", "number": 3}]})).start()
        network.address_local(lifeline, "static")
        session = controller.session()

        def port(name):
            return next(p for p in lifeline.ctl_json("offload")["ports"] if p["name"] == name)

        def rung(letter):
            return next((r["rung"] for r in port("p1")["rules"] if r["intent"].startswith(f"({letter})")), "")

        self.assertIsNone(port("p2")["control_queue"])
        self.assertIn("no redirection table", port("p2")["reason"])
        self.assertIsNotNone(port("p1")["control_queue"], port("p1")["reason"])
        self.lab.until(lambda: rung("i") == "exact" and rung("b") == "type-only", "the NIC has its rules")
        nics = {rule["letter"]: rule.get("nics") for rule in lifeline.hidden_rules()}
        self.assertEqual((nics["i"], nics["b"], nics["a"]), ({"p1": "exact"}, {"p1": "type-only"}, None))
        self.assertIn("p1: exact", lifeline.ctl("flows", "--hidden").stdout)
        before = port("p1")["known"]
        for _ in range(20):
            session.echo()
        self.assertGreaterEqual(port("p1")["known"], before + 20)
        self.assertIn("control queue", lifeline.ctl("offload").stdout)

        # A NIC that loses its rules and tells nobody: noticed by what comes by the data queue.
        def comes_by_the_control_queue():
            known = port("p1")["known"]
            for _ in range(5):
                session.echo()
            return port("p1")["known"] >= known + 5

        unsteered = port("p1")["unsteered"]
        self.assertEqual(lifeline.telemetry("/testnic/lose,net_testnic0"), "done")
        self.lab.until(lambda: session.echo() and port("p1")["unsteered"] > unsteered, "control packets come by a data queue")
        self.lab.until(comes_by_the_control_queue, "the rules that the NIC lost are made again")
