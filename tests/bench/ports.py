"""Forwarding between real ports: a pair of veths by DPDK's af_packet, or memif, 64-byte UDP of 1024 flows both ways.

The peer is one testpmd (flowgen) on CPU 0 at the far ends of both ports: it sends as fast as it can and counts what
comes back; the figure is the sum of both directions as it received it. The switch's worker is alone on CPU 1. More is
offered than a switch forwards, so that here, and only here, frames are lost: where the ports overflow.
"""

import re
import signal

import sides
from lab import net, switch

FLOWS = 1024
_EAL = ["--no-huge", "--no-shconf", "--no-pci", "--no-telemetry", "-m", "512"]


class Bed:
    """Two ports and the peer behind them."""

    def __init__(self, lab, kind):
        self.lab, self.kind = lab, kind
        self.near, self.far = lab.namespace("bench"), lab.namespace("far")
        if kind == "af_packet":
            for number in (1, 2):
                lab.wire(self.near, f"p{number}", self.far, f"eth{number}")
        self.peer = None

    def devices(self, role):
        """Device arguments of both ports, for "near" (the switch) or "far" (the peer)."""
        if self.kind == "af_packet":
            name = "p" if role == "near" else "eth"
            return [f"net_af_packet{n},iface={name}{n}" for n in (1, 2)]
        word = "server" if role == "near" else "client"
        return [f"net_memif{n},role={word},id={n},socket-abstract=no,socket={self.lab.path(f'memif{n}.sock')}"
                for n in (1, 2)]

    def start_peer(self):
        self.peer = self.far.start("peer", "dpdk-testpmd", *_EAL, "--file-prefix=peer",
                                   "--lcores", f"0@{sides.MAIN_CPU},1@{sides.MAIN_CPU}",
                                   *(f"--vdev={device}" for device in self.devices("far")),
                                   "--", "--forward-mode=flowgen", f"--flowgen-flows={FLOWS}", "--txpkts=64",
                                   "--nb-cores=1", "--stats-period=1", "--total-num-mbufs=32768", "--no-mlockall",
                                   "--no-lsc-interrupt")

    def received(self):
        """Packets that came back, per second, in each second so far."""
        both = zip(*(map(int, re.findall(rf"NIC statistics for port {port} .*?Rx-pps:\s+(\d+)", self.peer.log(),
                                         re.DOTALL)) for port in (0, 1)))
        return [sum(pair) for pair in both]

    def measure(self, seconds):
        begin = len(self.received())

        def enough():
            moving = [n for n in self.received()[begin:] if n > 0]
            return moving[2:] if len(moving) >= 2 + seconds else None  # the first ones hold the start
        figures = self.lab.until(enough, "packets come back", 60 + seconds, 0.1)
        return sum(figures) / len(figures)

    def stop(self):
        if self.peer is not None:
            self.peer.stop(signal.SIGINT)


class Testpmd(sides.Testpmd):
    def start(self, row):
        super().start(row)
        self.lab.until(lambda: "Port statistics ===" in self.process.log(), "testpmd forwards", 20)

    def argv(self, row):
        return ["dpdk-testpmd", *_EAL, "--file-prefix=testpmd", "-l", f"{sides.MAIN_CPU},{sides.WORKER_CPU}",
                f"--main-lcore={sides.MAIN_CPU}", *(f"--vdev={device}" for device in row.devices),
                "--", "--forward-mode=io", "--nb-cores=1", "--total-num-mbufs=32768", "--no-mlockall",
                "--no-lsc-interrupt", "--stats-period=1"]


class OpenVswitch(sides.OpenVswitch):
    def start(self, row):
        self.boot(dpdk=True)
        self.vsctl("add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev", "fail_mode=secure",
                   "protocols=OpenFlow10,OpenFlow13", timeout=120)
        for number, device in enumerate(row.devices, 1):
            self.vsctl("add-port", "br0", f"d{number}", "--", "set", "interface", f"d{number}", "type=dpdk",
                       f"ofport_request={number}", f"options:dpdk-devargs={device}")
            failure = self.vsctl("get", "interface", f"d{number}", "error")
            if failure not in ("[]", ""):
                raise AssertionError(f"Open vSwitch could not open {device}: {failure}")
        row.program(self.mgmt)


class Lifeline(sides.Lifeline):
    def start(self, row):
        class Bench(switch.Switch):
            def eal_arguments(self):
                return [*_EAL, "--file-prefix=bench", "-l", f"{sides.MAIN_CPU},{sides.WORKER_CPU}",
                        f"--main-lcore={sides.MAIN_CPU}"]
        self.switch = Bench(self.lab, self.space(), [], ["tcp:10.99.0.1:6653"], allow=(r"WARN ",), config={
            "ports": [{"name": f"p{n}", "device": device, "number": n} for n, device in enumerate(row.devices, 1)],
            "idle_sleep_us": 0})
        self.switch.start(timeout=60)
        self.switch.local_static("10.99.0.2/24")
        self.lab.until(lambda: set("abcfghi") <= set(self.switch.hidden_letters()), "in-band rules stand")
        row.program(self.switch.mgmt)


SIDES = {side.name: side for side in (Testpmd, OpenVswitch, Lifeline)}


def once(row, name, seconds):
    """Packets per second that came back through this side."""
    lab = net.Lab()
    bed = Bed(lab, row.kind)
    side = SIDES[name](sides.InSpace(lab, bed.near))
    try:
        row.devices = bed.devices("near")
        if row.kind == "af_packet":
            bed.start_peer()
        side.start(row)
        if row.kind == "memif":
            bed.start_peer()  # a client connects once
        return bed.measure(seconds)
    except AssertionError:
        print(lab.logs(), flush=True)
        raise
    finally:
        side.stop()
        bed.stop()
        lab.close()
