"""Where the pointer goes when the gate has let a release through."""

from pathlib import Path

import pytest

from contracts.release import CHALLENGER, CHAMPION
from contracts.settings import Settings
from database.engine import connect
from releases.pointers import Pointers
from releases.store import ReleaseStore
from tests.releases.releases import published
from tests.training.jobs.finished import done, inputs
from training.jobs.register import promote
from training.jobs.run import create_run

FIRST, SECOND, THIRD = "r00000000000a", "r00000000000b", "r00000000000c"


def shipped(settings: Settings, identifier: str) -> tuple[str | None, str | None]:
    """Champion and challenger after the last step of a run that made ``identifier``."""
    run = create_run(identifier, inputs(), settings)
    done(run, "gate", {"checks": ["ndcg@10 is better"]})
    published(ReleaseStore(settings.releases), identifier)
    report = promote(run, run.path / "promote")
    assert promote(run, run.path / "promote") == {**report, "changed": False}
    engine = connect(settings.database_url)
    held = Pointers(engine, settings.now()).all()
    engine.dispose()
    return held[CHAMPION].release_id, held[CHALLENGER].release_id


@pytest.mark.parametrize(
    ("tried", "expected"),
    [
        (False, [(FIRST, None), (SECOND, None), (THIRD, None)]),
        (True, [(FIRST, None), (FIRST, SECOND), (FIRST, SECOND)]),
    ],
)
def test_a_release_becomes_champion_or_where_experiments_decide_the_one_challenger(
    tmp_path: Path, database_url: str, mlflow_url: str, tried: bool, expected: list[tuple[str | None, str | None]]
) -> None:
    settings = Settings(
        home=tmp_path, clock="real", database_url=database_url, mlflow_url=mlflow_url, challenger_experiment=tried
    )
    assert [shipped(settings, identifier) for identifier in (FIRST, SECOND, THIRD)] == expected
