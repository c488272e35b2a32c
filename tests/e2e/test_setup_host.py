"""scripts/setup-host: what it does to a host, on a /sys of files whose kernel is simulated here; and that it takes no
NIC that the host or the caller's SSH session needs, with the interfaces of a real network namespace."""

import contextlib
import importlib
import io
import os
import shutil
import sys

from lab import case, process

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
PROGRAM = os.path.join(ROOT, "scripts", "setup-host")
A, B, C = "0000:03:00.0", "0000:03:00.1", "0000:04:00.0"
PAGES = "/sys/devices/system/node/node{}/hugepages/hugepages-{}kB/nr_hugepages"


def load_program():
    sys.path.insert(0, os.path.join(ROOT, "scripts", "lib"))
    return importlib.import_module("setup_host")


class Kernel:
    """A /sys of files. What writing to them does is in FakeHost."""

    def __init__(self, root):
        self.root = root
        for node in (0, 1):
            for kb in (2048, 1048576):
                self.file(PAGES.format(node, kb), "0")
        self.file("/sys/bus/pci/drivers/vfio-pci/bind", "")
        self.file("/sys/class/iommu/dmar0/name", "x")
        self.file("/run/.keep", "")
        self.file("/proc/mounts", "none /dev/hugepages hugetlbfs rw,pagesize=2M 0 0")

    def file(self, name, text):
        os.makedirs(os.path.dirname(self.root + name), exist_ok=True)
        with open(self.root + name, "w", encoding="ascii") as file:
            file.write(text)

    def link(self, name, target):
        os.makedirs(os.path.dirname(self.root + name), exist_ok=True)
        if os.path.lexists(self.root + name):
            os.unlink(self.root + name)
        os.symlink(target, self.root + name)

    def nic(self, address, driver="ixgbe", interface=None, node=0, kind="0x020000", group=None):
        folder = f"/sys/bus/pci/devices/{address}"
        self.file(folder + "/class", kind)
        self.file(folder + "/numa_node", str(node))
        group = group or address.replace(":", "").replace(".", "")
        os.makedirs(f"{self.root}/sys/kernel/iommu_groups/{group}/devices/{address}", exist_ok=True)
        self.link(folder + "/iommu_group", f"{self.root}/sys/kernel/iommu_groups/{group}")
        if driver:
            self.file(f"/sys/bus/pci/drivers/{driver}/unbind", "")
            self.link(folder + "/driver", f"{self.root}/sys/bus/pci/drivers/{driver}")
        if interface:
            os.makedirs(f"{self.root}{folder}/net/{interface}", exist_ok=True)

    def driver(self, address):
        path = f"{self.root}/sys/bus/pci/devices/{address}/driver"
        return os.path.basename(os.readlink(path)) if os.path.lexists(path) else None

    def read(self, name):
        with open(self.root + name, encoding="ascii") as file:
            return file.read().strip()


class SetupHost(case.LabTest):
    def setUp(self):
        super().setUp()
        self.kernel = Kernel(self.lab.path("host"))
        self.module = load_program()
        self.most_pages = 1 << 20
        self.refuse_probe = False
        self.commands = []
        self.ip_answers = {}  # of `ip -j WORDS`
        self.ssh = []

    def host_class(self):
        test = self

        class FakeHost(self.module.Host):
            """The kernel's part: what a write makes happen."""

            def ip(self, *words):
                return test.ip_answers.get(" ".join(words), [])

            def ssh_connections(self):
                return test.ssh

            def command(self, *argv):
                test.commands.append(" ".join(argv))

            def write(self, name, text):
                super().write(name, text)
                if self.dry_run:
                    return
                folder = f"/sys/bus/pci/devices/{text}"
                if name.endswith("/unbind"):
                    os.unlink(self.path(folder + "/driver"))
                    shutil.rmtree(self.path(folder + "/net"), ignore_errors=True)
                elif name.endswith("/drivers_probe"):
                    wanted = test.kernel.read(folder + "/driver_override") or "ixgbe"
                    if not (wanted == "vfio-pci" and test.refuse_probe):
                        test.kernel.link(folder + "/driver", f"{self.root}/sys/bus/pci/drivers/{wanted}")
                elif name.endswith("/nr_hugepages"):
                    super().write(name, str(min(int(text), test.most_pages)))
        return FakeHost

    def run_program(self, *arguments):
        """(exit status, what it says, what it complains of)"""
        said, complained = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(complained):
            host = self.host_class()
            status = self.module.main(["--root", self.kernel.root, *arguments],
                                      lambda root, dry_run: host(root, dry_run, said))
        return status, said.getvalue(), complained.getvalue()

    def refused(self, pattern, *arguments):
        status, said, complained = self.run_program(*arguments)
        self.assertEqual(status, 1, said)
        self.assertRegex(complained, pattern)
        return complained

    def test_nics_are_bound_pages_reserved_per_node_and_undo_gives_all_back(self):
        self.kernel.nic(A, interface="eth1", node=0)
        self.kernel.nic(C, interface="eth2", node=1)
        self.kernel.file(PAGES.format(1, 2048), "7")
        status, said, complained = self.run_program("eth1", "04:00.0", "--memory", "100")
        self.assertEqual((status, complained), (0, ""), said)
        self.assertEqual([self.kernel.driver(n) for n in (A, C)], ["vfio-pci", "vfio-pci"])
        self.assertEqual([self.kernel.read(PAGES.format(n, 2048)) for n in (0, 1)], ["50", "50"])
        self.assertIn(f"EAL arguments: -a {A} -a {C}", said)
        # Again: nothing is left to do, and what --undo needs is not forgotten.
        status, said, _ = self.run_program("eth1", A, C, "--memory", "100")
        self.assertEqual(status, 1)  # the interface is gone now
        status, said, _ = self.run_program(A, C, "--memory", "100")
        self.assertEqual(status, 0)
        self.assertEqual(said.count("is there already"), 2)
        self.assertEqual(said.count("enough"), 2)
        status, said, _ = self.run_program("--undo")
        self.assertEqual(status, 0)
        self.assertEqual([self.kernel.driver(n) for n in (A, C)], ["ixgbe", "ixgbe"])
        self.assertEqual([self.kernel.read(PAGES.format(n, 2048)) for n in (0, 1)], ["0", "7"])
        self.assertIn("nothing to undo", self.run_program("--undo")[1])

    def test_a_dry_run_says_what_it_would_do_and_does_nothing(self):
        self.kernel.nic(A, interface="eth1")
        status, said, _ = self.run_program(A, "--dry-run", "--page-size", "1G", "--memory", "2000")
        self.assertEqual(status, 0)
        for line in ("would write '2' to " + PAGES.format(0, 1048576),
                     f"would write '{A}' to /sys/bus/pci/drivers/ixgbe/unbind",
                     f"would write '{A}' to /sys/bus/pci/drivers_probe"):
            self.assertIn(line, said)
        self.assertEqual(self.kernel.driver(A), "ixgbe")
        self.assertEqual(self.kernel.read(PAGES.format(0, 1048576)), "0")
        self.assertFalse(os.path.exists(self.kernel.root + "/run/lifeline-setup-host.json"))

    def test_one_nic_that_may_not_go_stops_all(self):
        self.kernel.nic(A)
        self.kernel.nic(B, kind="0x010802", driver="nvme")
        self.kernel.nic(C, driver="uio_pci_generic")
        complained = self.refused("no network controller", A, B, C, "0000:09:00.0", "nonsuch")
        for words in ("another program may use it", "no such PCI device", "nonsuch: no PCI device has an interface",
                      "nothing was changed"):
            self.assertIn(words, complained)
        self.assertEqual(self.kernel.driver(A), "ixgbe")
        self.assertEqual(self.kernel.read(PAGES.format(0, 2048)), "0")

    def test_a_nic_whose_interface_is_elsewhere_shares_its_group_or_has_functions_is_refused(self):
        self.kernel.nic(A, group="1")
        self.refused("another network namespace", A)
        os.makedirs(f"{self.kernel.root}/sys/bus/pci/devices/{A}/net/eth1")
        self.kernel.nic(B, group="1", interface="eth2", driver="igb")
        self.refused(rf"shares its IOMMU group with {B} \(igb\)", A)
        self.kernel.nic(C, interface="eth3")
        os.makedirs(f"{self.kernel.root}/sys/bus/pci/devices/{C}/virtfn0")
        self.refused("has 1 virtual functions", C)

    def test_without_an_iommu_it_wants_to_be_told_so(self):
        self.kernel.nic(A, interface="eth1")
        os.rename(self.kernel.root + "/sys/class/iommu", self.kernel.root + "/sys/class/none")
        mode = "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"
        self.kernel.file(mode, "N")
        self.refused("there is no IOMMU.*--no-iommu", A)
        self.assertEqual(self.kernel.driver(A), "ixgbe")
        status, said, _ = self.run_program(A, "--no-iommu")
        self.assertEqual(status, 0)
        self.assertIn("warning: without an IOMMU", said)
        self.assertEqual(self.kernel.read(mode), "1")
        self.assertEqual(self.kernel.driver(A), "vfio-pci")

    def test_what_does_not_work_is_undone_and_says_what_to_do(self):
        self.kernel.nic(A, interface="eth1")
        self.refuse_probe = True
        self.refused("does not go to vfio-pci; it is where it was", A)
        self.assertEqual(self.kernel.driver(A), "ixgbe")
        os.makedirs(f"{self.kernel.root}/sys/bus/pci/devices/{A}/net/eth1")
        self.most_pages = 600
        self.refused("only 600 of 2048 pages of 2M.*reboot with hugepagesz=2M", A, "--memory", "4096")
        self.assertEqual(self.run_program("--undo")[0], 0)
        self.assertEqual(self.kernel.read(PAGES.format(0, 2048)), "0")

    def test_a_mellanox_nic_stays_and_pages_of_another_size_get_a_mount(self):
        self.kernel.nic(A, driver="mlx5_core", interface="eth1")
        status, said, _ = self.run_program(A, "--page-size", "1G")
        self.assertEqual(status, 0)
        self.assertIn("beside the kernel's driver", said)
        self.assertEqual(self.kernel.driver(A), "mlx5_core")
        self.assertEqual(self.commands[-1], "mount -t hugetlbfs -o pagesize=1G lifeline /dev/hugepages-1G")

    def test_a_bond_and_its_vlan_hold_their_nics(self):
        """As iproute2 6.1 tells of them; not every kernel that runs this has bonds."""
        self.kernel.nic(A, interface="eth1")
        self.kernel.nic(C, interface="eth2")
        self.ip_answers = {
            "-d link show": [
                {"ifname": "eth1", "master": "bond0"}, {"ifname": "eth2"},
                {"ifname": "bond0", "linkinfo": {"info_kind": "bond"}},
                {"ifname": "bond0.7", "link": "bond0", "linkinfo": {"info_kind": "vlan"}}],
            "addr show": [{"ifname": "bond0.7", "addr_info": [{"local": "10.8.0.1", "scope": "global"},
                                                              {"local": "fe80::1", "scope": "link"}]}],
            "-4 route show table all": [
                {"dst": "default", "nexthops": [{"dev": "bond0", "gateway": "10.9.0.1"}, {"dev": "wg0"}]}],
            "route get 10.8.0.9": [{"dst": "10.8.0.9", "dev": "bond0.7"}]}
        self.ssh = ["10.8.0.9 50000 10.8.0.1 22"]
        complained = self.refused("eth1 is a part of bond0, which carries the default route by 10.9.0.1", A, C)
        for words in ("has the address 10.8.0.1", "carries your SSH session from 10.8.0.9"):
            self.assertIn(f"eth1 is a part of bond0.7, which {words}", complained)
        self.assertNotIn("eth2", complained)
        self.assertEqual(self.run_program(C)[0], 0)
        self.ssh = ["10.77.0.9 50000 10.77.0.1 22"]
        self.refused("no route leads to 10.77.0.9.*on the console", C)

    def test_a_nic_that_a_switch_uses_is_not_taken_back(self):
        self.kernel.nic(A, interface="eth1")
        self.assertEqual(self.run_program(A)[0], 0)
        self.kernel.link("/proc/77/fd/9", "/dev/vfio/000003000")
        self.kernel.file("/proc/77/comm", "lifeline")
        self.refused(r"is used by lifeline \(pid 77\): stop that first", "--undo")
        self.assertEqual(self.kernel.driver(A), "vfio-pci")


class OwnSession(case.LabTest):
    """The real `ip`, in a namespace; only PCI is made of files."""

    def setUp(self):
        super().setUp()
        self.kernel = Kernel(self.lab.path("host"))
        self.space = self.lab.namespace("host")

    def take(self, interface, ssh=None):
        """(exit status, complaints) of a dry run for the NIC with this interface."""
        self.kernel.nic(A, interface=interface)
        environment = {"SSH_CONNECTION": ssh} if ssh else {}
        result = process.run(["ip", "netns", "exec", "host", PROGRAM, "--dry-run", "--root", self.kernel.root, A],
                             check=False, env=environment)
        os.rmdir(f"{self.kernel.root}/sys/bus/pci/devices/{A}/net/{interface}")
        return result.returncode, result.stderr

    def ports(self, *names):
        """Interfaces that are up, each one end of a veth pair."""
        for name in names:
            self.space.ip("link", "add", name, "type", "veth", "peer", "name", name + "-p")
            self.space.ip("link", "set", name, "up")
            self.space.ip("link", "set", name + "-p", "up")

    def test_no_nic_is_taken_that_the_host_or_the_ssh_session_needs(self):
        ip = self.space.ip
        self.ports("free", "used", "dflt", "ssh0", "port", "empty", "trunk")
        for bridge, port in (("br9", "port"), ("br8", "empty")):
            ip("link", "add", bridge, "type", "bridge")
            ip("link", "set", port, "master", bridge)
            ip("link", "set", bridge, "up")
        ip("link", "add", "link", "trunk", "name", "upper", "type", "macvlan")
        ip("link", "set", "upper", "up")
        ip("addr", "add", "10.1.0.1/24", "dev", "used")
        ip("route", "add", "default", "dev", "dflt")
        ip("addr", "add", "10.4.0.1/24", "dev", "br9")
        ip("addr", "add", "10.6.0.1/24", "dev", "upper")
        ip("route", "add", "10.5.0.0/24", "dev", "br8")
        ip("route", "add", "10.3.0.0/24", "dev", "ssh0")
        self.assertEqual(self.take("free"), (0, ""))
        self.assertEqual(self.take("ssh0"), (0, ""))
        for interface, ssh, words in (
                ("used", None, "used has the address 10.1.0.1"),
                ("dflt", None, "dflt carries the default route"),
                ("port", None, "port is a part of br9, which has the address 10.4.0.1"),
                ("empty", None, "empty is a part of br8, which is set up on it"),
                ("trunk", None, "trunk is a part of upper, which has the address 10.6.0.1"),
                ("ssh0", "10.3.0.9 50000 10.1.0.1 22", "ssh0 carries your SSH session from 10.3.0.9"),
                ("empty", "10.5.0.9 50000 10.1.0.1 22",
                 "empty is a part of br8, which carries your SSH session from 10.5.0.9"),
                ("ssh0", "fe80::9%ssh0 50000 fe80::1%ssh0 22", "ssh0 carries your SSH session"),
                ("free", "nonsense", "SSH_CONNECTION is 'nonsense'")):
            with self.subTest(interface=interface, ssh=ssh):
                status, complained = self.take(interface, ssh)
                self.assertEqual(status, 1)
                self.assertIn(words, complained)

    def test_the_session_is_found_where_sudo_took_its_variable_away(self):
        self.ports("ssh0")
        self.space.ip("route", "add", "10.3.0.0/24", "dev", "ssh0")
        self.kernel.nic(A, interface="ssh0")
        result = process.run(["ip", "netns", "exec", "host", "sh", "-c",
                              f"env -u SSH_CONNECTION {PROGRAM} --dry-run --root {self.kernel.root} {A}; exit $?"],
                             check=False, env={"SSH_CONNECTION": "10.3.0.9 50000 10.3.0.1 22"})
        self.assertEqual(result.returncode, 1, result.stdout)
        self.assertIn("ssh0 carries your SSH session from 10.3.0.9", result.stderr)
