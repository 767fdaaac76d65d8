# SPDX-License-Identifier: Apache-2.0
"""Models from TensorFlow's own converter: what a Fettle user with a Keras detector brings along."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import contextlib
import io
import logging

import numpy as np
import tensorflow as tf

tf.get_logger().setLevel(logging.ERROR)
logging.getLogger("absl").setLevel(logging.ERROR)


@contextlib.contextmanager
def _quiet():
    """The converter's C++ logs go straight to file descriptor 2."""
    saved, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)


def dense(rng: np.random.Generator, widths: list[int], activations: list[str | None], gain: float = 1.0):
    """A Keras chain of Dense layers with random weights whose columns differ in size."""
    layers = [tf.keras.layers.Input((widths[0],))]
    for width, activation in zip(widths[1:], activations):
        layers.append(tf.keras.layers.Dense(width, activation=activation))
    model = tf.keras.Sequential(layers)
    for layer in model.layers:
        kernel, bias = layer.get_weights()
        spread = 2.0 ** rng.uniform(-2, 2, kernel.shape[1])
        layer.set_weights(
            [
                gain * spread * rng.normal(0, 1, kernel.shape) / np.sqrt(kernel.shape[0]),
                0.3 * gain * spread * rng.normal(0, 1, bias.shape),
            ]
        )
    return model


def convert(
    model,
    representative: np.ndarray,
    per_channel: bool = True,
    float_ends: bool = False,
    kind: str = "int8",
) -> bytes:
    """Bytes of the converted model. kind: int8, float, dynamic_range, int16 (activations), uint8 (ends)."""
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if kind != "float":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if kind in ("int8", "uint8", "int16"):
        converter.representative_dataset = lambda: ([row[None].astype(np.float32)] for row in representative)
        converter.target_spec.supported_ops = (
            [tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8]
            if kind == "int16"
            else [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        )
        converter._experimental_disable_per_channel_quantization_for_dense_layers = not per_channel
        if not float_ends:
            ends = {"int8": tf.int8, "uint8": tf.uint8, "int16": tf.int16}[kind]
            converter.inference_input_type = converter.inference_output_type = ends
    with _quiet(), contextlib.redirect_stdout(io.StringIO()):
        return converter.convert()
