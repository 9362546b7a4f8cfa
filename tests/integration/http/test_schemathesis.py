"""The running HTTP entry point against its own description: no fault of ours, and every answer as documented."""

from __future__ import annotations

import os

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from producers.http.openapi import document
from tests.support.producers import TOKEN, Shim

#: Requests for each operation; `make fuzz` sends 300, other ones in each run.
REQUESTS = int(os.environ.get("FUZZED_REQUESTS", "15"))

pytestmark = pytest.mark.integration

CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@schemathesis.serializer("application/x-ndjson")
def lines(ctx: schemathesis.SerializationContext, value: object) -> bytes:
    return str(value).encode("utf-8", "replace")


schema = schemathesis.openapi.from_dict(document())


@schema.parametrize()
@settings(
    max_examples=REQUESTS,
    deadline=None,
    derandomize=REQUESTS < 100,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_a_documented_one(case: schemathesis.Case, shim_process: Shim) -> None:
    if case.query and "wait" in case.query:
        # No worker runs, so that a request that waits would wait to the end.
        case.query["wait"] = 0
    answer = case.call(base_url=shim_process.url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30)
    checks = CHECKS if answer.status_code == 503 else [not_a_server_error, *CHECKS]
    # It raises what differs from the description.
    case.validate_response(answer, checks=checks)
    assert str(answer.status_code) in case.operation.definition.raw["responses"]
