"""The switch on the test NIC: NICs with rte_flow, with little of it, and without."""

from lab import case, openflow

# Not the local port's, as which it would be dropped at once.
HOST = "src_mac=02:00:00:00:0a:0a"


class SwitchOnNic(case.LabTest):
    def generate(self, lifeline, text):
        self.assertEqual(lifeline.telemetry(f"/testnic/generate,net_testnic0,{text}"), "done")

    def test_the_session_stands_and_lasts_on_each_kind_of_nic(self):
        network = self.network(1)
        controller = openflow.Controller(network.ctl).start()
        for profile in ("mlx5", "igb", "validates", "loses", "none"):
            with self.subTest(profile):
                known = len(controller.sessions)
                lifeline = network.make_switch(nic=f"profile={profile}", telemetry=True).start()
                network.address_local(lifeline, "static")
                session = controller.session(after=known)
                # Known flows and new ones, ARP, and SYNs to the controller, into the uplink: slow ones, for two cores.
                for source in ("flows", "newflows", "arp", "syn,dst_ip=10.0.0.1,dst_port=6653"):
                    self.generate(lifeline, f"gen={source},rate=20000,{HOST}")
                    session.echo()
                self.generate(lifeline, "gen=none")
                self.assertEqual(lifeline.hidden_letters(), "abcdefghi")
                spoofed = [d["count"] for d in lifeline.ctl_json("stats")["drops"] if d["name"] == "local_mac_spoofed"]
                self.assertEqual(spoofed, [0], "the floods were a stranger's")
                lifeline.stop()

    def test_a_nic_that_asks_for_a_reset_gets_its_rules_back_and_the_session_stays(self):
        network = self.network(1)
        controller = openflow.Controller(network.ctl).start()
        lifeline = self.watch(network.make_switch(nic="profile=mlx5", telemetry=True))
        lifeline.allow(r"WARN control: port 1 \(p1\): its device asks for a reset")
        lifeline.start()
        network.address_local(lifeline, "static")
        session = controller.session()

        def rules():
            return next(p["nic_rules"] for p in lifeline.ctl_json("offload")["ports"] if p["number"] == 1)
        self.lab.until(lambda: rules() >= 2, "the NIC has rules for the session")
        before = rules()
        self.assertEqual(lifeline.telemetry("/testnic/reset,net_testnic0"), "done")
        # MODIFY: the link goes down, and comes up.
        self.lab.until(lambda: [p.state & 1 for reason, p in session.port_status if p.number == 1][-2:] == [1, 0],
                       "the controller sees the port restart")
        self.lab.until(lambda: rules() == before, "the NIC has its rules again")
        session.echo()
        self.assertEqual(len(controller.sessions), 1)
