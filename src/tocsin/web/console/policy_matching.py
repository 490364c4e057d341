"""The matching editor's questions to the server: what typed rules would have matched lately, which labels there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget

from tocsin.accounts.rules import Permission
from tocsin.core.clock import utc_now
from tocsin.core.errors import InvalidInputError
from tocsin.events.models import Event
from tocsin.events.rules import INTEGRATION_KEY, SEVERITY_KEY
from tocsin.policies.lately import Matched, labels_lately, matched_lately, recent_events
from tocsin.policies.rules import SIGNS, Condition, Operator, Rule, RuleProblem, RulesError, parse_rules, rules_as_json
from tocsin.web.console.actors import require
from tocsin.web.console.policy_text import read_rules, write_rules
from tocsin.web.console.words import said

_LONGEST_TEXT = 1_000_000
OPERATORS: dict[Operator, str | Promise] = {
    Operator.EQ: _("is"),
    Operator.NEQ: _("is not"),
    Operator.IN: _("is one of"),
    Operator.NIN: _("is none of"),
    Operator.RE: _("matches the expression"),
    Operator.NRE: _("does not match"),
}
_MEANINGS = {
    SEVERITY_KEY: _("the severity, P1 to P6"),
    INTEGRATION_KEY: _("the integration's name"),
}


class RulesWidget(UnfoldAdminTextareaWidget):
    """A text area; with script, rows of conditions that write into it."""

    template_name = "console/widgets/rules.html"

    def __init__(self) -> None:
        super().__init__(attrs={"rows": 7, "class": "tc-mono", "spellcheck": "false"})

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, value, attrs)
        context["widget"]["operators"] = [(SIGNS[operator], text) for operator, text in OPERATORS.items()]
        context["widget"]["check_url"] = reverse("console:policies_notificationpolicy_match")
        context["widget"]["labels_url"] = reverse("console:policies_notificationpolicy_labels")
        return context


class RulesField(forms.CharField):
    """The text as it was typed, once `parse_rules` takes it; otherwise one error for each problem."""

    widget = RulesWidget

    def clean(self, value: Any) -> str:
        text: str = super().clean(value)
        try:
            parse_rules(read_rules(text))
        except RulesError as error:
            raise forms.ValidationError([said(str(problem)) for problem in error.problems]) from error
        except InvalidInputError as error:
            raise forms.ValidationError([said(text) for text in error.fields.values()]) from error
        return text


def match(request: HttpRequest) -> HttpResponse:
    """Typed rules -> `rules` as rows, `problems` with their places, `html` that says what they would have matched.

    Where the text cannot be read, `rules` is null.
    """
    require(request, Permission.MANAGE)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    text = request.POST.get("rules", "")
    if len(text) > _LONGEST_TEXT:
        return JsonResponse({"rules": None, "problems": [], "html": preview(None)})
    try:
        read = read_rules(text)
    except InvalidInputError as error:
        problems = [{"rule": 0, "condition": 0, "text": problem} for problem in error.fields.values()]
        return JsonResponse({"rules": None, "problems": problems, "html": preview(None)})
    try:
        rules = parse_rules(read)
    except RulesError as error:
        problems = [{"rule": item.rule, "condition": item.condition, "text": problem_text(item)}
                    for item in error.problems]  # fmt: skip
        return JsonResponse({"rules": rules_as_json(read), "problems": problems, "html": preview(None)})
    found = matched_lately(rules, recent_events(utc_now()))
    return JsonResponse({"rules": rules_as_json(rules), "problems": [], "html": preview(found)})


def labels(request: HttpRequest) -> HttpResponse:
    """Label names and values of the last 7 days, the most frequent first."""
    require(request, Permission.MANAGE)
    seen = labels_lately(recent_events(utc_now()))
    return JsonResponse(
        {
            "labels": [
                {"key": label.key, "hint": str(_MEANINGS.get(label.key, "")), "values": label.values} for label in seen
            ]
        }
    )


def preview(found: Matched | None) -> str:
    """None: the rules have to be put right first."""
    return render_to_string("console/policy_preview.html", {"found": found, "now": utc_now()})


def problem_text(problem: RuleProblem) -> str:
    """In the reader's language, beginning like a sentence, without its place."""
    return capfirst(said(problem.text))


def rules_for_event(event_id: str) -> tuple[str, str]:
    """A name and rules that take events like this one: each of its labels a condition. ("", "") when it is gone."""
    is_number = event_id.isascii() and event_id.isdecimal() and len(event_id) < 19
    event = Event.objects.filter(pk=event_id).first() if is_number else None
    if event is None:
        return "", ""
    first = ("alertname", "severity")
    keys = [key for key in first if key in event.labels] + sorted(event.labels.keys() - set(first))
    rule: Rule = [Condition(key, Operator.EQ, event.labels[key]) for key in keys]
    return str(event)[:64], write_rules(_rules(rule))


def _rules(rule: Rule) -> Sequence[Rule]:
    return [rule[:50]]
