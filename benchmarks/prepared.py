"""What a benchmark needs in a fresh installation: a mail account and people. A program, run beside `tocsin serve`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

from tocsin.cli.shared import set_up_django
from tocsin.config.processes import keep_what_is_loaded

_OBJECTS = 5000


def prepare(folder: Path, *, people: int, smtp_port: int, connections: int) -> str:
    """A group of so many people with an address each, and one policy: every event, at once, by mail.

    The database of the data folder runs; tables are made if there are none. Returns the token of an integration.
    """
    config = {
        "host": "127.0.0.1",
        "port": str(smtp_port),
        "from": "tocsin@example.org",
        "connections": str(connections),
    }
    return _prepared(folder, "mail", str(people), json.dumps(config))


def prepare_texts(folder: Path, *, people: int, url: str) -> str:
    """The same with a verified number each, and one policy by text message over a gateway like Kannel."""
    config = {"preset": "kannel", "url": url, "username": "tocsin", "password": "secret"}
    return _prepared(folder, "texts", str(people), json.dumps(config))


def _prepared(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "benchmarks.prepared", *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")}
    environment["TOCSIN_DATA_DIR"] = str(folder)
    return subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True).stdout.strip()


def _write(kind: str, people: int, config: dict[str, str]) -> str:
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
    provider, channel = {"mail": ("smtp", "email"), "texts": ("http_sms", "sms")}[kind]
    add_account(by=SHELL, now=now, name="sink", provider=provider, config=config)
    group = create_group(by=SHELL, now=now, name="Everybody")
    objects = NotificationObject.objects.bulk_create(
        [NotificationObject(kind=NotificationObject.Kind.CONTACT) for _ in range(people)], batch_size=_OBJECTS
    )
    Contact.objects.bulk_create(
        [
            Contact(
                object=item,
                name=f"Person {number}",
                email=address(number),
                phone=number_of(number),
                phone_verified_at=now,
                created_at=now,
                updated_at=now,
            )
            for number, item in enumerate(objects)
        ],
        batch_size=_OBJECTS,
    )
    ContactGroupMember.objects.bulk_create(
        [ContactGroupMember(group=group, contact_id=item.pk) for item in objects], batch_size=_OBJECTS
    )
    create_policy(
        by=SHELL, now=now, name="All", targets=[(group.pk, [channel])], group_wait=timedelta(0), sends_recovery=False
    )
    _integration, token = create_integration(by=SHELL, now=now, name="Source")
    return token


def address(number: int) -> str:
    return f"person{number}@example.org"


def number_of(number: int) -> str:
    return f"+86138{number:08d}"


def _work() -> None:
    """One more worker on the database of the folder, which runs."""
    set_up_django()
    from tocsin.delivery.worker import run

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    keep_what_is_loaded()
    run(stop=stop)


if __name__ == "__main__":
    if sys.argv[1] == "worker":
        _work()
    else:
        print(_write(sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])))
