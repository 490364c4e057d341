"""POST /api/v2/alerts as senders know it from Alertmanager."""

from __future__ import annotations

import base64
import gzip
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from tocsin.accounts.rules import Role
from tocsin.accounts.services import create_token
from tocsin.core.actors import SHELL
from tocsin.events.models import Event, Integration
from tocsin.events.services import create_integration, delete_integration, disable_integration, rotate_token
from tocsin.web.alertmanager.door import alerts
from tocsin.web.shared import tokens
from tocsin.web.shared.posts import MAX_BODY

pytestmark = pytest.mark.django_db


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Door:
    integration: Integration
    token: str

    def post(self, body: Any, *, authorization: str | None = None, method: str = "POST", **environ: str) -> Reply:
        """`body`: bytes as they are, anything else as JSON."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        given: dict[str, Any] = {}

        def start_response(status: str, headers: list[tuple[str, str]]) -> None:
            given.update(status=int(status[:3]), headers=dict(headers))

        said = f"Bearer {self.token}" if authorization is None else authorization
        whole = alerts(
            {
                "REQUEST_METHOD": method,
                "PATH_INFO": "/api/v2/alerts",
                "CONTENT_LENGTH": str(len(raw)),
                "HTTP_AUTHORIZATION": said,
                "wsgi.input": io.BytesIO(raw),
                **environ,
            },
            start_response,
        )
        return Reply(body=b"".join(whole), **given)


@pytest.fixture
def door(now: datetime) -> Iterator[Door]:
    tokens.forget_all()
    yield Door(*create_integration(by=SHELL, now=now, name="Prometheus"))
    tokens.forget_all()


def names() -> list[str]:
    return sorted(Event.objects.values_list("labels__alertname", flat=True))


def test_alerts_as_prometheus_sends_them_are_stored(door: Door) -> None:
    started = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1)
    body = [
        {
            "annotations": {"summary": "90 %"},
            "endsAt": (started + timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%S.123456789Z"),
            "startsAt": started.astimezone(tz=None).isoformat(),
            "generatorURL": "http://prometheus:9090/graph?g0.expr=up",
            "labels": {"alertname": "DiskFull", "severity": "critical", "empty": ""},
        }
    ]

    reply = door.post(body)

    assert (reply.status, reply.body) == (200, b"")
    event = Event.objects.get()
    assert event.labels == {"alertname": "DiskFull", "severity": "critical"}
    assert (event.state, event.severity, event.starts_at) == ("active", 1, started)
    assert event.ends_at == started + timedelta(minutes=5, microseconds=123457)
    assert event.generator_url == "http://prometheus:9090/graph?g0.expr=up"


def test_zero_and_missing_times_say_nothing(door: Door) -> None:
    before = datetime.now(UTC)

    reply = door.post(
        [
            {"labels": {"alertname": "A"}, "startsAt": "0001-01-01T00:00:00Z", "endsAt": "0001-01-01T00:00:00Z"},
            {"labels": {"alertname": "B"}, "annotations": None, "endsAt": None, "generatorURL": None},
            {"labels": {"alertname": "C"}, "startsAt": "0001-01-01T00:00:00+08:00"},
        ]
    )

    assert reply.status == 200
    for event in Event.objects.all():
        assert (event.state, event.annotations, event.generator_url) == ("active", {}, "")
        assert before <= event.starts_at <= datetime.now(UTC)
        assert event.ends_at == event.starts_at + timedelta(seconds=300)


def test_an_end_in_the_past_resolves(door: Door) -> None:
    door.post([{"labels": {"alertname": "A"}}])

    reply = door.post([{"labels": {"alertname": "A"}, "endsAt": datetime.now(UTC).isoformat()}])

    assert reply.status == 200
    assert Event.objects.get().state == "resolved"


def test_one_bad_alert_does_not_cost_its_neighbours_theirs(door: Door) -> None:
    reply = door.post(
        [
            {"labels": {"alertname": "Good"}},
            {"labels": {"alertname": "Nul", "x": "a\0b"}},
            {"labels": {"alertname": "Half", "y": "\ud800"}},
            {"labels": {"only": ""}},
            {"annotations": {"alertname": "NoLabels"}},
            {"labels": {"alertname": 5}},
            {"labels": {"alertname": "Late"}, "startsAt": "2026-01-02T00:00:00Z", "endsAt": "2026-01-01T00:00:00Z"},
            {"labels": {"alertname": "When"}, "startsAt": "yesterday"},
            {"labels": {"alertname": "Long", "z": "x" * 4097}},
            {"labels": {"alertname": "Note"}, "annotations": {"n": "\0"}},
            "not an alert",
            {"labels": {"alertname": "Also good", "lang": "中文 😀"}},
        ]
    )

    assert names() == ["Also good", "Good"]
    assert reply.status == 400
    assert reply.headers["Content-Type"] == "application/json"
    assert reply.json == (
        "10 of 12 alerts refused: "
        "alert 2: labels.x: holds a NUL character (U+0000); remove it; "
        "alert 3: labels.y: holds half of a surrogate pair; send valid Unicode; "
        "alert 4: labels: at least one label is needed; "
        "alert 5: Object missing required field `labels`; "
        "alert 6: Expected `str`, got `int` - at `$.labels[...]`; "
        "alert 7: endsAt: the end must not be before the start; "
        "alert 8: Invalid RFC3339 encoded datetime - at `$.startsAt`; "
        "alert 9: labels.z: has 4097 characters, at most 4096 are allowed; "
        "alert 10: annotations.n: holds a NUL character (U+0000); remove it; "
        "alert 11: Expected `object`, got `str`"
    )


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (b"[" * 50_000 + b"]" * 50_000, "is nested too deeply"),
        (b'{"labels":{"a":"b"},"x":' + b'{"y":[' * 50_000 + b"]}" * 50_000 + b"}", "is nested too deeply"),
        (b"9" * 10_000, "holds a number of too many digits"),
        (b'{"labels":{"alertname":' + b"9" * 10_000 + b"}}", "holds a number of too many digits"),
        (b"nope", "this is not JSON"),
        (b'{"labels":{"alertname":"B"]}', "this is not JSON"),
        (b"", "this is not JSON"),
        (b'{"labels":{"a":5,"b":"],[\\\\\\"{,"}}', "Expected `str`, got `int` - at `$.labels[...]`"),
    ],
    ids=["deep", "deep inside", "digits", "digits inside", "word", "crossed", "nothing", "brackets in strings"],
)
def test_what_cannot_be_read_costs_only_itself(door: Door, bad: bytes, problem: str) -> None:
    reply = door.post(b'[{"labels":{"alertname":"A","x":"],"}}, ' + bad + b' , {"labels":{"alertname":"C"}}]\n')

    assert names() == ["A", "C"]
    assert (reply.status, reply.json) == (400, f"1 of 3 alerts refused: alert 2: {problem}")


@pytest.mark.parametrize(
    "body",
    [
        b"[" + b'"' + b'\\"' * 500_000,
        b"[" * MAX_BODY,
        b'[{"labels":{"alertname":"A"}}]]',
        b'[{"labels":{"alertname":"A"}}}',
        b'[{"labels":{"alertname":"A"}}] x',
        b'[{"labels":{"alertname":"A}}]',
    ],
    ids=["open string", "brackets", "one too many", "another bracket", "more", "open label"],
)
def test_what_cannot_be_divided_is_refused_at_once(door: Door, body: bytes) -> None:
    reply = door.post(body)

    assert reply.status == 400
    assert reply.json["message"].startswith("The body is not a whole JSON array: a bracket or a quote")
    assert not Event.objects.exists()


def test_a_long_list_of_refusals_is_cut(door: Door) -> None:
    reply = door.post([{"labels": {}}] * 50)

    assert reply.json.startswith("50 of 50 alerts refused: alert 1: ")
    assert reply.json.endswith("; and 30 more")


def test_bytes_that_are_not_utf8_are_replaced_as_go_does(door: Door) -> None:
    reply = door.post(b'[{"labels":{"alertname":"A","x":"\xff"}}]')

    assert reply.status == 200
    assert Event.objects.get().labels["x"] == "\ufffd"


@pytest.mark.parametrize(
    "body", [b"nonsense", b"", b'{"labels":{"alertname":"A"}}', b'[{"labels":{"alertname":"A"}}', b"[" * 100_000, b"5"]
)
def test_a_body_that_is_no_array_is_refused_as_a_whole(door: Door, body: bytes) -> None:
    reply = door.post(body)

    assert reply.status == 400
    assert reply.json["code"] == 400
    assert reply.json["message"]
    assert Event.objects.count() == 0


def test_an_empty_array_is_fine(door: Door) -> None:
    assert door.post([]).status == 200
    assert Integration.objects.get().last_event_at is None


@pytest.mark.parametrize("length", [str(4 * MAX_BODY), ""])
def test_too_large_a_body_is_refused_after_a_part_of_it(door: Door, length: str) -> None:
    sent = io.BytesIO(b" " * 4 * MAX_BODY)

    reply = door.post(b"", CONTENT_LENGTH=length, **{"wsgi.input": sent})  # type: ignore[arg-type]

    assert (reply.status, reply.headers["Connection"]) == (413, "close")
    assert 2 * MAX_BODY <= sent.tell() <= 3 * MAX_BODY + 1


def test_a_compressed_body_is_read(door: Door) -> None:
    body = json.dumps([{"labels": {"alertname": "A"}}]).encode()

    assert door.post(gzip.compress(body), HTTP_CONTENT_ENCODING="gzip").status == 200
    assert names() == ["A"]
    assert door.post(gzip.compress(body)[:-4], HTTP_CONTENT_ENCODING="gzip").status == 400
    assert door.post(body, HTTP_CONTENT_ENCODING="gzip").status == 400
    assert door.post(body, HTTP_CONTENT_ENCODING="br").status == 400
    assert door.post(gzip.compress(b" " * (MAX_BODY + 1)), HTTP_CONTENT_ENCODING="gzip").status == 413


def test_the_token_may_be_the_password_of_basic(door: Door) -> None:
    basic = "Basic " + base64.b64encode(f"anyone:{door.token}".encode()).decode()

    assert door.post([], authorization=basic).status == 200


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer tci_wrong", "Basic ???", "Basic eDp5", "Digest x"])
def test_without_a_known_token_nothing_is_stored(door: Door, authorization: str) -> None:
    reply = door.post([{"labels": {"alertname": "A"}}], authorization=authorization)

    assert reply.status == 401
    assert reply.json["code"] == 401
    assert reply.headers["WWW-Authenticate"] in ('Bearer realm="tocsin"', 'Basic realm="tocsin"')
    assert Event.objects.count() == 0


def test_a_disabled_integration_is_told_so(door: Door, now: datetime) -> None:
    disable_integration(by=SHELL, now=now, integration_id=door.integration.pk)

    reply = door.post([{"labels": {"alertname": "A"}}])

    assert (reply.status, reply.json["message"]) == (403, "The integration Prometheus is disabled.")
    assert Event.objects.count() == 0


def test_a_rotated_token_is_refused_once_it_is_forgotten(door: Door, now: datetime) -> None:
    assert door.post([]).status == 200
    rotate_token(by=SHELL, now=now, integration_id=door.integration.pk)

    tokens.forget_all()

    assert door.post([]).status == 401


def test_a_repeated_report_is_one_statement(door: Door) -> None:
    body = [{"labels": {"alertname": "A"}}]
    door.post(body)
    tokens.forget_all()
    door.post(body)
    executed: list[str] = []

    with connection.execute_wrapper(lambda execute, sql, *rest: executed.append(sql) or execute(sql, *rest)):  # type: ignore[func-returns-value]
        assert door.post(body).status == 200

    assert [sql for sql in executed if "SAVEPOINT" not in sql] == []
    assert Event.objects.get().count == 3


def test_other_methods_are_named(door: Door) -> None:
    reply = door.post(b"", method="PUT")

    assert (reply.status, reply.headers["Allow"]) == (405, "POST")


def test_the_integration_shows_when_it_last_reported(door: Door) -> None:
    before = datetime.now(UTC)

    door.post([{"labels": {"alertname": "A"}}])

    last = Integration.objects.get().last_event_at
    assert last is not None
    assert before <= last <= datetime.now(UTC)


@pytest.mark.django_db(transaction=True)
def test_a_deleted_integration_is_unknown_although_it_was_remembered(door: Door, now: datetime) -> None:
    assert door.post([]).status == 200
    delete_integration(by=SHELL, now=now, integration_id=door.integration.pk)

    reply = door.post([{"labels": {"alertname": "A"}}])

    assert reply.status == 401
    assert Event.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_died_meanwhile_is_replaced(door: Door) -> None:
    door.post([{"labels": {"alertname": "A"}}])
    pid = connection.connection.info.backend_pid
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    other.close()

    assert door.post([{"labels": {"alertname": "B"}}]).status == 200
    assert names() == ["A", "B"]


@pytest.mark.django_db(transaction=True)
def test_without_a_database_the_sender_is_asked_to_come_again(door: Door) -> None:
    door.post([])
    connection.close()
    port = connection.settings_dict["PORT"]
    connection.settings_dict["PORT"] = "1"
    try:
        reply = door.post([{"labels": {"alertname": "A"}}])
    finally:
        connection.settings_dict["PORT"] = port

    assert (reply.status, reply.headers["Retry-After"]) == (503, "5")
    assert reply.json == {"code": 503, "message": "The database does not answer."}
    assert door.post([{"labels": {"alertname": "A"}}]).status == 200
    assert names() == ["A"]


def basic(name: str, token: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{token}".encode()).decode()


@pytest.mark.parametrize(
    ("role", "name", "status"),
    [
        (Role.RESPONDER, "Prometheus", 200),
        (Role.ADMIN, "Prometheus", 200),
        (Role.VIEWER, "Prometheus", 401),
        (Role.ADMIN, "Other", 401),
        (Role.ADMIN, "", 401),
    ],
)
def test_a_responders_token_posts_to_the_integration_that_the_user_name_calls(
    door: Door, now: datetime, role: Role, name: str, status: int
) -> None:
    _row, secret = create_token(by=SHELL, now=now, name="grafana", role=role)

    reply = door.post([{"labels": {"alertname": "A"}}], authorization=basic(name, secret))

    assert reply.status == status
    assert list(Event.objects.values_list("integration", flat=True)) == ([door.integration.pk] if status == 200 else [])
