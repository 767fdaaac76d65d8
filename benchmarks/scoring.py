# SPDX-License-Identifier: Apache-2.0
"""The tutorial's scoring loop: NumPy features and a LiteRT interpreter, window by window, one core.

python benchmarks/scoring.py model.tflite recording.csv     prints windows a second
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from ai_edge_litert.interpreter import Interpreter

WINDOW = 128


def windows_per_second(model: Path, recording: Path, at_least_s: float = 1.0) -> float:
    """Features to verdict; reading the CSV is outside, as it is for Fettle's figure. Statistics for the z-scores are
    made up: they change no cost."""
    samples = pd.read_csv(recording).iloc[:, 1:].to_numpy(np.float32)
    count = len(samples) // WINDOW
    windows = samples[: count * WINDOW].reshape(count, WINDOW, -1)
    interpreter = Interpreter(str(model), num_threads=1)
    interpreter.allocate_tensors()
    source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    (in_scale, in_zero), (out_scale, out_zero) = source["quantization"], target["quantization"]
    width = int(source["shape"][-1])
    mean, deviation = np.zeros(width, np.float32), np.ones(width, np.float32)
    alarms = done = 0
    start = time.process_time()
    while (spent := time.process_time() - start) < at_least_s or not done:
        for window in windows[:500]:
            parts = (window.mean(axis=0), window.std(axis=0), window.max(axis=0) - window.min(axis=0))
            z = (np.stack(parts, axis=1).reshape(-1)[:width] - mean) / deviation
            codes = np.clip(np.round(z / in_scale) + in_zero, -128, 127).astype(np.int8)
            interpreter.set_tensor(source["index"], codes[None])
            interpreter.invoke()
            out = (interpreter.get_tensor(target["index"])[0].astype(np.float32) - out_zero) * out_scale
            alarms += bool(np.mean((z - out) ** 2) > 1.0)
            done += 1
    return done / spent


if __name__ == "__main__":
    print(windows_per_second(Path(sys.argv[1]), Path(sys.argv[2])))
