"""How long an echo on a controller's in-band session takes while ovs-ofctl works on 100 000 flows over the
management socket, and the longest that the control lcore was away from the control packets meanwhile.

Set-up 1 of the end-to-end tests. The flows are exact 5-tuples, none of which any packet matches. The echo client is
Python, whose own share of a round trip is about 0.15 ms.
"""

import os
import subprocess
import time

import pcap
from lab import net, openflow, topology

FLOWS = 100_000


def percentile(values, percent):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def echoes_while(session, busy):
    """Round trip times in ms while busy() says so."""
    times = []
    while busy():
        times.append(session.echo(timeout=30) * 1e3)
    return times


def once(n_flows=FLOWS):
    """{phase: {"seconds", "echoes", "median_ms", "p99_ms", "max_ms", "longest_turn_us"}}; the last of them is the
    longest since the switch's start."""
    lab = net.Lab()
    try:
        network = topology.Network(lab, 1)
        controller = openflow.Controller(network.ctl).start()
        switch = network.make_switch(config={"idle_sleep_us": 0}).start()
        network.address_local(switch, "static")
        session = controller.session()
        path = lab.path("flows")
        pcap.exact_rules(path, n_flows)
        result = {}

        def phase(name, *command):
            began = time.monotonic()
            if command:
                with open(os.devnull, "wb") as nowhere:
                    work = subprocess.Popen(["ovs-ofctl", "-O", "OpenFlow13", *command], stdout=nowhere)
                times = echoes_while(session, lambda: work.poll() is None)
                if work.returncode != 0:
                    raise AssertionError(f"ovs-ofctl {command[0]} ended with status {work.returncode}")
            else:
                times = echoes_while(session, lambda: time.monotonic() < began + 2)
            turn = switch.ctl_json("stats")["control"]["longest_turn_us"]
            result[name] = {"seconds": round(time.monotonic() - began, 2), "echoes": len(times),
                            "median_ms": round(percentile(times, 50), 3),
                            "p99_ms": round(percentile(times, 99), 3),
                            "max_ms": round(max(times), 3), "longest_turn_us": turn}

        phase("idle")
        phase("add-flows", "add-flows", switch.mgmt, path)
        phase("dump-flows", "dump-flows", switch.mgmt)
        phase("mod-flows", "mod-flows", switch.mgmt, "actions=output:3")
        phase("del-flows", "del-flows", switch.mgmt)
        switch.stop()
        return result
    finally:
        lab.close()
