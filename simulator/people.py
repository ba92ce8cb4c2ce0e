"""The accounts: what people like and how that turns, how often they come, and which of them are bots."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.catalogue import DIMENSIONS, Catalogue
from simulator.randomness import Floats, Ints, hashed_uniform, unit
from simulator.settings import DAY, WorldSettings

INTENT_SECONDS = 2 * 3600
"""A person's mind stays on one category for this long."""

PERSON = "person"
BOT_KINDS = ("crawler", "clicker", "spammer")
COUNTRIES = ("de", "fr", "gb", "in", "jp", "us", "br", "pl")
DEVICES = ("phone", "desktop", "tablet", "tv")
COHORTS = ("search", "friends", "advert", "press")


@dataclass(frozen=True)
class People:
    """Arrays over accounts [n]. ``turn`` is how far a taste turns in a day (radians) towards ``target``."""

    taste: Floats
    target: Floats
    turn: NDArray[np.float64]
    jolted: NDArray[np.bool_]
    rate: NDArray[np.float64]
    joined: NDArray[np.float64]
    evening: NDArray[np.float64]
    kind: NDArray[np.str_]
    country: Ints
    device: Ints
    cohort: Ints
    ids: list[str]

    @classmethod
    def gather(cls, settings: WorldSettings, catalogue: Catalogue) -> "People":
        """Draws the accounts of a world. One in eight joins within the generated days."""
        rng = np.random.default_rng([settings.seed, 2])
        count = settings.users
        taste = _tastes(catalogue, count, rng)
        other = _tastes(catalogue, count, rng)
        target = unit(other - np.sum(other * taste, axis=1, keepdims=True) * taste)
        turn = np.abs(rng.normal(0, 0.02, count)) * (0.0 if settings.quiet else settings.drift)
        rate = np.minimum(rng.lognormal(np.log(settings.sessions_per_day) - 0.5, 1.0, count), 8.0)
        newcomer = rng.random(count) < 0.125
        past = settings.start - rng.exponential(300.0, count) * DAY - DAY
        joined = np.where(newcomer, rng.uniform(settings.start, settings.end, count), past)
        kind = np.full(count, PERSON, dtype="<U8")
        bots = rng.choice(count, round(settings.bots * count), replace=False)
        kind[bots] = np.array(BOT_KINDS)[np.arange(len(bots)) % len(BOT_KINDS)]
        return cls(
            taste, target, turn, rng.random(count) < 0.5, rate, joined, rng.normal(19.5, 2.5, count), kind,
            rng.integers(0, len(COUNTRIES), count), rng.integers(0, len(DEVICES), count),
            rng.integers(0, len(COHORTS), count), [f"u{number}" for number in range(count)],
        )  # fmt: skip

    def taste_at(self, users: Ints, time: NDArray[np.float64] | float, settings: WorldSettings) -> Floats:
        """Taste vectors at ``time`` (epoch seconds), float32 [n, d] of length 1."""
        angle = self.turn[users] * (np.asarray(time) - settings.start) / DAY
        angle = np.where((np.asarray(time) >= settings.shift_time) & self.jolted[users], angle + np.pi / 2, angle)
        angle = np.broadcast_to(angle, np.shape(users))[..., None].astype(np.float32)
        turned = np.cos(angle) * self.taste[users] + np.sin(angle) * self.target[users]
        return turned.astype(np.float32)

    def intent_at(
        self, users: Ints, time: NDArray[np.float64] | float, catalogue: Catalogue, settings: WorldSettings
    ) -> Ints:
        """The category that is on each person's mind at ``time``: index int64 [n]. It follows from the seed alone."""
        liking = np.exp(6.0 * self.taste_at(users, time, settings) @ catalogue.centres.T)
        odds = np.cumsum(liking, axis=1)
        window = np.floor(np.asarray(time) / INTENT_SECONDS).astype(np.int64)
        draw = hashed_uniform(settings.seed, users, np.broadcast_to(window, np.shape(users)))
        kinds: Ints = np.minimum((odds < draw[:, None] * odds[:, -1:]).sum(axis=1), odds.shape[1] - 1)
        return kinds


def _tastes(catalogue: Catalogue, count: int, rng: np.random.Generator) -> Floats:
    """People like two or three categories and have something of their own. float32 [count, d]."""
    kinds = len(catalogue.centres)
    liked = rng.integers(0, kinds, (count, 3))
    weight = rng.dirichlet([2.0, 1.0, 0.5], count).astype(np.float32)
    own = unit(rng.standard_normal((count, DIMENSIONS), dtype=np.float32))
    return unit(np.einsum("nk,nkd->nd", weight, catalogue.centres[liked]) + 0.25 * own)
