#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The whole story without hardware: a virtual board is recorded, taught, and watched until it alarms.

    python3 tools/demo.py FETTLE FOLDER

Runs the same commands that a person with a board on the desk would type, prints each, and leaves
data/, model.tflite and model_data.h in FOLDER. Python's standard library only.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

KINDS = ("imbalance", "bearing", "loose")
SEVERITIES = (0.2, 0.5, 1.0)
ONSET_S = 60
WATCHED_NORMAL = "8h"
HIGHER = 4


class Demo:
    def __init__(self, fettle, folder):
        self.fettle = fettle
        self.folder = folder
        self.port = f"{folder}/board"

    def command(self, *arguments):
        return [self.fettle, *map(str, arguments)]

    def show(self, *arguments):
        """Runs a command as a person sees it."""
        print("$ fettle " + " ".join(map(str, arguments)), flush=True)
        subprocess.run(self.command(*arguments), check=True)

    def board(self, *arguments):
        return Board(self, arguments)

    def watched(self, duration):
        """What `fettle watch` says, as objects."""
        lines = subprocess.run(
            self.command("watch", "--port", self.port, "--for", duration, "--json"), check=True,
            stdout=subprocess.PIPE, text=True).stdout
        return [json.loads(line) for line in lines.splitlines()]


class Board:
    """A virtual board with power on; `with` switches it off again. Its time stands still while nobody
    is connected, and runs as fast as this computer can otherwise."""

    def __init__(self, demo, arguments):
        self.demo = demo
        self.arguments = ["board", "--link", demo.port, "--storage", f"{demo.folder}/storage",
                          "--speed", "max", "--hold", *arguments]

    def __enter__(self):
        log = open(f"{self.demo.folder}/board.log", "a", encoding="utf-8")
        self.process = subprocess.Popen(self.demo.command(*self.arguments), stdout=log, stderr=log)
        deadline = time.monotonic() + 20
        while not os.path.islink(self.demo.port):
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"the board did not start; it said so in {log.name}")
            time.sleep(0.01)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


class Watched:
    """Scores of a stretch of time, judged by the model's threshold or by a higher one."""

    def __init__(self, lines):
        self.scores = [line for line in lines if line["type"] == "score"]

    def anomalous(self, factor):
        """Of each window: when it began, and whether it is above the threshold. At the model's own
        threshold that is the board's verdict; a score that is not a number has no "score"."""
        return [(s["t_us"] / 1e6, s["verdict"] == "anomaly" if factor == 1 or "score" not in s
                 else s["score"] > factor * s["threshold"]) for s in self.scores]

    def pin_followed(self):
        return all(s["pin"] == (s["verdict"] == "anomaly") for s in self.scores)

    def alarms(self, factor):
        """Seconds at which runs of windows above the threshold began."""
        began, before = [], False
        for t_s, anomaly in self.anomalous(factor):
            if anomaly and not before:
                began.append(t_s)
            before = anomaly
        return began

    def share(self, factor, after_s=0):
        windows = [anomaly for t_s, anomaly in self.anomalous(factor) if t_s >= after_s]
        return sum(windows) / max(1, len(windows))

    def hours(self):
        return (self.scores[-1]["t_us"] - self.scores[0]["t_us"]) / 3.6e9

    def delay(self, factor):
        """From the onset to the end of the first window that alarms, as text."""
        window_s = (self.scores[1]["t_us"] - self.scores[0]["t_us"]) / 1e6
        for t_s, anomaly in self.anomalous(factor):
            if anomaly and t_s + window_s >= ONSET_S:
                return f"{t_s + window_s - ONSET_S:.1f} s"
        return "none"


def print_table(factor, normal, faulty):
    print("  " + f"{'':12}" + "".join(f"{f'severity {s:g}':>20}" for s in SEVERITIES))
    for kind in KINDS:
        cells = (faulty[kind, severity] for severity in SEVERITIES)
        print(f"  {kind:12}" + "".join(
            f"{watched.delay(factor):>13}{watched.share(factor, ONSET_S):>7.0%}" for watched in cells))
    alarms = len(normal.alarms(factor))
    print(f"  false alarms: {alarms} in {normal.hours():.1f} simulated hours of normal running,"
          f" {alarms / normal.hours():.1f} an hour\n")


def main():
    fettle, folder = sys.argv[1], sys.argv[2]
    demo = Demo(fettle, folder)
    for leftover in ("data", "storage"):
        shutil.rmtree(f"{folder}/{leftover}", ignore_errors=True)
    for leftover in ("model.tflite", "model_data.h", "board.log"):
        pathlib.Path(f"{folder}/{leftover}").unlink(missing_ok=True)

    print("A board on a small fan, its time accelerated. It is started by\n"
          f"  fettle board --link {demo.port} --storage {folder}/storage --speed max --hold\n"
          f"and what it says itself is in {folder}/board.log.\n")
    data = f"{folder}/data"
    with demo.board():
        demo.show("collect", "--port", demo.port, "--label", "normal", "--for", "10min", "-o", data)
    for session, kind in enumerate(KINDS, start=1):
        print(f"\n(the board again, with --fault {kind}:0.5)")
        with demo.board("--session", session, "--fault", f"{kind}:0.5"):
            demo.show("collect", "--port", demo.port, "--label", kind, "--for", "5min", "-o", data)
    print()
    model = f"{folder}/model.tflite"
    demo.show("train", data, "-o", model)
    print()
    demo.show("export", model, "--c-array", f"{folder}/model_data.h")
    print("\n(another day, no fault)")
    with demo.board("--session", 11):
        demo.show("deploy", model, "--port", demo.port)
        print(f"$ fettle watch --port {demo.port} --for {WATCHED_NORMAL} --json")
        normal = Watched(demo.watched(WATCHED_NORMAL))
    faulty = {}
    print(f"\n(the board again and again, with a fault that comes at {ONSET_S} s)")
    for number, kind in enumerate(KINDS):
        for severity in SEVERITIES:
            with demo.board("--session", 21 + number, "--fault", f"{kind}:{severity}@{ONSET_S}s"):
                faulty[kind, severity] = Watched(demo.watched("4min"))
    if not all(watched.pin_followed() for watched in (normal, *faulty.values())):
        sys.exit("the alert pin did not follow the board's verdicts: please report this")
    print("\nSeconds from the fault to the alarm, and the share of windows above the\nthreshold "
          "after it; severity 1 is due for repair today.\n")
    print("At the model's threshold, the 99th percentile of normal windows:")
    print_table(1, normal, faulty)
    print(f"At {HIGHER} times that ('fettle command' with \"threshold X\" sets it):")
    print_table(HIGHER, normal, faulty)
    print("An alarm soon after a weak fault may be a false one; the share of windows tells.")
    print(f"\nThe recordings        {data}/\nThe detector          {model}\n"
          f"The same, for C++     {folder}/model_data.h")


if __name__ == "__main__":
    main()
