"""A stock Debian kernel under QEMU, without KVM, whose root is this machine's.

The guest sees the host's / read-only over 9p, with a tmpfs on top of it, so that whatever is built and installed
here runs there, with a kernel that has what this machine's may lack: net_tap's rte_flow needs sch_multiq,
cls_flower, act_skbedit and act_gact, vfio-pci needs an IOMMU. QEMU emulates every instruction: nothing about speed
means anything in it.

The kernel comes from Debian's linux-image-amd64, downloaded and unpacked, not installed.
"""

import glob
import gzip
import hashlib
import json
import os
import shlex
import shutil
import socket
import subprocess
import tempfile
import threading
import time

CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "lifeline-guest")

# What the first programs in the guest need to reach the root.
_MODULES = ["virtio_pci", "9pnet_virtio", "9p", "overlay", "virtio_console"]

_INIT = """#!/bin/busybox sh
export PATH=/bin
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
while read module; do insmod /modules/$module || echo "insmod $module failed"; done < /modules/order
options=trans=virtio,version=9p2000.L,msize=512000
mount -t 9p -o $options,cache=loose,ro root /lower || { echo GUEST-ROOT-FAILED; poweroff -f; }
mount -t 9p -o $options,cache=loose,ro modules /kernel || { echo GUEST-MODULES-FAILED; poweroff -f; }
mount -t tmpfs tmpfs /rw; mkdir /rw/upper /rw/work
mount -t overlay overlay -o lowerdir=/lower,upperdir=/rw/upper,workdir=/rw/work /root
mkdir -p /root/lib/modules /root/proc /root/sys /root/dev /root/run /root/guest
mount --bind /kernel /root/lib/modules
# The host's live /proc, /sys, /dev and /run are no business of the guest.
mount -t proc proc /root/proc; mount -t sysfs sys /root/sys; mount -t devtmpfs dev /root/dev
mkdir -p /root/dev/shm /root/dev/pts /root/dev/hugepages
mount -t tmpfs tmpfs /root/dev/shm; mount -t devpts devpts /root/dev/pts; mount -t tmpfs tmpfs /root/run
mount -t 9p -o $options,cache=none,rw share /root/guest || { echo GUEST-SHARE-FAILED; poweroff -f; }
hostname guest
ifconfig lo up
exec chroot /root /bin/sh /guest/start
"""

# In the guest's root. Output goes to a virtio port; udev, which would name it, does not run there.
_START = """export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
for port in /sys/class/virtio-ports/*; do
  [ "$(cat $port/name)" = guest.out ] && exec </dev/null >/dev/${port##*/} 2>&1
done
cd /guest
{ sh /guest/command; echo $? >/guest/status; }
sync
printf '\\001' | dd of=/dev/port bs=1 seek=244 conv=notrunc 2>/dev/null
echo o >/proc/sysrq-trigger
sleep 60
"""


class NotHere(Exception):
    """The guest cannot be made on this machine; says why."""


def _run(argv, **kwargs):
    result = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                            errors="replace", **kwargs)
    if result.returncode != 0:
        raise NotHere(f"`{' '.join(argv)}` ended with status {result.returncode}: {result.stdout[-800:]}")
    return result.stdout


def _kernel():
    """Downloads and unpacks the kernel, once. Returns (its folder, its version)."""
    depends = _run(["apt-cache", "depends", "linux-image-amd64"])
    package = next((line.split()[-1] for line in depends.splitlines() if "Depends: linux-image" in line), None)
    if package is None:
        raise NotHere("apt knows no linux-image-amd64")
    folder = os.path.join(CACHE, package)
    version = package.removeprefix("linux-image-")
    if os.path.exists(os.path.join(folder, "complete")):
        return folder, version
    os.makedirs(CACHE, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as work:
        _run(["apt-get", "download", package], cwd=work)
        unpacked = os.path.join(work, "unpacked")
        _run(["dpkg", "-x", *glob.glob(os.path.join(work, "*.deb")), unpacked])
        _run(["depmod", "-b", unpacked, version])
        with open(os.path.join(unpacked, "complete"), "w", encoding="utf-8"):
            pass
        shutil.rmtree(folder, ignore_errors=True)
        os.rename(unpacked, folder)
    return folder, version


def _modules(kernel, version):
    """Files of _MODULES and what they depend on, in the order of loading."""
    files = []
    for module in _MODULES:
        listed = _run(["modprobe", "-d", kernel, "-S", version, "--show-depends", module])
        for line in listed.splitlines():
            words = line.split()
            if words and words[0] == "insmod" and words[1] not in files:
                files.append(words[1])
    return files


def _initrd(kernel, version):
    """BusyBox with its libraries, and the modules."""
    sum_ = hashlib.sha256((_INIT + version + " ".join(_MODULES)).encode()).hexdigest()[:16]
    path = os.path.join(CACHE, f"initrd-{sum_}")
    if os.path.exists(path):
        return path
    with tempfile.TemporaryDirectory(dir=CACHE) as tree:
        for name in ("bin", "modules", "proc", "sys", "dev", "lower", "kernel", "rw", "root"):
            os.mkdir(os.path.join(tree, name))
        busybox = shutil.which("busybox")
        if busybox is None:
            raise NotHere("busybox is not installed")
        shutil.copy(os.path.realpath(busybox), os.path.join(tree, "bin", "busybox"))
        linked = subprocess.run(["ldd", busybox], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                check=False).stdout
        for word in linked.split():
            if word.startswith("/"):
                os.makedirs(tree + os.path.dirname(word), exist_ok=True)
                shutil.copy(os.path.realpath(word), tree + word)
        files = _modules(kernel, version)
        for file in files:
            shutil.copy(file, os.path.join(tree, "modules"))
        with open(os.path.join(tree, "modules", "order"), "w", encoding="utf-8") as order:
            order.writelines(os.path.basename(f) + "\n" for f in files)
        with open(os.path.join(tree, "init"), "w", encoding="utf-8") as init:
            init.write(_INIT)
        os.chmod(os.path.join(tree, "init"), 0o755)
        archive = subprocess.run("find . | cpio -o -H newc --quiet", shell=True, cwd=tree, check=True,
                                 stdout=subprocess.PIPE).stdout
    with open(path + ".new", "wb") as file:
        file.write(gzip.compress(archive, 6))
    os.rename(path + ".new", path)
    return path


def build():
    """(kernel folder, version, initrd), from the cache or made. Raises NotHere."""
    for program in ("qemu-system-x86_64", "busybox", "cpio", "modprobe", "depmod"):
        if shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") is None:
            raise NotHere(f"{program} is not installed (scripts/install-deps guest)")
    kernel, version = _kernel()
    return kernel, version, _initrd(kernel, version)


class _Monitor(threading.Thread):
    """Hands what the guest asks of QEMU to QEMU: `share`/request holds a command of QMP, `share`/answer then the
    answer. The guest renames the first into place, and so does this."""

    ALLOWED = ("device_add", "device_del")

    def __init__(self, share, path):
        super().__init__(daemon=True)
        self.share, self.path, self.ended = share, path, threading.Event()

    def run(self):
        request, answer = (os.path.join(self.share, name) for name in ("request", "answer"))
        while not self.ended.wait(0.05):
            if not os.path.exists(request):
                continue
            text = _read(request)
            os.unlink(request)
            with open(answer + ".new", "w", encoding="utf-8") as file:
                json.dump(self._ask(json.loads(text)), file)
            os.rename(answer + ".new", answer)

    def _ask(self, command):
        if command["execute"] not in self.ALLOWED:
            return {"error": "not for the guest"}
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(10)
            client.connect(self.path)
            lines = client.makefile("r", encoding="utf-8")
            lines.readline()  # the greeting
            for one in ({"execute": "qmp_capabilities"}, command):
                client.sendall(json.dumps(one).encode())
                while "event" in (answer := json.loads(lines.readline())):
                    pass
        return answer


def _network(nics, iommu, plug):
    """Arguments for emulated NICs (kind, hub), each behind a root port of its own (so in an IOMMU group of its own),
    on hubs inside QEMU. `plug`: a root port `plug` with nothing behind it, and a netdev `plug` on that hub."""
    arguments = []
    if iommu:
        arguments += ["-device", "intel-iommu,intremap=on,caching-mode=on"]
    if plug is not None:
        arguments += ["-netdev", f"hubport,id=plug,hubid={plug}", "-device", "pcie-root-port,id=plug,chassis=99,slot=99"]
    for i, (kind, hub) in enumerate(nics):
        device = "virtio-net-pci" if kind == "virtio" else kind
        if kind == "virtio" and iommu:
            device += ",iommu_platform=on,disable-legacy=on,ats=on"
        arguments += ["-netdev", f"hubport,id=hub{i},hubid={hub}",
                      "-device", f"pcie-root-port,id=port{i},chassis={i + 1},slot={i + 1}",
                      "-device", f"{device},netdev=hub{i},mac=52:54:00:00:00:{i + 1:02x},bus=port{i},romfile="]
    return arguments


def run(command, share, nics=(), iommu=False, plug=None, memory_mb=2048, timeout=300):
    """Boots, runs the shell command as root, and returns (its exit status, its output, seconds).

    `share`: a folder that the guest sees as /guest, read and write; there it asks QEMU (_Monitor). Status None: the guest did not finish in
    `timeout` seconds; the output then ends with the kernel's last lines.
    """
    kernel, version, initrd = build()
    for name, text in (("command", command), ("start", _START)):
        with open(os.path.join(share, name), "w", encoding="utf-8") as file:
            file.write(text + "\n")
    status_path, console = os.path.join(share, "status"), os.path.join(share, "console")
    if os.path.exists(status_path):
        os.unlink(status_path)
    append = "console=ttyS0 quiet loglevel=4 panic=-1 net.ifnames=0 mitigations=off"
    if iommu:
        append += " intel_iommu=on iommu=nopt"
    plan9 = lambda tag, path, more: ["-fsdev", f"local,id={tag},path={path},security_model=none{more}",
                                     "-device", f"virtio-9p-pci,fsdev={tag},mount_tag={tag}"]
    output = os.path.join(share, "output")
    argv = ["qemu-system-x86_64", "-machine", "q35" + (",kernel-irqchip=split" if iommu else ""),
            "-cpu", "max", "-accel", "tcg,thread=multi", "-smp", "2", "-m", str(memory_mb), "-nodefaults",
            "-display", "none", "-no-reboot", "-serial", f"file:{console}",
            "-device", "isa-debug-exit,iobase=0xf4,iosize=4", "-device", "virtio-serial-pci",
            "-chardev", f"file,id=out,path={output}", "-device", "virtserialport,chardev=out,name=guest.out",
            "-kernel", f"{kernel}/boot/vmlinuz-{version}", "-initrd", initrd, "-append", append,
            *plan9("root", "/", ",readonly=on,multidevs=remap"),
            *plan9("modules", f"{kernel}/lib/modules", ",readonly=on"), *plan9("share", share, ""),
            "-qmp", f"unix:{share}/qmp,server=on,wait=off", *_network(nics, iommu, plug)]
    monitor = _Monitor(share, f"{share}/qmp")
    monitor.start()
    began = time.monotonic()
    try:
        subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        pass
    finally:
        monitor.ended.set()
        monitor.join()
    seconds = time.monotonic() - began
    text = _read(output)
    if os.path.exists(status_path):
        return int(_read(status_path)), text, seconds
    return None, f"{text}\n--- the guest did not finish: {shlex.join(argv)}\n{_read(console)[-3000:]}", seconds


def _read(path):
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()
