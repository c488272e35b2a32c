"""The three switches of a forwarding row. Each forwards what net_pcap0 replays to net_null1 (net_pcap's and
net_null's names differ for Open vSwitch), one worker on CPU 1, everything else on CPU 0.

A side is started for a row, measured, and stopped; nothing else runs on the machine meanwhile.
"""

import contextlib
import os
import re
import signal
import time

import pcap
from lab import net, process, switch, wait

MAIN_CPU, WORKER_CPU = 0, 1


class Void(Exception):
    """The round does not count: something was dropped, or nothing moved."""


def rate(before, after):
    """Packets per second between two (monotonic seconds, packets) readings."""
    return (after[1] - before[1]) / (after[0] - before[0])


def ofctl_tx(address, port, version="OpenFlow13"):
    """(when, transmitted, dropped or in error) of an OpenFlow port."""
    began = time.monotonic()
    text = process.run(["ovs-ofctl", "-O", version, "dump-ports", address, port]).stdout
    ended = time.monotonic()
    sent = re.search(r"tx pkts=(\d+), bytes=\d+, drop=(\d+|\?), errs=(\d+|\?)", text)
    if sent is None:
        raise Void(f"no port statistics in {text!r}")
    lost = sum(int(n) for n in sent.groups()[1:] if n != "?")
    return (began + ended) / 2, int(sent.group(1)), lost


class InSpace:
    """A lab whose processes start in the namespace of the ports."""

    def __init__(self, lab, space):
        self._lab, self._space = lab, space

    def __getattr__(self, name):
        return getattr(self._lab, name)

    def start(self, name, argv, **kwargs):
        return self._space.start(name, *argv, **kwargs)


class Testpmd:
    """The limit: the same devices, no switching."""

    name = "testpmd"

    def __init__(self, lab):
        self.lab = lab
        self.process = None

    def argv(self, row):
        return ["dpdk-testpmd", "--no-huge", "--no-shconf", "--no-pci", "--no-telemetry", "-m", str(row.memory_mib),
                "--file-prefix=testpmd", "-l", f"{MAIN_CPU},{WORKER_CPU}", f"--main-lcore={MAIN_CPU}",
                "--vdev", f"net_pcap0,rx_pcap={row.pcap},infinite_rx=1", "--vdev", "net_null1,no-rx=1",
                "--", "--forward-mode=io", "--nb-cores=1", "--stats-period=1",
                f"--total-num-mbufs={row.mbufs}", "--no-mlockall"]

    def start(self, row):
        self.process = self.lab.start("testpmd", self.argv(row))

    def _periods(self):
        """Transmitted packets per second of port 1, one figure per second."""
        return [int(n) for n in re.findall(
            r"NIC statistics for port 1 .*?Tx-pps:\s+(\d+)", self.process.log(), re.DOTALL)]

    def measure(self, seconds):
        def enough():
            # The first periods hold the start.
            moving = [n for n in self._periods() if n > 0]
            return moving[2:] if len(moving) >= 2 + seconds else None
        figures = self.lab.until(enough, "testpmd reports its rate", 30 + seconds, 0.1)
        return sum(figures) / len(figures)

    def stop(self):
        if self.process is not None:
            self.process.stop(signal.SIGINT)


class OpenVswitch:
    """What a user would run instead, with DPDK, in directories of its own."""

    name = "openvswitch"

    def __init__(self, lab):
        self.lab = lab
        self.directory = lab.path("ovs")
        self.server = self.daemon = None

    @property
    def env(self):
        return {"OVS_RUNDIR": self.directory, "OVS_DBDIR": self.directory, "OVS_LOGDIR": self.directory,
                "OVS_SYSCONFDIR": self.directory}

    def vsctl(self, *words, timeout=60):
        return process.run(["ovs-vsctl", f"--timeout={timeout}",
                            f"--db=unix:{self.directory}/db.sock", *words], env=self.env,
                           timeout=timeout + 5).stdout.strip()

    def appctl(self, *words):
        return process.run(["ovs-appctl", "-t", f"{self.directory}/vswitchd.ctl", *words],
                           env=self.env).stdout

    @property
    def mgmt(self):
        return f"unix:{self.directory}/br0.mgmt"

    def boot(self, dpdk, eal="--no-telemetry -m 2048"):
        """The database and the daemon; ready for vsctl. `eal`: DPDK's arguments besides the usual ones."""
        process.run(["rm", "-rf", self.directory])
        os.makedirs(self.directory)
        database = f"{self.directory}/conf.db"
        process.run(["ovsdb-tool", "create", database, "/usr/share/openvswitch/vswitch.ovsschema"])
        self.server = self.lab.start("ovsdb-server", [
            "ovsdb-server", database, f"--remote=punix:{self.directory}/db.sock",
            f"--unixctl={self.directory}/ovsdb.ctl"], env=self.env)
        self.lab.until(lambda: os.path.exists(f"{self.directory}/db.sock"), "ovsdb-server listens")
        self.vsctl("--no-wait", "init")
        program = "ovs-vswitchd"
        if dpdk:
            program = "/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk"
            self.vsctl("--no-wait", "set", "Open_vSwitch", ".", "other_config:dpdk-init=true",
                       f"other_config:dpdk-lcore-mask={1 << MAIN_CPU:#x}",
                       f"other_config:pmd-cpu-mask={1 << WORKER_CPU:#x}",
                       f"other_config:dpdk-extra=--no-huge --legacy-mem --no-shconf --no-pci {eal}")
        self.daemon = self.lab.start("ovs-vswitchd", [
            "taskset", "-c", str(MAIN_CPU), program, f"unix:{self.directory}/db.sock",
            f"--unixctl={self.directory}/vswitchd.ctl"] if dpdk else [
                program, f"unix:{self.directory}/db.sock",
                f"--unixctl={self.directory}/vswitchd.ctl"], env=self.env)

    def start(self, row):
        self.boot(dpdk=True)
        self.vsctl("add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev",
                   "fail_mode=secure", "protocols=OpenFlow10,OpenFlow13", timeout=120)
        self.vsctl("add-port", "br0", "sink", "--", "set", "interface", "sink", "type=dpdk",
                   "ofport_request=2", "options:dpdk-devargs=net_null_y,no-rx=1")
        row.program(self.mgmt)
        # Traffic starts with this port, when the rules stand.
        self.vsctl("add-port", "br0", "source", "--", "set", "interface", "source", "type=dpdk",
                   "ofport_request=1",
                   f"options:dpdk-devargs=net_pcap_x,rx_pcap={row.pcap},infinite_rx={int(row.loop)}")
        failure = self.vsctl("get", "interface", "source", "error")
        if failure not in ("[]", ""):
            raise AssertionError(f"Open vSwitch could not open the pcap device: {failure}")
        row.teach(self.mgmt)

    def measure(self, seconds):
        begin = ofctl_tx(self.mgmt, "2")
        self.lab.until(lambda: ofctl_tx(self.mgmt, "2")[1] > begin[1] + 100000, "Open vSwitch forwards",
                       20, 0.1)
        self._settle()
        before = ofctl_tx(self.mgmt, "2")
        wait.holds(self.alive, "ovs-vswitchd lives", seconds)
        after = ofctl_tx(self.mgmt, "2")
        return rate(before, after)

    def _settle(self, most_seconds=60):
        """Until three windows of a second differ by less than 5 %: with many rules its limit of datapath
        flows grows for half a minute, and it would be unfair to measure meanwhile."""
        rates, last = [], ofctl_tx(self.mgmt, "2")
        for _ in range(most_seconds):
            wait.holds(self.alive, "ovs-vswitchd lives", 1.0)
            now = ofctl_tx(self.mgmt, "2")
            rates, last = [*rates[-2:], rate(last, now)], now
            if len(rates) == 3 and max(rates) - min(rates) < 0.05 * max(rates):
                return

    def alive(self):
        return self.daemon.poll() is None

    def misses(self):
        """Open vSwitch counts what its exact-match cache hit, and these are samples: nothing to compare."""
        return None

    def stop(self):
        # PMD threads and no-huge memory make an orderly exit slow; nothing of it is kept.
        for each in (self.daemon, self.server):
            if each is not None:
                each.kill()


class Lifeline:
    """Ours: in-band on, one remote, guards, counters of every rule."""

    name = "lifeline"
    also_reach = ()

    def __init__(self, lab):
        self.lab = lab
        self.switch = None

    def start(self, row):
        side = self
        lab = self.lab
        # With a lesson the sink is a pcap device too: it delivers the lesson once and drops what it is given, as
        # net_null does.
        sink, sink_arguments = ("net_pcap1", f"rx_pcap={row.lesson}") if row.lesson else ("net_null1", "no-rx=1")

        class Bench(switch.Switch):
            def eal_arguments(self):
                return ["--no-huge", "--no-shconf", "--no-pci", "--no-telemetry", "-m", str(row.memory_mib),
                        "--file-prefix=bench", "-l", f"{MAIN_CPU},{WORKER_CPU}",
                        f"--main-lcore={MAIN_CPU}",
                        f"--vdev=net_pcap0,rx_pcap={row.pcap},infinite_rx={int(row.loop)}",
                        f"--vdev={sink},{sink_arguments}"]
        self.switch = Bench(lab, side.space(), [], ["tcp:10.99.0.1:6653"], allow=(r"WARN ",), config={
            "ports": [{"name": "source", "device": "net_pcap0", "number": 1},
                      {"name": "sink", "device": sink, "number": 2}],
            "idle_sleep_us": 0,
            "in_band": {"also_reach": list(self.also_reach)} if self.also_reach else {},
            "sizes": {"flows": max(200000, row.flows), "exact_entries": row.exact_entries, "mbufs": row.mbufs},
        })
        self.switch.start(timeout=90)  # a gigabyte of mbufs
        self.switch.local_static("10.99.0.2/24")
        lab.until(lambda: set("abcfghi") <= set(letters := self.switch.hidden_letters())
                  and letters.count("i") == 1 + len(self.also_reach), "in-band rules stand", 30)
        row.program(self.switch.mgmt)
        if row.lesson:
            learned = pcap.DESTINATION_MAC.hex(":")
            lab.until(lambda: any(e["mac"] == learned and e["port"] == 2
                                  for e in self.switch.ctl_json("fdb")["entries"]), "the destination is learned")

    @property
    def mgmt(self):
        return self.switch.mgmt

    def alive(self):
        return self.switch.running()

    def misses(self):
        """Packets that found no entry, so far."""
        return sum(w["misses"] for w in self.switch.ctl_json("stats")["workers"])

    def space(self):
        return self.lab.namespaces.get("bench") or self.lab.namespace("bench")

    def _drops(self):
        drops = {d["name"]: d["count"] for d in self.switch.ctl_json("stats")["drops"]}
        return drops

    def measure(self, seconds):
        begin = ofctl_tx(self.switch.mgmt, "2")
        self.lab.until(lambda: ofctl_tx(self.switch.mgmt, "2")[1] > begin[1] + 100000,
                       "Lifeline forwards", 20, 0.1)
        wait.holds(self.switch.running, "lifeline lives", 1.0)
        drops_before = self._drops()
        before = ofctl_tx(self.switch.mgmt, "2")
        wait.holds(self.switch.running, "lifeline lives", seconds)
        after = ofctl_tx(self.switch.mgmt, "2")
        drops_after = self._drops()
        lost = {name: count - drops_before.get(name, 0) for name, count in drops_after.items()
                if count != drops_before.get(name, 0)}
        if after[2] != before[2]:
            lost["the sink port"] = after[2] - before[2]
        if lost:
            raise Void(f"dropped meanwhile: {lost}")
        return rate(before, after)

    def stop(self):
        if self.switch is not None and self.switch.process is not None:
            self.switch.process.stop()


class LifelineThousand(Lifeline):
    name = "lifeline, 1 000 remotes"
    also_reach = [f"198.18.{n >> 8}.{n & 255}:6653" for n in range(1000)]


SIDES = {side.name: side for side in (Testpmd, OpenVswitch, Lifeline, LifelineThousand)}


@contextlib.contextmanager
def started(row, name):
    """(side, lab) of one that forwards the row's packets, in a lab of its own; its logs, where it fails."""
    lab = net.Lab()
    side = SIDES[name](lab)
    try:
        side.start(row)
        yield side, lab
    except AssertionError:
        print(lab.logs(), flush=True)
        raise
    finally:
        side.stop()
        lab.close()
