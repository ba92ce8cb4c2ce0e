"""Requests made up from our own OpenAPI description, right and wrong ones: never a fault of ours, never undeclared."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS, not_a_server_error

from tests.serving.running import RunningGateway

EXAMPLES = 12


@pytest.fixture
def described(gateway: RunningGateway) -> Any:
    return schemathesis.openapi.from_url(f"{gateway.url}/openapi.json")


api = schemathesis.pytest.from_fixture("described")
content_type_is_declared = CHECKS.get_one("content_type_conformance")


@api.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_one_of_ours(case: schemathesis.Case, gateway: RunningGateway) -> None:
    case.call_and_validate(headers=gateway.headers(), checks=[not_a_server_error, content_type_is_declared])
