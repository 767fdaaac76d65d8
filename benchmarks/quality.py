# SPDX-License-Identifier: Apache-2.0
"""Detection on a real ceiling fan, five seeds, with and without the means (tilt).

Recordings: ShawnHymel/tinyml-example-anomaly-detection, looked for in ../shared/data/ceiling-fan; they carry no
licence and are no part of this project.
"""

from __future__ import annotations

import json
import statistics
import subprocess
from dataclasses import dataclass
from pathlib import Path

RECORDINGS = Path("../shared/data/ceiling-fan")
NORMAL, FAULT = "low-normal", "low-coin"
SEEDS = (1, 2, 3, 4, 5)


@dataclass(frozen=True)
class Quality:
    """Means over the seeds; `recall` and `false_positive_rate` are at the model's own threshold."""

    auc: float
    lowest_auc: float
    recall: float
    false_positive_rate: float
    int8_auc_change: float

    @property
    def recall_at_one_percent(self) -> float:
        """What the AUC proves: recall never falls as false positives grow, so 1 - AUC is at least 0.01 times
        what is missed at 1 % false positives."""
        return max(0.0, 1.0 - (1.0 - self.auc) / 0.01)


def _fettle(program: Path, *arguments: object) -> str:
    done = subprocess.run([str(program), *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"fettle {arguments[0]}: {(done.stderr or done.stdout).strip()[-400:]}")
    return done.stdout


def measure(program: Path, work: Path) -> dict[str, Quality]:
    """Quality by setting: "with mean", "without mean"."""
    data = work / "ceiling-fan"
    if not data.exists():
        common = ("-o", data, "--rate", 200, "--columns", "ax,ay,az", "--units", "g")
        _fettle(program, "import", RECORDINGS / NORMAL, "--label", "normal", *common)
        _fettle(program, "import", RECORDINGS / FAULT, "--label", "coin", *common)
    result = {}
    for name, options in (("with mean", ()), ("without mean", ("--no-mean",))):
        found = []
        for seed in SEEDS:
            model = work / "fan.tflite"
            _fettle(program, "train", data, "-o", model, "--features", "tutorial", "--seed", seed, *options)
            found.append(json.loads(_fettle(program, "evaluate", model, data, "--json")))

        result[name] = Quality(
            auc=statistics.fmean(f["auc"] for f in found),
            lowest_auc=min(f["auc"] for f in found),
            recall=statistics.fmean(f["recall"]["coin"] for f in found),
            false_positive_rate=statistics.fmean(f["false_positive_rate"] for f in found),
            int8_auc_change=statistics.fmean(f["int8"]["auc_change"] for f in found),
        )
    return result
