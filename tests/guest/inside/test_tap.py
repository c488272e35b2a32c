"""net_tap with a kernel that has what its rte_flow needs: the test NIC's profile beside it, and the switch on it."""

import re
import socket

from lab import case, flow_rules, nic, openflow, switch

_MARKER = flow_rules._eth("02:00:00:00:00:77", 0x88B6, b"")
_CATCH_ALL = "ingress priority 4000 pattern eth / end actions queue index 0 / end"


def bridge(space, tap, wire):
    """The kernel's side of a tap on a wire. Frames that a raw socket sends into the tap itself would not do: their
    VLAN tags are not where tc looks."""
    space.ip("link", "add", "bridge", "type", "bridge")
    for device in (tap, wire):
        space.ip("link", "set", "dev", device, "master", "bridge")
    for device in (tap, wire, "bridge"):
        space.ip("link", "set", "dev", device, "up")


class Tap(case.LabTest):
    def test_rules_are_accepted_refused_and_steered_as_by_the_profile(self):
        peer, host = self.lab.namespace("peer"), self.lab.namespace("host")
        self.lab.wire(peer, "wire", host, "nic")
        self.lab.wire(peer, "tapwire", host, "tapnic")
        pmd = nic.Testpmd(["net_tap0,iface=dtap0", "net_testnic1,profile=tap,iface=nic"], driver=nic.module(),
                          wrap=("ip", "netns", "exec", "host"))
        self.addCleanup(pmd.quit)
        rules = {"catch all": _CATCH_ALL, **flow_rules.RULES, **flow_rules.AGAIN}
        real, ours = ({name: self._short(pmd.create(port, text)) for name, text in rules.items()}
                      for port in (0, 1))
        self.assertEqual({n: (real[n], ours[n]) for n in rules if real[n] != ours[n]}, {})
        # The list tells something: some of each kind.
        self.assertEqual({real["arp"], real["port_mask"], real["arp_again"], real["far_queue"]},
                         {"created", "Operation not supported", "File exists", "Numerical result out of range"})
        bridge(host, "dtap0", "tapnic")
        pmd.command("start")
        taken = {}
        for port, device in enumerate(("tapwire", "wire")):
            with peer.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
                wire.bind((device, 0))
                taken[port] = {name: self._queue_of(pmd, port, wire, frame)
                               for name, frame in flow_rules.PACKETS.items()}
        self.assertEqual({n: (taken[0][n], taken[1][n]) for n in taken[0] if taken[0][n] != taken[1][n]}, {})
        self.assertEqual(taken[0]["from the controller"], 1)
        self.assertEqual(taken[0]["to another port"], 0)
        self.assertEqual(taken[0]["dropped"], None)
        print("   alike:", len(rules), "rules,", len(taken[0]), "kinds of packets", flush=True)

    @staticmethod
    def _short(verdict):
        return verdict if isinstance(verdict, str) else verdict[-1]

    def _queue_of(self, pmd, port, wire, frame):
        """In which queue a frame arrives; None: in none. A marker behind it, which the catch-all rule takes to queue
        0, says that it has passed."""
        count = lambda: [pmd.xstats(port)[f"rx_q{q}_packets"] for q in (0, 1)]
        before = count()
        wire.send(frame)
        passed = count()
        wire.send(_MARKER)
        self.lab.until(lambda: count()[0] > before[0] and count() == count(), "the marker arrives")
        # The marker may overtake a frame of the other queue: both are read in turn.
        passed = count()
        steered, plain = passed[1] - before[1], passed[0] - before[0] - 1
        return 1 if steered else 0 if plain else None


class SwitchOnTap(case.LabTest):
    """Lifeline on net_tap, whose kernel's side is bridged to the wire of the controller. tc is an independent witness."""

    def tc_rules(self):
        """{(queue, what flower matches besides): packets so far} of the rules that net_tap made for received frames,
        as the kernel has them."""
        text = self.space.run("tc", "-s", "filter", "show", "dev", "dtap0", "parent", "1:").stdout
        found = {}
        for rule in re.split(r"^filter (?=.*handle)", text, flags=re.MULTILINE)[1:]:
            queue = re.search(r"queue_mapping (\d+)", rule)
            packets = re.search(r"Sent \d+ bytes (\d+) pkt", rule)
            match = ", ".join(line.strip() for line in rule.split("action order")[0].splitlines()[1:]
                              if "not_in_hw" not in line and line.strip())
            if queue and packets:
                found[(int(queue.group(1)), match)] = int(packets.group(1))
        return found

    def test_the_session_comes_by_a_control_queue_and_tc_counts_it(self):
        self.space, box = self.lab.namespace("sw"), self.lab.host("ctl", "10.0.0.1/24")
        self.space.sysctl("net.ipv4.conf.all.arp_ignore=1")
        self.lab.wire(self.space, "p1", box, "eth0")
        box.configure()
        controller = openflow.Controller(box).start()
        # persist: the interface outlives the switch, so that what it leaves behind can be seen.
        lifeline = self.watch(switch.Switch(
            self.lab, self.space, [], ["tcp:10.0.0.1:6653"], eal=["--vdev=net_tap0,iface=dtap0,persist"],
            config={"ports": [{"name": "t1", "device": "net_tap0", "number": 1}]})).start()
        bridge(self.space, "dtap0", "p1")
        lifeline.local_static("10.0.0.2/24")
        session = controller.session(timeout=20)
        self.assertEqual(lifeline.hidden_letters(), "abcdefghi")

        def port():
            return lifeline.ctl_json("offload")["ports"][0]

        def steered():
            """What tc has sent to the control queue."""
            return sum(n for (queue, _), n in self.tc_rules().items() if queue == port()["control_queue"])
        self.assertIsNotNone(port()["control_queue"], port()["reason"])
        self.lab.until(lambda: {r["intent"][1]: r["rung"] for r in port()["rules"]}.get("i") == "exact",
                       "the rule for what the controller sends stands in the kernel")
        rules = self.tc_rules()
        self.assertTrue(any("src_ip 10.0.0.1" in match and "src_port 6653" in match for _, match in rules), rules)
        before_tc, before = steered(), port()
        for _ in range(20):
            session.echo()
        self.assertGreaterEqual(steered(), before_tc + 20, "tc counts what the controller sends")
        self.assertGreaterEqual(port()["known"], before["known"] + 20, "it arrives in the control queue")
        self.assertEqual(port()["unsteered"], before["unsteered"], "nothing of it comes by a data queue")

        # Data goes by the catch-all rule to a data queue, and stays out of the control queue.
        before_tc, before = self.tc_rules(), port()
        with box.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
            wire.bind(("eth0", 0))
            for _ in range(20):
                wire.send(_MARKER)

        def data():
            return sum(n for (queue, _), n in self.tc_rules().items() if queue != port()["control_queue"])
        self.lab.until(lambda: data() >= 20, "tc counts the data")
        self.assertEqual(port()["foreign"], before["foreign"])
        lifeline.stop()
        self.assertTrue(self.space.has_device("dtap0"))
        self.assertEqual(self.tc_rules(), {}, "nothing is left in the kernel")
