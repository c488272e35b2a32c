"""The Debian package: builds it (scripts/build-deb, which lets lintian look), installs it into a bare Debian that
debootstrap makes, starts the switch there as its service would, and purges it.

    sudo tests/package/run.py

Nothing is left behind but ./build-deb, with what debootstrap has downloaded. Last line: N passed, N failed,
N skipped.
"""

import argparse
import glob
import os
import re
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
OUT = os.path.join(ROOT, "build-deb")
FILES = ["/usr/sbin/lifeline", "/usr/bin/lifelinectl", "/usr/sbin/lifeline-setup-host", "/etc/lifeline/lifeline.yaml",
         "/etc/default/lifeline", "/lib/systemd/system/lifeline.service",
         "/usr/share/bash-completion/completions/lifelinectl", "/usr/share/doc/lifeline/examples/tls.yaml",
         *[f"/usr/share/man/man{page[-1]}/{page}.gz" for page in (
             "lifelinectl.1", "lifeline.yaml.5", "lifeline-in-band.7", "lifeline.8", "lifeline-setup-host.8")]]
CONFFILES = ["/etc/default/lifeline", "/etc/lifeline/lifeline.yaml"]
# A namespace of its own for the switch: network, mounts and processes, gone with the last of them.
ALONE = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child"]
ENTER = """set -e
mount --rbind /dev "$0/dev"
mount -t proc proc "$0/proc"
mount -t sysfs sysfs "$0/sys"
ip link set lo up
exec chroot "$0" /bin/sh -c "$1"
"""
# As lifeline.service starts it.
SERVICE = """. /etc/default/lifeline
lifeline $LIFELINE_EAL -- --config /etc/lifeline/lifeline.yaml & pid=$!
read ready < /tmp/ready
lifelinectl --json status || exit 90
kill -TERM $pid
wait $pid
"""


class Failed(Exception):
    pass


class Skipped(Exception):
    pass


def run(*argv, env=None, timeout=900):
    result = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                            env={**os.environ, "LC_ALL": "C", **(env or {})}, check=False, timeout=timeout)
    if result.returncode != 0:
        raise Failed(f"{' '.join(argv)[:200]} ended with status {result.returncode}\n{result.stdout[-6000:]}")
    return result.stdout


def expect(good, message):
    if not good:
        raise Failed(message)


class Package:
    def __init__(self, folder):
        self.root = os.path.join(folder, "debian")

    @property
    def deb(self):
        found = glob.glob(os.path.join(OUT, "lifeline_*.deb"))
        expect(len(found) == 1, f"there is not one package: {found}")
        return found[0]

    def chroot(self, *argv):
        return run("chroot", self.root, "env", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive",
                   *argv)

    # The tests, in this order; each needs those before it.

    def test_what_it_is_built_from_is_what_the_checkout_is_built_from(self):
        with open(os.path.join(ROOT, "scripts", "install-deps"), encoding="utf-8") as file:
            wanted = re.search(r"^build_packages=\(([^)]*)\)", file.read(), re.MULTILINE).group(1).split()
        with open(os.path.join(ROOT, "app", "debian", "control"), encoding="utf-8") as file:
            named = re.search(r"^Build-Depends: (.*(?:\n .*)*)", file.read(), re.MULTILINE).group(1)
        named = {part.split()[0] for part in named.split(",")}
        tests = {"libgtest-dev", "libgmock-dev"}
        missing = {p for p in wanted if p.endswith("-dev")} - tests - named
        expect(not missing, f"app/debian/control has no Build-Depends on {sorted(missing)}")

    def test_it_builds_and_lintian_finds_nothing(self):
        run(os.path.join(ROOT, "scripts", "build-deb"), timeout=3000)

    def test_it_has_every_file_and_the_configuration_is_the_administrators(self):
        lines = run("dpkg-deb", "-c", self.deb).splitlines()
        listed = {line.split(maxsplit=5)[5].split(" -> ")[0][1:] for line in lines}
        expect(set(FILES) <= listed, f"missing: {sorted(set(FILES) - listed)}")
        stray = [f for f in listed if f.startswith(("/usr/local", "/tmp", "/home")) or "test" in f]
        expect(not stray, f"what does not belong there: {stray}")
        conffiles = run("dpkg-deb", "-I", self.deb, "conffiles").split()
        expect(sorted(conffiles) == CONFFILES, f"conffiles: {conffiles}")

    def test_it_installs_on_a_bare_system(self):
        mirrors = run("apt-get", "indextargets", "--format", "$(REPO_URI)", "Codename: bookworm").split()
        mirrors = mirrors or run("apt-get", "indextargets", "--format", "$(REPO_URI)").split()
        needs = run("dpkg-deb", "-f", self.deb, "Depends")
        names = sorted({re.split(r"[ (:|]", part.strip())[0] for part in needs.split(",")})
        cache = os.path.join(OUT, "debootstrap")
        os.makedirs(cache, exist_ok=True)
        try:
            run("debootstrap", "--variant=minbase", f"--cache-dir={cache}", f"--include={','.join(names)}", "bookworm",
                self.root, *mirrors[:1], timeout=1500)
        except (Failed, subprocess.TimeoutExpired) as error:
            if re.search(r"Couldn't download|Failed getting release file|Invalid Release", str(error)):
                raise Skipped("debootstrap reaches no mirror") from None
            raise
        run("cp", self.deb, self.root + "/tmp/lifeline.deb")
        self.chroot("dpkg", "-i", "/tmp/lifeline.deb")

    def test_its_programs_run_and_its_configuration_is_right(self):
        version = run("dpkg-deb", "-f", self.deb, "Version").strip()
        expect(version in self.chroot("lifeline", "--version"), "lifeline --version")
        expect(version in self.chroot("lifelinectl", "--version"), "lifelinectl --version")
        expect(": ok" in self.chroot("lifeline", "--check-config"), "lifeline --check-config")
        self.chroot("lifeline-setup-host", "--help")

    def test_the_switch_starts_as_its_service_would_and_ends_in_order(self):
        run("mkfifo", self.root + "/tmp/ready")
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify.bind(self.root + "/tmp/notify")
        notify.settimeout(60)
        with open(os.path.join(self.root, "tmp", "log"), "wb") as log:
            switch = subprocess.Popen([*ALONE, "/bin/sh", "-c", ENTER, self.root, SERVICE], stdout=log,
                                      stderr=subprocess.STDOUT, env={
                                          "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "NOTIFY_SOCKET": "/tmp/notify"})
        try:
            while b"READY=1" not in notify.recv(4096).splitlines():
                pass
            with open(self.root + "/tmp/ready", "w", encoding="ascii") as fifo:
                fifo.write("yes\n")
            status = switch.wait(60)
        except (TimeoutError, subprocess.TimeoutExpired):
            status = "time is over"
        finally:
            notify.close()
            if switch.poll() is None:
                switch.kill()
                switch.wait()
        with open(os.path.join(self.root, "tmp", "log"), encoding="utf-8", errors="replace") as log:
            text = log.read()
        expect(status == 0, f"status {status}\n{text[-4000:]}")
        expect('"bridge": "br0"' in text or '"bridge":"br0"' in text, f"no status was shown\n{text[-4000:]}")

    def test_a_purge_leaves_nothing(self):
        self.chroot("dpkg", "--purge", "lifeline")
        left = [f for f in (*FILES, "/etc/lifeline", "/usr/share/lifeline", "/usr/share/doc/lifeline")
                if os.path.lexists(self.root + f)]
        expect(not left, f"left behind: {left}")


def main():
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    with tempfile.TemporaryDirectory(prefix="lifeline-package-") as folder:
        package = Package(folder)
        stop = ""
        for name in [n for n in vars(Package) if n.startswith("test_")]:
            began, outcome, why = time.monotonic(), "passed", ""
            try:
                if stop:
                    raise Skipped(stop)
                getattr(package, name)()
            except Skipped as reason:
                outcome, why, stop = "skipped", str(reason), str(reason)
            except (Failed, OSError, subprocess.SubprocessError) as reason:
                outcome, why, stop = "failed", str(reason), f"after {name}"
            counts[outcome] += 1
            print(f"  {outcome}  {time.monotonic() - began:6.1f} s  {name}", flush=True)
            if why:
                print("\n".join("    | " + line for line in why.splitlines()), flush=True)
    print(", ".join(f"{count} {outcome}" for outcome, count in counts.items()))
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
