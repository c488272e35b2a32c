"""The parts of scripts/test. Prints what each part does and how long it takes; counts every test case."""

import argparse
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
LIB = os.path.join(ROOT, "scripts", "lib")
RELEASE = os.path.join(ROOT, "build")
SANITIZE = os.path.join(ROOT, "build-sanitize")
PYTHON = "/usr/bin/python3"
# In this order: what is quick and what most often fails comes first.
PARTS = ["lint", "unit", "golden", "e2e", "interop", "package", "guest", "sanitize", "fuzz"]

SANITIZER_ENV = {
    "ASAN_OPTIONS": "detect_leaks=1",
    "LSAN_OPTIONS": f"suppressions={ROOT}/tests/support/lsan.supp:print_suppressions=0",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
}


class Count:
    def __init__(self, passed=0, failed=0, skipped=0):
        self.passed, self.failed, self.skipped = passed, failed, skipped

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        return self

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def say(text):
    print(text, flush=True)


def run(argv, env=None):
    """Runs with output passed through; returns the exit status."""
    return subprocess.run(argv, cwd=ROOT, env={**os.environ, **(env or {})}, check=False).returncode


def check(name, argv, env=None):
    """A check that is one test: silent when it passes."""
    began = time.monotonic()
    result = subprocess.run(argv, cwd=ROOT, env={**os.environ, **(env or {})}, check=False,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            errors="replace")
    good = result.returncode == 0
    say(f"  {'passed' if good else 'failed'}  {time.monotonic() - began:6.1f} s  {name}")
    if not good:
        say("\n".join("    | " + line for line in result.stdout.splitlines()[-200:]))
    return Count(passed=int(good), failed=int(not good))


_built = set()


def build(directory):
    """Builds once per run. Returns True when the build is good."""
    if directory in _built:
        return True
    kind = "clang, sanitizers" if directory == SANITIZE else "gcc, release"
    say(f"-- building {os.path.relpath(directory, ROOT)} ({kind})")
    began = time.monotonic()
    argv = [os.path.join(ROOT, "scripts", "build")]
    if directory == SANITIZE:
        argv.append("--sanitize")
    good = run(argv) == 0
    say(f"-- {'built' if good else 'the build failed'} in {time.monotonic() - began:.0f} s")
    if good:
        _built.add(directory)
    return good


def count_junit(path):
    count = Count()
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            count.failed += 1
        elif case.find("skipped") is not None or case.get("status") == "notrun":
            count.skipped += 1
        else:
            count.passed += 1
    return count


def meson_suite(directory, suite, env=None, slow=1):
    """Runs a suite of `meson test`; every GoogleTest case counts."""
    if not build(directory):
        return Count(failed=1)
    report = os.path.join(directory, "meson-logs", "testlog.junit.xml")
    if os.path.exists(report):
        os.unlink(report)
    status = run(["meson", "test", "-C", directory, "--no-rebuild", "--suite", suite,
                  "--print-errorlogs", "--timeout-multiplier", str(slow)], env)
    if not os.path.exists(report):
        say(f"  meson ran no test of suite {suite}")
        return Count(failed=1)
    count = count_junit(report)
    if status != 0 and count.failed == 0:
        count.failed = 1  # a test program that ended without a report
    return count


def python_tests(directory, folder, args, slow=1):
    if not build(directory):
        return Count(failed=1)
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        argv = [PYTHON, "-m", "lab.runner", "--json", report.name, os.path.join(ROOT, "tests", folder)]
        if args.text:
            argv += ["-k", args.text]
        if args.jobs:
            argv += ["--jobs", str(args.jobs)]
        run(argv, {"PYTHONPATH": os.path.join(ROOT, "tests", "support"), "LIFELINE_BUILD": directory,
                   "LAB_SLOW": str(slow), "PYTHONDONTWRITEBYTECODE": "1"})
        try:
            with open(report.name, encoding="utf-8") as file:
                result = json.load(file)
        except ValueError:
            return Count(failed=1)
    return Count(result["passed"], result["failed"], result["skipped"])


def tracked(*patterns):
    """Files of the checkout; works in an exported tree without git, too."""
    listed = subprocess.run(["git", "-c", f"safe.directory={ROOT}", "ls-files", *patterns], cwd=ROOT,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    if listed.returncode == 0:
        return [f for f in listed.stdout.splitlines() if os.path.exists(os.path.join(ROOT, f))]
    found = subprocess.run(["find", ".", "-path", "./build*", "-prune", "-o", "-type", "f", "-print"],
                           cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout.split("\n")
    suffixes = tuple(p.lstrip("*") for p in patterns)
    return [f[2:] for f in found if f.endswith(suffixes)]


def shell_scripts():
    names = []
    for folder in ("scripts", ".ci"):
        for entry in sorted(os.listdir(os.path.join(ROOT, folder))):
            path = os.path.join(folder, entry)
            if os.path.isfile(os.path.join(ROOT, path)):
                with open(os.path.join(ROOT, path), "rb") as file:
                    if file.readline().startswith((b"#!/bin/bash", b"#!/bin/sh")):
                        names.append(path)
    return names


def part_lint(_args):
    count = Count()
    sources = tracked("*.cc", "*.h")
    count.add(check("clang-format: every source is formatted",
                    ["clang-format", "--dry-run", "-Werror", *sources]))
    count.add(check("floors: a library includes only lower floors, pure ones no DPDK",
                    [PYTHON, os.path.join(LIB, "check_layers.py")]))
    count.add(check("shellcheck: scripts", ["shellcheck", *shell_scripts()]))
    count.add(check("pyflakes: Python files", [PYTHON, "-m", "pyflakes", *tracked("*.py")]))
    if run([os.path.join(ROOT, "scripts", "build"), "--sanitize", "--setup-only"]) != 0:
        return count.add(Count(failed=1))
    count.add(check("headers: each compiles alone", [PYTHON, os.path.join(LIB, "check_headers.py"),
                                                     SANITIZE]))
    count.add(check("clang-tidy: the checks of .clang-tidy",
                    [PYTHON, os.path.join(LIB, "check_tidy.py"), SANITIZE]))
    return count


def part_unit(_args):
    return meson_suite(RELEASE, "unit")


def part_golden(_args):
    return meson_suite(RELEASE, "golden")


def part_e2e(args):
    count = python_tests(RELEASE, "e2e", args)
    if not args.text:
        count.add(check("demo: scripts/demo --once does what it shows",
                        [os.path.join(ROOT, "scripts", "demo"), "--once"]))
    return count


def codec_against_others(directory):
    """The codec against os-ken's and Open vSwitch's: a program of its own that counts messages."""
    result = subprocess.run([PYTHON, os.path.join(ROOT, "tests", "interop", "test_openflow_codec.py"),
                             directory], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            errors="replace", check=False)
    found = re.search(r"(\d+) passed, (\d+) failed, (\d+) skipped\s*$", result.stdout)
    count = Count(*map(int, found.groups())) if found else Count(failed=1)
    say(f"  {count}  test_openflow_codec.py: messages against os-ken and ovs-ofctl")
    if count.failed or not found:
        # os-ken logs pages about messages it cannot read: what failed stands at the start of a line.
        lines = [x for x in result.stdout.splitlines() if x.startswith(("FAIL", "     ours", "seed"))]
        if not found:
            lines = result.stdout.splitlines()[-40:]
        say("\n".join("    | " + line for line in lines[:100]))
    return count


def interop(directory, args, slow=1):
    count = python_tests(directory, "interop", args, slow)
    if not args.text:
        count.add(codec_against_others(directory))
    return count


def part_interop(args):
    return interop(RELEASE, args)


def counting_program(argv):
    """A program of tests that prints its own count in its last line."""
    result = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                            check=False)
    say(result.stdout.rstrip())
    found = re.search(r"(\d+) passed, (\d+) failed, (\d+) skipped\s*$", result.stdout)
    return Count(*map(int, found.groups())) if found else Count(failed=1)


def part_package(_args):
    """Skipped where the packages that it needs cannot be had."""
    if run([os.path.join(ROOT, "scripts", "install-deps"), "build", "package"]) != 0:
        return Count(skipped=1)
    return counting_program([PYTHON, os.path.join(ROOT, "tests", "package", "run.py")])


def part_guest(args):
    """Skipped where QEMU or the kernel package cannot be had."""
    if run([os.path.join(ROOT, "scripts", "install-deps"), "guest"]) != 0:
        return Count(skipped=1)
    if not build(RELEASE):
        return Count(failed=1)
    argv = [PYTHON, os.path.join(ROOT, "tests", "guest", "run.py"), "--build", RELEASE]
    return counting_program(argv + (["-k", args.text] if args.text else []))


def part_sanitize(args):
    count = Count()
    for suite in ("unit", "golden"):
        count.add(meson_suite(SANITIZE, suite, SANITIZER_ENV, slow=5))
    if not build(SANITIZE):
        return count
    count.add(python_tests(SANITIZE, "e2e", args, slow=4))
    return count.add(interop(SANITIZE, args, slow=4))


def fuzz_one(program, seconds):
    """One target, from its corpus, without writing to it. Returns (good, output)."""
    name = os.path.basename(program)
    target = name.removeprefix("fuzz_")
    folders = [os.path.join(ROOT, "tests", "fuzz", kind, target)
               for kind in ("corpus", "regressions")]
    with tempfile.TemporaryDirectory() as work:
        fresh = os.path.join(work, "corpus")
        os.mkdir(fresh)
        result = subprocess.run(
            [program, fresh, *[f for f in folders if os.path.isdir(f)],
             f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048",
             f"-artifact_prefix={work}/", "-print_final_stats=1"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            env={**os.environ, **SANITIZER_ENV}, check=False)
        output = result.stdout
        for entry in sorted(os.listdir(work)):
            path = os.path.join(work, entry)
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    output += f"\n{entry}: {file.read(4096).hex()}"
    return result.returncode == 0, output


def part_fuzz(args):
    if not build(SANITIZE):
        return Count(failed=1)
    folder = os.path.join(SANITIZE, "tests", "fuzz")
    programs = sorted(os.path.join(folder, f) for f in os.listdir(folder)
                      if f.startswith("fuzz_") and not f.startswith("fuzz_replay_")
                      and os.access(os.path.join(folder, f), os.X_OK)
                      and os.path.isfile(os.path.join(folder, f)))
    if not programs:
        say("  no fuzz target was built")
        return Count(failed=1)
    # First what fuzzing once found.
    count = meson_suite(SANITIZE, "fuzz-regress", SANITIZER_ENV, slow=5)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        runs = {pool.submit(fuzz_one, p, args.fuzz_seconds): p for p in programs}
        for future in concurrent.futures.as_completed(runs):
            good, output = future.result()
            count.add(Count(passed=int(good), failed=int(not good)))
            executed = next((line.split()[-1] for line in output.splitlines()
                             if "number_of_executed_units" in line), "?")
            say(f"  {'passed' if good else 'failed'}  {executed:>9} inputs  "
                f"{os.path.basename(runs[future])}")
            if not good:
                say("\n".join("    | " + line for line in output.splitlines()[-60:]))
    return count


TITLES = {
    "lint": "lint: format, floors, headers, clang-tidy, scripts",
    "unit": "unit: the libraries, release build",
    "golden": "golden: pcap in, pcap out, through the real worker",
    "e2e": "e2e: networks in namespaces with real peers",
    "interop": "interop: ovs-ofctl, ovs-testcontroller, os-ken",
    "package": "package: the Debian package, built, checked, installed, started and purged",
    "guest": "guest: net_tap's rte_flow and vfio-pci, on a stock Debian kernel under QEMU",
    "sanitize": "sanitize: unit, golden, e2e and interop with address and undefined-behaviour sanitizers",
    "fuzz": "fuzz: every target from its corpus",
}


def main():
    parser = argparse.ArgumentParser(prog="scripts/test")
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []])
    parser.add_argument("-k", dest="text", default="")
    parser.add_argument("--fuzz-seconds", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=0)
    args = parser.parse_args()
    parts = args.parts or PARTS
    if os.geteuid() != 0 and any(p not in ("lint", "fuzz") for p in parts):
        sys.exit("scripts/test: needs root, the tests make network namespaces (sudo scripts/test)")
    total, times = Count(), []
    for part in parts:
        say(f"== {TITLES[part]}")
        began = time.monotonic()
        count = globals()[f"part_{part}"](args)
        seconds = time.monotonic() - began
        times.append((part, seconds, count))
        say(f"== {part}: {count} in {seconds:.0f} s")
        total.add(count)
    if len(times) > 1:
        say("")
        for part, seconds, count in times:
            say(f"{part:9} {seconds:5.0f} s  {count}")
    say(str(total))
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
