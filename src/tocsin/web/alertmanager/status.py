"""`/api/v2/status`: the version, and the policies as an Alertmanager's configuration that its own tools can read."""

from __future__ import annotations

import json
from typing import Any

import re2
import yaml
from django.http import HttpRequest, HttpResponse

from tocsin import __version__
from tocsin.core.actors import Actor
from tocsin.core.clock import utc_now
from tocsin.events.queries import list_integrations
from tocsin.events.rules import INTEGRATION_KEY
from tocsin.policies.naming import reference_to_gone
from tocsin.policies.queries import matchers
from tocsin.policies.rules import Condition, Matcher, Operator
from tocsin.policies.rules.matching import listed_values
from tocsin.web.alertmanager.access import answer
from tocsin.web.alertmanager.wire import moment

NOBODY = "no notification policy"
"""The receiver of what no policy takes; nobody is behind it."""
_SIGNS = {
    Operator.EQ: "=", Operator.NEQ: "!=", Operator.RE: "=~", Operator.NRE: "!~", Operator.IN: "=~", Operator.NIN: "!~",
}  # fmt: skip
_started_at = utc_now()


def get_status(request: HttpRequest, by: Actor) -> HttpResponse:
    names = {integration.pk: integration.name for integration in list_integrations()}
    policies = [policy for policy in matchers() if not policy.is_shadow]
    return answer(
        {
            "cluster": {"peers": [], "status": "disabled"},
            "config": {"original": as_configuration(policies, names)},
            "uptime": moment(_started_at),
            "versionInfo": {
                "branch": "", "buildDate": "", "buildUser": "", "goVersion": "", "revision": "Tocsin",
                "version": __version__,
            },
        }
    )  # fmt: skip


def as_configuration(policies: list[Matcher], integrations: dict[int, str]) -> str:
    """YAML. A route for each rule of each policy; what a policy tells, and how, has no form there."""
    routes = [route for policy in policies for route in _routes(policy, integrations)]
    receivers = [{"name": name} for name in dict.fromkeys([NOBODY, *(policy.name for policy in policies)])]
    content = {"route": {"receiver": NOBODY, **({"routes": routes} if routes else {})}, "receivers": receivers}
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


def _routes(policy: Matcher, integrations: dict[int, str]) -> list[dict[str, Any]]:
    names = sorted(integrations.get(pk) or reference_to_gone(pk) for pk in policy.sources)
    source = [_written(INTEGRATION_KEY, "=~", "|".join(re2.escape(name) for name in names))] if policy.sources else []
    return [
        {
            "receiver": policy.name,
            "matchers": [*source, *map(_matcher, rule)],
            "group_by": list(policy.group_by),
            "group_wait": f"{int(policy.group_wait.total_seconds())}s",
            "continue": not policy.stops_here,
        }
        for rule in policy.rules or ((),)
    ]


def _matcher(condition: Condition) -> str:
    value = condition.value
    if condition.operator in (Operator.IN, Operator.NIN):
        value = "|".join(re2.escape(each) for each in sorted(listed_values(value)))
    return _written(condition.key, _SIGNS[condition.operator], value)


def _written(key: str, sign: str, value: str) -> str:
    return f"{key}{sign}{json.dumps(value, ensure_ascii=False)}"
