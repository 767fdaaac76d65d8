# SPDX-License-Identifier: Apache-2.0
"""Measures what the README's table says, each speed beside its peer in the same run.

    python benchmarks/bench.py --fettle build/release/bin/fettle [--runs 5] [--full | --quick]

Peers take turns with Fettle, so that a busy moment of the machine hits both. The table goes to the terminal and
to build/bench/table.md. --full measures memory on 2 GB instead of 200 MB, --quick everything once and memory on
20 MB.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import quality
from measure import Cost, Figure, cost_of, machine, ratio

HERE = Path(__file__).resolve().parent
WINDOWS, WINDOW_S = 940, 128 / 200
BOARD_S = 60  # simulated for each pass of a board
MINUTES_PER_MB = 1e6 / 75 / 200 / 60  # a row is about 75 bytes, 200 rows a second


class Bench:
    def __init__(self, fettle: Path, work: Path, runs: int, largest_mb: int) -> None:
        self.fettle, self.work, self.runs, self.largest_mb = fettle.resolve(), work.resolve(), runs, largest_mb
        self.probe = self.fettle.with_name("fettle-bench")
        self.board_probe = self.fettle.with_name("fettle-board-bench")
        self.log = self.work / "log.txt"
        self.rows: list[tuple[str, str, str, str]] = []
        self.notes: list[str] = []

    def row(self, what: str, ours: str, peer: str, times: str) -> None:
        self.rows.append((what, ours, peer, times))
        print(f"  {what}: {ours}; {peer or 'no peer'}; {times}", flush=True)

    def simulate(self, name: str, minutes: float, rate_hz: int = 200) -> Path:
        target = self.work / name
        cost_of([self.fettle, "simulate", "--machine", "fan", "-o", target, "--minutes", f"normal={minutes:.4f}",
                 "--rate", rate_hz, "--seed", 1], self.log)  # fmt: skip
        return target

    def say_json(self, *arguments: object) -> dict:
        command = [str(a) for a in arguments]
        return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    def say_number(self, script: str, *arguments: object) -> float:
        command = [sys.executable, str(HERE / script), *map(str, arguments)]
        return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1])

    # --- what is measured

    def training(self) -> None:
        data = self.simulate("windows", (WINDOWS * WINDOW_S + 0.2) / 60)
        ours: list[Cost] = []
        theirs: list[Cost] = []
        small, usual = self.work / "fettle.tflite", self.work / "tutorial.tflite"
        for _ in range(self.runs):
            ours += [cost_of([self.fettle, "train", "--features", "tutorial", data, "-o", small], self.log) for _ in range(3)]
            theirs.append(
                cost_of([sys.executable, HERE / "tutorial.py", data / "normal", usual], self.work / "tutorial.txt")
            )
        cpu = [Figure(tuple(c.cpu_s for c in costs)) for costs in (ours, theirs)]
        wall = [Figure(tuple(c.wall_s for c in costs)) for costs in (ours, theirs)]
        peak = [Figure(tuple(c.peak_mb for c in costs)) for costs in (ours, theirs)]
        what = f"CSV to int8 model, {WINDOWS} windows of six axes"
        tutorial = "pandas, NumPy, Keras, TensorFlow: "
        self.row(f"{what}: CPU time", Figure(tuple(v * 1e3 for v in cpu[0].values)).said("ms"),
                 tutorial + cpu[1].said("s"), f"{ratio(*cpu):.0f} times less")  # fmt: skip
        self.row("the same: until it is done", Figure(tuple(v * 1e3 for v in wall[0].values)).said("ms"),
                 wall[1].said("s"), f"{ratio(*wall):.0f} times faster")  # fmt: skip
        self.row("the same: peak memory", peak[0].said("MB"), peak[1].said("MB"), f"{ratio(*peak):.0f} times less")
        told = self.say_json(self.fettle, "train", "--features", "tutorial", data, "-o", small, "--json")
        self.row("model file, 18-12-8-12-18",
                 f"{told['bytes_without_metadata']:,} bytes, {told['bytes']:,} with normalisation, threshold and origin",
                 f"TensorFlow's converter: {usual.stat().st_size:,} bytes, network alone", "")  # fmt: skip

    def parsing(self) -> None:
        if not self.probe.is_file():
            self.notes.append("CSV speed: skipped, no fettle-bench beside fettle")
            return
        data = self.simulate("parse", 40 * MINUTES_PER_MB)
        recording = next(data.glob("normal/*.csv"))
        ours, theirs = [], []
        for _ in range(self.runs):
            ours.append(float(self.say_json(self.probe, "csv", recording)["megabytes_per_second"]))
            theirs.append(self.say_number("read_csv.py", recording))
        mine, pandas = Figure(tuple(ours)), Figure(tuple(theirs))
        self.row("reading CSV, one core", mine.said("MB/s"), f"pandas.read_csv: {pandas.said('MB/s')}",
                 f"{ratio(pandas, mine):.1f} times faster")  # fmt: skip

    def scoring(self) -> None:
        if not self.probe.is_file():
            self.notes.append("Scoring speed: skipped, no fettle-bench beside fettle")
            return
        data = self.work / "windows"
        recording = next(data.glob("normal/*.csv"))
        model = self.work / "fettle.tflite"
        ours, theirs = [], []
        for _ in range(self.runs):
            ours.append(float(self.say_json(self.probe, "score", model, recording)["times_real_time"]))
            theirs.append(self.say_number("scoring.py", model, recording) * WINDOW_S)
        mine, litert = Figure(tuple(ours)), Figure(tuple(theirs))
        self.row("scoring, features to verdict, one core", mine.said("times real time"),
                 f"NumPy and LiteRT: {litert.said('times real time')}", f"{ratio(litert, mine):.0f} times faster")  # fmt: skip

    def growth(self) -> None:
        costs = []
        for share in (0.25, 0.5, 1.0):
            data = self.simulate(f"big_{share}", self.largest_mb * share * MINUTES_PER_MB)
            size_mb = sum(p.stat().st_size for p in data.rglob("*.csv")) / 1e6
            cost = cost_of([self.fettle, "train", "--features", "tutorial", data, "-o", self.work / "big.tflite"], self.log)
            costs.append((size_mb, cost))
            shutil.rmtree(data)
        (small_mb, small), _, (big_mb, big) = costs
        self.row(f"training from {big_mb:,.0f} MB of recordings: peak memory", f"{big.peak_mb:.0f} MB", "",
                 f"{small_mb:,.0f} MB of recordings: {small.peak_mb:.0f} MB")  # fmt: skip
        self.row(f"training from {big_mb:,.0f} MB of recordings: CPU time", f"{big.cpu_s:.2f} s", "",
                 f"{big.cpu_s / small.cpu_s:.2f} times that of {small_mb:,.0f} MB "
                 f"({big_mb / small_mb:.2f} times the data)")  # fmt: skip

    def board(self) -> None:
        if not self.board_probe.is_file():
            self.notes.append("Board: skipped, no fettle-board-bench beside fettle")
            return
        size = self.say_json(self.board_probe, "size")
        for rate_hz in (200, 1000):
            data = self.simulate(f"board_{rate_hz}", 4 * 200 / rate_hz, rate_hz)
            model = self.work / f"board_{rate_hz}.tflite"
            cost_of([self.fettle, "train", "--features", "tutorial", data, "-o", model], self.log)
            runs = [
                self.say_json(self.board_probe, "machine", rate_hz)
                | self.say_json(self.board_probe, "board", model, rate_hz, BOARD_S)
                for _ in range(self.runs)
            ]
            speed = {k: Figure(tuple(float(r[k]) for r in runs)) for k in ("machine", "motion", "chip", "whole")}
            # CPU time for a simulated second; the slower, the less to spare.
            cost = {k: Figure(tuple(1e6 / float(r[k]) for r in runs)) for k in ("whole", "own", "driver")}
            at = f"{rate_hz} Hz"
            self.row(f"simulated machine, samples at {at}", speed["machine"].said("times real time"), "",
                     f"its motion alone, 1,000 steps a second: {speed['motion'].said('times')}")  # fmt: skip
            self.row(f"simulated MPU6050 at {at}, FIFO read", speed["chip"].said("times real time"), "", "")
            self.row(f"virtual board at {at}: machine, chip, driver, detector, card, line",
                     speed["whole"].said("times real time"), "",
                     f"{cost['whole'].said('us')} of CPU a simulated second")  # fmt: skip
            self.row(f"the board's own code at {at}, from the bus' bytes to verdict, card and line",
                     f"{cost['own'].said('us')} of CPU a second", "",
                     f"{cost['driver'].said('us')} of it the driver; {runs[0]['line_bytes'] / BOARD_S / 1000:.1f} kB/s "
                     f"on the line, {runs[0]['card_bytes'] / BOARD_S / 1000:.1f} kB/s to the card")  # fmt: skip
        self.row("memory of a board, all its parts, no heap", f"{size['board']:,} bytes", "",
                 f"of which driver {size['driver']:,}, detector {size['detector']:,} (64-bit pointers)")  # fmt: skip

    def detection(self) -> None:
        if not quality.RECORDINGS.is_dir():
            self.notes.append(f"Ceiling fan: skipped, no recordings at {quality.RECORDINGS}")
            return
        for setting, q in quality.measure(self.fettle, self.work).items():
            self.row(f"ceiling fan at low speed, a coin on a blade, {setting}",
                     f"AUC {q.auc:.4f} (lowest {q.lowest_auc:.4f}); recall {q.recall:.3f} at "
                     f"{100 * q.false_positive_rate:.1f} % false positives, at least "
                     f"{q.recall_at_one_percent:.3f} at 1 %", "",
                     f"int8 changes the AUC by {q.int8_auc_change:+.5f}")  # fmt: skip

    # --- the table

    def markdown(self) -> str:
        lines = ["| what | Fettle | peer | |", "|---|---|---|---|"]
        lines += [f"| {' | '.join(row)} |" for row in self.rows]
        peers = ", ".join(f"{p} {version(p)}" for p in ("tensorflow-cpu", "pandas", "numpy", "ai-edge-litert"))
        lines += ["", f"Median (lowest-highest) of {self.runs} runs, peers in turn. {machine()}. {peers}."]
        lines += [f"{note}." for note in self.notes]
        return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fettle", type=Path, default=Path("build/release/bin/fettle"))
    parser.add_argument("--work", type=Path, default=Path("build/bench"), help="emptied first")
    parser.add_argument("--runs", type=int, default=5)
    extent = parser.add_mutually_exclusive_group()
    extent.add_argument("--full", action="store_true", help="2 GB of recordings instead of 200 MB")
    extent.add_argument("--quick", action="store_true", help="one run of each, 20 MB of recordings")
    parts = ("training", "parsing", "scoring", "growth", "board", "detection")
    parser.add_argument("--only", choices=parts, action="append", help="repeat for several")
    arguments = parser.parse_args()
    if not arguments.fettle.is_file():
        print(f"no program at {arguments.fettle}: run './dev build' first", file=sys.stderr)
        return 2
    shutil.rmtree(arguments.work, ignore_errors=True)
    arguments.work.mkdir(parents=True)
    runs = 1 if arguments.quick else arguments.runs
    largest_mb = 2000 if arguments.full else 20 if arguments.quick else 200
    bench = Bench(arguments.fettle, arguments.work, runs, largest_mb)
    failed = 0
    for name in parts:
        # Scoring uses what training left behind.
        if arguments.only and name not in arguments.only and not (name == "training" and "scoring" in arguments.only):
            continue
        print(f"{name} ...", flush=True)
        part: Callable[[], None] = getattr(bench, name)
        try:
            part()
        except (RuntimeError, subprocess.CalledProcessError, KeyError, OSError) as error:
            failed += 1
            bench.notes.append(f"{name}: FAILED, {type(error).__name__}: {error}")
            print(f"  FAILED: {error}", file=sys.stderr)
    table = bench.markdown()
    (bench.work / "table.md").write_text(table, encoding="utf-8")
    print(f"\n{table}\nwritten to {arguments.work / 'table.md'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
