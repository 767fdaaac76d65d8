# SPDX-License-Identifier: Apache-2.0
"""(d) Training against Keras: same windows, split, z-scores and settings; losses of the best epoch's weights.

Both keep the weights of the epoch with the lowest validation loss, and the loss is that of these weights over all
training (and all validation) windows. The start is random on both sides, so means over seeds are compared in a
one-sided Welch test: a difference that chance would bring in less than one case of a hundred fails.

A Keras fit costs seconds, and the start decides most of where 50 epochs lead: ten fits can be lucky by a fifth.
So Keras' mean is estimated with a control variate. reference.trainer takes Keras' steps in NumPy (equal to 1e-15 a
step, which make_goldens.py checks): from Keras' own starts and orders, which gives the difference of the two from
few fits, and from many further starts, which gives the mean.

Keras is handed its rows in a new order each epoch, without shuffling itself: with a seed set (TensorFlow 2.21,
Keras 3.15) its own shuffle repeats one order in every epoch, which no user without a seed gets.
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
OUR_SEEDS, KERAS_FITS, NUMPY_STARTS = 100, 2, 400
# Student's t exceeded with 1 % probability, OUR_SEEDS - 1 degrees of freedom: ours is nearly all of the error.
T_ONE_PERCENT = 2.365
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


def keras_fit(x: np.ndarray, v: np.ndarray, start: trainer.Weights, order: np.ndarray) -> Losses:
    """Keras' fit from given weights, an epoch a call, rows in the given order of each epoch."""
    keras = keras_models.tf.keras
    layers = [keras.layers.Input((x.shape[1],))]
    layers += [keras.layers.Dense(n, activation="relu") for n in HIDDEN] + [keras.layers.Dense(x.shape[1])]
    model = keras.Sequential(layers)
    model.set_weights([p.T for p in start])
    model.compile(optimizer=keras.optimizers.Adam(1e-3), loss="mse")
    best = (np.inf, np.inf)
    for rows in order:
        model.fit(x[rows], x[rows], epochs=1, batch_size=BATCH, shuffle=False, verbose=0)
        validation = float(model.evaluate(v, v, verbose=0, batch_size=4096))
        if validation < best[1]:
            best = (float(model.evaluate(x, x, verbose=0, batch_size=4096)), validation)
    return best


def our_losses(fettle: Fettle, data: Path, seed: int) -> Losses:
    told = fettle.json(
        *("train", data, "-o", fettle.work / "loss.tflite", "--features", "tutorial", "--seed", seed),
        *("--epochs", EPOCHS),
        *("--batch", BATCH, "--hidden", ",".join(map(str, HIDDEN))),
    )["training"]
    return told["train_loss"], told["validation_loss"]


def judge(report: Report, name: str, x: np.ndarray, v: np.ndarray, ours: np.ndarray, seed: int) -> None:
    rng = np.random.default_rng([seed, 4])
    widths = [x.shape[1], *HIDDEN, x.shape[1]]
    starts = [trainer.glorot_uniform(rng, widths) for _ in range(KERAS_FITS + NUMPY_STARTS)]
    order = trainer.orders(rng, len(starts), EPOCHS, len(x))
    theirs = np.array([keras_fit(x, v, starts[k], order[k]) for k in range(KERAS_FITS)])
    replica = trainer.fit_many(starts, x, v, BATCH, order)
    difference, many = theirs - replica[:KERAS_FITS], replica[KERAS_FITS:]
    estimate = many.mean(axis=0) + difference.mean(axis=0)
    error = np.sqrt(sum(part.var(axis=0, ddof=1) / len(part) for part in (difference, many, ours)))
    bound = estimate + T_ONE_PERCENT * error
    for i, part in enumerate(("training", "validation")):
        mine = ours[:, i].mean()
        report.check(f"{name}, {part}", mine <= bound[i], f"{mine:.4f}, Keras {estimate[i]:.4f}, bound {bound[i]:.4f}")
    report.say(
        f"{len(x)} + {len(v)} windows; training: Keras' fits alone {theirs[:, 0].mean():.4f}, difference from NumPy "
        f"{difference[:, 0].mean():+.5f}, spread of ours {ours[:, 0].std(ddof=1):.4f}"
    )


def run(fettle: Fettle, report: Report, seed: int) -> None:
    report.heading("(d) Training loss no worse than Keras'")
    report.say(
        f"means: {OUR_SEEDS} seeds of ours; {KERAS_FITS} Keras fits, corrected for the luck of their starts by "
        f"{NUMPY_STARTS} starts of the same steps in NumPy; bound: one-sided Welch test, 1 %"
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
            judge(report, name, x, v, ours, seed)

        report.attempt(name, one)
