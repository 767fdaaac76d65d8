# SPDX-License-Identifier: Apache-2.0
"""(d) Training against Keras: same windows, split, z-scores and settings; losses of the best epoch's weights.

Both keep the weights of the epoch with the lowest validation loss, and the loss is that of these weights over all
training (and all validation) windows. The start is random on both sides, so means over seeds are compared in a
one-sided Welch test: a difference that chance would bring in less than one case of a hundred fails.

A Keras fit costs seconds, so few seeds are affordable and only a coarse difference would show. Therefore the same
test runs against the steps of Keras in NumPy as well (reference.trainer: equal to Keras to 1e-15 a step, which
make_goldens.py checks) with enough seeds to see a few per cent.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from reference import keras_models, trainer
from reference.fettle import Fettle
from reference.recordings import machine, write_csv
from reference.report import Report

from .exports import data_set

EPOCHS, BATCH, HIDDEN = 50, 32, (12, 8, 12)
OUR_SEEDS, KERAS_SEEDS, NUMPY_SEEDS = 60, 10, 40
# Student's t that is exceeded with 1 % probability, for the smaller number of seeds less one: a bound for
# Welch's degrees of freedom from below, so for t from above.
T_ONE_PERCENT = {KERAS_SEEDS: 2.821, NUMPY_SEEDS: 2.426}
Losses = tuple[float, float]  # training, validation


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


def keras_losses(x: np.ndarray, v: np.ndarray, seed: int) -> Losses:
    """Keras' own fit()."""
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
    train, validation = (float(model.evaluate(d, d, verbose=0, batch_size=4096)) for d in (x, v))
    return train, validation


def numpy_losses(x: np.ndarray, v: np.ndarray, seed: int) -> Losses:
    """The same fit by reference.trainer."""
    rng = np.random.default_rng(seed)
    widths = [x.shape[1], *HIDDEN, x.shape[1]]
    run = trainer.NumpyTrainer(trainer.glorot_uniform(rng, widths), np.float32)
    best = (np.inf, np.inf)
    for _ in range(EPOCHS):
        order = rng.permutation(len(x))
        for at in range(0, len(x), BATCH):
            run.step(x[order[at : at + BATCH]])
        validation = run.loss(v)
        if validation < best[1]:
            best = (run.loss(x), validation)
    return best


def our_losses(fettle: Fettle, data: Path, seed: int) -> Losses:
    told = fettle.json(
        *("train", data, "-o", fettle.work / "loss.tflite", "--seed", seed, "--epochs", EPOCHS),
        *("--batch", BATCH, "--hidden", ",".join(map(str, HIDDEN))),
    )["training"]
    return told["train_loss"], told["validation_loss"]


def judge(report: Report, name: str, peer: str, ours: np.ndarray, theirs: np.ndarray) -> None:
    error = np.sqrt(ours.var(axis=0, ddof=1) / len(ours) + theirs.var(axis=0, ddof=1) / len(theirs))
    bound = theirs.mean(axis=0) + T_ONE_PERCENT[len(theirs)] * error
    for i, part in enumerate(("training", "validation")):
        mine, other = ours[:, i].mean(), theirs[:, i].mean()
        report.check(f"{name}, {part}", mine <= bound[i], f"{mine:.4f}, {peer} {other:.4f}, bound {bound[i]:.4f}")


def run(fettle: Fettle, report: Report, seed: int) -> None:
    report.heading("(d) Training loss no worse than Keras'")
    report.say(
        f"means over seeds: {OUR_SEEDS} of ours, {KERAS_SEEDS} of Keras, {NUMPY_SEEDS} of Keras' steps in NumPy; "
        "bound: one-sided Welch test, 1 %"
    )

    def usual(axes: int) -> Path:
        return data_set(fettle, seed, axes)

    def tones(axes: int) -> Path:
        source, target = fettle.work / "source" / "six.csv", fettle.work / "six_imported"
        write_csv(source, machine(np.random.default_rng(seed + 7), 700, axes))
        fettle.run("import", source, "--label", "normal", "-o", target)
        return target

    cases: list[tuple[str, Callable[[int], Path], int]] = [
        ("machine, 6 axes", usual, 6),
        ("tones, 6 axes", tones, 6),
        ("tones, 3 axes", usual, 3),
    ]
    for name, make, axes in cases:

        def one(name=name, make=make, axes=axes) -> None:
            path = make(axes)
            x, v = split(fettle.windows(path))
            ours = np.array([our_losses(fettle, path, seed + k) for k in range(OUR_SEEDS)])
            for peer, losses, count in (("NumPy", numpy_losses, NUMPY_SEEDS), ("Keras", keras_losses, KERAS_SEEDS)):
                judge(report, name, peer, ours, np.array([losses(x, v, seed + k) for k in range(count)]))
            report.say(f"{len(x)} + {len(v)} windows, spread of ours {ours[:, 0].std(ddof=1):.4f}")

        report.attempt(name, one)
