# SPDX-License-Identifier: Apache-2.0
"""The vibration features in float64 with NumPy: from their description, without looking at the C++."""

from __future__ import annotations

import numpy as np

LSB = (1.0 / 16384.0, 1.0 / 131.0)
DENSITY = (400e-6, 0.005)
RAILS = ((2.0, 4.0, 8.0, 16.0), (250.0, 500.0, 1000.0, 2000.0))
FAINTEST = 1e-3
BANDS = ((0.0, 0.125), (0.125, 0.25), (0.25, 0.5), (0.5, 1.0))


def repair(x: np.ndarray, step: float) -> tuple[np.ndarray, int]:
    """Single samples off the middle of their neighbours by 6 times the upper quartile go, if all is well then."""
    x = x.copy()
    n = len(x)

    def bends(values: np.ndarray) -> np.ndarray:
        return np.abs(values[1:-1] - 0.5 * (values[:-2] + values[2:]))

    usual = max(np.sort(bends(x))[(n - 2) * 3 // 4], step)
    count = 0
    for i in range(n):
        if i == 0:
            likely, weight = 2 * x[1] - x[2], 0.5
        elif i == n - 1:
            likely, weight = 2 * x[-2] - x[-3], 0.5
        else:
            likely, weight = 0.5 * (x[i - 1] + x[i + 1]), 1.0
        off = weight * abs(x[i] - likely)
        if off <= max(6 * usual, 12 * step):
            continue
        trial = x.copy()
        trial[i] = likely
        around = bends(trial)  # around[k] belongs to sample k + 1
        near = [around[k - 1] for k in range(max(i - 2, 1), min(i + 2, n - 2) + 1) if k != i]
        if max(near) < min(3 * usual, off / 6):
            x = trial
            count += 1
    return x, count


def speed(power: np.ndarray, bin_hz: float, low_hz: float = 13.0, high_hz: float = 95.0) -> tuple[float, float]:
    """Nothing learned: no range is favoured."""
    last = len(power) - 1
    floor = 1e-6 * power[2:].max()
    if floor <= 0:
        return 0.0, 0.0
    background = np.full(last + 1, np.nan)
    for k in range(2, last + 1):
        near = [power[j] for j in range(max(k - 8, 2), min(k + 8, last) + 1) if abs(j - k) > 2]
        background[k] = max(sorted(near)[len(near) // 2], floor)
    above = power / background - 1
    amplitude = [np.sqrt(max(np.nansum(above[max(k - 1, 2) : k + 2]), 0.0)) for k in range(last + 1)]
    low = max(int(np.floor(low_hz / bin_hz + 0.5)), 4)
    high = min(int(np.floor(high_hz / bin_hz + 0.5)), last - 1)
    peaks = [k for k in range(low, high + 1) if power[k] > power[k - 1] and power[k] >= power[k + 1]]
    if not peaks:
        return 0.0, 0.0
    largest = max(amplitude[k] for k in peaks)
    best, position = 0.0, 0.0
    for k in peaks:
        if amplitude[k] < 0.15 * largest and power[k] < 0.0625 * max(power[j] for j in peaks):
            continue
        side = 1 if power[k + 1] > power[k - 1] else -1
        ratio = np.sqrt(power[k + side] / power[k])
        candidate = k + side * max((2 * ratio - 1) / (ratio + 1), 0.0)
        bins = [(order, int(np.floor(order * candidate + 0.5))) for order in (1, 2, 3)]
        score = sum(amplitude[at] / order for order, at in bins if at <= last)
        if score > best:
            best, position = score, candidate
    if best <= 0:
        return 0.0, 0.0
    centre = int(np.floor(position + 0.5))
    line = slice(max(centre - 2, 2), centre + 3)
    return position * bin_hz, float(np.clip(1 - background[line].sum() / power[line].sum(), 0, 1))


def describe(window: np.ndarray, axes: int, rate: float) -> tuple[np.ndarray, np.ndarray, tuple[int, int, int], np.ndarray]:
    """[n, 6] -> features [13 or 20], summary [8], (clipped, repaired, stuck), levels of the axes [9 or 18]."""
    n = len(window)
    i = np.arange(n)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * i / n)
    clipped = repaired = stuck = 0
    gravity = np.zeros(3)
    motion, spectra, density = [], [], []
    for s in range(axes // 3):
        raw = window[:, 3 * s : 3 * s + 3]
        for rail in RAILS[s]:
            if abs(np.abs(raw).max() - rail) <= rail * 2 / 32768:
                clipped += int((np.abs(raw) >= rail - rail * 2 / 32768).sum())
        columns = []
        for a in range(3):
            if raw[:, a].min() == raw[:, a].max():
                stuck |= 1 << (3 * s + a)
            x, count = repair(raw[:, a], LSB[s])
            repaired += count
            if s == 0:
                gravity[a] = x.mean()
            columns.append(x - np.polyval(np.polyfit(i, x, 1), i))
        x = np.stack(columns, axis=1)
        power = np.abs(np.fft.rfft(x * hann[:, None], axis=0)) ** 2 * 2 / (n * (hann**2).sum())
        power[[0, -1]] /= 2
        motion.append(x)
        spectra.append(power)
        density.append(3 * DENSITY[s] ** 2)
    hz, confidence = speed(sum(p.sum(axis=1) / d for p, d in zip(spectra, density)), rate / n)

    def ln_rms(power: float) -> float:
        return 0.5 * np.log(power)

    def line_of_axis(power: np.ndarray, order: int) -> float:
        """Within 2 bins of a line; one beyond half the rate comes back as its alias."""
        if hz == 0:
            return 0.0
        alias = abs(order * hz - rate * np.round(order * hz / rate))
        near = np.abs(np.arange(len(power)) - alias * n / rate) <= 2
        return power[1:][near[1:]].sum()

    features, axis_levels = [], []
    levels = [0.0, 0.0]
    for s, (x, powers, noise) in enumerate(zip(motion, spectra, density)):
        power = powers.sum(axis=1)
        mean_square = (x**2).sum(axis=1).mean()
        levels[s] = np.sqrt(mean_square)
        all_noise = noise * rate / 2
        faintest = FAINTEST * mean_square
        largest = np.sort((x**2).sum(axis=1))[::-1][1 : n // 16 + 1].mean()
        shares = np.linalg.eigvalsh(x.T @ x / n + np.eye(3) * all_noise / 3)
        shares /= shares.sum()
        features += [ln_rms(mean_square + all_noise)]
        features += [0.5 * np.log((largest + all_noise) / (mean_square + all_noise)), (shares**2).sum()]
        k = np.arange(len(power))
        if s == 0:
            raised = power[1:] + noise * rate / n
            features += [(k[1:] * raised).sum() / raised.sum() / (n // 2)]
            for low, high in BANDS:
                band = power[(k > low * n / 2) & (k <= high * n / 2)].sum()
                features += [ln_rms(band + all_noise * (high - low) + faintest)]
        half = hz / 2 / (rate / n)
        nearest = np.zeros(len(k), int)
        if half > 0:
            nearest = np.floor(k / half + 0.5).astype(int)
            nearest[(np.abs(k - nearest * half) > 2) | (nearest > 6)] = 0
        orders = [power[1:][nearest[1:] == h].sum() for h in range(7)]
        line = noise * 5 * rate / n + faintest
        features += [ln_rms(orders[1] + orders[3] + line), ln_rms(orders[2] + line), ln_rms(orders[4] + line)]
        if s == 0:
            features += [ln_rms(orders[6] + line)]
        features += [ln_rms(orders[0] + all_noise + faintest)]
        for a in range(3):
            axis_levels += [ln_rms(x[:, a].var() + all_noise / 3)]
            axis_levels += [ln_rms(line_of_axis(powers[:, a], order) + line / 3) for order in (1, 2)]
    summary = [hz, confidence, *levels, *gravity, np.linalg.norm(gravity)]
    return np.array(features), np.array(summary), (clipped, repaired, stuck), np.array(axis_levels)


def windows(rng: np.random.Generator) -> dict[str, tuple[int, float, np.ndarray]]:
    """Named by what they are about: axes used, rate, float32 [n, 6] in steps of the sensor."""
    step = np.repeat(LSB, 3)

    def readings(x: np.ndarray) -> np.ndarray:
        return (np.round(x / step) * step).astype(np.float32)

    def machine(n: int, rate: float, lines: dict[float, float], noise: float = 1.0) -> np.ndarray:
        t = np.arange(n)[:, None] / rate
        x = np.array([0.3, -0.6, 0.74, 0.5, -1.0, 0.2]) + rng.normal(0, 1, (n, 6)) * np.repeat([0.004, 0.05], 3) * noise
        for hz, size in lines.items():
            direction = rng.normal(0, 1, 6) * np.repeat([0.1, 3.0], 3)
            x += size * direction * np.sin(2 * np.pi * (hz * t + rng.uniform(0, 1, 6)))
        return x

    ordinary = machine(128, 200.0, {23.37: 1.0, 46.74: 0.4, 70.11: 0.2})
    spiky = machine(128, 200.0, {31.9: 0.2})
    for sample, axis, height in ((0, 0, 0.3), (17, 2, -1.2), (60, 4, 90.0), (64, 4, -60.0), (127, 5, 40.0)):
        spiky[sample, axis] += height
    t = np.arange(128) / 200.0
    ringing = machine(128, 200.0, {25.0: 0.1})
    since = (t + 0.03) % 0.11
    ringing[:, :3] += np.array([0.9, 0.2, 0.4]) * (np.exp(-since / 0.015) * np.sin(2 * np.pi * 71 * since))[:, None]
    clipping = np.clip(machine(128, 200.0, {40.3: 12.0}), -np.repeat([2.0, 250.0], 3), np.repeat([32767 / 16384, 32767 / 131], 3))
    clipping[:, 4] = -1.0
    drifting = machine(256, 200.0, {17.21: 0.5, 34.42: 0.8, 8.605: 0.2})
    drifting += np.arange(256)[:, None] / 256 * np.array([0.2, -0.1, 0.05, 30.0, 10.0, -20.0])
    return {
        "ordinary": (6, 200.0, readings(ordinary)),
        "spikes": (6, 200.0, readings(spiky)),
        "ringing_impulses": (6, 200.0, readings(ringing)),
        "clipped_and_stuck": (6, 200.0, readings(clipping)),
        "drift_and_misalignment": (6, 200.0, readings(drifting)),
        "silence": (6, 200.0, readings(machine(128, 200.0, {}))),
        "three_axes_short": (3, 200.0, readings(machine(64, 200.0, {29.3: 1.0, 58.6: 0.3}))),
        "slow_rate": (6, 100.0, readings(machine(128, 100.0, {19.98: 1.0, 39.96: 0.1}))),
        "fast_shaft": (6, 200.0, readings(machine(128, 200.0, {77.7: 1.0, 44.6: 0.6}))),
    }
