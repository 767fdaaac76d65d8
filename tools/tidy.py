#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs clang-tidy over the project's translation units (tests apart), one for each core at a time.

A unit that was clean is passed over until its text, a project header that it includes, its compile
command or a .clang-tidy changes.

    python3 tools/tidy.py --clang-tidy clang-tidy-14 --build build/release [FILE...]
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import time

import check_includes

ROOT = pathlib.Path(__file__).resolve().parent.parent


def included(path, seen):
    """Adds path and every project header that it reaches to seen."""
    if path in seen:
        return
    seen.add(path)
    if not (ROOT / path).is_file():
        return
    source = check_includes.without_comments((ROOT / path).read_text(errors="replace"))
    for directive in check_includes.DIRECTIVE.finditer(source):
        target = check_includes.TARGET.match(directive.group("what"))
        if target:
            quoted = target.group("quoted")
            other = check_includes.project_path(ROOT, path, quoted or target.group("angled"),
                                                quoted is not None)
            if other:
                included(other, seen)


def in_tests(file):
    """Tests are left out unless named: GoogleTest's macros cost the most and warn for nothing."""
    return file.relative_to(ROOT).parts[0] in ("tests", "benchmarks")


def fingerprint(path, command, version):
    files = set()
    included(path, files)
    files.update(file.relative_to(ROOT).as_posix() for folder in (ROOT, ROOT / "core", ROOT / "tests")
                 for file in folder.glob(".clang-tidy"))
    digest = hashlib.sha256()
    for part in (version, command):
        digest.update(part.encode() + b"\0")
    for file in sorted(files):
        content = (ROOT / file).read_bytes() if (ROOT / file).is_file() else b"generated"
        digest.update(file.encode() + b"\0" + hashlib.sha256(content).digest())
    return digest.hexdigest()


def main():
    parser = argparse.ArgumentParser(description="clang-tidy over the whole project.")
    parser.add_argument("--clang-tidy", required=True)
    parser.add_argument("--build", type=pathlib.Path, required=True,
                        help="build folder with compile_commands.json")
    parser.add_argument("files", nargs="*", help="only these")
    options = parser.parse_args()

    build = options.build.resolve()
    clean = build / "tidy"
    clean.mkdir(exist_ok=True)
    version = subprocess.run([options.clang_tidy, "--version"], capture_output=True, text=True,
                             check=True).stdout
    wanted = {pathlib.Path(file).resolve() for file in options.files}
    units = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        file = pathlib.Path(entry["directory"], entry["file"]).resolve()
        mine = ROOT in file.parents and build not in file.parents
        if mine and (file in wanted if wanted else not in_tests(file)):
            units[file.relative_to(ROOT).as_posix()] = entry["command"]

    def run(path):
        mark = clean / (path.replace("/", "+") + ".clean")
        print_of = fingerprint(path, units[path], version)
        if mark.is_file() and mark.read_text() == print_of:
            return path, None, 0.0
        mark.unlink(missing_ok=True)
        start = time.monotonic()
        # GCC's flags are in the compile commands; clang need not know them all.
        done = subprocess.run(
            [options.clang_tidy, "-p", str(build), "--quiet",
             "--extra-arg=-Wno-unknown-warning-option", "--extra-arg=-Wno-ignored-optimization-argument",
             str(ROOT / path)], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            mark.write_text(print_of)
            return path, "", time.monotonic() - start
        return path, done.stdout or done.stderr, time.monotonic() - start

    checked = failed = 0
    times = []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, output, seconds in pool.map(run, sorted(units)):
            checked += output is not None
            times.append((seconds, path))
            if output:
                failed += 1
                print(output, end="" if output.endswith("\n") else "\n", flush=True)
    print(f"clang-tidy: {checked} files read, {len(units) - checked} unchanged, {failed} with warnings")
    for seconds, path in sorted(times, reverse=True)[:3]:
        if seconds > 10:
            print(f"  slow: {path} {seconds:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
