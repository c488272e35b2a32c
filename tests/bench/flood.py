"""A controller's in-band session through a flood into the port that carries it, at rising rates.

Set-up 1 of the end-to-end tests, with the test NIC (tests/nic) in front of the uplink: it makes the flood on the
worker's own CPU and puts it into the worker's queue, where what does not fit is lost, as in a NIC. So what the worker
receives is what a worker could that spends some of its time on making packets; the figures are lower than with
hardware. Flooded packets leave by a device that swallows them, or die where the tables say.

The worker alone has CPU 1; the control lcore, the controller (Python, whose share of an echo is about 0.15 ms) and the
kernel's veths share CPU 0.
"""

import time

from lab import net, nic, openflow, switch, topology, wait

MAIN_CPU, WORKER_CPU = 0, 1
RATES = (0, 500_000, 1_000_000, 2_000_000, 4_000_000, 8_000_000, 14_880_000)  # the last: 10 Gbit/s
FLOODS = {
    "flows": "gen=flows,flows=1000",
    "newflows": "gen=newflows",
    "arp": "gen=arp",
    "syn": "gen=syn,dst_ip=10.0.0.1,dst_port=6653",
    "unknown": "gen=unknown",
}
# ARP and the rest of a flood are the tables' affair: forwarded like all else. Unknown MACs are flooded by NORMAL.
ACTIONS = {"unknown": "NORMAL"}
# An echo later than this met with a loss: TCP repeats a segment after 200 ms.
LATE_S = 0.1
LOST_S = 2.0


def percentile(values, percent):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] if ordered else float("nan")


def rate_text(rate):
    return f"{rate / 1e6:g} M/s"


class Flooded:
    """One switch and one session. `offload`: the hidden rules go into the NIC as well."""

    def __init__(self, lab, flood, offload):
        self.network = topology.Network(lab, 1)
        self.controller = openflow.Controller(self.network.ctl).start()

        class Bench(switch.Switch):
            def eal_arguments(self):
                return ["--no-huge", "--no-shconf", "--no-pci", "-m", "1024", "--file-prefix=lab",
                        "-l", f"{MAIN_CPU},{WORKER_CPU}", f"--main-lcore={MAIN_CPU}", "-d", nic.module(),
                        "--vdev=net_testnic0,iface=p1,profile=mlx5", "--vdev=net_null1,no-rx=1"]
        self.switch = Bench(lab, self.network.sw, [], [self.network.target()], allow=(r"WARN ",), telemetry=True,
                            config={
            "ports": [{"name": "p1", "device": "net_testnic0", "number": 1},
                      {"name": "sink", "device": "net_null1", "number": 2}],
            "idle_sleep_us": 0, "offload": {"enabled": "auto" if offload else "off"}, "inactivity_probe_s": 60,
        }).start(timeout=60)
        self.network.address_local(self.switch, "static")
        self.session = self.controller.session()
        self.switch.ofctl("add-flow", f"in_port=1,actions={ACTIONS.get(flood, 'output:2')}")

    def _reading(self):
        stats = self.switch.ctl_json("stats")
        port = next(p for p in self.switch.ctl_json("ports")["ports"] if p["name"] == "p1")
        worker = stats["workers"][1]
        drops = {d["name"]: d["count"] for d in stats["drops"]}
        return {"when": time.monotonic(), "received": worker["rx_packets"], "forwarded": worker["tx_packets"],
                "shed": drops["shed"] + drops["miss_shed"], "metered": drops["inband_metered"],
                "missed": port["rx_dropped"]}

    def measure(self, flood, rate, seconds):
        """Figures of one rate: packets per second, and the echoes."""
        source = f"{FLOODS[flood]},src_mac=02:00:00:00:0a:0a,rate={rate}" if rate else "gen=none"
        answer = self.switch.telemetry(f"/testnic/generate,net_testnic0,{source}")
        if answer != "done":
            raise AssertionError(f"the test NIC does not generate: {answer}")
        times, lost = [], 0
        before = self._reading()
        end = before["when"] + seconds
        while time.monotonic() < end:
            try:
                times.append(self.session.echo(timeout=LOST_S))
            except wait.Timeout:
                lost += 1
            except openflow.Closed:
                lost += 1
                break
        after = self._reading()
        span = after["when"] - before["when"]
        figures = {name: (after[name] - before[name]) / span for name in before if name != "when"}
        figures.update(echoes=len(times), lost=lost, late=sum(t > LATE_S for t in times),
                       p50_ms=percentile(times, 50) * 1e3, p99_ms=percentile(times, 99) * 1e3)
        return figures

    def stop(self):
        self.switch.telemetry("/testnic/generate,net_testnic0,gen=none")
        self.switch.stop()


def holds(figures):
    return figures["lost"] == 0 and figures["late"] <= max(1, figures["echoes"] // 100)


def print_rate(rate, f):
    print(f"      {rate_text(rate):>12} {f['received'] / 1e6:8.2f}M {f['forwarded'] / 1e6:8.2f}M"
          f" {f['shed'] / 1e6:8.2f}M {f['missed'] / 1e6:9.2f}M {f['echoes']:7} {f['late']:5}"
          f" {f['lost']:5} {f['p50_ms']:8.3f} {f['p99_ms']:8.3f}", flush=True)


def one_side(flood, offload, seconds):
    """{rate: figures} up to the first rate that the session does not bear, and that rate, or None."""
    rows = {}
    lab = net.Lab()
    try:
        flooded = Flooded(lab, flood, offload)
        for rate in RATES:
            rows[rate_text(rate)] = f = flooded.measure(flood, rate, seconds)
            print_rate(rate, f)
            if not holds(f):
                return rows, rate_text(rate)
        flooded.stop()
        return rows, None
    except AssertionError:
        print(lab.logs(), flush=True)
        raise
    finally:
        lab.close()


def measure(flood, seconds):
    """{"offload off": {"ends_at": rate or None, "rates": {rate: figures}}, "offload on": ...}"""
    result = {}
    print(f"    worker on CPU {WORKER_CPU}; control lcore, controller and kernel on CPU {MAIN_CPU}", flush=True)
    for offload in (False, True):
        name = f"offload {'on' if offload else 'off'}"
        print(f"    {name}\n      {'offered':>12} {'received':>9} {'forwarded':>9} {'shed':>9} {'NIC missed':>10}"
              f" {'echoes':>7} {'late':>5} {'lost':>5} {'p50 ms':>8} {'p99 ms':>8}", flush=True)
        rates, ended = one_side(flood, offload, seconds)
        print(f"      {'control lasts at every rate' if ended is None else 'control ends at ' + ended}", flush=True)
        result[name] = {"ends_at": ended, "rates": rates}
    return result
