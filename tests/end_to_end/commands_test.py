# SPDX-License-Identifier: Apache-2.0
"""The program as people meet it: arguments, files, output and exit status.

Run as: python3 -B tests/end_to_end/commands_test.py --fettle build/release/bin/fettle [TEST...]
Needs Python 3.11 and nothing else. Each test works in a temporary folder of its own.
"""
import argparse
import ast
import csv
import hashlib
import io
import json
import math
import os
import pathlib
import random
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import zipfile

FETTLE = ""  # the program, from --fettle
GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden"

USAGE, BAD_INPUT, TOO_LITTLE, IO, EXISTS, INTERRUPTED = 2, 3, 4, 5, 6, 130
COMMANDS = ("simulate", "import", "label", "inspect", "train", "evaluate", "rebase", "score", "explain", "info", "infer",
            "export", "ports", "collect", "deploy", "watch", "feedback", "selftest", "command", "backup", "restore")
SHORT = "normal=3,imbalance=1,bearing=1"
FAULTS = ("bearing", "imbalance")
SIMULATED = "simulated-fan-seed1"
HEADER_3 = "t_us,ax_g,ay_g,az_g"
HEADER_6 = HEADER_3 + ",gx_dps,gy_dps,gz_dps"


def accelerometer(i, one_g=1.0):
    """Three values of row i; they move, and their usual magnitude is one g."""
    return f"{i % 7 * 0.01 * one_g:.6g},{0.02 * one_g:.6g},{(1 + i % 5 * 0.01) * one_g:.6g}"


def gyroscope(i):
    return f"{i % 3},0.5,{i % 4 - 2}"


def table(rows, row, header=None):
    """The text of a CSV file: `row` makes the line of a row's number."""
    lines = ([header] if header else []) + [row(i) for i in range(rows)]
    return "".join(line + "\n" for line in lines)


def recording(rows, one_g=1.0):
    """A recording of a data set, three axes at 200 Hz."""
    return table(rows, lambda i: f"{i * 5000},{accelerometer(i, one_g)}", HEADER_3)


def steady_motor(minutes, seed, level=0.1, first=1.0):
    """Six axes at 200 Hz of a motor at 24.6 Hz that wanders by 3 % in level and 0.4 % in speed; `first` times the line of
    its speed."""
    chance = random.Random(seed)
    angle = wander = drift = 0.0
    lines = [HEADER_6]
    for i in range(int(12000 * minutes)):
        wander = 0.999 * wander + 0.0447 * chance.gauss(0, 1)
        drift = 0.999 * drift + 0.0447 * chance.gauss(0, 1)
        angle += 2 * math.pi * 24.6 * (1 + 0.004 * drift) / 200
        now = level * (1 + 0.03 * wander)
        accel = [now * weight * (first * math.sin(angle + turn) + 0.2 * math.sin(2 * angle + turn + 1))
                 + chance.gauss(0, 0.005) for weight, turn in ((1, 0), (0.7, 1.5), (0.4, 0.3))]
        gyro = [now * first * 10 * weight * math.sin(angle + turn) + chance.gauss(0, 0.3)
                for weight, turn in ((1, 0.2), (0.6, 2), (0.5, 1))]
        accel[2] += 1
        lines.append(f"{5000 * i}," + ",".join(f"{x:.5f}" for x in accel + gyro))
    return "\n".join(lines) + "\n"


def strict_json(text):
    """JSON as the standard has it: no NaN, no Infinity."""
    def refuse(word):
        raise ValueError(f"{word} is not JSON")
    return json.loads(text, parse_constant=refuse)


def at(value, path):
    for key in path.split("."):
        value = value[key]
    return value


def float32(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


def read_npy(content):
    """Element type, shape and the bytes of a .npy file of version 1.0."""
    assert content[:8] == b"\x93NUMPY\x01\x00", content[:8]
    end = 10 + struct.unpack("<H", content[8:10])[0]
    header = ast.literal_eval(content[10:end].decode("latin-1"))
    assert not header["fortran_order"]
    return header["descr"], header["shape"], content[end:]


def npy_int8(rows):
    """The bytes of a .npy file of int8, [n, D]."""
    header = f"{{'descr': '|i1', 'fortran_order': False, 'shape': ({len(rows)}, {len(rows[0])}), }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    values = b"".join(struct.pack(f"{len(row)}b", *row) for row in rows)
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + values


def plain_model():
    """A .tflite of TensorFlow's converter, which knows nothing of Fettle: 18 in, 18 out."""
    lines = iter((GOLDEN / "int8_converter_per_tensor.txt").read_text().splitlines())
    size = next(int(line.split()[3]) for line in lines if line.startswith("model u8 1 "))
    content = b""
    while len(content) < size:
        content += bytes.fromhex(next(lines))
    return content


class CommandTest(unittest.TestCase):
    maxDiff = 2000

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="fettle-commands-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def run_fettle(self, *arguments, stdin=None, stdout=subprocess.PIPE):
        """Runs in the test's folder, so that file names are relative; text in and out."""
        return subprocess.run([FETTLE, *map(str, arguments)], cwd=self.folder, input=stdin,
                              stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=120,
                              stdin=subprocess.DEVNULL if stdin is None else None)

    def ok(self, *arguments, stdin=None):
        result = self.run_fettle(*arguments, stdin=stdin)
        self.assertEqual(result.returncode, 0, f"{arguments}: {result.stderr}")
        return result

    def json(self, *arguments):
        """What a command says with --json: one document, without null anywhere."""
        document = strict_json(self.ok(*arguments, "--json").stdout)
        self.assert_no_null(document)
        return document

    def assert_no_null(self, value, path=""):
        self.assertIsNotNone(value, f"null at {path}")
        if isinstance(value, dict):
            for key, child in value.items():
                self.assert_no_null(child, f"{path}.{key}")
        elif isinstance(value, list):
            for i, child in enumerate(value):
                self.assert_no_null(child, f"{path}[{i}]")

    def assert_number(self, value, name):
        self.assertIsInstance(value, (int, float), name)
        self.assertNotIsInstance(value, bool, name)
        self.assertTrue(math.isfinite(value), name)

    def snapshot(self):
        """Every file and folder there is, hidden ones too, with what is in them."""
        return {str(path.relative_to(self.folder)):
                hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
                for path in self.folder.rglob("*")}

    def refused(self, status, *arguments, says=(), stdin=None):
        """The command fails with this status, says each of the pieces, and leaves no trace."""
        before = self.snapshot()
        result = self.run_fettle(*arguments, stdin=stdin)
        self.assertEqual(result.returncode, status, f"{arguments}: {result.stderr}")
        self.assertTrue(result.stderr.strip(), "an error must say something")
        self.assertEqual(self.snapshot(), before, f"{arguments} left something behind")
        for piece in says:
            self.assertIn(piece, result.stderr, f"{arguments}")
        return result

    def write(self, name, content):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return name

    def read(self, name):
        return (self.folder / name).read_bytes()

    def rows(self, recording_id):
        """A recording of the data set `data`, as lists of numbers."""
        lines = self.read(f"data/{recording_id}.csv").decode().splitlines()
        self.assertIn(lines[0], (HEADER_3, HEADER_6))
        return [[float(value) for value in line.split(",")] for line in lines[1:]]

    def simulate(self, minutes=SHORT, data="data", *more):
        return self.ok("simulate", "--machine", "fan", "-o", data, "--minutes", minutes, *more)

    def train(self, *more, data="data", model="model.tflite"):
        """Trains the tutorial's way, where each window is judged by itself, unless told otherwise."""
        features = () if "--features" in more else ("--features", "tutorial")
        return self.ok("train", data, "-o", model, *features, *more)

    def simulated_and_trained(self, *more):
        self.simulate()
        self.train(*more)
        return f"data/normal/{SIMULATED}.csv"

    def scores(self, text):
        """The rows that `score` prints."""
        rows = list(csv.reader(io.StringIO(text)))
        self.assertEqual(rows[0], ["t_us", "score", "threshold", "verdict", "reason"])
        for row in rows[1:]:
            self.assertEqual(row[4] != "", row[3] == "cannot judge" or row[4] in ("clipped", "losing_samples"), row)
        return [(int(t), float(score), float(threshold), verdict)
                for t, score, threshold, verdict, _ in rows[1:]]

    def import_normal(self, source, *more):
        """Imports into `data` as normal; returns the JSON summary and what a person reads."""
        result = self.ok("import", source, "--label", "normal", "-o", "data", "--json", *more)
        return strict_json(result.stdout), result.stderr


class Journey(CommandTest):
    def test_inspect(self):
        self.simulate()
        report = self.json("inspect", "data")
        self.assertEqual((report["rate_hz"], report["axes"], report["recordings"]), (200, 6, 3))
        self.assertEqual({part["label"]: part["windows"] for part in report["parts"]},
                         {"normal": 281, "imbalance": 93, "bearing": 93})
        self.assertEqual([part["gaps"] for part in report["parts"]], [0, 0, 0])
        for line in self.ok("inspect", "data").stdout.splitlines():
            self.assertLessEqual(len(line), 80, line)

    def test_train_and_info_agree(self):
        self.simulate()
        trained = self.json("train", "data", "-o", "model.tflite", "--features", "tutorial")
        self.assertEqual(trained["network"], "18-12-8-12-18")
        self.assertEqual(sum(trained["windows"].values()), 281)
        self.assertEqual(trained["bytes"], len(self.read("model.tflite")))
        self.assertLessEqual(trained["bytes_without_metadata"], 4784)
        info = self.json("info", "model.tflite")
        self.assertEqual(info["threshold"], trained["threshold"])
        self.assertEqual(info["bytes"], trained["bytes"])
        self.assertEqual(info["kind"], "autoencoder")
        self.assertEqual(info["network"]["inputs"], 18)
        self.assertEqual(info["training"]["windows_train"], trained["windows"]["train"])
        self.assertEqual(len(info["features"]["names"]), 18)
        self.assertEqual(info["features"]["names"][:4], ["ax_mean", "ax_std", "ax_p2p", "ay_mean"])

    def test_evaluate_has_every_key_that_was_promised(self):
        self.simulated_and_trained()
        report = self.json("evaluate", "model.tflite", "data")
        for key in ("auc", "threshold", "false_positive_rate", "alarms_per_hour",
                    "alarms_per_hour_upper95", "int8.auc_change", "int8.decisions_changed",
                    "without_mean.auc"):
            self.assert_number(at(report, key), key)
        self.assertEqual(set(report["auc_by_class"]), set(FAULTS))
        self.assertEqual(set(report["recall"]), set(FAULTS))
        self.assertEqual(set(report["windows"]), {"normal", *FAULTS})
        for group in ("auc_by_class", "recall", "windows"):
            for name, value in report[group].items():
                self.assert_number(value, f"{group}.{name}")
        for key in ("auc", "false_positive_rate", "without_mean.auc"):
            self.assertTrue(0 <= at(report, key) <= 1, key)
        self.assertGreater(report["auc"], 0.9)
        self.assertGreaterEqual(report["alarms_per_hour_upper95"], report["alarms_per_hour"])
        info = self.json("info", "model.tflite")
        self.assertEqual(report["threshold"], info["threshold"]["value"])
        self.assertLess(report["windows"]["normal"], 0.2 * 281, "training windows are left out")

    def test_recall_is_the_share_of_windows_that_score_calls_anomalies(self):
        self.simulated_and_trained()
        report = self.json("evaluate", "model.tflite", "data")
        for fault in FAULTS:
            rows = self.scores(
                self.ok("score", "model.tflite", f"data/{fault}/{SIMULATED}.csv").stdout)
            self.assertEqual(report["windows"][fault], len(rows))
            anomalies = sum(row[3] == "anomaly" for row in rows)
            self.assertAlmostEqual(report["recall"][fault], anomalies / len(rows), places=9)

    def test_recordings_that_were_not_trained_on_are_used_whole(self):
        self.simulated_and_trained()
        self.simulate("normal=1,loose=1", "other", "--seed", "2")
        report = self.json("evaluate", "model.tflite", "other")
        self.assertEqual(report["windows"], {"normal": 93, "loose": 93})
        self.assertEqual(report["windows_left_out"], 0)

    def mixed(self, name, rows):
        """Ten minutes of normal running with so many rows of an imbalance in the middle."""
        normal = (self.folder / f"data/normal/{SIMULATED}.csv").read_text().splitlines()
        faulty = (self.folder / f"fault/imbalance/{SIMULATED}.csv").read_text().splitlines()
        lines = normal[1:60001] + faulty[1:1 + rows] + normal[60001:]
        renumbered = (f"{5000 * i},{line.split(',', 1)[1]}" for i, line in enumerate(lines))
        (self.folder / f"{name}.csv").write_text("\n".join([normal[0], *renumbered]) + "\n")
        self.ok("import", f"{name}.csv", "--label", "normal", "-o", name)
        return self.ok("train", name, "-o", "mixed.tflite").stderr, self.json("train", name, "-o", "mixed.tflite")

    def test_a_fault_in_the_middle_of_what_is_called_normal_is_spoken_of(self):
        self.simulate("normal=10", "data")
        self.simulate("imbalance=2", "fault", "--severity", "imbalance=1")
        said, report = self.mixed("minutes", 24000)
        self.assertIn("falls into two groups: from 4:59", said)
        self.assertAlmostEqual(report["change"]["seconds"], 120, delta=10)
        said, report = self.mixed("seconds", 1000)
        self.assertIn("is not all alike", said)
        self.assertAlmostEqual(report["odd_stretch"]["at_s"], 300, delta=2)
        self.assertAlmostEqual(report["odd_stretch"]["seconds"], 5, delta=2)
        said = self.ok("train", "data", "-o", "clean.tflite").stderr
        self.assertNotIn("WARNING", said)

    def test_a_recording_counts_once_and_is_never_overwritten(self):
        self.simulate("normal=4")
        source = f"data/normal/{SIMULATED}.csv"
        before = self.read(source)
        for name in ("one", "two"):
            (self.folder / f"{name}.csv").write_bytes(before)
        self.refused(EXISTS, "import", "one.csv", "two.csv", "--label", "normal", "-o", "copies",
                     says=["same rows", "counts once"])
        self.refused(EXISTS, "train", "data", "-o", source, says=["recording"])
        self.refused(EXISTS, "export", "data", "--npz", f"data/../{source}", says=["recording"])
        self.assertEqual(self.read(source), before)
        self.train("--features", "vibration")
        self.refused(USAGE, "rebase", "model.tflite", source, "-o", "", says=["empty"])

    def test_files_of_one_window_are_judged_by_what_was_learned_without_them(self):
        self.simulate("normal=5")
        lines = (self.folder / f"data/normal/{SIMULATED}.csv").read_text().splitlines()
        (self.folder / "seconds").mkdir()
        for i in range(300):
            part = [lines[0], *lines[1 + 200 * i:1 + 200 * (i + 1)]]
            (self.folder / f"seconds/{i:03}.csv").write_text("\n".join(part) + "\n")
        self.ok("import", "seconds", "--label", "normal", "-o", "set")
        report = self.json("train", "set", "-o", "model.tflite")
        self.assertGreater(report["threshold"]["value"], 0.1)

    def test_a_dead_gyroscope_is_named_as_why_nothing_can_be_learned(self):
        self.simulate("normal=3")
        lines = (self.folder / f"data/normal/{SIMULATED}.csv").read_text().splitlines()
        dead = [lines[0], *(",".join(line.split(",")[:4] + ["0", "0", "0"]) for line in lines[1:])]
        (self.folder / "dead.csv").write_text("\n".join(dead) + "\n")
        self.ok("import", "dead.csv", "--label", "normal", "-o", "dead")
        self.refused(TOO_LITTLE, "train", "dead", "-o", "model.tflite", says=["stuck sensor"])

    def test_without_a_fault_evaluate_tells_whether_it_stays_quiet(self):
        self.simulated_and_trained()
        self.simulate("normal=2", "later", "--seed", "2")
        report = self.json("evaluate", "model.tflite", "later")
        self.assertEqual(report["windows"], {"normal": 187})
        self.assert_number(report["alarms_per_hour"], "alarms_per_hour")
        self.assert_number(at(report, "alarms_per_hour_interval.high"), "interval")
        for key in ("auc", "recall", "int8", "without_mean"):
            self.assertNotIn(key, report)
        text = self.ok("evaluate", "model.tflite", "later").stdout
        self.assertIn("an hour (95 %)", text)
        self.assertIn("whether faults would be found is not known", " ".join(text.split()))
        self.assertLessEqual(max(map(len, text.splitlines())), 80)

    def test_where_a_sensor_sat_in_one_recording_is_no_news_of_the_next(self):
        self.simulate("normal=10,imbalance=1,loose=1")
        self.train("--features", "vibration", "--detector", "mahalanobis", "--false-alarms", "1/day")
        # The same sensor, turned by a quarter, in what is judged before the normal recording.
        lines = (self.folder / f"data/imbalance/{SIMULATED}.csv").read_text().splitlines()
        turned = [lines[0]]
        for line in lines[1:]:
            t, ax, ay, az, gx, gy, gz = line.split(",")
            turned.append(",".join((t, ax, az, ay, gx, gz, gy)))
        (self.folder / "turned.csv").write_text("\n".join(turned) + "\n")
        self.ok("import", "turned.csv", "--label", "another", "-o", "data")
        report = self.json("evaluate", "model.tflite", "data")
        self.assertEqual(report["sensor_moved_windows"], 0)

    def test_each_way_to_gather_evidence_alarms_and_says_what_it_is(self):
        self.simulate("normal=10,imbalance=2", "data", "--severity", "imbalance=1")
        for kind, said in (("cusum", "gathers, alarm at"), ("ewma", "ewma: the mean"),
                           ("glr", "glr of 16 windows"), ("k-of-n", "3 of 5 windows exceed")):
            with self.subTest(kind=kind):
                result = self.ok("train", "data", "-o", "model.tflite", "--decision", kind)
                refined = kind == "cusum"
                self.assertEqual("burn-in" in result.stderr, refined)
                self.assertEqual(f"decision   by {kind}" in result.stdout, not refined)
                self.assertLessEqual(max(map(len, result.stdout.splitlines())), 80)
                text = self.ok("info", "model.tflite").stdout
                self.assertIn(said, text)
                self.assertLessEqual(max(map(len, text.splitlines())), 80)
                self.assertEqual(self.json("info", "model.tflite")["decision"]["kind"], kind)
                report = self.json("evaluate", "model.tflite", "data")
                self.assertEqual(report["alarms"], 0)
                self.assertEqual(report["alarmed"]["imbalance"], 1)

    def test_evidence_is_of_windows_that_follow_each_other(self):
        self.simulate("normal=10", "data")
        self.ok("train", "data", "-o", "model.tflite")
        source = f"data/normal/{SIMULATED}.csv"
        self.refused(USAGE, "score", "model.tflite", source, "--hop", "64",
                     says=("evidence", "--percentile"))
        self.ok("score", "model.tflite", source, "--hop", "128")
        self.ok("train", "data", "-o", "model.tflite", "--percentile", "99")
        self.ok("score", "model.tflite", source, "--hop", "64")

    def test_score_csv_and_json_lines_agree(self):
        self.simulated_and_trained()
        source = f"data/bearing/{SIMULATED}.csv"
        rows = self.scores(self.ok("score", "model.tflite", source).stdout)
        self.assertEqual([row[0] for row in rows], [i * 640000 for i in range(93)])
        for _, score, threshold, verdict in rows:
            self.assertEqual(verdict, "anomaly" if score > threshold else "normal")
        self.assertEqual({row[3] for row in rows}, {"normal", "anomaly"}, "a test needs both")
        lines = self.ok("score", "model.tflite", source, "--json").stdout.splitlines()
        self.assertEqual(len(lines), len(rows))
        for line, (t_us, score, threshold, verdict) in zip(lines, rows):
            found = strict_json(line)
            # An alarm, that is the first anomaly of a run, says why.
            self.assertEqual("phrase" in found, found.pop("alarm", False))
            if "phrase" in found:
                self.assertEqual(verdict, "anomaly")
                self.assertLessEqual(len(found.pop("phrase")), 96)
            self.assertEqual(found, {
                "t_us": t_us, "score": float32(score), "threshold": float32(threshold),
                "verdict": verdict})

    def check_explained(self, moment, axes):
        self.assertLessEqual(len(moment["phrase"]), 96)
        self.assertAlmostEqual(sum(f["share"] for f in moment["features"]), 1, places=5)
        self.assertAlmostEqual(sum(a["share"] for a in moment["axes"]), 1, places=5)
        self.assertEqual([a["name"] for a in moment["axes"]],
                         ["ax", "ay", "az", "gx", "gy", "gz"][:axes])

    def test_explain_names_the_fault_of_a_vibration_model(self):
        self.simulate("normal=10,imbalance=2,loose=2")
        self.train("--features", "vibration", "--detector", "mahalanobis",
                   "--false-alarms", "1/day")
        expected = {"imbalance": "imbalance", "loose": "looseness"}
        report = self.json("explain", "model.tflite", "data")
        self.assertEqual({r["recording"].split("/")[0] for r in report["recordings"]},
                         {"normal", *expected})
        for fault, family in expected.items():
            source = f"data/{fault}/{SIMULATED}.csv"
            found = self.json("explain", "model.tflite", source)
            self.assertGreaterEqual(len(found["alarms"]), 1, fault)
            alarm = found["alarms"][0]
            self.check_explained(alarm, 6)
            self.assertEqual(alarm["families"][0]["family"], family)
            of_data = next(r for r in report["recordings"] if r["recording"].startswith(fault))
            for one in (*of_data["alarms"], *found["alarms"]):  # by its id, and by its path
                self.assertIn(f"{fault}/", one.pop("recording"))
            self.assertEqual(of_data["alarms"], found["alarms"])
            for feature in alarm["features"]:
                if "times" in feature:
                    self.assertAlmostEqual(feature["times"], feature["now"] / feature["before"],
                                           delta=1e-3 * feature["times"])
            lines = self.ok("score", "model.tflite", source, "--json").stdout.splitlines()
            said = [line for line in map(strict_json, lines) if "alarm" in line]
            self.assertEqual([line["phrase"] for line in said],
                             [a["phrase"] for a in found["alarms"]])
            text = self.ok("explain", "model.tflite", source).stdout
            self.assertIn(alarm["phrase"].split(":")[0], " ".join(text.split()))
            self.assertLessEqual(max(map(len, text.splitlines())), 80)
        first = next(a for a in report["recordings"] if a["recording"].startswith("imbalance"))
        line = next(f for f in first["alarms"][0]["features"] if f["name"] == "accel_1x")
        # By NumPy over both recordings it is 1.508; a window scatters by 0.07, and the alarm has seen five.
        self.assertAlmostEqual(line["times"], 1.508, delta=0.1)
        self.assertIn("1x running speed", first["alarms"][0]["phrase"])
        self.assertIn("grew", first["alarms"][0]["phrase"])
        # Without an alarm: where most spoke for one, and no alarm is claimed.
        text = self.ok("explain", "model.tflite", f"data/normal/{SIMULATED}.csv").stdout
        self.assertIn("0 alarms", text)
        self.assertNotIn("ALARM", text)

    def test_explain_takes_short_files_of_a_folder_as_one_session(self):
        self.simulate("normal=4,imbalance=1", "data", "--severity", "imbalance=1")
        self.train("--features", "vibration")
        lines = (self.folder / f"data/imbalance/{SIMULATED}.csv").read_text().splitlines()
        rows = [line.split(",", 1)[1] for line in lines[1:]]
        for i in range(30):  # two windows each, without times
            self.write(f"short/{i:02}.csv", "\n".join(rows[256 * i:256 * (i + 1)]) + "\n")
        self.ok("import", "short", "--label", "imbalance", "--rate", "200", "--columns", "ax,ay,az,gx,gy,gz", "-o", "cut")
        session, = self.json("explain", "model.tflite", "cut")["recordings"]
        self.assertEqual((session["recording"], session["recordings"], session["windows"]), ("imbalance/short_00", 30, 60))
        alarm, = session["alarms"]
        self.assertGreater(alarm["recording"], "imbalance/short_00")  # it took more windows than a file has
        self.assertLess(alarm["t_us"], 1280000)
        text = " ".join(self.ok("explain", "model.tflite", "cut").stdout.split())
        self.assertIn("imbalance/short_00 and 29 more", text)
        self.assertIn(f"ALARM at 00:00:{alarm['t_us'] / 1e6:06.3f} of {alarm['recording']}:", text)

    def test_explain_of_tutorial_features_knows_axes_and_no_families(self):
        self.simulated_and_trained()
        found = self.json("explain", "model.tflite", f"data/imbalance/{SIMULATED}.csv")
        self.assertGreaterEqual(len(found["alarms"]), 1)
        for alarm in found["alarms"]:
            self.check_explained(alarm, 6)
            self.assertNotIn("families", alarm)
            self.assertNotIn("perhaps", alarm["phrase"])
        text = self.ok("explain", "model.tflite", f"data/imbalance/{SIMULATED}.csv").stdout
        self.assertIn("ALARM", text)
        self.assertLessEqual(max(map(len, text.splitlines())), 80)

    def test_score_from_standard_input_equals_the_file(self):
        source = self.simulated_and_trained()
        from_file = self.ok("score", "model.tflite", source).stdout
        from_stdin = self.ok("score", "model.tflite", "-", stdin=self.read(source).decode()).stdout
        self.assertEqual(from_stdin, from_file)

    def test_score_judges_rows_as_they_come(self):
        source = self.simulated_and_trained()
        lines = self.read(source).splitlines(keepends=True)
        with subprocess.Popen([FETTLE, "score", "model.tflite", "-"], cwd=self.folder,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            process.stdin.write(b"".join(lines[:200]))  # one window, and the next is not full
            process.stdin.flush()
            output, deadline = b"", time.monotonic() + 10
            while output.count(b"\n") < 2 and time.monotonic() < deadline:
                if select.select([process.stdout], [], [], 0.1)[0]:
                    output += os.read(process.stdout.fileno(), 65536)
            process.stdin.close()
            output_at_end = process.stdout.read()
            self.assertEqual(process.wait(timeout=10), 0)
        self.assertEqual(output.count(b"\n"), 2, "header and a window, while the pipe is open")
        self.assertEqual(output_at_end, b"")

    def test_c_array_holds_the_model(self):
        self.simulated_and_trained()
        self.ok("export", "model.tflite", "--c-array", "model_data.h")
        text = self.read("model_data.h").decode()
        array = re.search(r"unsigned char anomaly_detector_int8_tflite\[\] = \{(.*?)\};", text,
                          re.DOTALL)
        content = bytes(int(word, 16) for word in re.findall(r"0x[0-9a-f]{2}", array[1]))
        self.assertEqual(content, self.read("model.tflite"))
        length = re.search(r"const unsigned int anomaly_detector_int8_tflite_len = (\d+)", text)
        self.assertEqual(int(length[1]), len(content))
        self.ok("export", "model.tflite", "--c-array", "pump.h", "--name", "pump_model")
        self.assertRegex(self.read("pump.h").decode(), r"const unsigned char pump_model\[\]")

    def test_c_tables_are_for_tutorial_features_alone(self):
        self.simulated_and_trained()
        self.ok("train", "data", "-o", "tutorial.tflite", "--features", "tutorial")
        self.ok("export", "tutorial.tflite", "--c-tables", "tables.hpp", "--name", "pump")
        text = self.read("tables.hpp").decode()
        self.assertIn("namespace pump {", text)
        weights = re.search(r"std::int8_t weights0\[\] = \{(.*?)\};", text, re.DOTALL)
        self.assertEqual(len(weights[1].split(",")) - 1, 18 * 12)
        self.ok("train", "data", "-o", "vibration.tflite", "--features", "vibration")
        self.refused(3, "export", "vibration.tflite", "--c-tables", "other.hpp", says=("--c-array",))

    def test_npz_info_infer_and_score_tell_one_story(self):
        """Features from --npz, normalised by what info says, through infer, give score's scores."""
        self.simulated_and_trained()
        self.ok("export", "data", "--npz", "windows.npz")
        with zipfile.ZipFile(self.folder / "windows.npz") as archive:
            arrays = {name: read_npy(archive.read(name)) for name in archive.namelist()}
        self.assertEqual(arrays["windows.npy"][:2], ("<f4", (467, 128, 6)))
        self.assertEqual(arrays["features.npy"][:2], ("<f4", (467, 18)))
        self.assertEqual(arrays["t_us.npy"][:2], ("<i8", (467,)))
        info = self.json("info", "model.tflite")
        mean, scale = info["features"]["mean"], info["features"]["scale"]
        network = info["network"]
        z_rows, codes = [], []
        for i in range(93):  # those of bearing, which dataset.json has first
            features = struct.unpack_from("<18f", arrays["features.npy"][2], i * 72)
            z = [(f - m) / s for f, m, s in zip(features, mean, scale)]
            exact = [v / network["input_scale"] for v in z]
            z_rows.append(z)
            codes.append([max(-128, min(127, int(math.copysign(math.floor(abs(v) + 0.5), v))
                                        + network["input_zero_point"])) for v in exact])
        self.write("codes.npy", npy_int8(codes))
        self.ok("infer", "model.tflite", "codes.npy", "-o", "outputs.npy")
        kind, shape, outputs = read_npy(self.read("outputs.npy"))
        self.assertEqual((kind, shape), ("|i1", (93, 18)))
        rows = self.scores(self.ok("score", "model.tflite", f"data/bearing/{SIMULATED}.csv").stdout)
        for i, z in enumerate(z_rows):
            reals = [network["output_scale"] * (code - network["output_zero_point"])
                     for code in struct.unpack_from("18b", outputs, i * 18)]
            score = sum((a - b) ** 2 for a, b in zip(z, reals)) / 18
            self.assertAlmostEqual(score, rows[i][1], delta=1e-4 * max(1, score), msg=f"window {i}")

    def test_a_plain_model_runs_with_infer_and_train_from(self):
        self.simulate("normal=3")
        self.write("plain.tflite", plain_model())
        self.assertIs(self.json("info", "plain.tflite")["detector"], False)
        self.write("codes.npy", npy_int8([[0] * 18, [127] * 18]))
        self.ok("infer", "plain.tflite", "codes.npy", "-o", "outputs.npy")
        self.assertEqual(read_npy(self.read("outputs.npy"))[1], (2, 18))
        self.train("--from", "plain.tflite")
        info = self.json("info", "model.tflite")
        self.assertIs(info["training"]["foreign"], True)
        rows = self.scores(self.ok("score", "model.tflite", f"data/normal/{SIMULATED}.csv").stdout)
        self.assertEqual(len(rows), 281)

    def test_the_same_seed_gives_the_same_bytes(self):
        for data, model in (("one", "one.tflite"), ("two", "two.tflite")):
            self.simulate(SHORT, data, "--seed", "5")
            self.train("--seed", "7", data=data, model=model)
        one = self.folder / "one"
        files = sorted(path.relative_to(one) for path in one.rglob("*"))
        self.assertEqual(len(files), 7, files)  # three folders, three recordings, dataset.json
        for name in files:
            if (one / name).is_file():
                self.assertEqual(self.read(f"one/{name}"), self.read(f"two/{name}"), str(name))
        self.assertEqual(self.read("one.tflite"), self.read("two.tflite"))
        self.train("--seed", "8", data="one", model="other.tflite")
        self.assertNotEqual(self.read("one.tflite"), self.read("other.tflite"))


class TrainingOptions(CommandTest):
    def test_no_mean(self):
        self.simulated_and_trained("--no-mean")
        info = self.json("info", "model.tflite")
        self.assertEqual(info["network"]["inputs"], 12)
        self.assertIs(info["features"]["with_mean"], False)
        self.assertFalse([name for name in info["features"]["names"] if "mean" in name])
        report = self.json("evaluate", "model.tflite", "data")
        self.assertNotIn("without_mean", report)  # it is the model itself

    def test_three_axes(self):
        self.simulate(SHORT, "data", "--axes", "3")
        self.train()
        self.assertEqual(self.json("info", "model.tflite")["network"]["inputs"], 9)
        self.assert_number(self.json("evaluate", "model.tflite", "data")["auc"], "auc")

    def test_weights(self):
        self.simulated_and_trained("--weights", "per-tensor")
        layers = self.json("info", "model.tflite")["network"]["layers"]
        self.assertTrue(all("per tensor" in layer for layer in layers), layers)
        self.train("--weights", "per-channel")
        layers = self.json("info", "model.tflite")["network"]["layers"]
        self.assertTrue(all("per channel" in layer for layer in layers), layers)

    def test_hidden_layers(self):
        self.simulate()
        trained = self.json("train", "data", "-o", "model.tflite", "--features", "tutorial",
                            "--hidden", "10,4")
        self.assertEqual(trained["network"], "18-10-4-18")

    def test_a_threshold_is_stored_as_given(self):
        source = self.simulated_and_trained("--threshold", "0.025")
        threshold = self.json("info", "model.tflite")["threshold"]
        self.assertEqual(threshold["kind"], "fixed")
        self.assertEqual(threshold["value"], float32(0.025))
        self.assertIn(",0.025,", self.ok("score", "model.tflite", source).stdout)
        report = self.json("evaluate", "model.tflite", "data")
        self.assertEqual(report["threshold"], float32(0.025))

    def test_a_percentile_beyond_the_windows_says_so_and_packs_what_is_missing(self):
        self.simulate()
        result = self.train("--percentile", "99.9")
        self.assertIn("99.9", result.stderr)
        self.assertRegex(result.stderr, r"[0-9.]+ more minutes")
        threshold = self.json("info", "model.tflite")["threshold"]
        self.assertEqual(threshold["percentile_asked"], float32(99.9))
        self.assertLess(threshold["percentile_used"], 99.9)
        self.assertGreater(threshold["minutes_missing"], 10)
        self.assertIn("more minutes", self.ok("info", "model.tflite").stdout)

    def test_a_percentile_within_the_windows_misses_nothing(self):
        self.simulate()
        self.assertEqual(self.train("--percentile", "90").stderr, "")
        threshold = self.json("info", "model.tflite")["threshold"]
        self.assertEqual(threshold["percentile_used"], 90)
        self.assertEqual(threshold["minutes_missing"], 0)

    def test_windows_hold_some_turns_at_any_rate_or_the_note_says_what_they_do_not_show(self):
        self.simulate("normal=2")
        self.simulate("normal=1", "fast", "--rate", "1000")
        self.simulate("normal=6", "slow", "--rate", "20")
        for data, more, samples, note in (
                ("data", (), 128, None),
                ("data", ("--features", "tutorial"), 128, None),
                ("data", ("--window", "64"), 64, None),
                ("fast", (), 256, None),
                ("fast", ("--features", "tutorial"), 128, None),
                ("fast", ("--window", "128"), 128, r"from 31 to 95 Hz only.*--window 256"),
                ("slow", ("--window", "64",), 64, "at 20 Hz windows of 64 samples show no running speed")):
            with self.subTest(data=data, more=more):
                result = self.train(*(more if "--features" in more else ("--features", "vibration", *more)), data=data)
                self.assertEqual(self.json("info", "model.tflite")["window"]["samples"], samples)
                words = " ".join(result.stderr.split())
                if note is None:
                    self.assertNotIn("running speed", words)
                else:
                    self.assertRegex(words, note)

    def test_whole_numbers_are_decimal(self):
        self.simulate("normal=2", "data", "--seed", "010")
        self.assertIn("normal/simulated-fan-seed10.csv", "".join(map(str, (self.folder / "data").rglob("*.csv"))))
        report = strict_json(self.train("--epochs", "08", "--seed", "0099", "--json").stdout)
        self.assertEqual((report["training"]["epochs"], report["training"]["seed"]), (8, 99))

    def test_auto_takes_the_detector_that_sees_smaller_changes(self):
        self.simulate("normal=4")
        for features in ("vibration", "tutorial"):
            with self.subTest(features=features):
                report = strict_json(self.train("--features", features, "--detector", "auto", "--json").stdout)
                times = report["stands_out_times"]
                self.assertEqual(report["detector"], min(times, key=times.get))
                # Nothing stands out that is as large as it was, and a change of ten times does.
                for value in times.values():
                    self.assertGreater(value, 1.03)
                    self.assertLess(value, 10)
                self.assertNotIn("stands_out_times", strict_json(self.train("--features", features, "--json").stdout))

    def test_verbose_is_a_line_an_epoch(self):
        self.simulate("normal=3")
        text = self.train("--verbose", "--epochs", "7").stderr
        self.assertEqual(len(re.findall(r"^ +\d+ +[0-9.]+ +[0-9.]+", text, re.MULTILINE)), 7, text)

    def test_another_name_for_normal(self):
        for part in (0, 1, 2):
            self.write(f"src/{part}.csv", recording(12000 + part))
        self.ok("import", "src", "--label", "healthy", "-o", "data")
        self.train("--normal", "healthy")
        self.assertEqual(self.json("info", "model.tflite")["training"]["normal_label"], "healthy")
        self.refused(BAD_INPUT, "train", "data", "-o", "x.tflite",
                     says=["'normal'", "healthy", "--normal"])


class TheDefault(CommandTest):
    """Vibration features, and a decision over windows."""

    def settings(self, *more):
        trained = self.json("train", "data", "-o", "model.tflite", *more)
        return self.json("info", "model.tflite")["features"]["set"], trained["detector"], \
            "decision" in trained, trained["threshold"]["kind"]

    def test_what_follows_from_what(self):
        self.simulate()
        self.write("plain.tflite", plain_model())
        for options, expected in (
                ((), ("vibration", "mahalanobis", True, "percentile")),
                (("--percentile", "99"), ("vibration", "mahalanobis", False, "percentile")),
                (("--threshold", "3"), ("vibration", "mahalanobis", False, "fixed")),
                (("--detector", "autoencoder"), ("vibration", "autoencoder", True, "percentile")),
                (("--no-mean",), ("tutorial", "autoencoder", False, "percentile")),
                (("--from", "plain.tflite"), ("tutorial", "autoencoder", False, "percentile")),
                (("--features", "tutorial"), ("tutorial", "autoencoder", False, "percentile")),
                (("--features", "tutorial", "--percentile", "95"),
                 ("tutorial", "autoencoder", False, "percentile")),
                (("--features", "tutorial", "--threshold", "1"),
                 ("tutorial", "autoencoder", False, "fixed")),
                (("--features", "tutorial", "--false-alarms", "1/day"),
                 ("tutorial", "autoencoder", True, "percentile"))):
            with self.subTest(options=options):
                self.assertEqual(self.settings(*options), expected)

    def test_the_journey(self):
        self.simulate("normal=5,imbalance=2,bearing=2", "data", "--severity", "imbalance=1,bearing=1")
        result = self.ok("train", "data", "-o", "model.tflite")
        self.assertNotIn("WARNING", result.stderr)
        self.assertIn("false alarms 1/week asked", result.stdout)
        self.assertIn("more of it does", result.stderr, "so little running does not support it")
        report = self.json("evaluate", "model.tflite", "data")
        self.assertEqual(report["alarms"], 0)
        for fault in FAULTS:
            self.assertEqual(report["alarmed"][fault], 1)
            self.assertLess(report["delay_median_s"][fault], 30)
            self.assertGreater(report["recall"][fault], 0.8)

    def test_what_cannot_be_judged_is_a_miss(self):
        self.simulate("normal=5,imbalance=1", "data", "--severity", "imbalance=1")
        lines = self.read(f"data/imbalance/{SIMULATED}.csv").decode().splitlines()
        period, rows = 5000, [line.split(",", 1)[1] for line in lines[1:]]
        stuck = [rows[0]] * len(rows)
        self.write("half.csv", "".join(f"{text}\n" for text in (lines[0], *(
            f"{i * period},{row}" for i, row in enumerate(stuck + rows)))))
        self.ok("import", "half.csv", "--label", "half", "-o", "data")
        self.ok("train", "data", "-o", "model.tflite")
        report = self.json("evaluate", "model.tflite", "data")
        self.assertGreater(report["recall"]["imbalance"], 0.8)
        self.assertGreater(report["cannot_judge_by_class"]["half"], 0.45)
        self.assertAlmostEqual(report["recall"]["half"], report["recall"]["imbalance"] / 2, delta=0.06)


class Growing(CommandTest):
    def test_the_severity_at_which_a_growing_fault_is_caught(self):
        self.simulate("normal=5,imbalance=4,bearing=4", "data", "--grow",
                      "--severity", "imbalance=1,bearing=0")
        entries = {entry["label"]: entry
                   for entry in json.loads(self.read("data/dataset.json"))["recordings"]}
        self.assertEqual(entries["imbalance"]["severity"], [[0, 0], [240, 1]])
        self.assertNotIn("severity", entries["normal"])
        self.assertIn("growing from 0 to severity 1", entries["imbalance"]["provenance"])
        self.ok("train", "data", "-o", "model.tflite")
        report = self.json("evaluate", "model.tflite", "data")
        caught = report["severity_at_alarm_median"]["imbalance"]
        self.assertTrue(0 < caught < 1, caught)
        self.assertAlmostEqual(report["delay_median_s"]["imbalance"], 240 * caught, delta=0.01)
        self.assertEqual(report["growing"], {"imbalance": 1}, "0 to 0 does not grow")
        self.assertIn(f"caught at severity {caught:.2g}", self.ok("evaluate", "model.tflite", "data").stdout)

    def test_it_is_at_first_what_it_was_and_at_last_what_it_becomes(self):
        self.simulate("normal=1,imbalance=2", "data", "--grow", "--severity", "imbalance=1")
        self.simulate("imbalance=2", "full", "--severity", "imbalance=1")
        self.simulate("imbalance=2", "none", "--severity", "imbalance=0")

        def rms(data, part):
            lines = self.read(f"{data}/imbalance/{SIMULATED}.csv").decode().splitlines()[1:]
            rows = [[float(x) for x in line.split(",")[1:4]] for line in lines[part]]
            means = [sum(column) / len(rows) for column in zip(*rows)]
            return math.sqrt(sum((x - m) ** 2 for row in rows for x, m in zip(row, means)) / len(rows))
        begin, end = slice(0, 1000), slice(-1000, None)
        self.assertAlmostEqual(rms("data", begin) / rms("none", begin), 1, delta=0.15)
        self.assertAlmostEqual(rms("data", end) / rms("full", end), 1, delta=0.1)
        self.assertGreater(rms("full", end), 2 * rms("none", end))

    def test_an_onset_that_somebody_wrote_into_dataset_json(self):
        self.simulate("normal=5,imbalance=2", "data", "--severity", "imbalance=1")
        index = json.loads(self.read("data/dataset.json"))
        entry = next(e for e in index["recordings"] if e["label"] == "imbalance")
        self.assertEqual(entry["severity"], [[0, 1]])
        # The first minute is said to be healthy, whatever it is.
        entry["severity"] = [[60, 0], [60, 1]]
        self.write("data/dataset.json", json.dumps(index))
        self.ok("train", "data", "-o", "model.tflite")
        report = self.json("evaluate", "model.tflite", "data")
        self.assertEqual(report["windows_before_onset"]["imbalance"], 94)
        self.assertEqual(report["windows"]["imbalance"], 187 - 94)
        self.assertLess(report["delay_median_s"]["imbalance"], 20)
        self.assertEqual(report["severity_at_alarm_median"]["imbalance"], 1)
        # Cutting the recording keeps what is known of it.
        self.ok("label", "data", f"imbalance/{SIMULATED}", "--from", "0:30", "--to", "2:00", "later")
        cut = next(e for e in json.loads(self.read("data/dataset.json"))["recordings"]
                   if e["label"] == "later")
        self.assertEqual(cut["severity"], [[0, 0], [30, 0], [30, 1]])
        for wrong in ([[1]], [[10, 0], [5, 1]], [[0, -1]], "x", [["a", 1]]):
            entry["severity"] = wrong
            self.write("data/dataset.json", json.dumps(index))
            self.refused(BAD_INPUT, "inspect", "data", says=["dataset.json", "severity is"])


class Rebase(CommandTest):
    """A sensor is turned by 120 degrees: x, y and z change places."""

    def setUp(self):
        super().setUp()
        self.simulate("normal=10,imbalance=2", "data", "--severity", "imbalance=1")
        self.ok("label", "data", f"normal/{SIMULATED}", "--from", "7:30", "--to", "10:00", "later")
        self.ok("train", "data", "-o", "model.tflite")
        self.trained = self.read("model.tflite")
        self.turned(f"later/{SIMULATED}", "minute.csv", 0, 70)
        self.turned(f"later/{SIMULATED}", "rest.csv", 70, 150)
        self.turned(f"imbalance/{SIMULATED}", "fault.csv", 0, 120)

    def turned(self, recording_id, name, from_s, to_s):
        rows = self.rows(recording_id)[from_s * 200:to_s * 200]
        self.write(name, table(len(rows), lambda i: ",".join(
            str(rows[i][k]).removesuffix(".0") for k in (0, 2, 3, 1, 5, 6, 4)), HEADER_6))

    def verdicts(self, name):
        return {row[3] for row in self.scores(self.ok("score", "model.tflite", name).stdout)[3:]}

    def test_a_minute_makes_it_fit_and_undo_gives_every_byte_back(self):
        self.assertEqual(self.verdicts("rest.csv"), {"sensor moved"})
        result = self.ok("rebase", "model.tflite", "minute.csv")
        self.assertIn("109 windows (70 s)", result.stdout)
        self.assertIn("turned by", result.stdout)
        for line in result.stdout.splitlines():
            self.assertLessEqual(len(line), 80, line)
        self.assertEqual(self.verdicts("rest.csv"), {"normal"})
        self.assertIn("alarm", self.verdicts("fault.csv"))
        self.assertIn("rebased     on 109 windows", self.ok("info", "model.tflite").stdout)
        rebased = self.json("info", "model.tflite")["rebased"]
        self.assertEqual((rebased["windows"], rebased["forced"], rebased["bytes_before"]),
                         (109, False, len(self.trained)))
        first = self.read("model.tflite")
        self.assertTrue(self.json("rebase", "model.tflite", "rest.csv")["replaced"])
        self.assertNotEqual(self.read("model.tflite"), first)
        self.ok("rebase", "model.tflite", "minute.csv")
        self.assertEqual(self.read("model.tflite"), first, "always from how it was trained")
        self.ok("rebase", "--undo", "model.tflite")
        self.assertEqual(self.read("model.tflite"), self.trained)
        self.refused(BAD_INPUT, "rebase", "--undo", "model.tflite", says=["not rebased"])

    def test_another_file_leaves_the_old_one_alone(self):
        self.ok("rebase", "model.tflite", "minute.csv", "-o", "other.tflite")
        self.assertEqual(self.read("model.tflite"), self.trained)
        self.ok("rebase", "--undo", "other.tflite", "-o", "back.tflite")
        self.assertEqual(self.read("back.tflite"), self.trained)
        rebased = self.read("other.tflite")
        for offset in range(0, len(rebased), 97):
            damaged = bytearray(rebased)
            damaged[offset] ^= 4
            self.write("damaged.tflite", bytes(damaged))
            self.assertEqual(self.run_fettle("rebase", "--undo", "damaged.tflite").returncode, BAD_INPUT)
        # The rest of the commands take it for what it is: a model.
        self.ok("export", "other.tflite", "--c-array", "model_data.h")
        report = strict_json(self.ok("evaluate", "other.tflite", "data", "--json").stdout)
        self.assert_number(report["auc"], "auc")

    def test_what_is_refused(self):
        self.turned(f"later/{SIMULATED}", "short.csv", 0, 20)
        self.write("narrow.csv", recording(14000))
        for status, arguments, says in (
                (TOO_LITTLE, ("short.csv",), ("20 s of normal", "41 s are missing")),
                (BAD_INPUT, ("fault.csv",), ("fault or another machine", "--force", "train anew")),
                (TOO_LITTLE, ("data",), ("1 recordings are those", "from before the remount")),
                (BAD_INPUT, ("data", "--normal", "good"), ("'good'", "--normal")),
                (BAD_INPUT, ("narrow.csv",), ("3 axes", "6")),
                (IO, ("no.csv",), ("no.csv",))):
            with self.subTest(arguments=arguments):
                self.refused(status, "rebase", "model.tflite", *arguments, says=says)
        self.ok("rebase", "model.tflite", "fault.csv", "--force")
        self.assertIs(self.json("info", "model.tflite")["rebased"]["forced"], True)
        self.assertIn("with --force", self.ok("info", "model.tflite").stdout)

    def test_a_network_of_another_tool(self):
        self.write("plain.tflite", plain_model())
        self.train("--from", "plain.tflite")
        trained = self.read("model.tflite")
        self.ok("rebase", "model.tflite", "data", "--normal", "later")
        self.assertEqual(self.json("info", "model.tflite")["rebased"]["normal_label"], "later")
        self.ok("rebase", "--undo", "model.tflite")
        self.assertEqual(self.read("model.tflite"), trained)
        self.train("--from", "plain.tflite", "--norm", "none")
        self.refused(BAD_INPUT, "rebase", "model.tflite", "minute.csv", says=["--norm none"])

    def test_the_tutorials_way(self):
        self.train()
        rows = self.scores(self.ok("score", "model.tflite", "rest.csv").stdout)
        self.assertEqual({row[3] for row in rows}, {"anomaly"})
        self.ok("rebase", "model.tflite", "minute.csv")
        rows = self.scores(self.ok("score", "model.tflite", "rest.csv").stdout)
        self.assertLessEqual(sum(row[3] == "anomaly" for row in rows), len(rows) // 50)


class WhatIsCalledNormal(CommandTest):
    def warned(self, *more):
        return self.ok("train", "data", "-o", "model.tflite", *more).stderr

    def test_half_a_fault_in_it_is_said(self):
        self.simulate("normal=4,imbalance=4", "data", "--severity", "imbalance=1")
        self.ok("label", "data", f"imbalance/{SIMULATED}", "--from", "0", "--to", "5:00", "normal")
        for features in ("vibration", "tutorial"):
            with self.subTest(features=features):
                said = self.warned("--features", features)
                self.assertIn("falls into two groups", said)
                self.assertIn("'fettle label'", " ".join(said.split()))
                for line in said.splitlines():
                    self.assertLessEqual(len(line), 80, line)
        change = self.json("train", "data", "-o", "model.tflite")["change"]
        self.assertEqual(change["recording"], f"normal/{SIMULATED}-2")
        self.assertAlmostEqual(change["at_s"], 0, delta=20)

    def test_a_loose_mount_is_no_set_point(self):
        """It shakes at half the running speed, which looks like another speed."""
        self.simulate("normal=5,loose=5", "data", "--severity", "loose=1")
        self.ok("label", "data", f"loose/{SIMULATED}", "--from", "0", "--to", "6:00", "normal")
        said = " ".join(self.warned().split())
        self.assertIn("falls into two groups", said)
        self.assertIn("as a loose mount does", said)

    def test_a_fault_that_begins_on_the_way(self):
        self.simulate("normal=1,imbalance=6", "data", "--grow", "--severity", "imbalance=1")
        self.ok("label", "data", f"imbalance/{SIMULATED}", "--from", "0", "--to", "7:00", "slow")
        self.assertIn("falls into two groups", self.warned("--normal", "slow"))

    def test_a_healthy_machine_is_not_suspected(self):
        for seed in ("1", "2", "3"):
            self.simulate("normal=6", f"data{seed}", "--seed", seed)
            for features in ("vibration", "tutorial"):
                said = self.train("--features", features, data=f"data{seed}").stderr
                self.assertNotIn("WARNING", said)

    def test_a_machine_that_is_off_all_the_time(self):
        noise = random.Random(1)
        rows = [",".join(f"{(k == 2) + round(noise.gauss(0, 50)) / (16384 if k < 3 else 1310):.6g}"
                         for k in range(6)) for i in range(40000)]
        self.write("off.csv", table(len(rows), lambda i: f"{i * 5000},{rows[i]}", HEADER_6))
        self.ok("import", "off.csv", "--label", "normal", "-o", "data")
        for features in ("vibration", "tutorial"):
            said = self.warned("--features", features)
            self.assertIn("Was the machine off?", said)
            self.assertIn("record it while it", said)

    def test_one_minute_is_too_little(self):
        self.simulate("normal=1")
        for features in ("vibration", "tutorial"):
            self.refused(TOO_LITTLE, "train", "data", "-o", "x.tflite", "--features", features,
                         says=["Record at least", "better ten"])

    def test_three_axes_for_a_model_of_six(self):
        self.simulate("normal=4,imbalance=1")
        self.ok("train", "data", "-o", "model.tflite")
        self.simulate("normal=4,imbalance=1", "narrow", "--axes", "3")
        for arguments in (("evaluate", "model.tflite", "narrow"),
                          ("score", "model.tflite", f"narrow/normal/{SIMULATED}.csv"),
                          ("rebase", "model.tflite", "narrow")):
            self.refused(BAD_INPUT, *arguments, says=["3 axes", "6", "gyroscope"])


class SteadyMotor(CommandTest):
    """A machine that hardly varies while it is recorded."""

    def record(self, label, *more, **how):
        name = f"{label}{len(list(self.folder.glob('*.csv')))}.csv"
        self.write(name, steady_motor(*more, **how))
        self.ok("import", name, "--label", label, "-o", "data")

    def evaluated(self):
        self.ok("train", "data", "-o", "model.tflite")
        report = self.json("evaluate", "model.tflite", "data")
        self.assertEqual(report["alarms"], 0)
        return report

    def test_a_tripled_vibration_is_beyond_its_int8_range(self):
        self.record("normal", 3, 1)
        self.record("stronger", 1, 2, level=0.3)
        report = self.evaluated()
        self.assertEqual(report["alarmed"], {"stronger": 1})
        self.assertLess(report["delay_median_s"]["stronger"], 10)

    def test_sessions_that_differ_a_little_hide_no_fault(self):
        for seed, level in enumerate((0.1, 0.09, 0.12)):
            self.record("normal", 2, seed, level=level)
        for seed, times in ((7, 2), (8, 10)):
            self.record(f"x{times}", 1, seed, first=times)
        report = self.evaluated()
        self.assertEqual(report["alarmed"], {"x2": 1, "x10": 1})
        self.assertLess(max(report["delay_median_s"].values()), 15)

    def test_pauses_between_windows_are_no_lost_samples(self):
        rows = [line.split(",", 1)[1] for line in steady_motor(2, 1).splitlines()[1:]]
        self.write("tutorial.csv", "\n".join(rows) + "\n")  # six columns: every 128 rows a window
        self.ok("import", "tutorial.csv", "--label", "normal", "-o", "data")
        self.ok("train", "data", "-o", "model.tflite")
        name = next((self.folder / "data/normal").glob("*.csv")).relative_to(self.folder)
        verdicts = {row[3] for row in csv.reader(io.StringIO(self.ok("score", "model.tflite", name).stdout))}
        self.assertEqual(verdicts, {"verdict", "normal"})

    def test_one_second_files_with_time_stamps_are_one_session(self):
        self.record("normal", 2, 1)
        lines = steady_motor(0.5, 2, first=4).splitlines()
        for i in range(30):
            rows = lines[1 + 200 * i:201 + 200 * i]
            times = [f"{5000 * n}," + row.split(",", 1)[1] for n, row in enumerate(rows)]
            self.write(f"fault/{i:02}.csv", "\n".join([HEADER_6, *times]) + "\n")
        self.ok("import", "fault", "--label", "fault", "-o", "data")
        report = self.evaluated()
        self.assertEqual((report["onsets"], report["alarmed"]), ({"fault": 1}, {"fault": 1}))
        self.assertEqual([r["recordings"] for r in self.json("explain", "model.tflite", "data")["recordings"]
                          if r["recording"].startswith("fault/")], [30])

    def test_nothing_is_said_of_false_alarms_where_no_window_can_be_judged(self):
        self.record("normal", 2, 1)
        self.ok("train", "data", "-o", "model.tflite")
        self.write("off.csv", steady_motor(1, 3, level=0.0001))
        self.ok("import", "off.csv", "--label", "normal", "-o", "off")
        self.refused(TOO_LITTLE, "evaluate", "model.tflite", "off", says=["normal", "off", "can be judged"])


class WrongCommandLine(CommandTest):
    def test_usage_errors(self):
        self.simulate("normal=3")
        train = ("train", "data", "-o", "model.tflite")
        for arguments, pieces in (
                ((), ()),
                (("frobnicate",), ()),
                (("train",), ()),
                ((*train, "--frobnicate"), ("--frobnicate",)),
                ((*train, "--threshold", "nan"), ('--threshold: expected a number above 0, found "nan"',)),
                ((*train, "--threshold", "inf"), ('--threshold: expected a number above 0, found "inf"',)),
                ((*train, "--threshold", "-1"), ('--threshold: expected a number above 0, found "-1"',)),
                ((*train, "--percentile", "200"), ('--percentile: expected a number from 50 to 99.9999, found "200"',)),
                ((*train, "--percentile", "nan"), ('--percentile: expected a number from 50 to 99.9999, found "nan"',)),
                ((*train, "--learning-rate", "nan"), ('--learning-rate: expected a number from 1e-07 to 1, found "nan"',)),
                ((*train, "--learning-rate", "1e-3x"), ('--learning-rate', 'found "1e-3x"')),
                ((*train, "--seed", "-1"), ("--seed: expected a whole number from 0 to 18446744073709551615",)),
                ((*train, "--from", ""), ("--from: expected a file",)),
                ((*train, "--threshold", "1e39"), ('--threshold: expected a number above 0, found "1e39"',)),
                ((*train, "--batch", "1.5"), ('--batch: expected a whole number from 1 to 65536, found "1.5"',)),
                ((*train, "--percentile", "99", "--threshold", "1"), ("--percentile",)),
                ((*train, "--hidden", "0"), ('--hidden: expected a whole number from 1 to 128, found "0"',)),
                ((*train, "--hidden", "12,x"), ("--hidden", "x")),
                ((*train, "--epochs", "0"), ('--epochs: expected a whole number from 1 to 100000, found "0"',)),
                ((*train, "--features", "spectrum"), ('--features: expected vibration or tutorial, found "spectrum"',)),
                ((*train, "--false-alarms", "1/century"), ("1/century", "1/year")),
                ((*train, "--false-alarms", "0/day"), ("0/day", "no detector never errs")),
                ((*train, "--false-alarms", "1000/second"), ("1000/second", "60/hour")),
                ((*train, "--false-alarms", "seldom"), ("no slash", "1/week")),
                ((*train, "--decision", "sometimes"), ("sometimes", "cusum", "k-of-n")),
                ((*train, "--decision", "ewma", "--threshold", "3"), ("--decision", "--false-alarms")),
                ((*train, "--false-alarms", "1/day", "--percentile", "99"), ("--percentile",)),
                (("rebase", "model.tflite"), ("--undo",)),
                (("rebase", "--undo", "model.tflite", "data"), ("no data",)),
                ((*train, "--detector", "forest"), ('--detector: expected mahalanobis or autoencoder or auto, found "forest"',)),
                ((*train, "--weights", "binary"), ('--weights: expected per-channel or per-tensor, found "binary"',)),
                (("import", "data", "-o", "other", "--label", "dataset.json"), ("--label", "index")),
                (("board", "--seed", "-1"), ("--seed: expected a whole number from 0 to 4294967295",)),
                (("simulate", "-o", "new", "--machine", "rocket"), ("rocket", "fan")),
                (("simulate", "-o", "new", "--minutes", "sad=1"), ("sad", "normal")),
                (("simulate", "-o", "new", "--minutes", "normal=x"), ("normal", "x")),
                (("export", "data"), ("--npz", "--c-array")),
                (("label", "data", SIMULATED, "--from", "soon", "--to", "9", "odd"),
                 ("soon", "HH:MM:SS"))):
            with self.subTest(arguments=arguments):
                self.refused(USAGE, *arguments, says=pieces)

    def test_import_without_a_label_says_how_to_give_one(self):
        self.write("pump.csv", recording(200))
        self.refused(USAGE, "import", "pump.csv", "-o", "data", says=["--label"])

    def test_help_fits_80_columns(self):
        for command in ((), *((command,) for command in COMMANDS)):
            with self.subTest(command=command):
                text = self.ok(*command, "--help").stdout
                self.assertIn("fettle", text)
                for line in text.splitlines():
                    self.assertLessEqual(len(line), 80, line)

    def test_the_program_names_its_commands_and_its_version(self):
        text = self.ok("--help").stdout
        for command in COMMANDS:
            self.assertRegex(text, rf"(?m)^  {command} ")
        self.assertRegex(self.ok("--version").stdout, r"\d+\.\d+\.\d+")


class Flash(CommandTest):
    """With a program in esptool's place that notes what it is asked to write."""

    def image(self, chip=9, bootloader=0):
        content = bytearray(b"\xff" * 0x11000)
        for at in (bootloader, 0x10000):
            content[at:at + 24] = struct.pack("<BB10xH9xB", 0xE9, 2, chip, 1)
            segments = (b"what the chip runs" * 3, b"and its constants!!!")
            end, checksum = at + 24, 0xEF
            for segment in segments:
                whole = struct.pack("<II", 0x40000000, len(segment)) + segment
                content[end:end + len(whole)] = whole
                end += len(whole)
                for byte in segment:
                    checksum ^= byte
            content[end // 16 * 16 + 15] = checksum
        content[0x8000:0x8002] = b"\xaa\x50"
        content[0x9000:0x9004] = b"keep"
        return content

    def test_a_damaged_program_never_reaches_the_board(self):
        whole = self.image()
        flipped, long, many = bytearray(whole), bytearray(whole), bytearray(whole)
        flipped[0x10000 + 40] ^= 1
        long[0x10000 + 28:0x10000 + 32] = struct.pack("<I", 0xFFFFFFF0)
        many[1] = 17
        cut = whole[:0x10000 + 140]  # segments end at 114, their checksum at 127, the hash at 160
        for name, content, says in (("flipped", flipped, "the program at byte 0x10000 is damaged: its checksum is"),
                                    ("long", long, "cut off"), ("cut", cut, "160 bytes at least, found 140"),
                                    ("many", many, "the bootloader at byte 0x0 is damaged: its header promises 17")):
            with self.subTest(image=name):
                self.write(f"{name}.bin", bytes(content))
                result = self.with_esptool(f"{name}.bin", "--port", "p")
                self.assertEqual(result.returncode, BAD_INPUT, result.stderr)
                self.assertIn(says, result.stderr)
                self.assertIn("Get the file again", result.stderr)
                self.assertFalse((self.folder / "asked").exists())

    def with_esptool(self, *arguments, status=0, name="esptool"):
        tools = self.folder / "tools"
        tools.mkdir(exist_ok=True)
        for old in tools.iterdir():
            old.unlink()
        if name:
            (tools / name).write_text(
                "#!/bin/sh\n" + f'echo "$@" > {self.folder}/asked\n' +
                f'for one in "$@"; do case $one in *.bin) cat "$one" >> {self.folder}/written ;; esac; done\n' +
                f"exit {status}\n")
            (tools / name).chmod(0o755)
        return subprocess.run([FETTLE, "flash", *arguments], cwd=self.folder, capture_output=True, text=True,
                              timeout=60, env={**os.environ, "PATH": f"{tools}:/usr/bin:/bin"})

    def test_the_parts_are_written_and_the_settings_between_them_are_not(self):
        for chip, name, bootloader in ((9, "esp32s3", 0), (0, "esp32", 0x1000)):
            with self.subTest(chip=name):
                (self.folder / "written").unlink(missing_ok=True)
                content = self.image(chip, bootloader)
                self.write("image.bin", bytes(content))
                result = self.with_esptool("image.bin", "--port", "/dev/ttyX")
                self.assertEqual(result.returncode, 0, result.stderr)
                asked = self.read("asked").decode().split()
                self.assertEqual(asked[:7], ["--chip", name, "--port", "/dev/ttyX", "--baud", "460800",
                                             "write_flash"])
                self.assertEqual(asked[7::2], [hex(bootloader), "0x8000", "0x10000"])
                self.assertEqual(self.read("written"),
                                 bytes(content[bootloader:0x9000] + content[0x10000:]))
                self.assertFalse(pathlib.Path(asked[8]).exists(), "temporary files are gone")
                self.assertIn(f"is on the {name}", result.stdout)

    def test_the_older_name_of_esptool_serves_too(self):
        self.write("image.bin", bytes(self.image()))
        self.assertEqual(self.with_esptool("image.bin", "--port", "p", name="esptool.py").returncode, 0)

    def test_without_esptool_it_says_how_to_get_it(self):
        self.write("image.bin", bytes(self.image()))
        result = self.with_esptool("image.bin", "--port", "p", name="")
        self.assertEqual(result.returncode, IO)
        self.assertIn("pip install esptool", result.stderr)

    def test_a_failure_of_esptool_is_ours(self):
        self.write("image.bin", bytes(self.image()))
        result = self.with_esptool("image.bin", "--port", "p", status=2)
        self.assertEqual(result.returncode, IO)
        self.assertIn("status 2", result.stderr)

    def test_what_is_no_image_never_reaches_the_board(self):
        whole = self.image()
        no_table, no_program, other = bytearray(whole), bytearray(whole), self.image(chip=5)
        no_table[0x8000] = 0
        no_program[0x10000] = 0
        for name, content, says in (("short", whole[:5000], "5000 bytes"), ("empty", b"", "0 bytes"),
                                    ("table", no_table, "no partition table at byte 0x8000"),
                                    ("program", no_program, "no program for esp32s3"),
                                    ("other", other, "no bootloader"),
                                    ("zeros", bytes(0x11000), "no bootloader")):
            with self.subTest(image=name):
                self.write(f"{name}.bin", bytes(content))
                result = self.with_esptool(f"{name}.bin", "--port", "p")
                self.assertEqual(result.returncode, BAD_INPUT, result.stderr)
                self.assertIn(says, result.stderr)
                self.assertFalse((self.folder / "asked").exists())


class BadInput(CommandTest):
    def test_a_torn_row_names_file_and_line(self):
        lines = recording(300).splitlines(keepends=True)
        lines[150] = "745000,0.1,0.2\n"  # the 151st line
        self.write("pump/torn.csv", "".join(lines))
        self.write("pump/whole.csv", recording(300))
        arguments = ("import", "pump", "--label", "normal", "-o", "data")
        self.refused(BAD_INPUT, *arguments,
                     says=["pump/torn.csv:151", "745000,0.1,0.2", "--skip-bad-rows"])
        summary = self.json(*arguments, "--skip-bad-rows")
        self.assertEqual((summary["bad_rows"], summary["rows"]), (1, 599))

    def test_values_that_are_no_measurements(self):
        for name, value in (("nan", "nan"), ("inf", "inf"), ("word", "oops"), ("empty", ""),
                            ("huge", "1e60"), ("nul", "1\0")):
            with self.subTest(value=name):
                lines = recording(300).splitlines(keepends=True)
                lines[99] = f"490000,0.1,0.2,{value}\n"
                file = self.write(f"{name}.csv", "".join(lines))
                self.refused(BAD_INPUT, "import", file, "--label", "normal", "-o", "data",
                             says=[f"{file}:100"])

    def test_files_that_are_no_tables(self):
        for name, content, status in (("empty", b"", TOO_LITTLE),
                                      ("header", HEADER_3.encode() + b"\n", TOO_LITTLE),
                                      ("binary", bytes(range(256)) * 40, BAD_INPUT),
                                      ("nul", bytes(5000), BAD_INPUT),
                                      ("long", b"1" * 10_000_000, BAD_INPUT)):
            with self.subTest(content=name):
                file = self.write(f"{name}.csv", content)
                result = self.refused(status, "import", file, "--label", "normal", "-o", "data",
                                      says=[file])
                self.assertLess(len(result.stderr), 1000, "an excerpt, not the file")
                self.assertNotRegex(result.stderr, r"[\x00-\x09\x0b-\x1f]", "safe on a terminal")

    def test_a_recording_that_was_torn_after_import(self):
        source = self.simulated_and_trained()
        lines = self.read(source).splitlines(keepends=True)
        lines[1000] = b"5000,1,2\n"
        self.write(source, b"".join(lines))
        for arguments in (("score", "model.tflite", source), ("train", "data", "-o", "x.tflite"),
                          ("train", "data", "-o", "model.tflite"),
                          ("evaluate", "model.tflite", "data"),
                          ("export", "data", "--npz", "x.npz")):
            with self.subTest(arguments=arguments):
                self.refused(BAD_INPUT, *arguments, says=[f"{source}:1001"])

    def test_no_flipped_byte_passes(self):
        self.simulated_and_trained()
        model = self.read("model.tflite")
        for offset in (*range(0, len(model), 61), len(model) - 1):
            damaged = bytearray(model)
            damaged[offset] ^= 0x10
            self.write("damaged.tflite", bytes(damaged))
            result = self.run_fettle("info", "damaged.tflite")
            self.assertEqual(result.returncode, BAD_INPUT, f"byte {offset}: {result.stderr}")
            self.assertIn("damaged.tflite", result.stderr)

    def test_no_cut_file_passes(self):
        self.simulated_and_trained()
        model = self.read("model.tflite")
        for size in (0, 1, 7, 8, 100, len(model) // 2, len(model) - 16, len(model) - 1):
            self.write("cut.tflite", model[:size])
            result = self.run_fettle("info", "cut.tflite")
            self.assertEqual(result.returncode, BAD_INPUT, f"{size} bytes: {result.stderr}")
            self.assertIn("cut.tflite", result.stderr)

    def test_every_command_refuses_a_damaged_model(self):
        source = self.simulated_and_trained()
        damaged = bytearray(self.read("model.tflite"))
        damaged[len(damaged) // 2] ^= 1
        self.write("damaged.tflite", bytes(damaged))
        self.write("codes.npy", npy_int8([[0] * 18]))
        for arguments in (("info", "damaged.tflite"), ("score", "damaged.tflite", source),
                          ("evaluate", "damaged.tflite", "data"),
                          ("export", "damaged.tflite", "--c-array", "x.h"),
                          ("infer", "damaged.tflite", "codes.npy", "-o", "x.npy"),
                          ("train", "data", "--from", "damaged.tflite", "-o", "x.tflite")):
            with self.subTest(arguments=arguments):
                result = self.refused(BAD_INPUT, *arguments, says=["damaged.tflite"])
                self.assertRegex(result.stderr, r"byte|bytes|checksum")

    def test_a_plain_model_is_no_detector(self):
        source = self.simulated_and_trained()
        self.write("plain.tflite", plain_model())
        for arguments in (("score", "plain.tflite", source), ("evaluate", "plain.tflite", "data"),
                          ("export", "plain.tflite", "--c-array", "x.h")):
            with self.subTest(arguments=arguments):
                self.refused(BAD_INPUT, *arguments, says=["plain.tflite", "--from"])

    def test_infer_says_which_shape_it_wants(self):
        self.simulated_and_trained()
        self.write("codes.npy", npy_int8([[0] * 17]))
        self.refused(BAD_INPUT, "infer", "model.tflite", "codes.npy", "-o", "x.npy",
                     says=["codes.npy", "17", "[n, 18]"])

    def test_a_recording_without_the_gyroscope_is_too_narrow(self):
        self.simulated_and_trained()
        self.write("narrow.csv", recording(300))
        for command in ("score", "explain"):
            self.refused(BAD_INPUT, command, "model.tflite", "narrow.csv", says=["3 axes", "6"])

    def test_a_model_file_as_a_data_set(self):
        self.simulated_and_trained()
        self.refused(IO, "evaluate", "model.tflite", "model.tflite", says=["order"])
        self.refused(IO, "score", "data", "model.tflite", says=["folder", "order"])

    def test_names_of_files_are_shown_and_not_obeyed(self):
        self.simulate("normal=0.2")
        evil = "a\x1b]0;owned\x07b\u009b2Jc\nd"
        (self.folder / "data" / "normal" / f"{evil}.csv").write_text("t_us\n")
        shown = self.run_fettle("inspect", "data")
        self.assertIn("\\x1b]0;owned\\x07", shown.stdout)
        self.write(f"{evil}.csv", "t,x\n1,2\n")
        imported = self.run_fettle("import", f"{evil}.csv", "--label", "normal", "-o", "other")
        for text in (shown.stdout, shown.stderr, imported.stdout, imported.stderr):
            for control in "\x1b\x07\u009b":
                self.assertNotIn(control, text)


class TooLittleData(CommandTest):
    def test_train(self):
        self.simulate("normal=0.2")
        self.refused(TOO_LITTLE, "train", "data", "-o", "model.tflite", "--features", "tutorial",
                     says=["18 whole windows", "20", "min"])

    def test_train_keeps_an_existing_model(self):
        self.simulated_and_trained()
        self.simulate("normal=0.2", "small")
        self.refused(TOO_LITTLE, "train", "small", "-o", "model.tflite")

    def test_simulate_import_and_score(self):
        self.simulated_and_trained()
        self.refused(TOO_LITTLE, "simulate", "-o", "new", "--minutes", "normal=0.001",
                     says=["128", "minutes"])
        self.write("short.csv", recording(127))
        self.refused(TOO_LITTLE, "import", "short.csv", "--label", "normal", "-o", "new",
                     says=["short.csv", "127", "128"])
        lines = self.read(f"data/normal/{SIMULATED}.csv").splitlines(keepends=True)
        self.write("short.csv", b"".join(lines[:101]))
        self.refused(TOO_LITTLE, "score", "model.tflite", "short.csv",
                     says=["100 samples", "128", "200 Hz"])


class Files(CommandTest):
    def test_a_missing_file_is_named(self):
        source = self.simulated_and_trained()
        for arguments, name in (
                (("info", "no.tflite"), "no.tflite"),
                (("score", "no.tflite", source), "no.tflite"),
                (("explain", "no.tflite", source), "no.tflite"),
                (("explain", "model.tflite", "no.csv"), "no.csv"),
                (("score", "model.tflite", "no.csv"), "no.csv"),
                (("evaluate", "no.tflite", "data"), "no.tflite"),
                (("evaluate", "model.tflite", "no"), "no:"),
                (("inspect", "no"), "no:"),
                (("train", "no", "-o", "x.tflite"), "no:"),
                (("train", "data", "--from", "no.tflite", "-o", "x.tflite"), "no.tflite"),
                (("infer", "model.tflite", "no.npy", "-o", "x.npy"), "no.npy"),
                (("import", "no.csv", "--label", "normal", "-o", "data"), "no.csv")):
            with self.subTest(arguments=arguments):
                self.refused(IO, *arguments, says=[name])

    def test_a_place_that_cannot_be_written(self):
        self.simulated_and_trained()
        self.write("codes.npy", npy_int8([[0] * 18]))
        for arguments in (("train", "data", "-o", "no/x.tflite"),
                          ("export", "model.tflite", "--c-array", "no/x.h"),
                          ("export", "data", "--npz", "no/x.npz"),
                          ("infer", "model.tflite", "codes.npy", "-o", "no/x.npy")):
            with self.subTest(arguments=arguments):
                self.refused(IO, *arguments, says=["no/"])

    @unittest.skipUnless(os.path.exists("/dev/full"), "no /dev/full on this system")
    def test_a_full_disk_behind_standard_output(self):
        source = self.simulated_and_trained()
        for arguments in (("score", "model.tflite", source),
                          ("score", "model.tflite", source, "--json"),
                          ("info", "model.tflite"), ("info", "model.tflite", "--json"),
                          ("evaluate", "model.tflite", "data"),
                          ("evaluate", "model.tflite", "data", "--json"),
                          ("inspect", "data", "--json")):
            with self.subTest(arguments=arguments), open("/dev/full", "w") as full:
                result = self.run_fettle(*arguments, stdout=full)
                self.assertEqual(result.returncode, IO, result.stderr)
                self.assertIn("standard output", result.stderr)

    def test_an_existing_recording_is_never_overwritten(self):
        self.simulate("normal=0.2")
        self.refused(EXISTS, "simulate", "-o", "data", "--minutes", "normal=0.2",
                     says=[f"normal/{SIMULATED}"])
        self.refused(EXISTS, "simulate", "-o", "data", "--minutes", "loose=0.2,normal=0.2")
        self.write("pump/a.csv", recording(300))
        self.write("pump/b.csv", recording(300))
        self.ok("import", "pump/b.csv", "--label", "normal", "-o", "pumps")
        self.refused(EXISTS, "import", "pump", "--label", "normal", "-o", "pumps",
                     says=["normal/pump_b"])

    def test_an_existing_model_is_replaced_whole(self):
        self.simulate("normal=3")
        self.write("model.tflite", b"x" * 100_000)
        self.train()
        self.assertEqual(self.json("info", "model.tflite")["bytes"], len(self.read("model.tflite")))
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()),
                         ["data", "model.tflite"])

    def test_an_interrupt_leaves_nothing(self):
        with subprocess.Popen([FETTLE, "simulate", "-o", "data", "--minutes", "normal=1000"],
                              cwd=self.folder, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as process:
            deadline = time.monotonic() + 10
            while not (self.folder / "data").exists() and time.monotonic() < deadline:
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=20)
            self.assertEqual(process.returncode, INTERRUPTED)
        self.assertEqual(self.snapshot(), {})


class Import(CommandTest):
    def test_a_folder_of_headerless_files_is_a_recording_each(self):
        for part in (1, 2, 10):
            self.write(f"fan/part_{part}.csv", table(200 + part, accelerometer))
        summary, said = self.import_normal("fan")
        self.assertEqual([entry["name"] for entry in summary["recordings"]],
                         ["fan_part_1", "fan_part_2", "fan_part_10"])
        self.assertEqual({entry["source"] for entry in summary["recordings"]}, {"fan"})
        self.assertEqual((summary["axes"], summary["windows"], summary["rate_hz"]), (3, 3, 200))
        self.assertIn("200 Hz assumed", said)
        self.assertEqual(self.rows("normal/fan_part_2")[1], [5000, 0.01, 0.02, 1.01])

    def test_a_label_column_makes_a_recording_a_label(self):
        self.write("s3/motor.csv", table(
            600, lambda i: f"{i * 10},{accelerometer(i)},{'normal' if i < 350 else 'loose'}",
            "timestamp,accel_x,accel_y,accel_z,label"))
        result = self.ok("import", "s3/motor.csv", "-o", "data", "--json")
        summary = strict_json(result.stdout)
        self.assertEqual({(entry["label"], entry["rows"]) for entry in summary["recordings"]},
                         {("normal", 350), ("loose", 250)})
        self.assertEqual(summary["rate_hz"], 100)
        self.assertIn("ms", result.stderr, "the guess of the time's unit is said")
        self.assertEqual(len(self.rows("loose/s3_motor")), 250)

    def test_metres_and_radians_are_converted_and_the_guess_is_loud(self):
        self.write("six/motor.csv", table(
            300, lambda i: f"{i * 5},{accelerometer(i, 9.80665)},3.14159265,0,-0.5,7,7,7,23.5",
            "Time,Ax_Raw,Ay_Raw,Az_Raw,Gx_Raw,Gy_Raw,Gz_Raw,Ax_Smooth,Ay_Smooth,Az_Smooth,Temp"))
        summary, said = self.import_normal("six/motor.csv")
        self.assertIn("WARNING", said)
        self.assertIn("rads", said)
        self.assertIn("--units ms2,dps", said, "what to type if the guess is wrong")
        self.assertEqual(len(summary["warnings"]), 1)
        row = self.rows("normal/six_motor")[1]
        for found, expected in zip(row, (5000, 0.01, 0.02, 1.01, 180, 0, -28.64789)):
            self.assertAlmostEqual(found, expected, places=4)

    def test_units_that_are_named_are_no_guess(self):
        self.write("motor.csv", table(300, lambda i: f"{i * 5},{accelerometer(i)},{gyroscope(i)}"))
        summary, said = self.import_normal("motor.csv", "--units", "g,dps,ms")
        self.assertNotIn("WARNING", said)
        self.assertEqual((summary["warnings"], summary["rate_hz"]), ([], 200))

    def test_the_tutorials_own_file(self):
        self.write("tutorial.csv", table(300, lambda i: f"{accelerometer(i)},{gyroscope(i)}"))
        summary, said = self.import_normal("tutorial.csv")
        self.assertEqual((summary["axes"], summary["windows"]), (6, 2))
        self.assertIn("every 128 rows", said)
        part, = self.json("inspect", "data")["parts"]
        self.assertEqual(part["windows"], 2)

    def test_edge_impulse(self):
        self.write("edge.csv", table(300, lambda i: f"{i * 16},{accelerometer(i, 9.80665)}",
                                     "timestamp,accX,accY,accZ"))
        summary, said = self.import_normal("edge.csv")
        self.assertEqual((summary["axes"], summary["rate_hz"], summary["windows"]), (3, 62.5, 2))
        self.assertIn("ms2", said)
        path, = (self.folder / "data/normal").glob("*.csv")
        row = self.rows(f"normal/{path.stem}")[1]
        for found, expected in zip(row, (16000, 0.01, 0.02, 1.01)):
            self.assertAlmostEqual(found, expected, places=5)

    def test_columns_and_units_by_hand(self):
        self.write("log.txt", table(
            300, lambda i: f"{i * 5000} {i % 7 * 16384} 0 16384 99 131 -131 {i % 3 * 131}"))
        self.import_normal("log.txt", "--columns", "t,ax,ay,az,-,gx,gy,gz",
                           "--units", "lsb16384,lsb131,us")
        path, = (self.folder / "data/normal").glob("*.csv")
        self.assertEqual(self.rows(f"normal/{path.stem}")[1], [5000, 1, 0, 1, 1, -1, 1])

    def test_nine_point_eight_g_is_refused_unless_the_unit_is_named(self):
        self.write("pump/wrong.csv", recording(300, one_g=9.6))  # its usual magnitude: 9.79
        arguments = ("import", "pump/wrong.csv", "--label", "normal", "-o", "data")
        self.refused(BAD_INPUT, *arguments, says=["pump/wrong.csv", "9.", "--units"])
        self.ok(*arguments, "--units", "ms2")
        self.assertAlmostEqual(self.rows("normal/pump_wrong")[1][3], 9.696 / 9.80665, places=5)
        self.ok("import", "pump/wrong.csv", "--label", "normal", "-o", "shaker", "--units", "g")

    def test_one_rate_for_a_data_set(self):
        self.write("a/fast.csv", recording(300))
        self.write("b/slow.csv",
                   table(300, lambda i: f"{i * 10000},{accelerometer(i)}", HEADER_3))
        self.import_normal("a/fast.csv")
        self.refused(BAD_INPUT, "import", "b/slow.csv", "--label", "normal", "-o", "data",
                     says=["100 Hz", "200 Hz"])

    def test_carriage_returns_and_decimal_commas(self):
        self.write("dos.csv", recording(300).replace("\n", "\r\n"))
        self.assertEqual(self.import_normal("dos.csv")[0]["rows"], 300)
        self.write("comma.csv", recording(300).replace(",", ";").replace(".", ","))
        self.refused(BAD_INPUT, "import", "comma.csv", "--label", "normal", "-o", "data",
                     says=["comma.csv:2", "decimal"])


class Label(CommandTest):
    def label(self, start, end):
        parts = self.json("label", "data", SIMULATED, "--from", start, "--to", end,
                          "knocked")["parts"]
        return [(part["label"], part["rows"], part["from_s"]) for part in parts]

    def test_the_middle_is_cut_out(self):
        self.simulate("normal=1")
        before = self.rows(f"normal/{SIMULATED}")
        self.assertEqual(self.label("00:00:10", "00:00:30"), [
            ("normal", 2000, 0), ("knocked", 4000, 10), ("normal", 6000, 30)])
        after = [row for name in (f"normal/{SIMULATED}", f"knocked/{SIMULATED}",
                                  f"normal/{SIMULATED}-2") for row in self.rows(name)]
        self.assertEqual(len(after), len(before))
        self.assertEqual([row[1:] for row in after], [row[1:] for row in before])
        self.assertEqual(self.json("inspect", "data")["recordings"], 3)

    def test_the_start_is_cut_off(self):
        self.simulate("normal=1")
        self.assertEqual(self.label("0", "00:30"),
                         [("knocked", 6000, 0), ("normal", 6000, 30)])

    def test_the_end_is_cut_off(self):
        self.simulate("normal=1")
        self.assertEqual(self.label("00:30", "01:00"),
                         [("normal", 6000, 0), ("knocked", 6000, 30)])

    def test_the_whole_gets_another_label(self):
        self.simulate("normal=1")
        self.assertEqual(self.label("0", "60"), [("knocked", 12000, 0)])
        self.assertFalse((self.folder / f"data/normal/{SIMULATED}.csv").exists())

    def test_what_cannot_be_cut(self):
        self.simulate("normal=1,loose=1")
        name = f"normal/{SIMULATED}"
        for arguments, pieces in (
                ((SIMULATED, "--from", "0", "--to", "30"), (name, f"loose/{SIMULATED}")),
                (("nobody", "--from", "0", "--to", "30"), ("nobody",)),
                ((name, "--from", "30", "--to", "10"), ()),
                ((name, "--from", "2:00", "--to", "3:00"), ())):
            with self.subTest(arguments=arguments):
                before = self.snapshot()
                result = self.run_fettle("label", "data", *arguments, "knocked")
                self.assertIn(result.returncode, (USAGE, BAD_INPUT, TOO_LITTLE), result.stderr)
                self.assertEqual(self.snapshot(), before)
                for piece in pieces:
                    self.assertIn(piece, result.stderr)


def main():
    global FETTLE
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fettle", required=True, help="the program to test")
    options, rest = parser.parse_known_args()
    FETTLE = os.path.abspath(options.fettle)
    if not os.access(FETTLE, os.X_OK):
        parser.error(f"{FETTLE} is not a program")
    unittest.main(argv=[sys.argv[0], *rest])


if __name__ == "__main__":
    main()
