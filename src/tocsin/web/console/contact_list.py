"""The Contacts tab: what is searched and filtered, the groups beside the list, and its columns."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import urlencode

from django.contrib.admin import SimpleListFilter
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, QueryDict
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, pgettext_lazy
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from tocsin.accounts.rules import Permission
from tocsin.contacts import queries
from tocsin.contacts.models import FALLBACK_LABELS, Contact, ContactGroup
from tocsin.contacts.queries import MOST_FOUND, NumberState, Order, Reachability, Wanted
from tocsin.contacts.rules import Fallback, resolved_fallback
from tocsin.core.clock import utc_now
from tocsin.core.phones import mask as mask_phone
from tocsin.core.redact import mask_email
from tocsin.web.console.actors import may
from tocsin.web.console.contact_reachability import channel_icons
from tocsin.web.console.contact_self_service import SelfServiceOfContacts
from tocsin.web.console.display import NOTHING, chip, moment
from tocsin.web.console.paging import UncountedChangeList

_GROUPS_BESIDE = 30
_LONGEST_ID = 18
_PARTS = re.compile(r"(?<=@)|(?=\.)")
_Choice = TypeVar("_Choice", bound=StrEnum)
_NUMBERS = {
    NumberState.VERIFIED: _("Verified"),
    NumberState.UNVERIFIED: _("Not verified"),
    NumberState.NONE: _("No number"),
}
_REACHES = {
    Reachability.PHONE: _("By phone and text message"),
    Reachability.EMAIL: _("By email"),
    Reachability.NOTHING: _("By nothing"),
    Reachability.UNPROVED: _("Never proved delivered"),
}
_ORDERS = {Order.NAME: _("By name"), Order.NAME_BACKWARDS: _("By name, backwards"), Order.NEWEST: _("Newest first")}


class _Parameter(SimpleListFilter):
    """What the list's own form asks; `contacts_found` filters."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return []

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset


def _parameter(name: str) -> type[_Parameter]:
    return type(f"{name.capitalize()}Parameter", (_Parameter,), {"title": name, "parameter_name": name})


def wanted(request: HttpRequest) -> Wanted:
    """What the address asks for; what it says wrongly excludes nobody."""
    asked = request.GET
    group = asked.get("group", "")
    return Wanted(
        text=asked.get("q", ""),
        group_id=int(group) if group.isascii() and group.isdecimal() and len(group) <= _LONGEST_ID else None,
        number=_choice(NumberState, asked.get("number")),
        fallback=_choice(Fallback, asked.get("fallback")),
        reach=_choice(Reachability, asked.get("reach")),
        order=_choice(Order, asked.get("order")) or Order.NAME,
    )


def user_ids(contact: Contact) -> str:
    return ", ".join(_ids(contact)) or NOTHING


def _ids(contact: Contact) -> list[str]:
    """The common one, then those of single platforms."""
    own = [("DingTalk", contact.dingtalk_user_id), ("Lark", contact.lark_user_id), ("WeCom", contact.wecom_user_id)]
    parts = [contact.user_id, *(f"{_now(name)}: {value}" for name, value in own if value)]
    return [part for part in parts if part]


def fallback_words(own: Fallback, default: Fallback) -> str:
    """The method, with the global default spelled out."""
    text = str(FALLBACK_LABELS[resolved_fallback(own, default)])
    return _now("Default: %(method)s") % {"method": text} if own is Fallback.DEFAULT else text


class ContactChangeList(UncountedChangeList):
    """Shows a page, read by `contact_page`. What an action is for it has as a queryset."""

    def get_results(self, request: HttpRequest) -> None:
        page = queries.ContactPage((), 0) if request.method == "POST" else self._page(request)
        if page.total and not page.contacts:
            self.page_num = -(-page.total // self.list_per_page)
            page = self._page(request)
        self.paginator = Paginator(range(page.total), self.list_per_page)
        self.result_list = page.contacts
        self.result_count = self.full_result_count = page.total
        self.show_full_result_count = self.show_admin_actions = self.can_show_all = False
        self.multi_page = page.total > self.list_per_page

    def _page(self, request: HttpRequest) -> queries.ContactPage:
        return queries.contact_page(
            wanted(request),
            number=self.page_num,
            size=self.list_per_page,
            sees_addresses=may(request, Permission.REVEAL),
        )


class ContactListAdmin(SelfServiceOfContacts):
    """The list of ContactAdmin."""

    change_list_template = "console/contacts.html"
    sortable_by = ()
    list_display_links = None
    list_filter = tuple(map(_parameter, ("group", "groups", "number", "fallback", "reach", "order")))
    search_fields = ("name",)
    more_operations: tuple[tuple[Any, str, bool], ...] = (
        (_("Contact Default Configuration"), "contacts_contact_default_configuration", True),
        (_("Import"), "contact_import", False),
        (_("Export"), "contact_export", False),
    )
    """The menu of that name: what is shown, the console's view, whether it opens in a dialog."""

    def get_list_display(self, request: HttpRequest) -> list[str]:
        columns = ["shown_name", "shown_groups", "shown_phone", "shown_email", "shown_fallback", "shown_ids",
                   "reached_by", "proved"]  # fmt: skip
        return [*columns, "acts"] if self.has_change_permission(request) else columns

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        """For an action everything that the list asks, in one; numbers only for those who may see them: a search
        reads them. An action on all of a list finds them once.
        """
        if request.method != "POST":
            return Contact.objects.none(), False
        known = getattr(request, "ids_found", None)
        if known is not None:
            return queries.contacts_among(known, wanted(request).order), False
        return queries.contacts_found(wanted(request), sees_addresses=may(request, Permission.REVEAL)), False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ContactChangeList]:
        return ContactChangeList

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        if not changelist.result_list:
            return changelist
        facts = queries.contact_facts([contact.pk for contact in changelist.result_list])
        default = queries.default_fallback()
        kept = urlencode({"_changelist_filters": request.GET.urlencode()}) if request.GET else ""
        for contact in changelist.result_list:
            contact.facts = facts.get(contact.pk)
            contact.default_fallback = default
            contact.kept_filters = f"?{kept}" if kept else ""
            contact.list_group = wanted(request).group_id
            contact.may_change = self.has_change_permission(request)
        return changelist

    def list_context(self, request: HttpRequest) -> dict[str, Any]:
        """What stands around the list."""
        asked = wanted(request)
        group = ContactGroup.objects.filter(pk=asked.group_id).first() if asked.group_id is not None else None
        shown = f"?{request.GET.urlencode()}" if request.GET else ""
        return {
            "group": group,
            "filters": [
                ("number", _now("Verification"), _options(_NUMBERS, asked.number)),
                ("fallback", _now("Fallback"), _options(FALLBACK_LABELS, asked.fallback)),
                ("reach", _now("Reachability"), _options(_REACHES, asked.reach)),
                ("order", _now("Order"), _options(_ORDERS, asked.order)),
            ],
            "carried": [(name, request.GET[name]) for name in ("group", "groups") if request.GET.get(name)],
            "is_filtered": any(request.GET.get(name) for name in ("q", "number", "fallback", "reach"))
            or (asked.group_id is not None and group is None),
            "panel": _panel(request, group),
            "more_operations": [
                (title, reverse(f"console:{view}") + (shown if view == "contact_export" else ""), is_dialog)
                for title, view, is_dialog in self.more_operations
            ],
            "may_change_contacts": self.has_change_permission(request),
            "kept": request.GET.urlencode(),
            "sees_addresses": may(request, Permission.REVEAL),
            "most": MOST_FOUND,
        }

    @display(description=_("Name"))
    def shown_name(self, contact: Contact) -> SafeString:
        url = self.url("overview", contact.pk)
        return format_html('<a class="text-link tc-name" href="{}">{}</a>', url, contact.name)

    @display(description=_("Contact Groups"))
    def shown_groups(self, contact: Any) -> SafeString | str:
        if not contact.facts or not contact.facts.groups:
            return NOTHING
        list_url = self.url("changelist")
        links = [(list_url, pk, name) for pk, name in contact.facts.groups]
        more = contact.facts.group_count - len(links)
        names = format_html_join(", ", '<a class="text-link" href="{}?group={}">{}</a>', links)
        rest = format_html(' <span class="tc-quiet">+{}</span>', more) if more > 0 else ""
        return format_html('<span class="tc-wrap">{}{}</span>', names, rest)

    @display(description=_("Phone Number"))
    def shown_phone(self, contact: Any) -> SafeString | str:
        """*Not verified* is what managers press to send the text."""
        if not contact.phone:
            return NOTHING
        return format_html(
            '<span class="tc-chips"><span class="tc-number">{}</span> {}</span>',
            mask_phone(contact.phone),
            self.number_state(contact, contact.may_change),
        )

    def number_state(self, contact: Contact, may_verify: bool) -> SafeString:
        """What can be pressed posts the page's form `verify-one`."""
        if contact.phone_verified_at is not None:
            return chip(_now("Verified"), "success")
        state = chip(_now("Not verified"), "warning")
        if not may_verify:
            return state
        pattern = '<button class="tc-chip-link" form="verify-one" formaction="{}" data-dialog title="{}">{}</button>'
        title = _now("Send a verification text message")
        return format_html(pattern, self.url("verify_number", contact.pk), title, state)

    @display(description=pgettext_lazy("field", "Email"))
    def shown_email(self, contact: Contact) -> SafeString | str:
        """May break after the @ and before a dot."""
        masked = mask_email(contact.email or "")
        return format_html_join(mark_safe("<wbr>"), "{}", ((part,) for part in _PARTS.split(masked))) or NOTHING

    @display(description=_("Fallback"))
    def shown_fallback(self, contact: Any) -> SafeString:
        """Of the global default two lines: that it is, and what."""
        return _fallback(Fallback(contact.fallback), contact.default_fallback, get_language())

    @display(description=_("User ID"))
    def shown_ids(self, contact: Contact) -> SafeString | str:
        """Each on its line, cut where it is too long; its title is whole."""
        return (
            format_html_join(" ", '<span class="tc-id" title="{0}">{0}</span>', ((i,) for i in _ids(contact)))
            or NOTHING
        )

    @display(description=_("Reached by"))
    def reached_by(self, contact: Any) -> SafeString | str:
        return channel_icons(contact.facts.ready) if contact.facts else NOTHING

    @display(description=_("Last proved delivered"))
    def proved(self, contact: Any) -> SafeString | str:
        return moment(contact.facts.last_proved_at if contact.facts else None, utc_now())

    @display(description=_("Actions"))
    def acts(self, contact: Any) -> SafeString:
        edit, delete = (self.url(page, contact.pk) + contact.kept_filters for page in ("change", "delete"))
        links = [(edit, _now("Edit"), contact.name), (delete, _now("Delete"), contact.name)]
        if contact.list_group is not None:
            remove = f"{self.url('remove_from_group', contact.pk)}?group={contact.list_group}"
            links.append((remove, _now("Remove"), contact.name))
        pattern = '<a class="text-link" href="{}" data-dialog>{}<span class="tc-hidden"> {}</span></a>'
        return format_html('<span class="tc-acts">{}</span>', format_html_join("", pattern, links))


@lru_cache(maxsize=64)
def _fallback(own: Fallback, default: Fallback, language: str) -> SafeString:
    words = fallback_words(own, default)
    method = str(FALLBACK_LABELS[resolved_fallback(own, default)])
    before, _found, after = words.partition(method)
    pieces = ((text.strip(),) for text in (before, method + after) if text.strip())
    return format_html('<span class="tc-two-lines">{}</span>', format_html_join(" ", "<span>{}</span>", pieces))


def _panel(request: HttpRequest, chosen: ContactGroup | None) -> dict[str, Any]:
    """The groups beside the list. The chosen one is there even when the search among them hides it."""
    text = request.GET.get("groups", "")
    page = queries.group_counts(text, limit=_GROUPS_BESIDE)
    groups = [(item.id, item.name, item.member_count) for item in page.groups]
    if chosen is not None and chosen.pk not in {pk for pk, _name, _count in groups}:
        groups.insert(0, (chosen.pk, chosen.name, queries.member_counts([chosen.pk])[chosen.pk]))
    everybody = Contact.objects.order_by()[: MOST_FOUND + 1].count()
    others = request.GET.copy()
    for name in ("group", "p", "all", "e"):
        others.pop(name, None)
    return {
        "groups": [(pk, name, count, _address(others, pk)) for pk, name, count in groups],
        "all_url": _address(others, None),
        "everybody": f"{MOST_FOUND:,}+" if everybody > MOST_FOUND else str(everybody),
        "has_more": page.has_more,
        "is_searchable": page.has_more or bool(text),
        "text": text,
        "carried": [(name, value) for name, value in request.GET.items() if name not in ("groups", "p")],
    }


def _address(others: QueryDict, group_id: int | None) -> str:
    asked = others.copy()
    if group_id is not None:
        asked["group"] = str(group_id)
    return f"?{asked.urlencode()}"


def _choice(kind: type[_Choice], value: str | None) -> _Choice | None:
    return kind(value) if value in set(kind) else None


def _options(words: Any, chosen: Any) -> list[tuple[str, Any, bool]]:
    return [(str(value), text, value == chosen) for value, text in words.items()]
