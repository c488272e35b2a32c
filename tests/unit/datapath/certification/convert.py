#!/usr/bin/python3
"""Makes of10.txt and of13.txt of the test files of the Ryu certification suite.

    convert.py DIRECTORY      one with of10/ and of13/, as os_ken/tests/switch/ of os-ken's source

The suite is copyright (C) Nippon Telegraph and Telephone Corporation, Apache License 2.0. os-ken
reads the files and writes the messages and frames, so that none of what is expected was made by
our own code. certification_test.cc reads the result.
"""

import importlib
import inspect
import json
import os
import sys

from os_ken.ofproto import ofproto_parser, ofproto_protocol, ofproto_v1_3

PORTS = {
    "target_recv_port": 1,
    "target_send_port_1": 2,
    "target_send_port_2": 3,
}
HEADER = """\
# Made by convert.py of the test files of the Ryu certification suite (os-ken), which are
# Copyright (C) 2013-2014 Nippon Telegraph and Telephone Corporation, Apache License 2.0.
#
# case NAME     begins a case with empty tables
# send HEX      a message to the switch; no error may come back
# refuse TYPE CODE HEX   a message that must be answered with that error
# in HEX        a frame into port 1, with one of these behind it:
# out HEX | packet_in HEX | miss    what becomes of it ("=": the frame as it came in)
"""


def with_port_numbers(value):
    if isinstance(value, dict):
        return {k: with_port_numbers(v) for k, v in value.items()}
    if isinstance(value, list):
        return [with_port_numbers(v) for v in value]
    return PORTS.get(value, value) if isinstance(value, str) else value


# Names of two modules: the suite's own tester calls those of ICMPv6 and IPv6 so.
ALIASES = {("icmpv6", "echo"): "icmpv6echo", ("ipv6", "option"): "ipv6option"}


def packet_classes():
    """The classes that the files' expressions name."""
    names = {}
    for name in ("arp", "ethernet", "icmp", "icmpv6", "ipv4", "ipv6", "mpls", "pbb", "sctp", "tcp",
                 "udp", "vlan"):
        module = importlib.import_module(f"os_ken.lib.packet.{name}")
        for cls_name, cls in inspect.getmembers(module, inspect.isclass):
            if cls.__module__ == module.__name__:
                names[ALIASES.get((name, cls_name), cls_name)] = cls
    return names


NAMES = packet_classes()


def frame(parts):
    packet = eval("/".join(parts), NAMES)  # as the suite's own tester does
    packet.serialize()
    return bytes(packet.data)


def expected_error(message):
    """What a switch without groups and meters answers; None: it takes the message."""
    of = ofproto_v1_3
    (kind,) = message
    if kind == "OFPGroupMod":
        return of.OFPET_GROUP_MOD_FAILED, of.OFPGMFC_OUT_OF_GROUPS
    if kind == "OFPMeterMod":
        return of.OFPET_METER_MOD_FAILED, of.OFPMMFC_OUT_OF_METERS
    text = json.dumps(message)
    if "OFPActionGroup" in text:
        return of.OFPET_BAD_ACTION, of.OFPBAC_BAD_OUT_GROUP
    if "OFPInstructionMeter" in text:
        return of.OFPET_BAD_INSTRUCTION, of.OFPBIC_UNSUP_INST
    return None


def lines_of_case(name, case, version):
    importlib.import_module(f"os_ken.ofproto.ofproto_{version}_parser")
    numbers = importlib.import_module(f"os_ken.ofproto.ofproto_{version}")
    datapath = ofproto_protocol.ProtocolDesc(version=numbers.OFP_VERSION)
    lines = [f"case {name}"]
    refused = False
    for flow in case["prerequisite"]:
        message = ofproto_parser.ofp_msg_from_jsondict(datapath, with_port_numbers(flow))
        message.xid = len(lines)
        message.serialize()
        error = expected_error(flow)
        refused = refused or error is not None
        verb = "send" if error is None else "refuse {} {}".format(*error)
        lines.append(f"{verb} {bytes(message.buf).hex()}")
    if refused:
        return lines
    for test in case["tests"]:
        ingress = frame(test["ingress"])
        lines.append(f"in {ingress.hex()}")
        if "table-miss" in test:
            lines.append("miss")
            continue
        verb, key = ("out", "egress") if "egress" in test else ("packet_in", "PACKET_IN")
        wanted = frame(test[key])
        lines.append(f"{verb} {'=' if wanted == ingress else wanted.hex()}")
    return lines


def convert(top, version):
    lines = []
    paths = [os.path.join(d, f) for d, _, files in os.walk(top) for f in files]
    for path in sorted(p for p in paths if p.endswith(".json")):
        name = os.path.relpath(path, top)[: -len(".json")].replace(os.sep, "/")
        with open(path, encoding="utf-8") as f:
            cases = [c for c in json.load(f) if isinstance(c, dict)]
        for case in cases:
            lines += lines_of_case(f"{name}: {case['description']}", case, version)
    return HEADER + "\n".join(lines) + "\n"


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    for folder, version in (("of10", "v1_0"), ("of13", "v1_3")):
        text = convert(os.path.join(sys.argv[1], folder), version)
        with open(os.path.join(here, folder + ".txt"), "w", encoding="utf-8") as f:
            f.write(text)


main()
