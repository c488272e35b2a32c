"""NICs of PCI in the guest, as tests/guest/run.py has machine.run() make them."""

import os

# As machine.run() makes them, on two wires: the first three on one, where the third stays with the kernel, for the
# controller; the fourth on the other, with what is plugged in.
NICS = {"e1000e": "52:54:00:00:00:01", "virtio": "52:54:00:00:00:02"}
WIRE = "52:54:00:00:00:03"
FAR_WIRE = "52:54:00:00:00:04"
PLUGGED = "52:54:00:00:00:05"


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


def driver_of(address):
    path = f"/sys/bus/pci/devices/{address}/driver"
    return os.path.basename(os.path.realpath(path)) if os.path.exists(path) else None
