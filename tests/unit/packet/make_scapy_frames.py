#!/usr/bin/python3
"""Writes scapy_frames.inc: frames made by scapy, each with the flow key that scapy's own fields
give. An oracle that shares no line with the parser. Run by hand after adding a frame:
    /usr/bin/python3 make_scapy_frames.py > scapy_frames.inc
"""
import ipaddress
import logging
logging.getLogger("scapy").setLevel(logging.ERROR)
from scapy.all import (ARP, Dot1AD, Dot1Q, Dot3, Ether, ICMP, ICMPv6DestUnreach, ICMPv6EchoRequest, ICMPv6ND_NA,
                       ICMPv6ND_NS, ICMPv6NDOptDstLLAddr, ICMPv6NDOptPrefixInfo, ICMPv6NDOptSrcLLAddr, IP, IPOption_RR, IPOption_NOP,
                       IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, LLC, Padding, Raw, SCTP,
                       SNAP, STP, TCP, UDP, BOOTP, DHCP)
from scapy.contrib.mpls import MPLS

E = Ether(dst="02:00:00:00:00:0b", src="02:00:00:00:00:0a")
V4 = IP(src="192.0.2.1", dst="198.51.100.7")
V6 = IPv6(src="2001:db8::1", dst="2001:db8::2")


def key(**fields):
    order = ["vlan_tci", "eth_type", "eth_dst", "eth_src", "mpls_lse", "ip_proto", "ip_tos", "ip_frag", "inner_vlan", "tp_src", "tp_dst",
             "ipv4_src", "ipv4_dst", "arp_op", "arp_sha", "arp_tha", "ipv6_label", "ipv6_exthdr", "icmpv6_hop_255", "ipv6_src", "ipv6_dst",
             "nd_target", "nd_sll", "nd_tll"]
    out = []
    for name in order:
        v = fields.pop(name, 0)
        if not v or v in ("0.0.0.0", "::", "00:00:00:00:00:00"):
            continue
        out.append(f"{name}={v:x}" if isinstance(v, int) else f"{name}={v}")
    assert not fields, fields
    return " ".join(out)


def describe(p):
    """The key from scapy's layers (of a packet built, then dissected again)."""
    f = {}
    first = p.getlayer(0)
    f["eth_dst"], f["eth_src"] = first.dst, first.src
    tags = [l for l in (p.getlayer(i) for i in range(12)) if l is not None and type(l) in (Dot1Q, Dot1AD)]
    if tags:
        f["vlan_tci"] = tags[0].prio << 13 | 0x1000 | tags[0].vlan
        f["inner_vlan"] = int(len(tags) > 1)
    below = tags[-1] if tags else first
    if isinstance(first, Dot3):
        f["eth_type"] = p[SNAP].code if SNAP in p and p[SNAP].OUI == 0 and p[SNAP].code >= 0x600 else 0x5ff
    else:
        f["eth_type"] = below.type
    if MPLS in p:
        m = p[MPLS]
        f["mpls_lse"] = m.label << 12 | m.cos << 9 | m.s << 8
        return key(**f)
    if ARP in p:
        a = p[ARP]
        f.update(arp_op=a.op, arp_sha=a.hwsrc, arp_tha=a.hwdst, ipv4_src=a.psrc, ipv4_dst=a.pdst)
        return key(**f)
    later = False
    if IP in p:
        i = p[IP]
        f.update(ip_proto=i.proto, ip_tos=i.tos, ipv4_src=i.src, ipv4_dst=i.dst)
        later = i.frag != 0
        f["ip_frag"] = (1 if later or "MF" in str(i.flags) else 0) | (2 if later else 0)
    elif IPv6 in p:
        i = p[IPv6]
        f.update(ip_tos=i.tc, ipv6_label=i.fl, ipv6_src=i.src, ipv6_dst=i.dst)
        bits = {0: 64, 43: 32, 44: 16, 51: 4, 60: 8}
        nh, l, ext = i.nh, i.payload, 0
        while nh in bits:
            ext |= bits[nh]
            if nh == 44:
                later = l.offset != 0
                f["ip_frag"] = (1 if later or l.m else 0) | (2 if later else 0)
            nh, l = l.nh, l.payload
            if later:
                break
        if nh == 59:
            ext |= 1
        f.update(ip_proto=nh, ipv6_exthdr=ext)
    if not later:
        for t in (TCP, UDP, SCTP):
            if t in p:
                f.update(tp_src=p[t].sport, tp_dst=p[t].dport)
                break
        else:
            if ICMP in p:
                f.update(tp_src=p[ICMP].type, tp_dst=p[ICMP].code)
            for l in (ICMPv6EchoRequest, ICMPv6ND_NS, ICMPv6ND_NA, ICMPv6DestUnreach):
                if l in p:
                    f.update(tp_src=p[l].type, tp_dst=p[l].code)
            for l in (ICMPv6ND_NS, ICMPv6ND_NA):
                if l in p:
                    f["nd_target"] = str(ipaddress.ip_address(p[l].tgt))
                    f["icmpv6_hop_255"] = int(p[IPv6].hlim == 255)
            if ICMPv6ND_NS in p and ICMPv6NDOptSrcLLAddr in p:
                f["nd_sll"] = p[ICMPv6NDOptSrcLLAddr].lladdr
            if ICMPv6ND_NA in p and ICMPv6NDOptDstLLAddr in p:
                f["nd_tll"] = p[ICMPv6NDOptDstLLAddr].lladdr
    return key(**f)


FRAMES = {
    "TcpSyn": E / V4 / TCP(sport=1025, dport=6653, flags="S", options=[("MSS", 1460), ("SAckOK", b"")]),
    "TcpWithTosAndPayload": E / IP(src="10.0.0.1", dst="10.0.0.2", tos=0xb9) / TCP(sport=5, dport=80) / Raw(b"GET /"),
    "Udp": E / V4 / UDP(sport=53, dport=1234) / Raw(b"x" * 11),
    "UdpPadded": E / V4 / UDP(sport=53, dport=1234) / Raw(b"x") / Padding(b"\0" * 20),
    "Sctp": E / V4 / SCTP(sport=2905, dport=2906) / Raw(b"chunk---"),
    "Icmp": E / V4 / ICMP(type=8, id=1, seq=2) / Raw(b"ping"),
    "IcmpUnreachable": E / V4 / ICMP(type=3, code=4) / V4 / UDP(sport=9, dport=10),
    "Igmp": E / IP(src="10.0.0.1", dst="224.0.0.22", proto=2) / Raw(b"\x22\0\xf9\x02\0\0\0\0"),
    "Ipv4Options": E / IP(src="10.0.0.1", dst="10.0.0.2", options=[IPOption_RR(routers=["1.2.3.4"]), IPOption_NOP()]) / UDP(sport=7, dport=8),
    "FirstFragment": E / IP(src="10.0.0.1", dst="10.0.0.2", flags="MF") / UDP(sport=7, dport=8, len=2000) / Raw(b"f" * 24),
    "LaterFragment": E / IP(src="10.0.0.1", dst="10.0.0.2", frag=4, proto=17) / Raw(b"f" * 24),
    "DontFragment": E / IP(src="10.0.0.1", dst="10.0.0.2", flags="DF") / TCP(sport=1, dport=2),
    "ArpRequest": Ether(dst="ff:ff:ff:ff:ff:ff", src="02:00:00:00:00:0a") / ARP(op=1, hwsrc="02:00:00:00:00:0a", psrc="10.0.0.1", pdst="10.0.0.2"),
    "ArpReply": E / ARP(op=2, hwsrc="02:00:00:00:00:0a", psrc="10.0.0.1", hwdst="02:00:00:00:00:0b", pdst="10.0.0.2"),
    "Vlan": E / Dot1Q(vlan=7, prio=5) / V4 / UDP(sport=1, dport=2),
    "VlanDei": E / Dot1Q(vlan=7, prio=5, id=1) / V4 / UDP(sport=1, dport=2),
    "PriorityTag": E / Dot1Q(vlan=0, prio=3) / ARP(op=1, psrc="10.0.0.1", pdst="10.0.0.2", hwsrc="02:00:00:00:00:0a"),
    "DoubleTag": E / Dot1AD(vlan=100, prio=1) / Dot1Q(vlan=4094) / V4 / TCP(sport=1, dport=2),
    "TripleTag": E / Dot1AD(vlan=100, prio=1, type=0x8100) / Dot1Q(vlan=4094, type=0x8100) / Raw(b"\0\5\x08\0" + b"\x45" * 30),
    "Bpdu": Dot3(dst="01:80:c2:00:00:00", src="02:00:00:00:00:0a") / LLC(dsap=0x42, ssap=0x42, ctrl=3) / STP(),
    "SnapIpv4": Dot3(dst="02:00:00:00:00:0b", src="02:00:00:00:00:0a") / LLC(dsap=0xaa, ssap=0xaa, ctrl=3) / SNAP(OUI=0, code=0x800) / V4 / UDP(sport=5, dport=6),
    "SnapCdp": Dot3(dst="01:00:0c:cc:cc:cc", src="02:00:00:00:00:0a") / LLC(dsap=0xaa, ssap=0xaa, ctrl=3) / SNAP(OUI=0xc, code=0x2000) / Raw(b"cdp!" * 4),
    "Mpls": Ether(dst="02:00:00:00:00:0b", src="02:00:00:00:00:0a", type=0x8847) / MPLS(label=0xfffff, cos=5, s=1, ttl=9) / V4 / UDP(),
    "MplsStackMulticast": Ether(dst="02:00:00:00:00:0b", src="02:00:00:00:00:0a", type=0x8848) / Raw(bytes(MPLS(label=16, s=0, ttl=1) / MPLS(label=17, s=1, ttl=2))),
    "Tcp6": E / IPv6(src="2001:db8::1", dst="2001:db8::2", tc=0xb8, fl=0xabcde) / TCP(sport=1025, dport=6653),
    "Udp6": E / V6 / UDP(sport=546, dport=547) / Raw(b"dhcpv6"),
    "Udp6Padded": E / V6 / UDP(sport=546, dport=547) / Raw(b"d") / Padding(b"\xff" * 9),
    "Icmp6Echo": E / V6 / ICMPv6EchoRequest(id=1, seq=2),
    "HopByHop": E / V6 / IPv6ExtHdrHopByHop() / UDP(sport=1, dport=2),
    "AllExtensions": E / V6 / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() / IPv6ExtHdrRouting(addresses=["2001:db8::9"]) / IPv6ExtHdrFragment() / IPv6ExtHdrDestOpt() / UDP(sport=1, dport=2),
    "AuthHeader": E / IPv6(src="2001:db8::1", dst="2001:db8::2", nh=51) / Raw(bytes([6, 4, 0, 0]) + b"\0\0\0\1\0\0\0\2" + b"i" * 12) / Raw(bytes(TCP(sport=3, dport=4))),
    "NoNextHeader": E / IPv6(src="2001:db8::1", dst="2001:db8::2", nh=59),
    "FirstFragment6": E / V6 / IPv6ExtHdrFragment(m=1, offset=0, id=5) / UDP(sport=1, dport=2, len=1000) / Raw(b"f" * 16),
    "LaterFragment6": E / V6 / IPv6ExtHdrFragment(m=0, offset=3, id=5, nh=17) / Raw(b"f" * 16),
    "AtomicFragment6": E / V6 / IPv6ExtHdrFragment(m=0, offset=0, id=5) / UDP(sport=1, dport=2),
    "NeighborSolicitation": E / IPv6(src="fe80::1", dst="ff02::1:ff00:2", hlim=255) / ICMPv6ND_NS(tgt="fe80::2") / ICMPv6NDOptSrcLLAddr(lladdr="02:00:00:00:00:0a"),
    "NeighborSolicitationDad": E / IPv6(src="::", dst="ff02::1:ff00:2", hlim=255) / ICMPv6ND_NS(tgt="fe80::2"),
    "NeighborAdvertisement": E / IPv6(src="fe80::2", dst="fe80::1", hlim=255) / ICMPv6ND_NA(tgt="fe80::2") / ICMPv6NDOptPrefixInfo() / ICMPv6NDOptDstLLAddr(lladdr="02:00:00:00:00:0b"),
    "DhcpDiscover": Ether(dst="ff:ff:ff:ff:ff:ff", src="02:00:00:00:00:0a") / IP(src="0.0.0.0", dst="255.255.255.255") / UDP(sport=68, dport=67) / BOOTP(op=1, xid=0x12345678, chaddr=bytes.fromhex("02000000000a")) / DHCP(options=[("message-type", "discover"), ("param_req_list", [1, 3, 6]), "end"]),
    "DhcpOffer": Ether(dst="ff:ff:ff:ff:ff:ff", src="02:00:00:00:00:0b") / IP(src="10.0.0.1", dst="255.255.255.255") / UDP(sport=67, dport=68) / BOOTP(op=2, xid=0x12345678, yiaddr="10.0.0.99", chaddr=bytes.fromhex("02000000000a")) / DHCP(options=[("message-type", "offer"), ("server_id", "10.0.0.1"), ("lease_time", 600), "end"]),
    "Lldp": Ether(dst="01:80:c2:00:00:0e", src="02:00:00:00:00:0a", type=0x88cc) / Raw(b"\2\7\4" + b"\2\0\0\0\0\x0a"),
}

# Where scapy cannot dissect what it was told to build, the key is said by hand.
BY_HAND = {
    "TripleTag": key(eth_dst="02:00:00:00:00:0b", eth_src="02:00:00:00:00:0a", vlan_tci=1 << 13 | 0x1000 | 100, inner_vlan=1, eth_type=0x8100),
    "AuthHeader": key(eth_dst="02:00:00:00:00:0b", eth_src="02:00:00:00:00:0a", eth_type=0x86dd, ip_proto=6, ipv6_exthdr=4,
                      ipv6_src="2001:db8::1", ipv6_dst="2001:db8::2", tp_src=3, tp_dst=4),
    "MplsStackMulticast": key(eth_dst="02:00:00:00:00:0b", eth_src="02:00:00:00:00:0a", eth_type=0x8848, mpls_lse=16 << 12),
}

print("// Written by make_scapy_frames.py (scapy is the oracle). {name, frame, key}")
for name, packet in FRAMES.items():
    raw = bytes(packet)
    again = type(packet)(raw)
    print('{"%s",\n "%s",\n "%s"},' % (name, raw.hex(), BY_HAND.get(name) or describe(again)))
