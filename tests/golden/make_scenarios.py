#!/usr/bin/python3
"""Writes the golden scenarios: scenarios/NAME/{scenario.txt, in*.pcap, out*.pcap, local*.pcap}.

The expected frames are made here with scapy, not by the switch, so that the switch does not judge
itself. Run it after changing a scenario and commit what it wrote.
"""
import os
import shutil

from scapy.all import (ARP, BOOTP, DHCP, Dot1AD, Dot1Q, Ether, ICMP, IP, IPv6, Raw, TCP, UDP,
                       IPOption_Router_Alert, wrpcap)

HERE = os.path.dirname(os.path.abspath(__file__))
LOCAL = "02:00:00:00:00:01"
GATEWAY = "02:00:00:00:00:fe"
A, B = "02:00:00:00:00:0a", "02:00:00:00:00:0b"
CONTROLLER = "192.0.2.1"
BROADCAST = "ff:ff:ff:ff:ff:ff"


def pad(frame, n=60):
    raw = bytes(frame)
    return raw + bytes(max(0, n - len(raw)))


def scenario(name, text, **frames):
    """frames: in1, out2, local_in, local_out, ... = lists of frames."""
    folder = os.path.join(HERE, "scenarios", name)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    with open(os.path.join(folder, "scenario.txt"), "w", encoding="ascii") as f:
        f.write(text.strip() + "\n")
    for key, packets in frames.items():
        raw = [Raw(bytes(p)) for p in packets]
        wrpcap(os.path.join(folder, key + ".pcap"), raw, linktype=1, nano=False)


def udp(src=A, dst=B, sport=1000, dport=2000, tag=None, ip=None, size=60):
    frame = Ether(src=src, dst=dst)
    if tag is not None:
        frame = frame / tag
    return pad(frame / (ip or IP(src="10.0.0.10", dst="10.0.0.11")) / UDP(sport=sport, dport=dport) / b"x", size)


def tcp(src_ip, sport, dst_ip, dport, tag=None):
    frame = Ether(src=A, dst=B)
    if tag is not None:
        frame = frame / tag
    return pad(frame / IP(src=src_ip, dst=dst_ip) / TCP(sport=sport, dport=dport, flags="S"))


def arp(op, src=A, dst=BROADCAST, spa="10.0.0.10", tpa="10.0.0.11", tag=None, sha=None):
    frame = Ether(src=src, dst=dst)
    if tag is not None:
        frame = frame / tag
    return pad(frame / ARP(op=op, hwsrc=sha or src, psrc=spa, hwdst="00:00:00:00:00:00", pdst=tpa))


# Every shape of frame goes through one rule unharmed.
shapes = [
    udp(), udp(tag=Dot1Q(vlan=5, prio=3)), udp(tag=Dot1AD(vlan=5) / Dot1Q(vlan=6)),
    udp(tag=Dot1Q(vlan=1) / Dot1Q(vlan=2) / Dot1Q(vlan=3), size=80),
    udp(ip=IP(src="10.0.0.10", dst="10.0.0.11", options=[IPOption_Router_Alert()])),
    pad(Ether(src=A, dst=B) / IP(src="10.0.0.1", dst="10.0.0.2", flags="MF") / UDP() / bytes(64)),
    pad(Ether(src=A, dst=B) / IP(src="10.0.0.1", dst="10.0.0.2", frag=9, proto=17) / bytes(64)),
    pad(Ether(src=A, dst=B) / IPv6(src="2001:db8::1", dst="2001:db8::2") / UDP() / bytes(8)),
    pad(Ether(src=A, dst=B) / IP() / ICMP()),
    arp(1),
    bytes(Ether(src=A, dst=B, type=0x88b5) / bytes(1486)),
    bytes(Ether(src=A, dst=B) / IP(src="10.0.0.1", dst="10.0.0.2") / UDP() / bytes(8000)),
]
cut = [shapes[0][:n] for n in range(14, 60)] + [shapes[2][:n] for n in range(14, 50)]
scenario("shapes", "rule priority=1,in_port=1 actions=output:2", in1=shapes, out2=shapes)
scenario("truncated", """
# shorter than an Ethernet header: dropped; cut anywhere else: forwarded as it is
rule priority=1,in_port=1 actions=output:2
drops frame_too_short 13
""", in1=[shapes[0][:n] for n in range(1, 14)] + cut, out2=cut)

# Hidden rules against a drop-all of the highest priority: one packet inside, others just outside.
inside = [
    tcp("10.0.0.1", 4000, CONTROLLER, 6653), tcp(CONTROLLER, 6653, "10.0.0.1", 4000),
    arp(2, dst=B, tpa=CONTROLLER), arp(1, spa=CONTROLLER),
    arp(2, dst=GATEWAY), arp(1, src=GATEWAY),
]
outside = [
    tcp("10.0.0.1", 4000, CONTROLLER, 6654), tcp("10.0.0.1", 4000, "192.0.2.2", 6653),
    tcp(CONTROLLER, 6654, "10.0.0.1", 4000), tcp("192.0.2.2", 6653, "10.0.0.1", 4000),
    tcp("10.0.0.1", 4000, CONTROLLER, 6653, tag=Dot1Q(vlan=9)),
    udp(ip=IP(src="10.0.0.1", dst=CONTROLLER), dport=6653),
    arp(1, tpa=CONTROLLER), arp(2, dst=B, spa=CONTROLLER), arp(1, dst=GATEWAY), arp(2, src=GATEWAY, dst=B),
    udp(dst=GATEWAY), udp(src=GATEWAY),
]
HIDDEN = """
hidden priority=18181806,vlan=none,eth_type=0x806,arp_op=2,eth_dst=02:00:00:00:00:fe
hidden priority=18181805,vlan=none,eth_type=0x806,arp_op=1,eth_src=02:00:00:00:00:fe
hidden priority=18181804,vlan=none,eth_type=0x806,arp_op=2,arp_tpa=192.0.2.1
hidden priority=18181803,vlan=none,eth_type=0x806,arp_op=1,arp_spa=192.0.2.1
hidden priority=18181802,vlan=none,eth_type=0x800,ip_proto=6,ipv4_dst=192.0.2.1,tp_dst=6653
hidden priority=18181801,vlan=none,eth_type=0x800,ip_proto=6,ipv4_src=192.0.2.1,tp_src=6653
rule priority=65535 actions=drop
"""
broadcast = [f for f in inside if f[0] == 0xff]
mixed = [f for pair in zip(inside, outside) for f in pair] + outside[len(inside):]
scenario("hidden_rules", HIDDEN + "drops rule_drop 12\n", in1=mixed, out2=inside, out3=inside,
         local_out=broadcast)
scenario("hidden_rules_port_flags", HIDDEN + """
flags port=1 down,no_recv,no_fwd,no_flood
flags port=2 down,no_recv,no_fwd,no_flood
flags port=local down,no_recv,no_fwd,no_flood
drops ingress_filtered 12
""", in1=mixed, out2=inside, out3=inside, local_out=broadcast)

# NORMAL: the first turn takes 32 frames of each port before anything is learned.
ab, ba = udp(), udp(src=B, dst=A)
scenario("normal_learns", "rule priority=0 actions=NORMAL", in1=[ab] * 33, in2=[ba] * 33,
         out1=[ba] * 33, out2=[ab] * 33, out3=[ab] * 32 + [ba] * 32)
tagged = udp(tag=Dot1Q(vlan=10))
scenario("normal_vlan", """
# known in VLAN 10 behind port 2, unknown untagged
rule priority=0 actions=NORMAL
fdb vlan=10 mac=02:00:00:00:00:0b port=2
drops reserved_multicast 1
""", in1=[tagged, ab, udp(dst="01:80:c2:00:00:0e")], out2=[tagged, ab], out3=[ab])

# Guards.
def dhcp(chaddr, xid):
    return bytes(Ether(src=GATEWAY, dst=BROADCAST) / IP(src="10.0.0.254", dst="255.255.255.255") / UDP(sport=67, dport=68)
                 / BOOTP(op=2, hlen=6, xid=xid, chaddr=bytes.fromhex(chaddr.replace(":", "")))
                 / DHCP(options=[("message-type", "offer"), "end"]))


request = bytes(Ether(src=LOCAL, dst=BROADCAST) / IP(src="0.0.0.0", dst="255.255.255.255") / UDP(sport=68, dport=67)
                / BOOTP(op=1, xid=7, chaddr=bytes.fromhex(LOCAL.replace(":", "")))
                / DHCP(options=[("message-type", "discover"), "end"]))
ours = dhcp(LOCAL, 7)
announce = arp(1, src=B, spa="10.0.0.254", tpa="10.0.0.254")
scenario("guards", """
# from LOCAL the request goes out by the hidden rule (a)
guards local_mac=02:00:00:00:00:01 next_hop=10.0.0.254
hidden priority=18181809,in_port=local,eth_src=02:00:00:00:00:01,vlan=none,eth_type=0x800,ip_proto=17,tp_src=68,tp_dst=67
rule priority=65535 actions=drop
drops rule_drop 8
drops local_mac_spoofed 1
""", local_in=[request], in1=[ours, dhcp(A, 7), dhcp(LOCAL, 8), ours[:200], announce, udp(src=LOCAL),
                              arp(1, src=B, spa="10.0.0.253", tpa="10.0.0.254"), udp(dst=LOCAL), ours],
         out1=[request], out2=[request], out3=[request], local_out=[ours, announce, ours])

# Rewriting over two tables.
rewritten = bytes(Ether(src=A, dst=B) / Dot1Q(vlan=7) / IP(src="10.0.0.10", dst="10.0.0.11", ttl=63) / UDP(sport=1000, dport=2000) / b"xyz")
plain = bytes(Ether(src=A, dst=B) / IP(src="10.0.0.10", dst="10.0.0.11", ttl=64) / UDP(sport=1000, dport=2000) / b"xyz")
scenario("rewrite", """
rule table=0,priority=1,in_port=1 actions=push_vlan,set_vid:7,goto:1
rule table=1,priority=1,vlan=7 actions=dec_ttl,output:2,pop_vlan,output:3
""", in1=[plain] * 3, out2=[rewritten] * 3,
         out3=[bytes(Ether(src=A, dst=B) / IP(src="10.0.0.10", dst="10.0.0.11", ttl=63) / UDP(sport=1000, dport=2000) / b"xyz")] * 3)
