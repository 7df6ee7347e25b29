"""The OpenAPI document is true: what it generates, right and wrong, is answered as it says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qs, urlsplit

import hypothesis
import pytest
import schemathesis
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from gatepost.web.app import create_routes
from tests.running import Running, running_server
from tests.services import surround

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gatepost.controlplane.administration.services import Services

CHECKS: Any = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
]
"""All that hold for an API whose rules say more than a schema can: a document that fits its schema may still be refused."""


def described_operations() -> list[Any]:
    """Give the operations of the document; it is made from the routes alone, so that no database need be there."""
    document = create_routes(cast("Services", None), surround().limits).openapi_schema.to_schema()
    found: Any = schemathesis.openapi.from_dict(document).get_all_operations()
    return [operation.ok() for operation in found]


OPERATIONS = described_operations()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Give a server for all examples."""
    with running_server(tmp_path_factory.mktemp("server")) as running:
        yield running


def _sent_as_meant(case: schemathesis.Case[Any], url: str) -> bool:
    """Tell whether the query's bad value can be told from a good one in the address.

    A list without items is not sent at all, one text looks like a list of one, and what is no text becomes one, which is right
    where a text is.
    """
    values = case.query or {}
    sent = parse_qs(urlsplit(url).query, keep_blank_values=True)
    return sent.keys() >= values.keys() and all(
        (isinstance(value, str) and "array" not in kinds)
        or (isinstance(value, list) and "array" in kinds and all(isinstance(item, str) for item in value))
        or not kinds & {"string", "array"}
        for name, value in values.items()
        for kinds in [_kinds(case, name)]
    )


def _kinds(case: schemathesis.Case[Any], name: str) -> set[str]:
    """Give the types that the document has for a parameter of the query, without those behind a reference."""
    (item,) = [item for item in case.operation.query if item.name == name] or [None]
    schema = item.definition["schema"] if item else {}
    return {kind["type"] for kind in schema.get("oneOf", [schema]) if "type" in kind}


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_an_operation_answers_as_the_document_says(operation: Any, mode: GenerationMode, server: Running) -> None:  # noqa: ANN401 - schemathesis' own class, without a public name.
    """For what fits its schema and for what does not, with the account's own id and token."""

    @hypothesis.settings(
        max_examples=15, derandomize=True, database=None, suppress_health_check=list(hypothesis.HealthCheck)
    )
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
    def answers(case: schemathesis.Case[Any]) -> None:
        case.path_parameters["account_id"] = server.account.account_id
        response = case.call(
            base_url=f"http://127.0.0.1:{server.port}", headers={"Authorization": f"Bearer {server.account.token}"}
        )
        # Too large is a refusal, too, and comes before anything is looked at; the check does not know its number.
        passed_over = response.status_code == 413 or not _sent_as_meant(case, str(response.request.url))
        known = [check for check in CHECKS if not passed_over or check is not negative_data_rejection]
        case.validate_response(response, checks=known)

    answers()
