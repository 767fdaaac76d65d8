#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Breaks the simulated chip on purpose, one place at a time, and expects the driver's tests to see it.

Each entry of a list in tests/mutation/ names a file, a text that occurs in it once, and what stands
there instead. A change that no test sees is a survivor: either a test is missing, or the entry says
with "survives" why nothing can be seen of it. Works on a copy in build/mutation; the tree is not touched.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import queue
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TESTS = ["mpu6050_driver_test", "mpu6050_stream_test"]
LONGEST_TEST_S = 300


def run(command, **options):
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", check=False, **options)


class Copy:
    """A copy of the tree with its own build, in which one mutation at a time is tried."""

    def __init__(self, number):
        self.source = ROOT / "build" / "mutation" / f"source-{number}"
        self.build = ROOT / "build" / "mutation" / f"build-{number}"
        listed = run(["git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard"])
        if listed.returncode != 0:
            sys.exit(f"mutate: cannot list the tree's files:\n{listed.stdout}")
        kept = set()
        for name in listed.stdout.splitlines():
            if not (ROOT / name).is_file():
                continue
            kept.add(name)
            target = self.source / name
            if not target.exists() or target.read_bytes() != (ROOT / name).read_bytes():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / name, target)
        for path in list(self.source.rglob("*")):
            if path.is_file() and str(path.relative_to(self.source)) not in kept:
                path.unlink()
        self.must("cmake", "-S", str(self.source), "-B", str(self.build), "-G", "Ninja",
                  "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_CXX_FLAGS_RELEASE=-O1")
        seen = self.tests_see()
        if seen:
            sys.exit(f"mutate: {seen} without any change; mend that first")

    def must(self, *command):
        done = run(command)
        if done.returncode != 0:
            sys.exit(f"mutate: {' '.join(command)} failed:\n{done.stdout[-4000:]}")

    def tests_see(self):
        """What the first test that fails says; empty if none does. The quick one is built and run first."""
        for test in TESTS:
            if run(["ninja", "-C", str(self.build), f"tests/{test}"]).returncode != 0:
                return "it does not compile"
            try:
                done = run([str(self.build / "tests" / test)], timeout=LONGEST_TEST_S)
            except subprocess.TimeoutExpired:
                return f"{test} does not end"
            if done.returncode != 0:
                failed = [line.split("]", 1)[1].split("(")[0].strip()
                          for line in done.stdout.splitlines() if line.startswith("[  FAILED  ]")]
                return failed[0] if failed else f"{test} aborts"
        return ""

    def attempt(self, mutation):
        path = self.source / mutation["file"]
        text = path.read_text(encoding="utf-8")
        if text.count(mutation["find"]) != 1:
            return "stale", f"its text occurs {text.count(mutation['find'])} times in {mutation['file']}"
        try:
            path.write_text(text.replace(mutation["find"], mutation["replace"]), encoding="utf-8")
            seen = self.tests_see()
            return ("seen", seen) if seen else ("survived", "no test sees it")
        finally:
            path.write_text(text, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("list", nargs="?", default=str(ROOT / "tests/mutation/mpu6050_chip.json"))
    parser.add_argument("--only", metavar="TEXT", help="those whose description contains this")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    mutations = json.loads(pathlib.Path(arguments.list).read_text(encoding="utf-8"))
    if arguments.only:
        mutations = [m for m in mutations if arguments.only in m["what"]]
    if not mutations:
        sys.exit("mutate: nothing to try")

    jobs = max(1, min(arguments.jobs, len(mutations)))
    print(f"{len(mutations)} changes to the simulated chip, {jobs} at a time", flush=True)
    copies = queue.Queue()
    for number in range(jobs):
        copies.put(Copy(number))

    def attempt(mutation):
        copy = copies.get()
        try:
            return copy.attempt(mutation)
        finally:
            copies.put(copy)

    wrong = 0
    seen = 0
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for mutation, (result, why) in zip(mutations, pool.map(attempt, mutations)):
            expected = "survived" if "survives" in mutation else "seen"
            seen += result == "seen"
            note = ""
            if result != expected:
                wrong += 1
                note = "  <== EXPECTED " + ("TO BE SEEN" if expected == "seen" else "TO SURVIVE")
            elif result == "survived":
                why = mutation["survives"]
            print(f"{result:9}{mutation['what']}: {why}{note}", flush=True)
    print(f"{seen} of {len(mutations)} seen by the driver's tests")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
