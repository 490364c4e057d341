"""A test of the way from a source of events to a person: one event that says of itself that it is a test."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from tocsin.accounts import audit
from tocsin.accounts.audit import Action
from tocsin.core.actors import Actor
from tocsin.core.errors import ConflictError, InvalidInputError, existing
from tocsin.delivery.pipeline import accept
from tocsin.events.models import Event, Integration
from tocsin.events.queries import key_of
from tocsin.events.rules import Report, report_errors
from tocsin.events.services import note_reports

TEST_LABEL = "tocsin_test"
"""On every test event and on no other."""
TEST_LASTS = timedelta(minutes=2)
TEST_NAME = "TocsinTest"


def send_test_event(*, by: Actor, now: datetime, integration_id: int, labels: Mapping[str, str]) -> Event:
    """Takes the way of a report: stored, matched, told. It resolves after TEST_LASTS.

    ConflictError when the integration is disabled, InvalidInputError on `labels`.
    """
    integration = existing(Integration.objects.filter(pk=integration_id).first(), _("There is no such integration."))
    if not integration.is_enabled:
        raise ConflictError(_("The integration is disabled, so its reports are refused. Enable it first."))
    summary = _("Only a test of %(integration)s, sent by %(who)s. No action is needed.") % {
        "integration": integration.name,
        "who": by.name,
    }
    marked = {"alertname": TEST_NAME, **labels, TEST_LABEL: "yes"}
    report = Report(labels=marked, annotations={"summary": summary}, starts_at=now, ends_at=now + TEST_LASTS)
    if errors := report_errors(report):
        raise InvalidInputError({"labels": "; ".join(f"{field}: {text}" for field, text in errors.items())})
    key = key_of(integration)
    accept(key, [report], now)
    note_reports(integration=key, now=now)
    audit.record(by=by, action=Action.ACCESS, instance=integration, note=_("sent a test event"))
    return Event.objects.get(integration=integration, labels=marked)
