"""Settings of the rankers and of the examples they learn from."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ExampleSettings:
    """``targets``: last actions of each user that become labels, the sources refitted without them. ``groups``: most
    requests replayed, drawn at random. ``top``: candidates of each kept, in retrieval order. ``blend_groups``:
    requests that the retrieval order is learned from. ``validation_share`` of the users stop the training early.
    ``tail``: further candidates of each, at random below ``top``, for a ranker that orders all of them.
    ``history``: actions that the request path knows of a user (None: all). ``short_share`` of the requests are asked
    again with a short history. ``pages``: most shown pages learned from."""

    targets: int = 3
    groups: int = 12_000
    top: int = 200
    candidates: int = 1000
    blend_groups: int = 800
    validation_share: float = 0.1
    minimum_history: int = 2
    tail: int = 0
    history: int | None = None
    short_share: float = 0.15
    pages: int = 2000


@dataclass(frozen=True)
class LambdaMartSettings:
    """LightGBM's lambdarank; it stops when NDCG@10 of the validation users has not grown for ``patience`` trees. Over
    one set of sources on MovieLens-1M, 15 leaves gave NDCG@10 .2094, 31 .2081, 31 without the blend to begin with .2076
    (± .0015 each against the last)."""

    trees: int = 300
    leaves: int = 15
    learning_rate: float = 0.05
    truncation: int = 30
    least_in_leaf: int = 50
    column_share: float = 0.8
    patience: int = 30
    threads: int = 2


@dataclass(frozen=True)
class DeepSettings:
    """The deep ranker: an embedding of ``size`` per item, user half and item half to ``hidden`` units. ``positions``
    shown positions are told apart by the training-only bias tower. It stops when NDCG@10 of the validation users has
    not grown for ``patience`` epochs."""

    size: int = 32
    hidden: tuple[int, ...] = (128, 64)
    learning_rate: float = 1e-3
    batch_groups: int = 32
    epochs: int = 6
    patience: int = 2
    dropout: float = 0.1
    positions: int = 100
    history: int = 20
