"""Builds tiny SavedModels with the signatures of a release, in a process of their own:
``python saved_models.py ROOT VERSION ITEMS SIZE FEATURES COLUMNS`` writes ROOT/{user_tower,ranker}/VERSION and
ROOT/vectors.npy."""

import sys
from pathlib import Path
from typing import Any

import numpy as np

from training import tensorflow_runtime

tf: Any = tensorflow_runtime.load(1)


class UserTower(tf.Module):  # type: ignore[misc]
    """The mean of the history's item vectors."""

    def __init__(self, vectors: np.ndarray, features: int) -> None:
        super().__init__()
        padded = np.vstack([np.zeros((1, vectors.shape[1]), np.float32), vectors])
        self.vectors = tf.Variable(padded, trainable=False)
        self.call = tf.function(
            self._vector,
            input_signature=[
                tf.TensorSpec([None, None], tf.int32, "items"),
                tf.TensorSpec([None, None], tf.int32, "actions"),
                tf.TensorSpec([None, None], tf.float32, "ages"),
                tf.TensorSpec([None, features], tf.float32, "features"),
            ],
        )

    def _vector(self, items: Any, actions: Any, ages: Any, features: Any) -> dict[str, Any]:
        taken = tf.gather(self.vectors, items)
        used = tf.cast(tf.reduce_sum(actions, axis=1, keepdims=True) > 0, tf.float32)
        unused = 0.0 * (tf.reduce_sum(ages) + tf.cast(tf.size(features), tf.float32))
        return {"vector": tf.reduce_mean(taken, axis=1) * used + unused}


class Ranker(tf.Module):  # type: ignore[misc]
    """Inner product of the history's mean with each item, plus the sum of the dynamic columns times nought."""

    def __init__(self, vectors: np.ndarray, columns: int) -> None:
        super().__init__()
        padded = np.vstack([np.zeros((1, vectors.shape[1]), np.float32), vectors])
        self.vectors = tf.Variable(padded, trainable=False)
        self.call = tf.function(
            self._scores,
            input_signature=[
                tf.TensorSpec([1, None], tf.int32, "history"),
                tf.TensorSpec([1, None], tf.int32, "history_actions"),
                tf.TensorSpec([1, None], tf.float32, "history_ages"),
                tf.TensorSpec([None], tf.int32, "items"),
                tf.TensorSpec([None, columns], tf.float32, "dynamic"),
            ],
        )

    def _scores(
        self, history: Any, history_actions: Any, history_ages: Any, items: Any, dynamic: Any
    ) -> dict[str, Any]:
        user = tf.reduce_sum(tf.gather(self.vectors, history[0]), axis=0)
        unused = 0.0 * (tf.reduce_sum(history_ages) + tf.cast(tf.reduce_sum(history_actions), tf.float32))
        finite = tf.where(tf.math.is_finite(dynamic), dynamic, tf.zeros_like(dynamic))
        return {
            "scores": tf.linalg.matvec(tf.gather(self.vectors, items), user) + unused + 0.0 * tf.reduce_sum(finite, 1)
        }


def main() -> None:
    root = Path(sys.argv[1])
    version, items, size, features, columns = (int(word) for word in sys.argv[2:7])
    vectors = np.random.default_rng(7).standard_normal((items, size)).astype(np.float32)
    for model, module in (("user_tower", UserTower(vectors, features)), ("ranker", Ranker(vectors, columns))):
        tf.saved_model.save(module, str(root / model / str(version)), signatures={"serving_default": module.call})
    np.save(root / "vectors.npy", vectors)


main()
