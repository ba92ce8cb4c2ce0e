"""The client is tried against a real gateway: the fixtures of tests/serving."""

from tests.serving.conftest import (  # noqa: F401
    built_models,
    gateway,
    models_address,
    module_prefix,
    serving_database,
    serving_home,
    with_changes,
    world,
)
