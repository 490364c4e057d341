"""The texts of a policy in its form: a template for each channel, firing and recovered, with a preview as one types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from tocsin.accounts.rules import Permission
from tocsin.channels.kinds import Channel
from tocsin.core.clock import utc_now
from tocsin.core.errors import InvalidInputError
from tocsin.delivery.template_previews import preview_template
from tocsin.policies.rules import (
    EVENT_FIELDS,
    FILTERS,
    GO_MARK,
    TEMPLATE_FIELDS,
    VARIABLES,
    parse_rules,
    parse_templates,
)
from tocsin.web.console.actors import require
from tocsin.web.console.policy_text import read_rules
from tocsin.web.console.text_sizes import said_size
from tocsin.web.console.words import CHANNELS, said

_LONGEST = 20_000
PARTS: Mapping[str, str | Promise] = {
    "title": _("Subject"),
    "content": _("Text"),
    "recover_title": _("Subject, when it is over"),
    "recover_content": _("Text, when it is over"),
}
_KINDS: Mapping[str, str | Promise] = {
    "email": CHANNELS[Channel.EMAIL],
    "sms": CHANNELS[Channel.SMS],
    "phone": CHANNELS[Channel.PHONE],
    "robot": _("Chatbots"),
}
_EXAMPLES = {
    "email_title": "[{{ severity }}] {{ title }}",
    "email_content": "{{ title }}: {{ headline }}\n{% for event in events %}\n- {{ event.name }}: {{ event.summary }}"
    "\n{% endfor %}\n{{ url }}",
    "sms_content": "{{ severity }} {{ title }}: {{ summary }} {{ url }}",
    "phone_content": "{{ severity }}. {{ title }}. {{ summary }}.",
    "robot_content": "**{{ severity }} {{ title }}**\n{% for event in events %}\n- {{ event.summary }}\n{% endfor %}"
    "\n[{{ policy }}]({{ url }})",
}


class TemplatesWidget(forms.Widget):
    """Posts `<name>-<field>` for each of TEMPLATE_FIELDS."""

    template_name = "console/widgets/templates.html"

    def value_from_datadict(self, data: Any, files: Any, name: str) -> dict[str, str]:
        return {field: data.get(f"{name}-{field}", "") for field in TEMPLATE_FIELDS}

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return not any(f"{name}-{field}" in data for field in TEMPLATE_FIELDS)

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, None, attrs)
        chosen = value or {}
        context["widget"]["go_mark"] = GO_MARK
        context["widget"]["help"] = [
            " ".join(f"{{{{ {name} }}}}" for name in sorted(VARIABLES - {"events"})),
            "{% for event in events %}",
            " ".join("{{ " + ".".join(("event", name)) + " }}" for name in sorted(EVENT_FIELDS)),
            "{% endfor %}",
            "{% if severity in ['P1', 'P2'] %} {% elif labels.team == 'db' %} {% else %} {% endif %}",
            " ".join(f"|{name}" for name in FILTERS),
        ]
        context["widget"]["kinds"] = [
            {
                "title": title,
                "is_open": any(chosen.get(field) for field in fields),
                "fields": [
                    (field, PARTS[field.partition("_")[2]], chosen.get(field, ""), _EXAMPLES.get(field, ""),
                     field.endswith("_title"))
                    for field in fields
                ],
            }
            for kind, title in _KINDS.items()
            for fields in [[field for field in TEMPLATE_FIELDS if field.startswith(f"{kind}_")]]
        ]  # fmt: skip
        return context


class TemplatesField(forms.Field):
    """Cleans to the templates that were written; each error names its channel and line."""

    widget = TemplatesWidget

    def clean(self, value: Mapping[str, str] | None) -> dict[str, str]:
        try:
            return parse_templates(value or {})
        except InvalidInputError as error:
            raise forms.ValidationError(
                [f"{title_of(name.partition('.')[2])}: {said(text)}" for name, text in error.fields.items()]
            ) from error


def title_of(field: str) -> str:
    """Channel and part in words."""
    kind, _dot, part = field.partition("_")
    return _now("%(channel)s, %(part)s") % {"channel": _KINDS.get(kind, kind), "part": PARTS.get(part, part)}


def templates_read(templates: Mapping[str, str]) -> SafeString | str:
    """Which texts a policy has of its own, and each as it was written."""
    lines = [(title_of(field), source) for field, source in templates.items()]
    return format_html_join("", '<details><summary>{}</summary><pre class="tc-text">{}</pre></details>', lines) or _now(
        "the built-in ones"
    )


def preview(request: HttpRequest) -> HttpResponse:
    """A posted template and rules -> what it makes of the newest event that they match, as a piece of HTML."""
    require(request, Permission.MANAGE)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    field, source = request.POST.get("field", ""), request.POST.get("source", "")
    if field not in TEMPLATE_FIELDS or len(source) > _LONGEST:
        return HttpResponseBadRequest()
    try:
        rules = parse_rules(read_rules(request.POST.get("rules", "")))
    except InvalidInputError:
        rules = ()
    found = preview_template(
        field, source, rules=rules, policy_name=request.POST.get("name", "")[:64], language=get_language() or "",
        now=utc_now(),
    )  # fmt: skip
    title = format_html("{}", found.text.subject) if field.endswith("_title") else ""
    size = "" if title else said_size(field.partition("_")[0], found.text.text)
    context = {"found": found, "problem": said(found.problem), "title": title, "size": size}
    return TemplateResponse(request, "console/template_preview.html", context)
