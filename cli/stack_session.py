"""The embedded stack that the settings name."""

from contracts.settings import Settings
from stack.composition import TREE, compose
from stack.lifecycle import Waves
from stack.run_folder import RunFolder
from stack.supervision import Supervisor


def embedded_stack(settings: Settings) -> tuple[Waves, Supervisor]:
    """Its servers and their supervisor. Raises HeadwaterError when a binary that it needs is missing."""
    return compose(settings), Supervisor(RunFolder(settings.home), TREE)
