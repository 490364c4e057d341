"""What the demo does through the services, in a process of its own: `python -m demo.inside seed|people|timeline`.

Reads JSON from standard input and writes JSON to standard output, in the environment of the demo's installation.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from tocsin.cli.shared import database_running, exit_on_expected_errors, set_up_django, show_json
from tocsin.core.actors import SHELL
from tocsin.core.clock import utc_now

_PEOPLE = (
    {
        "name": "王芳",
        "phone": "+86 138 0000 0001",
        "email": "wang.fang@example.org",
        "language": "zh-hans",
        "time_zone": "Asia/Shanghai",
    },
    {
        "name": "Sam Carter",
        "phone": "+44 7700 900123",
        "email": "sam.carter@example.org",
        "language": "en",
        "time_zone": "Europe/London",
    },
    {
        "name": "Maya Lindqvist",
        "phone": "+1 202 555 0143",
        "email": "maya.lindqvist@example.org",
        "language": "en",
        "time_zone": "America/New_York",
    },
)
"""Numbers and addresses that belong to nobody."""
_READER = "Sam Carter"


def seed(given: dict[str, Any]) -> Any:
    """`email`: the reader's own address, or "" to give everybody a made-up one. `robot`: url, secret, keyword."""
    from tocsin.contacts.services import create_contact, create_group, create_robot
    from tocsin.policies.services import create_policy

    now = utc_now()
    people = [
        create_contact(
            by=SHELL,
            now=now,
            name=person["name"],
            phone=person["phone"],
            email=person["email"] if not given["email"] else given["email"] if person["name"] == _READER else "",
            language=person["language"],
            time_zone=person["time_zone"],
        )
        for person in _PEOPLE
    ]
    group = create_group(by=SHELL, now=now, name="Night shift 夜班", contact_ids=[person.pk for person in people])
    robot = create_robot(by=SHELL, now=now, name="#ops", platform="dingtalk", **given["robot"])
    policy = create_policy(
        by=SHELL,
        now=now,
        name="Serious things, at night",
        rules=[[{"key": "severity", "operator": "in", "value": "critical,error"}]],
        group_wait=timedelta(seconds=1),
        group_interval=timedelta(seconds=1),
        targets=[(group.pk, ["phone", "email"]), (robot.pk, [])],
    )
    return {"group": group.name, "policy": policy.name, "people": people_now({})}


def people_now(_given: Any) -> Any:
    from tocsin.contacts.models import Contact
    from tocsin.core.phones import display

    return [
        {
            "id": person.pk,
            "name": person.name,
            "language": person.language,
            "phone": display(person.phone or ""),
            "email": person.email or "",
            "verified_at": person.phone_verified_at,
        }
        for person in Contact.objects.order_by("pk")
    ]


def verify(_given: Any) -> Any:
    """A text with a link to everybody."""
    from tocsin.contacts.models import Contact
    from tocsin.delivery.verifications import send_verifications

    ids = list(Contact.objects.order_by("pk").values_list("pk", flat=True))
    results = send_verifications(by=SHELL, now=utc_now(), contact_ids=ids)
    return [{"name": result.name, "outcome": result.outcome} for result in results]


def newest_timeline(_given: Any) -> Any:
    """Null before there is an alert."""
    from tocsin.alerts.models import Alert
    from tocsin.delivery.timeline import timeline

    alert = Alert.objects.order_by("-pk").first()
    if alert is None:
        return None
    entries = [asdict(entry) for entry in timeline(alert.pk)]
    return {
        "id": alert.pk,
        "title": alert.title,
        "state": alert.state,
        "claimed_by": alert.claimed_by,
        "entries": entries,
    }


_COMMANDS: dict[str, Callable[[Any], Any]] = {
    "seed": seed,
    "people": people_now,
    "verify": verify,
    "timeline": newest_timeline,
}


if __name__ == "__main__":
    with exit_on_expected_errors():
        set_up_django()
        with database_running("demo"):
            show_json(_COMMANDS[sys.argv[1]](json.load(sys.stdin)))
