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
