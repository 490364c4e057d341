"""Import of contacts: a file is uploaded, checked, looked at, and imported; then what was refused is downloaded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import translation
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldBooleanWidget

from tocsin.accounts.rules import Permission
from tocsin.accounts.services import record_reveal
from tocsin.contacts.import_models import ContactImport
from tocsin.contacts.queries.importing import recent_imports
from tocsin.contacts.rules.importing import MAX_FILE_BYTES, MAX_ROWS, ImportOptions
from tocsin.contacts.services.imports import cancel_import
from tocsin.contacts.sheets import FORMATS, format_of, template_of
from tocsin.contacts.sheets.files import refused_pieces, too_large
from tocsin.core.clock import utc_now
from tocsin.core.errors import TocsinError
from tocsin.delivery.importing import begin_import, release_import
from tocsin.web.console.actors import actor_of, may, require
from tocsin.web.console.form_pages import add_refusal, capitalise_labels
from tocsin.web.console.import_view import import_context, live_context, refused_as_read, refused_columns
from tocsin.web.shared.files import file_response

_CREATE_ONLY = "create"
_SWITCHES = ("all_or_nothing", "create_groups", "clear_empty", "send_verifications")


class ImportForm(forms.Form):
    file = forms.FileField(
        label=_("file"),
        allow_empty_file=True,
        widget=forms.FileInput(attrs={"accept": ".csv,.xlsx,.json", "class": "tc-file"}),
    )
    existing = forms.ChoiceField(
        label=_("contacts that exist"),
        choices=[("update", _("Update them")), (_CREATE_ONLY, _("Leave them as they are"))],
        initial="update",
        widget=UnfoldAdminRadioSelectWidget,
        help_text=_("A row means the contact with its external ID, else with its phone number, else with its email."),
    )
    create_groups = forms.BooleanField(
        label=_("Create contact groups that are missing"), required=False, widget=UnfoldBooleanWidget
    )
    all_or_nothing = forms.BooleanField(
        label=_("All or nothing"),
        required=False,
        widget=UnfoldBooleanWidget,
        help_text=_("Nothing is imported when a row is refused."),
    )
    clear_empty = forms.BooleanField(
        label=_("Empty cells remove what the contact has"),
        required=False,
        widget=UnfoldBooleanWidget,
        help_text=_("Otherwise they are passed over."),
    )
    send_verifications = forms.BooleanField(
        label=_("Send verification texts to new numbers"),
        required=False,
        widget=UnfoldBooleanWidget,
        help_text=_("The next page says how many. At most one a minute, 5 an hour, 10 a day to a number."),
    )


def upload(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    require(request, Permission.MANAGE)
    is_post = request.method == "POST"
    form = ImportForm(request.POST if is_post else None, request.FILES if is_post else None)
    capitalise_labels(form)
    if is_post and form.is_valid():
        try:
            return _to(_uploaded(request, form.cleaned_data))
        except TocsinError as error:
            add_refusal(form, error)
    limits = {"bytes": MAX_FILE_BYTES // 2**20, "rows": f"{MAX_ROWS:,}"}
    return TemplateResponse(
        request,
        "console/contact_import.html",
        {
            **context,
            "title": _now("Import contacts"),
            "form": form,
            "formats": list(FORMATS),
            "limits": limits,
            "recent": recent_imports(),
            "now": utc_now(),
        },
    )


def page(request: HttpRequest, context: dict[str, Any], import_id: int) -> HttpResponse:
    """How far it is, what would become of each row, or what became of it: by its state."""
    require(request, Permission.MANAGE)
    row = _found(import_id)
    reveals = may(request, Permission.REVEAL)
    if reveals and request.user.pk != row.by_id:
        record_reveal(by=actor_of(request), now=utc_now(), instance=row, fields=("phone", "email"))
    asked = (request.GET.get("fate", ""), request.GET.get("page", ""))
    shown = {**context, "title": row.file_name, **import_context(row, *asked, reveals=reveals)}
    return TemplateResponse(request, "console/contact_import_page.html", shown)


@require_safe
def live(request: HttpRequest, context: dict[str, Any], import_id: int) -> HttpResponse:
    """Asked for every second while a worker works; the whole page comes anew when it is done."""
    require(request, Permission.MANAGE)
    shown = live_context(_found(import_id))
    response = TemplateResponse(request, "console/contact_import_live.html", {**context, **shown})
    if not shown["is_working"]:
        response["HX-Refresh"] = "true"
    return response


@require_POST
def start(request: HttpRequest, context: dict[str, Any], import_id: int) -> HttpResponse:
    require(request, Permission.MANAGE)
    row = _found(import_id)
    try:
        release_import(by=actor_of(request), now=utc_now(), import_id=row.pk, may_attest=_may_attest(request))
    except TocsinError as error:
        messages.error(request, str(error))
    return _to(row)


@require_POST
def cancel(request: HttpRequest, context: dict[str, Any], import_id: int) -> HttpResponse:
    require(request, Permission.MANAGE)
    row = _found(import_id)
    try:
        cancel_import(by=actor_of(request), now=utc_now(), import_id=row.pk)
    except TocsinError as error:
        messages.error(request, str(error))
    return _to(row)


@require_safe
def refused(request: HttpRequest, context: dict[str, Any], import_id: int) -> HttpResponse:
    """The refused rows as they came, with what is wrong beside them: to be corrected and uploaded again."""
    require(request, Permission.MANAGE)
    require(request, Permission.REVEAL)
    row = _found(import_id)
    record_reveal(by=actor_of(request), now=utc_now(), instance=row, fields=("refused rows",))
    return file_response(
        refused_pieces(row.format, refused_columns(row), refused_as_read(row)), row.format, f"refused-{row.pk}"
    )


@require_safe
def template(request: HttpRequest, context: dict[str, Any], format: str) -> HttpResponse:
    require(request, Permission.MANAGE)
    if format not in FORMATS:
        raise Http404
    return file_response([template_of(format)], format, "contacts")


def _uploaded(request: HttpRequest, data: dict[str, Any]) -> ContactImport:
    file = data["file"]
    if file.size > MAX_FILE_BYTES:
        raise too_large()
    options = ImportOptions(
        create_only=data["existing"] == _CREATE_ONLY,
        may_attest=_may_attest(request),
        **{name: data[name] for name in _SWITCHES},
    )
    return begin_import(
        by=actor_of(request),
        now=utc_now(),
        file_name=file.name,
        format=format_of(file.name),
        content=file.read(),
        options=options,
        language=translation.get_language() or "",
    )


def _may_attest(request: HttpRequest) -> bool:
    return settings.ATTESTED_PHONES and may(request, Permission.ADMINISTER)


def _found(import_id: int) -> ContactImport:
    row = ContactImport.objects.filter(pk=import_id).first()
    if row is None:
        raise Http404
    return row


def _to(row: ContactImport) -> HttpResponse:
    return HttpResponseRedirect(reverse("console:contact_import_page", args=[row.pk]))


def urls(of_the_site: Callable[[Any], Any]) -> list[URLPattern]:
    """`of_the_site` makes a view of the console of one that is given the console's context."""
    one = "contact-imports/<int:import_id>/"
    return [
        path("contact-imports/", of_the_site(upload), name="contact_import"),
        path("contact-imports/template.<slug:format>", of_the_site(template), name="contact_import_template"),
        path(one, of_the_site(page), name="contact_import_page"),
        path(f"{one}live/", of_the_site(live), name="contact_import_live"),
        path(f"{one}start/", of_the_site(start), name="contact_import_start"),
        path(f"{one}cancel/", of_the_site(cancel), name="contact_import_cancel"),
        path(f"{one}refused/", of_the_site(refused), name="contact_import_refused"),
    ]
