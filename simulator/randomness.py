"""Draws that many rows make at once, each from its own distribution."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

_MIX = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


def hashed_uniform(*keys: Ints | int) -> NDArray[np.float64]:
    """A number in [0, 1) that depends on the integer ``keys`` alone (SplitMix64), broadcast over them."""
    state = np.zeros(np.broadcast_shapes(*(np.shape(key) for key in keys)), np.uint64)
    with np.errstate(over="ignore"):
        for key in keys:
            state = (state ^ np.asarray(key, np.int64).astype(np.uint64)) + _MIX[0]
            state = (state ^ (state >> np.uint64(30))) * _MIX[1]
            state = (state ^ (state >> np.uint64(27))) * _MIX[2]
            state = state ^ (state >> np.uint64(31))
    return (state >> np.uint64(11)).astype(np.float64) / float(1 << 53)


def choose_in_rows(logits: Floats, rng: np.random.Generator) -> Ints:
    """One column of each row of ``logits`` [n, m], drawn from the row's softmax (Gumbel's trick). int64 [n]."""
    drawn = rng.standard_exponential(logits.shape, dtype=np.float32)
    # Of some seven million float32 draws one is 0.
    noise = -np.log(np.maximum(drawn, np.finfo(np.float32).tiny))
    chosen: Ints = np.argmax(logits + noise, axis=1)
    return chosen


def unit(vectors: Floats) -> Floats:
    """Rows scaled to length 1."""
    scaled: Floats = (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)
    return scaled


def sigmoid(logits: Floats) -> Floats:
    """Logistic function, without overflow."""
    share: Floats = (0.5 * (1.0 + np.tanh(0.5 * logits))).astype(np.float32)
    return share
