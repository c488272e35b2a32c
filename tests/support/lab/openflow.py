"""An OpenFlow controller of our own, as small as the tests need: it shakes hands, answers echoes, asks for
echoes and barriers, and attacks. OpenFlow 1.0 and 1.3. It does not use the project's codec."""

import collections
import queue
import socket
import struct
import threading
import time

from . import wait

HELLO, ERROR, ECHO_REQUEST, ECHO_REPLY = 0, 1, 2, 3
FEATURES_REQUEST, FEATURES_REPLY = 5, 6
PACKET_IN, FLOW_REMOVED, PORT_STATUS, PACKET_OUT, FLOW_MOD = 10, 11, 12, 13, 14

V10, V13 = 1, 4
IPV6 = socket.AF_INET6
_PORT_MOD = {V10: 15, V13: 16}
_STATS_REQUEST = {V10: 16, V13: 18}
_STATS_REPLY = {V10: 17, V13: 19}
_BARRIER_REQUEST = {V10: 18, V13: 20}
_BARRIER_REPLY = {V10: 19, V13: 21}
_EXPERIMENTER, _ONF, _BUNDLE_CONTROL, _BUNDLE_ADD = 4, 0x4F4E4600, 2300, 2301
_BUNDLE_OPEN, _BUNDLE_COMMIT, _ATOMIC = 0, 4, 1
LOCAL = {V10: 0xFFFE, V13: 0xFFFFFFFE}
_MATCH_ALL_10 = struct.pack("!I36x", (1 << 22) - 1)
_MATCH_ALL_13 = struct.pack("!HH4x", 1, 4)

PORT_DOWN, NO_RECV, NO_FLOOD, NO_FWD, NO_PACKET_IN = 1 << 0, 1 << 2, 1 << 4, 1 << 5, 1 << 6
PORT_FLAGS = {V10: (PORT_DOWN, NO_RECV, NO_FLOOD, NO_FWD, NO_PACKET_IN),
              V13: (PORT_DOWN, NO_RECV, NO_FWD, NO_PACKET_IN)}
FLAG_NAMES = {PORT_DOWN: "PORT_DOWN", NO_RECV: "NO_RECV", NO_FLOOD: "NO_FLOOD", NO_FWD: "NO_FWD",
              NO_PACKET_IN: "NO_PACKET_IN"}

Port = collections.namedtuple("Port", "number mac name config state")


class Closed(AssertionError):
    """The switch ended the session, or it was cut."""


def _parse_ports(version, data):
    ports = {}
    if version == V10:
        for at in range(0, len(data), 48):
            number, mac, name, config, state = struct.unpack_from("!H6s16sII", data, at)
            ports[number] = Port(number, mac, name.rstrip(b"\0").decode(), config, state)
    else:
        for at in range(0, len(data), 64):
            number, mac, name, config, state = struct.unpack_from("!I4x6s2x16sII", data, at)
            ports[number] = Port(number, mac, name.rstrip(b"\0").decode(), config, state)
    return ports


class Session:
    """One TCP connection of one switch. A reader thread of its own answers echo requests."""

    def __init__(self, connection, peer, version):
        self.socket = connection
        self.peer = f"{peer[0]}:{peer[1]}"
        self.version = version
        self.accepted_at = time.monotonic()
        self.ready_at = None  # features reply received: the handshake is done
        self.ready = threading.Event()
        self.closed = threading.Event()
        self.datapath_id = None
        self.echo_requests = 0  # that the switch sent
        self.packet_ins = 0
        self.port_status = []  # (reason, Port)
        self.errors = []  # (type, code, xid)
        self._features = None
        self._replies = {}
        self._lock = threading.Lock()
        self._xid = 0x100
        threading.Thread(target=self._read, daemon=True).start()

    # Wire -----------------------------------------------------------------------------------------

    def send(self, kind, body=b"", xid=None):
        with self._lock:
            if xid is None:
                self._xid += 1
                xid = self._xid
            try:
                self.socket.sendall(struct.pack("!BBHI", self.version, kind, 8 + len(body), xid) + body)
            except OSError as error:
                raise Closed(f"session with {self.peer}: {error}") from None
        return xid

    def request(self, kind, body=b"", timeout=5.0):
        """Sends and waits for the answer with the same xid; returns its body."""
        inbox = queue.Queue()
        with self._lock:
            self._xid += 1
            xid = self._xid
            self._replies[xid] = inbox
        self.send(kind, body, xid)
        try:
            answer = inbox.get(timeout=timeout * wait.SLOW)
        except queue.Empty:
            raise wait.Timeout(f"session with {self.peer}: no answer to message type {kind} within "
                               f"{timeout * wait.SLOW:.1f} s") from None
        finally:
            self._replies.pop(xid, None)
        if answer is None:
            raise Closed(f"session with {self.peer} was closed")
        if answer[0] == ERROR:
            raise AssertionError(f"the switch answered message type {kind} with error "
                                 f"{struct.unpack_from('!HH', answer[1])}")
        return answer[1]

    def _read_exactly(self, size):
        data = b""
        while len(data) < size:
            piece = self.socket.recv(size - len(data))
            if not piece:
                raise ConnectionError
            data += piece
        return data

    def _read(self):
        try:
            self.send(HELLO)
            while True:
                version, kind, length, xid = struct.unpack("!BBHI", self._read_exactly(8))
                body = self._read_exactly(length - 8)
                self._handle(version, kind, xid, body)
        except (OSError, ConnectionError, Closed, struct.error):
            pass
        self.closed.set()
        for inbox in list(self._replies.values()):
            inbox.put(None)

    def _handle(self, version, kind, xid, body):
        if kind == HELLO:
            if version < self.version:
                self.version = version
            self.send(FEATURES_REQUEST)
        elif kind == ECHO_REQUEST:
            self.echo_requests += 1
            self.send(ECHO_REPLY, body, xid)
        elif kind == FEATURES_REPLY and not self.ready.is_set():
            self.datapath_id, = struct.unpack_from("!Q", body)
            self._features = body
            self.ready_at = time.monotonic()
            self.ready.set()
        elif kind == PACKET_IN:
            self.packet_ins += 1
        elif kind == PORT_STATUS:
            (port,) = _parse_ports(version, body[8:]).values()
            self.port_status.append((body[0], port))
        if kind == ERROR:
            self.errors.append(struct.unpack_from("!HH", body) + (xid,))
        inbox = self._replies.get(xid)
        if inbox is not None and kind not in (ECHO_REQUEST, PACKET_IN, PORT_STATUS, FLOW_REMOVED):
            inbox.put((kind, body))

    # What a controller does -----------------------------------------------------------------------

    def echo(self, timeout=5.0):
        """One echo round trip through the switch; seconds."""
        began = time.monotonic()
        self.request(ECHO_REQUEST, b"lab", timeout)
        return time.monotonic() - began

    def barrier(self, timeout=10.0):
        self.request(_BARRIER_REQUEST[self.version], b"", timeout)

    def _flow_mod(self, command, priority, out_any):
        if self.version == V10:
            # No actions: drop.
            return _MATCH_ALL_10 + struct.pack("!QHHHHIHH", 0, command, 0, 0, priority, 0xFFFFFFFF,
                                               0xFFFF if out_any else 0, 0)
        table = 0xFF if command == 3 else 0
        return struct.pack("!QQBBHHHIIIH2x", 0, 0, table, command, 0, 0, priority, 0xFFFFFFFF,
                           0xFFFFFFFF, 0xFFFFFFFF, 0) + _MATCH_ALL_13

    def flow_mod_drop_all(self):
        """priority=65535, match all, no action."""
        return self._flow_mod(0, 65535, True)

    def flow_mod_delete_all(self):
        return self._flow_mod(3, 0, True)

    def drop_everything(self):
        self.send(FLOW_MOD, self.flow_mod_drop_all())
        self.barrier()

    def delete_flows(self):
        self.send(FLOW_MOD, self.flow_mod_delete_all())
        self.barrier()

    def bundle(self, messages):
        """OpenFlow 1.3 with the ONF's extension 230: (type, body) of each message, all in one atomic bundle."""
        def control(kind):
            answer = self.request(_EXPERIMENTER, struct.pack("!IIIHH", _ONF, _BUNDLE_CONTROL, 1, kind, _ATOMIC))
            assert struct.unpack_from("!IIIH", answer) == (_ONF, _BUNDLE_CONTROL, 1, kind + 1), answer
        control(_BUNDLE_OPEN)
        for kind, body in messages:
            self._xid += 1  # a bundled message has that of the one that carries it
            inner = struct.pack("!BBHI", self.version, kind, 8 + len(body), self._xid) + body
            self.send(_EXPERIMENTER, struct.pack("!III2xH", _ONF, _BUNDLE_ADD, 1, _ATOMIC) + inner, self._xid)
        control(_BUNDLE_COMMIT)

    def ports(self):
        if self.version == V10:
            return _parse_ports(V10, self.request(FEATURES_REQUEST)[24:])
        return _parse_ports(V13, self.request(_STATS_REQUEST[V13], struct.pack("!HH4x", 13, 0))[8:])

    def port_mod(self, number, config, mask):
        """Sets the flags of `mask` to those of `config`."""
        mac = self.ports()[number].mac
        if self.version == V10:
            body = struct.pack("!H6sIII4x", number, mac, config, mask, 0)
        else:
            body = struct.pack("!I4x6s2xIII4x", number, mac, config, mask, 0)
        self.send(_PORT_MOD[self.version], body)
        self.barrier()

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()


class Controller:
    """Listens in `space`. sessions: all that ever came, in order."""

    def __init__(self, space, port=6653, version=V13, family=socket.AF_INET):
        self.space = space
        self.family = family
        self.port = port
        self.version = version
        self.sessions = []
        self._socket = None
        self.listening_at = None

    def start(self):
        self._socket = self.space.socket(self.family)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("", self.port))
        self._socket.listen(16)
        self.listening_at = time.monotonic()
        threading.Thread(target=self._accept, args=(self._socket,), daemon=True).start()
        return self

    def _accept(self, listener):
        while True:
            try:
                connection, peer = listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.accepted(connection, peer)

    def accepted(self, connection, peer):
        self.sessions.append(Session(connection, peer, self.version))

    def session(self, timeout=15.0, after=0):
        """The newest session, once its handshake is done. `after`: ignore that many of the first."""
        def newest():
            ready = [s for s in self.sessions[after:] if s.ready.is_set() and not s.closed.is_set()]
            return ready[-1] if ready else None
        return self.space.lab.until(newest, "an OpenFlow handshake is done", timeout, 0.005)

    def stop(self):
        """As a controller that exits: the kernel closes its sessions."""
        if self._socket is not None:
            try:
                self._socket.shutdown(socket.SHUT_RDWR)  # wakes accept()
            except OSError:
                pass
            self._socket.close()
            self._socket = None
        for session in self.sessions:
            session.close()
