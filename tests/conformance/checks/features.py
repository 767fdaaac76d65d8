# SPDX-License-Identifier: Apache-2.0
"""(c) Features against NumPy in float64 and two passes, from CSV to the .npz that `fettle export` writes."""

from __future__ import annotations

import numpy as np

from reference import features as reference
from reference.fettle import Fettle
from reference.recordings import write_csv
from reference.report import Report

from .exports import data_set


def judge(report: Report, name: str, archive: dict[str, np.ndarray]) -> None:
    windows, ours = archive["windows"], archive["features"]
    expected = reference.features(windows)
    if ours.shape != expected.shape or ours.dtype != np.float32:
        report.check(name, False, f"features {ours.dtype} {ours.shape}, expected float32 {expected.shape}")
        return
    share = float((np.abs(ours - expected) / reference.bounds(expected)).max())
    report.check(name, share <= 1.0, f"{len(windows)} windows, {share:.3f} of the bound")


def run(fettle: Fettle, report: Report, seed: int) -> None:
    report.heading("(c) Features within 1e-5 of max(|value|, 1 LSB) of float64 NumPy")
    for axes in (6, 3):
        name = f"ordinary recording, {axes} axes"
        report.attempt(
            name, lambda axes=axes, name=name: judge(report, name, fettle.windows(data_set(fettle, seed, axes)))
        )
    names = list(reference.nasty_windows(seed))
    for axes in (6, 3):
        for name in names:

            def one(axes=axes, name=name) -> None:
                title = f"{name.replace('_', ' ')}, {axes} axes"
                windows = [reference.nasty_windows(seed + k, axes=axes)[name][0] for k in range(8)]
                source = fettle.work / "source" / f"{name}_{axes}.csv"
                write_csv(source, np.concatenate(windows))
                data = fettle.work / f"nasty_{name}_{axes}"
                # Hard on purpose, far from 1 g: only a unit that is named is believed.
                fettle.run(
                    "import", source, "--label", "normal", "-o", data, "--units", "g,dps,us"
                )
                archive = fettle.windows(data)
                if not np.array_equal(archive["windows"], np.stack(windows)):
                    report.check(title, False, "the windows are not the ones imported")
                    return
                judge(report, title, archive)

            report.attempt(f"{name}, {axes} axes", one)
