"""Which moments of the past become requests to learn from."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from pipeline.user import History, UserContext
from training.datasets.sequences import Sequences
from training.datasets.user_features import UserFeatures
from training.rankers.examples import PastRequest
from training.rankers.settings import ExampleSettings

SHORT_HISTORIES = (0, 1, 2, 3, 5)
"""Actions known of a user who has just come."""


class Tower(Protocol):
    """A user tower, fitted or exported."""

    def vectors(
        self,
        histories: Sequence[History],
        now: npt.NDArray[np.float64],
        features: npt.NDArray[np.float32] | None = None,
    ) -> npt.NDArray[np.float32]:
        """float32[b, d]; ``features`` float32[b, F] as the tower was trained on, NaN (or None) where unknown."""
        ...


def shuffled_where_unordered(sequences: Sequences, seed: int) -> Sequences:
    """The same data; without times each user's actions in a random order, so that the last ones are a fair sample."""
    if sequences.ordered:
        return sequences
    random = np.random.default_rng(seed).random(len(sequences))
    order = np.lexsort((random, sequences.user_of))
    values = None if sequences.values is None else sequences.values[order]
    return Sequences(
        sequences.user_ids,
        sequences.item_ids,
        sequences.indptr,
        sequences.rows[order],
        sequences.actions[order],
        sequences.times[order],
        values,
        ordered=False,
    )


def asked_for(sequences: Sequences, settings: ExampleSettings) -> npt.NDArray[np.bool_]:
    """The actions that become labels, bool[N]: what ``Sequences.before_last`` leaves out for these settings."""
    lengths = np.repeat(sequences.lengths, sequences.lengths)
    return (lengths - sequences.place <= settings.targets) & (lengths >= settings.targets + settings.minimum_history)


def users_asked(sequences: Sequences, settings: ExampleSettings, seed: int) -> tuple[list[int], set[int]]:
    """Users with enough actions, in a random order, and those among them who validate."""
    enough = np.flatnonzero(sequences.lengths >= settings.targets + settings.minimum_history)
    users = np.random.default_rng(seed).permutation(enough).tolist()
    return users, set(users[: int(np.ceil(settings.validation_share * len(users)))]) if len(users) > 1 else set()


def past_requests(
    sequences: Sequences,
    tower: Tower | None,
    settings: ExampleSettings,
    seed: int,
    features: UserFeatures | None = None,
) -> list[PastRequest]:
    """The last ``settings.targets`` actions of users, each asked for from what came before it (an unordered history:
    all of them at once). ``tower`` must not have seen these actions. At most ``settings.groups``, users at random; the
    validating users' requests are their latest ones only. ``features`` are those at each action of ``sequences``.

    ``settings.short_share`` of the training requests are asked once more knowing only the last few actions and no
    features: people who have just come are too few among users with a long past."""
    users, validating = users_asked(sequences, settings, seed)
    asked: list[tuple[int, int, bool]] = []
    for u in users:
        length = int(sequences.lengths[u])
        ends = [length - settings.targets] if not sequences.ordered else range(length - settings.targets, length)
        asked += [(u, end, u in validating) for end in (ends[-1:] if u in validating else ends)]
        if len(asked) >= settings.groups:
            break
    again = [moment for moment in asked if not moment[2]]
    random = np.random.default_rng(seed)
    again = [again[at] for at in random.permutation(len(again))[: int(settings.short_share * len(again))]]
    short = random.choice(SHORT_HISTORIES, len(again)).tolist()
    longest = len(sequences) if settings.history is None else settings.history
    windows = [longest] * len(asked) + short
    asked += again
    histories = [sequences.history(u, end) for u, end, _ in asked]
    nows = np.array([sequences.times[sequences.indptr[u] + end] for u, end, _ in asked])
    wanted = [
        sequences.rows[sequences.indptr[u] + end : sequences.indptr[u] + end + 1]
        if sequences.ordered
        else sequences.rows[sequences.indptr[u] + end : sequences.indptr[u + 1]]
        for u, end, _ in asked
    ]
    places = np.array([sequences.indptr[u] + end for u, end, _ in asked], np.int64)
    known = None
    if features is not None:
        known = features.values[places]
        known[len(asked) - len(again) :] = np.nan
    contexts = contexts_of(histories, nows, tower, known, windows)
    return [
        PastRequest(user, target, validates)
        for user, target, (_, _, validates) in zip(contexts, wanted, asked, strict=True)
    ]


def contexts_of(
    histories: Sequence[History],
    nows: npt.NDArray[np.float64],
    tower: Tower | None,
    features: npt.NDArray[np.float32] | None = None,
    window: int | Sequence[int] | None = None,
) -> list[UserContext]:
    """Users as the pipeline sees them: everything they did is seen, the last ``window`` actions (None: all) are
    their history, and ``tower`` gives their vectors from these and ``features`` float32[b, F]."""
    everything = histories
    if window is not None:
        of_each = np.broadcast_to(window, len(everything)).tolist()
        histories = [history.last(n) for history, n in zip(everything, of_each, strict=True)]
    vectors = tower.vectors(histories, nows, features) if tower is not None and len(histories) else None
    return [
        UserContext(
            user_id="",
            now=float(now),
            history=history,
            seen=np.unique(met.rows),
            vector=vectors[at] if vectors is not None else None,
        )
        for at, (history, met, now) in enumerate(zip(histories, everything, nows, strict=True))
    ]
