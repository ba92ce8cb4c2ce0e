"""Everything that answers for one release: what the gateway holds twice while two arms run."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.artifacts import Artifacts
from pipeline.candidates import Source
from pipeline.ports import Ranker, UserTower
from pipeline.request import TOTAL_CANDIDATES
from pipeline.rules.bound import BoundRules
from pipeline.sources import DEFAULT_QUOTAS


@dataclass(frozen=True, slots=True)
class ServedRelease:
    """A release in force with its models' adapters and the rules and settings of the arm.

    ``tower`` is None where nothing can compute a user vector, ``ranker`` None where retrieval order is the order.
    ``quotas`` is how many items each source is asked for, ``total`` how many candidates are ranked.
    """

    release: str
    artifacts: Artifacts
    sources: tuple[Source, ...]
    rules: BoundRules
    tower: UserTower | None = None
    ranker: Ranker | None = None
    quotas: Mapping[str, int] = field(default_factory=lambda: dict(DEFAULT_QUOTAS))
    total: int = TOTAL_CANDIDATES
