"""Two real installations watch each other: when one is killed, the other pages its own administrators."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from simulators.ports import free_port
from simulators.waiting import wait_until
from tests.chaos.processes import connect
from tests.chaos.serving import Serve, environment

pytestmark = pytest.mark.thorough

# As docs/recipes/watch-each-other.md says, written with the services that the console calls.
_PREPARE = """
from tocsin.cli.shared import database_running, set_up_django
set_up_django()
with database_running("prepare"):
    from tocsin.channels.services import ensure_outbox_accounts
    from tocsin.contacts.services import create_contact
    from tocsin.core.actors import SHELL
    from tocsin.core.clock import utc_now
    from tocsin.events.services import create_integration
    from tocsin.policies.services import create_policy
    now = utc_now()
    ensure_outbox_accounts(now=now)
    is_peer = [[{"key": "alertname", "operator": "eq", "value": "TocsinHeartbeat"}]]
    _peer, token = create_integration(
        by=SHELL, now=now, name="Peer", heartbeat_seconds=300, heartbeat_rules=is_peer
    )
    ada = create_contact(by=SHELL, now=now, name="Ada", phone="", email="ada@example.org")
    worst = [{"key": "__integration__", "operator": "eq", "value": "Peer"},
             {"key": "severity", "operator": "eq", "value": "critical"}]
    create_policy(by=SHELL, now=now, name="The peer", rules=[worst], targets=[(ada.pk, ["email"])])
    print(token)
"""


def prepared(folder: Path) -> str:
    """An installation that expects the other's heartbeat and has somebody to tell; returns the token for it."""
    made = subprocess.run(
        [sys.executable, "-c", _PREPARE], env=environment(folder), capture_output=True, text=True, timeout=120
    )
    assert made.returncode == 0, made.stderr
    return made.stdout.split()[-1]


def has_heard(folder: Path) -> bool:
    with connect(folder) as connection:
        return connection.execute("SELECT heartbeat_at FROM events_integration WHERE name = 'Peer'").fetchone() != (
            None,
        )


def told(folder: Path) -> list[tuple[str, str]]:
    """To whom and what went out."""
    with connect(folder) as connection:
        return connection.execute(
            "SELECT d.recipient_name, c.subject FROM delivery_delivery d JOIN delivery_content c ON c.id = d.content_id"
            " WHERE d.state IN ('accepted', 'delivered') ORDER BY d.id"
        ).fetchall()


def five_minutes_pass(folder: Path) -> None:
    """For the heartbeat that is expected."""
    with connect(folder) as connection:
        connection.execute(
            "UPDATE events_integration SET heartbeat_at = heartbeat_at - interval '5 minutes',"
            " heartbeat_due_at = heartbeat_due_at - interval '5 minutes' WHERE name = 'Peer'"
        )


def test_of_two_that_watch_each_other_one_is_killed_and_the_other_pages_its_admins(
    installed: Path,
) -> None:
    other = installed.parent / "other"
    subprocess.run(["cp", "--archive", installed, other], check=True)
    tokens, ports = {folder: prepared(folder) for folder in (installed, other)}, (free_port(), free_port())
    here = {"TOCSIN_PEER_URL": f"http://127.0.0.1:{ports[1]}", "TOCSIN_PEER_TOKEN": tokens[other]}
    there = {"TOCSIN_PEER_URL": f"http://127.0.0.1:{ports[0]}", "TOCSIN_PEER_TOKEN": tokens[installed]}

    with Serve(other, port=ports[1], **there) as survivor, Serve(installed, port=ports[0], **here) as killed:
        wait_until(lambda: has_heard(other))
        survivor.child("worker").kill()  # another one begins, and tells at once that it lives
        wait_until(lambda: has_heard(installed), within=90)
        before = told(other), told(installed)
        family = killed.family()
        killed.process.kill()
        for member in family:
            if member.is_running():
                member.kill()
        five_minutes_pass(other)
        wait_until(lambda: told(other))

        assert before == ([], [])
        assert survivor.is_ready()
        ((name, subject),) = told(other)
        assert name == "Ada"
        assert "TocsinHeartbeatMissed" in subject
