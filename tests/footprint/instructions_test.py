#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts what judging a window costs, sample to verdict, in instructions, by valgrind.

    python3 instructions_test.py VALGRIND FETTLE FETTLE_BENCH

x86-64 with vectors: a microcontroller without needs more, which is why the budget of 2 % of an ESP32-S3's
core at 240 MHz is to be kept four times over.
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

CLOCK_HZ = 240e6
WINDOW_S = 0.64
SHARE = 0.02
SPARE = 4


def run(*command):
    return subprocess.run([str(c) for c in command], check=True, capture_output=True, text=True)


def main():
    valgrind, fettle, bench = sys.argv[1:4]
    budget = SHARE * CLOCK_HZ * WINDOW_S / SPARE
    failed = False
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        run(fettle, "simulate", "-o", folder / "data", "--minutes", "normal=3")
        recording = next((folder / "data").glob("normal/*.csv"))
        for features in ("tutorial", "vibration"):
            model = folder / f"{features}.tflite"
            run(fettle, "train", folder / "data", "-o", model, "--features", features)

            def count(passes):
                done = run(valgrind, "--tool=callgrind", f"--callgrind-out-file={folder}/out", bench, "judge",
                           model, recording, passes)
                total = int(re.search(r"Collected : (\d+)", done.stderr).group(1))
                return total, json.loads(done.stdout)["windows"]

            # The difference leaves out the program's start and the reading of its files.
            (less, few), (more, many) = count(1), count(2)
            each = (more - less) / (many - few)
            share = each / (CLOCK_HZ * WINDOW_S)
            print(f"{features}: {each:,.0f} instructions a window, {100 * share:.2f} % of 240 MHz "
                  f"if each takes a cycle")
            if each > budget:
                print(f"  more than the budget of {budget:,.0f}")
                failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
