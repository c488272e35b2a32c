"""What the operator's tool tells about a switch that runs."""

import json

from lab import case, openflow


class Operator(case.LabTest):
    def bring_up(self, **kwargs):
        self.net = self.network(1)
        self.controller = openflow.Controller(self.net.ctl).start()
        self.lifeline = self.watch(self.net.make_switch(**kwargs)).start()
        self.net.address_local(self.lifeline, "static")
        self.controller.session().echo()

    def test_the_tool_and_telemetry_show_a_switch_that_runs(self):
        self.bring_up(telemetry=True)
        ports = {p["name"]: p for p in self.lifeline.ctl_json("ports", "-v")["ports"]}
        self.assertGreater(ports["p1"]["xstats"]["rx_good_packets"], 0)
        self.assertIn("rx_good_packets", self.lifeline.ctl("ports", "-v").stdout)
        self.assertIn("connected", self.lifeline.ctl("remotes").stdout)

        self.assertEqual(self.lifeline.ctl_json("log", "debug")["level"], "DEBUG")
        self.assertTrue(self.lifeline.ctl_json("log")["changes"])
        self.assertEqual(self.lifeline.ctl_json("log", "info")["level"], "INFO")
        self.assertIn("no level", self.lifeline.ctl("log", "loud", check=False).stderr)

        self.lifeline.ofctl("add-flow", "priority=1,actions=NORMAL")
        pinger = self.net.h1.start("ping", "ping", "-n", "-q", "-i", "0.01", "-c", "1000", "10.7.0.2",
                                   must_live=False)
        self.lab.until(lambda: self.lifeline.ctl_json("perf", "--interval", "0.1")["workers"][1]
                       ["rx_packets_per_s"] > 20, "the worker's packets are seen")
        worker = self.lifeline.ctl_json("perf", "--interval", "0.3")["workers"][1]
        pinger.kill()
        self.assertGreater(worker["cycles_per_packet"], 0)
        self.assertTrue(0 < worker["busy_share"] <= 1 and 0 < worker["hit_rate"] <= 1, json.dumps(worker))
        self.assertIn("cycles/packet", self.lifeline.ctl("perf", "--interval", "0.01").stdout)

        # The same figures in DPDK's telemetry.
        self.assertEqual(self.lifeline.telemetry("/lifeline/status")["remotes"]["0"]["state"], "connected")
        self.assertEqual([p["name"] for p in self.lifeline.telemetry("/lifeline/ports").values()],
                         [p["name"] for p in self.lifeline.ctl_json("ports")["ports"]])
        drops = {d["name"] for d in self.lifeline.ctl_json("stats")["drops"]}
        self.assertEqual(set(self.lifeline.telemetry("/lifeline/stats")), drops)
        rules = self.lifeline.telemetry("/lifeline/hidden_rules")
        self.assertEqual([r["letter"] for r in rules.values()], [r["letter"] for r in self.lifeline.hidden_rules()])
        self.assertGreater(self.lifeline.telemetry("/lifeline/perf")["1"]["rx_packets"], 0)
        self.assertGreater(self.lifeline.telemetry("/lifeline/fdb")["entries"], 0)

    def test_a_switch_that_does_not_run_is_named_as_the_reason(self):
        self.net = self.network(1)
        result = self.net.make_switch().ctl("status", check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("is lifeline running", result.stderr)
