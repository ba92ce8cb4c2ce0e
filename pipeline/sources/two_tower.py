"""Items near the user's vector."""

from dataclasses import dataclass

from pipeline.ann import AnnIndex
from pipeline.candidates import Proposal
from pipeline.sources.nothing import NOTHING
from pipeline.user import UserContext


@dataclass(frozen=True, slots=True)
class TwoTower:
    """The two-tower's nearest items, by any index over the release's item vectors."""

    index: AnnIndex
    name: str = "two_tower"

    def propose(self, user: UserContext, count: int) -> Proposal:
        """See Source. Nothing for a user without a vector or a history: what is popular and new is everybody's."""
        return self.index.search(user.vector, count) if user.vector is not None and len(user.history) else NOTHING
