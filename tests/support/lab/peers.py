"""Real peers from Debian: OpenFlow controllers, DHCP server and clients, a router."""

import os
import shutil
import signal
import stat

from . import process

DHCP_SCRIPT = """#!/bin/sh
# Called by udhcpc: sets the address it was given and the resolvers, if it was given any.
[ "$1" = bound ] || [ "$1" = renew ] || exit 0
bits=0
for octet in $(echo "$subnet" | tr . ' '); do
  while [ "$octet" -gt 0 ]; do bits=$((bits + octet % 2)); octet=$((octet / 2)); done
done
ip addr replace "$ip/$bits" dev "$interface"
for hop in $router; do ip route replace default via "$hop" dev "$interface"; break; done
[ -z "$dns" ] || for server in $dns; do echo "nameserver $server"; done >/etc/resolv.conf
exit 0
"""

DHCLIENT_SCRIPT = """#!/bin/sh
# Called by dhclient: sets the address it was given, and touches nothing else.
case "$reason" in BOUND|RENEW|REBIND|REBOOT) ;; *) exit 0 ;; esac
ip=$new_ip_address subnet=$new_subnet_mask router=$new_routers
bits=0
for octet in $(echo "$subnet" | tr . ' '); do
  while [ "$octet" -gt 0 ]; do bits=$((bits + octet % 2)); octet=$((octet / 2)); done
done
ip addr replace "$ip/$bits" dev "$interface"
for hop in $router; do ip route replace default via "$hop" dev "$interface"; break; done
exit 0
"""

# The first request at once, then every second: a test is not a crowd of clients after a power cut.
DHCLIENT_CONF = """initial-delay 0;
initial-interval 1;
backoff-cutoff 1;
timeout 60;
retry 1;
request subnet-mask, broadcast-address, routers;
"""


def _write(path, text, executable=False):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    if executable:
        os.chmod(path, stat.S_IRWXU)
    return path


def dnsmasq(space, first, last, netmask="255.255.255.0", router=None, resolver=None):
    """A DHCP server on eth0 of `space` that answers at once (--no-ping) and serves no DNS."""
    lab = space.lab
    options = [f"--dhcp-option=3,{router}"] if router else ["--dhcp-option=3"]
    if resolver:
        options.append(f"--dhcp-option=6,{resolver}")
    server = space.start(
        "dnsmasq", "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0",
        "--user=root", "--no-ping", "--log-dhcp", "--log-facility=-", "--interface=eth0",
        "--bind-interfaces", "--dhcp-authoritative", f"--dhcp-range={first},{last},{netmask},1h",
        f"--dhcp-leasefile={lab.path('dnsmasq.leases')}", "--pid-file=", *options)
    server.wait_log("DHCP, IP range")
    return server


class Resolver:
    """dnsmasq on eth0 of `space` as a name server that knows what set() says, for `ttl_s` seconds, and nothing
    else in "example"."""

    def __init__(self, space, ttl_s=1):
        self._space = space
        self._ttl_s = ttl_s
        self._process = None
        self._names = space.lab.path(f"hosts-{space.name}")
        _write(self._names, "")

    def start(self):
        self._process = self._space.start(
            "resolver", "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--user=root", "--no-resolv",
            "--no-hosts", f"--addn-hosts={self._names}", "--local=/example/", f"--local-ttl={self._ttl_s}",
            "--log-queries", "--log-facility=-", "--interface=eth0", "--except-interface=lo", "--bind-interfaces",
            "--pid-file=")
        self._process.wait_log(f"read {self._names}")
        return self

    def set(self, name, *addresses):
        """What the name means from now on."""
        _write(self._names, "".join(f"{address} {name}\n" for address in addresses))
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGHUP)

    def stop(self):
        self._process.stop()


def write_resolv_conf(text):
    """The lab's own copy, never the machine's."""
    path = os.path.realpath("/etc/resolv.conf")
    if not os.path.ismount(path):
        raise AssertionError("this sandbox has no resolv.conf of its own")
    _write(path, text)


def udhcpc(space, device):
    script = _write(space.lab.path("udhcpc-script"), DHCP_SCRIPT, executable=True)
    return space.start("udhcpc", "udhcpc", "-f", "-i", device, "-s", script, "-t", "60", "-T", "1",
                       "-A", "1")


def dhclient(space, device, family="-4", script_text=DHCLIENT_SCRIPT):
    lab = space.lab
    script = _write(lab.path("dhclient-script"), script_text, executable=True)
    config = _write(lab.path("dhclient.conf"), DHCLIENT_CONF)
    # A copy: where AppArmor is on, its profile for /sbin/dhclient forbids scripts of one's own.
    program = shutil.copy(shutil.which("dhclient") or "/sbin/dhclient", lab.path("dhclient"))
    return space.start("dhclient", program, family, "-d", "-v", "-cf", config, "-sf", script,
                       "-pf", lab.path("dhclient.pid"), "-lf", lab.path("dhclient.leases"), device)


DHCP_CLIENTS = {"udhcpc": udhcpc, "dhclient": dhclient}


def testcontroller(space, version="OpenFlow10", port=6653, options=(), scheme="ptcp"):
    """Debian's learning-switch controller. Restart it by stop() and a new call."""
    lab = space.lab
    control = lab.path(f"testcontroller-{port}.ctl")
    if os.path.exists(control):
        os.unlink(control)
    started = space.start("ovs-testcontroller", "ovs-testcontroller", "-v", "-O", version,
                          f"--unixctl={control}", *options, f"{scheme}:{port}")
    lab.until(lambda: listening(space, port), "ovs-testcontroller listens")
    return started


def osken(space, application, port=6653):
    """os-ken's manager with one application: a module's name or a file."""
    started = space.start("osken-manager", "/usr/bin/python3", "/usr/bin/osken-manager",
                          "--nouse-stderr", "--log-file", space.lab.path("osken.log"),
                          "--ofp-tcp-listen-port", str(port), application)
    space.lab.until(lambda: listening(space, port), "osken-manager listens", 30)
    return started


def listening(space, port):
    return bool(space.run("ss", "-Hltn", "sport", "=", f":{port}").stdout.strip())


def router(lab, name="gw"):
    """A namespace that forwards between its devices."""
    space = lab.namespace(name)
    space.sysctl("net.ipv4.ip_forward=1", "net.ipv4.conf.all.rp_filter=0",
                 "net.ipv4.conf.default.rp_filter=0")
    return space


def have(program):
    return shutil.which(program) is not None or os.path.exists(f"/usr/sbin/{program}")


__all__ = ["dnsmasq", "Resolver", "write_resolv_conf", "udhcpc", "dhclient", "DHCP_CLIENTS", "testcontroller",
           "osken", "router", "listening", "have", "process"]
