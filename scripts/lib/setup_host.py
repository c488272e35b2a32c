#!/usr/bin/python3
"""Prepares a host for a Lifeline switch on NICs.

Reserves huge pages on the NUMA nodes of the NICs and binds the NICs (a PCI address, or an interface's name) to
vfio-pci. Everything is checked first: with one NIC that the host itself needs, nothing is changed. Nothing
survives a reboot. Run again it does what is missing; --undo gives NICs and huge pages back.
"""

import argparse
import json
import os
import re
import sys

from host_uses import Host, Refused, Uses

PCI_ADDRESS = re.compile(r"^[0-9a-f]{4}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]$")
# DPDK drives these beside the kernel's driver.
BIFURCATED = ("mlx4_core", "mlx5_core")
PAGE_KB = {"2M": 2048, "1G": 1048576}
STATE = "/run/lifeline-setup-host.json"
# Their group is usable all the same (linux/Documentation/driver-api/vfio.rst).
HARMLESS_IN_GROUP = (None, "vfio-pci", "pcieport", "pci-stub")


class Nic:
    def __init__(self, host, name):
        self.host, self.name = host, name
        self.address = self._find(name)
        self.folder = f"/sys/bus/pci/devices/{self.address}"

    def _find(self, name):
        address = name.lower()
        if re.match(r"^[0-9a-f]{2}:", address):
            address = "0000:" + address
        if PCI_ADDRESS.match(address):
            if not self.host.exists(f"/sys/bus/pci/devices/{address}"):
                raise Refused(f"{name}: there is no such PCI device")
            return address
        for folder in self.host.list("/sys/bus/pci/devices/*"):
            if name in interfaces_of(self.host, folder):
                return os.path.basename(folder)
        raise Refused(f"{name}: no PCI device has an interface of that name; give a PCI address, 0000:03:00.0, or "
                      "the name of a NIC's interface")

    @property
    def driver(self):
        return self.host.link(self.folder + "/driver")

    @property
    def node(self):
        return max(0, int(self.host.read(self.folder + "/numa_node", "0") or 0))

    def label(self):
        interfaces = interfaces_of(self.host, self.folder)
        return f"{self.address} ({', '.join([*interfaces, self.driver or 'no driver'])})"

    def why_not(self, uses):
        host = self.host
        kind = host.read(self.folder + "/class")
        if not kind.startswith("0x02"):
            return [f"is no network controller (class {kind})"]
        if self.driver == "vfio-pci":
            return []
        if self.driver in ("uio_pci_generic", "igb_uio"):
            return [f"is bound to {self.driver}: another program may use it; unbind it first"]
        interfaces = interfaces_of(host, self.folder)
        reasons = [reason for interface in interfaces for reason in uses.why_not(interface)]
        if self.driver and not interfaces:
            reasons.append("shows no interface: is it in another network namespace?")
        if self.driver in BIFURCATED:
            return reasons
        functions = host.list(self.folder + "/virtfn*")
        if functions:
            reasons.append(f"has {len(functions)} virtual functions, which would go too")
        for other in host.list(self.folder + "/iommu_group/devices/*"):
            address = os.path.basename(other)
            driver = host.link(f"/sys/bus/pci/devices/{address}/driver")
            if address != self.address and driver not in HARMLESS_IN_GROUP:
                reasons.append(f"shares its IOMMU group with {address} ({driver}), which would have to go too; "
                               "another slot may help")
        return reasons

    def users(self):
        """Who has it open by vfio: taking it away would wait for them, for ever."""
        group = self.host.link(self.folder + "/iommu_group")
        wanted = {f"/dev/vfio/{group}", f"/dev/vfio/noiommu-{group}"}
        found = set()
        for descriptor in self.host.list("/proc/[0-9]*/fd/*"):
            try:
                if os.readlink(self.host.path(descriptor)) in wanted:
                    found.add(descriptor.split("/")[2])
            except OSError:
                pass  # it has just gone
        return [f"{self.host.read(f'/proc/{pid}/comm')} (pid {pid})" for pid in sorted(found)]

    def bind(self):
        """To vfio-pci; back to where it was when that does not work. Gives the driver that it had."""
        host, old = self.host, self.driver
        host.write(self.folder + "/driver_override", "vfio-pci")
        if old:
            host.write(f"/sys/bus/pci/drivers/{old}/unbind", self.address)
        problem = ""
        try:
            host.write("/sys/bus/pci/drivers_probe", self.address)
        except Refused as error:
            problem = f": {error}"
        if self.driver != "vfio-pci" and not host.dry_run:
            self.release(old)
            raise Refused(f"{self.address} does not go to vfio-pci{problem}; it is where it was; dmesg may say why")
        return old

    def release(self, old):
        """To the kernel's driver again."""
        host = self.host
        host.write(self.folder + "/driver_override", "\n")
        if self.driver == "vfio-pci":
            host.write("/sys/bus/pci/drivers/vfio-pci/unbind", self.address)
        if old:
            host.write("/sys/bus/pci/drivers_probe", self.address)


def interfaces_of(host, folder):
    found = host.list(folder + "/net/*") + host.list(folder + "/virtio*/net/*")
    return [os.path.basename(f) for f in found]


def load_state(host):
    text = host.read(STATE)
    return json.loads(text) if text else {"nics": {}, "pages": {}}


def save_state(host, state):
    if not host.dry_run:
        host.write(STATE, json.dumps(state))


def need_iommu(host, allow_none):
    """vfio-pci without an IOMMU needs its unsafe mode."""
    if host.list("/sys/class/iommu/*"):
        return
    if not allow_none:
        raise Refused("there is no IOMMU: switch it on in the firmware and with intel_iommu=on or amd_iommu=on on the "
                      "kernel's command line; or, where there is none (virtual machines), give --no-iommu: a NIC may "
                      "then read and write all memory")
    host.say("warning: without an IOMMU the NICs, and this program's errors, reach all memory; the kernel is tainted")


def load_vfio(host):
    if not host.exists("/sys/bus/pci/drivers/vfio-pci"):
        host.command("modprobe", "vfio-pci")
    mode = "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"
    if not host.list("/sys/class/iommu/*") and host.read(mode) != "Y":
        host.write(mode, "1")


def reserve_pages(host, state, nodes, args):
    kb = PAGE_KB[args.page_size]
    wanted = -(-args.memory * 1024 // kb)
    for node in nodes:
        file = f"/sys/devices/system/node/node{node}/hugepages/hugepages-{kb}kB/nr_hugepages"
        if not host.exists(file):
            raise Refused(f"NUMA node {node} has no pages of {args.page_size}: CPU or kernel do not know them")
        had = int(host.read(file))
        if had >= wanted:
            host.say(f"node {node}: {had} pages of {args.page_size}, enough")
            continue
        state["pages"].setdefault(file, had)
        save_state(host, state)
        host.write(file, str(wanted))
        if host.dry_run:
            continue
        got = int(host.read(file))
        if got < wanted:
            raise Refused(f"node {node}: only {got} of {wanted} pages of {args.page_size} could be had, memory is "
                          f"fragmented; reboot with hugepagesz={args.page_size} hugepages={wanted * len(nodes)}")
        host.say(f"node {node}: {wanted} pages of {args.page_size}, there were {had}")
    mounted = any(len(m) > 3 and m[2] == "hugetlbfs" and f"pagesize={args.page_size}" in m[3]
                  for m in map(str.split, host.read("/proc/mounts").splitlines()))
    if not mounted:
        place = f"/dev/hugepages-{args.page_size}"
        host.command("mkdir", "-p", place)
        host.command("mount", "-t", "hugetlbfs", "-o", f"pagesize={args.page_size}", "lifeline", place)


def check(host, names, allow_no_iommu):
    """The NICs, or all that speaks against them."""
    uses, nics, problems = Uses(host), [], []
    for name in names:
        try:
            nic = Nic(host, name)
        except Refused as error:
            problems.append(str(error))
            continue
        if any(nic.address == other.address for other in nics):
            continue
        nics.append(nic)
        problems += [f"{nic.label()}: {reason}" for reason in nic.why_not(uses)]
    if problems:
        raise Refused("\n".join([*problems, "nothing was changed"]))
    if any(nic.driver not in (*BIFURCATED, "vfio-pci") for nic in nics):
        need_iommu(host, allow_no_iommu)
    return nics


def setup(host, args):
    nics = check(host, args.nics, args.no_iommu)
    state = load_state(host)
    reserve_pages(host, state, sorted({nic.node for nic in nics}) or [0], args)
    if any(nic.driver not in (*BIFURCATED, "vfio-pci") for nic in nics):
        load_vfio(host)
    for nic in nics:
        label = nic.label()
        if nic.driver == "vfio-pci":
            host.say(f"{label}: is there already")
        elif nic.driver in BIFURCATED:
            host.say(f"{label}: DPDK drives it beside the kernel's driver, it stays")
        else:
            state["nics"].setdefault(nic.address, nic.driver)
            save_state(host, state)
            nic.bind()
            if not host.dry_run:
                host.say(f"{label}: bound to vfio-pci")
    if nics:
        host.say("EAL arguments: " + " ".join(f"-a {nic.address}" for nic in nics))


def undo(host):
    state = load_state(host)
    nics = [(Nic(host, address), old) for address, old in state["nics"].items()
            if host.exists(f"/sys/bus/pci/devices/{address}")]
    for nic, _ in nics:
        if users := nic.users():
            raise Refused(f"{nic.address} is used by {', '.join(users)}: stop that first; nothing was changed")
    for nic, old in nics:
        nic.release(old)
        host.say(f"{nic.address}: given back to {old or 'nobody'}")
    for file, count in state["pages"].items():
        host.write(file, str(count))
        host.say(f"{file}: {count} again")
    if not (state["nics"] or state["pages"]):
        host.say("there is nothing to undo")
    elif not host.dry_run:
        os.unlink(host.path(STATE))


def main(arguments=None, host_class=Host):
    parser = argparse.ArgumentParser(prog="setup-host", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("nics", nargs="*", metavar="NIC", help="a PCI address or the name of its interface")
    parser.add_argument("--memory", type=int, default=1024, metavar="MIB",
                        help="huge pages per NUMA node with one of the NICs (default 1024)")
    parser.add_argument("--page-size", choices=sorted(PAGE_KB), default="2M")
    parser.add_argument("--no-iommu", action="store_true", help="accept that there is no IOMMU (unsafe)")
    parser.add_argument("--dry-run", action="store_true", help="only print what would be done")
    parser.add_argument("--undo", action="store_true", help="give back what earlier runs have taken")
    parser.add_argument("--root", default="", help="another root of /sys, /proc and /run, for tests")
    args = parser.parse_args(arguments)
    if args.undo and args.nics:
        parser.error("--undo takes no NIC: it gives all back")
    if not 1 <= args.memory <= 1 << 20:
        parser.error("--memory is 1..1048576 MiB")
    host = host_class(args.root, args.dry_run)
    if os.geteuid() != 0 and not args.dry_run:
        parser.error("needs root (or --dry-run)")
    try:
        if args.undo:
            undo(host)
        else:
            setup(host, args)
    except Refused as error:
        print("\n".join(f"setup-host: {line}" for line in str(error).splitlines()), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
