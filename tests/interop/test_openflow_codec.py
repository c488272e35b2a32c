#!/usr/bin/python3
"""The codec against two others: os-ken's parser and serializer, and ovs-ofctl's printer.

    /usr/bin/python3 tests/interop/test_openflow_codec.py BUILD_DIR [SEED]

Random messages that our codec wrote must be read by os-ken and written back byte for byte, and be
printed by ovs-ofctl without complaint. The last line is "N passed, N failed, N skipped".
"""

import importlib
import os
import random
import shutil
import subprocess
import sys

ROUNDS = 6
VERSION_NAMES = {1: "1.0", 4: "1.3"}

# (checker, version, type[, multipart type]) of what the other side cannot judge, and why.
SKIPS = {
    ("os-ken", 1, 4): "it writes VENDOR messages from its own classes only",
    ("os-ken", 1, 0): "it does not keep HELLO elements in 1.0",
    ("ovs-ofctl", 4, 19, 12): "it refuses table features that are not complete",
}


def lines_of(build, seed):
    tool = os.path.join(build, "tests/unit/openflow/openflow_recode")
    out = subprocess.run(
        [tool, "--random", str(seed), str(ROUNDS)], check=True, capture_output=True, text=True
    ).stdout
    for line in out.splitlines():
        version, kind, text = line.split()
        yield int(version), int(kind), bytes.fromhex(text)


def key_of(version, data):
    mtype = data[1]
    if (version, mtype) in ((1, 16), (1, 17), (4, 18), (4, 19)):
        return (version, mtype, int.from_bytes(data[8:10], "big"))
    return (version, mtype)


class OsKen:
    def __init__(self):
        from os_ken.ofproto import ofproto_parser, ofproto_protocol

        # The parsers register themselves when imported.
        for version in ("v1_0", "v1_3"):
            importlib.import_module(f"os_ken.ofproto.ofproto_{version}_parser")

        self.parser = ofproto_parser
        self.protocol = ofproto_protocol

    def recode(self, version, data):
        datapath = self.protocol.ProtocolDesc(version=version)
        mtype, length = data[1], int.from_bytes(data[2:4], "big")
        xid = int.from_bytes(data[4:8], "big")
        message = self.parser.msg(datapath, version, mtype, length, xid, data)
        if message is None:
            raise NotImplementedError  # os-ken only writes it
        if type(message)._serialize_body is self.parser.MsgBase._serialize_body:
            return data  # os-ken only reads it, and did
        message.buf = None
        message.serialize()
        return bytes(message.buf)


def check_osken(osken, version, data):
    """None if equal, else what is wrong. NotImplementedError where os-ken only writes."""
    again = osken.recode(version, data)
    return None if again == data else f"os-ken writes {again.hex()}"


# What Open vSwitch says of parts of OpenFlow that it does not have: PBB, IPv6 extension headers,
# copying of TTLs, experimenter bands, experimenters of others, set-field of Ethernet type, protocol
# or PBB (a bad length, as it does not know the field's), a third VLAN tag, incomplete table features.
OVS_LACKS = (
    "OFPBMC_BAD_FIELD",
    "OFPBAC_BAD_TAG",
    "OFPBAC_BAD_TYPE",
    "OFPBAC_BAD_SET_ARGUMENT",
    "OFPBAC_BAD_SET_LEN",
    "OFPBRC_BAD_VENDOR",
    "OFPMMFC_BAD_BAND",
    "OFPTFFC_BAD_FEATURES",
)


def check_ofctl(data):
    run = subprocess.run(
        ["ovs-ofctl", "ofp-print", data.hex()], capture_output=True, text=True, timeout=20
    )
    text = run.stdout + run.stderr
    if run.returncode != 0 or "decode error" in text:
        if any(name in text for name in OVS_LACKS):
            raise NotImplementedError
        return text.strip()
    return None


def main():
    build = sys.argv[1]
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 32)
    print(f"seed {seed}")
    passed = failed = skipped = 0
    unjudged = 0  # messages that a peer cannot read at all: no test of ours
    try:
        osken = OsKen()
    except ImportError as e:
        osken = None
        print(f"no os-ken: {e}")
    has_ofctl = shutil.which("ovs-ofctl") is not None
    for version, kind, data in lines_of(build, seed):
        for name, present, check in (
            ("os-ken", osken is not None, lambda: check_osken(osken, version, data)),
            ("ovs-ofctl", has_ofctl, lambda: check_ofctl(data)),
        ):
            try:
                if not present:
                    skipped += 1
                    continue
                if (name, *key_of(version, data)) in SKIPS:
                    unjudged += 1
                    continue
                wrong = check()
            except NotImplementedError:
                unjudged += 1
                continue
            except Exception as e:  # whatever a parser throws is a verdict
                wrong = f"{type(e).__name__}: {e}"
            if wrong is None:
                passed += 1
            else:
                failed += 1
                key = key_of(version, data)
                print(f"FAIL {name} OpenFlow {VERSION_NAMES[version]} {key} kind {kind}: {wrong}")
                print(f"     ours {data.hex()}")
    print(f"{unjudged} messages are of kinds that the one peer or the other cannot read")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
