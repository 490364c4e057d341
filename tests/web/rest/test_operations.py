"""Every operation, asked by everybody. Who may what stands in operations_table.py."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from pydantic import BaseModel

from tests.web import roles_table
from tests.web.rest import console_table
from tests.web.rest.asking import Api, api_as
from tests.web.rest.operations_table import OPERATIONS
from tocsin.accounts.rules import Role, Scope, is_at_least, is_in_scope
from tocsin.web.rest.api import RESOURCES, document
from tocsin.web.rest.document import operations_of

WHERE = "tests/web/rest/operations_table.py"
ASKED = {operation["operationId"]: (method.upper(), path) for path, method, operation in operations_of(document.schema)}


def test_every_operation_stands_in_the_table_and_every_row_of_it_exists() -> None:
    assert set(ASKED) == set(OPERATIONS), f"Who may ask these, or are they gone? Say so in {WHERE}"


def test_the_description_says_who_may() -> None:
    said = {
        operation["operationId"]: (operation["x-scope"], operation["x-role"])
        for _path, _method, operation in operations_of(document.schema)
    }

    assert said == {name: (scope.value, role.value) for name, (scope, role) in OPERATIONS.items()}


def test_whatever_the_console_can_do_programs_can_do_or_the_table_says_why_not() -> None:
    where = "tests/web/rest/console_table.py"
    inside = {route for route in roles_table.ADDRESSES if route.startswith("console/")}
    own = {route for route in inside if route.startswith(console_table.OWN)}
    acts = {name for actions in roles_table.ACTIONS.values() for name in actions}
    rows = [*console_table.TABLES.values(), *console_table.ADDRESSES.values(), *console_table.ACTIONS.values()]

    assert inside - own == set(console_table.ADDRESSES), f"What does a program instead? Say so in {where}"
    assert set(roles_table.TABLES) == set(console_table.TABLES), f"What does a program instead? Say so in {where}"
    assert acts == set(console_table.ACTIONS), f"What does a program instead? Say so in {where}"
    named = {name for row in rows if isinstance(row, tuple) for name in row}
    assert named <= set(OPERATIONS), "These are no operations (any more)"


def test_the_page_names_every_scope_and_every_resource() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "api" / "rest.md").read_text()

    assert [name for name in (*Scope, *RESOURCES) if f"`{name}" not in page] == []


def test_whatever_is_deleted_may_be_deleted_as_it_was_read_only() -> None:
    blind = {
        operation["operationId"]
        for _path, method, operation in operations_of(document.schema)
        if method == "delete"
        and "if-match" not in {parameter["name"].lower() for parameter in operation.get("parameters", ())}
    }

    assert blind == set()


@pytest.fixture
def unlimited(settings: Any, db: None) -> None:
    settings.API_REQUESTS_PER_MINUTE = 0


def status_of(api: Api, name: str) -> int:
    """Of an empty question about what does not exist; nothing that it did stays."""
    method, path = ASKED[name]
    with transaction.atomic():
        status = api(method, re.sub(r"{\w+}", "999999", path).removeprefix("/api/v1")).status
        transaction.set_rollback(True)
    return status


def test_nobody_gets_in_without_a_token(unlimited: None) -> None:
    assert {name: status_of(Api(""), name) for name in ASKED} == dict.fromkeys(ASKED, 401)
    assert {name: status_of(Api("tct_guessed"), name) for name in ASKED} == dict.fromkeys(ASKED, 401)


@pytest.mark.parametrize("role", Role)
def test_each_role_may_what_the_table_says(unlimited: None, role: Role) -> None:
    api = api_as(role)

    let_in = {name for name in ASKED if status_of(api, name) not in (401, 403)}

    assert let_in == {name for name, (_scope, least) in OPERATIONS.items() if is_at_least(role, least)}


@pytest.mark.parametrize("scope", Scope)
def test_each_scope_opens_what_the_table_says(unlimited: None, scope: Scope) -> None:
    api = api_as(Role.ADMIN, [scope])

    let_in = {name for name in ASKED if status_of(api, name) not in (401, 403)}

    assert let_in == {name for name, (needed, _role) in OPERATIONS.items() if is_in_scope([scope], needed)}


def test_what_is_nothing_is_a_problem_too(db: None) -> None:
    api = api_as(Role.VIEWER)

    assert (api("GET", "/nothing").status, api("GET", "/nothing").body["status"]) == (404, 404)
    refused = api("PUT", "/contacts", {})
    assert (refused.status, refused.body["type"], refused.headers["Allow"]) == (
        405,
        "urn:tocsin:problem:method-not-allowed",
        "GET, HEAD, POST",
    )
    assert api("GET", "/contacts/1/").status == 404


def test_a_session_of_the_console_is_no_token(client: Client, db: None) -> None:
    assert client.get("/api/v1/contacts").status_code == 401


def test_no_two_shapes_share_a_name() -> None:
    made = [shape for shape in shapes_of(BaseModel) if shape.__module__.startswith("tocsin.web.rest.")]
    names = [shape.__name__ for shape in made]

    assert sorted({name for name in names if names.count(name) > 1 and "[" not in name}) == []


def shapes_of(base: type[BaseModel]) -> list[type[BaseModel]]:
    return [each for shape in base.__subclasses__() for each in (shape, *shapes_of(shape))]
