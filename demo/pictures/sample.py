"""Northwind: an installation that has been in use for a while, made by the services as people would make it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import time_machine

from simulators.dingtalk import DingtalkSimulator
from simulators.sms_gateway import SmsGatewaySimulator
from simulators.smtp import SmtpSimulator
from tocsin.accounts.models import User
from tocsin.accounts.rules import Role
from tocsin.accounts.services import create_user
from tocsin.channels.base import Receipt, ReceiptStatus
from tocsin.channels.kinds import Channel
from tocsin.channels.services import add_account
from tocsin.config.first_start import prepare
from tocsin.contacts.models import Contact, PersonalLink, PhoneVerification
from tocsin.contacts.queries import personal_token_of, token_of
from tocsin.contacts.services import create_contact, create_group, create_robot, link_sign_in, verify_by_link
from tocsin.core.actors import Actor, ActorKind
from tocsin.core.ids import to_base36
from tocsin.delivery.models import Delivery
from tocsin.delivery.personal_links import send_links
from tocsin.delivery.pipeline import accept
from tocsin.delivery.rules import DeliveryState
from tocsin.delivery.services import record_receipts
from tocsin.delivery.verifications import send_verifications
from tocsin.delivery.worker import run_due
from tocsin.events.models import Integration
from tocsin.events.queries import key_of
from tocsin.events.rules import Report
from tocsin.events.services import create_integration, note_reports
from tocsin.policies.services import create_policy

_CHINA = {"language": "zh-hans", "time_zone": "Asia/Shanghai"}
_PEOPLE: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("Chen Wei 陈伟", "+86 138 0000 0107", "chen.wei", {**_CHINA, "user_id": "chenwei", "fallback": "call"}),
    ("Ines Duarte", "+49 152 28817386", "ines.duarte", {"time_zone": "Europe/Lisbon"}),
    ("Kofi Mensah", "+44 7700 900177", "kofi.mensah", {"fallback": "none"}),
    ("Lena Fischer", "", "lena.fischer", {"time_zone": "Europe/Berlin"}),
    ("Maya Lindqvist", "+1 202 555 0143", "maya.lindqvist", {"time_zone": "America/New_York"}),
    ("Noah Brooks", "+61 491 570 156", "noah.brooks", {"time_zone": "Australia/Sydney"}),
    ("Ravi Patel", "+44 7700 900182", "", {"user_id": "ravi"}),
    ("Sam Carter", "+44 7700 900123", "sam.carter", {"time_zone": "Europe/London", "lark_user_id": "ou_7d8a6e6df762"}),
    ("Wang Fang 王芳", "+86 138 0000 0112", "wang.fang", {**_CHINA, "dingtalk_user_id": "manager7675"}),
    ("Zhao Min 赵敏", "+86 138 0000 0125", "zhao.min", {**_CHINA, "wecom_user_id": "ZhaoMin"}),
)  # fmt: skip
"""Numbers and addresses that belong to nobody."""
_VERIFIED = ("Chen Wei", "Ines", "Maya", "Sam", "Wang", "Zhao")
_DATABASES = {"team": "db", "cluster": "eu-1"}
BY = Actor(ActorKind.USER, "Ada Okoye")


@dataclass
class Sample:
    """What the scenes need to know of it. `paths`: links to pages without sign-in."""

    now: datetime
    admin: User
    integration: Integration
    contacts: dict[str, Contact] = field(default_factory=dict)
    paths: dict[str, str] = field(default_factory=dict)

    def contact(self, first_name: str) -> Contact:
        return next(contact for name, contact in self.contacts.items() if name.startswith(first_name))


def new_installation(now: datetime) -> Sample:
    """As it is after the first start, with the administrator signed in and one source of events made."""
    began = now - timedelta(days=12)
    prepare(now=began)
    admin = create_user(
        by=BY, now=began, username="ada", password=secrets.token_urlsafe(15), role=Role.ADMIN, full_name="Ada Okoye"
    )
    integration, _token = create_integration(by=BY, now=began, name="Prometheus, Frankfurt")
    return Sample(now, admin, integration)


def fill(sample: Sample) -> None:
    """Twelve days of use."""
    began = sample.now - timedelta(days=12)
    with SmsGatewaySimulator(reports=()) as gateway, SmtpSimulator() as mail, DingtalkSimulator() as dingtalk:
        with time_machine.travel(began, tick=False):
            _accounts(gateway, mail, began)
            _people(sample, began)
            _sources(sample, dingtalk.webhook, began)
        _history(sample, sample.now)
        _today(sample, sample.now)


def _accounts(gateway: SmsGatewaySimulator, mail: SmtpSimulator, began: datetime) -> None:
    """Calls stay with the outbox."""
    texts = {
        "preset": "kannel", "url": gateway.sendsms, "username": gateway.username, "password": gateway.password,
        "sender": "Northwind",
    }  # fmt: skip
    add_account(by=BY, now=began, name="Text gateway", provider="http_sms", config=texts)
    letters = {"host": "127.0.0.1", "port": str(mail.port), "security": "none", "from": "tocsin@northwind.example"}
    add_account(by=BY, now=began, name="Company mail", provider="smtp", config=letters)


def _people(sample: Sample, began: datetime) -> None:
    for name, phone, mailbox, more in _PEOPLE:
        email = f"{mailbox}@northwind.example" if mailbox else ""
        sample.contacts[name] = create_contact(by=BY, now=began, name=name, phone=phone, email=email, **more)
    link_sign_in(by=BY, now=began, contact_id=sample.contact("Sam").pk, user_id=sample.admin.pk)
    for group, members in {
        "Database on-call": ("Chen Wei", "Maya", "Sam"),
        "Night shift 夜班": ("Wang", "Zhao", "Noah"),
        "Payments": ("Ines", "Kofi", "Lena", "Ravi"),
    }.items():
        create_group(by=BY, now=began, name=group, contact_ids=[sample.contact(first).pk for first in members])
    verified = [sample.contact(first).pk for first in _VERIFIED]
    send_verifications(by=BY, now=began, contact_ids=verified)
    _at(began)
    for row in PhoneVerification.objects.filter(contact_id__in=verified).order_by("pk"):
        verify_by_link(token=token_of(row), address="203.0.113.24", now=began + timedelta(minutes=7))


def _sources(sample: Sample, webhook: str, began: datetime) -> None:
    groups = {group.name: group.pk for contact in sample.contacts.values() for group in contact.groups.all()}
    robot = create_robot(by=BY, now=began, name="#payments", platform="dingtalk", url=webhook, secret="", keyword="")
    create_integration(by=BY, now=began, name="Grafana, shop floor")
    create_policy(
        by=BY, now=began, name="Databases: call who is on duty",
        rules=[
            [
                {"key": "team", "operator": "eq", "value": "db"},
                {"key": "severity", "operator": "in", "value": "critical,error"},
            ]
        ],
        group_by=["alertname", "cluster"],
        targets=[(groups["Database on-call"], ["phone", "email"])],
    )  # fmt: skip
    create_policy(
        by=BY, now=began, name="Payments, by mail and text",
        rules=[[{"key": "team", "operator": "eq", "value": "payments"}]],
        targets=[(groups["Payments"], ["sms", "email"]), (robot.pk, [])],
    )  # fmt: skip
    create_policy(
        by=BY, now=began, name="Everything at night, to the group",
        rules=[[{"key": "severity", "operator": "eq", "value": "critical"}]],
        targets=[(groups["Night shift 夜班"], ["phone"])], is_enabled=False,
    )  # fmt: skip


def _history(sample: Sample, now: datetime) -> None:
    """Two alerts of last week, which went well."""
    for days, alertname, summary in (
        (5, "ReplicaLag", "Replica db-2 is 48 s behind"),
        (2, "DiskAlmostFull", "/var/lib/postgresql on db-1 is 92 % full"),
    ):
        at = now - timedelta(days=days, hours=3)
        labels = {"severity": "critical", **_DATABASES, "instance": "db-1:9187"}
        _fire(sample, at, alertname, summary, labels)
        _at(at + timedelta(seconds=6), answers="Sam")
        _fire(sample, at, alertname, summary, labels, ends=at + timedelta(minutes=12))
        _at(at + timedelta(minutes=13))


def _today(sample: Sample, now: datetime) -> None:
    """One alert that is open, one event that no policy matches, and messages that wait for their readers."""
    at = now - timedelta(minutes=6, seconds=12)
    for alertname, summary, severity, labels in (
        ("PostgresDown", "PostgreSQL on db-3 does not answer", "critical", {**_DATABASES, "instance": "db-3:9187"}),
        ("CheckoutSlow", "p95 of /checkout is 2.4 s", "warning", {"team": "payments", "instance": "shop-2:8080"}),
        ("CertificateExpires", "shop.northwind.example expires in 9 days", "warning", {"instance": "edge-1:9115"}),
    ):
        _fire(sample, at, alertname, summary, {"severity": severity, **labels})
    _at(at + timedelta(seconds=6), answers="Maya")
    noah, ines = sample.contact("Noah"), sample.contact("Ines")
    send_verifications(by=BY, now=now - timedelta(minutes=2), contact_ids=[noah.pk])
    sample.paths["verification"] = f"/v/{token_of(PhoneVerification.objects.get(contact=noah))}"
    for name, contact in (("link", ines), ("own", sample.contact("Maya"))):
        send_links(by=BY, now=now - timedelta(minutes=2), contact_ids=[contact.pk], channels=[Channel.EMAIL])
        sample.paths[name] = f"/c/{personal_token_of(PersonalLink.objects.get(contact=contact))}"
    _at(now - timedelta(minutes=2))


def _fire(
    sample: Sample,
    at: datetime,
    alertname: str,
    summary: str,
    labels: Mapping[str, str],
    ends: datetime | None = None,
) -> None:
    report = Report(
        labels={"alertname": alertname, **labels},
        annotations={"summary": summary},
        starts_at=at,
        ends_at=ends or sample.now + timedelta(days=30),
    )
    accept(key_of(sample.integration), [report], ends or at)
    note_reports(integration=key_of(sample.integration), now=ends or at)


def _at(moment: datetime, *, answers: str = "") -> None:
    """Does what is due by then and in the minute after. Texts arrive; calls ring out but to the one who answers."""
    for _round in range(6):
        with time_machine.travel(moment, tick=False):
            run_due(moment)
        moment += timedelta(seconds=17)
        waiting = Delivery.objects.filter(state=DeliveryState.ACCEPTED, channel__in=[Channel.PHONE, Channel.SMS])
        for delivery in waiting.select_related("account").order_by("pk"):
            status = ReceiptStatus.DELIVERED
            if delivery.channel == Channel.PHONE:
                is_answered = answers and delivery.recipient_name.startswith(answers)
                status = ReceiptStatus.ANSWERED if is_answered else ReceiptStatus.NO_ANSWER
            if delivery.account is not None:
                receipt = Receipt(status, reference=to_base36(delivery.pk))
                record_receipts(account=delivery.account, receipts=[receipt], now=moment)
