# SPDX-License-Identifier: Apache-2.0
"""The commands that talk to a board, against the virtual one behind a real pseudo terminal.

Run as: python3 -B tests/end_to_end/line_test.py --fettle build/release/bin/fettle [TEST...]
Needs Python 3.11 and nothing else. Simulated time is faster than real time; nothing is timed but by
the board's own clock.
"""
import argparse
import csv
import json
import os
import pathlib
import pty
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

FETTLE = ""  # the program, from --fettle
USAGE, BAD_INPUT, TOO_LITTLE, IO, EXISTS, INTERRUPTED = 2, 3, 4, 5, 6, 130
WAIT_S = 120


class Board:
    """A virtual board; its port is a link whose name stays."""

    def __init__(self, folder, *options, speed="50x", name="port", storage=None):
        self.port = str(folder / name)
        self.folder = folder
        self.arguments = [FETTLE, "board", "--json", "--link", self.port, "--speed", speed,
                          "--storage", str(folder / (storage or f"storage-{name}")), *options]
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.arguments, cwd=self.folder, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL)
        json.loads(self.process.stdout.readline())  # the port: it is there
        # The rest goes to nobody, but the pipe must not fill up.
        self.drain = subprocess.Popen(["cat"], stdin=self.process.stdout, stdout=subprocess.DEVNULL)
        self.process.stdout.close()

    def stop(self):
        if self.process is None:
            return
        self.process.kill()  # like a pulled plug
        self.process.wait()
        self.drain.wait()
        self.process = None


class LineTest(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="fettle-line-")
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)

    def board(self, *options, **more):
        board = Board(self.folder, *options, **more)
        self.addCleanup(board.stop)
        return board

    def run_fettle(self, *arguments, status=0):
        done = subprocess.run([FETTLE, *map(str, arguments)], cwd=self.folder, capture_output=True,
                              text=True, timeout=WAIT_S, check=False)
        self.assertEqual(done.returncode, status, f"{arguments}\n{done.stdout}\n{done.stderr}")
        return done

    def json(self, *arguments, status=0):
        return json.loads(self.run_fettle(*arguments, "--json", status=status).stdout)

    def trained(self, board, minutes=3):
        self.run_fettle("collect", "--port", board.port, "--label", "normal", "--for",
                        f"{minutes}min", "-o", "data")
        self.run_fettle("train", "data", "-o", "m.tflite", "--features", "tutorial")

    def test_collect_train_deploy_and_the_same_scores(self):
        board = self.board()
        summary = self.json("collect", "--port", board.port, "--label", "normal", "--for", "3min",
                            "-o", "data")
        self.assertTrue(summary["complete"])
        self.assertEqual(summary["lost_on_line"], 0)
        self.assertAlmostEqual(summary["seconds"], 180, delta=1)
        self.assertEqual(len(summary["recordings"]), 1)
        about = json.loads((self.folder / "data/dataset.json").read_text())
        self.assertEqual(about["rate_hz"], 200)
        self.assertIn("firmware", about["recordings"][0]["provenance"])
        self.run_fettle("train", "data", "-o", "m.tflite", "--features", "tutorial")

        deployed = self.json("deploy", "m.tflite", "--port", board.port)
        self.assertTrue(deployed["boards"][0]["sent"])
        again = self.json("deploy", "m.tflite", "--port", board.port)
        self.assertFalse(again["boards"][0]["sent"])

        # What the board scored, seen over the line, and what `fettle score` makes of what it recorded
        # to its card meanwhile: the same bits.
        self.run_fettle("command", "--port", board.port, "record", "normal")
        watched = self.run_fettle("watch", "--port", board.port, "--for", "60s", "--json").stdout
        self.run_fettle("command", "--port", board.port, "stop")
        lines = [json.loads(line) for line in watched.splitlines()]
        self.assertEqual(lines[0]["type"], "board")
        scores = {line["t_us"]: line for line in lines if line["type"] == "score"}
        self.assertGreater(len(scores), 50)
        card = self.json("collect", "--sd", "storage-port/card.log", "-o", "card")
        self.assertEqual(card["damaged"], 0)
        name = card["recordings"][0]["name"]
        judged = self.run_fettle("score", "m.tflite", f"card/normal/{name}.csv").stdout
        rows = {int(row["t_us"]): row for row in csv.DictReader(judged.splitlines())}
        common = set(rows) & set(scores)
        self.assertGreater(len(common), 0.95 * len(scores))
        for t_us in common:
            one, other = float(rows[t_us]["score"]), scores[t_us]["score"]
            self.assertEqual(struct.pack("<f", one), struct.pack("<f", other), t_us)
            self.assertEqual(rows[t_us]["verdict"], scores[t_us]["verdict"])

    def test_refuses_to_call_a_standstill_normal(self):
        board = self.board("--event", "stop@0s")
        time.sleep(0.5)  # it runs down
        arguments = ["collect", "--port", board.port, "--for", "30s", "-o", "data", "--label"]
        refused = self.run_fettle(*arguments, "normal", status=BAD_INPUT).stderr
        self.assertIn("off", refused)
        self.assertIn("--force", refused)
        self.assertFalse((self.folder / "data" / "normal").exists())
        self.run_fettle(*arguments, "off")

    def test_refuses_a_stuck_axis(self):
        board = self.board("--inject", "stuck-axis:1@0s")
        refused = self.run_fettle("collect", "--port", board.port, "--label", "normal", "--for",
                                  "20s", "-o", "data", status=BAD_INPUT).stderr
        self.assertIn("never changed", refused)

    def test_for_is_time_of_the_board(self):
        board = self.board(speed="0.5x")
        self.run_fettle("command", "--port", board.port, "status")
        began = time.monotonic()
        self.run_fettle("watch", "--port", board.port, "--for", "8s")  # no model: it is asked
        self.assertGreater(time.monotonic() - began, 11)

    def test_goes_on_after_a_pulled_plug(self):
        board = self.board(speed="20x")
        collecting = subprocess.Popen(
            [FETTLE, "collect", "--port", board.port, "--label", "normal", "--for", "90s", "-o",
             "data", "--json"], cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True)
        time.sleep(2.5)
        board.stop()
        time.sleep(0.5)
        board.start()
        out, err = collecting.communicate(timeout=WAIT_S)
        self.assertEqual(collecting.returncode, 0, err)
        summary = json.loads(out)
        self.assertTrue(summary["complete"])
        self.assertGreaterEqual(summary["reconnections"], 1)
        self.assertEqual(len(summary["recordings"]), 2)
        self.assertIn("waiting", err)

    def test_control_c_keeps_what_is_there(self):
        board = self.board()
        collecting = subprocess.Popen(
            [FETTLE, "collect", "--port", board.port, "--label", "normal", "--for", "10h", "-o",
             "data", "--json"], cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True)
        time.sleep(2)
        collecting.send_signal(signal.SIGINT)
        out, err = collecting.communicate(timeout=WAIT_S)
        self.assertEqual(collecting.returncode, INTERRUPTED, err)
        self.assertIn("what was there is kept", err)
        summary = json.loads(out)
        self.assertFalse(summary["complete"])
        name = summary["recordings"][0]["name"]
        text = (self.folder / f"data/normal/{name}.csv").read_text()
        rows = len(text.splitlines()) - 1
        self.assertEqual(rows, summary["rows"])

    def collecting(self, board, *options, **more):
        """`fettle collect` on its way, so that something can happen to it."""
        return subprocess.Popen(
            [FETTLE, "collect", "--port", board.port, "--label", "normal", "--for", "10h", "-o",
             "data", *options], cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, **more)

    def staged_rows(self):
        staged = list(self.folder.glob("data/.fettle-staging/new/normal/*.csv"))
        return sum(file.read_bytes().count(b"\n") - 1 for file in staged)

    def recordings(self):
        about = json.loads((self.folder / "data/dataset.json").read_text())
        return about["recordings"]

    def test_a_killed_collection_is_taken_in_by_the_next_command(self):
        board = self.board()
        kept = 0
        for moment in (0.5, 1.1, 1.7):
            collecting = self.collecting(board)
            until = time.monotonic() + WAIT_S
            while self.staged_rows() < 2000 and time.monotonic() < until:
                time.sleep(0.01)
            time.sleep(moment)
            safe = self.staged_rows()
            collecting.kill()
            collecting.communicate()
            self.assertGreaterEqual(safe, 2000)
            looked = self.run_fettle("inspect", "data")
            kept += 1
            self.assertIn("of a collection that was cut off, was taken in", looked.stderr)
            self.assertEqual(len(self.recordings()), kept)
            last = max(self.recordings(), key=lambda one: (len(one["name"]), one["name"]))
            self.assertGreaterEqual(last["rows"], safe)
            self.assertIn("cut off", last["provenance"])
            text = (self.folder / f"data/normal/{last['name']}.csv").read_text()
            self.assertEqual(len(text.splitlines()) - 1, last["rows"])
            self.assertFalse((self.folder / "data/.fettle-staging").exists())
        self.assertEqual(self.run_fettle("inspect", "data").stderr.count("taken in"), 0)

    def test_a_full_disk_loses_nothing_of_a_collection(self):
        board = self.board()

        def small_files():  # as good as a full disk: the write fails in the middle of a row
            resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_001, 1_000_001))
        collecting = self.collecting(board, preexec_fn=small_files)
        _, err = collecting.communicate(timeout=WAIT_S)
        self.assertEqual(collecting.returncode, IO, err)
        self.assertIn("cannot write to it", err)
        self.assertIn("kept", err)
        self.assertIn("fettle inspect data", err)
        staged = list(self.folder.glob("data/.fettle-staging/new/normal/*.csv"))
        self.assertEqual([file.stat().st_size for file in staged], [1_000_001])
        rows = self.staged_rows()
        looked = self.run_fettle("inspect", "data")
        self.assertIn("taken in", looked.stderr)
        self.assertEqual([one["rows"] for one in self.recordings()], [rows])

    def test_a_folder_that_is_taken_away_ends_a_collection_and_is_said(self):
        board = self.board()
        collecting = self.collecting(board)
        until = time.monotonic() + WAIT_S
        while self.staged_rows() < 2000 and time.monotonic() < until:
            time.sleep(0.01)
        (self.folder / "data").rename(self.folder / "elsewhere")
        _, err = collecting.communicate(timeout=WAIT_S)  # it looks every 10 s
        self.assertEqual(collecting.returncode, IO, err)
        self.assertIn("not there any more", err)
        self.assertIn("nothing is kept", err)
        looked = self.run_fettle("inspect", "elsewhere")
        self.assertIn("taken in", looked.stderr)

    def test_a_sensor_without_samples_ends_a_collection(self):
        board = self.board("--inject", "nack:1@60s", speed="10x")
        collecting = self.collecting(board)
        began = time.monotonic()
        out, err = collecting.communicate(timeout=WAIT_S)
        self.assertEqual(collecting.returncode, IO, err)
        self.assertGreater(time.monotonic() - began, 30)
        self.assertIn("no new samples for 5 s: its sensor is", err)
        self.assertIn("no new samples for 30 s", err)
        self.assertIn("kept", err)
        self.assertRegex(out, r"ended early, 0:\d\d of 10:00:00")
        self.assertEqual(len(self.recordings()), 1)
        # And one that has no samples to begin with is not begun.
        refused = self.collecting(board)
        _, err = refused.communicate(timeout=WAIT_S)
        self.assertEqual(refused.returncode, IO, err)
        self.assertIn("has no samples", err)

    def test_backup_and_restore(self):
        board = self.board()
        self.trained(board)
        self.run_fettle("deploy", "m.tflite", "--port", board.port)
        self.run_fettle("command", "--port", board.port, "set name Pumpe 3")
        self.run_fettle("command", "--port", board.port, "set latch on")
        self.run_fettle("backup", "--port", board.port, "-o", "b.json")
        # On a board that takes its place.
        other = self.board("--seed", "2", name="other")
        done = self.run_fettle("restore", "b.json", "--port", other.port)
        self.assertIn("Note: this backup is of Pumpe 3", done.stderr)
        settings = self.run_fettle("command", "--port", other.port, "settings").stdout
        self.assertIn("name=Pumpe 3", settings)
        self.assertIn("latch=on", settings)
        deployed = self.json("deploy", "m.tflite", "--port", other.port)
        self.assertFalse(deployed["boards"][0]["sent"])
        self.run_fettle("restore", "m.tflite", "--port", board.port, status=BAD_INPUT)

    def test_selftest_and_commands(self):
        board = self.board()
        result = self.json("selftest", "--port", board.port)
        self.assertTrue(result["passed"])
        self.assertIn("alert pin", self.run_fettle("selftest", "--port", board.port).stdout)
        self.assertIn("sensor:", self.run_fettle("command", "--port", board.port, "status").stdout)
        self.assertIn("help", self.run_fettle("command", "--port", board.port, "dance",
                                              status=BAD_INPUT).stderr)
        broken = self.board("--no-interrupt", "--no-card", name="broken")
        result = self.json("selftest", "--port", broken.port, status=BAD_INPUT)
        self.assertTrue(any(line.startswith("FAIL interrupt") for line in result["lines"]))

    def test_refuses_a_model_that_does_not_fit(self):
        board = self.board()
        (self.folder / "junk.tflite").write_bytes(b"junk" * 100)
        self.run_fettle("deploy", "junk.tflite", "--port", board.port, status=BAD_INPUT)
        self.run_fettle("simulate", "-o", "fast", "--minutes", "normal=3", "--rate", "1000")
        self.run_fettle("train", "fast", "-o", "fast.tflite", "--features", "tutorial")
        refused = self.run_fettle("deploy", "fast.tflite", "--port", board.port, status=BAD_INPUT)
        self.assertIn("rate_hz 1000", refused.stderr)

    def test_says_why_a_model_does_not_run(self):
        board = self.board()
        self.run_fettle("simulate", "-o", "data", "--minutes", "normal=3")
        self.run_fettle("train", "data", "-o", "m.tflite", "--features", "tutorial")
        watch = ["watch", "--port", board.port, "--for", "2s"]
        self.assertIn("there is no model on it", self.run_fettle(*watch).stderr)
        self.run_fettle("deploy", "m.tflite", "--port", board.port)
        self.assertNotIn("Note:", self.run_fettle(*watch).stderr)
        self.run_fettle("command", "--port", board.port, "set rate_hz 1000")
        said = " ".join(self.run_fettle(*watch).stderr.split())
        self.assertIn("runs no model", said)
        self.assertIn("200 Hz", said)
        self.assertIn("samples at 1000 Hz", said)

    def test_watch_says_what_was_on_when_it_began(self):
        board = self.board("--fault", "imbalance@900s")
        self.trained(board)
        healthy = self.json("deploy", "m.tflite", "--port", board.port)["boards"][0]
        self.assertGreaterEqual(healthy["trial_windows"], 3)
        self.assertLess(2 * healthy["trial_anomalies"], healthy["trial_windows"])
        watch = ["watch", "--port", board.port, "--for", "5s"]
        self.run_fettle("command", "--port", board.port, "set latch on")
        until = time.monotonic() + WAIT_S
        while time.monotonic() < until:
            # It may have cried wolf before; with the fault most windows are anomalies.
            status = self.run_fettle("command", "--port", board.port, "status").stdout
            if "ALARM" in status:
                break
            time.sleep(0.5)
        self.assertRegex(self.run_fettle(*watch).stdout,
                         r"Already, before this began: an ALARM is on \(ID \d+\)\.")
        first = json.loads(self.run_fettle(*watch, "--json").stdout.splitlines()[0])
        self.assertEqual([first[key] for key in ("alarm", "acknowledged", "muted", "maintenance")],
                         [True, False, False, False])
        self.run_fettle("command", "--port", board.port, "mute 1d")
        self.assertRegex(self.run_fettle(*watch).stdout, r"an ALARM is on \(ID \d+\), muted")

    def test_feedback_on_an_alarm_is_kept_and_carried_by_a_backup(self):
        board = self.board("--fault", "imbalance@600s")
        self.run_fettle("collect", "--port", board.port, "--label", "normal", "--for", "5min",
                        "-o", "data")
        self.run_fettle("train", "data", "-o", "m.tflite", "--features", "vibration",
                        "--false-alarms", "1/week")
        self.run_fettle("deploy", "m.tflite", "--port", board.port)
        feedback = ["feedback", "--port", board.port, "--alarm"]
        self.run_fettle(*feedback, "0", "false", status=USAGE)
        self.run_fettle(*feedback, "1", "perhaps", status=USAGE)
        watch = ["watch", "--port", board.port, "--for", "60s", "--json"]
        alarms, until = [], time.monotonic() + WAIT_S
        while not alarms and time.monotonic() < until:
            lines = [json.loads(line) for line in self.run_fettle(*watch).stdout.splitlines()]
            alarms = [line["id"] for line in lines if line.get("kind") == "alarm_began"]
        self.assertTrue(alarms, "the fault raises no alarm")
        status = self.run_fettle("command", "--port", board.port, "status").stdout
        self.assertRegex(status, r"burn-in: .*\n.* asked 1 a week, to be expected .* missing")
        wrong = self.run_fettle(*feedback, str(alarms[-1] + 1000), "false", status=BAD_INPUT)
        self.assertIn(str(alarms[-1]), wrong.stderr)  # which there are
        said = self.json(*feedback, str(alarms[-1]), "false")
        self.assertTrue(said["learned"])
        self.assertFalse(said["fault"])
        self.assertGreater(said["raise"], 1)
        self.assertLessEqual(said["raise"], 2)

        self.assertTrue(self.json("backup", "--port", board.port, "-o", "pump.json")["burn_in"])
        other = self.board(name="other")
        self.assertTrue(self.json("restore", "pump.json", "--port", other.port)["burn_in"])
        self.assertIn("by false alarms",
                      self.run_fettle("command", "--port", other.port, "status").stdout)
        other.stop()
        other.start()
        self.assertIn("by false alarms",
                      self.run_fettle("command", "--port", other.port, "status").stdout)

    def test_deploy_warns_of_a_model_for_another_machine(self):
        board = self.board("--fault", "loose")
        self.run_fettle("simulate", "-o", "data", "--minutes", "normal=3")
        self.run_fettle("train", "data", "-o", "m.tflite", "--features", "tutorial")
        deployed = self.run_fettle("deploy", "m.tflite", "--port", board.port)
        self.assertRegex(deployed.stdout, r"\d+\s+of\s+its\s+first\s+\d+\s+windows\s+are\s+anomalies")
        self.assertIn("WARNING", deployed.stderr)
        self.assertIn("'fettle collect' here", " ".join(deployed.stderr.split()))

    def test_watch_for_a_time_ends_without_a_board(self):
        board = self.board(speed="1x")
        watching = subprocess.Popen(
            [FETTLE, "watch", "--port", board.port, "--for", "6s"], cwd=self.folder,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        watching.stderr.readline()  # it is connected
        board.stop()
        _, err = watching.communicate(timeout=WAIT_S)
        self.assertEqual(watching.returncode, IO, err)
        self.assertIn("has not come back", err)

    def test_what_is_no_file_is_refused_at_once(self):
        board = self.board()
        os.mkfifo(self.folder / "pipe")
        for arguments in (("deploy", "pipe", "--port", board.port),
                          ("restore", "pipe", "--port", board.port),
                          ("collect", "--sd", "pipe", "-o", "data")):
            refused = self.run_fettle(*arguments, status=IO)
            self.assertIn("expected a file, found a pipe", refused.stderr)

    def test_says_what_becomes_of_a_model_on_trial(self):
        board = self.board("--inject", "nack:1")  # no samples, so no windows to judge
        self.run_fettle("simulate", "-o", "data", "--minutes", "normal=3")
        self.run_fettle("train", "data", "-o", "m.tflite", "--features", "tutorial")
        deploying = subprocess.Popen([FETTLE, "deploy", "m.tflite", "--port", board.port],
                                     cwd=self.folder, stdout=subprocess.PIPE,
                                     stderr=subprocess.PIPE, text=True)
        time.sleep(10)  # it waits 30 s for windows
        deploying.send_signal(signal.SIGINT)
        _, err = deploying.communicate(timeout=WAIT_S)
        self.assertEqual(deploying.returncode, 130, err)
        self.assertIn("on trial", err)
        self.assertIn("the one before runs again", err)

    def test_a_board_refuses_what_makes_no_sense(self):
        for option, value in (("--for", ""), ("--clone", ""), ("--link", ""), ("--seed", ""),
                              ("--seed", "-1"), ("--seed", "1e9"), ("--seed", "4294967296"),
                              ("--seed", "99999999999999999999"), ("--session", "-1")):
            refused = self.run_fettle("board", "--storage", "s", option, value, status=USAGE)
            self.assertIn(option, refused.stderr)
            self.assertIn("expected", refused.stderr)
        self.assertFalse((self.folder / "s").exists())

    def test_a_board_leaves_other_links_alone(self):
        (self.folder / "notes").write_text("mine")
        (self.folder / "link").symlink_to("notes")
        refused = self.run_fettle("board", "--storage", "s", "--for", "1s", "--speed", "max",
                                  "--link", "link", status=IO)
        self.assertIn("link", refused.stderr)
        self.assertTrue((self.folder / "link").is_symlink())
        # The second board with the same link takes it over, and the first one does not remove it.
        first = self.board()
        second = self.board(storage="s2")
        first.process.terminate()
        first.process.wait()
        self.assertIn("up for", self.run_fettle("command", "--port", second.port, "status").stdout)

    def test_a_closed_output_harms_no_file(self):
        board = self.board()
        self.run_fettle("command", "--port", board.port, "record", "normal")
        time.sleep(1)
        self.run_fettle("command", "--port", board.port, "stop")
        board.stop()
        storage = self.folder / "storage-port"
        before = {file.name: file.read_bytes() for file in storage.iterdir()}
        for closed in (">&-", "<&- >&-", "<&- >&- 2>&-"):
            done = subprocess.run(
                ["sh", "-c", f'"$0" board --storage "$1" --for 3s --speed max {closed}', FETTLE,
                 storage], check=False, timeout=WAIT_S)
            self.assertEqual(done.returncode, IO, closed)
        # A start adds to the card; what was there stays.
        for name in ("card.log", "flash.bin"):
            after = (storage / name).read_bytes()
            self.assertEqual(after[:len(before[name])], before[name], name)

    def test_says_what_is_wrong_with_a_port(self):
        board = self.board()
        watching = subprocess.Popen([FETTLE, "watch", "--port", board.port], cwd=self.folder,
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(1)
        busy = self.run_fettle("command", "--port", board.port, "status", status=IO).stderr
        watching.send_signal(signal.SIGINT)
        self.assertEqual(watching.wait(WAIT_S), INTERRUPTED)
        self.assertIn("busy", busy)
        missing = self.run_fettle("watch", "--port", "/dev/ttyUSB99", status=IO).stderr
        self.assertIn("no such port", missing)

        master, slave = pty.openpty()
        silent = self.run_fettle("watch", "--port", os.ttyname(slave), status=IO).stderr
        self.assertIn("nothing answers", silent)
        os.close(master)
        os.close(slave)

    def test_ports_is_a_list(self):
        self.assertIsInstance(self.json("ports"), list)
        self.run_fettle("ports")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--fettle", required=True)
    options, rest = parser.parse_known_args()
    global FETTLE
    FETTLE = str(pathlib.Path(options.fettle).resolve())
    unittest.main(argv=[sys.argv[0], *rest], verbosity=2)


if __name__ == "__main__":
    main()
