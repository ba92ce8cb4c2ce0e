"""The models that ``headwater evaluate`` knows, and how a time budget is shared among them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from contracts.errors import InvalidInputError
from training.datasets.items import ItemTable
from training.datasets.sequences import Sequences
from training.models.fitted import Fitted, Progress
from training.rankers.past_requests import asked_for
from training.rankers.settings import ExampleSettings

RANKED = "ranked"
"""Candidates blended, then the ranker, over all models fitted before it: what a user would be served."""

NEEDED_BY_RANKED = ("popular", "item_knn", "sequential", "als", "two_tower")

MODULES = {
    "popular": "training.models.popular",
    "item_knn": "training.models.item_knn",
    "ease": "training.models.ease",
    "sequential": "training.models.sequential",
    "als": "training.models.als",
    "two_tower": "training.models.two_tower",
    RANKED: "training.rankers.ranked",
}
"""Model → module, in the order of training. Each is imported only when it is asked for."""

SHARES = {"two_tower": 0.62, RANKED: 0.25}
"""Shares of the whole budget; the others are counted or solved and take what they take."""


@dataclass(frozen=True)
class Order:
    """A model to be fitted: ``shown`` tells whether it is a row of the result, ``budget_seconds`` its time;
    ``labels`` whether a ranker will learn from the last actions of each user as this model sees them."""

    name: str
    shown: bool
    budget_seconds: float
    labels: bool = False


def orders(names: str, budget_seconds: float) -> list[Order]:
    """From ``all`` or a list like ``two_tower,als``. ``ranked`` brings the models that it needs.

    Raises InvalidInputError for an unknown name or a budget that is not positive.
    """
    if budget_seconds <= 0:
        raise InvalidInputError("--budget", "must be more than nothing, like 90s or 15m")
    asked = list(MODULES) if names.strip() == "all" else [name.strip() for name in names.split(",") if name.strip()]
    unknown = [name for name in asked if name not in MODULES]
    if unknown or not asked:
        wrong = repr(unknown[0]) if unknown else "an empty list"
        raise InvalidInputError("--models", f"{wrong} is not all or some of {', '.join(MODULES)}")
    needed = set(asked) | (set(NEEDED_BY_RANKED) if RANKED in asked else set())
    trained = [name for name in MODULES if name in needed]
    spare = 0.8 if RANKED not in needed else SHARES["two_tower"]
    share = {"two_tower": spare, RANKED: SHARES[RANKED] if "two_tower" in needed else 0.8}
    labels = {"two_tower"} if RANKED in needed else set()
    return [Order(name, name in asked, share.get(name, 0.1) * budget_seconds, name in labels) for name in trained]


def fit(
    order: Order,
    train: Sequences,
    items: ItemTable,
    fitted: Mapping[str, Fitted],
    *,
    seed: int,
    progress: Progress,
) -> Fitted:
    """Fits one model; ``ranked`` over those already ``fitted``."""
    module = import_module(MODULES[order.name])
    given: dict[str, Any] = {"seed": seed, "budget_seconds": order.budget_seconds, "progress": progress}
    if order.labels and train.ordered:
        given["held_back"] = asked_for(train, ExampleSettings())
    fit_model: Callable[..., Fitted] = module.fit_ranked if order.name == RANKED else module.fit
    return fit_model(train, items, dict(fitted), **given) if order.name == RANKED else fit_model(train, items, **given)
