"""The user tower: recent actions become a vector. It knows no user id, so a new user has a vector after one action."""

from typing import Any

import numpy as np

from contracts.events import ACTION_CODES
from training.models.two_tower.settings import TwoTowerSettings
from training.models.two_tower.stream import GAP_BUCKETS
from training.tensorflow_runtime import load

tf = load()

POOL_DECAYS = (0.5, 2.0, 6.0, 20.0, 60.0)
"""Decay, in actions, that each pool starts from."""

_MASKED = -1e9

CONTEXT_SEED = 1000
"""Apart from the seeds of the blocks, which lie ten apart."""


def shares(logits: Any, allowed: Any) -> Any:
    """Softmax of ``logits`` [..., S] over the places ``allowed`` (0 or 1); zeros where none is."""
    return tf.nn.softmax(logits + (1.0 - allowed) * _MASKED) * allowed


class Dropout(tf.keras.layers.Layer):  # type: ignore[name-defined,misc]
    """Dropout (Srivastava et al., JMLR 2014) whose coins cost a byte of randomness each; those of Keras cost four, and
    a training step 4 % more. The rate is rounded to a multiple of 1/256."""

    def __init__(self, rate: float, seed: int) -> None:
        super().__init__(name="dropout")
        self._least, self._seed = round(rate * 256), seed

    def call(self, values: Any, training: bool = False) -> Any:
        """``values`` of any shape; as they are outside training."""
        if not training or not self._least:
            return values
        # Operations of one seed in one function draw the same numbers: every call that is traced has its own.
        seed, self._seed = self._seed, self._seed + 1
        count = tf.size(values)
        words = tf.random.uniform([(count + 3) // 4], tf.int32.min, tf.int32.max, tf.int32, seed=seed)
        coins = tf.reshape(tf.reshape(tf.bitcast(words, tf.uint8), [-1])[:count], tf.shape(values))
        kept = tf.cast(coins >= tf.constant(self._least, tf.uint8), values.dtype)
        return values * (kept * (256 / (256 - self._least)))


class PooledContext(tf.keras.layers.Layer):  # type: ignore[name-defined,misc]
    """Weighted means of the past, several side by side, each with a learned weight a lag and a content: an MLP over
    all but the last, which is added to what comes out. Of a set, whose order says nothing, the lags are left out."""

    def __init__(self, settings: TwoTowerSettings, seed: int) -> None:
        super().__init__(name="pooled")
        self._lagged, self._pools = settings.variant != "set", settings.pools
        lag = np.arange(settings.window, dtype=np.float32)
        decays = np.resize(POOL_DECAYS, settings.pools)
        self.lags = self.add_weight(
            "lags",
            (settings.pools, settings.window),
            initializer=tf.constant_initializer(-lag / decays[:, None]),
            trainable=self._lagged,
        )
        initial = [tf.keras.initializers.GlorotUniform(seed=seed + i) for i in range(4)]
        # A set has no lag to tell its pools apart: their contents start different.
        content = "zeros" if self._lagged else initial[3]
        self.content = tf.keras.layers.Dense(settings.pools, use_bias=False, kernel_initializer=content)
        self.hidden = tf.keras.layers.Dense(settings.hidden, activation="relu", kernel_initializer=initial[0])
        self.request = tf.keras.layers.Dense(settings.hidden, use_bias=False, kernel_initializer=initial[1])
        self.out = tf.keras.layers.Dense(settings.size, kernel_initializer=initial[2])
        self.dropout = Dropout(settings.dropout, seed)

    def call(self, tokens: Any, allowed: Any, lag: Any, request: Any, last: bool, training: bool = False) -> Any:
        """[B, T, size] for tokens [B, T, size], or [B, 1, size] for the last place only."""
        if last:
            allowed, lag, request = allowed[:, -1:], lag[-1:], request[:, -1:]
        # Pools lie beside their place, [B, T, pools, S]: what they find needs no transposing.
        logits = tf.transpose(self.content(tokens), [0, 2, 1])[:, None]
        if self._lagged:
            logits += tf.transpose(tf.gather(self.lags, lag, axis=1), [1, 0, 2])[None]
        allowed = allowed[:, :, None]
        read, added = tf.split(shares(logits, allowed), [self._pools - 1, 1], axis=2)
        batch, places, size = tf.shape(read)[0], tf.shape(read)[1], tokens.shape[2]
        # One product over pools and places: a matmul that broadcasts over the pools is slower.
        found = tf.matmul(tf.reshape(read, [batch, places * (self._pools - 1), -1]), tokens)
        hidden = self.hidden(tf.reshape(found, [batch, places, (self._pools - 1) * size])) + self.request(request)
        return self.out(self.dropout(hidden, training=training)) + tf.matmul(added[:, :, 0], tokens)


class CausalBlock(tf.keras.layers.Layer):  # type: ignore[name-defined,misc]
    """A pre-norm transformer block whose heads see places by lag only, starting from decays like ALiBi's."""

    def __init__(self, settings: TwoTowerSettings, seed: int, name: str) -> None:
        super().__init__(name=name)
        self._heads, self._size = settings.heads, settings.size
        slopes = 2.0 ** (-8.0 * np.arange(1, settings.heads + 1) / settings.heads)
        lag = np.arange(settings.window, dtype=np.float32)
        self.lags = self.add_weight(
            "lags",
            (settings.heads, settings.window),
            initializer=tf.constant_initializer((-slopes[:, None] * lag).astype(np.float32)),
        )
        initial = [tf.keras.initializers.GlorotUniform(seed=seed + i) for i in range(5)]
        self.norm = tf.keras.layers.LayerNormalization(epsilon=1e-6)
        self.query = tf.keras.layers.Dense(settings.size, kernel_initializer=initial[0])
        self.key_value = tf.keras.layers.Dense(2 * settings.size, kernel_initializer=initial[1])
        self.merge = tf.keras.layers.Dense(settings.size, kernel_initializer=initial[2])
        self.forward_norm = tf.keras.layers.LayerNormalization(epsilon=1e-6)
        self.wide = tf.keras.layers.Dense(2 * settings.size, activation="gelu", kernel_initializer=initial[3])
        self.narrow = tf.keras.layers.Dense(settings.size, kernel_initializer=initial[4])
        self.dropout = Dropout(settings.dropout, seed)

    def _split(self, values: Any) -> Any:
        shape = tf.shape(values)
        heads = tf.reshape(values, [shape[0], shape[1], self._heads, self._size // self._heads])
        return tf.transpose(heads, [0, 2, 1, 3])

    def call(self, hidden: Any, allowed: Any, lag: Any, last: bool, training: bool = False) -> Any:
        """[B, T, size], or [B, 1, size] for the last place only."""
        normal = self.norm(hidden)
        key, value = tf.split(self.key_value(normal), 2, axis=-1)
        if last:
            hidden, normal, allowed, lag = hidden[:, -1:], normal[:, -1:], allowed[:, -1:], lag[-1:]
        query = self._split(self.query(normal)) * (self._size / self._heads) ** -0.5
        logits = tf.matmul(query, self._split(key), transpose_b=True) + tf.gather(self.lags, lag, axis=1)[None]
        seen = tf.matmul(shares(logits, allowed[:, None]), self._split(value))
        seen = tf.transpose(seen, [0, 2, 1, 3])
        seen = self.merge(tf.reshape(seen, tf.shape(hidden)))
        hidden += self.dropout(seen, training=training)
        forward = self.narrow(self.wide(self.forward_norm(hidden)))
        return hidden + self.dropout(forward, training=training)


class CausalContext(tf.keras.layers.Layer):  # type: ignore[name-defined,misc]
    """Causal blocks, a norm and a linear map."""

    def __init__(self, settings: TwoTowerSettings, seed: int) -> None:
        super().__init__(name="causal")
        self.blocks = [CausalBlock(settings, seed + 10 * i, f"block_{i}") for i in range(settings.blocks)]
        initial = tf.keras.initializers.GlorotUniform(seed=seed)
        self.request = tf.keras.layers.Dense(settings.size, use_bias=False, kernel_initializer=initial)
        self.norm = tf.keras.layers.LayerNormalization(epsilon=1e-6)
        self.out = tf.keras.layers.Dense(settings.size, kernel_initializer=initial)
        self.dropout = Dropout(settings.dropout, seed + CONTEXT_SEED)

    def call(self, tokens: Any, allowed: Any, lag: Any, request: Any, last: bool, training: bool = False) -> Any:
        """[B, T, size] for tokens [B, T, size], or [B, 1, size] for the last place only."""
        hidden = self.dropout(tokens, training=training)
        for block in self.blocks[:-1]:
            hidden = block(hidden, allowed, lag, last=False, training=training)
        hidden = self.blocks[-1](hidden, allowed, lag, last=last, training=training)
        return self.out(self.norm(hidden + self.request(request[:, -1:] if last else request)))


class UserTower(tf.keras.layers.Layer):  # type: ignore[name-defined,misc]
    """Actions' item vectors, kinds and gaps, and the user's features at the request → user vector."""

    def __init__(self, settings: TwoTowerSettings, seed: int) -> None:
        super().__init__(name="user_tower")
        self._settings = settings
        self.actions = self.add_weight("actions", (max(ACTION_CODES.values()) + 1, settings.size), initializer="zeros")
        self.gaps = self.add_weight("gaps", (GAP_BUCKETS, settings.size), initializer="zeros")
        causal = settings.variant == "causal"
        self.context = CausalContext(settings, seed) if causal else PooledContext(settings, seed)
        self._bias = tf.one_hot(settings.size - 1, settings.size)

    def call(
        self,
        vectors: Any,
        actions: Any,
        gaps: Any,
        allowed: Any,
        request: Any,
        last: bool = False,
        training: bool = False,
    ) -> Any:
        """``vectors`` [B, T, size], ``actions`` and ``gaps`` int [B, T], ``allowed`` [B, T, T] (1 where place
        t may look at place s), ``request`` [B, T, F] → [B, T, size], or [B, 1, size] with ``last``.

        The last coordinate is 1."""
        if training and self._settings.token_dropout:
            kept = tf.random.uniform(tf.shape(vectors)[:2]) >= self._settings.token_dropout
            vectors *= tf.cast(kept, tf.float32)[..., None]
        # A product with few rows: the gradient of lookups is summed row by row, which takes longer.
        marks = tf.concat([tf.one_hot(actions, self.actions.shape[0]), tf.one_hot(gaps, GAP_BUCKETS)], axis=-1)
        tokens = vectors + tf.tensordot(marks, tf.concat([self.actions, self.gaps], axis=0), 1)
        place = tf.range(tf.shape(tokens)[1])
        lag = tf.clip_by_value(place[:, None] - place[None, :], 0, self._settings.window - 1)
        context = self.context(tokens, allowed, lag, request, last=last, training=training)
        return context * (1.0 - self._bias) + self._bias
