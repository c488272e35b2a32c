"""Runs test modules: each lab test in a process and sandbox of its own, some side by side.

    PYTHONPATH=tests/support /usr/bin/python3 -m lab.runner [-k TEXT]... [--jobs N] [--json FILE] PATH...

The last line is `N passed, N failed, N skipped`; the exit status is 1 when anything failed.
"""

import argparse
import concurrent.futures
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
import unittest

MARK = "@@result "
TEST_SECONDS = 90.0
MODULE_SECONDS = 600.0


def load(path):
    """Imports a test file by path; its folder may hold modules of its own."""
    name = "t_" + os.path.splitext(os.path.basename(path))[0]
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def test_files(paths):
    for path in paths:
        if os.path.isdir(path):
            for entry in sorted(os.listdir(path)):
                if entry.startswith("test_") and entry.endswith(".py"):
                    yield os.path.join(path, entry)
        else:
            yield path


def flatten(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from flatten(item)
        else:
            yield item


def label(test):
    return test.id().split(".", 1)[-1] if test.id().startswith("t_") else test.id()


def discover(paths, texts):
    """Jobs: (file, [test names], is_lab). Lab tests one each, others of a file together.

    Only tests that hold one of `texts` in their path or name, if there is any text.
    """
    from . import case
    jobs = []
    for path in test_files(paths):
        plain = []
        for test in flatten(unittest.defaultTestLoader.loadTestsFromModule(load(path))):
            name = label(test)
            if texts and not any(text in f"{path} {name}" for text in texts):
                continue
            if isinstance(test, case.LabTest):
                jobs.append((path, [name], True))
            else:
                plain.append(name)
        if plain:
            jobs.append((path, plain, False))
    return jobs


class Recorder(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.rows = []
        self._began = 0.0
        self._sub_failed = False

    def startTest(self, test):
        super().startTest(test)
        self._began = time.monotonic()
        self._sub_failed = False

    def _add(self, test, outcome, message=""):
        self.rows.append({"test": label(test), "outcome": outcome, "message": message,
                          "seconds": round(time.monotonic() - self._began, 2)})

    def addSuccess(self, test):
        super().addSuccess(test)
        if not self._sub_failed:
            self._add(test, "passed")

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._add(test, "failed", self._exc_info_to_string(err, test))

    def addError(self, test, err):
        super().addError(test, err)
        self._add(test, "failed", self._exc_info_to_string(err, test))

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._sub_failed = True
            self._add(subtest, "failed", self._exc_info_to_string(err, test))

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._add(test, "skipped", reason)


def run_inside(path, names, is_lab):
    """The child's part: one job, results as the last line of standard output."""
    if is_lab:
        from . import sandbox
        sandbox.enter()
    wanted = set(names)
    suite = unittest.TestSuite(
        test for test in flatten(unittest.defaultTestLoader.loadTestsFromModule(load(path)))
        if label(test) in wanted)
    result = Recorder()
    suite.run(result)
    sys.stdout.write("\n" + MARK + json.dumps(result.rows) + "\n")
    sys.stdout.flush()
    return 0


def run_job(job):
    """Starts a child for one job and returns (rows, output)."""
    path, names, is_lab = job
    slow = float(os.environ.get("LAB_SLOW", "1"))
    limit = (TEST_SECONDS if is_lab else MODULE_SECONDS) * slow
    began = time.monotonic()
    child = subprocess.Popen(
        [sys.executable, "-m", "lab.runner", "--one", json.dumps([path, names, is_lab])],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        errors="replace", start_new_session=True)
    _children.add(child)
    late = ""
    try:
        output, _ = child.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        late = f"not finished within {limit:.0f} s"
        child.send_signal(signal.SIGTERM)
        try:
            output, _ = child.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            child.kill()
            output, _ = child.communicate()
    _children.discard(child)
    at = output.rfind(MARK)
    if at >= 0:
        rows = json.loads(output[at + len(MARK):].splitlines()[0])
        output = output[:at]
    else:
        rows = [{"test": name, "outcome": "failed",
                 "message": late or f"the test process ended with status {child.returncode}",
                 "seconds": round(time.monotonic() - began, 2)} for name in names]
    if late:
        for row in rows:
            row["outcome"] = "failed"
            row["message"] += "\n" + late
    for row in rows:
        row["file"] = os.path.basename(path)
    return rows, output


_children = set()


def report(rows, output):
    for row in rows:
        print(f"  {row['outcome']:7} {row['seconds']:6.1f} s  {row['file']}: {row['test']}",
              flush=True)
        if row["outcome"] == "skipped":
            print(f"          {row['message']}")
        elif row["outcome"] == "failed":
            print("\n".join("    | " + line for line in row["message"].splitlines()))
    if output.strip() and any(row["outcome"] == "failed" for row in rows):
        print("\n".join("    > " + line for line in output.strip().splitlines()[-400:]))
    sys.stdout.flush()


def stop_children(_number=None, _frame=None):
    for child in list(_children):
        child.send_signal(signal.SIGTERM)
    os._exit(130)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*")
    parser.add_argument("-k", dest="texts", action="append", default=[],
                        help="only tests whose name contains this; several: one of these")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--json", help="write the results there")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        return run_inside(*json.loads(args.one))
    jobs = discover(args.paths, args.texts)
    if args.list:
        for path, names, _ in jobs:
            print("\n".join(f"{path}: {name}" for name in names))
        return 0
    signal.signal(signal.SIGTERM, stop_children)
    signal.signal(signal.SIGINT, stop_children)
    rows = []
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for future in concurrent.futures.as_completed([pool.submit(run_job, j) for j in jobs]):
            more, output = future.result()
            rows += more
            report(more, output)
    count = {kind: sum(row["outcome"] == kind for row in rows)
             for kind in ("passed", "failed", "skipped")}
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump({**count, "rows": rows}, file, indent=1)
    print(f"{count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped")
    return 1 if count["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
