# SPDX-License-Identifier: Apache-2.0
"""(b) Our int8 engine gives TFLite Micro's outputs bit for bit, on models that are not our own.

LiteRT rounds otherwise (float32 under XNNPACK, float64 in its reference kernels), so its difference is
printed and not judged.
"""

from __future__ import annotations

import numpy as np

from reference import engines, keras_models
from reference.fettle import Fettle
from reference.flatmodel import build, random_layers
from reference.report import Report

INPUTS = 1000
CONVERTER_MODELS = 14
HAND_BUILT_MODELS = 18
LARGEST = 640


def codes(values: np.ndarray, scale: float) -> np.ndarray:
    """Outputs in steps of the last int8 tensor, for models with float ends as well."""
    return np.rint(values.astype(np.float64) / scale) if values.dtype == np.float32 else values.astype(np.int64)


def ends(model: bytes) -> tuple[float, int, float]:
    """Scale and zero point of the first int8 tensor, scale of the last."""
    from ai_edge_litert import schema_py_generated as schema

    graph = schema.ModelT.InitFromPackedBuf(bytearray(model), 0).subgraphs[0]

    def quantised(index: int, neighbour: int):
        tensor = graph.tensors[index]
        return tensor if tensor.type == schema.TensorType.INT8 else graph.tensors[neighbour]

    first = quantised(graph.inputs[0], graph.operators[0].outputs[0]).quantization
    last = quantised(graph.outputs[0], graph.operators[-1].inputs[0]).quantization
    return float(first.scale[0]), int(first.zeroPoint[0]), float(last.scale[0])


def compare(fettle: Fettle, report: Report, rng: np.random.Generator, name: str, model: bytes) -> None:
    """One check: INPUTS rows through Fettle and TFLite Micro; LiteRT's largest difference beside it."""
    dtype, width, _, _ = engines.input_details(model)
    scale, zero_point, last_scale = ends(model)
    make = engines.float_inputs if dtype == np.float32 else None
    rows = make(rng, INPUTS, width, scale, zero_point) if make else engines.int8_inputs(rng, INPUTS, width, zero_point)
    expected = engines.tflite_micro(model, rows)
    ours = fettle.infer(model, rows)
    same_kind = ours.dtype == expected.dtype and ours.shape == expected.shape
    wrong = (
        int((ours.view(np.uint8) != expected.view(np.uint8)).any() and (ours != expected).sum()) if same_kind else -1
    )
    reference = codes(expected, last_scale)
    others = [
        int(np.abs(codes(engines.litert(model, rows, kind), last_scale) - reference).max()) for kind in (False, True)
    ]
    spread = len(np.unique(reference))
    litert = f"LiteRT {others[0]}, ref {others[1]}"
    good = same_kind and wrong == 0
    report.check(name, good, f"equal, {spread} codes; {litert}" if good else f"{wrong} outputs differ; {litert}")
    if not good:
        report.say(f"Fettle {ours.dtype} {ours.shape}, TFLite Micro {expected.dtype} {expected.shape}")
        if same_kind:
            row, column = np.argwhere(ours != expected)[0]
            report.say(f"first at row {row}, output {column}: {ours[row, column]}, not {expected[row, column]}")


def random_widths(rng: np.random.Generator, depth: int, narrowest: int = 2) -> list[int]:
    return [int(round(2 ** rng.uniform(np.log2(narrowest), np.log2(LARGEST)))) for _ in range(depth + 1)]


def label(widths: list[int], per_channel: bool, float_ends: bool) -> str:
    shape = "-".join(map(str, widths)) if len(widths) <= 3 else f"{widths[0]}..{widths[-1]}"
    kind = "channel" if per_channel else "tensor"
    return f"{shape} x{len(widths) - 1} {kind}{' float' if float_ends else ''}"


def converter_model(rng: np.random.Generator, index: int) -> tuple[str, bytes]:
    fixed = {0: [18, 12, 8, 12, 18], 1: [18, 12, 8, 12, 18], 2: [640, 128, 8, 128, 640], 3: [1, 1]}
    widths = fixed.get(index) or random_widths(rng, int(rng.integers(1, 11)), 3)
    per_channel, float_ends = index % 2 == 0, index % 3 == 2
    activations = [rng.choice(["relu", "relu6", "linear"]) for _ in widths[2:]] + ["linear"]
    if rng.random() < 0.25:
        activations[-1] = "relu"
    gain = float(rng.uniform(1.2, 2.0))
    model = keras_models.dense(rng, widths, activations, gain)
    representative = rng.normal(0, 2.0 ** rng.uniform(-2, 3), (60, widths[0]))
    return label(widths, per_channel, float_ends), keras_models.convert(model, representative, per_channel, float_ends)


def hand_built_model(rng: np.random.Generator, index: int) -> tuple[str, bytes]:
    fixed = {0: [1, 1], 1: [640, 640], 2: [64] * 11, 3: [640, 1, 640]}
    per_channel, float_ends = index % 2 == 1, index % 3 == 0
    while True:
        widths = fixed.get(index) or random_widths(rng, int(rng.integers(1, 11)))
        q, layers = random_layers(rng, widths, per_channel)
        model = build(q, layers, float_ends)
        rows = engines.int8_inputs(rng, 40, widths[0], q.zero_point)
        probe = (rows.astype(np.float32) - q.zero_point) * q.scale if float_ends else rows
        # Deep narrow chains of random ReLU die; a model that always says the same proves nothing.
        if len(np.unique(engines.tflite_micro(model, probe.astype(np.float32 if float_ends else np.int8)))) >= 8:
            return label(widths, per_channel, float_ends), model


def run(fettle: Fettle, report: Report, seed: int) -> None:
    report.heading(f"(b) int8 outputs equal TFLite Micro's on {INPUTS} inputs a model")
    report.say(
        "xN: layers; float: float ends. After it: codes seen; largest difference of LiteRT (XNNPACK) and of its reference kernels, in codes"
    )
    for kind, make, count in (
        ("converter", converter_model, CONVERTER_MODELS),
        ("hand-built", hand_built_model, HAND_BUILT_MODELS),
    ):
        for index in range(count):
            rng = np.random.default_rng([seed, 2, len(kind), index])

            def one(kind=kind, make=make, index=index, rng=rng) -> None:
                name, model = make(rng, index)
                compare(fettle, report, rng, f"{kind} {name}", model)

            report.attempt(f"{kind} {index}", one)
