"""Each header compiles alone. Usage: check_headers.py BUILD_DIRECTORY

A header that is the first include of a source in the build has been compiled alone there; only the others are
compiled here (all of them would cost more than a minute).
"""

import concurrent.futures
import os
import re
import subprocess
import sys

import compile_flags

ROOT = compile_flags.ROOT


def headers():
    for top in ("lib", "app", "tests"):
        for base, _, files in os.walk(os.path.join(ROOT, top)):
            for name in sorted(files):
                if name.endswith(".h"):
                    yield os.path.relpath(os.path.join(base, name), ROOT)


def compile_alone(table, header):
    directory, arguments = compile_flags.near(table, header)
    text = f'#include "{os.path.join(ROOT, header)}"\n'
    result = subprocess.run([*arguments, "-w", "-fsyntax-only", "-x", "c++", "-"], cwd=directory,
                            input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            check=False)
    return header, result.returncode == 0, result.stdout


def proven_by_build(table):
    """Headers (relative to ROOT) that some source includes before anything else."""
    proven = set()
    for source in table:
        path = os.path.join(ROOT, source)
        if not os.path.exists(path):
            continue
        with open(path, encoding="utf-8") as file:
            first = re.search(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', file.read(), re.MULTILINE)
        if first is None:
            continue
        for folder in (os.path.dirname(source), "lib"):
            header = os.path.normpath(os.path.join(folder, first.group(1)))
            if os.path.exists(os.path.join(ROOT, header)):
                proven.add(header)
                break
    return proven


def main():
    table = compile_flags.load(sys.argv[1])
    bad = 0
    proven = proven_by_build(table)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        rest = [h for h in headers() if h not in proven]
        for header, good, output in pool.map(lambda h: compile_alone(table, h), rest):
            if not good:
                bad += 1
                print(f"{header} does not compile alone:\n{output}")
        for header in headers():
            with open(os.path.join(ROOT, header), encoding="utf-8") as file:
                if "#pragma once" not in file.read():
                    bad += 1
                    print(f"{header}: no #pragma once")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
