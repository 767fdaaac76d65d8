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
WATCHED_FAULT = "4min"
WINDOW_S = 0.64


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
    """What a board said of a stretch of time, window by window."""

    def __init__(self, lines):
        self.scores = [line for line in lines if line["type"] == "score"]

    def windows(self):
        """When each ends, and whether the alert line is up."""
        return [(s["t_us"] / 1e6 + WINDOW_S, s["verdict"] in ("alarm", "anomaly")) for s in self.scores]

    def pin_followed(self):
        return all(s["pin"] == (s["verdict"] in ("alarm", "anomaly")) for s in self.scores)

    def alarms(self):
        """How often the alert line went up."""
        began, before = 0, False
        for _, up in self.windows():
            began += up and not before
            before = up
        return began

    def hours(self):
        return (self.scores[-1]["t_us"] - self.scores[0]["t_us"]) / 3.6e9

    def delay(self):
        """Seconds from the onset to the alarm; None without one."""
        return next((t_s - ONSET_S for t_s, up in self.windows() if up and t_s >= ONSET_S), None)


def watch_all(demo, model, shown):
    """Normal running of another day, and each fault; by kind and severity, (None, None) for normal."""
    found = {}
    if shown:
        print("\n(another day, no fault)")
    with demo.board("--session", 11):
        if shown:
            demo.show("deploy", model, "--port", demo.port)
            print(f"$ fettle watch --port {demo.port} --for {WATCHED_NORMAL} --json", flush=True)
        else:
            subprocess.run(demo.command("deploy", model, "--port", demo.port), check=True,
                           stdout=subprocess.DEVNULL)
        found[None, None] = Watched(demo.watched(WATCHED_NORMAL))
    if shown:
        print(f"\n(the board again and again, with a fault that comes at {ONSET_S} s)", flush=True)
    for number, kind in enumerate(KINDS):
        for severity in SEVERITIES:
            with demo.board("--session", 21 + number, "--fault", f"{kind}:{severity}@{ONSET_S}s"):
                found[kind, severity] = Watched(demo.watched(WATCHED_FAULT))
    if not all(watched.pin_followed() for watched in found.values()):
        sys.exit("the alert pin did not follow the board's verdicts: please report this")
    return found


def told(found, kind, severity):
    delay = found[kind, severity].delay()
    return "none" if delay is None else f"{delay:.1f} s"


def print_summary(decided, tutorial):
    print("\nSeconds from the fault to the alarm; severity 1 is due for repair today.\n")
    print("  " + f"{'':12}" + "".join(f"{f'severity {s:g}':>16}" for s in SEVERITIES))
    for kind in KINDS:
        print(f"  {kind:12}" + "".join(f"{told(decided, kind, s):>16}" for s in SEVERITIES))
    normal = decided[None, None]
    print(f"\n  false alarms: {normal.alarms()} in {normal.hours():.1f} simulated hours of normal running")
    usual = tutorial[None, None]
    caught = sum(tutorial[kind, s].delay() is not None for kind in KINDS for s in SEVERITIES)
    print("\nThe tutorial's way (--features tutorial: single windows, 99th percentile):\n"
          f"  a window above the threshold after {caught} of {len(KINDS) * len(SEVERITIES)} faults, often by"
          f" chance\n  false alarms: {usual.alarms()} in {usual.hours():.1f} simulated hours,"
          f" {usual.alarms() / usual.hours():.0f} an hour")


def main():
    fettle, folder = sys.argv[1], sys.argv[2]
    demo = Demo(fettle, folder)
    for leftover in ("data", "storage"):
        shutil.rmtree(f"{folder}/{leftover}", ignore_errors=True)
    for leftover in ("model.tflite", "tutorial.tflite", "model_data.h", "board.log"):
        pathlib.Path(f"{folder}/{leftover}").unlink(missing_ok=True)

    print("A board on a small fan, its time accelerated. It is started by\n"
          f"  fettle board --link {demo.port} --storage {folder}/storage --speed max --hold\n"
          f"and what it says itself is in {folder}/board.log.\n", flush=True)
    data = f"{folder}/data"
    with demo.board():
        demo.show("collect", "--port", demo.port, "--label", "normal", "--for", "10min", "-o", data)
    for session, kind in enumerate(KINDS, start=1):
        print(f"\n(the board again, with --fault {kind}:0.5)", flush=True)
        with demo.board("--session", session, "--fault", f"{kind}:0.5"):
            demo.show("collect", "--port", demo.port, "--label", kind, "--for", "5min", "-o", data)
    print(flush=True)
    model = f"{folder}/model.tflite"
    demo.show("train", data, "-o", model)
    print(flush=True)
    demo.show("export", model, "--c-array", f"{folder}/model_data.h")
    decided = watch_all(demo, model, shown=True)
    usual = f"{folder}/tutorial.tflite"
    subprocess.run(demo.command("train", data, "-o", usual, "--features", "tutorial"), check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    print_summary(decided, watch_all(demo, usual, shown=False))
    print(f"\nThe recordings        {data}/\nThe detector          {model}\n"
          f"The same, for C++     {folder}/model_data.h")


if __name__ == "__main__":
    main()
