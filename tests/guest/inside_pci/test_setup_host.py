"""scripts/setup-host on a kernel and NICs of its own: what it takes, what it refuses, what it gives back."""

import os

from lab import case, process, switch
from pci import FAR_WIRE, NICS, WIRE, driver_of, find

SETUP_HOST = os.path.join(switch.ROOT, "scripts", "setup-host")
PAGES = "/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages"


def first(*words, check=True, **environment):
    """In the guest's first network namespace, where the NICs are."""
    return process.run(["nsenter", "--net=/dev/first_net", *words], check=check, timeout=30, env=environment)


def pages():
    with open(PAGES, encoding="ascii") as file:
        return int(file.read())


class SetupHost(case.LabTest):
    def refused(self, reason, *nics, **environment):
        result = first(SETUP_HOST, *nics, check=False, **environment)
        self.assertEqual(result.returncode, 1, result.stdout)
        self.assertIn(reason, result.stderr)
        self.assertIn("nothing was changed", result.stderr)

    def test_nics_are_bound_and_given_back_but_never_one_that_the_host_or_the_callers_ssh_needs(self):
        free = {mac: find(mac) for mac in NICS.values()}
        before, had = {address: driver_of(address) for _, address in free.values()}, pages()
        (ssh, ssh_address), (default, _) = find(WIRE), find(FAR_WIRE)
        for interface, prefix in ((ssh, "192.0.2.1/24"), (default, "198.51.100.1/24")):
            first("ip", "link", "set", "dev", interface, "up")
            first("ip", "addr", "add", prefix, "dev", interface)
        first("ip", "route", "add", "default", "via", "198.51.100.254")
        try:
            nics = [interface for interface, _ in free.values()]
            self.refused(f"{ssh} carries your SSH session from 192.0.2.9", *nics, ssh,
                         SSH_CONNECTION="192.0.2.9 50000 192.0.2.1 22")
            # By the route back to the client, too, and by a PCI address.
            self.refused(f"{ssh} carries your SSH session from 192.0.2.9", ssh_address,
                         SSH_CONNECTION="192.0.2.9 50000 203.0.113.1 22")
            self.refused(f"{default} carries the default route by 198.51.100.254", *nics, default)
            self.assertEqual({address: driver_of(address) for address in before}, before)
            self.assertEqual(pages(), had)
            wanted = had + 32
            done = first(SETUP_HOST, "--memory", str(2 * wanted), *nics)
            self.assertIn("EAL arguments: " + " ".join(f"-a {address}" for address in before), done.stdout)
            self.assertEqual({driver_of(address) for address in before}, {"vfio-pci"})
            self.assertEqual(pages(), wanted)
            for address in before:
                group = os.path.basename(os.readlink(f"/sys/bus/pci/devices/{address}/iommu_group"))
                self.assertTrue(os.path.exists(f"/dev/vfio/{group}"))
            again = first(SETUP_HOST, "--memory", str(2 * wanted), *before)
            self.assertEqual(again.stdout.count("is there already"), len(before), again.stdout)
        finally:
            first(SETUP_HOST, "--undo", check=False)
            first("ip", "addr", "flush", "dev", ssh)
            first("ip", "addr", "flush", "dev", default)
        self.assertEqual({address: driver_of(address) for address in before}, before)
        self.assertEqual(pages(), had)
        self.assertEqual({find(mac)[1] for mac in NICS.values()}, set(before))
