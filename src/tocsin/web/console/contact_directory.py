"""User IDs of contacts out of a directory: which one, then what it knows of each, then what was filled in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

from django import forms
from django.contrib.admin import action as admin_action
from django.core import signing
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.functional import Promise
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.widgets import UnfoldAdminRadioSelectWidget

from tocsin.accounts.rules import Permission
from tocsin.channels.kinds import Channel
from tocsin.channels.queries import directories, kind_of
from tocsin.contacts.services import Known, LookedUp, LookUp, fill_in_user_ids, look_up_user_ids
from tocsin.core.clock import utc_now
from tocsin.core.errors import TocsinError
from tocsin.web.console.actors import actor_of, require
from tocsin.web.console.asked import selection
from tocsin.web.console.contact_choosing import ChosenContacts
from tocsin.web.console.fields import SwitchField
from tocsin.web.console.form_pages import add_refusal, capitalise_labels
from tocsin.web.console.words import said

_SALT = "tocsin.directory"
_GOOD_FOR = 3600
"""Seconds for which what was looked up can be filled in."""
_WORDS: Mapping[Known, tuple[str | Promise, str]] = {
    Known.FILLED_IN: (_("filled in: %(user_id)s"), "success"),
    Known.FOUND: (_("found: %(user_id)s"), "success"),
    Known.DIFFERS: (_("has %(stored)s; the directory says %(user_id)s"), "warning"),
    Known.CHANGED: (_("was changed meanwhile; look it up again"), "warning"),
    Known.UNASKED: (_("was not asked for"), "warning"),
    Known.UNKNOWN: (_("is not known there"), "default"),
    Known.NOTHING_TO_ASK: (_("has no number or address that can be asked for"), "default"),
    Known.SAME: (_("has it already: %(user_id)s"), "default"),
}


class DirectoryForm(forms.Form):
    account = forms.ChoiceField(label=_("Directory"), widget=UnfoldAdminRadioSelectWidget)

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        choices = [(str(account.pk), f"{account.name} ({said(kind_of(account).title)})") for account in directories()]
        self.has_directory = bool(choices)
        self.fields["account"].choices = choices  # type: ignore[attr-defined]
        self.fields["account"].initial = choices[0][0] if choices else None
        capitalise_labels(self)


class FillForm(forms.Form):
    replaces = SwitchField(label=_("replace IDs that differ"))

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        capitalise_labels(self)


class DirectoryOfContacts(ChosenContacts):
    """Actions of the contacts' pages. The subclass names them where it wants them."""

    @admin_action(description=_("Look up user IDs"), permissions=["change"])
    def look_up_ids(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse:
        """Also across pages: the list's own selection is asked for again at each step."""
        ids = self.chosen_ids(request, queryset)
        hidden = selection(request, "look_up_ids", ids)
        return directory_page(request, self.admin_site.each_context(request), ids, self.url("changelist"), hidden)

    @action(
        description=_("Look up the user ID"),
        icon="person_search",
        url_path="user-id",
        permissions=["write"],
        attrs={"data-dialog": True},
    )
    def look_up_id(self, request: HttpRequest, object_id: str) -> HttpResponse:
        contact = self.row(request, object_id)
        back = self.url("overview", contact.pk)
        return directory_page(request, self.admin_site.each_context(request), [contact.pk], back)


def directory_page(
    request: HttpRequest,
    context: Mapping[str, Any],
    ids: Collection[int],
    back: str,
    hidden: Collection[tuple[str, str]] = (),
) -> HttpResponse:
    """Three steps of one address; `hidden` are fields that each POST must carry."""
    require(request, Permission.MANAGE)
    if request.method == "POST" and "found" in request.POST:
        form, page = _fill_in(request)
    elif request.method == "POST" and "account" in request.POST:
        form, page = _look_up(request, ids)
    else:
        form, page = _choice(DirectoryForm())
    whole = {
        **context, **page, "title": _now("Look up user IDs"), "count": len(ids), "form": form, "hidden": hidden,
        "back": back,
    }  # fmt: skip
    return TemplateResponse(request, "console/directory.html", whole)


def _choice(form: DirectoryForm, **more: bool) -> tuple[forms.Form, dict[str, Any]]:
    return form, {"step": "choose", "has_directory": form.has_directory, **more}


def _look_up(request: HttpRequest, ids: Collection[int]) -> tuple[forms.Form, dict[str, Any]]:
    chosen = DirectoryForm(request.POST)
    if not chosen.is_valid():
        return _choice(chosen)
    try:
        found = look_up_user_ids(
            by=actor_of(request), now=utc_now(), account_id=int(chosen.cleaned_data["account"]), contact_ids=ids
        )
    except TocsinError as error:
        add_refusal(chosen, error)
        return _choice(chosen)
    new = [item for item in found.results if item.known in (Known.FOUND, Known.DIFFERS)]
    return FillForm(), {
        "step": "found",
        "rows": _rows(found.results),
        "problem": said(found.problem),
        "new": sum(item.known is Known.FOUND for item in new),
        "differing": sum(item.known is Known.DIFFERS for item in new),
        "found": _signed(found, new),
    }


def _fill_in(request: HttpRequest) -> tuple[forms.Form, dict[str, Any]]:
    form = FillForm(request.POST)
    try:
        platform, told = signing.loads(request.POST["found"], salt=_SALT, max_age=_GOOD_FOR)
    except signing.BadSignature:
        return _choice(DirectoryForm(), has_directory=True, is_stale=True)
    found = {int(pk): (int(version), str(user_id)) for pk, version, user_id in told}
    replaces = form.is_valid() and form.cleaned_data["replaces"]
    results = fill_in_user_ids(
        by=actor_of(request), now=utc_now(), platform=Channel(platform), found=found, replaces=replaces
    )
    done = Counter(item.known for item in results)[Known.FILLED_IN]
    return form, {"step": "done", "rows": _rows(results), "new": done}


def _signed(found: LookUp, new: Collection[LookedUp]) -> str:
    """What may be filled in is what was looked up, and nothing that a browser made of it."""
    return signing.dumps([found.platform, [[item.contact_id, item.version, item.user_id] for item in new]], salt=_SALT)


def _rows(results: Collection[LookedUp]) -> list[tuple[LookedUp, str, str]]:
    """Each contact with what is said of it, and its colour; those to look at first."""
    order = list(_WORDS)
    ranked = sorted(results, key=lambda item: order.index(item.known))
    return [(item, *_said(item)) for item in ranked]


def _said(item: LookedUp) -> tuple[str, str]:
    words, colour = _WORDS[item.known]
    return str(words) % {"user_id": item.user_id, "stored": item.stored}, colour
