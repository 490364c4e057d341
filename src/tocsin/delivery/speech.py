"""What is said in a call, and which keys answer it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from tocsin.channels.base import CallKey
from tocsin.channels.texts import without_links
from tocsin.delivery.rules import Cause

if TYPE_CHECKING:
    from tocsin.delivery.render import AlertSummary

CLAIM, RESOLVE, ESCALATE = "1", "2", "3"
_ALERTS = 5
_SUMMARY = 200
_LABELS = {
    "instance": gettext_noop("instance"),
    "job": gettext_noop("job"),
    "namespace": gettext_noop("namespace"),
    "service": gettext_noop("service"),
    "cluster": gettext_noop("cluster"),
}
"""Read out with their names, the first two that there are."""
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_HEARD = frozenset(" .,:%-'?!/，。：；、？！％（）")


def spoken_alert(alert: AlertSummary, headline: str) -> str:
    """In the language that is active: who calls, what is wrong and where, and what to press."""
    opening = _("Alert from %(org)s. Severity %(severity)d.") % {
        "org": plain_speech(settings.ORGANISATION),
        "severity": alert.severity,
    }
    return " ".join([opening, f"{_title(alert)}.", f"{headline}.", *_summary(alert), *keys_said(alert)])


def keys_said(alert: AlertSummary) -> list[str]:
    """What to press; nothing when it is over."""
    return [] if alert.cause is Cause.RECOVERED else _said_of_one()


def spoken_digest(alerts: Sequence[AlertSummary]) -> str:
    """One call that names several alerts."""
    count = len(alerts)
    opening = _("%(org)s has %(count)d notifications for you.") % {
        "org": plain_speech(settings.ORGANISATION),
        "count": count,
    }
    spoken = [f"{number}: {_title(alert)}." for number, alert in enumerate(alerts[:_ALERTS], 1)]
    if count > _ALERTS:
        spoken.append(_("... and %(count)d more") % {"count": count - _ALERTS} + ".")
    return " ".join([opening, *spoken, *_said_of_several()])


def call_keys(language: str) -> dict[str, CallKey]:
    """What the texts above offer, with what is said when it is pressed."""
    with translation.override(language or settings.DEFAULT_LANGUAGE):
        return {
            CLAIM: CallKey(_("Thank you. You claim it. Goodbye.")),
            RESOLVE: CallKey(
                _("Thank you. It counts as resolved. Goodbye."), confirm=_("Press 2 again to resolve it.")
            ),
            ESCALATE: CallKey(_("Thank you. It is escalated now. Goodbye.")),
        }


def plain_speech(text: str) -> str:
    """As a voice can read it: no web addresses, no signs, and words where names are written together."""
    words = _WORDS.sub(" ", without_links(unicodedata.normalize("NFC", text))).replace("_", " ")
    heard = "".join(char if _is_heard(char) else " " for char in words)
    return " ".join(heard.split()).strip(" .")


def _is_heard(char: str) -> bool:
    """Vowel signs and accents are part of a word; what chooses a picture for a sign is not."""
    is_mark = unicodedata.category(char) in ("Mn", "Mc") and not "\ufe00" <= char <= "\ufe0f"
    return char.isalnum() or char in _HEARD or is_mark


def _title(alert: AlertSummary) -> str:
    first = alert.events[0] if alert.events else None
    found = [(name, first.labels[key]) for key, name in _LABELS.items() if first and first.labels.get(key)]
    labels = [f"{_(name)} {plain_speech(value)}" for name, value in found[:2]]
    return ", ".join([plain_speech(alert.title), *labels])


def _summary(alert: AlertSummary) -> list[str]:
    """What the rule's author says of it, when that is more than the title."""
    text = next((event.summary for event in alert.events if event.summary), "")
    said = plain_speech(text)
    if not said or said.casefold() == plain_speech(alert.title).casefold() or alert.cause is Cause.RECOVERED:
        return []
    if len(said) > _SUMMARY:
        said = said[:_SUMMARY].rpartition(" ")[0] or said[:_SUMMARY]
    return [f"{said}."]


def _said_of_one() -> list[str]:
    return [
        _("Press 1 to claim it."),
        _("Press 2 to resolve it."),
        _("Press 3 to escalate it now."),
        _("Press 9 to hear this again."),
    ]


def _said_of_several() -> list[str]:
    return [
        _("Press 1 to claim them."),
        _("Press 2 to resolve them."),
        _("Press 3 to escalate them now."),
        _("Press 9 to hear this again."),
    ]
