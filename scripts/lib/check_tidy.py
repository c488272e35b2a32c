"""clang-tidy over the sources of lib/ and app/, in parallel. Usage: check_tidy.py BUILD_DIRECTORY [FILE...]"""

import concurrent.futures
import os
import subprocess
import sys

import compile_flags

ROOT = compile_flags.ROOT


def tidy(build, source):
    result = subprocess.run(["clang-tidy", "--quiet", "-p", build, source], cwd=ROOT,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    return source, result.returncode == 0, result.stdout


def main():
    build = sys.argv[1]
    sources = sys.argv[2:] or sorted(s for s in compile_flags.load(build)
                                     if s.startswith(("lib/", "app/")))
    bad = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for source, good, output in pool.map(lambda s: tidy(build, s), sources):
            if not good:
                bad += 1
                print(f"{source}:\n{output}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
