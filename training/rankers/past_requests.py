"""Which moments of the past become requests to learn from."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pipeline.user import History, UserContext
from training.datasets.sequences import Sequences
from training.models.two_tower import FittedTwoTower
from training.rankers.examples import PastRequest
from training.rankers.settings import ExampleSettings


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


def past_requests(
    sequences: Sequences, tower: FittedTwoTower | None, settings: ExampleSettings, seed: int
) -> list[PastRequest]:
    """The last ``settings.targets`` actions of users, each asked for from what came before it (an unordered history:
    all of them at once). ``tower`` must not have seen these actions. At most ``settings.groups``, users at random; the
    validating users' requests are their latest ones only."""
    random = np.random.default_rng(seed)
    enough = np.flatnonzero(sequences.lengths >= settings.targets + settings.minimum_history)
    users = random.permutation(enough)
    validating = (
        set(users[: int(np.ceil(settings.validation_share * len(users)))].tolist()) if len(users) > 1 else set()
    )
    asked: list[tuple[int, int, bool]] = []
    for u in users.tolist():
        length = int(sequences.lengths[u])
        ends = [length - settings.targets] if not sequences.ordered else range(length - settings.targets, length)
        asked += [(u, end, u in validating) for end in (ends[-1:] if u in validating else ends)]
        if len(asked) >= settings.groups:
            break
    histories = [sequences.history(u, end) for u, end, _ in asked]
    nows = np.array([sequences.times[sequences.indptr[u] + end] for u, end, _ in asked])
    wanted = [
        sequences.rows[sequences.indptr[u] + end : sequences.indptr[u] + end + 1]
        if sequences.ordered
        else sequences.rows[sequences.indptr[u] + end : sequences.indptr[u + 1]]
        for u, end, _ in asked
    ]
    contexts = contexts_of(histories, nows, tower)
    return [
        PastRequest(user, target, validates)
        for user, target, (_, _, validates) in zip(contexts, wanted, asked, strict=True)
    ]


def contexts_of(
    histories: Sequence[History], nows: npt.NDArray[np.float64], tower: FittedTwoTower | None
) -> list[UserContext]:
    """Users as the pipeline sees them: everything they did is seen, and ``tower`` gives their vectors."""
    vectors = tower.vectors(histories, nows) if tower is not None and len(histories) else None
    return [
        UserContext(
            user_id="",
            now=float(now),
            history=history,
            seen=np.unique(history.rows),
            vector=vectors[at] if vectors is not None and len(history) else None,
        )
        for at, (history, now) in enumerate(zip(histories, nows, strict=True))
    ]
