"""Moves the running program into namespaces of its own.

Everything a lab makes (network namespaces, veths, TAPs, files under /run, processes) lives inside:
when the program ends, however it ends, kill -9 included, the kernel removes all of it. The machine's
own interfaces, routes, resolv.conf and /run are out of reach of the DHCP clients and daemons of a lab.
"""

import ctypes
import os
import signal
import sys

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
MS_REC = 0x4000
MS_PRIVATE = 1 << 18
MS_BIND = 0x1000
PR_SET_PDEATHSIG = 1

WORK_DIR = "/run/lab"

_libc = ctypes.CDLL(None, use_errno=True)
_outer_pid = 0


def _check(result, what):
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")


def _mount(source, target, kind, flags=0, data=None):
    encode = lambda s: s.encode() if s is not None else None
    _check(_libc.mount(encode(source), encode(target), encode(kind), ctypes.c_ulong(flags),
                       encode(data)), f"mount {target}")


def setns(descriptor):
    """Moves the calling thread into the network namespace behind `descriptor`."""
    _check(_libc.setns(descriptor, CLONE_NEWNET), "setns")


def outer_pid():
    """The process id of the lab as the machine outside sees it (for nsenter)."""
    return _outer_pid


def _shield_files():
    """A DHCP client writes these; inside the sandbox it gets copies."""
    for path in ("/etc/resolv.conf", "/etc/hosts"):
        real = os.path.realpath(path)
        if not os.path.exists(real):
            continue
        copy = WORK_DIR + "/" + os.path.basename(path)
        with open(real, "rb") as source, open(copy, "wb") as target:
            target.write(source.read())
        _mount(copy, real, None, MS_BIND)
    for path in ("/var/lib/dhcp", "/var/lib/misc"):
        if os.path.isdir(path):
            _mount("lab", path, "tmpfs")


def _build_inside():
    global _outer_pid
    _outer_pid = int(os.readlink("/proc/self"))
    _mount(None, "/", None, MS_REC | MS_PRIVATE)
    _mount("proc", "/proc", "proc")
    _mount("lab", "/run", "tmpfs", data="size=4g,mode=755")
    os.makedirs("/run/netns")
    os.makedirs("/run/openvswitch")  # for the control socket of `ovs-ofctl monitor`
    os.makedirs("/run/lock", exist_ok=True)
    os.makedirs(WORK_DIR)
    _shield_files()
    os.system("ip link set lo up")


def _wait_for(child):
    """The outer process only passes signals on and takes over the exit status."""
    def forward(number, _frame):
        try:
            os.kill(child, number)
        except ProcessLookupError:
            pass
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, forward)
    while True:
        try:
            _, status = os.waitpid(child, 0)
            break
        except InterruptedError:
            continue
    if os.WIFSIGNALED(status):
        # A plain exit status: the shell's convention for "died of a signal".
        os._exit(128 + os.WTERMSIG(status))
    os._exit(os.WEXITSTATUS(status))


class Terminated(SystemExit):
    """SIGTERM or SIGHUP: unwinds, so that everything is stopped in order."""


def _on_term(number, _frame):
    raise Terminated(128 + number)


def enter():
    """Returns inside a new sandbox, in a child process. Call it once, before starting threads.

    Needs root (CAP_SYS_ADMIN). Exits with a message where the machine does not allow namespaces.
    """
    if os.geteuid() != 0:
        sys.exit("this needs root: it makes network namespaces (use sudo)")
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        _check(_libc.unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWIPC |
                             CLONE_NEWUTS), "unshare")
    except OSError as error:
        sys.exit(f"this machine does not allow namespaces ({error}); in a container, run it "
                 "privileged")
    child = os.fork()
    if child != 0:
        _wait_for(child)
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # A terminal's Ctrl-C reaches the whole process group and is then also passed on by the outer
    # process; a group of our own makes it arrive once.
    os.setpgid(0, 0)
    signal.signal(signal.SIGTERM, _on_term)
    signal.signal(signal.SIGHUP, _on_term)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _build_inside()
