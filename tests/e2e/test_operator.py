"""What the operator's tool tells about a switch that runs."""

import json
import os
import stat

from lab import case, openflow, process, switch, topology


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

    def test_the_tool_says_which_rules_a_packet_meets_and_where_it_would_go(self):
        self.bring_up()
        remote = self.lifeline.remote()
        control = (f"tcp,dl_src={remote['next_hop']['mac']},dl_dst={self.lifeline.status()['local']['mac']},"
                   f"nw_src={remote['address']},tp_src={remote['port']},tp_dst=40000,"
                   f"nw_dst={topology.LOCAL_ADDRESS}")
        answer = self.lifeline.ctl_json("trace", "1", control)
        self.assertEqual(answer["steps"][0]["letter"], "i")
        self.assertIn(remote["address"], answer["steps"][0]["why"])
        self.assertEqual((answer["outputs"], answer["cacheable"]), (["LOCAL"], True))
        self.assertIn("hidden rule (i)", self.lifeline.ctl("trace", "p1", control).stdout)

        # Anything else meets the controllers' rules; the trace itself sends, learns and counts nothing.
        self.lifeline.ofctl("del-flows")
        self.lifeline.ofctl("add-flow", "priority=7,udp,in_port=2,tp_dst=53,actions=mod_nw_tos:4,output:3")
        known = self.lifeline.ctl_json("fdb")["entries"]
        answer = self.lifeline.ctl_json("trace", "2", "in_port=2,udp,dl_src=02:00:00:00:09:09,nw_src=10.7.0.1,tp_dst=53")
        self.assertEqual(answer["steps"][-1]["priority"], 7)
        self.assertEqual(answer["outputs"], [3])
        answer = self.lifeline.ctl_json("trace", "2", "udp,tp_dst=54")
        self.assertFalse(answer["steps"][-1]["matched"])
        self.assertIn("no port", self.lifeline.ctl("trace", "2", "udp,tp_dst=54").stdout)
        self.assertEqual([f["packets"] for f in self.lifeline.ctl_json("flows")["flows"]], [0])
        self.assertLessEqual({e["mac"] for e in self.lifeline.ctl_json("fdb")["entries"]}, {e["mac"] for e in known})

        for words, said in ((("2", "upd,tp_dst=1"), "upd"), (("nonsuch", "udp"), "nonsuch"),
                            (("3", "in_port=2,udp"), "in_port=2")):
            result = self.lifeline.ctl("trace", *words, check=False)
            self.assertEqual(result.returncode, 1)
            self.assertIn(said, result.stderr)

        # Nobody but root may ask.
        path = f"{self.lifeline.run_dir}/{self.lifeline.bridge}.ctl"
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        denied = process.run(["setpriv", "--reuid=65534", "--clear-groups", switch.binary("lifelinectl"),
                              "--socket", path, "status"], check=False)
        self.assertEqual(denied.returncode, 1)
        self.assertIn("only root may ask", denied.stderr)

    def test_a_switch_that_does_not_run_is_named_as_the_reason(self):
        self.net = self.network(1)
        result = self.net.make_switch().ctl("status", check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("is lifeline running", result.stderr)
