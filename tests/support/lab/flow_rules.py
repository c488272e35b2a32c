"""Rules that are given to every kind of NIC, and packets to see where they arrive.

Steering one's own control connection needs rules like these: ARP, and TCP with a controller.
"""

import socket
import struct

MAC = "02:00:00:00:00:42"
CONTROLLER, SWITCH, ELSEWHERE = "10.0.0.1", "10.0.0.2", "10.0.0.3"

_TO_1 = "actions queue index 1 / end"

# name: the rule as testpmd reads it after `flow create PORT`
RULES = {
    "arp": f"ingress pattern eth type is 0x0806 / end {_TO_1}",
    "arp_to_mac": f"ingress pattern eth dst is {MAC} type is 0x0806 / end {_TO_1}",
    "arp_address": f"ingress pattern eth / arp_eth_ipv4 tpa is {SWITCH} / end {_TO_1}",
    "mac": f"ingress pattern eth dst is {MAC} / end {_TO_1}",
    "to_controller": f"ingress pattern eth / ipv4 dst is {CONTROLLER} / tcp dst is 6653 / end {_TO_1}",
    "from_controller": f"ingress pattern eth / ipv4 src is {CONTROLLER} / tcp src is 6653 / end {_TO_1}",
    "proto": f"ingress pattern eth / ipv4 src is {CONTROLLER} proto is 6 / tcp src is 6653 / end {_TO_1}",
    "with_mac": f"ingress pattern eth dst is {MAC} / ipv4 src is {CONTROLLER} / tcp src is 6653 / end {_TO_1}",
    "subnet": "ingress pattern eth / ipv4 src spec 10.9.0.0 src mask 255.255.0.0 / udp dst is 67 / end " + _TO_1,
    "udp": f"ingress pattern eth / ipv4 dst is {SWITCH} / udp src is 67 dst is 68 / end {_TO_1}",
    "ipv6": f"ingress pattern eth / ipv6 dst is 2001:db8::2 / tcp src is 6653 / end {_TO_1}",
    "port_mask": "ingress pattern eth / ipv4 / tcp dst spec 6640 dst mask 65520 / end " + _TO_1,
    "tos": f"ingress pattern eth / ipv4 tos is 4 / end {_TO_1}",
    "icmp": f"ingress pattern eth / ipv4 / icmp type is 8 / end {_TO_1}",
    "vlan": f"ingress priority 2 pattern eth / vlan vid is 10 / ipv4 dst is {SWITCH} / end {_TO_1}",
    "vlan_after_type": f"ingress priority 2 pattern eth type is 0x8100 / vlan vid is 10 / end {_TO_1}",
    "priority": f"ingress priority 5 pattern eth / ipv4 dst is {CONTROLLER} / tcp dst is 6654 / end {_TO_1}",
    "drop": f"ingress priority 1 pattern eth / ipv4 dst is {ELSEWHERE} / udp dst is 9 / end actions drop / end",
    "count": f"ingress pattern eth / ipv4 dst is {CONTROLLER} / udp dst is 53 / end "
             "actions queue index 1 / count / end",
    "mark": f"ingress pattern eth / ipv4 dst is {CONTROLLER} / udp dst is 54 / end "
            "actions queue index 1 / mark id 7 / end",
    "far_queue": "ingress pattern eth type is 0x88b5 / end actions queue index 9 / end",
}

# The same match and priority a second time, and a VLAN rule at the priority of others.
AGAIN = {
    "arp_again": RULES["arp"],
    "vlan_shares_priority": f"ingress pattern eth / vlan vid is 11 / ipv4 dst is {SWITCH} / end {_TO_1}",
}


def _ip(source, target, protocol, payload):
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0,
                         socket.inet_aton(source), socket.inet_aton(target))
    total = sum(struct.unpack("!10H", header))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return header[:10] + struct.pack("!H", ~total & 0xffff) + header[12:] + payload


def _eth(target, kind, payload, source="02:00:00:00:00:99"):
    octets = lambda mac: bytes.fromhex(mac.replace(":", ""))
    return (octets(target) + octets(source) + struct.pack("!H", kind) + payload).ljust(60, b"\0")


def _tcp(source_port, target_port):
    return struct.pack("!HHIIBBHHH", source_port, target_port, 1, 0, 0x50, 0x10, 1000, 0, 0)


def _udp(source_port, target_port):
    return struct.pack("!HHHH", source_port, target_port, 8, 0)


def _arp(target):
    return struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, b"\2\0\0\0\0\x99",
                       socket.inet_aton(ELSEWHERE), b"", socket.inet_aton(target))


BROADCAST, OTHER_MAC = "ff:ff:ff:ff:ff:ff", "02:00:00:00:00:43"

PACKETS = {
    "arp": _eth(BROADCAST, 0x0806, _arp(SWITCH)),
    "arp to the mac": _eth(MAC, 0x0806, _arp(SWITCH)),
    "arp tagged": _eth(BROADCAST, 0x8100, struct.pack("!HH", 10, 0x0806) + _arp(SWITCH)),
    "to the controller": _eth(OTHER_MAC, 0x0800, _ip(SWITCH, CONTROLLER, 6, _tcp(40000, 6653))),
    "to another port": _eth(OTHER_MAC, 0x0800, _ip(SWITCH, CONTROLLER, 6, _tcp(40000, 6652))),
    "from the controller": _eth(OTHER_MAC, 0x0800, _ip(CONTROLLER, SWITCH, 6, _tcp(6653, 40000))),
    "udp of those ports": _eth(OTHER_MAC, 0x0800, _ip(CONTROLLER, SWITCH, 17, _udp(6653, 40000))),
    "of the subnet": _eth(OTHER_MAC, 0x0800, _ip("10.9.1.1", ELSEWHERE, 17, _udp(68, 67))),
    "beside the subnet": _eth(OTHER_MAC, 0x0800, _ip("10.8.1.1", ELSEWHERE, 17, _udp(68, 67))),
    "dhcp": _eth(OTHER_MAC, 0x0800, _ip(ELSEWHERE, SWITCH, 17, _udp(67, 68))),
    "dropped": _eth(OTHER_MAC, 0x0800, _ip(SWITCH, ELSEWHERE, 17, _udp(1, 9))),
    "tagged": _eth(OTHER_MAC, 0x8100, struct.pack("!HH", 10, 0x0800)
                   + _ip(ELSEWHERE, SWITCH, 17, _udp(1, 1))),
    "of another vlan": _eth(OTHER_MAC, 0x8100, struct.pack("!HH", 12, 0x0800)
                            + _ip(ELSEWHERE, SWITCH, 17, _udp(1, 1))),
}
