"""The manifest of a release."""

from datetime import UTC, datetime

from contracts.release import Manifest

WHEN = datetime(2026, 1, 2, tzinfo=UTC)


def manifest(identifier: str) -> Manifest:
    return Manifest(
        id=identifier,
        created_at=WHEN,
        git_commit="abc",
        data_from=WHEN,
        data_to=WHEN,
        data_hash="d",
        seed=7,
        feature_set="f",
        features={"history": 1},
        ranking_features=("popularity",),
        vector_size=64,
        items=10,
        labels="impressions",
    )


def test_a_manifest_round_trips() -> None:
    one = manifest("r0123456789ab")
    assert Manifest.model_validate_json(one.model_dump_json()) == one


def test_the_serving_version_is_the_id_as_a_positive_number() -> None:
    assert manifest("rffffffffffff").model_version == 2**48 - 1
