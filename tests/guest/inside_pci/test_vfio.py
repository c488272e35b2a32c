"""NICs of PCI bound to vfio-pci behind an IOMMU, as on a server: bound with dpdk-devbind.py, in huge pages."""

import glob
import json
import os
import re
import signal

from lab import case, openflow, process, switch, wait
from pci import FAR_WIRE, NICS, PLUGGED, WIRE, driver_of, find


def bind(address, driver="vfio-pci"):
    process.run(["dpdk-devbind.py", f"--bind={driver}", address], timeout=30)


def empty_slot():
    """PCI address that a NIC behind QEMU's root port `plug` will have: of the only root port with nothing behind."""
    found = []
    for bus in glob.glob("/sys/bus/pci/devices/*/pci_bus/*"):
        port = os.path.dirname(os.path.dirname(bus))
        if not glob.glob(port + "/*:*:00.0"):
            found.append(os.path.basename(bus) + ":00.0")
    assert len(found) == 1, found
    return found[0]


def qemu(command, **arguments):
    """Has QEMU do it (tests/guest/machine.py)."""
    if os.path.exists("/guest/answer"):
        os.unlink("/guest/answer")
    with open("/guest/request.new", "w", encoding="utf-8") as file:
        json.dump({"execute": command, "arguments": arguments}, file)
    os.rename("/guest/request.new", "/guest/request")
    wait.until(lambda: os.path.exists("/guest/answer"), f"QEMU answers {command}", 20)
    with open("/guest/answer", encoding="utf-8") as file:
        answer = json.load(file)
    assert "return" in answer, answer


class VfioSwitch(switch.Switch):
    """On PCI devices: no af_packet, huge pages."""

    def eal_arguments(self):
        arguments = [a for a in super().eal_arguments() if a not in ("--no-huge", "--no-pci")]
        arguments[arguments.index("-m") + 1] = "256"
        return arguments


class Vfio(case.LabTest):
    def take_nic(self, mac, host):
        """The kernel's NIC becomes eth0 of the host. The lab has a network namespace of its own; NICs are in the
        guest's first (tests/guest/run.py)."""
        interface, _ = find(mac)
        process.run(["nsenter", "--net=/dev/first_net", "ip", "link", "set", "dev", interface, "netns", host.name,
                     "name", "eth0"])
        host.run("ethtool", "-K", "eth0", "tx", "off", "rx", "off", "tso", "off", "gso", "off", "gro", "off",
                 check=False)
        host.ip("link", "set", "dev", "eth0", "up")
        host.configure()

    def test_the_switch_reaches_its_controller_over_nics_of_vfio_and_takes_one_that_is_plugged_in(self):
        box, space = self.lab.host("ctl", "10.0.0.1/24"), self.lab.namespace("sw")
        self.take_nic(WIRE, box)
        controller = openflow.Controller(box).start()
        addresses = {}
        for kind, mac in NICS.items():
            _, addresses[kind] = find(mac)
            bind(addresses[kind])
            self.assertEqual(driver_of(addresses[kind]), "vfio-pci")
        slot = empty_slot()
        for kind, address in addresses.items():
            known = len(controller.sessions)
            ports = [{"name": kind, "device": address, "number": 1}]
            if kind == "virtio":
                ports.append({"name": "later", "device": slot, "number": 2, "optional": True})
            lifeline = VfioSwitch(self.lab, space, [], ["tcp:10.0.0.1:6653"], eal=["-a", address], name=kind,
                                  config={"ports": ports})
            self.watch(lifeline)
            if kind == "virtio":
                lifeline.allow("port later: device .* cannot be used")
            lifeline.start()
            lifeline.local_static("10.0.0.2/24")
            session = controller.session(after=known, timeout=20)
            session.echo()
            if kind == "virtio":
                self.plug_in_and_out(lifeline, box, session, slot)
            lifeline.stop()

    def plug_in_and_out(self, lifeline, box, session, slot):
        far = self.lab.host("far", "10.0.0.3/24")
        self.take_nic(FAR_WIRE, far)
        lifeline.ofctl("add-flow", "priority=0,actions=NORMAL")
        # While all this happens the other port forwards.
        pings = box.start("ping", "ping", "-q", "-i", "0.1", "-W", "5", "10.0.0.2", must_live=False)
        there = lambda: any(p["name"] == "later" and p["link"] == "up" for p in lifeline.ctl_json("ports")["ports"])
        lifeline.allow("port 2 .later.: its device .* is gone")
        for _ in range(2):
            qemu("device_add", driver="e1000e", id="plugged", netdev="plug", bus="plug", mac=PLUGGED, romfile="")
            self.lab.until(lambda: driver_of(slot) not in (None, "vfio-pci"), "the kernel's driver takes it", 10)
            self.assertFalse(there())
            bind(slot)
            self.lab.until(there, "the switch takes it", 10)
            self.lab.until(lambda: far.ping("10.0.0.1"), "it forwards", 10)
            qemu("device_del", id="plugged")
            # The kernel waits until the switch lets go of it.
            self.lab.until(lambda: not os.path.exists(f"/sys/bus/pci/devices/{slot}"), "it is gone", 10)
            self.assertFalse(there())
        session.echo()
        pings.stop(signal.SIGINT)
        lost = re.search(r"(\d+) packets transmitted, (\d+) received", pings.log())
        self.assertEqual(lost[1], lost[2], pings.log()[-300:])
