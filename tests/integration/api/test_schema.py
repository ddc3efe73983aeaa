"""The schema says what the API does: other programs are made from it."""

from typing import Any

import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute

from api.app import create_app
from security.envelope import KeyRing
from storage.database import Database, Role
from tests.integration.api.site import SETTINGS

SAFE = {"GET", "HEAD", "OPTIONS"}


@pytest.fixture(scope="module")
def app() -> Litestar:
    database = Database("postgresql://nobody@127.0.0.1:1/nothing", Role.API)
    return create_app(SETTINGS, database, KeyRing.generate("test"))


@pytest.fixture(scope="module")
def operations(app: Litestar) -> list[tuple[str, str, dict[str, Any]]]:
    schema = app.openapi_schema.to_schema()
    return [(verb, path, operation) for path, item in schema["paths"].items() for verb, operation in item.items()]


def test_every_operation_has_a_name_of_its_own_a_tag_and_a_summary(
    operations: list[tuple[str, str, dict[str, Any]]],
) -> None:
    names = [operation["operationId"] for _, _, operation in operations]
    assert len(set(names)) == len(names)
    assert all(operation["tags"] and operation["summary"] for _, _, operation in operations)
    assert not [name for name in names if "_" in name]


def test_every_body_refuses_fields_that_it_does_not_name(
    app: Litestar, operations: list[tuple[str, str, dict[str, Any]]]
) -> None:
    schemas = app.openapi_schema.to_schema()["components"]["schemas"]
    bodies = [operation["requestBody"] for _, _, operation in operations if "requestBody" in operation]
    assert len(bodies) > 10
    for body in bodies:
        schema = body["content"]["application/json"]["schema"]
        references = [shape["$ref"] for shape in [schema, *schema.get("oneOf", [])] if "$ref" in shape]
        assert references
        for reference in references:
            assert schemas[reference.rpartition("/")[2]]["additionalProperties"] is False


def test_every_refusal_is_documented_as_a_problem(operations: list[tuple[str, str, dict[str, Any]]]) -> None:
    for verb, path, operation in operations:
        refusals = {status: answer for status, answer in operation["responses"].items() if int(status) >= 400}
        assert {"400", "429", "500", "503"} <= set(refusals), path
        assert ("404" in refusals) == ("{" in path), path
        if operation.get("security") != []:
            assert {"401", "403"} <= set(refusals), path
        if "requestBody" in operation:
            assert {"413", "415"} <= set(refusals), (verb, path)
        for answer in refusals.values():
            assert list(answer["content"]) == ["application/problem+json"]


def test_every_route_that_changes_something_says_what_a_token_needs_for_it(app: Litestar) -> None:
    for route in app.routes:
        for handler in route.route_handlers if isinstance(route, HTTPRoute) else ():
            if handler.http_methods - SAFE and not route.path.startswith("/api/v1/auth"):
                assert handler.opt.keys() & {"scope", "session", "open"}, route.path


def test_no_amount_is_a_number(app: Litestar) -> None:
    """A JSON number is a float to most programs, and a float is not money."""
    for name, schema in app.openapi_schema.to_schema()["components"]["schemas"].items():
        for field, inner in schema.get("properties", {}).items():
            assert inner.get("type") != "number", (name, field)
