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
    """How likely each item is drawn as a negative: the root of its actions + 1, float64[n], sum 1."""
    roots = np.sqrt(counts + 1.0)
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

    def compute_loss(self, inputs: dict[str, Any], training: bool = False) -> Any:
        """Mean cross-entropy of the positions that have a target. ``inputs`` are the fields of a Batch as tensors and
        ``negatives`` int32[M]."""
        ordered = self._settings.variant != "set"
        ids, user = inputs["items"], inputs["users"]
        vectors = self.item_tower(tf.concat([tf.reshape(ids, [-1]), inputs["negatives"]], axis=0), training=training)
        places = tf.size(ids)
        size = vectors.shape[-1]
        tokens = tf.reshape(vectors[:places], [tf.shape(ids)[0], tf.shape(ids)[1], size])
        negatives = vectors[places:]
        read = slice(None, -1) if ordered else slice(None)
        due = slice(1, None) if ordered else slice(None)
        place = tf.range(tf.shape(ids[:, read])[1])
        reach = place[:, None] >= place[None, :] if ordered else place[:, None] != place[None, :]
        same = user[:, read, None] == user[:, None, read]
        allowed = tf.cast(reach[None] & same & (ids[:, None, read] > 0), tf.float32)
        gaps = inputs["gaps"][:, read]
        if training and self._settings.gap_dropout:
            kept = tf.random.uniform([tf.shape(ids)[0], 1]) >= self._settings.gap_dropout
            gaps *= tf.cast(kept, gaps.dtype)
        query = self.user_tower(
            tokens[:, read], inputs["actions"][:, read], gaps, allowed, inputs["features"][:, due], training=training
        )
        target = tf.reshape(ids[:, due], [-1])
        valid = tf.reshape((user[:, read] == user[:, due]) & (ids[:, due] > 0), [-1])
        query = tf.boolean_mask(tf.reshape(query, [-1, size]), valid)
        positive = tf.boolean_mask(tf.reshape(tokens[:, due], [-1, size]), valid)
        target = tf.boolean_mask(target, valid)
        return self._softmax(query, positive, target, negatives, inputs["negatives"])

    def _softmax(self, query: Any, positive: Any, target: Any, negatives: Any, negative_ids: Any) -> Any:
        first = tf.reduce_sum(query * positive, axis=1)
        others = tf.matmul(query, negatives, transpose_b=True)
        if not self._every_item:
            first = self._correct(first, tf.gather(self._probability, target))
            others = self._correct(others, tf.gather(self._probability, negative_ids)[None])
        others += tf.cast(target[:, None] == negative_ids[None], tf.float32) * _HIT
        logits = tf.concat([first[:, None], others], axis=1)
        losses = first_is_right(logits)
        return tf.reduce_sum(losses) / tf.maximum(tf.cast(tf.size(losses), tf.float32), 1.0)


@tf.custom_gradient  # type: ignore[untyped-decorator]
def first_is_right(logits: Any) -> Any:
    """Cross-entropy [N] of logits [N, C] whose first column is the right one. TensorFlow's own fused operation takes
    four times as long on a CPU as its softmax, of which this is made."""
    shares = tf.nn.softmax(logits)

    def gradient(upstream: Any) -> Any:
        wrong = tf.concat([shares[:, :1] - 1.0, shares[:, 1:]], axis=1)
        return wrong * upstream[:, None]

    return -tf.math.log(tf.maximum(shares[:, 0], 1e-30)), gradient


class Negatives:
    """Draws the negatives of a batch, item rows + 1, with replacement; of a small catalogue every item is one."""

    def __init__(self, probabilities: npt.NDArray[np.float64], settings: TwoTowerSettings, seed: int) -> None:
        self._cumulative = np.cumsum(probabilities)
        self._all = len(probabilities) <= settings.full_softmax_items
        self._count = settings.negatives
        self._random = np.random.default_rng(seed)

    def draw(self) -> npt.NDArray[np.int32]:
        """int32[M]."""
        n = len(self._cumulative)
        if self._all:
            return np.arange(1, n + 1, dtype=np.int32)
        drawn = np.searchsorted(self._cumulative, self._random.random(self._count) * self._cumulative[-1])
        return np.asarray(np.minimum(drawn, n - 1) + 1, np.int32)


def tensors(batch: Batch, negatives: npt.NDArray[np.int32]) -> dict[str, Any]:
    """The inputs of one step."""
    fields = {"items": batch.items, "actions": batch.actions, "gaps": batch.gaps, "users": batch.users}
    inputs = {name: tf.constant(values) for name, values in fields.items()}
    return inputs | {"features": tf.constant(batch.features), "negatives": tf.constant(negatives)}
