"""What carries the session in a flood row: a wire alone, Open vSwitch, Lifeline without and with hidden rules in the NIC.

In each the test NIC (tests/nic) makes the flood on the worker's CPU and puts it into the worker's queue. Flooded
packets leave by a device that swallows them, or die where the tables say. Each is driven and read by DPDK's telemetry.
"""

import os
import sys

import sides
from lab import nic, openflow, process, switch, topology

MAIN_CPU, WORKER_CPU = sides.MAIN_CPU, sides.WORKER_CPU
# ARP and the rest of a flood are the tables' affair: forwarded like all else. Unknown MACs are flooded by NORMAL.
ACTIONS = {"unknown": "NORMAL"}
_PROBES_BELOW = 30000  # ephemeral ports start above


class Controller(openflow.Controller):
    """Takes sessions, and ends at once what comes from the ports that probes use."""

    def accepted(self, connection, peer):
        if peer[1] < _PROBES_BELOW:
            connection.close()
        else:
            super().accepted(connection, peer)


def port_statistics(device):
    """The NIC's counters of the ethdev with that name."""
    for port in nic.telemetry("/ethdev/list"):
        if nic.telemetry(f"/ethdev/info,{port}")["name"] == device:
            return nic.telemetry(f"/ethdev/stats,{port}")
    raise AssertionError(f"no device {device}")


def placement(started):
    """[(thread, CPUs)] of the processes; threads of one name and place once."""
    found = {}
    for each in started:
        for thread in os.listdir(f"/proc/{each.pid}/task"):
            try:
                with open(f"/proc/{each.pid}/task/{thread}/comm", encoding="ascii", errors="replace") as file:
                    name = file.read().strip()
                cpus = os.sched_getaffinity(int(thread))
            except (OSError, ProcessLookupError):
                continue  # it ended meanwhile
            found[f"{each.name}/{name}"] = ",".join(map(str, sorted(cpus)))
    return sorted(found.items())


class Side:
    """A controller and, `behind` the wire, whatever its session ends at. probe_space: where connects start from."""

    source, sink = "net_testnic0", "net_null1"  # the names of the devices

    def __init__(self, lab, flood):
        self.lab, self.flood = lab, flood
        self.session = self.controller = self.probe_space = None

    def reading(self):
        """Packets so far: what the worker's NIC queues took, what left, what the NIC had no room for."""
        source, sink = port_statistics(self.source), port_statistics(self.sink)
        return {"received": source["ipackets"], "forwarded": sink["opackets"], "missed": source["imissed"]}

    def generate(self, source):
        answer = nic.telemetry(f"/testnic/generate,{self.source},{source}")
        if answer != "done":
            raise AssertionError(f"the test NIC does not generate: {answer}")

    def processes(self):
        return [p for p in self.lab.processes if p.poll() is None]

    def stop(self):
        self.controller.stop()


class Without(Side):
    """The base line: the session's two ends on one wire, while testpmd bears the same flood on the worker's CPU."""

    name = "without"

    def start(self):
        space, ctl = self.lab.namespace("sw"), self.lab.host("ctl", "10.0.0.1/24")
        self.lab.wire(space, "br0", ctl, "eth0")
        ctl.configure()
        space.ip("addr", "add", topology.LOCAL_PREFIX, "dev", "br0")
        self.probe_space = space
        space.start("testpmd", "dpdk-testpmd", "--no-huge", "--no-shconf", "--no-pci", "-m", "512",
                    "--file-prefix=lab", "-l", f"{MAIN_CPU},{WORKER_CPU}", f"--main-lcore={MAIN_CPU}",
                    "-d", nic.module(), "--vdev=net_testnic0,profile=none", "--vdev=net_null1,no-rx=1",
                    "--", "--forward-mode=io", "--nb-cores=1", "--total-num-mbufs=65536", "--no-mlockall",
                    "--stats-period=60")
        self.lab.until(self._forwards, "testpmd runs", 30)
        self.controller = Controller(ctl).start()
        space.start("responder", sys.executable, os.path.join(os.path.dirname(__file__), "responder.py"),
                    "10.0.0.1", "6653")
        self.session = self.controller.session()

    def _forwards(self):
        """Its telemetry answers before its ports are there."""
        try:
            self.generate("gen=newflows,count=64")
            return self.reading()["forwarded"] > 0
        except (OSError, AssertionError):
            return False


class OpenVswitch(Side):
    """With DPDK, its PMD thread alone on the worker's CPU, in-band control, and the rule that Lifeline has."""

    name = "openvswitch"
    source, sink = "net_testnic0", "net_null_y"

    def start(self):
        network = topology.Network(self.lab, 1)
        self.controller = Controller(network.ctl).start()
        self.probe_space = network.sw
        self.ovs = ovs = sides.OpenVswitch(sides.InSpace(self.lab, network.sw))
        ovs.boot(dpdk=True, eal=f"-m 1024 --file-prefix=lab -d {nic.module()}")
        ovs.vsctl("add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev", "fail_mode=secure",
                  "protocols=OpenFlow10,OpenFlow13", "other-config:hwaddr=02:00:00:00:00:01", timeout=120)
        self._add("p1", 1, f"{self.source},iface=p1,profile=none")
        self._add("sink", 2, f"{self.sink},no-rx=1")
        network.sw.ip("link", "set", "dev", "br0", "up")
        network.sw.ip("addr", "add", topology.LOCAL_PREFIX, "dev", "br0")
        ovs.vsctl("set-controller", "br0", network.target(), "--", "set", "controller", "br0",
                  "connection-mode=in-band", "inactivity_probe=60000")
        self.session = self.controller.session(30)
        # After the session: Open vSwitch empties its table when it is given a controller.
        process.run(["ovs-ofctl", "add-flow", ovs.mgmt, f"in_port=1,actions={ACTIONS.get(self.flood, 'output:2')}"])

    def _add(self, name, number, device):
        self.ovs.vsctl("add-port", "br0", name, "--", "set", "interface", name, "type=dpdk",
                       f"ofport_request={number}", f"options:dpdk-devargs={device}")
        failure = self.ovs.vsctl("get", "interface", name, "error")
        if failure not in ("[]", ""):
            raise AssertionError(f"Open vSwitch could not open {device}: {failure}")

    def stop(self):
        super().stop()
        self.ovs.stop()


class Lifeline(Side):
    """Hidden rules in software only."""

    name = "lifeline"
    offload = "off"

    def start(self):
        network = topology.Network(self.lab, 1)
        self.controller = Controller(network.ctl).start()
        self.probe_space = network.sw

        class Bench(switch.Switch):
            def eal_arguments(self):
                return ["--no-huge", "--no-shconf", "--no-pci", "-m", "1024", "--file-prefix=lab",
                        "-l", f"{MAIN_CPU},{WORKER_CPU}", f"--main-lcore={MAIN_CPU}", "-d", nic.module(),
                        "--vdev=net_testnic0,iface=p1,profile=mlx5", "--vdev=net_null1,no-rx=1"]
        self.switch = Bench(self.lab, network.sw, [], [network.target()], allow=(r"WARN ",), telemetry=True, config={
            "ports": [{"name": "p1", "device": "net_testnic0", "number": 1},
                      {"name": "sink", "device": "net_null1", "number": 2}],
            "idle_sleep_us": 0, "offload": {"enabled": self.offload}, "inactivity_probe_s": 60,
        }).start(timeout=60)
        network.address_local(self.switch, "static")
        self.session = self.controller.session()
        self.switch.ofctl("add-flow", f"in_port=1,actions={ACTIONS.get(self.flood, 'output:2')}")

    def reading(self):
        drops = {d["name"]: d["count"] for d in self.switch.ctl_json("stats")["drops"]}
        return {**super().reading(), "shed": drops["shed"] + drops["miss_shed"]}

    def stop(self):
        super().stop()
        self.switch.stop()


class LifelineOffload(Lifeline):
    """Hidden rules in the NIC as well: a control queue."""

    name = "lifeline-offload"
    offload = "auto"


SIDES = {side.name: side for side in (Without, OpenVswitch, Lifeline, LifelineOffload)}
