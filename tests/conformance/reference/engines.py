# SPDX-License-Identifier: Apache-2.0
"""TFLite Micro and LiteRT behind one call: rows in, rows out."""

from __future__ import annotations

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from tflite_micro.python.tflite_micro import runtime


def tflite_micro(model: bytes, rows: np.ndarray) -> np.ndarray:
    """Runs `rows` one by one through TFLite Micro (reference kernels of the wheel)."""
    interpreter = runtime.Interpreter.from_bytes(model, arena_size=10 * len(model) + 65536)
    outputs = []
    for row in rows:
        interpreter.set_input(row[None, :], 0)
        interpreter.invoke()
        outputs.append(interpreter.get_output(0)[0].copy())
    return np.stack(outputs)


def litert(model: bytes, rows: np.ndarray, reference_kernels: bool = False) -> np.ndarray:
    """Runs `rows` one by one through LiteRT: XNNPACK as installed, or its reference kernels."""
    kind = OpResolverType.BUILTIN_REF if reference_kernels else OpResolverType.AUTO
    interpreter = Interpreter(model_content=model, num_threads=1, experimental_op_resolver_type=kind)
    interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]["index"]
    target = interpreter.get_output_details()[0]["index"]
    outputs = []
    for row in rows:
        interpreter.set_tensor(source, row[None, :])
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(target)[0].copy())
    return np.stack(outputs)


def input_details(model: bytes) -> tuple[np.dtype, int, float, int]:
    """(type, width, scale, zero point) of the only input; scale 0 for a float input."""
    interpreter = Interpreter(model_content=model, num_threads=1)
    detail = interpreter.get_input_details()[0]
    scale, zero_point = detail["quantization"]
    return np.dtype(detail["dtype"]), int(detail["shape"][-1]), float(scale), int(zero_point)


def int8_inputs(rng: np.random.Generator, count: int, width: int, zero_point: int) -> np.ndarray:
    """Extremes first, then random rows of several spreads: int8 [count, width]."""
    alternating = np.where(np.arange(width) % 2 == 0, -128, 127)
    rows = [
        np.full(width, -128),
        np.full(width, 127),
        np.full(width, zero_point),
        np.zeros(width),
        alternating,
        alternating[::-1],
        -alternating - 1,
        np.linspace(-128, 127, width),
    ]
    half = (count - len(rows)) // 2
    rows += list(rng.integers(-128, 128, (half, width)))
    rest = count - len(rows)
    spread = 2.0 ** rng.uniform(0, 6, (rest, 1))
    rows += list(np.round(rng.normal(zero_point, 1.0, (rest, width)) * 1.0 + rng.normal(0, 1, (rest, width)) * spread))
    return np.clip(np.stack(rows)[:count], -128, 127).astype(np.int8)


def float_inputs(rng: np.random.Generator, count: int, width: int, scale: float, zero_point: int) -> np.ndarray:
    """Floats around the codes of `int8_inputs`: on codes, between codes, on ties, and far outside."""
    codes = int8_inputs(rng, count, width, zero_point).astype(np.float64)
    offset = rng.choice([0.0, 0.5, -0.5, 0.25], (count, 1)) + rng.uniform(-0.5, 0.5, (count, width)) * (
        rng.random((count, 1)) < 0.5
    )
    stretch = np.where(rng.random((count, 1)) < 0.1, 50.0, 1.0)
    return ((codes - zero_point + offset) * stretch * scale).astype(np.float32)
