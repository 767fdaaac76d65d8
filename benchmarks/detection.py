# SPDX-License-Identifier: Apache-2.0
"""Detection on the simulated fleet: each machine a process, each result a line of a file, so that what was
interrupted goes on where it stopped. Prints the tables of the README."""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import math
import pathlib
import subprocess
import sys
import time

FAULTS = ("imbalance", "loose", "misalignment", "bearing")


def poisson_tail(events: int, mean: float) -> float:
    """P(N <= events)."""
    return sum(math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(events + 1)) if mean > 0 else 1.0


def poisson_interval(events: int) -> tuple[float, float]:
    """Exact 95 % interval of the mean (Garwood 1936), by bisection."""

    def solve(probability: float, count: int) -> float:
        low, high = 0.0, 10.0 * (count + 5)
        for _ in range(200):
            middle = (low + high) / 2
            if poisson_tail(count, middle) > probability:
                low = middle
            else:
                high = middle
        return low

    return (0.0 if events == 0 else solve(0.975, events - 1)), solve(0.025, events)


def rate_text(events: int, units: float) -> str:
    if units <= 0:
        return "no time"
    low, high = poisson_interval(events)
    return f"{events} in {units:.1f}: {events / units:.2f} [{low / units:.2f}, {high / units:.2f}]"


def cannot_share(parts: list[dict]) -> str:
    running = sum(p["running_windows"] for p in parts)
    shares = [p["cannot_judge"] / p["running_windows"] for p in parts if p["running_windows"]]
    if not running:
        return "-"
    return f"{100 * sum(p['cannot_judge'] for p in parts) / running:.2f} % (most {100 * max(shares):.1f} %)"


FAMILIES = {"imbalance": "imbalance", "loose": "looseness", "misalignment": "misalignment", "bearing": "bearing"}


def confusion(fleet: list[dict]) -> list[str]:
    """Injected fault against the family that the alarm's explanation names first. Patterns were tuned on machines 0
    to 24 and a shorter life; alarms of a machine that does not run steadily are counted apart."""
    lines = []
    columns = [*FAMILIES.values(), "other"]
    for title, part in (
        ("machines 0 to 24", [r for r in fleet if r["machine"] < 25]),
        ("machines from 25 on", [r for r in fleet if r["machine"] >= 25]),
    ):
        rows, right, all_alarms = [], 0, 0
        for fault, family in FAMILIES.items():
            alarms = [r["faults"][fault].get("looks_like") for r in part if fault in r.get("faults", {})]
            alarms = [a for a in alarms if a]
            first = [a["families"][0][0] for a in alarms if a["running"]]
            right += first.count(family)
            all_alarms += len(first)
            counts = "".join(f"{first.count(c):>14}" for c in columns)
            rows.append(f"    {fault:<14}{counts}{len(alarms) - len(first):>14}")
        if not all_alarms:
            continue
        lines.append(f"  first family at the alarm, {title}: right on {right} of {all_alarms}, {100 * right / all_alarms:.0f} %")
        lines.append("    " + " " * 14 + "".join(f"{c:>14}" for c in (*columns, "not running")))
        lines += rows
    return lines


def summarise(results: list[dict]) -> str:
    lines = []
    for disturbance in sorted({r["disturbance"] for r in results}):
        fleet = [r for r in results if r["disturbance"] == disturbance]
        lines.append(f"disturbances x{disturbance:g}: {len(fleet)} machines, {sum(r['days'] for r in fleet):.0f} days of normal running")
        ten = [r["ten_minutes"] for r in fleet]
        stated = sum(t["stated_per_hour"] <= 1 for t in ten)
        kept = sum(t["alarms"] <= 2 * t["stated_per_hour"] * t["hours"] for t in ten)
        lines.append(f"  from ten minutes: stated rate at most 1/hour on {stated} of {len(ten)}, kept (twice at most) on {kept}")
        lines.append(
            f"    alarms an hour {rate_text(sum(t['alarms'] for t in ten), sum(t['hours'] for t in ten))}; "
            f"cannot judge {cannot_share(ten)}"
        )
        for name, hours in (("week", 168.0), ("day", 24.0)):
            parts = [r[name] for r in fleet]
            lines.append(
                f"  after a day of burn-in, 1/{name} asked: alarms a machine-{name} "
                f"{rate_text(sum(p['alarms'] for p in parts), sum(p['hours'] for p in parts) / hours)}; "
                f"cannot judge {cannot_share(parts)}; machines with any {sum(p['alarms'] > 0 for p in parts)}"
            )
        for fault in FAULTS:
            lives = [r["faults"][fault] for r in fleet if fault in r.get("faults", {})]
            if not lives:
                continue
            in_time = [f for f in lives if 0 <= f["alarm_s"] < f["limit_s"]]
            shares = sorted(f["severity_at_alarm"] / f["severity_at_limit"] for f in lives if f["alarm_s"] >= 0)
            middle = shares[len(shares) // 2] if shares else float("nan")
            lines.append(
                f"  {fault}: alarmed before +0.7 mm/s on {len(in_time)} of {len(lives)}; "
                f"severity then {middle:.2f} of the limit's (median); false alarms before {sum(f['false_alarms_before'] for f in lives)}"
            )
        early = [f for r in fleet for f in r.get("faults_in_burn_in", {}).values()]
        if early:
            in_time = sum(0 <= f["alarm_s"] < f["limit_s"] for f in early)
            lines.append(
                f"  growing from the first day of burn-in on, one fault a machine: alarmed before +0.7 mm/s on {in_time} of {len(early)}, "
                f"at all on {sum(f['alarm_s'] >= 0 for f in early)}"
            )
        lines += confusion(fleet)
        remounts = [r["remounts"] for r in fleet if "remounts" in r]
        if remounts:
            said = [s for r in remounts for s in r["said_moved"]]
            lines.append(
                f"  remounts: 'sensor moved' on {sum(said)} of {len(said)}, alarms {sum(r['alarms'] for r in remounts)}, "
                f"said without a remount on {sum(r['said_before'] for r in remounts)} of {len(remounts)} machines"
            )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev bench detection", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="10 machines, 2 days, another fault each: minutes")
    parser.add_argument("--machines", type=int, default=50)
    parser.add_argument("--days", type=float, default=28)
    parser.add_argument("--disturbance", type=float, action="append", help="1 and 2 unless given")
    parser.add_argument("--faults", choices=("all", "one", "none", *FAULTS), help="of each machine; all unless given")
    parser.add_argument("--rate", type=float, default=200, help="of samples, Hz: 200 (windows of 128), up to 1000 (of 256)")
    parser.add_argument("--fleet", type=int, default=2026, help="seed machines are drawn by; 2026 is what detection was tuned on")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("build/bench/detection"))
    parser.add_argument("--program", default="build/release/bin/fettle-detection-bench", help=argparse.SUPPRESS)
    options = parser.parse_args()
    faults = options.faults or ("one" if options.quick else "all")
    if options.quick:
        options.machines, options.days = 10, 2
        options.disturbance = options.disturbance or [1]
    tasks = [
        (machine, disturbance)
        for disturbance in options.disturbance or [1, 2]
        for machine in range(options.machines)
    ]
    # Results of another program do not count: its name carries what it was built from.
    options.folder.mkdir(parents=True, exist_ok=True)
    program = pathlib.Path(options.program)
    kind = f"{int(program.stat().st_mtime)}-{options.days:g}-{faults}-{options.rate:g}-{options.fleet}"
    path = options.folder / f"{kind}.jsonl"
    results = []
    if path.exists():
        results = [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]
    done = {(r["machine"], r["disturbance"]) for r in results}
    tasks = [t for t in tasks if t not in done]
    if done:
        print(f"{len(done)} machines are in {path} already", file=sys.stderr)
    began = time.monotonic()

    def run(task: tuple[int, float]) -> dict:
        command = [str(program), str(options.fleet), str(task[0]), str(options.days), str(task[1]), faults, str(options.rate)]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool, path.open("a") as file:
        for number, future in enumerate(concurrent.futures.as_completed([pool.submit(run, t) for t in tasks]), 1):
            results.append(future.result())
            file.write(json.dumps(results[-1]) + "\n")
            file.flush()
            spent = time.monotonic() - began
            print(
                f"{number} of {len(tasks)} machines, {spent / 60:.0f} min, about {spent / number * (len(tasks) - number) / 60:.0f} more",
                file=sys.stderr,
            )
    print(summarise(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
