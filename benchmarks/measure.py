# SPDX-License-Identifier: Apache-2.0
"""What a child process costs, and how repeated measurements are said. Linux: peak memory is in KiB there."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cost:
    """Of a whole process, its threads and children included."""

    cpu_s: float
    wall_s: float
    peak_mb: float


def cost_of(command: Sequence[object], log: Path) -> Cost:
    """Runs a command to its end; what it prints goes to `log`. Raises RuntimeError when it fails."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as sink:
        start = time.perf_counter()
        child = subprocess.Popen([str(c) for c in command], stdout=sink, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(child.pid, 0)
        wall_s = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise RuntimeError(f"{command[0]} ended with {child.returncode}: {log.read_text(errors='replace')[-500:]}")
    return Cost(usage.ru_utime + usage.ru_stime, wall_s, usage.ru_maxrss * 1024 / 1e6)


@dataclass(frozen=True)
class Figure:
    """A measured quantity over the repeats."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def said(self, unit: str, digits: int = 3) -> str:
        low, high = min(self.values), max(self.values)
        spread = f" ({_short(low, digits)}-{_short(high, digits)})" if len(self.values) > 1 else ""
        return f"{_short(self.median, digits)}{spread} {unit}".rstrip()


def _short(value: float, digits: int) -> str:
    """Significant digits without exponents: a table is read by people."""
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - int(f"{value:e}".split("e")[1]))
    return f"{round(value, decimals):,.{decimals}f}"


def ratio(better: Figure, worse: Figure) -> float:
    """How many times `better` goes into `worse`, by medians."""
    return worse.median / better.median if better.median else float("inf")


def machine() -> str:
    """Processor, cores, system, compiler: a speed without them says nothing."""
    processor = next(
        (line.split(":", 1)[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor() or platform.machine(),
    )
    system = next(
        (line.split("=", 1)[1].strip('"') for line in _lines("/etc/os-release") if line.startswith("PRETTY_NAME=")),
        platform.platform(),
    )
    compiler = "compiler unknown"
    cache = Path("build/release/CMakeCache.txt")
    for line in _lines(cache):
        if line.startswith("CMAKE_CXX_COMPILER:"):
            said = subprocess.run([line.split("=", 1)[1], "--version"], capture_output=True, text=True, check=False)
            compiler = said.stdout.splitlines()[0] if said.stdout else compiler
    return f"{processor}, {os.cpu_count()} cores, {system}, {compiler}, Python {platform.python_version()}"


def _lines(path: str | Path) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
