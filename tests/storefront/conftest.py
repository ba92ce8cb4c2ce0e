"""A storefront over a real gateway (the fixtures of tests/serving), and a Chromium to look at it with."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.browsing import browse, chromium  # noqa: F401
from tests.serving.conftest import (  # noqa: F401
    World,
    built_models,
    gateway,
    models_address,
    module_prefix,
    serving_database,
    serving_home,
    with_changes,
    world,
)

if TYPE_CHECKING:
    from tests.serving.running import RunningGateway


@pytest.fixture(scope="module")
def storefront(gateway: "RunningGateway") -> Iterator[str]:  # noqa: F811
    """The storefront's address."""
    from tests.storefront.running import credentials, running_storefront

    with running_storefront(gateway.url, credentials(gateway)) as url:
        yield url


@pytest.fixture(scope="module")
def consumer(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:  # noqa: F811
    """What a person does reaches their profile."""
    from tests.storefront.running import running_consumer

    with running_consumer(world.configuration, tmp_path_factory.mktemp("consumer")):
        yield
