# SPDX-License-Identifier: Apache-2.0
"""gemmlowp's double rounding in Python integers, from its definition and not from anybody's code.

Source: B. Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
Inference", CVPR 2018, section 2.2 and appendix B. Python integers do not overflow, so whatever a C++
implementation does by accident of width shows up as a difference.
"""

from __future__ import annotations

import math
from fractions import Fraction

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1


def quantize_multiplier(real: float) -> tuple[int, int]:
    """(m, shift) with real ~ m / 2**31 * 2**shift and 2**30 <= m < 2**31; m = 0 for zero and below 2**-32."""
    if real == 0.0:
        return 0, 0
    fraction, shift = math.frexp(real)
    exact = Fraction(fraction) * 2**31
    m = math.floor(exact + Fraction(1, 2))  # half away from zero; multipliers are never negative
    if m == 2**31:
        m //= 2
        shift += 1
    return (0, 0) if shift < -31 else (m, shift)


def nearest_half_away(value: Fraction) -> int:
    """Nearest integer, ties away from zero."""
    magnitude = math.floor(abs(value) + Fraction(1, 2))
    return magnitude if value >= 0 else -magnitude


def high_multiply(a: int, m: int) -> int:
    """Saturating rounding doubling high multiply. Ties go towards plus infinity: gemmlowp's nudge for a
    negative product is one less than half, followed by a division that truncates."""
    product = a * m
    nudged = product + (2**30 if product >= 0 else 1 - 2**30)
    result = abs(nudged) // 2**31
    return min(result if nudged >= 0 else -result, INT32_MAX)


def requantise(acc: int, m: int, shift: int, zero_point: int) -> int:
    """An int32 accumulator to int8. The left shift must not leave int32: there TFLite's result is undefined."""
    shifted = acc * 2 ** max(shift, 0)
    if not INT32_MIN <= shifted <= INT32_MAX:
        raise OverflowError(f"{acc} << {shift}")
    rounded = nearest_half_away(Fraction(high_multiply(shifted, m), 2 ** max(-shift, 0)))
    return max(-128, min(127, rounded + zero_point))
