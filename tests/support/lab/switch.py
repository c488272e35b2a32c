"""The lifeline process, its configuration and the tools that talk to it."""

import json
import os
import re
import shlex
import signal

from . import nic as nic_module
from . import process, wait

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
BUILD = os.path.abspath(os.environ.get("LIFELINE_BUILD", os.path.join(ROOT, "build")))

# What a lifeline log line of WARN or above looks like (DPDK's own lines have no time stamp).
_WARNING = re.compile(r"^\S+Z (WARN|ERROR) (\S+): (.*)$", re.MULTILINE)
_SANITIZER = re.compile(r"ERROR: (Address|Leak)Sanitizer|runtime error:", re.MULTILINE)


def binary(name):
    path = os.path.join(BUILD, "app", name)
    if not os.access(path, os.X_OK):
        raise FileNotFoundError(f"{path} is missing: run scripts/build")
    return path


def emit_yaml(value, indent=0):
    """Block-style YAML of nested dicts, lists and scalars: what a person would write."""
    pad = "  " * indent
    if isinstance(value, dict):
        lines = []
        for key, item in value.items():
            if isinstance(item, (dict, list)) and item:
                lines.append(f"{pad}{key}:\n{emit_yaml(item, indent + 1)}")
            else:
                lines.append(f"{pad}{key}: {_scalar(item)}\n")
        return "".join(lines)
    lines = []
    for item in value:
        if isinstance(item, dict):
            body = emit_yaml(item, indent + 1)
            lines.append(f"{pad}- {body[len(pad) + 2:]}")
        else:
            lines.append(f"{pad}- {_scalar(item)}\n")
    return "".join(lines)


def _scalar(value):
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, (dict, list)):
        return json.dumps(value)
    return json.dumps(value) if re.search(r"[:#,\[\]{}]|^\d|^$", value) else value


class Switch:
    """One lifeline in the namespace `space`.

    ports: names of devices in that namespace, each opened with DPDK's af_packet driver and given
    OpenFlow numbers from 1. `nic`: arguments of the test NIC (tests/nic), which then stands before each of them.
    `config` entries are merged over the defaults of the tests. `name` tells apart several in one lab.
    """

    def __init__(self, lab, space, ports, controllers, config=None, eal=None, allow=(), name="",
                 telemetry=False, nic=None):
        self.lab = lab
        self._nic = nic
        self.space = space
        self.ports = list(ports)
        self.process = None
        self.bridge = "br0"
        self.run_dir = lab.path("run" + name)
        self.config_path = lab.path(f"lifeline{name}.yaml")
        # Before the local port has its address there is no way to a remote; the switch says so once.
        self.allowed = [r"WARN inband: remote .*: no route: ", *allow]
        self._extra_eal = eal
        self.environment = {}
        self._no_telemetry = [] if telemetry else ["--no-telemetry"]
        self.config = {
            "bridge": self.bridge,
            "run_dir": self.run_dir,
            "local": {"name": self.bridge, "mac": "02:00:00:00:00:01"},
            "ports": [{"name": name, "device": f"{self._driver()}{i}", "number": i + 1}
                      for i, name in enumerate(self.ports)],
            "controllers": list(controllers),
            "fail_mode": "secure",
            # Two cores carry a whole network here: workers that find no packet sleep.
            "idle_sleep_us": 200,
        }
        for key, value in (config or {}).items():
            if isinstance(value, dict) and isinstance(self.config.get(key), dict):
                self.config[key] = {**self.config[key], **value}
            else:
                self.config[key] = value

    def _driver(self):
        return "net_af_packet" if self._nic is None else "net_testnic"

    def eal_arguments(self):
        cpus = sorted(os.sched_getaffinity(0))
        where = ",".join(map(str, cpus))
        devices = [f"--vdev={self._driver()}{i},iface={name}" + (f",{self._nic}" if self._nic else "")
                   for i, name in enumerate(self.ports)]
        if self._nic is not None:
            devices = ["-d", nic_module.module(), *devices]
        # Neither lcore is bound to one CPU: several labs run side by side.
        return ["--no-huge", "--no-shconf", "--no-pci", *self._no_telemetry, "-m", "512",
                "--file-prefix=lab", f"--lcores=0@({where}),1@({where})",
                *devices, *(self._extra_eal or [])]

    def argv(self):
        return [binary("lifeline"), *self.eal_arguments(), "--", "--config", self.config_path]

    def write_config(self):
        os.makedirs(self.run_dir, exist_ok=True)
        with open(self.config_path, "w", encoding="utf-8") as file:
            file.write(emit_yaml(self.config))

    def start(self, wait_ready=True, timeout=20):
        self.write_config()
        # LAB_WRAP: a debugger or profiler to run it under, for a person who looks for a fault.
        wrap = shlex.split(os.environ.get("LAB_WRAP", ""))
        self.process = self.space.start("lifeline", *wrap, *self.argv(), env=self._environment())
        if wait_ready:
            self.lab.until(lambda: self.status_or_none(), "lifeline answers lifelinectl", timeout)
        return self

    def _environment(self):
        suppressions = os.path.join(ROOT, "tests", "support", "lsan.supp")
        return {
            **self.environment,
            "ASAN_OPTIONS": "abort_on_error=0:exitcode=99:detect_leaks=1:"
                            + os.environ.get("ASAN_OPTIONS", ""),
            "LSAN_OPTIONS": f"suppressions={suppressions}:print_suppressions=0",
            "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1:exitcode=99",
        }

    # The operator's tool -------------------------------------------------------------------------

    def ctl(self, *words, check=True):
        return process.run([binary("lifelinectl"), "--run-dir", self.run_dir, *words], check=check)

    def ctl_json(self, *words):
        return json.loads(self.ctl(*words, "--json").stdout)

    def status(self):
        return self.ctl_json("status")

    def status_or_none(self):
        result = self.ctl("status", "--json", check=False)
        return json.loads(result.stdout) if result.returncode == 0 else None

    def remote(self, index=0):
        remotes = (self.status_or_none() or {}).get("remotes", [])
        return remotes[index] if index < len(remotes) else {}

    def connected(self, index=0):
        return self.remote(index).get("state") == "connected"

    def hidden_rules(self):
        return self.status()["hidden_rules"]

    def hidden_letters(self):
        return "".join(sorted(rule["letter"] for rule in self.hidden_rules()))

    def telemetry(self, command):
        """DPDK's telemetry, as dpdk-telemetry.py asks it (needs telemetry=True)."""
        return nic_module.telemetry(command)

    # OpenFlow over the management socket ----------------------------------------------------------

    @property
    def mgmt(self):
        return f"unix:{self.run_dir}/{self.bridge}.mgmt"

    def ofctl(self, command, *arguments, version="OpenFlow10", check=True, options=()):
        return process.run(["ovs-ofctl", "-O", version, *options, command, self.mgmt, *arguments],
                           check=check)

    # Life -----------------------------------------------------------------------------------------

    def allow(self, *patterns):
        """Announces log lines of WARN or above that this test provokes."""
        self.allowed.extend(patterns)

    def unexpected_log(self):
        """Lines of WARN and above, or of a sanitizer, that nobody announced."""
        text = self.process.log() if self.process else ""
        found = [m.group(0) for m in _WARNING.finditer(text)
                 if not any(re.search(p, m.group(0)) for p in self.allowed)]
        if _SANITIZER.search(text):
            found.append(text[_SANITIZER.search(text).start():][:4000])
        return found

    def stop(self):
        """SIGTERM; the switch must end in order, with status 0 and a quiet log."""
        status = self.process.stop(signal.SIGTERM)
        unexpected = self.unexpected_log()
        if status != 0:
            raise AssertionError(f"lifeline ended with status {status} on SIGTERM; its log ends:\n"
                                 f"{self.process.tail(60)}")
        if unexpected:
            raise AssertionError("lifeline logged what nobody announced:\n" + "\n".join(unexpected))

    def kill(self):
        status = self.process.kill()
        unexpected = self.unexpected_log()
        if unexpected:
            raise AssertionError("lifeline logged what nobody announced:\n" + "\n".join(unexpected))
        return status

    def running(self):
        return self.process is not None and self.process.poll() is None

    # The local port -------------------------------------------------------------------------------

    def local_up(self):
        """Waits for the local port and sets it up, as the operator's network configuration does."""
        name = self.config["local"]["name"]
        self.lab.until(lambda: self.space.has_device(name), f"local port {name} appears")
        self.space.ip("link", "set", "dev", name, "up")
        return name

    def local_static(self, prefix, gateway=None):
        name = self.local_up()
        self.space.ip("addr", "replace", prefix, "dev", name)
        if gateway:
            self.space.ip("route", "replace", "default", "via", gateway)
        return prefix.split("/")[0]


def port_counters(switch):
    """{name: {...}} of lifelinectl ports."""
    return {port["name"]: port for port in switch.ctl_json("ports")["ports"]}


def wait_connected(switch, timeout=15.0):
    wait.until(switch.connected, "the OpenFlow session comes up", timeout,
               alive=switch.lab.check_alive)
