# SPDX-License-Identifier: Apache-2.0
"""The field's usual way from CSV to an int8 detector, as one Python process: the peer of `fettle train`.

    python benchmarks/tutorial.py FOLDER_OF_CSV model.tflite

pandas reads, NumPy makes the features (vectorised: a loop would flatter us), Keras trains, TensorFlow converts.
Split, shapes, epochs and batch are those of `fettle train`, so that both do the same work.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np
import pandas as pd
import tensorflow as tf

WINDOW, EPOCHS, BATCH = 128, 50, 32


def features(samples: np.ndarray) -> np.ndarray:
    """[rows, axes] -> [windows, 3 * axes]"""
    count = len(samples) // WINDOW
    windows = samples[: count * WINDOW].reshape(count, WINDOW, -1)
    parts = (windows.mean(axis=1), windows.std(axis=1), windows.max(axis=1) - windows.min(axis=1))
    return np.stack(parts, axis=2).reshape(count, -1)


def main(folder: Path, target: Path) -> None:
    columns = []
    for path in sorted(folder.glob("*.csv")):
        frame = pd.read_csv(path)
        columns.append(features(frame.iloc[:, 1:].to_numpy(np.float32)))
    data = np.concatenate(columns)
    n = len(data)
    train, validation, held_out = np.split(data, [n * 55 // 100, n * 65 // 100, n * 85 // 100])[:3]
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    deviation[deviation == 0] = 1.0
    train, validation, held_out = ((d - mean) / deviation for d in (train, validation, held_out))

    width = data.shape[1]
    model = tf.keras.Sequential(
        [
            tf.keras.layers.Input((width,)),
            tf.keras.layers.Dense(12, activation="relu"),
            tf.keras.layers.Dense(8, activation="relu"),
            tf.keras.layers.Dense(12, activation="relu"),
            tf.keras.layers.Dense(width),
        ]
    )
    model.compile(optimizer="adam", loss="mse")
    model.fit(train, train, epochs=EPOCHS, batch_size=BATCH, validation_data=(validation, validation), verbose=0)
    scores = ((model.predict(held_out, verbose=0) - held_out) ** 2).mean(axis=1)
    threshold = np.percentile(scores, 99)

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([row[None].astype(np.float32)] for row in train)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    content = converter.convert()
    target.write_bytes(content)
    print(f"{n} windows, threshold {threshold:.4f}, {len(content)} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
