#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Looks over every file of the tree: one licence line each, `#pragma once`, no paths of one machine.

    python3 tools/check_tree.py [--root DIR]
"""

import argparse
import os
import pathlib
import re
import sys

SKIPPED_FOLDERS = {".git", "build", "demo", ".venv", "__pycache__"}
SOURCE_SUFFIXES = {".cpp", ".hpp", ".h", ".c", ".py", ".sh", ".cmake", ".fbs", ".css", ".js"}
SOURCE_NAMES = {"CMakeLists.txt", "dev", "run", ".clang-tidy", ".clang-format"}
LICENCE = "SPDX-License-" + "Identifier:"  # in two parts, or this line would be counted
HEAD_LINES = 3
# Files with more bytes than this, or with a NUL, are data.
LARGEST_TEXT = 4 << 20
# Test data is what somebody's machine wrote, damaged on purpose; its content is not checked.
DATA_FOLDERS = ("tests/fuzz/corpus",)


def machine_paths(root):
    """What must not stand in a file: this checkout, this user's home, anybody's home."""
    alternatives = [re.escape(str(root)), r"/(?:home|Users)/[A-Za-z0-9_.-]+/", r"[A-Za-z]:\\Users\\"]
    home = os.path.expanduser("~")
    if home.count("/") >= 1 and home not in ("/", "~"):
        alternatives.append(re.escape(home) + "/")
    return re.compile(r"(?<![\w.~-])(?:" + "|".join(alternatives) + ")")


def files_of(root):
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(f for f in folders if f not in SKIPPED_FOLDERS)
        for name in sorted(files):
            file = pathlib.Path(folder, name)
            relative = file.relative_to(root).as_posix()
            if name == ".git" or relative.startswith(tuple(f + "/" for f in DATA_FOLDERS)):
                continue
            yield file, relative


def check(root):
    root = pathlib.Path(root).resolve()
    paths = machine_paths(root)
    problems = []
    for file, relative in files_of(root):
        if file.is_symlink() or file.stat().st_size > LARGEST_TEXT:
            continue
        data = file.read_bytes()
        if b"\0" in data:
            continue
        text = data.decode("utf-8", errors="replace")
        lines = text.splitlines()
        if file.suffix in SOURCE_SUFFIXES or file.name in SOURCE_NAMES:
            marks = [n for n, line in enumerate(lines, 1) if LICENCE in line]
            if len(marks) != 1:
                problems.append(f"{relative}:1: {len(marks)} licence lines; exactly one is needed: "
                                f"{LICENCE} Apache-2.0")
            elif marks[0] > HEAD_LINES or not lines[marks[0] - 1].rstrip(" */").endswith(
                    LICENCE + " Apache-2.0"):
                problems.append(f"{relative}:{marks[0]}: the licence line is '{LICENCE} Apache-2.0', "
                                f"in the first {HEAD_LINES} lines")
            if text and not text.endswith("\n"):
                problems.append(f"{relative}:{len(lines)}: the last line does not end")
        if file.suffix == ".hpp" and sum(line.strip() == "#pragma once" for line in lines) != 1:
            problems.append(f"{relative}:1: a header has exactly one '#pragma once'")
        for number, line in enumerate(lines, 1):
            found = paths.search(line)
            if found:
                problems.append(f"{relative}:{number}: a path of one machine: {found.group()}")
    return problems


def main():
    parser = argparse.ArgumentParser(description="Licence lines, header guards, machine paths.")
    parser.add_argument("--root", default=pathlib.Path(__file__).resolve().parent.parent)
    problems = check(parser.parse_args().root)
    for line in problems:
        print(line)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
