"""VLAN devices: the kernel's, or, where it was built without them, one of our own in user space.

As a program: vlan.py PARENT NAME VID makes the TAP `NAME`, tags what it sends and untags what comes by PARENT in that
VLAN, until it is killed."""

import fcntl
import os
import select
import socket
import struct
import sys

_TUNSETIFF, _IFF_TAP, _IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
_SIOCGIFHWADDR, _SIOCSIFHWADDR = 0x8927, 0x8924
_ETH_P_ALL, _SOL_PACKET = 0x0003, 263
_PACKET_ADD_MEMBERSHIP, _PACKET_MR_PROMISC, _PACKET_AUXDATA, _PACKET_OUTGOING = 1, 1, 8, 4
_STATUS_VLAN_VALID = 1 << 4
_AUXDATA = struct.Struct("=IIIHHHH")  # tpacket_auxdata
_FRAME_BYTES = 65536


def add(space, parent, name, vid, prefix=None):
    """The device `name` for VLAN `vid` of `parent`, up, with the MAC of its parent."""
    made = space.ip("link", "add", "link", parent, "name", name, "type", "vlan", "id", str(vid), check=False)
    if made.returncode != 0:
        program = space.start(f"vlan{vid}", sys.executable, os.path.realpath(__file__), parent, name, str(vid))
        program.wait_log("ready")
    space.ip("link", "set", "dev", name, "up")
    if prefix:
        space.ip("addr", "add", prefix, "dev", name)
    return name


def _open_tap(name, mac):
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tap, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TAP | _IFF_NO_PI))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, _SIOCSIFHWADDR, struct.pack("16sH6s16x", name.encode(), 1, mac))
    return tap


def _open_parent(name):
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
    wire.bind((name, _ETH_P_ALL))
    wire.setblocking(False)
    wire.setsockopt(_SOL_PACKET, _PACKET_AUXDATA, 1)
    wire.setsockopt(_SOL_PACKET, _PACKET_ADD_MEMBERSHIP,
                    struct.pack("=iHH8s", socket.if_nametoindex(name), _PACKET_MR_PROMISC, 0, b""))
    mac = fcntl.ioctl(wire, _SIOCGIFHWADDR, struct.pack("16s24x", name.encode()))
    return wire, mac[18:24]


def _vid_and_frame(frame, ancillary):
    """What the kernel keeps beside a frame is its tag; one that it left there is in the frame."""
    for level, kind, data in ancillary:
        if level == _SOL_PACKET and kind == _PACKET_AUXDATA:
            status, _, _, _, _, tci, _ = _AUXDATA.unpack_from(data)
            if status & _STATUS_VLAN_VALID:
                return tci & 0xFFF, frame
    if frame[12:14] == b"\x81\x00":
        return struct.unpack_from("!H", frame, 14)[0] & 0xFFF, frame[:12] + frame[16:]
    return None, frame


def main():
    parent, name, vid = sys.argv[1], sys.argv[2], int(sys.argv[3])
    wire, mac = _open_parent(parent)
    tap = _open_tap(name, mac)
    print("ready", flush=True)
    while True:
        readable, _, _ = select.select([wire, tap], [], [])
        if wire in readable:
            frame, ancillary, _, address = wire.recvmsg(_FRAME_BYTES, 256)
            came_in, frame = _vid_and_frame(frame, ancillary)
            if address[2] != _PACKET_OUTGOING and came_in == vid:
                try:
                    os.write(tap, frame)
                except OSError:
                    pass  # it is down
        if tap in readable:
            frame = os.read(tap, _FRAME_BYTES)
            try:
                wire.send(frame[:12] + struct.pack("!HH", 0x8100, vid) + frame[12:])
            except OSError:
                pass  # the parent is down


if __name__ == "__main__":
    main()
