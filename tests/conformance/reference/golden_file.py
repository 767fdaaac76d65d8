# SPDX-License-Identifier: Apache-2.0
"""Golden files as text: tests/golden/README.md is the format's description, tests/support/golden.hpp its reader."""

from __future__ import annotations

from pathlib import Path

import numpy as np

_TYPES = {"u1": "u8", "i1": "i8", "i4": "i32", "f4": "f32", "f8": "f64"}
_LINE = 96


class GoldenFile:
    """Collects blocks and writes them in one go."""

    def __init__(self, made_by: str, risk: str) -> None:
        self._lines = [f"# {made_by}", f"# risk: {risk}"]

    def note(self, text: str) -> None:
        self._lines.append(f"# {text}")

    def block(self, name: str, values: np.ndarray | bytes) -> None:
        """A matrix (vectors are one row); every value is its bit pattern in hex, most significant digit first."""
        array = np.frombuffer(values, np.uint8) if isinstance(values, bytes) else np.asarray(values)
        array = array.reshape(1, -1) if array.ndim < 2 else array
        kind = _TYPES[f"{array.dtype.kind}{array.dtype.itemsize}"]
        self._lines.append(f"{name} {kind} {array.shape[0]} {array.shape[1]}")
        digits = np.ascontiguousarray(array).astype(array.dtype.newbyteorder(">")).tobytes().hex()
        self._lines += [digits[i : i + _LINE] for i in range(0, len(digits), _LINE)]

    def write(self, path: Path) -> int:
        text = "\n".join(self._lines) + "\n"
        path.write_text(text, encoding="ascii")
        return len(text)
