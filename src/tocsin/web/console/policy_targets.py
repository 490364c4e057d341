"""The notification objects of a policy: rows with their channels, and at once who would not be reached and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from tocsin.accounts.rules import Permission
from tocsin.channels.kinds import PERSONAL_CHANNELS, Channel
from tocsin.contacts.models import NotificationObject
from tocsin.contacts.queries import groups_larger_than, names_of, objects_named, pickable_kinds
from tocsin.core.clock import utc_now
from tocsin.delivery.queries import shortfalls_among
from tocsin.web.console.actors import require
from tocsin.web.console.picker import KIND_TITLES
from tocsin.web.console.words import CHANNELS, reason_text

_BLANK_ROWS = 2
_LONGEST_ID = 18
_OFFERED = 100
_SHOWN = 10
_MOST_ROWS = 500
_READ_WHOLE = 1000
"""Members of a group that are looked at one by one while somebody types."""
_WITH_CHANNELS = (NotificationObject.Kind.CONTACT, NotificationObject.Kind.GROUP, NotificationObject.Kind.SCHEDULE)
Targets = Sequence[tuple[int, tuple[str, ...]]]


@dataclass(frozen=True, slots=True)
class TargetRow:
    """One line of the editor. `choice` is "kind:id", "" for a blank line."""

    choice: str = ""
    channels: tuple[str, ...] = tuple(PERSONAL_CHANNELS)


class TargetsWidget(forms.Widget):
    """Posts `<name>-object` once a row, and `<name>-<channel>` with the number of each row that is ticked."""

    template_name = "console/widgets/targets.html"

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[TargetRow]:
        ticked = {channel: set(data.getlist(f"{name}-{channel}")) for channel in PERSONAL_CHANNELS}
        return [
            TargetRow(choice, tuple(channel for channel in PERSONAL_CHANNELS if str(number) in ticked[channel]))
            for number, choice in enumerate(data.getlist(f"{name}-object"))
            if choice
        ]

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return f"{name}-object" not in data

    def get_context(self, name: str, value: Any, attrs: Mapping[str, Any] | None) -> dict[str, Any]:
        """However many there are, a hundred of each kind are options; script searches for the others."""
        context: dict[str, Any] = super().get_context(name, None, dict(attrs or {}))
        rows: list[TargetRow] = list(value or [])
        numbers = {row.choice: _number(row.choice) for row in rows}
        known = names_of([number for number in numbers.values() if number is not None])
        kinds = pickable_kinds()
        offered = objects_named("", kinds, size=_OFFERED).items
        context["widget"] |= {
            "rows": [(row, known.get(numbers[row.choice] or 0)) for row in rows] + [(TargetRow(), None)] * _BLANK_ROWS,
            "blank": TargetRow(),
            "channels": [(channel.value, CHANNELS[channel]) for channel in PERSONAL_CHANNELS],
            "kinds": ",".join(kinds),
            "offered": [
                (KIND_TITLES[kind], [(f"{kind}:{item.id}", item) for item in offered if item.kind == kind])
                for kind in kinds
            ],
        }
        return context


class TargetsField(forms.Field):
    """Cleans to a list of (notification object id, channels); only people and groups have some."""

    widget = TargetsWidget

    def clean(self, value: list[TargetRow] | None) -> list[tuple[int, tuple[str, ...]]]:
        cleaned = []
        for row in value or []:
            number = _number(row.choice)
            if number is None:
                raise forms.ValidationError(_("Choose from the list."))
            cleaned.append((number, row.channels if row.choice.partition(":")[0] in _WITH_CHANNELS else ()))
        return cleaned


def reach(request: HttpRequest, context: Mapping[str, Any]) -> HttpResponse:
    """Posted rows of objects -> who of them could not be told or mentioned now, as a piece of HTML."""
    require(request, Permission.MANAGE)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    typed = TargetsWidget().value_from_datadict(request.POST, {}, "targets")[:_MOST_ROWS]
    try:
        targets = TargetsField().clean(typed)
    except ValidationError:
        targets = []
    return TemplateResponse(
        request, "console/policy_reach.html", {**reach_context(targets), "is_step": "step" in request.GET}
    )


def reach_context(targets: Targets) -> dict[str, Any]:
    """A bounded look: of a group with very many members only the name is told."""
    large = groups_larger_than([object_id for object_id, _channels in targets], _READ_WHOLE)
    looked_at = [
        (object_id, tuple(map(Channel, channels))) for object_id, channels in targets if object_id not in large
    ]
    lacks = shortfalls_among(looked_at, utc_now()) if looked_at else ()
    return {
        "named": len(targets),
        "lacks": [
            {"name": lack.name, "channel": CHANNELS.get(lack.channel, ""), "why": reason_text(lack.reason)}
            for lack in lacks[:_SHOWN]
        ],
        "more": max(len(lacks) - _SHOWN, 0),
        "large": list(large.values()),
        "looked_at": len(looked_at),
    }


def reach_html(targets: Targets) -> str:
    return render_to_string("console/policy_reach.html", reach_context(targets))


def _number(choice: str) -> int | None:
    text = choice.partition(":")[2]
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _LONGEST_ID else None
