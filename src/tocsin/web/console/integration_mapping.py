"""How an integration's plain JSON is read: a mapping, tried on a document before it is saved."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget

from tocsin.core.clock import utc_now
from tocsin.core.errors import ConflictError
from tocsin.events.dialects import DIALECTS, Post, UnreadableError
from tocsin.events.dialects.mapping import MAX_MAPPING, MappingError, parse_mapping
from tocsin.events.dialects.plain import USUAL
from tocsin.events.models import Integration
from tocsin.events.rules import Report, severity_of
from tocsin.events.services import update_integration
from tocsin.web.console.actors import actor_of
from tocsin.web.console.form_pages import add_refusal, capitalise_labels
from tocsin.web.console.words import said

_SAMPLE = {"title": "DiskFull", "severity": "critical", "state": "firing", "labels": {"host": "db1"}}
_MAX_DOCUMENT = 200_000
_SHOWN = 20


class MappingForm(forms.Form):
    mapping = forms.CharField(
        label=_("mapping"), required=False, strip=False, max_length=MAX_MAPPING,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 11, "class": "tc-mono", "spellcheck": "false"}),
        help_text=_(
            "One a line, target = where: labels.NAME, annotations.NAME, each (the array of events), status, resolved, "
            "starts_at, ends_at, id, link. Where: host.name, tags[0], a | b for the first that says something, "
            "\"{a} on {b}\". Empty: the usual names."
        ),
    )  # fmt: skip
    document = forms.CharField(
        label=_("a document to try it on"), required=False, strip=False, max_length=_MAX_DOCUMENT,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 9, "class": "tc-mono", "spellcheck": "false"}),
        help_text=_("What your system posts. It is read here and neither stored nor told to anybody."),
    )  # fmt: skip
    version = forms.IntegerField(widget=forms.HiddenInput)

    def clean_mapping(self) -> str:
        typed: str = self.cleaned_data["mapping"].replace("\r\n", "\n").strip()
        if typed:
            try:
                parse_mapping(typed)
            except MappingError as error:
                raise forms.ValidationError([said(problem) for problem in error.problems]) from error
        return "" if typed == USUAL.strip() else typed


@dataclass(frozen=True, slots=True)
class _Shown:
    """One event as it would be read."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    severity: int
    state: str
    starts_at: datetime
    link: str
    report_id: str


def mapping_page(
    request: HttpRequest, context: Mapping[str, Any], integration: Integration, saved: Callable[[], HttpResponse]
) -> HttpResponse:
    """*Try* shows what a document becomes; *Save* keeps the mapping."""
    form = MappingForm(request.POST if request.method == "POST" else None, initial=_initial(integration))
    capitalise_labels(form)
    found: dict[str, Any] = {}
    if request.method == "POST" and form.is_valid():
        if "try" in request.POST:
            found = tried(integration, form.cleaned_data["mapping"], form.cleaned_data["document"])
        else:
            try:
                update_integration(
                    by=actor_of(request), now=utc_now(), integration_id=integration.pk,
                    version=form.cleaned_data["version"], mapping=form.cleaned_data["mapping"],
                )  # fmt: skip
            except ConflictError as error:
                add_refusal(form, error)
            else:
                return saved()
    title = _now("JSON mapping of %(name)s") % {"name": integration}
    return TemplateResponse(
        request,
        "console/integration_mapping.html",
        {**context, "title": title, "form": form, "second_button": ("try", _now("Try it")), **found},
    )


def tried(integration: Integration, mapping: str, document: str) -> dict[str, Any]:
    """What becomes of a document: `events`, and `problems` in the reader's language."""
    now = utc_now()
    after = timedelta(seconds=integration.auto_resolve_seconds)
    try:
        read = DIALECTS["json"].read(Post(document.encode(errors="surrogatepass"), now, after, mapping=mapping))
    except UnreadableError as error:
        return {"is_tried": True, "problems": [said(str(error))]}
    shown = [_shown(integration, report, now) for report in read.reports[:_SHOWN]]
    more = len(read.reports) - len(shown)
    return {"is_tried": True, "events": shown, "more": more, "problems": list(map(_placed, read.refused[:_SHOWN]))}


def _shown(integration: Integration, report: Report, now: datetime) -> _Shown:
    is_over = report.ends_at is not None and report.ends_at <= now
    return _Shown(
        report.labels, report.annotations, severity_of(report.labels, integration.severity_map),
        "resolved" if is_over else "active", report.starts_at or now, report.generator_url, report.report_id,
    )  # fmt: skip


def _placed(problem: str) -> str:
    """The place stays as it is: `events[0].labels: ...`."""
    place, mark, text = problem.partition(": ")
    if not mark:
        return said(problem)
    name, mark, rest = text.partition(": ")
    return f"{place}: {name}: {said(rest)}" if mark else f"{place}: {said(text)}"


def _initial(integration: Integration) -> dict[str, Any]:
    return {
        "mapping": integration.mapping or USUAL,
        "document": json.dumps(_SAMPLE, indent=1),
        "version": integration.version,
    }
