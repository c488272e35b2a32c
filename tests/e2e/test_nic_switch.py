"""The switch on the test NIC: NICs with rte_flow, with little of it, and without."""

import re
import time

from lab import case, openflow, topology6, wait

# Not the local port's, as which it would be dropped at once.
HOST = "src_mac=02:00:00:00:0a:0a"


class SwitchOnNic(case.LabTest):
    def nic(self, lifeline, number=1):
        """What `lifelinectl offload` says of a port."""
        return next((p for p in lifeline.ctl_json("offload")["ports"] if p["number"] == number), None)

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

    def test_a_nic_that_loses_its_link_or_is_pulled_out_has_its_rules_again_and_the_session_goes_on(self):
        network = self.network(1)
        controller = openflow.Controller(network.ctl).start()
        lifeline = self.watch(network.make_switch(nic="profile=mlx5", telemetry=True))
        lifeline.allow(r"WARN control: port 1 \(p1\): its device net_testnic0 is gone")
        lifeline.start()
        network.address_local(lifeline, "static")
        session = controller.session()

        def tell(command):
            self.assertEqual(lifeline.telemetry(f"/testnic/{command}"), "done")

        def listed():
            return {p["name"]: p["link"] for p in lifeline.ctl_json("ports")["ports"]}

        def rules():
            """Rungs by letter, where each that can be stands in the NIC."""
            port = self.nic(lifeline)
            return port and port["nic_rules"] >= 2 and {r["intent"][1]: r["rung"] for r in port["rules"]}

        def back_within(seconds, since):
            self.lab.until(lambda: rules() == before, "the NIC has the rules that it had")
            known = self.nic(lifeline)["known"]
            session.echo()
            self.assertLess(time.monotonic() - since, seconds * wait.SLOW, "until the session goes on")
            self.lab.until(lambda: session.echo() and self.nic(lifeline)["known"] > known, "by the control queue")
            self.assertEqual(len(controller.sessions), 1)
        self.lab.until(lambda: rules() and rules().get("i") == "exact", "the NIC has rules for the session")
        before = rules()

        # The link is looked at once a second, and TCP repeats what was lost meanwhile.
        tell("link,net_testnic0,down")
        self.lab.until(lambda: listed()["p1"] == "down", "the link is seen to be down")
        tell("link,net_testnic0,up")
        back_within(3, time.monotonic())

        # Tried again after 1 s, and 2 s later.
        tell("unplug,net_testnic0")
        self.lab.until(lambda: "p1" not in listed(), "the port is missed")
        tell("plug,net_testnic0")
        back_within(5, time.monotonic())
        comes_and_goes = [reason for reason, p in session.port_status if p.number == 1 and reason != 2]
        self.assertEqual(comes_and_goes, [1, 0], "the controller is told: DELETE, ADD")

    def test_what_the_operator_is_told_is_what_a_coarse_nic_and_liars_do(self):
        """igb and ixgbe have no ARP fields and few rules, i40e one input set, and the others do not what they say."""
        network = self.network(1)
        controller = openflow.Controller(network.ctl).start()
        coarse = ("ixgbe", "i40e", "igb")
        for profile in (*coarse, "validates", "blind"):
            with self.subTest(profile):
                known = len(controller.sessions)
                lifeline = network.make_switch(nic=f"profile={profile}").start()
                network.address_local(lifeline, "static")
                session = controller.session(after=known)
                if profile == "validates":
                    self.assertIsNone(self.nic(lifeline)["control_queue"])
                    self.assertNotEqual(self.nic(lifeline)["reason"], "")
                else:
                    self.lab.until(lambda on=lifeline: self.nic(on)["nic_rules"] > 0, "the NIC has rules")
                before = self.nic(lifeline)
                for _ in range(20):
                    session.echo()
                after = self.nic(lifeline)
                rungs = {rule["intent"][1]: rule["rung"] for rule in after["rules"]}
                if profile in coarse:
                    self.assertGreaterEqual(after["known"], before["known"] + 20,
                                            "the session comes by the control queue")
                    self.assertIn(rungs["i"], ("exact", "reduced"))
                    self.assertIn(rungs["d"], ("type-only", "mac-and-type"))
                    better = [r for r in after["rules"] if r["rung"] != "exact" and not r["why_not_better"]]
                    self.assertEqual(better, [], "each says why it is no better")
                else:
                    self.assertEqual(after["known"], 0, "nothing comes by the control queue")
                if profile == "blind":
                    self.assertGreater(after["unsteered"], 0, "the NIC is seen not to steer")
                lifeline.stop()

    def test_a_port_that_is_taken_out_leaves_no_rule_in_its_nic_nor_does_the_end(self):
        network = self.network(1)
        controller = openflow.Controller(network.ctl).start()
        record = self.lab.path("nic.record")
        lifeline = self.watch(network.make_switch(nic=f"profile=mlx5,record={record}")).start()
        network.address_local(lifeline, "static")
        session = controller.session()
        ports = lifeline.config["ports"]

        def has_rules(number):
            port = self.nic(lifeline, number)
            return port is not None and port["nic_rules"] >= 2

        def closed():
            """{NIC: [(rules that it had, rules that are left in it)]}"""
            out = {}
            with open(record, encoding="utf-8") as file:
                for name, made, left in re.findall(r"(\S+) closed, of (\d+) rules (\d+) are left\n", file.read()):
                    out.setdefault(name, []).append((int(made), int(left)))
            return out

        def reload_ports(which):
            lifeline.config["ports"] = which
            lifeline.write_config()
            lifeline.ctl("reload")
        self.lab.until(lambda: has_rules(1) and has_rules(2), "the NICs have rules")
        reload_ports([ports[0], ports[2]])
        self.lab.until(lambda: self.nic(lifeline, 2) is None, "the port is gone")
        self.lab.until(lambda: "net_testnic1" in closed(), "its NIC is closed")
        reload_ports(ports)
        self.lab.until(lambda: has_rules(2), "the NIC that is back has rules")
        session.echo()
        self.assertEqual(len(controller.sessions), 1)
        lifeline.stop()
        self.assertEqual({name: len(times) for name, times in closed().items()},
                         {"net_testnic0": 1, "net_testnic1": 2, "net_testnic2": 1})
        for name, times in closed().items():
            for made, left in times:
                self.assertGreater(made, 1, name)
                self.assertEqual(left, 0, f"rules left in {name}")

    def test_an_ipv6_session_comes_by_the_control_queue(self):
        network = topology6.Network6(self.lab, 1)
        controller = openflow.Controller(network.ctl, family=openflow.IPV6).start()
        lifeline = self.watch(network.make_switch(nic="profile=mlx5")).start()
        network.address_local(lifeline)
        session = controller.session()

        def rungs():
            return {rule["intent"][1]: rule["rung"] for rule in self.nic(lifeline)["rules"]}
        self.lab.until(lambda: rungs().get("w") == "exact", "the NIC steers what the controller sends")
        before = self.nic(lifeline)["known"]
        for _ in range(20):
            session.echo()
        self.assertGreaterEqual(self.nic(lifeline)["known"], before + 20)
        self.assertEqual(self.nic(lifeline)["unsteered"], 0)
