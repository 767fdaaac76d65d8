# SPDX-License-Identifier: Apache-2.0
"""(a) Every model that Fettle exports loads elsewhere, and (b, its own half) computes the same there."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from reference import engines
from reference.fettle import Fettle
from reference.recordings import machine, write_csv
from reference.report import Report

from .int8 import compare

# Name, axes, options of `fettle train`.
SETTINGS: list[tuple[str, int, list[str]]] = [
    ("six axes", 6, []),
    ("six axes, no mean", 6, ["--no-mean"]),
    ("six axes, per tensor", 6, ["--weights", "per-tensor"]),
    ("six axes, hidden 4", 6, ["--hidden", "4", "--epochs", "5"]),
    ("six axes, hidden 16,8,16", 6, ["--hidden", "16,8,16", "--weights", "per-tensor"]),
    ("six axes, batch 1, 3 epochs", 6, ["--batch", "1", "--epochs", "3"]),
    ("three axes", 3, []),
    ("three axes, no mean, per tensor", 3, ["--no-mean", "--weights", "per-tensor"]),
    ("three axes, hidden 6,3,6", 3, ["--hidden", "6,3,6", "--threshold", "0.025"]),
]


def data_set(fettle: Fettle, seed: int, axes: int) -> Path:
    """Six axes from the built-in machine, three from an imported recording; made once."""
    path = fettle.work / ("six" if axes == 6 else "three")
    if path.exists():
        return path
    if axes == 6:
        fettle.run("simulate", "--machine", "fan", "-o", path, "--minutes", "normal=4,imbalance=1", "--seed", seed)
    else:
        source = fettle.work / "source" / "three.csv"
        write_csv(source, machine(np.random.default_rng(seed), 300, axes=3))
        fettle.run("import", source, "--label", "normal", "-o", path)
    return path


def run(fettle: Fettle, report: Report, seed: int) -> None:
    report.heading("(a) Exported models load in LiteRT and TFLite Micro, and agree bit for bit")
    rng = np.random.default_rng([seed, 1])
    for index, (name, axes, options) in enumerate(SETTINGS):

        def one(index=index, name=name, axes=axes, options=options) -> None:
            path = fettle.work / f"export_{index}.tflite"
            fettle.run("train", data_set(fettle, seed, axes), "-o", path, "--features", "tutorial",
                       "--seed", seed + index, *options)
            model = path.read_bytes()
            width = axes * (2 if "--no-mean" in options else 3)
            dtype, inputs, _, _ = engines.input_details(model)  # LiteRT reads it
            probe = engines.tflite_micro(model, np.zeros((1, inputs), np.int8))  # TFLite Micro runs it
            good = dtype == np.int8 and inputs == width and probe.shape == (1, width)
            report.check(f"loads: {name}", good, f"{len(model)} bytes, width {inputs}")
            compare(fettle, report, rng, f"int8: own, {name}", model)

        report.attempt(f"export: {name}", one)
