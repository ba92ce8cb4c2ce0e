"""The deep ranker's network: user half once a request, item half once a candidate, both sides' tables inside."""

from typing import Any

import numpy as np
import numpy.typing as npt

from contracts.events import ACTION_CODES
from training.rankers.settings import DeepSettings
from training.tensorflow_runtime import load, load_recommenders

tf = load()
tfrs = load_recommenders()

CLIP = 5.0
"""Standard deviations beyond which a dynamic column says no more."""
RECENCY_HALF_LIFE = 5.0
"""Actions after which one in the history weighs half at the start of training; learned from there."""
_OUT = -1e9


class CandidateScorer(tf.keras.layers.Layer):  # type: ignore[misc,name-defined]
    """Scores [b, t] of candidates from the history's and their own embeddings and the dynamic columns.

    The first layer is split: its user part is computed once and added to every candidate's part.
    """

    def __init__(
        self,
        items: int,
        mean: npt.NDArray[np.float32],
        scale: npt.NDArray[np.float32],
        ordered: bool,
        settings: DeepSettings,
        seed: int,
    ) -> None:
        super().__init__(name="candidate_scorer")
        small = tf.keras.initializers.RandomNormal(stddev=0.05, seed=seed)
        self._mean, self._scale = tf.constant(mean), tf.constant(scale)
        self._settings, self._ordered, self._items = settings, ordered, items
        self.table = self.add_weight("items", (items + 1, settings.size), initializer=small)
        self.by_action = self.add_weight("actions", (max(ACTION_CODES.values()) + 1,), initializer="ones")
        fade = -np.arange(settings.history - 1, -1, -1, dtype=np.float32) * np.log(2) / RECENCY_HALF_LIFE
        start = tf.constant_initializer(fade if ordered else np.zeros_like(fade))
        self.by_lag = self.add_weight("lags", (settings.history,), initializer=start, trainable=ordered)
        first, *others = settings.hidden
        initial = tf.keras.initializers.GlorotUniform(seed=seed)
        self.user_half = tf.keras.layers.Dense(first, kernel_initializer=initial)
        self.item_half = tf.keras.layers.Dense(first, use_bias=False, kernel_initializer=initial)
        self.dropout = tf.keras.layers.Dropout(settings.dropout, seed=seed)
        self.hidden = [tf.keras.layers.Dense(units, "relu", kernel_initializer=initial) for units in others]
        self.last = tf.keras.layers.Dense(1, use_bias=False, kernel_initializer=initial)
        self.shortcut = tf.keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")

    def call(self, history: Any, actions: Any, ages: Any, items: Any, dynamic: Any, training: bool = False) -> Any:
        """``history``, ``actions`` int [b, L], ``ages`` float [b, L], ``items`` int [b, t] (rows + 1), ``dynamic``
        float [b, t, K]. An unknown item is 0."""
        width = self._settings.history
        history, actions, ages = (tf.pad(part, [[0, 0], [width, 0]])[:, -width:] for part in (history, actions, ages))
        history, items = self._known(history), self._known(items)
        real = tf.cast(history > 0, tf.float32)
        actions = tf.clip_by_value(actions, 0, self.by_action.shape[0] - 1)
        weight = tf.exp(self.by_lag)[None] * tf.nn.softplus(tf.gather(self.by_action, actions)) * real
        weight /= tf.maximum(tf.reduce_sum(weight, axis=1, keepdims=True), 1e-6)
        taste = tf.reduce_sum(tf.gather(self.table, history) * weight[..., None], axis=1)
        gap = tf.math.log1p(tf.maximum(ages[:, -1:], 0.0)) / 10.0 if self._ordered else tf.zeros_like(ages[:, -1:])
        length = tf.reduce_sum(real, axis=1, keepdims=True) / float(width)
        user = self.user_half(tf.concat([taste, gap, length], axis=1))
        vectors = tf.gather(self.table, items)
        standard = tf.clip_by_value((dynamic - self._mean) / self._scale, -CLIP, CLIP)
        standard = tf.where(tf.math.is_finite(standard), standard, 0.0)
        together = tf.concat([vectors, vectors * taste[:, None], standard], axis=2)
        layer = tf.nn.relu(self.item_half(together) + user[:, None])
        for dense in self.hidden:
            layer = dense(self.dropout(layer, training=training))
        return (self.last(layer) + self.shortcut(standard))[..., 0]

    def _known(self, items: Any) -> Any:
        return tf.where((items > 0) & (items <= self._items), items, 0)


class DeepRanker(tfrs.Model):  # type: ignore[misc,name-defined]
    """The scorer under TFRS's ranking task with a listwise softmax (Cao et al., ICML 2007). What a position adds to
    the chance of a click is learned beside it, and left out when it serves (Zhao et al., RecSys 2019)."""

    def __init__(self, scorer: CandidateScorer, settings: DeepSettings) -> None:
        super().__init__()
        self.scorer = scorer
        self.position_bias = tf.keras.layers.Embedding(settings.positions + 1, 1, embeddings_initializer="zeros")
        self.task = tfrs.tasks.Ranking(loss=tf.keras.losses.CategoricalCrossentropy(from_logits=True))

    def compute_loss(self, inputs: dict[str, Any], training: bool = False) -> Any:
        """``inputs`` are the scorer's, with ``positions`` int [b, t], ``labels`` float [b, t] (each row sums to 1) and
        ``real`` float [b, t], 0 where the list is padded."""
        scores = self.scorer(
            inputs["history"],
            inputs["actions"],
            inputs["ages"],
            inputs["items"],
            inputs["dynamic"],
            training=training,
        )
        scores += self.position_bias(inputs["positions"])[..., 0]
        return self.task(labels=inputs["labels"], predictions=scores + (1.0 - inputs["real"]) * _OUT)


class ServedScorer(tf.Module):  # type: ignore[misc,name-defined]
    """The scorer with the signature of a release: one user, n candidates."""

    def __init__(self, scorer: CandidateScorer, columns: int) -> None:
        super().__init__(name="ranker")
        self.scorer = scorer
        signature = [
            tf.TensorSpec([1, None], tf.int32, "history"),
            tf.TensorSpec([1, None], tf.int32, "history_actions"),
            tf.TensorSpec([1, None], tf.float32, "history_ages"),
            tf.TensorSpec([None], tf.int32, "items"),
            tf.TensorSpec([None, columns], tf.float32, "dynamic"),
        ]
        self.serve = tf.function(self._serve, input_signature=signature)

    def _serve(self, history: Any, history_actions: Any, history_ages: Any, items: Any, dynamic: Any) -> dict[str, Any]:
        scores = self.scorer(history, history_actions, history_ages, items[None], dynamic[None])
        return {"scores": scores[0]}
