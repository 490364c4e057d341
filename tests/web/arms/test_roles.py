"""Who may call which action. A new action needs a row here: the least role of a key; all above it may too."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.web.arms.calling import Program, program
from tocsin.accounts.rules import Role
from tocsin.web.arms.operations import OPERATIONS

pytestmark = pytest.mark.django_db

PAGE = Path(__file__).parents[3] / "docs/api/arms.md"
VIEWER, RESPONDER, MANAGER, ADMIN = Role
ACTIONS: dict[str, Role] = {
    "CreateOrUpdateContact": MANAGER,
    "DescribeContacts": VIEWER,
    "DeleteContact": MANAGER,
    "SendTTSVerifyLink": MANAGER,
    "CreateOrUpdateContactGroup": MANAGER,
    "DescribeContactGroups": VIEWER,
    "DeleteContactGroup": MANAGER,
    "CreateOrUpdateIMRobot": MANAGER,
    "DescribeIMRobots": VIEWER,
    "DeleteIMRobot": MANAGER,
    "CreateOrUpdateWebhookContact": MANAGER,
    "DescribeWebhookContacts": VIEWER,
    "DeleteWebhookContact": MANAGER,
    "CreateWebhook": MANAGER,
    "UpdateWebhook": MANAGER,
    "CreateOrUpdateNotificationPolicy": MANAGER,
    "ListNotificationPolicies": VIEWER,
    "DeleteNotificationPolicy": MANAGER,
    "CreateOrUpdateSilencePolicy": MANAGER,
    "ListSilencePolicies": VIEWER,
    "DeleteSilencePolicy": MANAGER,
    "ListEscalationPolicies": VIEWER,
    "ListOnCallSchedules": VIEWER,
    "GetOnCallSchedulesDetail": VIEWER,
    "ListAlerts": VIEWER,
    "ListAlertEvents": VIEWER,
    "SearchAlertHistories": VIEWER,
    "ClaimAlarm": RESPONDER,
    "CloseAlarm": RESPONDER,
    "BlockAlarmNotification": RESPONDER,
    "ChangeAlarmSeverity": RESPONDER,
    "CreateAlertContact": MANAGER,
    "SearchAlertContact": VIEWER,
    "UpdateAlertContact": MANAGER,
    "DeleteAlertContact": MANAGER,
    "CreateAlertContactGroup": MANAGER,
    "SearchAlertContactGroup": VIEWER,
    "UpdateAlertContactGroup": MANAGER,
    "DeleteAlertContactGroup": MANAGER,
    "CreateDispatchRule": MANAGER,
    "UpdateDispatchRule": MANAGER,
    "DeleteDispatchRule": MANAGER,
    "DescribeDispatchRule": VIEWER,
    "ListDispatchRule": VIEWER,
}
NEITHER_RIGHT_NOR_FORBIDDEN = re.compile(r"Missing|Invalid|404")
"""Asked without parameters, what is allowed says what it lacks."""


def test_every_action_stands_in_the_table() -> None:
    assert set(ACTIONS) == set(OPERATIONS), "Say in ACTIONS who may call it"


@pytest.mark.parametrize("role", Role)
def test_each_role_calls_its_actions_and_no_others(role: Role) -> None:
    one, ranks = program(role), list(Role)

    for action, least in ACTIONS.items():
        answer = one.call(action)
        if ranks.index(role) >= ranks.index(least):
            assert answer.status == 200 or NEITHER_RIGHT_NOR_FORBIDDEN.match(answer.code), (action, answer)
        else:
            assert (answer.status, answer.code) == (403, "Forbidden.RAM"), action


def test_a_visitor_calls_none() -> None:
    forger = Program(program(Role.ADMIN).key_id, "guessed")

    for action in ACTIONS:
        answer = forger.call(action)
        assert (answer.status, answer.code) == (400, "SignatureDoesNotMatch"), action


def test_the_documents_name_every_action_and_its_least_role() -> None:
    page = PAGE.read_text().partition("## Texts")[0]
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| ([a-z, ]+) \|", page, re.MULTILINE)
    told: dict[str, str] = {}
    for names, roles in rows:
        actions, said = re.findall(r"`(\w+)`", names), roles.split(", ")
        told |= dict(zip(actions, said * len(actions) if len(said) == 1 else said, strict=False))

    assert told == {action: role.value for action, role in ACTIONS.items()}
