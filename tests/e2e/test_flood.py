"""Floods that a worker cannot forward, from the test NIC's generator; hidden rules in software only."""

import socket
import struct
import threading

from lab import case, openflow, wait

MORE_THAN_IS_FORWARDED = 5_000_000
# Not the local port's, as which it would be dropped at once.
HOST = "src_mac=02:00:00:00:0a:0a"


class Flood(case.LabTest):
    def bring_up(self, nic="profile=none", **kwargs):
        self.net = self.network(1)
        self.controller = openflow.Controller(self.net.ctl).start()
        self.lifeline = self.watch(self.net.make_switch(nic=nic, telemetry=True, **kwargs)).start()
        self.net.address_local(self.lifeline, "static")
        self.session = self.controller.session()

    def generate(self, port, text):
        self.assertEqual(self.lifeline.telemetry(f"/testnic/generate,net_testnic{port - 1},{text}"), "done")

    def drops(self, name):
        return next(d["count"] for d in self.lifeline.ctl_json("stats")["drops"] if d["name"] == name)

    def echoes_are_answered(self, n=20):
        for _ in range(n):
            self.session.echo()
        self.assertFalse(self.session.closed.is_set())
        self.assertEqual(len(self.controller.sessions), 1)

    def test_echoes_are_answered_through_a_flood_on_another_port_and_on_the_uplink_itself(self):
        self.bring_up()
        self.lifeline.ofctl("add-flow", "in_port=1,actions=output:2")
        for port in (2, 1):
            before = self.drops("shed")
            self.generate(port, f"gen=newflows,rate={MORE_THAN_IS_FORWARDED},{HOST}")
            self.lab.until(lambda since=before: self.drops("shed") > since, f"the flood into port {port} is shed")
            self.echoes_are_answered()
            self.generate(port, "gen=none")

    def test_a_flood_into_every_port_leaves_control_its_buffers(self):
        """Each port brings more than is forwarded, all of it to other ports and to the controller; pools of usual sizes."""
        self.bring_up()
        for flow in ("in_port=1,actions=output:2,CONTROLLER", "in_port=2,actions=output:1,CONTROLLER",
                     "in_port=3,actions=output:1,output:2,CONTROLLER"):
            self.lifeline.ofctl("add-flow", flow)
        with self.net.h2.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x88B6)) as wire:
            wire.bind(("eth0", 0x88B6))
            wire.settimeout(5 * wait.SLOW)
            for port in (1, 2, 3):
                self.generate(port, f"gen=newflows,rate={MORE_THAN_IS_FORWARDED},{HOST}")
            for name in ("shed", "packet_in_metered"):
                self.lab.until(lambda what=name: self.drops(what) > 0, f"{name} is counted")
            for number in range(10):
                # By the TAP, and by the control pool.
                self.session.echo()
                frame = "ffffffffffff02000000000a88b6" + f"{number:02x}" * 46
                self.lifeline.ofctl("packet-out", "LOCAL", "output:3", frame)
                self.assertEqual(wire.recv(2048).hex(), frame)
        for name in ("no_buffer", "local_read_no_mbuf", "inband_ring_full"):
            self.assertEqual(self.drops(name), 0, name)
        self.assertEqual(len(self.controller.sessions), 1)

    def test_a_flood_of_data_or_of_arp_leaves_the_control_queue_its_buffers(self):
        """igb steers ARP by its type alone: all of it is foreign, and comes by the control queue."""
        self.bring_up(nic="profile=igb")
        self.lifeline.ofctl("add-flow", "in_port=1,actions=output:2")

        def nic_counts():
            port = next(p for p in self.lifeline.ctl_json("ports", "-v")["ports"] if p["name"] == "p1")
            return port["xstats"]

        def known():
            return self.lifeline.ctl_json("offload")["ports"][0]["known"]
        self.assertEqual(self.lifeline.ctl_json("offload")["ports"][0]["control_queue"], 1)
        for source, queue in (("newflows", 0), ("arp", 1)):
            before, full = known(), nic_counts()[f"rx_q{queue}_missed"]
            self.generate(1, f"gen={source},rate={MORE_THAN_IS_FORWARDED},{HOST}")
            self.lab.until(lambda q=queue, since=full: nic_counts()[f"rx_q{q}_missed"] + nic_counts()["rx_generator_lost"]
                           > since, f"more {source} comes than is taken")
            for _ in range(10):
                self.session.echo()
            self.assertGreaterEqual(known(), before + 10, "the session came by the control queue")
            self.assertEqual(nic_counts()["rx_q1_no_mbuf"], 0)
        self.generate(1, "gen=none")
        self.assertGreater(self.lifeline.ctl_json("offload")["ports"][0]["excess"], 0)

    def test_a_full_uplink_queue_drops_data_and_not_the_session(self):
        """One TX queue for all, of a wire that takes a twentieth of what is asked for."""
        self.bring_up(nic="profile=none,queues=1")
        self.lifeline.ofctl("add-flow", "in_port=2,actions=output:1")

        def send(rate):
            self.assertEqual(self.lifeline.telemetry(f"/testnic/send,net_testnic0,{rate}"), "done")

        def repeated():
            """TCP segments that the host has sent again."""
            head, values = [line.split() for line in self.net.sw.run("cat", "/proc/net/snmp").stdout.splitlines()
                            if line.startswith("Tcp:")]
            return int(values[head.index("RetransSegs")])

        def reading():
            ports = {p["name"]: p for p in self.lifeline.ctl_json("ports")["ports"]}
            dropped = sum(d["count"] for d in self.lifeline.ctl_json("stats")["drops"])
            return ports["p2"]["rx_packets"], ports["p1"]["tx_packets"], dropped
        before = reading()
        send(1000)
        self.generate(2, f"gen=flows,rate=20000,{HOST}")
        self.lab.until(lambda: self.drops("tx_full") > 1000, "the uplink's queue is full")
        known, full = repeated(), self.drops("tx_full")
        for _ in range(50):
            self.session.echo(timeout=1)
        self.assertGreater(self.drops("tx_full"), full, "it was full meanwhile")
        # Were control frames dropped as data are, nineteen of twenty would have been sent again.
        self.assertLessEqual(repeated() - known, 5)
        self.generate(2, "gen=none")
        send("all")
        self.session.echo()

        def counted():
            """Each frame of the flood was sent, or is in a counter; the session's are beside."""
            came, went, dropped = (now - then for now, then in zip(reading(), before))
            return came > 1000 and came <= went + dropped < came + 2000
        self.lab.until(counted, "every frame that came is sent or counted")

    def test_packet_ins_of_a_flooded_port_are_metered_and_a_controller_that_does_not_read_is_given_up(self):
        self.bring_up(controllers=["tcp:10.0.0.1:6653", "tcp:10.0.0.1:6654"],
                      config={"inactivity_probe_s": 1, "packet_in_pps": 500})
        self.lifeline.allow(r"WARN .*10\.0\.0\.1:6654")
        deaf = self.net.ctl.socket()
        deaf.bind(("", 6654))
        deaf.listen(1)
        deaf.settimeout(15)
        connection, _ = deaf.accept()
        with connection:
            hello = struct.pack("!BBHI", openflow.V13, openflow.HELLO, 8, 1)
            connection.sendall(hello + struct.pack("!BBHI", openflow.V13, openflow.FEATURES_REQUEST, 8, 2))
            self.lifeline.ofctl("add-flow", "in_port=2,actions=CONTROLLER")
            self.generate(2, f"gen=flows,rate=20000,{HOST}")
            self.lab.until(lambda: self.drops("packet_in_metered") > 1000, "packet-ins are metered")
            self.lab.until(lambda: self.drops("connections_broken") > 0, "the one that does not read is given up")
            self.echoes_are_answered()
            self.assertGreater(self.session.packet_ins, 0)

    def test_a_controller_that_writes_and_does_not_read_is_cut_off_and_the_other_goes_on(self):
        """Echo replies, statistics and packet-ins pile up for it, and it is never silent."""
        self.bring_up(controllers=["tcp:10.0.0.1:6653", "tcp:10.0.0.1:6654"], config={"inactivity_probe_s": 1})
        deaf = self.net.ctl.socket()
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        deaf.bind(("", 6654))
        deaf.listen(4)
        deaf.settimeout(15)
        connection, _ = deaf.accept()
        self.lifeline.ofctl("add-flow", "in_port=2,actions=CONTROLLER")
        self.generate(2, f"gen=flows,rate=2000,{HOST}")
        every_flow = struct.pack("!HH4xB3xII4xQQHH4x", 1, 0, 0xFF, 0xFFFFFFFF, 0xFFFFFFFF, 0, 0, 1, 4)
        said = (struct.pack("!BBHI", openflow.V13, openflow.ECHO_REQUEST, 60008, 3) + bytes(60000)
                + struct.pack("!BBHI", openflow.V13, 18, 8 + len(every_flow), 4) + every_flow)
        written = []

        def write():
            connection.sendall(struct.pack("!BBHI", openflow.V13, openflow.HELLO, 8, 1))
            try:
                while True:
                    written.append(connection.send(said[sum(written) % len(said):]))
            except OSError:
                pass  # the switch has closed it
        with connection:
            writer = threading.Thread(target=write, daemon=True)
            writer.start()
            times = []

            def cut_off():
                times.append(self.session.echo())
                return not writer.is_alive()
            self.lab.until(cut_off, "the one that writes and does not read is cut off")
        self.assertGreater(sum(written), 60000)
        self.assertLess(max(times), 0.25 * wait.SLOW, f"the slowest of {len(times)} echoes of the other controller")
        # It is tried again, and the other one has noticed nothing.
        deaf.accept()[0].close()
        deaf.close()
        self.assertIn("does not read", self.lifeline.remote(1)["last_error"] + self.lifeline.process.log())
        before = self.session.packet_ins
        self.lab.until(lambda: self.session.packet_ins > before, "packet-ins go on")
        self.echoes_are_answered()
