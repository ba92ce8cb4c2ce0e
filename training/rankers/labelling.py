"""Examples from sources that have not seen the labels."""

from pathlib import Path

from pipeline.blend import Blend
from training.datasets.sequences import Sequences
from training.datasets.user_features import UserFeatures
from training.models.fitted import Progress, silent
from training.rankers.blend import fit_blend
from training.rankers.examples import Examples, joined
from training.rankers.pages import Pages, page_requests
from training.rankers.past_requests import Tower, past_requests
from training.rankers.replayer import Replayer
from training.rankers.settings import ExampleSettings


def before_labels(train: Sequences, settings: ExampleSettings) -> Sequences:
    """What the sources may have seen: all actions but those that become labels."""
    return train.before_last(settings.targets, at_least=settings.targets + settings.minimum_history)


def label_by(
    sources: Path,
    tower: Tower | None,
    train: Sequences,
    settings: ExampleSettings,
    seed: int,
    progress: Progress = silent,
    *,
    user_features: UserFeatures | None = None,
    pages: Pages | None = None,
) -> tuple[Examples, Blend | None]:
    """Past requests replayed through ``sources`` (a directory like a release's) and ``tower``, which know only
    ``before_labels``, and the retrieval order that chose the candidates.

    ``user_features`` are those at each action of ``train``, for the tower; ``pages`` are what users were shown,
    labelled: those after everything that the sources saw become examples too."""
    requests = past_requests(train, tower, settings, seed, user_features)
    first = [request for request in requests if not request.validates][: settings.blend_groups]
    shown = page_requests(pages, train, tower, settings, seed) if pages is not None else []
    everything = settings.candidates
    with Replayer(sources, len(requests) + len(shown), progress) as replayer:
        blend = fit_blend(replayer.past(first, total=everything, top=everything, blend=None, tail=0, seed=seed))
        examples = replayer.past(
            requests, total=everything, top=settings.top, blend=blend, tail=settings.tail, seed=seed
        )
        if shown:
            examples = joined(examples, replayer.pages(shown, total=everything))
    return examples, blend
