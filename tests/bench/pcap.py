"""Traffic for the pcap PMD to replay: 64-byte UDP frames of N flows, in random order."""

import random
import struct

FRAME_BYTES = 64
SOURCE_MAC = bytes.fromhex("020000000a01")
DESTINATION_MAC = bytes.fromhex("020000000b02")
# The pcap PMD replays from mbufs it has loaded once. At least this many, so that a run of one flow and a
# run of a thousand touch the same amount of packet memory.
MIN_FRAMES = 1024
SEED = 6653


def flow(index):
    """(source address, destination address, source port, destination port) of flow `index`."""
    return (0x0A000000 + index + 1, 0x0B000000 + (index * 7919) % 0xFFFFFF, 1024 + index % 50000,
            2000 + index % 997)


def dotted(address):
    return ".".join(str(address >> shift & 255) for shift in (24, 16, 8, 0))


def _checksum(header):
    total = sum(struct.unpack("!10H", header))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def frame(index):
    source, destination, source_port, destination_port = flow(index)
    length = FRAME_BYTES - 14
    fields = [0x45, 0, length, index & 0xFFFF, 0, 64, 17, 0, source, destination]
    header = struct.pack("!BBHHHBBHII", *fields)
    fields[7] = _checksum(header)
    header = struct.pack("!BBHHHBBHII", *fields)
    # Checksum 0: none, which UDP over IPv4 allows.
    udp = struct.pack("!HHHH", source_port, destination_port, length - 20, 0)
    return (DESTINATION_MAC + SOURCE_MAC + b"\x08\x00" + header + udp).ljust(FRAME_BYTES, b"\0")


def write(path, flows):
    """A pcap file; every flow is in it, as often as any other (give or take one), in random order."""
    order = [i % flows for i in range(max(flows, MIN_FRAMES))]
    random.Random(SEED).shuffle(order)
    write_frames(path, (frame(index) for index in order))


def write_frames(path, frames):
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for number, data in enumerate(frames):
            file.write(struct.pack("<IIII", number // 1000000, number % 1000000, len(data), len(data)))
            file.write(data)


def exact_rules(path, flows, in_port=1, out_port=2):
    """One OpenFlow rule per flow, in ovs-ofctl's syntax, matching its 5-tuple exactly."""
    with open(path, "w", encoding="ascii") as file:
        for index in range(flows):
            source, destination, source_port, destination_port = flow(index)
            file.write(f"priority=100,in_port={in_port},udp,nw_src={dotted(source)},"
                       f"nw_dst={dotted(destination)},tp_src={source_port},"
                       f"tp_dst={destination_port},actions=output:{out_port}\n")
