"""The schema of the rules file. Every part may be left out; what is left out is off."""

from pathlib import Path
from typing import Annotated, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from contracts.errors import InvalidInputError
from contracts.events import Action
from contracts.rows import Id, Instant

Share = Annotated[float, Field(ge=0, le=1)]
Days = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CategoryCap(_Part):
    """At most ``cap`` items of one main category among any ``window`` neighbouring positions."""

    cap: Annotated[int, Field(ge=1)]
    window: Annotated[int, Field(ge=2)] = 10


class Diversity(_Part):
    """``mmr`` is λ of maximal marginal relevance (Carbonell, Goldstein, SIGIR 1998) over the ``pool`` best items:
    1 is relevance alone, 0 difference alone; items are alike by their categories."""

    category: CategoryCap | None = None
    mmr: Share = 1.0
    pool: Annotated[int, Field(ge=10, le=1000)] = 100


class Freshness(_Part):
    """``half_life_days``: the age at which ``weight`` of an item's relevance has halved. ``new_share`` of an answer is
    kept for items at most ``new_days`` old, or hardly acted on where no age is known."""

    half_life_days: Days | None = None
    weight: Share = 0.5
    new_share: Share = 0.0
    new_days: Days = 30.0


class Seen(_Part):
    """For how many days after an action its item is left out: null is for ever, 0 not at all."""

    view: Annotated[float, Field(ge=0)] | None = 30.0
    click: Annotated[float, Field(ge=0)] | None = None
    purchase: Annotated[float, Field(ge=0)] | None = None

    def days(self, action: Action) -> float | None:
        """The days for one action."""
        days: float | None = getattr(self, action.value)
        return days


class Hidden(_Part):
    """What nobody may see: items of these categories, and items older than ``older_than_days``."""

    categories: tuple[str, ...] = ()
    older_than_days: Days | None = None


class Pin(_Part):
    """``item`` stands at ``position`` (from 1) for everyone, between ``start`` and ``end`` where they are given."""

    item: Id
    position: Annotated[int, Field(ge=1, le=100)]
    start: Instant | None = None
    end: Instant | None = None


class Rules(_Part):
    """The whole file. ``deny`` never appears; where ``allow`` names items, only those do (pins too)."""

    version: Annotated[int, Field(ge=1, le=1)] = 1
    diversity: Diversity = Diversity()
    freshness: Freshness = Freshness()
    seen: Seen = Seen()
    hidden: Hidden = Hidden()
    allow: tuple[Id, ...] = ()
    deny: tuple[Id, ...] = ()
    pin: tuple[Pin, ...] = ()

    @model_validator(mode="after")
    def _pins_differ(self) -> Self:
        for pin, other in ((p, o) for i, p in enumerate(self.pin) for o in self.pin[:i]):
            apart = (pin.end is not None and other.start is not None and pin.end <= other.start) or (
                other.end is not None and pin.start is not None and other.end <= pin.start
            )
            if not apart and (pin.position == other.position or pin.item == other.item):
                raise ValueError(f"pin: {other.item} and {pin.item} are pinned to one position, or one item twice")
        return self


def parse_rules(text: str) -> Rules:
    """The rules in a YAML text; an empty text is all off but ``seen``. Raises InvalidInputError naming the field."""
    try:
        return Rules.model_validate(yaml.safe_load(text) or {})
    except yaml.YAMLError as error:
        raise InvalidInputError("rules", f"not YAML: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "rules"
        raise InvalidInputError(field, first["msg"]) from error


def default_rules() -> Rules:
    """The rules that ship with the product."""
    return parse_rules((Path(__file__).parent / "default.yaml").read_text())
