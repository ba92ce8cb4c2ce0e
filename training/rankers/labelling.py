"""Examples from sources that have not seen the labels."""

from pathlib import Path

from pipeline.artifacts import Artifacts
from pipeline.blend import Blend
from pipeline.sources import default_sources
from training.datasets.sequences import Sequences
from training.datasets.user_features import UserFeatures
from training.models.fitted import Progress, silent
from training.rankers.blend import fit_blend
from training.rankers.examples import Examples, joined, replay
from training.rankers.pages import Pages, page_requests, replay_pages
from training.rankers.past_requests import Tower, past_requests
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
    artifacts = Artifacts.load(sources)
    proposing = default_sources(artifacts)
    requests = past_requests(train, tower, settings, seed, user_features)
    first = [request for request in requests if not request.validates][: settings.blend_groups]
    everything = settings.candidates
    blend = fit_blend(
        replay(first, artifacts, proposing, total=everything, top=everything, blend=None, progress=silent)
    )
    examples = replay(
        requests,
        artifacts,
        proposing,
        total=everything,
        top=settings.top,
        blend=blend,
        tail=settings.tail,
        seed=seed,
        progress=progress,
    )
    if pages is not None:
        shown = page_requests(pages, train, tower, settings, seed)
        progress(f"rankers: {len(shown):,} pages that were shown")
        examples = joined(examples, replay_pages(shown, artifacts, proposing, total=everything))
    return examples, blend
