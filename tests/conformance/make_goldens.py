# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/: what others computed, so that `./dev test` needs no Python.

    python tests/conformance/make_goldens.py --seed 20261123

Needs the packages of requirements.txt. The same packages and seed give the same files, except that a new
TensorFlow may convert a model differently.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from importlib.metadata import version
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from reference import engines, features, keras_models, requantisation, trainer, vibration
from reference.flatmodel import Layer, Quantisation, build, random_layers
from reference.golden_file import GoldenFile

GOLDEN = Path(__file__).resolve().parent.parent / "golden"


class Maker:
    """Knows line one of every file, and a random stream for each file, so that adding one moves no other."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.seed, self.folder, self.total = seed, folder, 0

    def rng(self, name: str) -> np.random.Generator:
        return np.random.default_rng([self.seed, *name.encode()])

    def file(self, risk: str, *packages: str) -> GoldenFile:
        versions = ", ".join(f"{p} {version(p)}" for p in ("numpy", *packages))
        return GoldenFile(
            f"python tests/conformance/make_goldens.py --seed {self.seed} (fettle goldens 1; {versions})", risk
        )

    def write(self, golden: GoldenFile, name: str) -> None:
        size = golden.write(self.folder / f"{name}.txt")
        self.total += size
        print(f"{name:48} {size:7} bytes")

    def int8(
        self, name: str, risk: str, model: bytes, rows: int = 24, *packages: str, inputs: np.ndarray | None = None
    ) -> None:
        """A model with inputs (extremes and random ones unless given) and what TFLite Micro makes of them."""
        dtype, width, _, zero_point = engines.input_details(model)
        if inputs is not None:
            pass
        elif dtype == np.float32:
            first = _first_int8(model)
            inputs = engines.float_inputs(self.rng(name), rows, width, *first)
        else:
            inputs = engines.int8_inputs(self.rng(name), rows, width, zero_point)
        outputs = engines.tflite_micro(model, inputs)
        if len(np.unique(outputs)) < 3:
            raise RuntimeError(f"{name}: outputs show nothing")
        golden = self.file(risk, "tflite-micro", *packages)
        golden.block("model", model)
        golden.block("input", inputs)
        golden.block("output", outputs)
        self.write(golden, f"int8_{name}")


def _first_int8(model: bytes) -> tuple[float, int]:
    """Scale and zero point behind the QUANTIZE of a model with float ends."""
    from ai_edge_litert import schema_py_generated as schema

    graph = schema.ModelT.InitFromPackedBuf(bytearray(model), 0).subgraphs[0]
    tensor = graph.tensors[graph.operators[0].outputs[0]]
    return float(tensor.quantization.scale[0]), int(tensor.quantization.zeroPoint[0])


def _dense_layer(rng, inputs: int, outputs: int, **changes) -> Layer:
    weights = rng.integers(-127, 128, (outputs, inputs), dtype=np.int64).astype(np.int8)
    defaults = dict(
        weights=weights,
        weight_scales=np.array([0.01], np.float32),
        output=Quantisation(float(np.float32(0.01 * 0.05 * 73 * 74 * math.sqrt(inputs) / 45)), -7),
        bias=rng.integers(-9000, 9001, outputs).astype(np.int32),
    )
    return Layer(**{**defaults, **changes})


def int8_goldens(make: Maker) -> None:
    source = Quantisation(float(np.float32(0.05)), 11)

    for kind, per_channel in (("per_channel", True), ("per_tensor", False)):
        name = f"converter_{kind}"
        rng = make.rng(name)
        model = keras_models.dense(rng, [18, 12, 8, 12, 18], ["relu", "relu", "relu", None])
        content = keras_models.convert(model, rng.normal(0, 1, (200, 18)), per_channel)
        make.int8(name, f"the usual detector as TensorFlow converts it, {kind}", content, 64, "tensorflow-cpu")

    name = "converter_float_ends"
    rng = make.rng(name)
    model = keras_models.dense(rng, [9, 12, 8, 12, 9], ["relu", "relu6", "relu", None])
    content = keras_models.convert(model, rng.normal(0, 1, (200, 9)), True, float_ends=True)
    make.int8(name, "QUANTIZE and DEQUANTIZE at the ends; ties and far values saturate", content, 48, "tensorflow-cpu")

    name = "relu6_clamp_inside_range"
    rng = make.rng(name)
    model = keras_models.dense(rng, [12, 16, 16, 12], ["relu6", "relu6", "relu6"], gain=6.0)
    content = keras_models.convert(model, rng.normal(0, 1, (200, 12)), False)
    make.int8(name, "fused ReLU6 whose six is a code below 127", content, 32, "tensorflow-cpu")

    name = "separate_relu_new_scale"
    rng = make.rng(name)
    relu = ("relu", Quantisation(float(np.float32(0.0171)), -100))
    finer = ("relu", Quantisation(float(np.float32(0.031)), 20))
    layers = [_dense_layer(rng, 10, 14, separate=relu)]
    layers.append(_dense_layer(rng, 14, 6, output=Quantisation(float(np.float32(0.041)), 33), separate=finer))
    make.int8(name, "RELU operators that change scale and zero point", build(source, layers))

    name = "separate_relu6"
    rng = make.rng(name)
    six = Quantisation(float(np.float32(0.0631)), -20)
    layers = [_dense_layer(rng, 10, 14, output=six, separate=("relu6", six)), _dense_layer(rng, 14, 5)]
    make.int8(name, "RELU6 operator with the scale of its input", build(source, layers))

    name = "no_bias"
    rng = make.rng(name)
    layers = [_dense_layer(rng, 9, 7, bias=None, fused="relu"), _dense_layer(rng, 7, 9, bias=None)]
    make.int8(name, "FULLY_CONNECTED with bias index -1", build(source, layers))

    name = "width_1"
    rng = make.rng(name)
    layers = [
        _dense_layer(rng, 1, 1),
        _dense_layer(rng, 1, 3, weight_scales=np.array([0.02, 0.005, 0.013], np.float32)),
    ]
    layers += [_dense_layer(rng, 3, 1)]
    make.int8(
        name, "one input, one output; one scale where per channel and per tensor look alike", build(source, layers), 64
    )

    name = "width_64_per_channel"
    rng = make.rng(name)
    q, layers = random_layers(rng, [64, 64, 64], True, ("relu", "none"), 0.0, 1.0)
    make.int8(name, "wide layers: long accumulations, per channel", build(q, layers), 16)

    name = "depth_10"
    rng = make.rng(name)
    q, layers = random_layers(rng, [8, 11, 7, 13, 5, 12, 9, 6, 10, 7, 8], True, ("relu", "none", "none"), 0.2, 0.8)
    make.int8(name, "ten layers: buffers swap and errors would add up", build(q, layers))

    name = "per_tensor_scale_product"
    # The scales are chosen so that a reader which multiplies them in float32 gets another code on some rows.
    layers = [_per_tensor_trap(make.rng(name))]
    make.int8(name, "per tensor: product and quotient of scales in float64", build(_TRAP_INPUT, layers), 48)

    name = "relu_scale_quotient"
    layers, inputs = _relu_quotient_trap(make.rng(name))
    make.int8(name, "separate RELU: quotient of scales in float64", build(_TRAP_INPUT, layers), 256, inputs=inputs)

    for kind in ("fused", "separate"):
        name = f"relu6_six_on_a_tie_{kind}"
        layers = [_six_on_a_tie(kind)]
        make.int8(name, "the code of six: 6 / scale in float32, a tie rounds up", build(layers[0].output, layers), 32)

    name = "quantize_ties"
    rng = make.rng(name)
    scale = np.float32(rng.uniform(0.01, 0.02))
    ties = ((np.arange(-60, 60) + 0.5) * float(scale)).astype(np.float32)
    inputs = np.concatenate([ties, np.nextafter(ties, np.float32(9)), np.nextafter(ties, np.float32(-9))])[:, None]
    same = Quantisation(float(scale), 3)
    layers = [Layer(np.array([[64]], np.int8), np.array([1 / 64], np.float32), same)]
    content = build(same, layers, float_ends=True)
    make.int8(name, "QUANTIZE divides in float32, halves away from zero", content, inputs=inputs)

    name = "multiplier_above_one"
    rng = make.rng(name)
    small = rng.integers(-3, 4, (6, 5)).astype(np.int8)
    layers = [
        _dense_layer(
            rng,
            5,
            6,
            weights=small,
            weight_scales=np.array([0.5], np.float32),
            bias=None,
            output=Quantisation(float(np.float32(0.007)), 5),
        ),
        _dense_layer(
            rng,
            6,
            4,
            weights=rng.integers(-2, 3, (4, 6)).astype(np.int8),
            weight_scales=np.array([3.0, 0.9, 20.0, 0.4], np.float32),
            bias=None,
            output=Quantisation(float(np.float32(0.0153)), -3),
        ),
    ]
    make.int8(name, "effective scale above one: left shift before the high multiply", build(source, layers), 48)

    name = "big_shift"
    rng = make.rng(name)
    scales = np.array([3e-6, 1e-7, 4e-5, 2e-8, 1e-12, 7e-3, 1e-4, 9e-7], np.float32)
    target = Quantisation(float(np.float32(0.9)), 2)
    bias = rng.uniform(-120, 120, 8) / (source.scale * scales.astype(np.float64) / target.scale)
    bias = np.clip(bias, -(2.0**31) + 1e6, 2.0**31 - 1e6).astype(np.int32)
    layers = [_dense_layer(rng, 12, 8, weight_scales=scales, bias=bias, output=target)]
    make.int8(name, "right shifts up to 31 and multipliers flushed to zero", build(source, layers), 32)

    name = "bias_extremes"
    rng = make.rng(name)
    bias = np.array([2**31 - 1 - 400000, -(2**31) + 400000, 0, 1, -1, 123456789, -123456789, 77], np.int32)
    layers = [
        _dense_layer(
            rng,
            4,
            8,
            bias=bias,
            weight_scales=np.array([1e-7], np.float32),
            output=Quantisation(float(np.float32(0.11)), 0),
        )
    ]
    make.int8(name, "biases near the ends of int32", build(source, layers), 32)

    name = "zero_points_at_the_ends"
    rng = make.rng(name)
    layers = [
        _dense_layer(rng, 6, 8, output=Quantisation(float(np.float32(0.09)), 127)),
        _dense_layer(rng, 8, 8, output=Quantisation(float(np.float32(0.13)), -128), fused="relu"),
        _dense_layer(rng, 8, 6, output=Quantisation(float(np.float32(0.2)), 127)),
    ]
    make.int8(name, "zero points -128 and 127", build(Quantisation(float(np.float32(0.03)), -128), layers), 32)


_TRAP_INPUT = Quantisation(float(np.float32(0.0333333)), -5)


def _per_tensor_trap(rng: np.random.Generator) -> Layer:
    """Looks for a weight scale whose float32 and float64 products with the input scale round some reachable
    accumulator to different codes. Every output has one weight of 1 or so and a bias that sets the accumulator."""
    output = Quantisation(float(np.float32(0.0009765625)), 0)
    biases: list[int] = []
    scale = np.float32(0)
    while not biases:
        scale = np.float32(rng.uniform(1e-9, 1.2e-9))
        narrow = float(np.float32(np.float32(_TRAP_INPUT.scale) * scale)) / output.scale
        wide = _TRAP_INPUT.scale * float(scale) / output.scale
        a, b = requantisation.quantize_multiplier(narrow), requantisation.quantize_multiplier(wide)
        if a == b:
            continue
        # Codes change where acc * scale is k + 0.5; look beside each such accumulator.
        for k in range(-126, 127):
            centre = round((k + 0.5) / wide)
            for acc in range(centre - 12, centre + 13):
                if abs(acc) < 2**31 - 40000 and requantisation.requantise(acc, *a, 0) != requantisation.requantise(
                    acc, *b, 0
                ):
                    biases.append(acc)
        biases = biases[:: len(biases) // 12][:12] if len(biases) >= 12 else []  # spread over the codes
    weights = np.ones((len(biases), 1), np.int8)
    # The input -5 is real zero, 127 adds 132: the accumulator is the bias plus a small number.
    return Layer(weights, np.array([scale], np.float32), output, np.array(biases, np.int32))


def _relu_quotient_trap(rng: np.random.Generator) -> tuple[list[Layer], np.ndarray]:
    """Scales in the ratio 3 to 2 but for the last bit: every odd code sits on a tie, and float32 loses the bit."""
    while True:
        target = np.float32(rng.uniform(0.01, 0.02))
        source = np.float32(np.float32(1.5) * target)
        narrow, wide = float(np.float32(source / target)), float(source) / float(target)
        if wide < narrow == 1.5:
            break
    weights = np.array([[127], [-127], [64]], np.int8)
    scale = float(np.float32(float(source) / _TRAP_INPUT.scale / 90))
    relu = ("relu", Quantisation(float(target), -128))
    layer = Layer(weights, np.array([scale], np.float32), Quantisation(float(source), 0), None, "none", relu)
    return [layer], np.arange(-128, 128).astype(np.int8)[:, None]


def _six_on_a_tie(kind: str) -> Layer:
    """A scale for which 6 / scale is just below k + 0.5 in float64 and k + 0.5 in float32."""
    for k in range(10, 60):
        scale = np.float32(6 / (k + 0.5))
        for candidate in (scale, np.nextafter(scale, np.float32(9))):
            if float(np.float32(6) / candidate) == k + 0.5 > 6 / float(candidate):
                q = Quantisation(float(candidate), -40)
                weights = np.array([[64], [127], [-127]], np.int8)
                choice = {"fused": "relu6"} if kind == "fused" else {"separate": ("relu6", q)}
                return Layer(weights, np.array([1 / 40], np.float32), q, None, **choice)
    raise RuntimeError("no such scale")


def unsupported_goldens(make: Maker) -> None:
    rng = make.rng("unsupported")
    data = rng.normal(0, 1, (60, 6))
    small = keras_models.dense(rng, [6, 4, 6], ["relu", None])
    keras = keras_models.tf.keras
    keras.utils.set_random_seed(make.seed)
    convolution = keras.Sequential(
        [keras.layers.Input((8, 2)), keras.layers.Conv1D(3, 3), keras.layers.Flatten(), keras.layers.Dense(4)]
    )
    wide = keras_models.dense(rng, [40, 40, 40], ["relu", None])
    tanh = keras_models.dense(rng, [6, 4, 6], ["tanh", None])
    models = {
        "float": (keras_models.convert(small, data, kind="float"), "float32 weights and activations"),
        "convolution": (
            keras_models.convert(convolution, rng.normal(0, 1, (60, 8, 2))),
            "int8, but a convolution: operators that we do not know",
        ),
        "dynamic_range": (
            keras_models.convert(wide, rng.normal(0, 1, (60, 40)), kind="dynamic_range"),
            "int8 weights, float32 activations",
        ),
        "int16": (keras_models.convert(small, data, kind="int16"), "int16 activations"),
        "uint8": (keras_models.convert(small, data, kind="uint8"), "uint8 at the ends"),
        "tanh": (keras_models.convert(tanh, data), "int8, but a TANH operator"),
    }
    for name, (content, risk) in models.items():
        golden = make.file(f"to be refused: {risk}", "tensorflow-cpu")
        golden.block("model", content)
        make.write(golden, f"unsupported_{name}")


def feature_goldens(make: Maker) -> None:
    for axes in (6, 3):
        for name, windows in features.nasty_windows(make.seed, axes=axes).items():
            if axes == 3 and name != "ordinary_machine":
                continue
            golden = make.file(name.replace("_", " "))
            golden.note("window: samples by axes; features: mean, deviation, peak to peak of each axis in turn;")
            golden.note("bound: the largest difference allowed for each feature")
            expected = features.features(windows)
            golden.block("window", windows[0])
            golden.block("features", expected)
            golden.block("bound", features.bounds(expected))
            make.write(golden, f"features_{name}" + ("_three_axes" if axes == 3 else ""))


def vibration_goldens(make: Maker) -> None:
    for name, (axes, rate, window) in vibration.windows(make.rng("vibration")).items():
        golden = make.file(name.replace("_", " "))
        golden.note("rate: Hz; window: samples by six axes; axes: how many of them are used;")
        golden.note("features: in the order of kVibrationFeatures; summary: speed Hz, confidence, RMS g, RMS deg/s,")
        golden.note("mean of ax, ay, az, its length; counts: clipped, repaired, bits of stuck axes;")
        golden.note("axis_levels: of each axis ln RMS of all, of 1x, of 2x")
        expected, summary, counts, axis_levels = vibration.describe(window.astype(np.float64), axes, rate)
        golden.block("axes", np.array([axes], np.int32))
        golden.block("rate", np.array([rate], np.float32))
        golden.block("window", window)
        golden.block("features", expected)
        golden.block("summary", summary)
        golden.block("counts", np.array(counts, np.int32))
        golden.block("axis_levels", axis_levels)
        make.write(golden, f"vibration_{name}")


def trainer_goldens(make: Maker) -> None:
    cases = {
        "usual": ([18, 12, 8, 12, 18], 32, "the usual shape", False),
        "three_axes": ([9, 12, 8, 12, 9], 32, "three axes", False),
        "dead_feature": ([6, 5, 3, 5, 6], 16, "a feature that is always zero: Adam divides 0 by 0 + epsilon", True),
        "one_hidden_layer_batch_1": ([4, 2, 4], 1, "batches of a single row", False),
    }
    for name, (widths, batch, risk, dead) in cases.items():
        rng = make.rng(f"trainer_{name}")
        # Correlated rows, as features of one machine are; the last batch is short.
        rows = 4 * batch + (batch + 1) // 3 if batch > 1 else 5
        mixing = rng.normal(0, 1, (widths[0], widths[0]))
        data = (rng.normal(0, 1, (rows, widths[0])) * 0.4 + rng.normal(0, 1, (rows, 2)) @ mixing[:2]).astype(np.float32)
        if dead:
            data[:, 2] = 0.0
        batches = [data[i : i + batch] for i in range(0, rows, batch)]
        initial = trainer.glorot_uniform(rng, widths)
        reference, single = trainer.NumpyTrainer(initial), trainer.NumpyTrainer(initial, np.float32)
        as_keras = trainer.NumpyTrainer(initial, keras_powers=True)
        golden = make.file(f"training: {risk}", "tensorflow-cpu", "keras")
        golden.note("widths: of input, hidden layers, output; data: rows in fixed order; batch: rows a batch, the last")
        golden.note("batch of an epoch is shorter; initial_wN [outputs, inputs], initial_bN: start; after_K_wN,")
        golden.note(
            "after_K_bN: float64 weights after K steps of Adam (1e-3, 0.9, 0.999, 1e-7) on the mean squared error,"
        )
        golden.note(
            "batches in order, from the start again when all are used; loss_K: over all rows. ReLU, linear out."
        )
        golden.block("widths", np.array(widths, np.int32))
        golden.block("batch", np.array([batch], np.int32))
        golden.block("data", data)
        for i, p in enumerate(initial):
            golden.block(f"initial_{'wb'[i % 2]}{i // 2}", p)
        differences = []
        for step in range(1, 101):
            current = batches[(step - 1) % len(batches)]
            for each in (reference, single, as_keras):
                each.step(current)
            if step not in (1, 2, 10, 100):
                continue
            for i, p in enumerate(reference.weights):
                golden.block(f"after_{step}_{'wb'[i % 2]}{i // 2}", p)
            golden.block(f"loss_{step}", np.atleast_1d(reference.loss(data)))
            used = [batches[s % len(batches)] for s in range(step)]
            keras = trainer.keras_steps(initial, used)
            worst = max(float(np.abs(a - b).max()) for a, b in zip(keras, as_keras.weights))
            if worst > 1e-10:
                raise RuntimeError(f"trainer {name}: Keras differs by {worst} after {step} steps")
            worst_single = max(float(np.abs(a - b).max()) for a, b in zip(single.weights, reference.weights))
            differences.append(f"{step}: Keras {worst:.1e}, float32 {worst_single:.1e}")
        golden.note("largest differences from Keras in float64, and of the same code in float32, after steps")
        golden.note("; ".join(differences))
        print("   ", "; ".join(differences))
        make.write(golden, f"trainer_{name}")


def requantisation_goldens(make: Maker) -> None:
    rng = make.rng("requantisation")
    reals = [0.0, 1.0, 0.5, 2.0, 0.75, 1.0 - 2.0**-53, 1.0 - 2.0**-32, 1.0 - 2.0**-33, 2.0**-31, 2.0**-32, 2.0**-33]
    reals += [
        math.nextafter(2.0**-32, 0),
        2.0**-32 * (1 - 2.0**-32),
        1e-300,
        5e-324,
        1.9999999999,
        63.99999999999,
        2.0**10,
    ]
    reals += [float(v) for v in np.exp2(rng.uniform(-34, 6, 200))]
    pairs = [requantisation.quantize_multiplier(r) for r in reals]
    golden = make.file("scale to multiplier: rounding up to the next power of two, flush to zero")
    golden.note("real -> multiplier, shift: real ~ multiplier / 2^31 * 2^shift")
    golden.block("real", np.array(reals))
    golden.block("multiplier", np.array([m for m, _ in pairs], np.int32))
    golden.block("shift", np.array([s for _, s in pairs], np.int32))
    make.write(golden, "quantize_multiplier")

    columns: list[tuple[int, float, int, int, int, int]] = []

    def add(acc: int, real: float, zero_point: int) -> None:
        m, shift = requantisation.quantize_multiplier(real)
        if requantisation.INT32_MIN <= acc * 2 ** max(shift, 0) <= requantisation.INT32_MAX:
            columns.append((acc, real, m, shift, zero_point, requantisation.requantise(acc, m, shift, zero_point)))

    extremes = [0, 1, -1, 2, -2, 3, -3, 127, -128, 2**30, -(2**30), 2**31 - 1, -(2**31), -(2**31) + 1]
    for real in (0.0, 1.0, 0.5, 0.25, 0.125, 2.0**-31, 2.0**-24, 2.0**-20, 0.9999999999, 1.5, 8.0, 3e-7):
        for acc in extremes:
            for zero_point in (0, -128, 127):
                add(acc, real, zero_point)
    for _ in range(600):
        real = float(np.exp2(rng.uniform(-26, 3)))
        # Codes of interest, and beside their ties, where double rounding differs from a single one.
        centre = round((int(rng.integers(-300, 300)) / 2) / real)
        acc = max(-(2**31), min(2**31 - 1, centre + int(rng.integers(-2, 3))))
        add(acc, real, int(rng.integers(-128, 128)))
    single = sum(
        max(-128, min(127, requantisation.nearest_half_away(requantisation.Fraction(c[1]) * c[0]) + c[4])) != c[5]
        for c in columns
    )
    golden = make.file("double rounding, halves of both signs, saturation, the ends of int32")
    golden.note("accumulator, real, multiplier and shift of real, zero_point -> result, a code of int8")
    golden.note(f"{single} of {len(columns)} results differ from a single exact rounding")
    names = ("accumulator", "real", "multiplier", "shift", "zero_point", "result")
    types = (np.int32, np.float64, np.int32, np.int32, np.int32, np.int8)
    for i, (name, kind) in enumerate(zip(names, types)):
        golden.block(name, np.array([c[i] for c in columns], kind))
    make.write(golden, "requantise")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=20261123)
    parser.add_argument("--out", type=Path, default=GOLDEN)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    make = Maker(arguments.seed, arguments.out)
    requantisation_goldens(make)
    feature_goldens(make)
    vibration_goldens(make)
    int8_goldens(make)
    unsupported_goldens(make)
    trainer_goldens(make)
    print(f"{make.total} bytes in all")
    return 0


if __name__ == "__main__":
    sys.exit(main())
