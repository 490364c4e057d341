"""What a benchmark needs in a fresh installation: a mail account and people. A program, run beside `tocsin serve`."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from tocsin.cli.shared import set_up_django

_OBJECTS = 5000


def prepare(folder: Path, *, people: int, smtp_port: int, connections: int) -> str:
    """A group of so many people with an address each, and one policy: every event, at once, by mail.

    The database of the data folder runs; tables are made if there are none. Returns the token of an integration.
    """
    command = [sys.executable, "-m", "benchmarks.prepared", str(people), str(smtp_port), str(connections)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")}
    environment["TOCSIN_DATA_DIR"] = str(folder)
    return subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True).stdout.strip()


def _write(people: int, smtp_port: int, connections: int) -> str:
    set_up_django()
    from tocsin.channels.services import add_account
    from tocsin.config.migrations import migrate
    from tocsin.contacts.models import Contact, ContactGroupMember, NotificationObject
    from tocsin.contacts.services import create_group
    from tocsin.core.actors import SHELL
    from tocsin.core.clock import utc_now
    from tocsin.events.services import create_integration
    from tocsin.policies.services import create_policy

    migrate()
    now = utc_now()
    config = {
        "host": "127.0.0.1",
        "port": str(smtp_port),
        "from": "tocsin@example.org",
        "connections": str(connections),
    }
    add_account(by=SHELL, now=now, name="sink", provider="smtp", config=config)
    group = create_group(by=SHELL, now=now, name="Everybody")
    kind = NotificationObject.Kind.CONTACT
    objects = NotificationObject.objects.bulk_create(
        [NotificationObject(kind=kind) for _ in range(people)], batch_size=_OBJECTS
    )
    Contact.objects.bulk_create(
        [
            Contact(object=item, name=f"Person {number}", email=address(number), created_at=now, updated_at=now)
            for number, item in enumerate(objects)
        ],
        batch_size=_OBJECTS,
    )
    ContactGroupMember.objects.bulk_create(
        [ContactGroupMember(group=group, contact_id=item.pk) for item in objects], batch_size=_OBJECTS
    )
    create_policy(
        by=SHELL, now=now, name="Mail", targets=[(group.pk, ["email"])], group_wait=timedelta(0), sends_recovery=False
    )
    _integration, token = create_integration(by=SHELL, now=now, name="Source")
    return token


def address(number: int) -> str:
    return f"person{number}@example.org"


if __name__ == "__main__":
    print(_write(*map(int, sys.argv[1:])))
