# SPDX-License-Identifier: Apache-2.0
"""The program under test, by its command line and nothing else."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np


class FettleError(RuntimeError):
    """`fettle` ended with an error; the text is what it said."""


class Fettle:
    """Runs `fettle` in a folder of its own."""

    def __init__(self, program: Path, work: Path) -> None:
        self.program, self.work = program.resolve(), work.resolve()
        self.work.mkdir(parents=True, exist_ok=True)

    def run(self, *arguments: object) -> str:
        command = [str(self.program), *map(str, arguments)]
        done = subprocess.run(command, cwd=self.work, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            said = (done.stderr.strip() or done.stdout.strip() or "nothing said")[-600:]
            raise FettleError(f"fettle {' '.join(map(str, arguments))}: exit {done.returncode}: {said}")
        return done.stdout

    def json(self, *arguments: object) -> dict:
        return json.loads(self.run(*arguments, "--json"))

    def infer(self, model: bytes, rows: np.ndarray, name: str = "infer") -> np.ndarray:
        model_path, source, target = (self.work / f"{name}{s}" for s in (".tflite", "_in.npy", "_out.npy"))
        model_path.write_bytes(model)
        np.save(source, rows)
        target.unlink(missing_ok=True)
        self.run("infer", model_path, source, "-o", target)
        return np.load(target)

    def windows(self, data: Path) -> dict[str, np.ndarray]:
        """What `fettle export DATA --npz` holds: windows, features, label, recording, t_us."""
        target = self.work / f"{Path(data).name}.npz"
        target.unlink(missing_ok=True)
        self.run("export", data, "--npz", target)
        with np.load(target, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
