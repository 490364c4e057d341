"""`tocsin doctor`: whether this installation can do its work, and what to do where it cannot."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Any

from cyclopts import App
from django.conf import settings
from django.db import OperationalError, connection
from django.db.models import Max, QuerySet

from tocsin.channels.kinds import Channel
from tocsin.cli.shared import Json, database_running, set_up_django, show, show_json
from tocsin.config import checks
from tocsin.config.checks import Finding, Level
from tocsin.config.embedded_postgres import Layout
from tocsin.config.environment import data_folder, database_url, secret_keys
from tocsin.config.migrations import pending_migrations
from tocsin.core.clock import utc_now
from tocsin.core.errors import ConfigurationError, first_line

app = App(name="doctor")


@app.default
def doctor(*, as_json: Json = False) -> None:
    """Check the installation and say what to do. Exit code 1 when something fails; warnings do not count."""
    findings = list(_examine())
    if as_json:
        show_json([asdict(finding) for finding in findings])
    else:
        rows = [{"check": finding.name, "result": finding.level, "": finding.text} for finding in findings]
        show(rows, as_json=False)
    sys.exit(1 if any(finding.level is Level.FAILURE for finding in findings) else 0)


def _examine() -> Iterator[Finding]:
    """Each check needs the ones before it; the first that cannot go on ends the list."""
    folder = data_folder()
    if not database_url():
        yield checks.check_folder(folder)
    try:
        keys = secret_keys(folder)
    except ConfigurationError as error:
        yield checks.failed("secret key", error)
        return
    yield checks.check_secret_key(keys)
    if not keys:
        return
    if not database_url() and Layout(folder).major_version is None:
        yield Finding("database", Level.FAILURE, "There is none yet; the first `tocsin serve` makes it.")
        return
    set_up_django()
    try:
        with database_running("doctor", migrates=False):
            yield from _examine_database()
    except ConfigurationError as error:
        yield checks.failed("database", error)
    except OperationalError as error:
        yield Finding("database", Level.FAILURE, f"It does not answer: {first_line(error)}")


def _examine_database() -> Iterator[Finding]:
    connection.ensure_connection()
    yield checks.check_server_version(connection.connection.info.server_version)
    yield checks.check_clock(utc_now(), _database_clock(), is_synchronised=checks.clock_is_synchronised())
    migrations = checks.check_migrations(pending_migrations())
    yield migrations
    if migrations.level is Level.OK:
        from tocsin.accounts.models import AccessKey
        from tocsin.accounts.queries import administrators_without_second_factor
        from tocsin.channels.connections import listening
        from tocsin.channels.models import ProviderAccount
        from tocsin.channels.queries import accounts_by_channel, count_sealed_by_other_keys, kind_of
        from tocsin.contacts.models import Robot, Webhook
        from tocsin.contacts.queries import count_simulated_proofs  # models need Django set up
        from tocsin.delivery.coverage import coverage
        from tocsin.delivery.models import Beat
        from tocsin.delivery.rules.coverage import TITLES
        from tocsin.policies.queries import is_any_enabled

        sealed: dict[str, tuple[QuerySet[Any], str]] = {
            "provider accounts": (ProviderAccount.objects.all(), "config"),
            "robots": (Robot.objects.all(), "url"),
            "webhooks": (Webhook.objects.all(), "url"),
            "access keys": (AccessKey.objects.all(), "secret"),
        }
        yield checks.check_secrets(
            {kind: count_sealed_by_other_keys(rows, column) for kind, (rows, column) in sealed.items()}
        )
        are_simulated = {
            channel: all(kind_of(account).capabilities.is_simulated for account in accounts)
            for channel, accounts in accounts_by_channel().items()
        }
        yield checks.check_worker(Beat.objects.aggregate(last=Max("beat_at"))["last"], utc_now())
        has_text_provider = are_simulated.get(Channel.SMS) is False
        yield checks.check_public_url(settings.PUBLIC_URL, has_text_provider=has_text_provider)
        yield checks.check_proxies(settings.PUBLIC_URL, settings.TRUSTED_PROXIES)
        yield from checks.check_accounts(are_simulated)
        yield from checks.check_connections(
            (account.name, how.is_connected, how.failure)
            for account in ProviderAccount.objects.filter(is_enabled=True).order_by("name")
            if (how := listening(account, utc_now())) is not None
        )
        yield checks.check_second_factors(user.username for user in administrators_without_second_factor())
        yield from checks.check_coverage(
            (
                (str(TITLES[section.dead_end]), section.total, [item.name for item in section.items])
                for section in coverage(utc_now(), shown=3)
                if not section.is_advice
            ),
            is_any_enabled=is_any_enabled(),
        )
        yield checks.check_planning(*_unplanned())
        if has_text_provider:
            yield checks.check_simulated_proofs(count_simulated_proofs())


def _unplanned() -> tuple[int, list[str]]:
    from tocsin.delivery.planning_faults import planning_faults  # models need Django set up

    faults, count = planning_faults(utc_now(), shown=3)
    return count, [f"#{fault.alert_id} {fault.title}: {fault.problem}" for fault in faults]


def _database_clock() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment
