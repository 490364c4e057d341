"""What a person reads of many alerts at once: how many, which kinds, what they share, and the worst by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Protocol, TypeVar

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tocsin.delivery.rules import Cause

_GROUPS = 10
_NAMED = 30


class Told(Protocol):
    """Of `render.AlertSummary`, what is read here."""

    @property
    def title(self) -> str: ...
    @property
    def severity(self) -> int: ...
    @property
    def cause(self) -> Cause: ...
    @property
    def active(self) -> int: ...
    @property
    def group_labels(self) -> Mapping[str, str]: ...


_Alert = TypeVar("_Alert", bound=Told)


@dataclass(frozen=True, slots=True)
class Overview:
    """`counts` is one line; `groups` and `named` are lines of their lists; `shared` is one line, or ""."""

    counts: str
    shared: str
    groups: Sequence[str]
    named: Sequence[str]
    why: str
    escape_markdown: Callable[[str], str]

    def plain(self) -> list[str]:
        head = [self.why, "", self.counts, *([self.shared] if self.shared else [])]
        groups = ["", *(f"- {line}" for line in self.groups)] if self.groups else []
        return [*head, *groups, "", *(f"- {line}" for line in self.named)]

    def markdown(self) -> list[str]:
        return [self.escape_markdown(line) if line else "" for line in self.plain()]

    def html(self) -> str:
        lists = "".join(
            "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"
            for lines in (self.groups, self.named)
            if lines
        )
        shared = f"<p>{escape(self.shared)}</p>" if self.shared else ""
        return f"<p>{escape(self.why)}</p><p><b>{escape(self.counts)}</b></p>{shared}{lists}"


def made_of(
    alerts: Sequence[_Alert],
    common: Mapping[str, str],
    *,
    headline: Callable[[_Alert], str],
    escape_markdown: Callable[[str], str],
) -> Overview:
    """In the language that is active. Kinds are told where alerts of one kind repeat."""
    kinds = Counter(_kind(alert) for alert in alerts)
    events = Counter(dict.fromkeys(kinds, 0))
    for alert in alerts:
        events[_kind(alert)] += alert.active
    groups = []
    if len(kinds) < len(alerts):
        for kind, count in kinds.most_common(_GROUPS):
            text = ngettext("%(kind)s: %(count)d alert, %(events)d active events",
                            "%(kind)s: %(count)d alerts, %(events)d active events", count)  # fmt: skip
            groups.append(text % {"kind": kind, "count": count, "events": events[kind]})
        if len(kinds) > _GROUPS:
            groups.append(_("... and %(count)d more kinds") % {"count": len(kinds) - _GROUPS})
    worst = sorted(alerts, key=lambda alert: alert.severity)
    named = [f"[P{alert.severity}] {alert.title}: {headline(alert)}" for alert in worst[:_NAMED]]
    if len(alerts) > _NAMED:
        named.append(_("... and %(count)d more") % {"count": len(alerts) - _NAMED})
    shared = ", ".join(f"{key}={value}" for key, value in sorted(common.items()))
    return Overview(
        counts=_counts(alerts),
        shared=_("All of them: %(labels)s") % {"labels": shared} if shared else "",
        groups=groups,
        named=named,
        why=_("Many came at once or a limit held them back; this message stands for all of them."),
        escape_markdown=escape_markdown,
    )


def _kind(alert: Told) -> str:
    return alert.group_labels.get("alertname") or alert.title.partition(" (")[0]


def _counts(alerts: Sequence[Told]) -> str:
    """`5000 alerts: P1 12, P3 4988; 5000 active events; 3 recovered`."""
    by_severity = Counter(alert.severity for alert in alerts)
    severities = ", ".join(f"P{severity} {count}" for severity, count in sorted(by_severity.items()))
    text = ngettext("%(count)d alert", "%(count)d alerts", len(alerts)) % {"count": len(alerts)}
    active = sum(alert.active for alert in alerts)
    parts = [f"{text}: {severities}", ngettext("%(n)d active event", "%(n)d active events", active) % {"n": active}]
    if recovered := sum(alert.cause is Cause.RECOVERED for alert in alerts):
        parts.append(_("%(count)d recovered") % {"count": recovered})
    return "; ".join(parts)
