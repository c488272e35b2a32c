"""A controller's in-band session, and new TCP connections to it, through a flood into the port that carries them, at
rising rates: by a wire alone (the base line), Open vSwitch, Lifeline, Lifeline with hidden rules in the NIC.

Set-up 1 of the end-to-end tests, with the test NIC (tests/nic) in front of the uplink: it makes the flood on the
worker's own CPU and puts it into the worker's queue, where what does not fit is lost, as in a NIC. So what the worker
receives is what a worker could that spends some of its time on making packets; the figures are lower than with
hardware. The base line has the same flood on the same CPU, borne by testpmd.

At each rate, a thousand echo requests of the controller, one a millisecond, and then as many connects from the local
port's host. The worker alone has CPU 1; all else (the control lcore, the controller, whose Python is most of an echo,
and the kernel's veths) shares CPU 0: printed as it was found.
"""

import contextlib
import os
import socket
import struct
import time

import flood_sides
from lab import net, openflow, wait

RATES = (0, 1_000_000, 2_000_000, 4_000_000, 8_000_000, 14_880_000)  # the last: 10 Gbit/s
FLOODS = {
    "flows": "gen=flows,flows=1000",
    "newflows": "gen=newflows",
    "arp": "gen=arp",
    "syn": "gen=syn,dst_ip=10.0.0.1,dst_port=6653",
    "unknown": "gen=unknown",
}
SPACING_S = 0.001
# An answer later than this met with a loss: TCP repeats a segment after 200 ms, a SYN after a second.
LATE_S = 0.1
LOST_S = 3.0
GOAL_MS = 2.0  # p99 above the base line
_PROBE_PORTS = (10000, 29999)


def percentile(values, percent):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] if ordered else float("nan")


def rate_text(rate):
    return f"{rate / 1e6:g} M/s" if rate else "idle"


class Prober:
    """What is asked for each sample: echo() and connect() return seconds, or raise."""

    def __init__(self, side):
        self._side = side
        self._port = _PROBE_PORTS[0]

    def echo(self):
        return self._side.session.echo(timeout=LOST_S)

    def _socket(self):
        probe = socket.socket()
        # Gone at once, without a state that would keep its port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        probe.settimeout(LOST_S)
        self._port = self._port + 1 if self._port < _PROBE_PORTS[1] else _PROBE_PORTS[0]
        probe.bind(("10.0.0.2", self._port))
        return probe

    def connect(self):
        with self._socket() as probe:
            began = time.monotonic()
            probe.connect(("10.0.0.1", 6653))
            return time.monotonic() - began

    def in_space(self, function):
        """Runs it in the namespace that connects start from."""
        return self._side.probe_space.call(function)


def sample(ask, count):
    """Figures of up to `count` samples; fewer where the way is seen not to hold."""
    times, lost = [], 0
    begin = time.monotonic()
    for number in range(count):
        time.sleep(max(0.0, begin + number * SPACING_S - time.monotonic()))
        try:
            times.append(ask())
        except (wait.Timeout, TimeoutError):
            lost += 1
        except (openflow.Closed, OSError):
            lost += 1
            break
        if lost + sum(t > LATE_S for t in times[-1:]) and not bears(times, lost, count):
            break
    return {"samples": len(times) + lost, "lost": lost, "late": sum(t > LATE_S for t in times),
            "p50_ms": percentile(times, 50) * 1e3, "p99_ms": percentile(times, 99) * 1e3,
            "max_ms": max(times, default=float("nan")) * 1e3}


def bears(times, lost, count):
    return lost == 0 and sum(t > LATE_S for t in times) <= max(1, count // 100)


def measure_rate(side, flood, rate, samples):
    """Figures of one rate: packets per second, and both kinds of samples."""
    side.generate(f"{FLOODS[flood]},src_mac=02:00:00:00:0a:0a,rate={rate}" if rate else "gen=none")
    prober = Prober(side)
    before, began = side.reading(), time.monotonic()
    figures = {"echo": sample(prober.echo, samples),
               "connect": prober.in_space(lambda: sample(prober.connect, samples))}
    after, span = side.reading(), time.monotonic() - began
    figures.update({name: (after[name] - before[name]) / span for name in before})
    return figures


def holds(figures, samples):
    return all(f["samples"] == samples and f["lost"] == 0 and f["late"] <= max(1, samples // 100)
               for f in (figures["echo"], figures["connect"]))


def print_rate(rate, f, base):
    def packets(name):
        return f"{f[name] / 1e6:9.2f}M" if name in f else f"{'-':>10}"
    text = f"      {rate_text(rate):>10}" + "".join(map(packets, ("received", "forwarded", "shed", "missed")))
    for kind in ("echo", "connect"):
        k = f[kind]
        above = f"{k['p99_ms'] - base[kind]['p99_ms']:+8.3f}" if base else f"{'':8}"
        text += f" |{k['samples']:6}{k['late']:5}{k['lost']:5}{k['p50_ms']:9.3f}{k['p99_ms']:9.3f}{above}"
    print(text, flush=True)


def print_heads():
    kind = f" |{'':6}{'late':>5}{'lost':>5}{'p50 ms':>9}{'p99':>9}{'- base':>8}"
    print(f"      {'offered':>10}" + "".join(f"{n:>10}" for n in ("received", "forwarded", "shed", "missed"))
          + kind.replace(" " * 6, "echoes", 1) + kind.replace(" |" + " " * 6, " |" + "connct", 1), flush=True)


@contextlib.contextmanager
def pinned():
    """This process, the controller in it and whatever it starts: on the main CPU."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {flood_sides.MAIN_CPU})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def one_side(name, flood, samples, base):
    """{rate: figures} up to the first rate that the session does not bear, and that rate, or None. `base`: the
    base line's."""
    rates = {}
    lab = net.Lab()
    side = flood_sides.SIDES[name](lab, flood)
    try:
        side.start()
        places = "; ".join(f"{thread} {cpus}" for thread, cpus in flood_sides.placement(side.processes()))
        print(f"    {name}\n      CPUs: controller and probes {','.join(map(str, os.sched_getaffinity(0)))}; {places}",
              flush=True)
        print_heads()
        for rate in RATES:
            rates[rate_text(rate)] = f = measure_rate(side, flood, rate, samples)
            print_rate(rate, f, base.get(rate_text(rate)))
            if not holds(f, samples):
                return rates, rate_text(rate)
        side.generate("gen=none")
        side.stop()
        return rates, None
    except AssertionError:
        print(lab.logs(), flush=True)
        raise
    finally:
        lab.close()


def goal_reached(figures, base, samples):
    """None lost, all within a loss's time, and p99 within 2 ms of the base line."""
    return all(figures[kind]["samples"] == samples and figures[kind]["lost"] == figures[kind]["late"] == 0
               and figures[kind]["p99_ms"] < base[kind]["p99_ms"] + GOAL_MS for kind in ("echo", "connect"))


def verdict(name, rates, ended, base, samples):
    text = "bears every rate" if ended is None else f"ends at {ended}"
    met = [rate for rate, f in rates.items() if rate in base and goal_reached(f, base[rate], samples)]
    if base and name != flood_sides.Without.name:
        text += f"; none late or lost, p99 less than {GOAL_MS:g} ms above the base line: " + (", ".join(met) or "nowhere")
    print(f"      {text}", flush=True)
    return met


def measure(flood, wanted, samples):
    """{side: {"ends_at": rate or None, "goal_at": [rates], "rates": {rate: figures}}}"""
    result, base = {}, {}
    with pinned():
        for name in wanted:
            rates, ended = one_side(name, flood, samples, base)
            if name == flood_sides.Without.name:
                base = rates
            result[name] = {"ends_at": ended, "goal_at": verdict(name, rates, ended, base, samples), "rates": rates}
    return result
