# SPDX-License-Identifier: Apache-2.0
"""What each group of vibration features brings: the share of faulty windows whose distance exceeds the 99.9th
percentile of a later normal day, with all features, without the group and with the group alone; and with what the
set does without beside it. Mean over machines of the simulated fleet."""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import subprocess
import sys

FAULTS = ("imbalance", "misalignment", "loose", "bearing")


def table(results: list[dict]) -> str:
    sets = [r["sets"] for r in results if "sets" in r]
    lines = [f"{len(sets)} machines, faults at {results[0]['part']:g} of the severity at +0.7 mm/s; % of faulty windows found"]
    lines.append(f"{'features':<32}" + "".join(f"{fault:>14}" for fault in (*FAULTS, "mean")))
    for name in sorted(sets[0], key=lambda n: (n != "all", n.split(" ", 1)[-1], n)):
        found = [100 * sum(s[name][fault] for s in sets) / len(sets) for fault in FAULTS]
        lines.append(f"{name:<32}" + "".join(f"{x:>14.1f}" for x in (*found, sum(found) / len(found))))
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev bench features", description=__doc__)
    parser.add_argument("--machines", type=int, default=12)
    parser.add_argument("--part", type=float, default=0.3, help="of the severity at +0.7 mm/s")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--program", default="build/release/bin/fettle-feature-bench", help=argparse.SUPPRESS)
    options = parser.parse_args()

    def run(machine: int) -> dict:
        command = [options.program, str(machine), str(options.part)]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    results = []
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for result in pool.map(run, range(options.machines)):
            results.append(result)
            print(f"{len(results)} of {options.machines} machines", file=sys.stderr)
    print(table(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
