"""Requests that nobody would think of, made from the API's own description: no 5xx, no undocumented answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
import requests
import schemathesis
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.stories.harness import ADMIN, begin
from tests.web.people import user_with
from tests.web.rest.asking import token_of
from tocsin.accounts.rules import Role
from tocsin.alerts.models import Alert
from tocsin.channels.models import ProviderAccount
from tocsin.delivery.lifecycle import subscribe
from tocsin.delivery.models import Delivery
from tocsin.events.models import Integration
from tocsin.web.rest.api import document

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
SLOW = {"test_provider_account", "test_subscription"}
"""Send to whatever address was made up."""


@pytest.fixture
def ids(now: datetime, db: None, settings: Any) -> dict[str, Any]:
    """Something of everything, so that requests find it."""
    settings.API_REQUESTS_PER_MINUTE = 0
    story = begin(now)
    wei = story.contact("Wei")
    group, robot = story.group(wei), story.robot("https://oapi.dingtalk.com/robot/send?access_token=t")
    hook, rota = story.webhook("https://tickets.example/hook"), story.schedule([wei], tells_by=[])
    policy = story.policy({wei: ["sms"], rota: ["sms"]})
    heard = subscribe(by=ADMIN, now=now, webhook_id=hook.pk, kinds=["commented"])
    story.fires("DiskFull", severity="critical")
    story.passes(6)
    story.expect_text(wei, "DiskFull")
    return {
        "contact_id": wei.pk,
        "group_id": group.pk,
        "robot_id": robot.pk,
        "webhook_id": hook.pk,
        "subscription_id": heard.pk,
        "schedule_id": rota.pk,
        "policy_id": policy.pk,
        "alert_id": Alert.objects.get().pk,
        "delivery_id": Delivery.objects.latest("pk").pk,
        "integration_id": Integration.objects.latest("pk").pk,
        "account_id": ProviderAccount.objects.latest("pk").pk,
        "user_id": user_with(Role.VIEWER).pk,
    }


def ask_everything(ids: dict[str, Any], examples: int) -> int:
    """How many requests were made: `examples` right ones of each and half as many wrong ones. Nothing of them stays."""
    headers = {"Authorization": f"Bearer {token_of(Role.ADMIN)}"}
    schema = schemathesis.openapi.from_dict(document.schema)
    asked = 0
    faults: dict[str, str] = {}

    def ask(operation: Any, mode: schemathesis.GenerationMode) -> None:
        @seed(7)
        @settings(
            max_examples=examples if mode is schemathesis.GenerationMode.POSITIVE else examples // 2,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def asks(case: schemathesis.Case) -> None:
            nonlocal asked
            asked += 1
            if mode is schemathesis.GenerationMode.POSITIVE:
                case.path_parameters = {**case.path_parameters, **{k: ids[k] for k in case.path_parameters if k in ids}}
            with transaction.atomic():
                response = answer_of(case, headers)
                transaction.set_rollback(True)
            try:
                case.validate_response(response, checks=CHECKS)
            except FailureGroup as group:
                for fault in group.exceptions:
                    told = f"{case.method} {case.formatted_path} {case.query} {case.body!r}: {response.status_code}"
                    faults[f"{operation.label} {fault.title}"] = f"{told} {fault} {response.text}"[:1500]

        asks()

    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        if operation.definition.raw["operationId"] in SLOW:
            continue
        for mode in schemathesis.GenerationMode:
            ask(operation, mode)
    assert not faults, "\n".join(f"{name}: {text}" for name, text in faults.items())
    return asked


def answer_of(case: schemathesis.Case, headers: dict[str, str]) -> schemathesis.Response:
    """By Django's own client, in the test's transaction."""
    sent = requests.Request(**case.as_transport_kwargs(base_url="http://testserver", headers=headers)).prepare()
    kept = {name: value for name, value in sent.headers.items() if name not in ("Content-Length", "Content-Type")}
    reply = Client(raise_request_exception=False).generic(
        sent.method or "",
        sent.path_url,
        sent.body or b"",
        content_type=sent.headers.get("Content-Type", "application/json"),
        headers=kept,
    )
    return schemathesis.Response(
        status_code=reply.status_code,
        headers={name.lower(): [value] for name, value in reply.headers.items()},
        content=b"".join(reply) if reply.streaming else reply.content,
        request=sent,
        elapsed=0.0,
        verify=False,
    )


def test_no_request_breaks_it_or_gets_what_is_not_described(ids: dict[str, Any]) -> None:
    assert ask_everything(ids, examples=2) > 200


@pytest.mark.thorough
@pytest.mark.timeout(1200)
def test_nor_do_many_more(ids: dict[str, Any]) -> None:
    assert ask_everything(ids, examples=40) > 5000
