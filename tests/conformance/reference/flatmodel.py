# SPDX-License-Identifier: Apache-2.0
"""Writes .tflite files by hand, with the schema that LiteRT publishes: for shapes, scales and operators that
TensorFlow's converter would never emit, yet that a reader must get right."""

from __future__ import annotations

from dataclasses import dataclass, field

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

_FUSED = {
    "none": schema.ActivationFunctionType.NONE,
    "relu": schema.ActivationFunctionType.RELU,
    "relu6": schema.ActivationFunctionType.RELU6,
}
_OPERATOR = {
    "fully_connected": (schema.BuiltinOperator.FULLY_CONNECTED, 4),
    "fully_connected_per_channel": (schema.BuiltinOperator.FULLY_CONNECTED, 12),
    "relu": (schema.BuiltinOperator.RELU, 2),
    "relu6": (schema.BuiltinOperator.RELU6, 2),
    "quantize": (schema.BuiltinOperator.QUANTIZE, 1),
    "dequantize": (schema.BuiltinOperator.DEQUANTIZE, 2),
}


@dataclass(frozen=True)
class Quantisation:
    """real = scale * (code - zero_point)."""

    scale: float
    zero_point: int


@dataclass(frozen=True)
class Layer:
    """One FULLY_CONNECTED and, when `separate` is set, the activation operator after it."""

    weights: np.ndarray  # int8 [outputs, inputs]
    weight_scales: np.ndarray  # float32 [1] (per tensor) or [outputs] (per channel)
    output: Quantisation
    bias: np.ndarray | None = None  # int32 [outputs]
    fused: str = "none"
    separate: tuple[str, Quantisation] | None = None


@dataclass
class _Writer:
    model: schema.ModelT = field(default_factory=schema.ModelT)
    graph: schema.SubGraphT = field(default_factory=schema.SubGraphT)

    def __post_init__(self) -> None:
        self.model.version = 3
        self.model.description = "hand-built for Fettle's conformance tests"
        self.model.buffers = [schema.BufferT()]
        self.model.operatorCodes = []
        self.model.subgraphs = [self.graph]
        self.graph.tensors, self.graph.operators = [], []

    def tensor(self, shape, kind, scales=None, zero_points=None, data=None, dimension=0) -> int:
        t = schema.TensorT()
        t.shape, t.type, t.name = list(shape), kind, f"t{len(self.graph.tensors)}"
        t.buffer = 0
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(data.astype(data.dtype.newbyteorder("<")).tobytes(), np.uint8)
            self.model.buffers.append(buffer)
            t.buffer = len(self.model.buffers) - 1
        if scales is not None:
            q = schema.QuantizationParametersT()
            q.scale = np.asarray(scales, np.float32)
            q.zeroPoint = np.asarray(zero_points, np.int64)
            q.quantizedDimension = dimension
            t.quantization = q
        self.graph.tensors.append(t)
        return len(self.graph.tensors) - 1

    def activation(self, width: int, q: Quantisation) -> int:
        return self.tensor([1, width], schema.TensorType.INT8, [q.scale], [q.zero_point])

    def operator(self, name: str, inputs, output: int, options=None, kind=0) -> None:
        builtin, version = _OPERATOR[name]
        for index, known in enumerate(self.model.operatorCodes):
            if known.builtinCode == builtin and known.version == version:
                break
        else:
            code = schema.OperatorCodeT()
            code.builtinCode, code.deprecatedBuiltinCode, code.version = builtin, builtin, version
            self.model.operatorCodes.append(code)
            index = len(self.model.operatorCodes) - 1
        op = schema.OperatorT()
        op.opcodeIndex, op.inputs, op.outputs = index, list(inputs), [output]
        if options is not None:
            op.builtinOptions, op.builtinOptionsType = options, kind
        self.graph.operators.append(op)

    def finish(self) -> bytes:
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def build(input_q: Quantisation, layers: list[Layer], float_ends: bool = False) -> bytes:
    """A chain of layers as .tflite bytes; `float_ends` puts QUANTIZE before and DEQUANTIZE behind it."""
    w = _Writer()
    width = layers[0].weights.shape[1]
    if float_ends:
        first = w.tensor([1, width], schema.TensorType.FLOAT32)
        current = w.activation(width, input_q)
        w.operator("quantize", [first], current)
    else:
        first = current = w.activation(width, input_q)
    scale_in = input_q.scale
    for layer in layers:
        outputs = layer.weights.shape[0]
        scales = np.asarray(layer.weight_scales, np.float32)
        zeros = np.zeros(len(scales), np.int64)
        weights = w.tensor(layer.weights.shape, schema.TensorType.INT8, scales, zeros, layer.weights)
        bias = -1
        if layer.bias is not None:
            bias_scales = np.float32(scale_in) * scales
            bias = w.tensor([outputs], schema.TensorType.INT32, bias_scales, zeros, layer.bias)
        target = w.activation(outputs, layer.output)
        options = schema.FullyConnectedOptionsT()
        options.fusedActivationFunction = _FUSED[layer.fused]
        name = "fully_connected_per_channel" if len(scales) > 1 else "fully_connected"
        w.operator(name, [current, weights, bias], target, options, schema.BuiltinOptions.FullyConnectedOptions)
        current, scale_in = target, layer.output.scale
        if layer.separate is not None:
            kind, q = layer.separate
            target = w.activation(outputs, q)
            w.operator(kind, [current], target)
            current, scale_in = target, q.scale
    if float_ends:
        target = w.tensor([1, layers[-1].weights.shape[0]], schema.TensorType.FLOAT32)
        w.operator("dequantize", [current], target)
        current = target
    w.graph.inputs, w.graph.outputs = [first], [current]
    return w.finish()


def random_layers(
    rng: np.random.Generator,
    widths: list[int],
    per_channel: bool,
    activations: tuple[str, ...] = ("none", "relu", "relu6"),
    separate_share: float = 0.3,
    bias_share: float = 0.9,
) -> tuple[Quantisation, list[Layer]]:
    """Layers whose codes fill the range (some saturate): an all-zero or all-clipped model proves nothing."""
    input_q = Quantisation(float(np.float32(2.0 ** rng.uniform(-7, 1))), int(rng.integers(-128, 128)))
    layers: list[Layer] = []
    before = input_q
    for inputs, outputs in zip(widths, widths[1:]):
        weights = rng.integers(-127, 128, (outputs, inputs), dtype=np.int64).astype(np.int8)
        spread = 2.0 ** rng.uniform(-3, 3, outputs if per_channel else 1)
        scales = (0.01 * 2.0 ** rng.uniform(-4, 4) * spread).astype(np.float32)
        # What one output typically sums to, in real units, decides the output scale.
        typical = before.scale * float(np.median(scales)) * 73.0 * 74.0 * np.sqrt(inputs)
        output = Quantisation(float(np.float32(typical / rng.uniform(25, 70))), int(rng.integers(-128, 128)))
        bias = None
        if rng.random() < bias_share:
            reach = int(73 * 74 * np.sqrt(inputs))
            bias = rng.integers(-reach, reach + 1, outputs).astype(np.int32)
        kind = str(rng.choice(activations))
        if kind == "relu6":  # let six lie inside the range of the codes, or the clamp is never seen
            ratio = 6.0 / (rng.uniform(30, 100) * output.scale)
            scales = (scales * ratio).astype(np.float32)
            output = Quantisation(float(np.float32(output.scale * ratio)), output.zero_point)
        separate = None
        fused = kind
        if kind != "none" and rng.random() < separate_share:
            fused = "none"
            # RELU may change scale and zero point; RELU6 in TFLite Micro may not.
            target = output
            if kind == "relu":
                factor = 2.0 ** rng.uniform(-1.5, 1.0)
                target = Quantisation(float(np.float32(output.scale * factor)), int(rng.integers(-128, 64)))
            separate = (kind, target)
        layers.append(Layer(weights, scales, output, bias, fused, separate))
        before = separate[1] if separate else output
    return input_q, layers
