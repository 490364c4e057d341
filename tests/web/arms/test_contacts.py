"""Contacts, groups, robots and webhooks as programs manage them; the older actions too."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from auditlog.models import LogEntry

from tests.stories.harness import ADMIN
from tests.web.arms.calling import Program, program
from tocsin.accounts.rules import Role
from tocsin.channels.services import ensure_outbox_accounts
from tocsin.contacts.models import Contact, ContactGroup, PhoneVerification, Robot, Webhook
from tocsin.contacts.services import create_contact, create_group, import_contact, update_contact
from tocsin.core.clock import utc_now

pytestmark = pytest.mark.django_db

GONE = 10**12
PAGE = {"Page": "1", "Size": "20"}
CHATBOT = "https://oapi.dingtalk.com/robot/send?access_token=old"
ROBOT = "https://oapi.dingtalk.com/robot/send?access_token=secret"


@pytest.fixture
def api() -> Program:
    return program(Role.MANAGER)


@pytest.fixture
def ann() -> Contact:
    return create_contact(
        by=ADMIN, now=utc_now(), name="Ann", phone="13800000001", email="ann@example.org", user_id="ann-1"
    )


def test_what_an_update_omits_stays_and_an_empty_text_clears(api: Program, ann: Contact) -> None:
    api.ok("CreateOrUpdateContact", ContactId=ann.pk, ContactName="Ann L")
    ann.refresh_from_db()
    assert (ann.name, ann.phone, ann.email, ann.user_id) == ("Ann L", "+8613800000001", "ann@example.org", "ann-1")

    shown = api.ok(
        "CreateOrUpdateContact",
        ContactId=ann.pk,
        ContactName="Ann L",
        Phone="",
        CorpUserId="ann-2",
        ReissueSendNotice=1,
    )["AlertContact"]
    ann.refresh_from_db()
    assert (ann.phone, ann.email, ann.user_id, ann.fallback) == (None, "ann@example.org", "ann-2", "call")
    assert (shown["Phone"], shown["ReissueSendNotice"], shown["isEmailVerify"]) == ("", 1, True)
    assert LogEntry.objects.get_for_object(ann).latest("pk").actor.username == "manager"


def test_a_number_or_an_address_is_one_contacts_and_says_whose(api: Program, ann: Contact) -> None:
    phone = api.call("CreateOrUpdateContact", ContactName="Bo", Phone="+86 138 0000 0001")
    email = api.call("CreateOrUpdateContact", ContactName="Bo", Email="ANN@example.org")

    assert (phone.status, phone.code) == (400, "InvalidPhone.Duplicate")
    assert "Ann" in phone.body["Message"]
    assert (email.status, email.code) == (400, "InvalidEmail.Duplicate")
    assert api.call("CreateOrUpdateContact", ContactName="Bo").code == "InvalidParameter"
    assert api.call("CreateOrUpdateContact", ContactName="Bo", Phone="12").code == "InvalidPhone"
    assert api.call("CreateOrUpdateContact", Phone="13800000009").code == "MissingContactName"
    assert api.call("CreateOrUpdateContact", ContactName="Bo", Email="b@x.org", ReissueSendNotice=4).code == (
        "InvalidReissueSendNotice"
    )
    assert api.call("CreateOrUpdateContact", ContactId=GONE, ContactName="Bo").code == "404"
    assert Contact.objects.count() == 1


def test_a_new_chatbot_is_refused_with_the_action_that_takes_it_and_the_stored_one_passes(api: Program) -> None:
    old = import_contact(by=ADMIN, now=utc_now(), name="Old", legacy_chatbot_url=CHATBOT)

    new = api.call("CreateOrUpdateContact", ContactName="New", Email="n@example.org", DingRobotUrl=CHATBOT)
    other = api.call("CreateOrUpdateContact", ContactId=old.pk, ContactName="Old", DingRobotUrl=ROBOT)
    same = api.ok("CreateOrUpdateContact", ContactId=old.pk, ContactName="Older", DingRobotUrl=CHATBOT)

    assert (new.code, other.code) == ("InvalidDingRobotUrl", "InvalidDingRobotUrl")
    assert "CreateOrUpdateIMRobot" in new.body["Message"]
    assert same["AlertContact"]["DingRobotUrl"] == CHATBOT
    assert Contact.objects.get().name == "Older"
    assert api.call("UpdateAlertContact", ContactId=old.pk, RegionId="cn-hangzhou").code == "InvalidParameter"
    api.ok("UpdateAlertContact", ContactId=old.pk, Email="o@example.org", DingRobotWebhookUrl=CHATBOT)
    assert Contact.objects.get().legacy_chatbot_url == CHATBOT
    api.ok("UpdateAlertContact", ContactId=old.pk, Email="o@example.org")
    assert Contact.objects.get().legacy_chatbot_url == ""


def test_contacts_are_found_by_every_filter(api: Program, ann: Contact) -> None:
    bo = create_contact(by=ADMIN, now=utc_now(), name="Bo Annan", phone="+4915112345678", email="bo@example.com")

    def found(**filters: object) -> list[int]:
        page = api.ok("DescribeContacts", **PAGE, **filters)["PageBean"]
        assert page["Total"] == len(page["AlertContacts"])
        return [contact["ContactId"] for contact in page["AlertContacts"]]

    assert found() == [ann.pk, bo.pk]
    assert found(ContactName="ann") == [ann.pk, bo.pk]
    assert found(ContactName="ann", Email="example.org") == [ann.pk]
    assert found(Phone="138 0000") == [ann.pk]
    assert found(Phone="+49") == [bo.pk]
    assert found(Phone="no number") == []
    for ids in (f"{bo.pk}", f"[{bo.pk}]", f'["{bo.pk}"]', f"{bo.pk},0", f"{bo.pk} {bo.pk + 1}"):
        assert found(ContactIds=ids) == [bo.pk]
    assert found(ContactIds="[]") == []
    page = api.ok("DescribeContacts", Page=2, Size=1)["PageBean"]
    assert (page["Page"], page["Size"], page["Total"]) == (2, 1, 2)
    [shown] = page["AlertContacts"]
    assert shown == {
        "ContactId": bo.pk,
        "ArmsContactId": bo.pk,
        "ContactName": "Bo Annan",
        "Phone": "+4915112345678",
        "Email": "bo@example.com",
        "IsVerify": False,
        "IsEmailVerify": True,
        "ReissueSendNotice": 3,
    }


def test_below_managers_numbers_are_masked_and_nobody_is_found_by_them(ann: Contact) -> None:
    looker = program(Role.RESPONDER)

    [shown] = looker.ok("DescribeContacts", **PAGE)["PageBean"]["AlertContacts"]

    assert (shown["Phone"], shown["Email"]) == ("+86 138 **** 0001", "a***@example.org")
    assert looker.call("DescribeContacts", **PAGE, Phone="138").code == "Forbidden.RAM"
    assert looker.call("SearchAlertContact", Email="ann").code == "Forbidden.RAM"


def test_a_verification_is_sent_to_the_contacts_own_number_and_not_too_often(api: Program, ann: Contact) -> None:
    ensure_outbox_accounts(now=utc_now())
    assert api.call("SendTTSVerifyLink", ContactId=ann.pk, Phone="13900000000").code == "InvalidPhone"
    assert api.ok("SendTTSVerifyLink", ContactId=ann.pk, Phone="138 0000 0001")["IsSuccess"] is True
    again = api.call("SendTTSVerifyLink", ContactId=ann.pk, Phone="13800000001")

    assert (again.status, again.code) == (400, "Throttling.User")
    assert PhoneVerification.objects.get().phone == "+8613800000001"
    assert api.call("SendTTSVerifyLink", ContactId=GONE, Phone="13800000001").code == "404"


def test_a_contact_is_deleted_once(api: Program, ann: Contact) -> None:
    assert api.ok("DeleteContact", ContactId=ann.pk)["IsSuccess"] is True
    gone = api.call("DeleteContact", ContactId=ann.pk)

    assert (gone.status, gone.code) == (404, "404")


def test_groups_keep_members_that_are_omitted(api: Program, ann: Contact) -> None:
    made = api.ok("CreateOrUpdateContactGroup", ContactGroupName="DBA", ContactIds=f"[{ann.pk}]")["AlertContactGroup"]
    assert made["ContactIds"] == str(ann.pk)

    renamed = api.ok("CreateOrUpdateContactGroup", ContactGroupId=made["ContactGroupId"], ContactGroupName="Data")
    assert renamed["AlertContactGroup"]["ContactIds"] == str(ann.pk)
    assert api.call("CreateOrUpdateContactGroup", ContactGroupName="Data").code == "InvalidContactGroupName.Duplicate"
    assert (
        api.call("CreateOrUpdateContactGroup", ContactGroupName="X", ContactIds=str(GONE)).code == "InvalidContactIds"
    )

    bean = api.ok("DescribeContactGroups", **PAGE, ContactGroupName="dat", IsDetail="True")["PageBean"]
    [group] = bean["AlertContactGroups"]
    assert [member["ContactName"] for member in group["Contacts"]] == ["Ann"]
    [brief] = api.ok("DescribeContactGroups", **PAGE, GroupIds=f"{made['ContactGroupId']}")["PageBean"][
        "AlertContactGroups"
    ]
    assert brief["Contacts"] == []
    api.ok("CreateOrUpdateContactGroup", ContactGroupId=made["ContactGroupId"], ContactGroupName="Data", ContactIds="")
    assert not ContactGroup.objects.get().memberships.exists()
    api.ok("DeleteContactGroup", ContactGroupId=made["ContactGroupId"])
    assert api.call("DeleteContactGroup", ContactGroupId=made["ContactGroupId"]).code == "404"


def test_robots_go_round_without_their_secrets_being_shown(api: Program) -> None:
    made = api.ok(
        "CreateOrUpdateIMRobot",
        RobotName="Ops",
        RobotAddress=ROBOT,
        Type="dingding",
        DailyNoc="true",
        DailyNocTime="09:30,17:00",
    )["AlertRobot"]
    robot = Robot.objects.get()
    assert (robot.platform, robot.url, robot.keyword, robot.daily_times) == (
        "dingtalk",
        ROBOT,
        "Alert",
        ["09:30", "17:00"],
    )

    [shown] = api.ok("DescribeIMRobots", **PAGE, RobotIds=str(made["RobotId"]))["PageBean"]["AlertIMRobots"]
    assert (shown["RobotAddr"], shown["Type"], shown["DailyNocTime"]) == (
        "https://oapi.dingtalk.com/***",
        "dingding",
        "09:30,17:00",
    )
    api.ok(
        "CreateOrUpdateIMRobot",
        RobotId=made["RobotId"],
        RobotName="Ops 2",
        RobotAddress=shown["RobotAddr"],
        Type=shown["Type"],
        DingSignKey="SEC1",
    )
    robot.refresh_from_db()
    assert (robot.name, robot.url, robot.secret, robot.sends_daily) == ("Ops 2", ROBOT, "SEC1", True)
    [whole] = program(Role.ADMIN).ok("DescribeIMRobots", **PAGE, RobotName="ops")["PageBean"]["AlertIMRobots"]
    assert (whole["RobotAddr"], whole["DingSignKey"]) == (ROBOT, "SEC1")
    assert LogEntry.objects.get_for_object(robot).latest("pk").action == LogEntry.Action.ACCESS
    assert api.call("CreateOrUpdateIMRobot", RobotName="T", RobotAddress=ROBOT, Type="telegram").code == "InvalidType"
    assert (
        api.call("CreateOrUpdateIMRobot", RobotId=robot.pk, RobotName="T", RobotAddress=ROBOT, Type="feishu").code
        == "InvalidType"
    )
    api.ok("DeleteIMRobot", RobotId=robot.pk)
    assert api.call("DeleteIMRobot", RobotId=robot.pk).code == "404"


def test_webhooks_keep_what_is_omitted_and_what_others_see_masked(api: Program) -> None:
    made = api.ok(
        "CreateOrUpdateWebhookContact",
        WebhookName="Tickets",
        Method="Post",
        Url="https://tickets.example.org/in/token",
        BizHeaders='[{"Authorization":"Bearer 1"},{"Arms-Content-Type":"json"}]',
        BizParams='[{"team":"db"}]',
        Body='{"text":"$content"}',
    )["WebhookContact"]
    assert made["Webhook"]["Method"] == "Post"

    [shown] = api.get("DescribeWebhookContacts", **PAGE).body["PageBean"]["WebhookContacts"]
    assert shown["Webhook"] == {
        "Url": "https://tickets.example.org/***",
        "Method": "Post",
        "Body": '{"text":"$content"}',
        "RecoverBody": "",
        "BizHeaders": {"Authorization": "***", "Arms-Content-Type": "***"},
        "BizParams": {"team": "***"},
    }
    api.ok(
        "CreateOrUpdateWebhookContact",
        WebhookId=made["WebhookId"],
        WebhookName="Tickets",
        Method="Post",
        Url=shown["Webhook"]["Url"],
        BizHeaders=json.dumps(shown["Webhook"]["BizHeaders"]),
        RecoverBody="over",
    )
    webhook = Webhook.objects.get()
    assert json.loads(webhook.headers)["Authorization"] == "Bearer 1"
    assert (webhook.url, webhook.body, webhook.recovery_body) == (
        "https://tickets.example.org/in/token",
        '{"text":"$content"}',
        "over",
    )
    [whole] = (
        program(Role.ADMIN)
        .get("DescribeWebhookContacts", **PAGE, WebhookName="tick")
        .body["PageBean"]["WebhookContacts"]
    )
    assert whole["Webhook"]["BizHeaders"]["Authorization"] == "Bearer 1"
    no_body = api.call("CreateOrUpdateWebhookContact", WebhookName="N", Method="Post", Url="https://x.example.org/")
    assert no_body.code == "MissingBody"
    bad = api.call("CreateOrUpdateWebhookContact", WebhookName="N", Method="Put", Url="https://x.example.org/")
    assert bad.code == "InvalidMethod"
    old = api.ok("CreateWebhook", ContactName="Old", Method="Get", Url="https://x.example.org/", Body="$content")
    api.ok("UpdateWebhook", ContactId=old["ContactId"], ContactName="Old", Method="Get", Url="https://x.example.org/",
           Body="new")  # fmt: skip
    assert Webhook.objects.get(name="Old").body == "new"
    api.ok("DeleteWebhookContact", WebhookId=made["WebhookId"])
    assert api.call("DeleteWebhookContact", WebhookId=made["WebhookId"]).code == "404"


def test_terraforms_contact_goes_round(api: Program) -> None:
    made = api.send_rpc(
        "POST",
        {},
        {"RegionId": "cn-hangzhou", "ContactName": "Tf", "PhoneNum": "13800000005", "SystemNoc": "false"},
        action="CreateAlertContact",
    )
    contact = Contact.objects.get()
    assert made.body["ContactId"] == str(contact.pk)
    update_contact(by=ADMIN, now=utc_now(), contact_id=contact.pk, version=None, user_id="tf-1")
    group = api.ok(
        "CreateAlertContactGroup", ContactGroupName="Tfs", ContactIds=f"{contact.pk}", RegionId="cn-hangzhou"
    )

    bean = api.ok(
        "SearchAlertContact", ContactIds=json.dumps([str(contact.pk)]), PageSize="50", CurrentPage="1", RegionId="r"
    )["PageBean"]
    [shown] = bean["Contacts"]
    assert (shown["ContactId"], shown["ContactName"], shown["Phone"]) == (contact.pk, "Tf", "13800000005")
    assert (shown["Content"], shown["SystemNoc"], bean["TotalCount"]) == ("Tfs", False, 1)
    assert shown["CreateTime"] == int(contact.created_at.timestamp() * 1000)
    api.ok("UpdateAlertContact", ContactId=contact.pk, ContactName="Tf", Email="tf@example.org", RegionId="r")
    contact.refresh_from_db()
    assert (contact.phone, contact.email, contact.user_id) == (None, "tf@example.org", "tf-1")

    ids = json.dumps([group["ContactGroupId"]])
    [found] = api.ok("SearchAlertContactGroup", ContactGroupIds=ids, IsDetail="true", RegionId="r")["ContactGroups"]
    assert [member["ContactId"] for member in found["Contacts"]] == [contact.pk]
    assert api.ok("SearchAlertContactGroup", ContactId=contact.pk)["ContactGroups"][0]["Contacts"] == []
    assert api.ok("SearchAlertContactGroup", ContactName="nobody")["ContactGroups"] == []
    api.ok("UpdateAlertContactGroup", ContactGroupId=group["ContactGroupId"], ContactGroupName="Tfs")
    assert not ContactGroup.objects.get().memberships.exists()
    api.ok("DeleteAlertContactGroup", ContactGroupId=group["ContactGroupId"], RegionId="r")
    api.ok("DeleteAlertContact", ContactId=contact.pk, RegionId="r")
    assert not Contact.objects.exists()
    assert datetime.fromtimestamp(shown["UpdateTime"] / 1000, UTC) <= utc_now()


def test_each_contact_whose_numbers_are_shown_whole_is_an_entry_of_the_audit_log(api: Program, ann: Contact) -> None:
    group = create_group(by=ADMIN, now=utc_now(), name="Databases", contact_ids=[ann.pk])
    own = {"ContactId": ann.pk, "ContactName": "Ann"}
    reads: list[tuple[str, dict[str, Any]]] = [
        ("DescribeContacts", PAGE),
        ("SearchAlertContact", {}),
        ("DescribeContactGroups", {**PAGE, "IsDetail": "true"}),
        ("SearchAlertContactGroup", {"ContactGroupIds": group.pk, "IsDetail": "true"}),
        ("CreateOrUpdateContact", own),
    ]
    seen = LogEntry.objects.get_for_object(ann).filter(action=LogEntry.Action.ACCESS)
    looker = program(Role.RESPONDER)

    for action, parameters in reads[:-1]:
        looker.ok(action, **parameters)
    assert not seen.exists()

    for count, (action, parameters) in enumerate(reads, start=1):
        api.ok(action, **parameters)
        assert seen.count() == count, action
    api.ok("CreateOrUpdateContact", **own, Phone="13800000001", Email="ann@example.org")
    assert seen.count() == len(reads)
    latest = seen.latest("pk")
    assert (latest.actor.username, latest.additional_data["note"]) == ("manager", "shown: phone, email")


def test_a_chatbots_address_is_whole_for_administrators_alone_and_masked_can_be_sent_back(api: Program) -> None:
    old = import_contact(by=ADMIN, now=utc_now(), name="Old", legacy_chatbot_url=CHATBOT)
    masked = "https://oapi.dingtalk.com/***"
    seen = LogEntry.objects.get_for_object(old).filter(action=LogEntry.Action.ACCESS)

    [shown] = api.ok("SearchAlertContact")["PageBean"]["Contacts"]
    again = api.ok("CreateOrUpdateContact", ContactId=old.pk, ContactName="Older", DingRobotUrl=masked)
    assert (shown["DingRobot"], again["AlertContact"]["DingRobotUrl"]) == (masked, masked)
    assert not seen.exists()

    [whole] = program(Role.ADMIN).ok("SearchAlertContact")["PageBean"]["Contacts"]
    assert (whole["DingRobot"], seen.get().additional_data["note"]) == (CHATBOT, "shown: legacy_chatbot_url")
    assert Contact.objects.get().legacy_chatbot_url == CHATBOT
