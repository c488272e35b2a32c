"""scripts/bench: figures as ratios, taken in one run on this machine.

    sudo scripts/bench --list
    sudo scripts/bench ROW|GROUP... [--json FILE] [--rounds N] [--seconds N] [--samples N] [--sides A,B]

ROW may have wildcards: 'control-flood-*'.
Each round of a forwarding row runs testpmd (the limit: the same devices, no switching), Open vSwitch with DPDK
and Lifeline, one after the other, the worker alone on CPU 1. Printed are median, minimum and maximum over the
rounds, cycles per packet (TSC frequency over packets per second) and the ratio to testpmd. A round in which
Lifeline dropped or shed a packet is void and repeated; a row with three void rounds has failed.
"""

import argparse
import fnmatch
import json
import os
import re
import statistics
import sys
import time

import bring_up
import changes
import control_latency
import flood
import ports
import recovery
import remotes
import rows
import sides
from lab import sandbox, switch

MAX_VOID = 3


def tsc_hz():
    """The TSC's frequency; in virtual machines the "cpu MHz" of Linux is it."""
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        return float(re.search(r"cpu MHz\s*:\s*([\d.]+)", file.read()).group(1)) * 1e6


def summary(values):
    return {"median": round(statistics.median(values), 3), "min": round(min(values), 3),
            "max": round(max(values), 3)}


def show(row, name, figures, base):
    unit = "%" if name.endswith("kept") else row.unit
    text = (f"    {name:28} median {figures['median']:9.2f} {unit}"
            f"  min {figures['min']:9.2f}  max {figures['max']:9.2f}")
    if row.unit == "Mpps":
        text += f"  {tsc_hz() / (figures['median'] * 1e6):6.0f} cycles/packet"
        if base and name != "testpmd":
            text += f"  ratio to testpmd {figures['median'] / base:.2f}"
    print(text, flush=True)


def forwarding(row, wanted, args):
    row.prepare(sandbox.WORK_DIR)
    figures = {name: [] for name in wanted}
    void = 0
    number = 0
    while number < args.rounds:
        for name in wanted:
            while len(figures[name]) <= number:
                try:
                    with sides.started(row, name) as (side, _):
                        figures[name].append(side.measure(args.seconds) / 1e6)
                    print(f"    round {number + 1} {name:24} {figures[name][-1]:8.2f} {row.unit}",
                          flush=True)
                except sides.Void as reason:
                    void += 1
                    print(f"    round {number + 1} {name:12} void: {reason}", flush=True)
                    if void >= MAX_VOID:
                        raise SystemExit(f"{row.name}: {void} void rounds") from None
        number += 1
    return {name: summary(values) for name, values in figures.items()}


def ports_row(row, wanted, args):
    figures = {name: [] for name in wanted}
    for number in range(args.rounds):
        for name in wanted:
            figures[name].append(ports.once(row, name, args.seconds) / 1e6)
            print(f"    round {number + 1} {name:12} {figures[name][-1]:8.3f} {row.unit}", flush=True)
    return {name: summary(values) for name, values in figures.items()}


def bring_up_row(row, wanted, args):
    figures = {name: [] for name in wanted}
    count = {"lifeline": args.bring_ups, "openvswitch": min(5, args.bring_ups)}
    for number in range(max(count[name] for name in wanted)):
        for name in wanted:
            if number < count[name]:
                figures[name].append(bring_up.once(name, row.event, number))
                print(f"    round {number + 1} {name:12} {figures[name][-1]:8.1f} ms", flush=True)
    return {name: summary(values) for name, values in figures.items()}


def control_row(row, wanted, args):
    figures = {}
    if isinstance(row, rows.FloodRow):
        return flood.measure(row.flood, wanted, args.samples)
    for phase, f in (control_latency.once() if wanted else {}).items():
        print(f"    {phase:12} {f['seconds']:7.2f} s  {f['echoes']:6} echoes  median {f['median_ms']:.3f}  "
              f"p99 {f['p99_ms']:.3f}  max {f['max_ms']:.3f} ms  longest turn so far {f['longest_turn_us']} us",
              flush=True)
        figures[phase] = f
    return figures


def recovery_row(row, wanted, args):
    """Each side, its two figures apart."""
    figures = {}
    for name in wanted:
        count = min(3, args.bring_ups) if name == "openvswitch" else min(10, args.bring_ups)
        for what, values in recovery.measure(row, name, count).items():
            if values:
                figures[f"{name} {what}"] = summary(values)
    return figures


def changes_row(row, wanted, args):
    row.prepare(sandbox.WORK_DIR)
    figures = {}
    for number in range(args.rounds):
        for name in wanted:
            measure = changes.flow_mods if row.changes else changes.new_flows
            for what, value in measure(row, name, args.seconds).items():
                figures.setdefault(f"{name}, {what}", []).append(value)
                unit = "%" if what.endswith("kept") else row.unit
                print(f"    round {number + 1} {name:12} {what:18} {value:9.1f} {unit}", flush=True)
    return {what: summary(values) for what, values in figures.items()}


def remotes_row(row, wanted, args):
    if row.unit == "ms":
        return {what: summary(values) for what, values in remotes.measure(row).items()} if wanted else {}
    if row.cached:
        return forwarding(row, wanted, args)
    row.prepare(sandbox.WORK_DIR)
    figures = {name: [] for name in wanted}
    for number in range(args.rounds):
        for name in wanted:
            figures[name].append(changes.new_flows(row, name, args.seconds)["new flows"] / 1e3)
            print(f"    round {number + 1} {name:24} {figures[name][-1]:8.2f} {row.unit}", flush=True)
    return {name: summary(values) for name, values in figures.items()}


def choose(names):
    chosen = []
    for name in names:
        found = [r for r in rows.ROWS if name == r.group or fnmatch.fnmatchcase(r.name, name)]
        if not found:
            raise SystemExit(f"bench: no row or group '{name}'; scripts/bench --list shows them")
        chosen += [r for r in found if r not in chosen]
    return chosen


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="ROW|GROUP")
    parser.add_argument("--list", action="store_true", help="the rows and groups")
    parser.add_argument("--json", help="write the figures there")
    parser.add_argument("--rounds", type=int, default=5, help="alternating rounds (forwarding)")
    parser.add_argument("--seconds", type=int, default=3, help="measured time of each round")
    parser.add_argument("--bring-ups", type=int, default=20, help="bring-ups of Lifeline")
    parser.add_argument("--samples", type=int, default=1000, help="echoes, and connects, of each rate (control-flood-*)")
    parser.add_argument("--sides", help="only these, separated by commas")
    args = parser.parse_args()
    if args.list:
        for row in rows.ROWS:
            print(f"{row.group:11} {row.name:22} {row.unit:5} {row.text}")
        return 0
    if not args.names:
        parser.error("name a row or a group; --list shows them")
    chosen = choose(args.names)
    if (os.cpu_count() or 1) < 2:
        sys.exit("bench: needs two CPUs, one of them for the worker alone")
    json_path = os.path.abspath(args.json) if args.json else None
    sandbox.enter()
    table = []
    for row in chosen:
        wanted = [s for s in row.sides if not args.sides or s in args.sides.split(",")]
        if any(s.startswith("lifeline") for s in wanted):
            switch.binary("lifeline")
        print(f"{row.name}: {row.text}", flush=True)
        began = time.monotonic()
        measure = {"forwarding": forwarding, "control": control_row,
                   "changes": changes_row, "ports": ports_row, "recovery": recovery_row, "remotes": remotes_row}.get(row.group, bring_up_row)
        result = measure(row, wanted, args)
        for name, figures in result.items() if row.group != "control" else ():
            show(row, name, figures, result.get("testpmd", {}).get("median"))
        print(f"    {time.monotonic() - began:.0f} s", flush=True)
        table.append({"row": row.name, "unit": row.unit, **result})
        if json_path:
            with open(json_path, "w", encoding="utf-8") as file:
                json.dump({"rows": table}, file, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
