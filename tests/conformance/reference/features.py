# SPDX-License-Identifier: Apache-2.0
"""The tutorial's features in float64 and two passes: slow, plain and without cancellation."""

from __future__ import annotations

import numpy as np

ACCELEROMETER_LSB_G = 1.0 / 16384.0
GYROSCOPE_LSB_DPS = 1.0 / 131.0
RELATIVE_BOUND = 1e-5


def features(windows: np.ndarray) -> np.ndarray:
    """[n, samples, axes] -> [n, 3 * axes]: mean, population deviation, peak to peak of each axis in turn."""
    x = windows.astype(np.float64)
    mean = x.mean(axis=1)
    deviation = np.sqrt(((x - mean[:, None, :]) ** 2).mean(axis=1))
    peak_to_peak = x.max(axis=1) - x.min(axis=1)
    return np.stack([mean, deviation, peak_to_peak], axis=2).reshape(len(x), -1)


def bounds(expected: np.ndarray) -> np.ndarray:
    """Largest allowed difference: 1e-5 of the value, or of one sensor step where the value is smaller."""
    axes = expected.shape[1] // 3
    lsb = np.repeat([ACCELEROMETER_LSB_G if a < 3 else GYROSCOPE_LSB_DPS for a in range(axes)], 3)
    return RELATIVE_BOUND * np.maximum(np.abs(expected), lsb)


def nasty_windows(seed: int, samples: int = 128, axes: int = 6) -> dict[str, np.ndarray]:
    """Windows named by what they break: float32 [n, samples, axes]."""
    rng = np.random.default_rng(seed)
    lsb = np.array([ACCELEROMETER_LSB_G if a < 3 else GYROSCOPE_LSB_DPS for a in range(axes)])
    full = np.array([16.0 if a < 3 else 2000.0 for a in range(axes)])
    t = np.arange(samples)[:, None]
    codes = rng.integers(-2, 3, (samples, axes)) * lsb

    tiny = full * 0.99 + codes
    outlier = rng.normal(0.0, 3.0, (samples, axes)) * lsb
    outlier[0] = full
    constant = rng.normal(0.0, 50.0, (samples, axes)) * lsb
    constant[:, ::2] = (full * 0.3)[::2]
    swing = full * np.where((t + np.arange(axes)) % 2 == 0, 1.0, -1.0)
    spike = full * 0.06 + np.zeros((samples, axes))
    spike[samples // 2] += 64 * lsb
    ramp = full * (2.0 * t / (samples - 1) - 1.0)
    machine = (
        full * 0.05
        + 300 * lsb * np.sin(2 * np.pi * t * (0.07 + 0.01 * np.arange(axes)))
        + rng.normal(0.0, 40.0, (samples, axes)) * lsb
    )
    named = {
        "huge_offset_tiny_noise": tiny,
        "outlier_first_sample": outlier,
        "constant_axis": constant,
        "full_scale_zero_mean": swing,
        "single_spike": spike,
        "ramp_over_the_whole_range": ramp,
        "ordinary_machine": np.round(machine / lsb) * lsb,
        "all_zero": np.zeros((samples, axes)),
        "negative_offset_one_step": np.where(t < samples // 2, -full * 0.99, -full * 0.99 + lsb),
    }
    return {name: w.astype(np.float32)[None] for name, w in named.items()}
