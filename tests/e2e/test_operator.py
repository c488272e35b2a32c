"""What the operator's tool tells about a switch that runs."""

import json
import os
import re
import signal
import stat

from lab import case, openflow, process, switch, topology


def completions(*words):
    """What bash offers for the last word."""
    script = ('source "$0"; COMP_WORDS=(lifelinectl "$@"); COMP_CWORD=$#; _lifelinectl; '
              'printf "%s\\n" "${COMPREPLY[@]}"')
    shell = process.run(["bash", "-c", script, f"{switch.ROOT}/app/completion/lifelinectl", *words])
    return set(shell.stdout.split())


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
        self.assertEqual(self.lifeline.ctl_json("log-level", "inband", "debug")["libraries"], {"inband": "DEBUG"})
        self.assertIn("level of inband: DEBUG", self.lifeline.ctl("log-level").stdout)
        self.assertEqual(self.lifeline.ctl_json("log-level", "inband", "default")["libraries"], {})
        refused = self.lifeline.ctl("log-level", "x", "debug", check=False).stderr
        self.assertIn("no library 'x'", refused)
        libraries = set(refused.strip().rpartition("there are ")[2].split(", "))
        self.assertLessEqual(libraries, completions("log-level", ""))

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
        self.assertEqual(self.lifeline.telemetry("/lifeline/status")["remotes"],
                         {"count": 1, "controllers": 1, "connected": 1, "without_route": 0, "without_mac": 0})
        self.assertEqual(self.lifeline.telemetry("/lifeline/remotes")["0"]["state"], "connected")
        self.assertEqual([p["name"] for p in self.lifeline.telemetry("/lifeline/ports").values()],
                         [p["name"] for p in self.lifeline.ctl_json("ports")["ports"]])
        stats = self.lifeline.ctl_json("stats")
        self.assertEqual(set(self.lifeline.telemetry("/lifeline/stats")),
                         {c["name"] for c in stats["drops"] + stats["events"]})
        rules = self.lifeline.telemetry("/lifeline/hidden_rules")
        self.assertEqual([r["letter"] for r in rules.values()], [r["letter"] for r in self.lifeline.hidden_rules()])
        self.assertGreater(self.lifeline.telemetry("/lifeline/perf")["1"]["rx_packets"], 0)
        # A list that is too long for one answer goes on in the next.
        self.lifeline.config["in_band"] = {"also_reach": [f"10.0.0.{n}:6653" for n in range(100, 200)]}
        self.lifeline.write_config()
        self.lifeline.ctl("reload")
        self.lab.until(lambda: len(self.lifeline.hidden_letters()) >= 409, "the rules of a hundred more stand")
        status = self.lifeline.telemetry("/lifeline/status")
        self.assertEqual((status["remotes"]["count"], status["hidden_rules"]),
                         (101, len(self.lifeline.hidden_rules())))
        pages, start = [], 0
        while start is not None:
            page = self.lifeline.telemetry(f"/lifeline/hidden_rules,{start}")
            following = page.pop("next", None)
            self.assertEqual(list(page), [str(start + n) for n in range(len(page))])
            pages.append([rule["match"] for rule in page.values()])
            start = following
        self.assertGreater(len(pages), 3)
        self.assertEqual(sorted(m for page in pages for m in page),
                         sorted(rule["match"][:127] for rule in self.lifeline.hidden_rules()))
        self.assertIn("first entry", self.lifeline.telemetry("/lifeline/hidden_rules,x")["error"])
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
                            (("3", "in_port=2,udp"), "in_port=2"), (("\udcff", "udp"), "no port"),
                            (("2", "0" * 70_000), "65536 at most")):
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

    def test_a_capture_holds_what_a_port_carries_or_what_is_dropped(self):
        self.require("tcpdump")
        self.bring_up()
        h1 = self.net.h1

        def dump(name, *expression):
            lines = process.run(["tcpdump", "-nr", self.lab.path(f"{name}.pcap"), *expression]).stdout.splitlines()
            return [line for line in lines if "IP" in line or "ARP" in line]

        def capture(name, *words):
            tool = self.lab.start(f"capture {name}", [switch.binary("lifelinectl"), "--run-dir",
                                       self.lifeline.run_dir, "capture", "-w", self.lab.path(f"{name}.pcap"), *words],
                                       must_live=False)
            self.lab.until(lambda: os.path.exists(self.lab.path(f"{name}.pcap")), "the capture runs")
            return tool

        # A port in both directions, ended by Ctrl-C; another one at the same time is refused.
        self.lifeline.ofctl("add-flow", "priority=1,actions=NORMAL")
        tool = capture("both", "p2")
        second = self.lifeline.ctl("capture", "p3", "-w", self.lab.path("no.pcap"), check=False)
        self.assertEqual((second.returncode, os.path.exists(self.lab.path("no.pcap"))), (1, False))
        self.assertIn("one at a time", second.stderr)
        h1.run("ping", "-c", "3", "-i", "0.05", "10.7.0.2")
        tool.send_signal(signal.SIGINT)
        self.lab.until(lambda: tool.poll() is not None, "the capture ends")
        self.assertEqual(tool.poll(), 0)
        self.assertIn("packets captured", tool.log())
        self.assertEqual(len(dump("both", "icmp[icmptype] == icmp-echo")), 3)
        self.assertEqual(len(dump("both", "icmp[icmptype] == icmp-echoreply")), 3)

        # One direction, a number of packets, cut; the switch ends it.
        tool = capture("in", "p2", "--in", "-c", "2", "-s", "40")
        h1.run("ping", "-c", "3", "-i", "0.05", "10.7.0.2")
        self.lab.until(lambda: tool.poll() is not None, "the capture ends")
        self.assertEqual(process.run(["tcpdump", "-nr", self.lab.path("in.pcap"), "--count"]).stdout.split()[0], "2")
        self.assertEqual(os.path.getsize(self.lab.path("in.pcap")), 24 + 2 * (16 + 40))

        # What is dropped, and why.
        self.lifeline.ofctl("add-flow", "priority=9,icmp,actions=drop")
        tool = capture("drop", "--drop", "rule_drop", "-c", "1")
        h1.run("ping", "-c", "1", "-W", "1", "10.7.0.2", check=False)
        self.lab.until(lambda: tool.poll() is not None, "the capture ends")
        self.assertIn("ICMP echo request", dump("drop")[0])

        # Onto a pipe, for tcpdump to show; nothing comes and time ends it.
        shown = process.run(["sh", "-c", f"{switch.binary('lifelinectl')} --run-dir {self.lifeline.run_dir} "
                             "capture p3 LOCAL --seconds 1 | tcpdump -nr - --count"])
        self.assertIn("packet", shown.stdout)
        for words, said in ((("nonsuch",), "no port 'nonsuch'"), (("--drop", "bad_luck"), "bad_luck"),
                            ((), "either of ports or"), (("--drop", "learn_ring_full"), "counts no packets")):
            refused = self.lifeline.ctl("capture", "-w", self.lab.path("no.pcap"), *words, check=False)
            self.assertEqual(refused.returncode, 1)
            self.assertIn(said, refused.stderr)

    def test_prometheus_scrapes_the_local_port_s_address(self):
        from prometheus_client.openmetrics import parser
        self.net = self.network(1)
        self.controller = openflow.Controller(self.net.ctl).start()
        self.lifeline = self.watch(self.net.make_switch())
        self.lifeline.config["metrics"] = {"listen": f"tcp:{topology.LOCAL_ADDRESS}:9464"}
        self.lifeline.start()
        scrape = ("curl", "-fsS", "--max-time", "10", f"http://{topology.LOCAL_ADDRESS}:9464/metrics")
        # The address comes after the start; another interface's would not do.
        self.lifeline.space.ip("addr", "add", topology.LOCAL_PREFIX, "dev", "lo")
        self.assertNotEqual(self.lifeline.space.run(*scrape, check=False).returncode, 0)
        self.lifeline.space.ip("addr", "del", topology.LOCAL_PREFIX, "dev", "lo")
        self.net.address_local(self.lifeline, "static")
        self.controller.session().echo()
        self.lifeline.ofctl("add-flow", "priority=1,actions=NORMAL")
        self.net.h1.run("ping", "-c", "3", "-i", "0.05", "10.7.0.2")
        self.lab.until(lambda: self.lifeline.space.run(*scrape, check=False).returncode == 0, "the page is there")

        text = self.lifeline.space.run(*scrape).stdout
        self.assertTrue(text.endswith("# EOF\n"))
        # Prometheus' own parser holds it against the specification.
        families = {f.name: f for f in parser.text_string_to_metric_families(text)}

        def value(family, **labels):
            return [s.value for s in families[family].samples if labels.items() <= s.labels.items()]

        self.assertEqual(value("lifeline_controller_connected"), [1])
        self.assertGreaterEqual(value("lifeline_port_receive_packets", name="p2")[0], 3)
        self.assertEqual(families["lifeline_port_receive_bytes"].unit, "bytes")
        self.assertGreater(value("lifeline_lcore_receive_packets", lcore="1")[0], 0)
        self.assertEqual(value("lifeline_flows"), [1])
        stats = self.lifeline.ctl_json("stats")
        self.assertEqual({s.labels["reason"] for s in families["lifeline_drops"].samples},
                         {c["name"] for c in stats["drops"]})
        self.assertEqual({s.labels["letter"] for s in families["lifeline_hidden_rules"].samples},
                         set(self.lifeline.hidden_letters()))

        # From a host behind a port too, and only that page. Garbage, and clients that say nothing, harm nobody.
        idle = [self.lifeline.space.socket() for _ in range(20)]
        for client in idle:
            client.connect((topology.LOCAL_ADDRESS, 9464))
        idle[0].sendall(b"\x16\x03\x01" + bytes(range(256)) * 200)
        for client in idle:
            client.close()
        self.lab.until(lambda: self.net.ctl.run(*scrape, check=False).returncode == 0, "served again")
        self.assertIn("404", self.net.ctl.run(*scrape[:-1], scrape[-1] + "x", check=False).stderr)
        self.controller.session().echo()

    def test_wrong_words_are_named_and_every_right_one_is_completed_and_documented(self):
        def ctl(*words):
            return process.run([switch.binary("lifelinectl"), *words], check=False)

        for words, said in (((), "required"), (("nonsuch",), "no command 'nonsuch'; there are status"),
                            (("--json", "nonsuch", "x"), "no command 'nonsuch'"), (("--nonsuch", "status"), "--nonsuch"),
                            (("in-band", "maybe"), "maybe"), (("remote", "add"), "--next-hop"),
                            (("perf", "--interval", "nan"), "nan"), (("perf", "--interval", "0"), "0.01"),
                            (("capture", "p1", "-c", "-5"), "-5"), (("capture", "p1", "-s", "9" * 30), "9" * 30),
                            (("status", "\udcff"), "not expected")):
            result = ctl(*words)
            self.assertEqual(result.returncode, 2, words)
            self.assertIn(said, result.stdout + result.stderr, words)

        with open(f"{switch.ROOT}/app/man/lifelinectl.1.scd", encoding="utf-8") as file:
            manual = file.read().replace("\\", "")
        commands = re.findall(r"^  ([a-z-]+)  ", ctl("--help").stdout.partition("Subcommands:")[2], re.MULTILINE)
        self.assertGreater(len(commands), 12)
        self.assertEqual({word for word in completions("") if not word.startswith("-")}, set(commands))
        for command in commands:
            self.assertRegex(manual, rf"(?m)^\*{command}[ *]")
            words = [command, "add"] if command == "remote" else [command]
            options = set(re.findall(r"--[a-z-]+", ctl(*words, "--help").stdout.partition("Options:")[2])) - {"--help"}
            self.assertLessEqual(options | {"--json"}, completions(*words, ""), command)
            for option in options:
                self.assertIn(option, manual)

    def test_a_switch_that_does_not_run_is_named_as_the_reason(self):
        self.net = self.network(1)
        result = self.net.make_switch().ctl("status", check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("is lifeline running", result.stderr)
