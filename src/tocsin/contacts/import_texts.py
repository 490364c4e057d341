"""What people read of an import: fates, and why rows are refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from tocsin.contacts.rules.importing import Fate, Refusal

FATES: Mapping[str, Promise] = {
    Fate.CREATED: pgettext_lazy("row of an import", "new"),
    Fate.CHANGED: pgettext_lazy("row of an import", "changed"),
    Fate.UNCHANGED: pgettext_lazy("row of an import", "unchanged"),
    Fate.SKIPPED: pgettext_lazy("row of an import", "exists, not changed"),
    Fate.REFUSED: pgettext_lazy("row of an import", "refused"),
    Fate.LEFT: pgettext_lazy("row of an import", "not written"),
}
REFUSALS: Mapping[str, Promise | str] = {
    Refusal.INVALID: "%(text)s",
    Refusal.NO_NAME: _("Give a name of 1 to 64 characters."),
    Refusal.UNREACHABLE: _("Give a phone number or an email address, or both."),
    Refusal.TAKEN: _("%(value)s belongs to %(name)s already."),
    Refusal.AMBIGUOUS: _("The number belongs to %(phone)s and the address to %(email)s: which of them is meant?"),
    Refusal.OTHER_EXTERNAL_ID: _("%(value)s belongs to %(name)s, whose external ID is %(external_id)s."),
    Refusal.DOUBLED: _("%(value)s stands in row %(row)s of this file already."),
    Refusal.UNKNOWN_GROUP: _("There is no contact group %(names)s. Make it first, or choose to create missing groups."),
    Refusal.CHATBOT_FIXED: _(
        "A chatbot's address comes with a new contact only and cannot be changed; make a robot instead."
    ),
    Refusal.NOT_ATTESTABLE: _(
        "Numbers are verified by their owners. Only administrators may vouch for them, where TOCSIN_ATTESTED_PHONES "
        "allows it."
    ),
    Refusal.LOST_RACE: _("Somebody else has just used the number, the address or the ID; try again."),
}


FIELDS: Mapping[str, Promise] = {
    "name": _("name"),
    "phone": _("phone number"),
    "email": _("email"),
    "groups": _("contact groups"),
    "fallback": _("method to resend notifications if phone notifications fail"),
    "user_id": _("user ID"),
    "dingtalk_user_id": _("DingTalk user ID"),
    "lark_user_id": _("Lark open ID"),
    "wecom_user_id": _("WeCom user ID"),
    "language": _("language"),
    "time_zone": _("time zone"),
    "legacy_chatbot_url": _("chatbot (imported)"),
    "external_id": _("external ID"),
    "verified_by": _("verified by"),
    "attested_by": _("verified by"),
}


def problem_text(reason: str, details: Mapping[str, Any]) -> str:
    template = str(REFUSALS.get(reason, reason))
    return template % details if details else template
