"""The test NIC (tests/nic) and testpmd, which drives it and other devices."""

import json
import os
import re
import shutil
import socket
import subprocess

from . import wait

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
BUILD = os.path.abspath(os.environ.get("LIFELINE_BUILD", os.path.join(ROOT, "build")))
MODULE = "librte_net_testnic.so"


def module(directory="/run/lab"):
    """A copy of the NIC's driver for EAL's -d, which refuses files below a directory that everybody may
    write to (a checkout in /tmp). `directory` is root's."""
    path = os.path.join(directory, MODULE)
    if not os.path.exists(path):
        shutil.copy(os.path.join(BUILD, "tests", "nic", MODULE), path)
    return path


def telemetry(command):
    """What a DPDK process answers that was started with --file-prefix=lab."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
        client.settimeout(10)
        client.connect("/var/run/dpdk/lab/dpdk_telemetry.v2")
        client.recv(4096)
        client.send(command.encode())
        return json.loads(client.recv(65536))[command.split(",")[0]]


class Testpmd:
    """dpdk-testpmd at its prompt. `vdevs`: devices with their arguments; each becomes a port with `queues` RX and
    TX queues. `wrap`: a command that it runs under, for instance `ip netns exec X`."""

    def __init__(self, vdevs, queues=2, wrap=(), driver=None, extra=()):
        cpus = ",".join(map(str, sorted(os.sched_getaffinity(0))))
        # stdbuf: what it prints would otherwise come long after its prompt.
        argv = [*wrap, "stdbuf", "-oL", "dpdk-testpmd", "--no-huge", "-m", "512", "--no-pci", "--no-shconf",
                "--no-telemetry", "--log-level=lib.eal:error", f"--lcores=0@({cpus}),1@({cpus})",
                *(["-d", driver] if driver else []), *[f"--vdev={v}" for v in vdevs], "--", "-i",
                f"--rxq={queues}", f"--txq={queues}", "--forward-mode=rxonly", "--total-num-mbufs=16384",
                *extra]
        self._popen = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       stderr=subprocess.STDOUT)
        os.set_blocking(self._popen.stdout.fileno(), False)
        self._read = ""
        self.started = self._until_prompt(30)

    def _until_prompt(self, timeout):
        def at_prompt():
            more = self._popen.stdout.read()
            if more:
                self._read += more.decode(errors="replace")
            if "testpmd> " in self._read:
                return True
            if self._popen.poll() is not None:
                raise AssertionError(f"testpmd ended:\n{self._read}")
            return False
        wait.until(at_prompt, "testpmd's prompt", timeout, interval=0.002)
        answer, _, self._read = self._read.partition("testpmd> ")
        return answer

    def command(self, text, timeout=15):
        self._popen.stdin.write((text + "\n").encode())
        self._popen.stdin.flush()
        answer = self._until_prompt(timeout)
        return answer.replace("\r", "").removeprefix(text).strip()

    def create(self, port, rule):
        """What became of `flow create`: "created", or the error as (type, message)."""
        return _verdict(self.command(f"flow create {port} {rule}"))

    def validate(self, port, rule):
        return _verdict(self.command(f"flow validate {port} {rule}"))

    def xstats(self, port):
        text = self.command(f"show port xstats {port}")
        return {name: int(value) for name, value in re.findall(r"^(\w+): (\d+)$", text, re.MULTILINE)}

    def quit(self):
        if self._popen.poll() is None:
            self._popen.stdin.write(b"quit\n")
            self._popen.stdin.flush()
            try:
                self._popen.communicate(timeout=20 * wait.SLOW)
            except subprocess.TimeoutExpired:
                self._popen.kill()
                self._popen.communicate()
        return self._popen.returncode


def _verdict(answer):
    if re.search(r"Flow rule (#\d+ created|validated)", answer):
        return "created"
    # "port_flow_complain(): Caught PMD error type 10 (item specification): cause: 0x..., why: errno"
    found = re.search(r"Caught PMD error type \d+ \((.*)\): (?:cause: [^,]*, )?(.*): ([^:]*)$", answer,
                      re.MULTILINE)
    if not found:
        return answer
    return found.groups()
