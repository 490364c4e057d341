"""Whatever a program sends, it gets an answer with a code: never a fault of ours."""

from __future__ import annotations

import msgspec
import pytest

from tests.stories.harness import ADMIN
from tests.web.arms.calling import program
from tocsin.accounts.rules import Role
from tocsin.contacts.services import create_contact
from tocsin.core.clock import utc_now
from tocsin.web.arms.operations import OPERATIONS

pytestmark = pytest.mark.django_db

HOSTILE = (
    "",
    "0",
    "-1",
    "9" * 18,
    "9" * 400,
    "true",
    "null",
    "[]",
    "{}",
    "[{}]",
    '[{"matchingConditions":[]}]',
    '{"notifyObjects":[{"notifyObjectId":9223372036854775807,"notifyObjectType":"CONTACT"}],"groupWait":1e400}',
    '{"name":"x","labelMatchExpressionGrid":{"labelMatchExpressionGroups":[{"labelMatchExpressions":[]}]},"id":1}',
    "[" * 5000,
    '"\\ud800"',
    "e\u0301\u202e'\"%_\\",
    "2026-99-99 99:99:99",
    "-62135596800000",
    "0001-01-01 00:00:00",
)


BROKEN = "\\ud800"
"""Half a character, as JSON can say it; no text column takes it."""


def test_no_action_is_at_a_loss() -> None:
    one = program(Role.ADMIN)

    for action, operation in OPERATIONS.items():
        names = [field.encode_name for field in msgspec.structs.fields(operation.request)]
        for value in HOSTILE[::3]:
            answer = one.call(action, **dict.fromkeys(names, value))
            assert answer.status < 500, (action, value, answer.body)


def test_half_a_character_within_json_is_refused() -> None:
    one = program(Role.ADMIN)
    ann = create_contact(by=ADMIN, now=utc_now(), name="Ann", email="ann@example.org")
    told = (
        f'{{"notifyObjects":[{{"notifyObjectId":{ann.pk},"notifyObjectType":"CONTACT"}}],"notifyChannels":["email"]}}'
    )
    rules = f'[{{"matchingConditions":[{{"key":"a","value":"{BROKEN}","operator":"eq"}}]}}]'
    dispatch = f'{{"name":"{BROKEN}","dispatchType":"DISCARD_ALERT"}}'
    webhook = {"WebhookName": "W", "Method": "Get", "Url": "https://x.example.org/"}

    codes = [
        one.call("CreateOrUpdateNotificationPolicy", Name="P", NotifyRule=told, MatchingRules=rules).code,
        one.call("CreateOrUpdateNotificationPolicy", Name="P", NotifyRule=told,
                 NotifyTemplate=f'{{"smsContent":"{BROKEN}"}}').code,
        one.call("CreateOrUpdateNotificationPolicy", Name="P", NotifyRule=told,
                 GroupRule=f'{{"groupingFields":["{BROKEN}"]}}').code,
        one.call("CreateOrUpdateSilencePolicy", Name="S", MatchingRules=rules).code,
        one.call("CreateDispatchRule", DispatchRule=dispatch).code,
        one.call("CreateOrUpdateWebhookContact", **webhook, BizHeaders=f'[{{"a":"{BROKEN}"}}]').code,
        one.call("CreateOrUpdateWebhookContact", **webhook, BizParams=f'[{{"{BROKEN}":"b"}}]').code,
        one.call("CreateOrUpdateWebhookContact", **webhook, BizParams=f'{{"a\\u0000":"{BROKEN}"}}').code,
        one.call("CreateWebhook", ContactName="W", Method="Get", Url="https://x.example.org/", Body="",
                 HttpHeaders=f'{{"{BROKEN}":"b"}}').code,
        one.call("CreateOrUpdateSilencePolicy", Name="S", MatchingRules=rules.replace(BROKEN, "b"),
                 EffectiveTimeType="CYCLE_EFFECT", TimePeriod="DAY", TimeSlots='[{"startTime":"\\u0000"}]').code,
        one.call("ListAlertEvents", Page="1", Size="1",
                 MatchingConditions=f'[{{"key":"a","value":"{BROKEN}","operator":"eq"}}]').code,
    ]  # fmt: skip

    assert [code[:7] for code in codes] == ["Invalid"] * len(codes), codes


@pytest.mark.thorough
@pytest.mark.parametrize("action", sorted(OPERATIONS))
def test_no_parameter_is_a_fault(action: str) -> None:
    one = program(Role.ADMIN)
    known = create_contact(by=ADMIN, now=utc_now(), name="Ann", email="ann@example.org")
    names = [field.encode_name for field in msgspec.structs.fields(OPERATIONS[action].request)]
    fine = {"Page": "1", "Size": "5", "RegionId": "r", "Name": "N", "ContactId": str(known.pk), "Type": "dingding"}

    for value in HOSTILE:
        answers = [one.call(action, **dict.fromkeys(names, value))]
        for name in names:
            right = {each: fine.get(each, "x") for each in names}
            answers.append(one.call(action, **{**right, name: value}))
        assert [answer.body for answer in answers if answer.status >= 500] == [], value
