"""Pages that ask one thing in a small form and then do it: a test message, a password, a default."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from tocsin.core.errors import InvalidInputError, TocsinError
from tocsin.web.console.words import said


def form_page(
    request: HttpRequest,
    context: Mapping[str, Any],
    form_class: type[forms.Form],
    act: Callable[[dict[str, Any]], HttpResponse],
    *,
    title: str,
    text: str = "",
    submit: str = "",
    initial: Mapping[str, Any] | None = None,
) -> HttpResponse:
    """GET shows the form; POST returns what `act` makes of the cleaned data, or shows what was refused."""
    form = form_class(request.POST if request.method == "POST" else None, initial=dict(initial or {}))
    capitalise_labels(form)
    if request.method == "POST" and form.is_valid():
        try:
            return act(form.cleaned_data)
        except TocsinError as error:
            add_refusal(form, error)
    return TemplateResponse(
        request,
        "console/form_page.html",
        {**context, "title": title, "text": text, "submit_text": submit or _("OK"), "form": form},
    )


def demand_version(form: forms.Form | forms.ModelForm) -> None:
    """What was opened must be said with what is saved, or one person undoes another's change unseen."""
    if form.cleaned_data.get("version") is None and "version" not in form.errors:
        form.add_error(None, _("This form does not say which version of the row it was opened from. Load it again."))


class VersionedForm(forms.Form):
    """`version` is that of the row when the form was opened."""

    version = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        demand_version(self)
        return self.cleaned_data


def capitalise_labels(form: forms.BaseForm) -> None:
    """Labels are translated as they stand within a sentence."""
    for field in form.fields.values():
        field.label = capfirst(str(field.label or ""))


def add_refusal(form: forms.BaseForm, error: TocsinError, names: Mapping[str, str] | None = None) -> None:
    """Puts what a service refused at the fields it names; `names` maps its names to the form's where they differ."""
    fields = error.fields if isinstance(error, InvalidInputError) else {"": str(error)}
    for service_name, refusal in fields.items():
        text = said(refusal)
        name = (names or {}).get(service_name, service_name)
        if name in form.fields and not form.fields[name].widget.is_hidden:
            form.add_error(name, text)
        else:
            form.add_error(None, f"{name}: {text}" if name else text)
