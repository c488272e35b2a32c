"""ovs-ofctl, unchanged, over the management socket, in OpenFlow 1.0 and 1.3."""

import re

from lab import case

VERSIONS = ("OpenFlow10", "OpenFlow13")


class Ofctl(case.LabTest):
    def setUp(self):
        super().setUp()
        self.net = self.network(1)
        self.lifeline = self.watch(self.net.make_switch(controllers=[])).start()

    def ofctl(self, command, *arguments, version="OpenFlow10", **kwargs):
        result = self.lifeline.ofctl(command, *arguments, version=version, **kwargs)
        return result.stdout

    def flows(self, version="OpenFlow10", *filters):
        text = self.ofctl("dump-flows", *filters, version=version)
        return [re.sub(r"duration=[^,]*, |n_packets=\d+, n_bytes=\d+, |idle_age=\d+, |cookie=0x0, ", "",
                       line.strip()) for line in text.splitlines()
                if "actions=" in line]

    def test_show_names_the_ports_and_local(self):
        for version in VERSIONS:
            with self.subTest(version=version):
                text = self.ofctl("show", version=version)
                for pattern in (r"dpid:0000020000000001", r"1\(p1\)", r"2\(p2\)", r"3\(p3\)",
                                r"LOCAL\(br0\): addr:02:00:00:00:00:01"):
                    self.assertRegex(text, pattern)
        self.assertIn("n_tables", self.ofctl("show"))
        self.assertIn("p2", self.ofctl("dump-ports-desc", version="OpenFlow13"))

    def test_add_modify_delete_dump(self):
        for version in VERSIONS:
            with self.subTest(version=version):
                self.ofctl("add-flow", "priority=5,in_port=2,ip,nw_dst=10.0.0.0/8,actions=output:3",
                           version=version)
                self.ofctl("add-flow", "cookie=0x17,priority=7,tcp,tp_dst=80,actions=mod_vlan_vid:5,NORMAL"
                           if version == "OpenFlow10" else
                           "cookie=0x17,priority=7,tcp,tp_dst=80,actions=push_vlan:0x8100,"
                           "set_field:4101->vlan_vid,NORMAL", version=version)
                self.assertEqual(len(self.flows(version)), 2)
                self.assertIn("ip,in_port=2,nw_dst=10.0.0.0/8 actions=output:3",
                              re.sub(r"p(\d)", r"\1", "\n".join(self.flows(version)))
                              .replace("\"", "").replace("priority=5,", ""))
                self.ofctl("mod-flows", "ip,actions=drop", version=version)
                dump = "\n".join(self.flows(version))
                self.assertEqual(dump.count("actions=drop"), 2, dump)
                self.ofctl("mod-flows", "--strict", "priority=5,in_port=2,ip,nw_dst=10.0.0.0/8,"
                           "actions=output:1", version=version)
                self.assertEqual("\n".join(self.flows(version)).count("actions=drop"), 1)
                self.ofctl("del-flows", "tcp", version=version)
                self.assertEqual(len(self.flows(version)), 1)
                self.ofctl("del-flows", version=version)
                self.assertEqual(self.flows(version), [])

    def test_flow_counters_count(self):
        self.ofctl("add-flow", "actions=NORMAL")
        self.assertTrue(self.net.h1.ping("10.7.0.2", count=5))

        def counted():
            text = self.ofctl("dump-flows")
            return int(re.search(r"n_packets=(\d+)", text).group(1)) >= 10
        self.lab.until(counted, "the flow counts ten packets")
        for version in VERSIONS:
            self.assertRegex(self.ofctl("dump-aggregate", version=version), r"flow_count=1")

    def test_dump_ports_counts(self):
        self.ofctl("add-flow", "actions=NORMAL")
        self.assertTrue(self.net.h1.ping("10.7.0.2", count=10))
        for version in VERSIONS:
            with self.subTest(version=version):
                text = self.ofctl("dump-ports", version=version)
                self.assertRegex(text, r"LOCAL|br0")
                one = self.ofctl("dump-ports", "2", version=version)
                rx = int(re.search(r"rx pkts=(\d+)", one).group(1))
                self.assertGreaterEqual(rx, 10)

    def test_packet_out_leaves_the_port(self):
        for version in VERSIONS:
            with self.subTest(version=version):
                before = self.received("h1")
                frame = "ffffffffffff0200000000aa88b5" + "00" * 46
                self.ofctl("packet-out", f"in_port=CONTROLLER packet={frame} actions=output:2",
                           version=version)
                self.lab.until(lambda: self.received("h1") > before, "h1 receives the frame")

    def received(self, host):
        text = self.lab.namespaces[host].ip("-s", "-o", "link", "show", "dev", "eth0").stdout
        return int(re.search(r"RX:.*?(\d+)\s+(\d+)", text.replace("\\", " ")).group(2))

    def test_monitor_prints_packet_ins(self):
        for version in VERSIONS:
            with self.subTest(version=version):
                monitor = self.lab.start(
                    f"monitor-{version}", ["ovs-ofctl", "-O", version, "monitor", self.lifeline.mgmt,
                                           "65534"])
                self.ofctl("add-flow", "in_port=2,actions=CONTROLLER:65535", version=version)

                def seen():
                    self.net.h1.run("ping", "-n", "-c", "1", "-W", "0.1", "10.7.0.2", check=False)
                    return "PACKET_IN" in monitor.log()
                self.lab.until(seen, "monitor prints a packet-in")
                self.assertRegex(monitor.log(), r"in_port=(2|p2|\"p2\")")
                monitor.stop()
                self.ofctl("del-flows", version=version)

    def test_errors_are_the_standard_ones(self):
        result = self.lifeline.ofctl("add-flow", "actions=output:4000", version="OpenFlow13",
                                     check=False)
        # Open vSwitch accepts a port that does not exist yet; whoever refuses it says BAD_OUT_PORT.
        if result.returncode != 0:
            self.assertIn("OFPBAC_BAD_OUT_PORT", result.stderr)
        result = self.lifeline.ofctl("add-flow", "check_overlap,priority=5,in_port=1,actions=drop",
                                     check=False)
        self.assertEqual(result.returncode, 0, result.stderr)
        result = self.lifeline.ofctl("add-flow", "check_overlap,priority=5,ip,actions=drop",
                                     check=False)
        self.assertIn("OFPFMFC_OVERLAP", result.stderr)

    def test_tables_of_1_3(self):
        self.ofctl("add-flow", "table=0,priority=1,in_port=2,actions=goto_table:1", version="OpenFlow13")
        self.ofctl("add-flow", "table=0,priority=1,in_port=3,actions=goto_table:1", version="OpenFlow13")
        self.ofctl("add-flow", "table=1,priority=1,actions=NORMAL", version="OpenFlow13")
        self.assertTrue(self.net.h1.ping("10.7.0.2", count=3))
        self.assertIn("table=1", "\n".join(self.flows("OpenFlow13")))

    def test_a_thousand_flows_in_one_file(self):
        path = self.lab.path("flows.txt")
        with open(path, "w", encoding="utf-8") as file:
            for n in range(1000):
                file.write(f"priority=10,udp,nw_src=10.1.{n // 250}.{n % 250},tp_dst={n + 1},"
                           "actions=output:1\n")
        for version in VERSIONS:
            with self.subTest(version=version):
                self.ofctl("add-flows", path, version=version)
                self.assertEqual(len(self.flows(version)), 1000)
                self.assertRegex(self.ofctl("dump-aggregate", version=version), "flow_count=1000")
                self.ofctl("del-flows", version=version)


class OfctlChecklist(case.LabTest):
    """Every command of ovs-ofctl that this switch has an answer for, as its users type it."""

    def setUp(self):
        super().setUp()
        self.net = self.network(1)
        self.lifeline = self.watch(self.net.make_switch(controllers=[])).start()
        self.files = {"old": "priority=5,ip,nw_dst=10.0.0.1 actions=output:1\n"
                             "priority=6,tcp,tp_dst=80 actions=drop\n",
                      "new": "priority=5,ip,nw_dst=10.0.0.1 actions=output:2\n"
                             "priority=7,udp actions=drop\n"}
        for name, text in self.files.items():
            with open(self.lab.path(name), "w", encoding="utf-8") as file:
                file.write(text)

    def run_ofctl(self, version, *words, options=(), status=0):
        result = self.lifeline.ofctl(*words, version=version, options=options, check=False)
        self.assertEqual(result.returncode, status, f"{words}: {result.stdout}{result.stderr}")
        return result.stdout + result.stderr

    def dump(self, version, *filters):
        """The flows as ovs-ofctl sorts them, without what changes by itself."""
        text = self.run_ofctl(version, "dump-flows", *filters, options=("--no-stats", "--sort"))
        return [line.strip() for line in text.splitlines() if "actions=" in line]

    def test_what_the_switch_says_of_itself(self):
        expected = {
            "dump-desc": "Manufacturer: Lifeline",
            "dump-tables": r"table 0",
            "dump-ports-desc": r"LOCAL\(br0\)",
            "queue-stats": "0 queues",
            "queue-get-config": "QUEUE_GET_CONFIG_REPLY",
            "get-frags": "normal",
            "ping": "64 bytes from",
            "probe": "^$",
        }
        for version in VERSIONS:
            for command, pattern in expected.items():
                with self.subTest(version=version, command=command):
                    text = self.run_ofctl(version, command)
                    self.assertRegex(text.strip(), pattern)
                    self.assertNotIn("OFPT_ERROR", text)
            self.assertRegex(self.run_ofctl(version, "benchmark", "100", "5"), "packets/s")
            self.assertIn("OFPQOFC_BAD_QUEUE", self.run_ofctl(version, "queue-stats", "2", "1"))
        features = self.run_ofctl("OpenFlow13", "dump-table-features")
        for word in ("goto_table", "write_metadata", "push_mpls", "dec_ttl", "set_queue",
                     "next tables: 1-253", "ipv6_{src,dst,label}"):
            self.assertIn(word, features)

    def test_port_and_fragment_settings_hold(self):
        for version, flags in (("OpenFlow10", ("no-flood", "no-forward", "no-packet-in", "down")),
                               ("OpenFlow13", ("no-forward", "no-receive", "no-packet-in", "down"))):
            for flag in flags:
                with self.subTest(version=version, flag=flag):
                    self.run_ofctl(version, "mod-port", "2", flag)
                    shown = {"no-forward": "NO_FWD", "no-receive": "NO_RECV",
                             "down": "PORT_DOWN"}.get(flag, flag.upper().replace("-", "_"))
                    self.assertIn(shown, self.run_ofctl(version, "show"))
                    undo = "up" if flag == "down" else flag.removeprefix("no-")
                    self.run_ofctl(version, "mod-port", "2", undo)
                    self.assertNotIn(shown, self.run_ofctl(version, "show"))
            self.run_ofctl(version, "set-frags", "drop")
            self.assertEqual(self.run_ofctl(version, "get-frags").strip(), "drop")
            self.run_ofctl(version, "set-frags", "reassemble", status=1)
            self.assertEqual(self.run_ofctl(version, "get-frags").strip(), "drop")
            self.run_ofctl(version, "set-frags", "normal")

    def test_replace_and_diff_flows(self):
        old, new = self.lab.path("old"), self.lab.path("new")
        for version, bundle in (("OpenFlow10", ()), ("OpenFlow13", ()), ("OpenFlow13", ("--bundle",))):
            with self.subTest(version=version, bundle=bundle):
                self.run_ofctl(version, "del-flows", options=bundle)
                self.run_ofctl(version, "add-flows", old, options=bundle)
                self.run_ofctl(version, "diff-flows", old)
                difference = self.run_ofctl(version, "diff-flows", new, status=2)
                self.assertIn("-priority=6,tcp,tp_dst=80", difference)
                self.assertIn("+priority=7,udp", difference)
                self.run_ofctl(version, "replace-flows", new, options=bundle)
                self.run_ofctl(version, "diff-flows", new)
                self.assertEqual(len(self.dump(version)), 2)
                self.run_ofctl(version, "mod-flows", "udp,actions=output:1", options=bundle)
                self.assertIn("priority=7,udp actions=output:1", self.dump(version))
                self.run_ofctl(version, "del-flows", "priority=7,udp", options=("--strict", *bundle))
                self.assertEqual(len(self.dump(version)), 1)
                self.run_ofctl(version, "del-flows", "ip", options=bundle)
                self.assertEqual(self.dump(version), [])

    def test_a_bundle_that_fails_changes_nothing(self):
        self.run_ofctl("OpenFlow13", "add-flows", self.lab.path("old"))
        before = self.dump("OpenFlow13")
        path = self.lab.path("bad")
        with open(path, "w", encoding="utf-8") as file:
            file.write("delete\n"
                       "add priority=9,in_port=1,actions=output:2\n"
                       "add check_overlap,priority=9,ip,actions=drop\n")
        text = self.run_ofctl("OpenFlow13", "add-flows", path, options=("--bundle",), status=1)
        self.assertIn("OFPFMFC_OVERLAP", text)
        self.assertIn("OFPBFC_MSG_FAILED", text)
        self.assertEqual(self.dump("OpenFlow13"), before)

    def test_filters_by_cookie_and_output(self):
        v = "OpenFlow13"
        for cookie, port in ((0x10, 1), (0x11, 2), (0x20, 3)):
            self.run_ofctl(v, "add-flow", f"cookie={cookie},in_port={port},actions=output:{port % 3 + 1}")
        self.assertEqual(len(self.dump(v, "cookie=0x10/0xf0")), 2)
        self.assertEqual(len(self.dump(v, "out_port=2")), 1)
        self.run_ofctl(v, "mod-flows", "cookie=0x11/-1,actions=drop")
        self.assertEqual(sum("actions=drop" in line for line in self.dump(v)), 1)
        self.run_ofctl(v, "del-flows", "out_port=2")
        self.assertEqual(len(self.dump(v)), 2)
        self.run_ofctl(v, "del-flows", "cookie=0x20/-1")
        self.assertEqual(len(self.dump(v)), 1)
        self.assertIn("flow_count=1", self.run_ofctl(v, "dump-aggregate", "cookie=0x11/-1"))

    def test_flow_removed_says_why_and_how_long(self):
        for version in VERSIONS:
            with self.subTest(version=version):
                monitor = self.lab.start(f"removed-{version}", ["ovs-ofctl", "-O", version, "monitor",
                                                                self.lifeline.mgmt, "65534"])

                def deletion_seen():
                    self.run_ofctl(version, "add-flow", "send_flow_rem,cookie=7,in_port=3,actions=drop")
                    self.run_ofctl(version, "del-flows", "in_port=3")
                    return "reason=delete" in monitor.log()
                self.lab.until(deletion_seen, "the monitor listens and prints a deletion")
                self.assertIn("cookie:0x7", monitor.log())
                self.run_ofctl(version, "add-flow", "send_flow_rem,hard_timeout=1,in_port=1,actions=drop")
                self.run_ofctl(version, "add-flow", "send_flow_rem,idle_timeout=1,in_port=2,actions=drop")
                for reason, port in (("hard", 1), ("idle", 2)):
                    pattern = rf"in_port=\S*{port}\S* reason={reason} .*duration1\.\d+s"
                    self.lab.until(lambda pattern=pattern: re.search(pattern, monitor.log()),
                                   f"the rule of port {port} is removed by its {reason} time-out", 10)
                monitor.stop()

    def test_flow_monitoring_prints_what_it_prints_of_open_vswitch(self):
        # What `ovs-ofctl monitor br0 watch:` of ovs-vswitchd 3.1 printed of the same commands.
        tcp = "table=0 idle_timeout=300 cookie=0x17 tcp,nw_src=10.0.0.0/8,tp_dst=80 actions=output:"
        arp = "table=0 cookie=0 arp,in_port=1,dl_vlan=5,dl_vlan_pcp=3,arp_tpa=10.1.2.3 actions=output:2"
        udp = "udp,dl_src=00:00:00:00:00:01/01:00:00:00:00:01,tp_src=4096"
        ndp = ("table=0 hard_timeout=1 cookie=0 icmp6,icmp_type=135,nd_target=fe80::1,"
               "nd_sll=01:02:03:04:05:06 actions=NORMAL")
        expected = [
            "event=ADDED " + tcp + "1",
            "event=ADDED " + arp,
            f"event=ADDED table=0 cookie=0 {udp} actions=output:1,output:2",
            f"event=ADDED table=0 hard_timeout=70 cookie=0x9 {udp} actions=output:1",
            "event=MODIFIED " + tcp + "2",
            "event=DELETED reason=delete " + arp,
            "event=ADDED " + ndp,
            "event=DELETED reason=hard " + ndp,
            "event=ADDED table=0 cookie=0 ipv6,ipv6_dst=2001:db8::/32",
            f"event=DELETED reason=delete table=0 hard_timeout=70 cookie=0x9 {udp} actions=output:1",
        ]

        def add(flow):
            self.run_ofctl("OpenFlow13", "add-flow", flow)
        add("cookie=0x17,idle_timeout=300,priority=5,tcp,nw_src=10.0.0.0/8,tp_dst=80,actions=output:1")
        monitors = {}
        for version in VERSIONS:
            monitors[version] = self.lab.start(
                f"watch-{version}", ["ovs-ofctl", "-O", version, "monitor", self.lifeline.mgmt, "watch:"])
        quiet = self.lab.start("watch-own-port", ["ovs-ofctl", "-O", "OpenFlow13", "monitor",
                                                  self.lifeline.mgmt, "watch:!initial,!delete,!actions,arp"])

        def lines(monitor):
            return [line.strip() for line in monitor.log().splitlines() if "event=" in line]
        for monitor in monitors.values():
            self.lab.until(lambda monitor=monitor: lines(monitor), "the first dump is printed")
        self.lab.until(lambda: "MONITOR" in quiet.log(), "an empty first dump is printed")
        add("priority=6,in_port=1,dl_vlan=5,dl_vlan_pcp=3,arp,arp_tpa=10.1.2.3,actions=output:2")
        match = "priority=8,udp,tp_src=4096,dl_src=00:00:00:00:00:01/01:00:00:00:00:01"
        add(f"{match},actions=output:1,output:2")
        add(f"{match},cookie=9,hard_timeout=70,actions=output:1")
        for _ in range(2):  # the second changes nothing and is not told
            self.run_ofctl("OpenFlow13", "mod-flows", "tcp,actions=output:2")
        self.run_ofctl("OpenFlow13", "del-flows", "arp")
        add("hard_timeout=1,icmp6,icmpv6_type=135,nd_target=fe80::1,nd_sll=1:2:3:4:5:6,actions=normal")
        for monitor in monitors.values():
            self.lab.until(lambda monitor=monitor: "reason=hard" in monitor.log(), "the time-out is told")
        add("priority=7,ipv6,ipv6_dst=2001:db8::/32,actions=drop")
        self.run_ofctl("OpenFlow13", "del-flows", "udp")
        for version, monitor in monitors.items():
            with self.subTest(version=version):
                self.lab.until(lambda monitor=monitor: len(lines(monitor)) >= len(expected),
                               "all updates are printed")
                self.assertEqual(lines(monitor), expected)
                monitor.stop()
        self.assertEqual(lines(quiet), ["event=ADDED " + arp.split(" actions")[0]])
        quiet.stop()
