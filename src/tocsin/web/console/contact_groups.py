"""The Contact Groups tab. A group's members are the list of contacts with the group chosen beside it."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from tocsin.contacts import queries, services
from tocsin.contacts.models import ContactGroup
from tocsin.core.clock import utc_now
from tocsin.web.console import empties
from tocsin.web.console.actors import actor_of
from tocsin.web.console.contact_forms import MOST_PICKED, GroupForm
from tocsin.web.console.display import NOTHING, chip, read_once
from tocsin.web.console.paging import CappedPaginator
from tocsin.web.console.service_admin import ServiceAdmin
from tocsin.web.console.uses import notes_on_deleting, uses_list


class ContactGroupAdmin(ServiceAdmin):
    empty = empties.GROUPS
    form = GroupForm
    writes = ("add", "change", "delete")
    adds_in_dialog = True
    change_form_template = "console/contact_form.html"
    search_fields = ("name",)
    paginator = CappedPaginator
    sortable_by = ()
    list_display_links = None
    readonly_fields = ("used_by", "member_names")

    def get_list_display(self, request: HttpRequest) -> list[str]:
        columns = ["shown_name", "member_count", "users"]
        return [*columns, "acts"] if self.has_change_permission(request) else columns

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        return queries.groups_found(search_term) if search_term else queryset, False

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        ids = [group.pk for group in changelist.result_list]
        counts = queries.member_counts(ids)
        used = queries.uses_of(ids)
        for group in changelist.result_list:
            group.member_total = counts[group.pk]
            group.uses = [use for use in used if use.object_id == group.pk]
        return changelist

    def get_fieldsets(self, request: HttpRequest, obj: ContactGroup | None = None) -> Any:
        members = "members" if obj is None or self.has_change_permission(request, obj) else "member_names"
        return ((None, {"fields": ("name", members, *(("used_by",) if obj else ()))}),)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        extra = {
            "title": _now("Create Contact Group") if object_id is None else _now("Edit Group"),
            "says_ok": True,
        }
        return super().changeform_view(request, object_id, form_url, {**extra, **(extra_context or {})})

    def add_row(self, request: HttpRequest, data: dict[str, Any]) -> ContactGroup:
        members = [contact.pk for contact in data["members"]]
        return services.create_group(by=actor_of(request), now=utc_now(), name=data["name"], contact_ids=members)

    def change_row(self, request: HttpRequest, row: ContactGroup, data: dict[str, Any]) -> None:
        members = {contact.pk for contact in data["members"]}
        if row.memberships.count() > MOST_PICKED:
            members |= set(row.memberships.values_list("contact_id", flat=True))
        services.update_group(
            by=actor_of(request),
            now=utc_now(),
            group_id=row.pk,
            version=data["version"],
            name=data["name"],
            contact_ids=members,
        )

    def delete_rows(self, request: HttpRequest, ids: list[int]) -> None:
        services.delete_groups(by=actor_of(request), now=utc_now(), ids=ids)

    def notes_on_deleting(self, ids: list[int]) -> list[SafeString]:
        return notes_on_deleting(ids, queries.uses_of(ids))

    @display(description=_("Group Name"))
    def shown_name(self, group: ContactGroup) -> SafeString:
        return format_html('<a class="text-link tc-name" href="{}">{}</a>', _members_url(group), group.name)

    @display(description=_("Contacts"))
    def member_count(self, group: Any) -> SafeString | str:
        return str(group.member_total) if group.member_total else chip(_now("empty: tells nobody"), "warning")

    @display(description=_("Used by"))
    def users(self, group: Any) -> SafeString | str:
        lines = uses_list(group.uses)
        return format_html('<span class="tc-wrap">{}</span>', _joined(lines)) if lines else NOTHING

    @display(description=_("Actions"))
    def acts(self, group: ContactGroup) -> SafeString:
        links = [
            (self.url("change", group.pk), _now("Edit"), group.name),
            (f"{reverse('console:new-drill')}?object={group.pk}", _now("Fire drill"), group.name),
            (self.url("delete", group.pk), _now("Delete"), group.name),
        ]
        pattern = '<a class="text-link" href="{}" data-dialog>{}<span class="tc-hidden"> {}</span></a>'
        return format_html('<span class="tc-acts">{}</span>', format_html_join("", pattern, links))

    @display(description=_("Contacts"))
    def member_names(self, group: ContactGroup) -> SafeString | str:
        """The first of them; the link leads to all."""
        names = list(group.members.values_list("name", flat=True)[:50])
        link = format_html('<a class="text-link" href="{}">{}</a>', _members_url(group), _now("All members"))
        return format_html("{} · {}", ", ".join(names), link) if names else NOTHING

    @display(description=_("used by"))
    @read_once
    def used_by(self, group: ContactGroup) -> SafeString | str:
        lines = uses_list(queries.uses_of([group.pk]))
        return format_html_join("", "<div>{}</div>", ((line,) for line in lines)) if lines else NOTHING


def _members_url(group: ContactGroup) -> str:
    return f"{reverse('console:contacts_contact_changelist')}?group={group.pk}"


def _joined(lines: list[SafeString]) -> SafeString:
    return format_html_join(", ", "{}", ((line,) for line in lines))
