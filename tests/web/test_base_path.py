"""An installation under a path, like https://example.org/alerts, behind a proxy that passes it on or takes it off."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.urls import clear_script_prefix

from tocsin.web.shared.base_path import below_base_path


@pytest.fixture(autouse=True)
def _under_a_path(settings: Any, db: None) -> Iterator[None]:
    settings.PUBLIC_URL = "https://example.org/alerts"
    settings.BASE_PATH = settings.FORCE_SCRIPT_NAME = "/alerts"
    settings.STATIC_URL = "/alerts/static/"
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)  # as the test client does: the connection is the test's
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)
    clear_script_prefix()


def ask(path: str) -> tuple[int, dict[str, str], str]:
    given: dict[str, Any] = {}

    def start_response(status: str, headers: list[tuple[str, str]], *more: Any) -> None:
        given.update(status=int(status.split()[0]), headers=dict(headers))

    environ = {
        "REQUEST_METHOD": "GET", "PATH_INFO": path, "QUERY_STRING": "", "SERVER_NAME": "example.org",
        "SERVER_PORT": "80", "REMOTE_ADDR": "127.0.0.1", "CONTENT_LENGTH": "0",
        "wsgi.input": io.BytesIO(), "wsgi.url_scheme": "http",
        "wsgi.errors": io.StringIO(),
    }  # fmt: skip
    answer = WSGIHandler()(below_base_path(environ), start_response)
    body = b"".join(answer)
    if hasattr(answer, "close"):
        answer.close()
    return given["status"], given["headers"], body.decode(errors="replace")


@pytest.mark.parametrize("path", ["/alerts/console/login/", "/console/login/"])
def test_pages_lead_to_what_is_under_the_path(path: str) -> None:
    status, _, page = ask(path)

    assert status == 200
    assert 'href="/alerts/static/console/console.css' in page
    assert 'action="/alerts/console/language/"' in page
    assert '"/console/' not in page
    assert '"/static/' not in page


@pytest.mark.parametrize("path", ["/alerts", "/alerts/", "/"])
def test_the_front_door_is_under_the_path(path: str) -> None:
    status, headers, _ = ask(path)

    assert (status, headers["Location"]) == (302, "/alerts/console/")


def test_every_kind_of_door_is_found_under_the_path() -> None:
    found = {path: ask(f"/alerts{path}")[0] for path in ("/healthz", "/static/console/tocsin.svg", "/c/", "/v/")}
    elsewhere = ask("/alertsx/healthz")

    assert set(found.values()) == {200}
    assert elsewhere[0] == 404


@pytest.mark.parametrize(
    ("path", "below"),
    [
        ("/alerts/api/v2/alerts", "/api/v2/alerts"),
        ("/api/v2/alerts", "/api/v2/alerts"),
        ("/alerts", "/"),
        ("/alertsx/v/", "/alertsx/v/"),
        ("/a/alerts/", "/a/alerts/"),
    ],
)
def test_what_is_behind_the_path_counts(path: str, below: str) -> None:
    assert below_base_path({"PATH_INFO": path})["PATH_INFO"] == below
