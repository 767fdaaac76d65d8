# SPDX-License-Identifier: Apache-2.0
"""Training of a ReLU autoencoder in float64 NumPy, written from the papers, and the same steps by Keras.

Mean squared error over all outputs of a batch; back-propagation; Adam (D. Kingma and J. Ba, "Adam: A Method for
Stochastic Optimization", ICLR 2015, section 2, the efficient form with the epsilon-hat that Keras uses).
Weights are [outputs, inputs], as in a .tflite; Keras has the transpose.
"""

from __future__ import annotations

import numpy as np

LEARNING_RATE, BETA_1, BETA_2, EPSILON = 1e-3, 0.9, 0.999, 1e-7
Weights = list[np.ndarray]  # weights and bias of each layer in turn


def glorot_uniform(rng: np.random.Generator, widths: list[int]) -> Weights:
    """Initial values rounded to float32, so that any trainer can start from exactly these; zero biases."""
    parameters: Weights = []
    for inputs, outputs in zip(widths, widths[1:]):
        limit = np.sqrt(6.0 / (inputs + outputs))
        parameters.append(rng.uniform(-limit, limit, (outputs, inputs)).astype(np.float32))
        parameters.append(np.zeros(outputs, np.float32))
    return parameters


class NumpyTrainer:
    """One step a call; `dtype` float32 shows what single precision alone costs. Parameters and batches may have
    one more axis in front: many networks trained at once, each on its own rows.

    Keras takes 1 - beta^t from betas rounded to float32 even where everything else is float64 (6.7e-6 of the
    step size); `keras_powers` does the same, so that the two can be compared to the last digits.
    """

    def __init__(self, initial: Weights, dtype=np.float64, keras_powers: bool = False) -> None:
        self._betas = [float(np.float32(b)) if keras_powers else b for b in (BETA_1, BETA_2)]
        self.weights = [p.astype(dtype) for p in initial]
        self._first = [np.zeros_like(p) for p in self.weights]
        self._second = [np.zeros_like(p) for p in self.weights]
        self._steps = 0
        self._dtype = dtype

    def forward(self, x: np.ndarray) -> list[np.ndarray]:
        outputs = [x.astype(self._dtype)]
        layers = len(self.weights) // 2
        for i in range(layers):
            z = outputs[-1] @ self.weights[2 * i].swapaxes(-1, -2) + self.weights[2 * i + 1][..., None, :]
            outputs.append(z if i == layers - 1 else np.maximum(z, 0))
        return outputs

    def loss(self, x: np.ndarray) -> np.ndarray:
        """Mean squared error over the last two axes."""
        return ((self.forward(x)[-1] - x) ** 2).mean(axis=(-1, -2))

    def step(self, batch: np.ndarray) -> None:
        outputs = self.forward(batch)
        delta = 2.0 * (outputs[-1] - outputs[0]) / self._dtype(batch.shape[-1] * batch.shape[-2])
        gradients: Weights = [np.empty(0)] * len(self.weights)
        for i in reversed(range(len(self.weights) // 2)):
            gradients[2 * i] = delta.swapaxes(-1, -2) @ outputs[i]
            gradients[2 * i + 1] = delta.sum(axis=-2)
            if i:
                delta = (delta @ self.weights[2 * i]) * (outputs[i] > 0)
        self._steps += 1
        t = self._steps
        rate = self._dtype(LEARNING_RATE * np.sqrt(1.0 - self._betas[1] ** t) / (1.0 - self._betas[0] ** t))
        for p, g, m, v in zip(self.weights, gradients, self._first, self._second):
            m += (g - m) * self._dtype(1.0 - BETA_1)
            v += (g * g - v) * self._dtype(1.0 - BETA_2)
            p -= rate * m / (np.sqrt(v) + self._dtype(EPSILON))


def orders(rng: np.random.Generator, fits: int, epochs: int, rows: int) -> np.ndarray:
    """A permutation of the rows for each fit and epoch: [fits, epochs, rows]."""
    return np.argsort(rng.random((fits, epochs, rows)), axis=2)


def fit_many(starts: list[Weights], x: np.ndarray, v: np.ndarray, batch: int, order: np.ndarray) -> np.ndarray:
    """What fit() with the best epoch kept gives from each start: [starts, 2], loss on x and on v. Float32."""
    run = NumpyTrainer([np.stack(p) for p in zip(*starts)], np.float32)
    best = np.full((len(starts), 2), np.inf)
    for epoch in range(order.shape[1]):
        for at in range(0, len(x), batch):
            run.step(x[order[:, epoch, at : at + batch]])
        validation = run.loss(v)
        better = validation < best[:, 1]
        best[better] = np.stack([run.loss(x), validation], axis=1)[better]
    return best


def keras_steps(initial: Weights, batches: list[np.ndarray], dtype: str = "float64") -> Weights:
    """The weights after Keras itself has taken one step for each batch."""
    from . import keras_models  # only here: goldens of features need no TensorFlow

    keras = keras_models.tf.keras
    usual = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)  # cached at first use: setting floatx alone would not reach the layers
    try:
        layers = [keras.layers.Input((initial[0].shape[1],))]
        for i in range(0, len(initial), 2):
            layers.append(keras.layers.Dense(initial[i].shape[0], activation="relu" if i < len(initial) - 2 else None))
        model = keras.Sequential(layers)
        model.set_weights([p.T.astype(dtype) for p in initial])
        optimiser = keras.optimizers.Adam(LEARNING_RATE, beta_1=BETA_1, beta_2=BETA_2, epsilon=EPSILON)
        model.compile(optimizer=optimiser, loss="mse")
        for batch in batches:
            model.train_on_batch(batch.astype(dtype), batch.astype(dtype))
        return [np.asarray(p).T for p in model.get_weights()]
    finally:
        keras.config.set_floatx(usual[0])
        keras.config.set_dtype_policy(usual[1])
