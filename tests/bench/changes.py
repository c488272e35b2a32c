"""The group `changes`: how fast a switch takes flow_mods, by themselves and in bundles, idle and while it forwards
100 k flows at full rate, and what is left of forwarding meanwhile; and how many flows per second it can make an entry
for that have none.

The rules are those of the forwarding rows: exact 5-tuples, one for each flow that is forwarded, so that under load each
change concerns a flow whose packets are on their way. They are encoded beforehand and written as fast as the switch
reads; the time ends with the reply to a barrier or to the bundle's commit. The client shares CPU 0 with the control
lcore, or with ovs-vswitchd's main thread.
"""

import contextlib
import select
import socket
import struct
import time

import pcap
import sides
from lab import wait

PACE = 20_000  # flow_mods per second, where forwarding is to keep 80 %

VERSION = 4
HELLO, ERROR, ECHO_REQUEST, ECHO_REPLY, EXPERIMENTER = 0, 1, 2, 3, 4
FLOW_MOD, BARRIER_REQUEST, BARRIER_REPLY = 14, 20, 21
ADD, DELETE_STRICT = 0, 4
ONF, BUNDLE_CONTROL, BUNDLE_ADD = 0x4F4E4600, 2300, 2301
OPEN, COMMIT, COMMIT_REPLY = 0, 4, 5
ATOMIC, ORDERED = 1, 2


def message(kind, body=b"", xid=0):
    return struct.pack("!BBHI", VERSION, kind, 8 + len(body), xid) + body


def oxm(field, data):
    return struct.pack("!HBB", 0x8000, field << 1, len(data)) + data


def flow_mod(command, index, xid):
    """One exact rule, of pcap.exact_rules."""
    source, destination, source_port, destination_port = pcap.flow(index)
    fields = b"".join((oxm(0, struct.pack("!I", 1)), oxm(5, b"\x08\x00"), oxm(10, b"\x11"),
                       oxm(11, struct.pack("!I", source)), oxm(12, struct.pack("!I", destination)),
                       oxm(15, struct.pack("!H", source_port)), oxm(16, struct.pack("!H", destination_port))))
    match = struct.pack("!HH", 1, 4 + len(fields)) + fields
    match += bytes(-len(match) % 8)
    action = struct.pack("!HHIH6x", 0, 16, 2, 0)
    instructions = struct.pack("!HH4x", 4, 8 + len(action)) + action if command == ADD else b""
    return message(FLOW_MOD, struct.pack("!QQBBHHHIIIH2x", 0, 0, 0, command, 0, 0, 100, 0xFFFFFFFF, 0xFFFFFFFF,
                                         0xFFFFFFFF, 0) + match + instructions, xid)


def bundle_control(kind):
    return message(EXPERIMENTER, struct.pack("!IIIHH", ONF, BUNDLE_CONTROL, 1, kind, ATOMIC | ORDERED), 1)


def encode(command, count, bundled):
    """Everything for the wire, and what is seen in the message that ends it."""
    mods = [flow_mod(command, index, index + 1) for index in range(count)]
    if not bundled:
        return b"".join(mods) + message(BARRIER_REQUEST, xid=1), lambda m: m[1] == BARRIER_REPLY
    adds = [message(EXPERIMENTER, struct.pack("!III2xH", ONF, BUNDLE_ADD, 1, ATOMIC | ORDERED) + m, index + 1)
            for index, m in enumerate(mods)]
    done = struct.pack("!IIIH", ONF, BUNDLE_CONTROL, 1, COMMIT_REPLY)
    return (bundle_control(OPEN) + b"".join(adds) + bundle_control(COMMIT),
            lambda m: m[1] == EXPERIMENTER and m[8:22] == done)


class Client:
    def __init__(self, mgmt):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(30)
        self.socket.connect(mgmt.removeprefix("unix:"))
        self.received = b""
        self.socket.sendall(message(HELLO, struct.pack("!HHI", 1, 8, 1 << VERSION)))
        self.until(lambda m: m[1] == HELLO)

    def close(self):
        self.socket.close()

    def until(self, is_last, outgoing=b"", bytes_per_s=float("inf")):
        """Writes, and reads what comes meanwhile, up to the message that is_last() knows."""
        view, began, sent = memoryview(outgoing), time.monotonic(), 0
        self.socket.setblocking(False)
        while (now := time.monotonic()) < began + 120:
            may = int(min(1 << 18, (now - began) * bytes_per_s - sent)) if bytes_per_s < float("inf") else 1 << 18
            wants = [self.socket] if view and may > 0 else []
            readable, writable, _ = select.select([self.socket], wants, [], 0.001 if view else 1)
            if writable:
                count = self.socket.send(view[:may])
                view, sent = view[count:], sent + count
            if readable:
                data = self.socket.recv(1 << 16)
                if not data:
                    raise AssertionError("the switch has closed the connection")
                self.received += data
            while len(self.received) >= 4:
                length = struct.unpack("!H", self.received[2:4])[0]
                if len(self.received) < length:
                    break
                one, self.received = self.received[:length], self.received[length:]
                if one[1] == ERROR:
                    raise AssertionError(f"the switch answers with an error: {one[:24].hex()}")
                if one[1] == ECHO_REQUEST:
                    view = memoryview(bytes(view) + message(ECHO_REPLY, one[8:]))
                elif is_last(one):
                    return
        raise AssertionError("no answer in 120 s")


def transmitted(side):
    when, packets, _ = sides.ofctl_tx(side.mgmt, "2")
    return when, packets


def add_and_delete(side, client, count, bundled, pace):
    """(seconds that the flow_mods took, packets forwarded, in how many seconds)"""
    spent, forwarded, elapsed = 0.0, 0, 0.0
    for command in (ADD, DELETE_STRICT):
        outgoing, is_last = encode(command, count, bundled)
        before = transmitted(side)
        began = time.monotonic()
        client.until(is_last, outgoing, pace * len(outgoing) / count if pace else float("inf"))
        spent += time.monotonic() - began
        after = transmitted(side)
        forwarded += after[1] - before[1]
        elapsed += after[0] - before[0]
    return spent, forwarded, elapsed


def flow_mods(row, name, seconds):
    """{what: figure} of one round of one side: flow_mods per second, and under load the share of forwarding kept."""
    kinds = [("single", False, row.changes, None), ("in bundles", True, row.changes, None)]
    if row.loop:
        kinds.insert(0, (f"asked for {PACE // 1000} k/s", False, 2 * PACE, PACE))
    figures = {}
    with sides.started(row, name) as (side, lab):
        base = sides.rate(*moments(side, lab, seconds)) if row.loop else 0.0
        with contextlib.closing(Client(side.mgmt)) as client:
            for what, bundled, count, pace in kinds:
                spent, forwarded, elapsed = add_and_delete(side, client, count, bundled, pace)
                figures[what] = 2 * count / spent / 1e3
                if row.loop:
                    figures[f"{what}, kept"] = 100 * forwarded / elapsed / base
    return figures


def moments(side, lab, seconds):
    """Two readings of what was forwarded, `seconds` apart, once it is under way."""
    begin = transmitted(side)
    lab.until(lambda: transmitted(side)[1] > begin[1] + 100000, f"{side.name} forwards", 30, 0.1)
    wait.holds(side.alive, f"{side.name} lives", 2.0)
    before = transmitted(side)
    wait.holds(side.alive, f"{side.name} lives", seconds)
    return before, transmitted(side)


def new_flows(row, name, seconds):
    """Packets per second none of which finds an entry, each of which makes one. Lifeline's table has room for 1024
    entries and is asked how many missed; Open vSwitch's exact-match cache has 8192, and each of its flows has gone
    from it when it comes again, while its megaflow stays."""
    with sides.started(row, name) as (side, lab):
        moments(side, lab, 0.5)
        first = side.misses(), transmitted(side)
        wait.holds(side.alive, f"{side.name} lives", seconds)
        last = side.misses(), transmitted(side)
    forwarded = sides.rate(first[1], last[1])
    if first[0] is None:
        return {"forwarded": forwarded / 1e3}
    made = (last[0] - first[0]) / (last[1][0] - first[1][0])
    return {"new flows": made / 1e3, "forwarded": forwarded / 1e3}
