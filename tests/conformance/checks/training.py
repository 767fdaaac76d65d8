# SPDX-License-Identifier: Apache-2.0
"""(d) Training against Keras: same windows, split, z-scores, settings; losses after the best epoch.

Both keep the weights of the epoch with the lowest validation loss, and the loss is that of these weights over
all training (and validation) windows. The start is random on both sides, so means over seeds are compared: ours
may exceed Keras' by no more than 2 standard errors of the difference of the two means (Welch), which a trainer
that is worse by more than the scatter between seeds does not pass.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from reference import keras_models
from reference.fettle import Fettle
from reference.recordings import machine, write_csv
from reference.report import Report

from .exports import data_set

KERAS_SEEDS, OUR_SEEDS = 5, 25  # ours cost milliseconds, and the more there are the stricter the bound
EPOCHS, BATCH, HIDDEN = 50, 32, (12, 8, 12)


def split(archive: dict[str, np.ndarray], label: str = "normal") -> tuple[np.ndarray, np.ndarray]:
    """z-scored windows for training and for choosing the epoch: 55 % and 10 % of each recording in time."""
    train, validation = [], []
    recordings = archive["recording"]
    for name in dict.fromkeys(recordings[archive["label"] == label].tolist()):
        rows = archive["features"][(recordings == name) & (archive["label"] == label)]
        train.append(rows[: len(rows) * 55 // 100])
        validation.append(rows[len(rows) * 55 // 100 : len(rows) * 65 // 100])
    x, v = np.concatenate(train).astype(np.float64), np.concatenate(validation).astype(np.float64)
    mean, deviation = x.mean(axis=0), x.std(axis=0)
    deviation[deviation == 0.0] = 1.0
    return ((x - mean) / deviation).astype(np.float32), ((v - mean) / deviation).astype(np.float32)


def keras_losses(x: np.ndarray, v: np.ndarray, seed: int) -> tuple[float, float]:
    keras = keras_models.tf.keras
    keras.utils.set_random_seed(seed)
    layers = [keras.layers.Input((x.shape[1],))]
    layers += [keras.layers.Dense(n, activation="relu") for n in HIDDEN] + [keras.layers.Dense(x.shape[1])]
    model = keras.Sequential(layers)
    model.compile(optimizer=keras.optimizers.Adam(1e-3), loss="mse")

    class Keep(keras.callbacks.Callback):
        lowest, weights = np.inf, None

        def on_epoch_end(self, epoch, logs=None):
            if logs["val_loss"] < self.lowest:
                self.lowest, self.weights = logs["val_loss"], self.model.get_weights()

    keep = Keep()
    model.fit(x, x, epochs=EPOCHS, batch_size=BATCH, validation_data=(v, v), verbose=0, callbacks=[keep])
    model.set_weights(keep.weights)
    return tuple(float(model.evaluate(d, d, verbose=0, batch_size=4096)) for d in (x, v))


def run(fettle: Fettle, report: Report, seed: int) -> None:
    report.heading(f"(d) Training loss no worse than Keras', {OUR_SEEDS} and {KERAS_SEEDS} seeds")
    report.say("bound: Keras' mean + 2 standard errors of the difference of the means")

    def usual(axes: int) -> Path:
        return data_set(fettle, seed, axes)

    def tones(axes: int) -> Path:
        source, target = fettle.work / "source" / "six.csv", fettle.work / "six_imported"
        write_csv(source, machine(np.random.default_rng(seed + 7), 700, axes))
        fettle.run("import", source, "--label", "normal", "-o", target)
        return target

    cases = [("built-in machine, six axes", usual, 6), ("tones and noise, six axes", tones, 6),
             ("tones and noise, three axes", usual, 3)]  # fmt: skip
    for name, make, axes in cases:

        def one(name=name, make=make, axes=axes) -> None:
            path = make(axes)
            x, v = split(fettle.windows(path))
            ours = []
            for k in range(OUR_SEEDS):
                told = fettle.json(
                    "train", path, "-o", fettle.work / "loss.tflite", "--seed", seed + k, "--epochs", EPOCHS,
                    "--batch", BATCH, "--hidden", ",".join(map(str, HIDDEN)),
                )["training"]  # fmt: skip
                ours.append((told["train_loss"], told["validation_loss"]))
            theirs = [keras_losses(x, v, seed + k) for k in range(KERAS_SEEDS)]
            a, b = np.array(ours), np.array(theirs)
            error = np.sqrt(a.var(axis=0, ddof=1) / len(a) + b.var(axis=0, ddof=1) / len(b))
            for i, part in enumerate(("training", "validation")):
                bound = b[:, i].mean() + 2 * error[i]
                mine = a[:, i].mean()
                figures = f"{mine:.4f}, Keras {b[:, i].mean():.4f}, bound {bound:.4f}"
                report.check(f"{name}, {part}", mine <= bound, figures)
            report.say(f"{len(x)} + {len(v)} windows; spread (sd) ours {a[:, 0].std(ddof=1):.4f}, "
                       f"Keras {b[:, 0].std(ddof=1):.4f}")  # fmt: skip

        report.attempt(name, one)
