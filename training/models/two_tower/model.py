"""The two towers under one contrastive loss: sampled softmax at every position, as a TFRS model."""

from typing import Any

import numpy as np
import numpy.typing as npt

from training.models.two_tower.item_tower import ItemTower
from training.models.two_tower.settings import TwoTowerSettings
from training.models.two_tower.stream import Batch
from training.models.two_tower.user_tower import UserTower
from training.tensorflow_runtime import load, load_recommenders

tf = load()
tfrs = load_recommenders()

_HIT = -1e9


def sampling_probabilities(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """How likely each item is drawn as a negative: the root of its actions + 1, float64[n], sum 1. An item without
    actions never is: all of these share one vector, which would learn that nobody ever wants what is new."""
    roots = np.sqrt(counts + 1.0) * ((counts > 0) | (counts.max(initial=0) == 0))
    return np.asarray(roots / roots.sum())


class TwoTower(tfrs.Model):  # type: ignore[name-defined,misc]
    """Scores are inner products. Negatives are shared by the batch; their logits and the positive's are corrected by
    the log of the sampling probability (Bengio & Senécal 2008), a negative that is the positive is masked.

    The correction is TFRS's own layer. Its retrieval task is not used: it pairs N queries with N candidates, N² work
    for the N = 3,200 positions of a batch, where 1,000 shared negatives serve as well.
    """

    def __init__(
        self, items: ItemTower, users: UserTower, probabilities: npt.NDArray[np.float64], settings: TwoTowerSettings
    ) -> None:
        super().__init__()
        self.item_tower, self.user_tower = items, users
        self._settings = settings
        # TFRS clips probabilities at 1e-6; the softmax does not change when all are scaled by one number.
        self._probability = tf.constant(
            np.pad(probabilities / probabilities.max(), (1, 0), constant_values=1.0), tf.float32
        )
        self._correct = tfrs.layers.loss.SamplingProbablityCorrection()
        self._every_item = len(probabilities) <= settings.full_softmax_items
        self._bias = tf.one_hot(settings.size - 1, settings.size)

    def compute_loss(self, inputs: dict[str, Any], training: bool = False) -> Any:
        """Mean cross-entropy of the positions that have a target. ``inputs`` are those of ``Inputs.of``."""
        ordered = self._settings.variant != "set"
        known, user = inputs["places"] > 0, inputs["users"]
        vectors = self.item_tower(inputs["ids"], training=training)
        read = slice(None, -1) if ordered else slice(None)
        due = slice(1, None) if ordered else slice(None)
        place = tf.range(tf.shape(known[:, read])[1])
        reach = place[:, None] >= place[None, :] if ordered else place[:, None] != place[None, :]
        same = user[:, read, None] == user[:, None, read]
        allowed = tf.cast(reach[None] & same & known[:, None, read], tf.float32)
        gaps = inputs["gaps"][:, read]
        if training and self._settings.gap_dropout:
            kept = tf.random.uniform([tf.shape(user)[0], 1]) >= self._settings.gap_dropout
            gaps *= tf.cast(kept, gaps.dtype)
        # Gathered twice, for what is read and what is due: the gradient of slices is slower.
        tokens = tf.gather(vectors, inputs["places"][:, read])
        query = self.user_tower(
            tokens, inputs["actions"][:, read], gaps, allowed, inputs["features"][:, due], training=training
        )
        size = vectors.shape[-1]
        valid = tf.cast(tf.reshape((user[:, read] == user[:, due]) & known[:, due], [-1]), tf.float32)
        positive = tf.gather(vectors, tf.reshape(inputs["places"][:, due], [-1]))
        negatives = tf.gather(vectors, inputs["negatives"])
        if not self._every_item:
            # A user vector's last coordinate is 1: what is added to an item's there is added to its logit.
            rows = tf.gather(inputs["ids"], inputs["places"][:, due])
            drawn = tf.gather(inputs["ids"], inputs["negatives"])
            log_times = tf.math.log(inputs["times_drawn"])
            corrected = self._correct(log_times, tf.gather(self._probability, drawn))
            negatives += corrected[:, None] * self._bias
            own = self._correct(tf.zeros_like(valid), tf.gather(self._probability, tf.reshape(rows, [-1])))
            positive += own[:, None] * self._bias
        losses = cross_entropy(tf.reshape(query, [-1, size]), positive, negatives, inputs["hits"])
        return tf.reduce_sum(losses * valid) / tf.maximum(tf.reduce_sum(valid), 1.0)


@tf.custom_gradient  # type: ignore[untyped-decorator]
def cross_entropy(query: Any, positive: Any, negatives: Any, hits: Any) -> Any:
    """Softmax cross-entropy float32[N] of ``query`` [N, d] with its ``positive`` [N, d] against ``negatives`` [M, d];
    ``hits`` int32[N] is the negative that is the positive itself (-1: none), which does not compete.

    TensorFlow's own operations pass over the N × M logits some fifteen times, forward and back, this five times: the
    gradient takes the shares from the forward pass and scales the narrow factors of its products instead.
    """
    first = tf.reduce_sum(query * positive, axis=1)
    hit = tf.where(hits >= 0)[:, 0]
    at = tf.stack([hit, tf.cast(tf.gather(hits, hit), tf.int64)], axis=1)
    logits = tf.matmul(query, negatives, transpose_b=True)
    logits = tf.tensor_scatter_nd_update(logits, at, tf.fill(tf.shape(hit), _HIT))
    top = tf.maximum(tf.reduce_max(logits, axis=1), first)
    shares = tf.exp(logits - top[:, None])
    own = tf.exp(first - top)
    total = own + tf.reduce_sum(shares, axis=1)

    def gradient(upstream: Any) -> Any:
        scale = (upstream / total)[:, None]
        wrong = (upstream * (own / total - 1.0))[:, None]
        of_query = tf.matmul(shares, negatives) * scale + wrong * positive
        # The narrow factor is the one to be transposed.
        of_negatives = tf.transpose(tf.matmul(query * scale, shares, transpose_a=True))
        return of_query, wrong * query, of_negatives, None

    return tf.math.log(total) - (first - top), gradient


class Negatives:
    """Draws the negatives of a batch, item rows + 1, with replacement; of a small catalogue every item that has a
    probability is one."""

    def __init__(self, probabilities: npt.NDArray[np.float64], settings: TwoTowerSettings, seed: int) -> None:
        self._cumulative = np.cumsum(probabilities)
        every = np.flatnonzero(probabilities).astype(np.int32) + 1
        self._every = every if len(probabilities) <= settings.full_softmax_items else None
        self._count = settings.negatives
        self._random = np.random.default_rng(seed)

    @property
    def items(self) -> int:
        """Items to draw from."""
        return len(self._cumulative)

    def draw(self) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
        """Distinct int32[M], ascending, and how often each was drawn, float32[M]."""
        n = self.items
        if self._every is not None:
            return self._every, np.ones(len(self._every), np.float32)
        drawn = np.searchsorted(self._cumulative, self._random.random(self._count) * self._cumulative[-1])
        distinct, times = np.unique(np.minimum(drawn, n - 1) + 1, return_counts=True)
        return distinct.astype(np.int32), times.astype(np.float32)


class Inputs:
    """Makes the inputs of one step: every item of a batch goes through the item tower once."""

    def __init__(self, negatives: Negatives, ordered: bool) -> None:
        self._negatives, self._ordered = negatives, ordered
        self._column = np.full(negatives.items + 1, -1, np.int32)

    def of(self, batch: Batch) -> dict[str, Any]:
        """``ids`` int32[U] distinct item rows + 1, the first is padding; into them index ``places`` int32[B, T] and
        ``negatives`` int32[M], drawn ``times_drawn`` float32[M] times each; ``hits`` int32[N]: the negative that is a
        position's target, -1 for none; ``users``, ``actions``, ``gaps``, ``features`` as in Batch."""
        drawn, times = self._negatives.draw()
        found = np.unique(np.concatenate(([0], batch.items.ravel(), drawn)), return_inverse=True)
        ids, index = found[0].astype(np.int32), found[1].astype(np.int32)
        places = batch.items.size
        due = batch.items[:, 1:] if self._ordered else batch.items
        self._column[drawn] = np.arange(len(drawn), dtype=np.int32)
        hits = self._column[due.ravel()]
        self._column[drawn] = -1
        given = {
            "ids": ids,
            "places": index[1 : 1 + places].reshape(batch.items.shape),
            "negatives": index[1 + places :],
            "times_drawn": times,
            "hits": hits,
            "users": batch.users,
            "actions": batch.actions,
            "gaps": batch.gaps,
            "features": batch.features,
        }
        return {name: tf.constant(values) for name, values in given.items()}

    def signature(self, batch: Batch) -> dict[str, Any]:
        """What every step's inputs look like: compiled once, though the number of distinct items changes."""
        loose = ("ids", "negatives", "times_drawn")
        return {
            name: tf.TensorSpec([None] if name in loose else value.shape, value.dtype, name)
            for name, value in self.of(batch).items()
        }
