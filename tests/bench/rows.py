"""The rows that scripts/bench can measure."""

import os

import pcap
from lab import process


class ForwardingRow:
    group = "forwarding"
    unit = "Mpps"
    sides = ("testpmd", "openvswitch", "lifeline")
    loop = True  # the pcap is replayed for ever
    exact_entries = 262144  # of Lifeline's exact-match table
    # The pcap PMD holds every packet in an mbuf.
    mbufs, memory_mib = 400000, 2048

    def __init__(self, name, text, flows, rules, goal):
        self.name, self.text, self.flows, self.rules = name, text, flows, rules
        self.goal = goal  # Lifeline's ratio to testpmd
        if flows > 200000:
            self.exact_entries, self.mbufs, self.memory_mib = 2 * flows, flows + 200000, 6144
            # Open vSwitch keeps 200 000 datapath flows (other_config:flow-limit).
            self.sides = ("testpmd", "lifeline")
        self.pcap = None
        self.lesson = None  # a pcap with one frame from the destination, for NORMAL
        self._rules_file = None

    def prepare(self, directory):
        self.pcap = os.path.join(directory, f"{self.flows}.pcap")
        if not os.path.exists(self.pcap):
            pcap.write(self.pcap, self.flows)
        if self.rules == "normal":
            self.lesson = os.path.join(directory, "lesson.pcap")
            pcap.write_frames(self.lesson, [self.LESSON])
        if self.rules == "exact":
            self._rules_file = os.path.join(directory, f"{self.flows}.rules")
            if not os.path.exists(self._rules_file):
                pcap.exact_rules(self._rules_file, self.flows)

    def program(self, mgmt):
        """Gives the rules to a switch by its OpenFlow management socket."""
        if self.rules == "exact":
            process.run(["ovs-ofctl", "-O", "OpenFlow13", "add-flows", mgmt, self._rules_file],
                        timeout=300)
        elif self.rules == "normal":
            process.run(["ovs-ofctl", "-O", "OpenFlow13", "add-flow", mgmt, "actions=NORMAL"])
        else:
            process.run(["ovs-ofctl", "-O", "OpenFlow13", "add-flow", mgmt,
                         "in_port=1,actions=output:2"])

    # What the destination sends once, for NORMAL to learn where it is: an ARP request from the remote (10.99.0.1),
    # which passes by a hidden rule, whatever the flows say at that moment.
    LESSON = (b"\xff" * 6 + pcap.DESTINATION_MAC + bytes.fromhex("08060001080006040001")
              + pcap.DESTINATION_MAC + bytes([10, 99, 0, 1]) + bytes(6) + bytes([10, 99, 0, 2])).ljust(60, b"\0")

    def teach(self, mgmt):
        """For NORMAL in Open vSwitch: the destination has been seen behind port 2. Lifeline does not learn from a
        packet-out; there the frame comes from the wire (see `lesson`)."""
        if self.rules != "normal":
            return
        process.run(["ovs-ofctl", "-O", "OpenFlow13", "packet-out", mgmt,
                     f"in_port=2 packet={self.LESSON.hex()} actions=NORMAL"])


class ChangesRow(ForwardingRow):
    """See changes.py. `changes`: flow_mods of each kind; 0: new flows are counted."""
    group = "changes"
    unit = "k/s"
    sides = ("openvswitch", "lifeline")

    def __init__(self, name, text, loop=True, changes=0, flows=100000, exact_entries=262144, rules="in_port"):
        super().__init__(name, text, flows, rules, None)
        self.loop, self.changes, self.exact_entries = loop, changes, exact_entries


class PortsRow:
    """See ports.py."""
    group = "ports"
    unit = "Mpps"
    sides = ("testpmd", "openvswitch", "lifeline")

    def __init__(self, kind, text):
        self.kind, self.text = kind, text
        if kind == "memif":
            # Open vSwitch 3.1 opens these ports as type dpdk, and their links never come up.
            self.sides = ("testpmd", "lifeline")
        self.name = f"ports-{kind.replace('_', '-')}"
        self.devices = []  # of the switch, while it runs

    @staticmethod
    def program(mgmt):
        for rule in ("in_port=1,actions=output:2", "in_port=2,actions=output:1"):
            process.run(["ovs-ofctl", "-O", "OpenFlow13", "add-flow", mgmt, rule])


class BringUpRow:
    group = "bring-up"
    unit = "ms"
    sides = ("openvswitch", "lifeline")

    def __init__(self, name, text, event):
        self.name, self.text, self.event = name, text, event


class ControlRow:
    """What bulk work does to everybody else; see control_latency."""
    group = "control"
    unit = "ms"
    sides = ("lifeline",)

    def __init__(self, name, text):
        self.name, self.text = name, text


class FloodRow:
    """A session and new connections through a flood; see flood."""
    group = "control"
    unit = "ms"
    sides = ("without", "openvswitch", "lifeline", "lifeline-offload")

    def __init__(self, flood, text):
        self.name, self.flood = f"control-flood-{flood}", flood
        self.text = f"echoes, connects through a flood of {text} into the port that carries them, at rising rates"


class RecoveryRow:
    group = "recovery"
    unit = "ms"
    sides = ("openvswitch", "lifeline")

    def __init__(self, name, text, event, times=None):
        self.name, self.text, self.event, self.times = name, text, event, times


class RemotesRow:
    """See remotes.py."""
    group = "remotes"
    unit = "ms"
    sides = ("lifeline",)

    def __init__(self, name, text, counts):
        self.name, self.text, self.counts = name, text, counts


class RemotesForwardingRow(ForwardingRow):
    """What a thousand remotes cost forwarding. `cached`: else each packet is of a flow that has lost its entry."""
    group = "remotes"
    unit = "Mpps"
    sides = ("lifeline", "lifeline, 1 000 remotes")

    def __init__(self, name, text, flows, cached):
        super().__init__(name, text, flows, "in_port", None)
        self.cached = cached
        if not cached:
            self.exact_entries = 1024


ROWS = [
    ForwardingRow("1-flow", "1 flow, one in_port rule", 1, "in_port", 0.65),
    ForwardingRow("1k-flows", "1 k flows, one in_port rule", 1000, "in_port", 0.60),
    ForwardingRow("1k-flows-1k-rules", "1 k flows, 1 k exact 5-tuple rules", 1000, "exact", 0.60),
    ForwardingRow("100k-flows", "100 k flows, one in_port rule", 100000, "in_port", 0.55),
    ForwardingRow("100k-flows-100k-rules", "100 k flows, 100 k exact 5-tuple rules", 100000, "exact",
                  0.50),
    ForwardingRow("1m-flows-1m-rules", "1 M flows, 1 M exact 5-tuple rules", 1000000, "exact", 0.40),
    ForwardingRow("1k-flows-normal", "1 k flows, NORMAL, destination learned", 1000, "normal", 0.50),
    PortsRow("af_packet", "1 k flows both ways between two veths (net_af_packet)"),
    PortsRow("memif", "1 k flows both ways between two memif ports"),
    ChangesRow("changes-idle", "flow_mods, 100 k added and deleted, nothing is forwarded", False, 100000, flows=1000),
    ChangesRow("changes-load", "flow_mods, 100 k added and deleted, while 100 k flows are forwarded", True, 100000),
    ChangesRow("new-flows", "100 k flows in turn, each of which has lost its entry, one in_port rule",
               exact_entries=1024),
    BringUpRow("bring-up-listener", "static address, the controller's process starts -> handshake done",
               "listener"),
    BringUpRow("bring-up-link", "static address, the wire to the controller comes up -> handshake done",
               "link"),
    BringUpRow("bring-up-address", "the local port gets its static address -> handshake done",
               "address"),
    ControlRow("control-latency", "echoes while ovs-ofctl adds, dumps, modifies and deletes 100 k flows"),
    FloodRow("flows", "known flows"),
    FloodRow("newflows", "new flows"),
    FloodRow("arp", "ARP"),
    FloodRow("syn", "SYNs to the controller"),
    FloodRow("unknown", "frames to unknown MAC addresses"),
    RecoveryRow("recovery-kernel-event", "the kernel knows another MAC of the next hop -> rules stand, 100 times",
                "kernel", 100),
    RecoveryRow("recovery-mac-announced", "the next hop takes another MAC and announces it -> rules, echo",
                "announced"),
    RecoveryRow("recovery-mac-silent", "the next hop takes another MAC silently -> rules, echo", "silent"),
    RecoveryRow("recovery-restart", "the controller ended and listens again -> handshake done", "restart"),
    RecoveryRow("recovery-address", "the local port's address is another -> handshake done", "address"),
    RecoveryRow("recovery-interface", "the local port was set down, and is up -> echo", "interface"),
    RecoveryRow("recovery-moved", "the controller is at another port -> echo", "moved"),
    RemotesRow("remotes-changes", "1 and 1 000 controllers of switches behind: start, reload, one more, gateway's MAC",
               (1, 1000)),
    RemotesForwardingRow("remotes-flows", "1 k flows, one in_port rule, 1 and 1 000 remotes", 1000, True),
    RemotesForwardingRow("remotes-new-flows", "100 k flows, each of which has lost its entry, 1 and 1 000 remotes",
                         100000, False),
]
GROUPS = sorted({row.group for row in ROWS})
