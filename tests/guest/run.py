"""Runs the tests that need another kernel, in a guest. The last line is `N passed, N failed, N skipped`.

    /usr/bin/python3 tests/guest/run.py [-k TEXT] [--boot inside|inside_pci] [--build DIRECTORY]

Where the guest cannot be made (no QEMU, no kernel package) that is one skipped test, and the reason is printed.
"""

import argparse
import json
import os
import shlex
import sys
import tempfile

import machine

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.realpath(os.path.join(HERE, "..", ".."))

# Modules by name: the kernel's own requests look for modprobe in the root of the guest's first program.
_TAP = "modprobe -a tun veth bridge sch_multiq sch_ingress cls_flower act_skbedit act_gact act_mirred af_packet"
# 256 huge pages of 2 MB; and a way for the lab to the network namespace that the NICs are in.
_VFIO = """modprobe -a e1000e virtio_net vfio-pci veth tun af_packet
mount -t hugetlbfs -o pagesize=2M none /dev/hugepages; echo 256 >/proc/sys/vm/nr_hugepages
touch /dev/first_net; mount --bind /proc/self/ns/net /dev/first_net"""

# A quiet machine with two cores needs 30 to 60 s for each, one that builds beside it five times as much.
TIMEOUT_S = 400

BOOTS = [
    {"folder": "inside", "before": _TAP, "machine": {}},
    {"folder": "inside_pci", "before": _VFIO,
     "machine": {"nics": (("e1000e", 0), ("virtio", 0), ("e1000e", 0), ("virtio", 1)), "plug": 1, "iommu": True,
                 "memory_mb": 3072}},
]


def _command(args, folder, before):
    # Emulation is about twenty times slower than the machine.
    return (f"{before}\n"
            f"PYTHONPATH={ROOT}/tests/support PYTHONDONTWRITEBYTECODE=1 LIFELINE_BUILD={args.build} LAB_SLOW=6 "
            f"/usr/bin/python3 -m lab.runner --jobs 1 --json /guest/report.json "
            + (f"-k {shlex.quote(args.text)} " if args.text else "") + f"{HERE}/{folder}\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-k", dest="text", default="")
    parser.add_argument("--boot", default="", choices=[b["folder"] for b in BOOTS])
    parser.add_argument("--build", type=os.path.abspath, default=os.path.join(ROOT, "build"))
    args = parser.parse_args()
    total = {"passed": 0, "failed": 0, "skipped": 0}
    try:
        machine.build()
    except machine.NotHere as why:
        print(f"  no guest: {why}")
        print("0 passed, 0 failed, 1 skipped")
        return 0
    for boot in BOOTS:
        if args.boot and boot["folder"] != args.boot:
            continue
        with tempfile.TemporaryDirectory() as share:
            status, output, seconds = machine.run(_command(args, boot["folder"], boot["before"]), share,
                                                  timeout=TIMEOUT_S, **boot["machine"])
            print(output.rstrip(), flush=True)
            print(f"  guest for {boot['folder']}: {seconds:.0f} s")
            report = os.path.join(share, "report.json")
            if status is None or not os.path.exists(report):
                total["failed"] += 1
                continue
            with open(report, encoding="utf-8") as file:
                counts = json.load(file)
            for key in total:
                total[key] += counts[key]
    print(f"{total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped")
    return 1 if total["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
