"""Several controllers and tools at once: none harms another, whatever it sends, does not read, or asks for."""

import os
import socket
import statistics
import struct
import threading
import time

from lab import case, openflow, wait

_HELLO = struct.pack("!BBHI", 4, 0, 8, 1)


def mgmt(lifeline):
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(5 * wait.SLOW)
    connection.connect(lifeline.mgmt[len("unix:"):])
    return connection


def flow_mod(number):
    """ADD of OpenFlow 1.3: priority 10, eth_dst = number, no instruction."""
    oxm = struct.pack("!IHI", 0x80000606, 0x0200, number)
    match = struct.pack("!HH", 1, 4 + len(oxm)) + oxm
    match += b"\0" * (-len(match) % 8)
    body = struct.pack("!QQBBHHHIIIH2x", number, 0, 0, 0, 0, 0, 10, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return struct.pack("!BBHI", 4, openflow.FLOW_MOD, 8 + len(body) + len(match), number) + body + match


class Tool:
    """A client of the management socket, as fast as Python can be."""

    def __init__(self, lifeline):
        self.file = mgmt(lifeline)
        self.file.settimeout(60 * wait.SLOW)
        self.file.sendall(_HELLO)
        self.input = self.file.makefile("rb", buffering=1 << 20)
        self.receive(0)

    def receive(self, wanted):
        """Reads until a message of the type `wanted`; returns its body."""
        while True:
            _, kind, length, _ = struct.unpack("!BBHI", self.input.read(8))
            body = self.input.read(length - 8)
            if kind == wanted:
                return body
            assert kind != openflow.ERROR, f"error {struct.unpack_from('!HH', body)}"

    def load(self, n):
        """n flow_mods and one barrier."""
        sender = threading.Thread(target=self.file.sendall, args=(
            b"".join(flow_mod(i) for i in range(n)) + struct.pack("!BBHI", 4, 20, 8, n),))
        sender.start()
        self.receive(21)
        sender.join()

    def dump(self):
        """All flows; returns their number of bytes."""
        body = struct.pack("!HH4xB3xII4xQQHH4x", 1, 0, 0xFF, 0xFFFFFFFF, 0xFFFFFFFF, 0, 0, 1, 4)
        self.file.sendall(struct.pack("!BBHI", 4, 18, 8 + len(body), 7) + body)
        size = 0
        while True:
            reply = self.receive(19)
            size += len(reply) - 8
            if not struct.unpack_from("!HH", reply)[1] & 1:
                return size

    def close(self):
        self.input.close()
        self.file.close()


class Connections(case.LabTest):
    def bring_up(self, controllers=1):
        network = self.network(1)
        listening = [openflow.Controller(network.ctl, port=6653 + i).start() for i in range(controllers)]
        self.controllers = listening
        lifeline = self.watch(network.make_switch(
            controllers=[network.target(6653 + i) for i in range(controllers)])).start()
        network.address_local(lifeline, "static")
        return network, lifeline, [controller.session() for controller in listening]

    def test_garbage_ends_that_connection_only(self):
        _, lifeline, (first, second) = self.bring_up(controllers=2)
        second.socket.sendall(bytes([9]) * 64)
        self.lab.until(second.closed.is_set, "the controller that sent garbage is cut off")
        for name, bytes_sent, error in (
                ("a length below the header", _HELLO + struct.pack("!BBHI", 4, 2, 4, 5), (1, 6)),
                ("another version", _HELLO + struct.pack("!BBHI", 1, 10, 8, 5), (1, 0)),
                ("no HELLO, and a huge length", struct.pack("!BBHI", 4, 14, 0xFFFF, 5), (0, 0)),
                ("random bytes", os.urandom(4096), None),
                ("a cut header", b"\4\0\0", None)):
            with self.subTest(name), mgmt(lifeline) as bad:
                bad.sendall(bytes_sent)
                if name == "a cut header":
                    bad.shutdown(socket.SHUT_WR)
                got = b""
                try:
                    while piece := bad.recv(65536):
                        got += piece
                except ConnectionResetError:
                    pass  # it closed before it had read everything
                if error:
                    _, kind, length, _ = struct.unpack_from("!BBHI", got, got[2] << 8 | got[3])
                    answer = got[got[2] << 8 | got[3]:][:length]
                    self.assertEqual((kind, struct.unpack_from("!HH", answer, 8)), (openflow.ERROR, error))
        self.assertIn("OFPT_FEATURES_REPLY", lifeline.ofctl("show").stdout)
        self.assertFalse(first.closed.is_set())
        first.echo()
        self.assertEqual(lifeline.remote(0)["connections"], 1)

    def test_a_controller_that_accepts_and_closes_is_tried_ever_less_often(self):
        network, lifeline, (first, second) = self.bring_up(controllers=2)
        times = []

        class Closes(openflow.Controller):
            def accepted(self, connection, peer):
                times.append(time.monotonic())
                connection.close()
        self.controllers[1].stop()
        self.lab.until(second.closed.is_set, "its session is gone")
        closes = Closes(network.ctl, port=6654).start()
        # 50 ms, 100, 200, 400, 800, and then a second for ever.
        self.lab.until(lambda: len(times) >= 8, "it is tried eight times", 15)
        gaps = [later - sooner for sooner, later in zip(times, times[1:])]
        self.assertGreater(sum(gaps[-6:]), 1.2, gaps)
        self.assertGreater(gaps[-1], 0.4, gaps)
        first.echo()
        self.assertEqual(lifeline.remote(0)["connections"], 1)
        reasons = [line.split(": connection failed: ")[1] for line in lifeline.process.log().splitlines()
                   if ":6654: connection failed" in line]
        self.assertEqual(sorted(reasons), sorted(set(reasons)), "a line for each try")
        closes.stop()
        began = time.monotonic()
        openflow.Controller(network.ctl, port=6654).start().session()
        self.assertLess(time.monotonic() - began, 2 * wait.SLOW, "it is let in at the next try")

    def test_a_controller_that_does_not_read_harms_nobody(self):
        """Its answers pile up to a bound; then its requests stay unread, in the kernel's buffers."""
        _, lifeline, (first, second) = self.bring_up(controllers=2)
        with mgmt(lifeline) as slow:
            slow.sendall(_HELLO)
            slow.setblocking(False)
            request = struct.pack("!BBHI", 4, 2, 60008, 1) + bytes(60000)
            sent = 0
            ends = time.monotonic() + 1.5
            while time.monotonic() < ends:
                try:
                    sent += slow.send(request[sent % len(request):])
                except BlockingIOError:
                    first.echo()
                    second.echo()
            self.assertLess(sent, 16 << 20, "megabytes of a peer that does not read were taken")
            self.assertGreater(sent, 1 << 20)
        self.assertEqual([lifeline.remote(i)["connections"] for i in range(2)], [1, 1])

    def test_snoop_shows_what_controllers_and_switch_say(self):
        _, lifeline, (session,) = self.bring_up()
        snoop = lifeline.mgmt.replace(".mgmt", ".snoop")
        tool = self.lab.start("snoop", ["ovs-ofctl", "-O", "OpenFlow13", "-vconsole:off", "snoop", snoop])
        def seen(text):
            session.barrier()
            return text in tool.log()
        for text in ("OFPT_BARRIER_REQUEST", "OFPT_BARRIER_REPLY"):
            self.lab.until(lambda: seen(text), f"snoop shows {text}")
        self.assertEqual(tool.stop(), -15)

    def test_bulk_work_delays_neither_an_echo_nor_forwarding(self):
        """100 000 flows are loaded, dumped and deleted. tests/bench control_latency has the figures; these
        bounds are for a machine that does five other things."""
        network, lifeline, (session,) = self.bring_up()
        lifeline.ofctl("add-flow", "priority=7,in_port=2,actions=output:3")
        lifeline.ofctl("add-flow", "priority=7,in_port=3,actions=output:2")
        self.lab.until(lambda: network.h1.ping("10.7.0.2"), "the hosts reach each other")
        ping = self.lab.start("ping", ["ip", "netns", "exec", "h1", "ping", "-n", "-q", "-i", "0.02",
                                       "10.7.0.2"], must_live=False)
        tool = Tool(lifeline)
        size = []
        work = threading.Thread(target=lambda: (tool.load(100_000), size.append(tool.dump())))
        work.start()
        times = []
        while work.is_alive():
            times.append(session.echo())
            work.join(0.002)
        ping.stop(2)
        tool.close()
        self.assertGreater(size[0], 100_000 * 56)
        self.assertIn("flow_count=100002", lifeline.ofctl("dump-aggregate", options=("--timeout=30",)).stdout)
        p99 = statistics.quantiles(times, n=100)[98]
        self.assertGreater(len(times), 50)
        self.assertLess(p99, 0.05 * wait.SLOW, f"of {len(times)} echoes")
        self.assertIn(" 0% packet loss", ping.log())
