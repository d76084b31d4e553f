"""Whatever is sent along the OpenAPI document, nothing breaks: no 5xx, and answers are as the document says."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance
from starlette.testclient import TestClient

BOUNDS = settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.large_base_example],
)


@pytest.fixture
def document(real_page: str) -> Any:
    """The document of a page on a real port."""
    document = schemathesis.openapi.from_url(f"{real_page}/openapi.json")
    return document.exclude(path_regex="/events$")  # the stream of a run that nobody works off has no end


def test_nothing_that_is_sent_breaks_the_page(document: Any) -> None:
    tried = set()
    for result in document.get_all_operations():
        operation = result.ok()
        tried.add((operation.method.upper(), operation.path))

        @given(case=operation.as_strategy())
        @BOUNDS
        def send(case: Any) -> None:
            case.call_and_validate(checks=[not_a_server_error, response_schema_conformance], timeout=30)

        send()
    assert {("GET", "/index.json"), ("POST", "/papers/{slug}/run"), ("GET", "/api/daily_papers")} <= tried


def test_the_document_names_every_page_and_its_errors(read_page: TestClient) -> None:
    document = read_page.get("/openapi.json").json()
    paths = document["paths"]
    for path in (
        "/index.json",
        "/papers/{key}.json",
        "/search.json",
        "/topics.json",
        "/runs.json",
        "/api/daily_papers",
        "/api/papers/search",
        "/api/papers/{id}",
        "/atom.xml",
        "/changes.atom",
    ):
        assert "get" in paths[path], path
    for operations in paths.values():
        for operation in operations.values():
            assert "422" not in operation["responses"]
            assert operation["responses"]["default"]["content"]["application/json"]["schema"] == {
                "$ref": "#/components/schemas/ApiError"
            }
    assert set(document["components"]["schemas"]["ApiErrorDetail"]["required"]) == {"type", "message"}
    assert not [name for name in document["components"]["schemas"] if "HTTPValidation" in name]
