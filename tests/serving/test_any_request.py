"""Requests made up from our own OpenAPI description, right and wrong ones: never a fault of ours, never undeclared."""

import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance

from tests.serving.running import RunningGateway

EXAMPLES = 25
"""Requests of each route."""

few = settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


def test_every_answer_is_one_of_ours(gateway: RunningGateway) -> None:
    schema = schemathesis.openapi.from_url(f"{gateway.url}/openapi.json")
    operations = [found.ok() for found in schema.get_all_operations()]
    assert {"/v1/events", "/v1/rank", "/v1/recommendations", "/oauth/token"} <= {one.path for one in operations}
    headers, codes = gateway.headers(), set()
    for operation in operations:
        strategies = [operation.as_strategy(generation_mode=mode) for mode in GenerationMode]

        @few
        @given(st.one_of(strategies))
        def ask(case: Case) -> None:
            answer = case.call_and_validate(headers=headers, checks=[not_a_server_error, content_type_conformance])
            codes.add(answer.status_code)

        ask()
    assert {200, 404, 422} <= codes
