"""Export of contacts: all, those that the list shows, or the selected ones, for those who may see whole numbers."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminRadioSelectWidget

from tocsin.accounts.rules import Permission
from tocsin.contacts import queries
from tocsin.contacts.models import Contact
from tocsin.contacts.services.exporting import export_contacts
from tocsin.core.clock import utc_now
from tocsin.web.console.actors import actor_of, require
from tocsin.web.console.contact_list import wanted
from tocsin.web.console.form_pages import capitalise_labels
from tocsin.web.shared.files import file_response

CONFIRMED = "confirmed"
_MOST = 1_000_000


class ExportForm(forms.Form):
    format = forms.ChoiceField(
        label=_("format"),
        choices=[("xlsx", _("Excel (XLSX)")), ("csv", _("CSV, as Excel reads it")), ("json", "JSON")],
        initial="xlsx",
        widget=UnfoldAdminRadioSelectWidget,
    )


def urls(of_the_site: Callable[[Any], Any]) -> list[URLPattern]:
    return [path("contact-export/", of_the_site(page), name="contact_export")]


def page(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """All contacts, or those that the list shows at the same query."""
    require(request, Permission.REVEAL)
    ids = None
    if request.GET:
        found = queries.contacts_found(wanted(request), sees_addresses=True)
        ids = queries.ids_found(found, most=_MOST)
    return export_page(request, context, ids)


def export_page(
    request: HttpRequest,
    context: dict[str, Any],
    ids: Collection[int] | None,
    hidden: Collection[tuple[str, str]] = (),
) -> HttpResponse:
    """The question, or after a POST that answers it the file. `hidden` are fields that the POST must carry."""
    require(request, Permission.REVEAL)
    is_answered = request.method == "POST" and CONFIRMED in request.POST
    form = ExportForm(request.POST if is_answered else None)
    capitalise_labels(form)
    if is_answered and form.is_valid():
        now, format = utc_now(), form.cleaned_data["format"]
        pieces = export_contacts(by=actor_of(request), now=now, format=format, ids=ids)
        return file_response(pieces, format, f"contacts-{now:%Y-%m-%d}")
    return TemplateResponse(
        request,
        "console/contact_export.html",
        {
            **context,
            "title": _now("Export contacts"),
            "form": form,
            "count": Contact.objects.count() if ids is None else len(ids),
            "hidden": [*hidden, (CONFIRMED, "1")],
        },
    )
