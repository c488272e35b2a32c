"""The floors of the house: a library includes only libraries on lower floors; a pure library includes no DPDK
header. Tests may include any. Prints every offence as file:line; exit status 1 when there is one.

floor 0  base            floor 3  inband offload table
floor 1  packet config   floor 4  ofagent port
         netlink resolve floor 5  datapath
         sync
floor 2  flow openflow   floor 6  control
"""

import os
import re
import sys

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
FLOORS = {
    "base": 0, "packet": 1, "config": 1, "netlink": 1, "resolve": 1, "sync": 1, "flow": 2, "openflow": 2,
    "inband": 3, "offload": 3, "table": 3, "ofagent": 4, "port": 4, "datapath": 5, "control": 6,
}
PURE = {"base", "packet", "config", "netlink", "resolve", "flow", "openflow", "inband", "offload", "ofagent"}
# The two columns meet only in control/.
DPDK_COLUMN = {"sync", "table", "port", "datapath"}
# The one neighbour: the codec speaks in flow/'s types, which know nothing of it.
SAME_FLOOR = {("openflow", "flow")}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def offences(library, path):
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            found = INCLUDE.match(line)
            if not found:
                continue
            target = found.group(2)
            if target.startswith("rte_") and library in PURE:
                yield number, f"{library}/ is pure and includes the DPDK header {target}"
            folder = target.split("/")[0]
            if "/" not in target or folder not in FLOORS or folder == library:
                continue
            if (library, folder) in SAME_FLOOR:
                continue
            if FLOORS[folder] >= FLOORS[library]:
                yield number, (f"{library}/ (floor {FLOORS[library]}) includes {target} "
                               f"(floor {FLOORS[folder]}): only lower floors are allowed")
            elif library in PURE and folder in DPDK_COLUMN:
                yield number, f"{library}/ is pure and includes {target}, which is not"


def main():
    bad = 0
    lib = os.path.join(ROOT, "lib")
    for library in sorted(os.listdir(lib)):
        folder = os.path.join(lib, library)
        if not os.path.isdir(folder):
            continue
        if library not in FLOORS:
            print(f"lib/{library}: a folder without a floor; give it one in {__file__}")
            bad += 1
            continue
        for base, _, files in os.walk(folder):
            for name in sorted(files):
                if name.endswith((".h", ".cc")):
                    path = os.path.join(base, name)
                    for number, text in offences(library, path):
                        print(f"{os.path.relpath(path, ROOT)}:{number}: {text}")
                        bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
