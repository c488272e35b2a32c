"""NICs of PCI bound to vfio-pci behind an IOMMU, as on a server: bound with dpdk-devbind.py, in huge pages."""

import os

from lab import case, openflow, process, switch

# As machine.run() makes them, all on one wire; the last stays with the kernel, for the controller.
NICS = {"e1000e": "52:54:00:00:00:01", "virtio": "52:54:00:00:00:02"}
WIRE = "52:54:00:00:00:03"


def find(mac):
    """(interface, PCI address) of the NIC with that MAC address."""
    for interface in os.listdir("/sys/class/net"):
        with open(f"/sys/class/net/{interface}/address", encoding="ascii") as file:
            if file.read().strip() != mac:
                continue
        device = os.path.realpath(f"/sys/class/net/{interface}/device")
        if os.path.basename(device).startswith("virtio"):  # a device of the virtio bus, behind the one of PCI
            device = os.path.dirname(device)
        return interface, os.path.basename(device)
    raise AssertionError(f"no NIC with MAC address {mac}")


class VfioSwitch(switch.Switch):
    """On PCI devices: no af_packet, huge pages."""

    def eal_arguments(self):
        arguments = [a for a in super().eal_arguments() if a not in ("--no-huge", "--no-pci")]
        arguments[arguments.index("-m") + 1] = "256"
        return arguments


class Vfio(case.LabTest):
    def test_the_switch_reaches_its_controller_over_nics_of_vfio(self):
        box, space = self.lab.host("ctl", "10.0.0.1/24"), self.lab.namespace("sw")
        wire, _ = find(WIRE)
        # The lab has a network namespace of its own; NICs are in the guest's first (tests/guest/run.py).
        process.run(["nsenter", "--net=/dev/first_net", "ip", "link", "set", "dev", wire, "netns", box.name, "name",
                     "eth0"])
        box.run("ethtool", "-K", "eth0", "tx", "off", "rx", "off", "tso", "off", "gso", "off", "gro", "off",
                check=False)
        box.ip("link", "set", "dev", "eth0", "up")
        box.configure()
        controller = openflow.Controller(box).start()
        addresses = {}
        for kind, mac in NICS.items():
            _, addresses[kind] = find(mac)
            process.run(["dpdk-devbind.py", "--bind=vfio-pci", addresses[kind]], timeout=30)
            self.assertEqual(os.path.basename(os.path.realpath(f"/sys/bus/pci/devices/{addresses[kind]}/driver")),
                             "vfio-pci")
        for kind, address in addresses.items():
            known = len(controller.sessions)
            lifeline = VfioSwitch(self.lab, space, [], ["tcp:10.0.0.1:6653"], eal=["-a", address], name=kind,
                                  config={"ports": [{"name": kind, "device": address, "number": 1}]})
            self.watch(lifeline).start()
            lifeline.local_static("10.0.0.2/24")
            controller.session(after=known, timeout=20).echo()
            lifeline.stop()
