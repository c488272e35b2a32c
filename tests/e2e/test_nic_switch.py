"""The switch on the test NIC: NICs with rte_flow, with little of it, and without."""

from lab import case, openflow


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
                    self.generate(lifeline, f"gen={source},rate=20000")
                    session.echo()
                self.generate(lifeline, "gen=none")
                self.assertEqual(lifeline.hidden_letters(), "abcdefghi")
                lifeline.stop()
