# SPDX-License-Identifier: Apache-2.0
"""CSV files for `fettle import`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

COLUMNS = ("ax_g", "ay_g", "az_g", "gx_dps", "gy_dps", "gz_dps")


def write_csv(path: Path, samples: np.ndarray, period_us: int = 5000) -> None:
    """[rows, axes] float32 with time stamps; the shortest decimals that read back to the same float32."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [",".join(("t_us", *COLUMNS[: samples.shape[1]]))]
    for i, row in enumerate(samples.astype(np.float32)):
        lines.append(",".join((str(i * period_us), *(np.format_float_positional(v, trim="-") for v in row))))
    path.write_text("\n".join(lines) + "\n", encoding="ascii")


def machine(
    rng: np.random.Generator, windows: int, axes: int = 6, samples: int = 128, amplitude: float = 1.0
) -> np.ndarray:
    """A machine's samples [windows * samples, axes] in sensor codes: tones of wandering amplitude, and noise."""
    count = windows * samples
    t = np.arange(count) / 200.0
    wander = 1.0 + 0.2 * np.repeat(rng.normal(0, 1, windows), samples)
    lsb = np.array([1 / 16384 if a < 3 else 1 / 131 for a in range(axes)])
    level = np.array([0.02, -0.05, 1.0, 0.4, -0.7, 0.1])[:axes]
    out = np.empty((count, axes))
    for a in range(axes):
        phase, tone = rng.uniform(0, 6.28), 23.7 * (1 + a % 3)
        wave = amplitude * (300 + 60 * a) * wander * np.sin(2 * np.pi * tone * t + phase)
        out[:, a] = level[a] + lsb[a] * np.round(wave + rng.normal(0, 40, count))
    return out.astype(np.float32)
