"""What a stage may assume of the state: parts that an earlier stage must have made."""

from contracts.errors import HeadwaterError
from pipeline.candidates import Candidates
from pipeline.served import ServedRelease
from pipeline.state import State
from pipeline.user import UserContext

FAULTS = (HeadwaterError, OSError, ArithmeticError, LookupError, ValueError, TypeError, RuntimeError, MemoryError)
"""What may go wrong in a stage, TimeoutError (an OSError) among them: these make the chain fall back."""


def served(state: State) -> ServedRelease:
    """The release that answers. Raises ValueError before an arm is assigned."""
    if state.assigned is None:
        raise ValueError("no arm is assigned yet")
    return state.assigned.served


def user_of(state: State) -> UserContext:
    """The user in terms of the release. Raises ValueError before an arm is assigned."""
    if state.user is None:
        raise ValueError("the user is not known in terms of a release yet")
    return state.user


def candidates_of(state: State) -> Candidates:
    """The candidates. Raises ValueError before they were merged."""
    if state.candidates is None:
        raise ValueError("there are no candidates yet")
    return state.candidates
