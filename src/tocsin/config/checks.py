"""What can be wrong with an installation, and what to do: for `tocsin doctor`."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from tocsin.channels.kinds import PERSONAL_CHANNELS, Channel
from tocsin.core.errors import TocsinError
from tocsin.core.links import is_private

OLDEST_POSTGRES = 140000
_CLOCK_TOLERANCE = timedelta(seconds=5)
_BEAT_TOLERANCE = timedelta(minutes=1)
_TIME_ERROR = 5


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Finding:
    name: str
    level: Level
    text: str


def check_folder(folder: Path) -> Finding:
    """Nobody else may list the data folder or read the key in it."""
    key = folder / "secret-key"
    if not folder.exists():
        return Finding("data folder", Level.FAILURE, f"{folder} does not exist yet; `tocsin serve` makes it.")
    if folder.stat().st_mode & 0o066:
        return Finding("data folder", Level.FAILURE, f"Others may look into {folder}; run `chmod go-rw {folder}`.")
    if key.exists() and key.stat().st_mode & 0o077:
        return Finding("data folder", Level.FAILURE, f"Others may read {key}; run `chmod 600 {key}`.")
    return Finding("data folder", Level.OK, str(folder))


def check_secret_key(keys: Iterable[str]) -> Finding:
    if not tuple(keys):
        return Finding("secret key", Level.FAILURE, "There is none yet; the first `tocsin serve` makes it.")
    return Finding("secret key", Level.OK, "set")


def check_secrets(unreadable: Mapping[str, int]) -> Finding:
    """`unreadable`: of each kind of rows, how many hold a secret that no key of this installation opens."""
    found = ", ".join(f"{kind}: {count}" for kind, count in unreadable.items() if count)
    if not found:
        return Finding("stored secrets", Level.OK, "this key opens them")
    text = (
        f"Encrypted with another key, so they cannot be used ({found}). Put the old key behind the present one: in "
        "TOCSIN_SECRET_KEY after a comma, or in the file secret-key on a line of its own. With the old key lost, enter "
        "them again."
    )
    return Finding("stored secrets", Level.FAILURE, text)


def check_server_version(number: int) -> Finding:
    """`number` as libpq gives it: 150004 is 15.4."""
    shown = f"PostgreSQL {number // 10000}.{number % 10000}"
    if number < OLDEST_POSTGRES:
        return Finding(
            "database", Level.FAILURE, f"{shown} is too old; Tocsin needs {OLDEST_POSTGRES // 10000} or newer."
        )
    return Finding("database", Level.OK, shown)


def check_migrations(pending: Iterable[str]) -> Finding:
    missing = list(pending)
    if missing:
        return Finding(
            "migrations", Level.FAILURE, f"{len(missing)} are missing ({missing[0]}...): run `tocsin migrate`."
        )
    return Finding("migrations", Level.OK, "applied")


def check_public_url(url: str, *, has_text_provider: bool) -> Finding:
    """People open links from text messages on their own phones, outside this network."""
    if url and not is_private(url):
        return Finding("public address", Level.OK, url)
    what = f"{url} is reachable only from inside" if url else "TOCSIN_PUBLIC_URL is not set"
    text = f"{what}, so links in text messages lead nowhere. Set it to an address that phones reach."
    return Finding("public address", Level.FAILURE if has_text_provider else Level.WARNING, text)


def check_accounts(are_simulated: Mapping[Channel, bool]) -> list[Finding]:
    """`are_simulated`: for each channel with an enabled account, whether all that would carry it is the outbox."""
    findings = []
    for channel in PERSONAL_CHANNELS:
        if channel not in are_simulated:
            text = "No account is enabled, so nothing goes out. Add one: `tocsin provider add --help`."
            findings.append(Finding(f"{channel} account", Level.FAILURE, text))
        elif are_simulated[channel]:
            text = "Messages go to the outbox and reach nobody. Add an account: `tocsin provider add --help`."
            findings.append(Finding(f"{channel} account", Level.WARNING, text))
        else:
            findings.append(Finding(f"{channel} account", Level.OK, "enabled"))
    return findings


def check_connections(found: Iterable[tuple[str, bool, str]]) -> Iterator[Finding]:
    """`found`: of each enabled account that listens, its name, whether it is connected, and why not."""
    for name, is_connected, failure in found:
        if is_connected:
            yield Finding(f"connection of {name}", Level.OK, "stands")
        else:
            why = failure or "No worker has connected it yet; is `tocsin worker` or `tocsin serve` running?"
            yield Finding(f"connection of {name}", Level.FAILURE, f"Buttons pressed in groups are not heard. {why}")


def check_simulated_proofs(count: int) -> Finding:
    """`count`: numbers that are verified by nothing but the outbox, while a real account carries text messages."""
    if not count:
        return Finding("verified numbers", Level.OK, "none was verified through the outbox alone")
    text = (
        f"{count} verified through the outbox alone, a simulation. Remove each number from its contact, enter it again "
        "and send the verification again: it now goes out for real."
    )
    return Finding("verified numbers", Level.WARNING, text)


def check_proxies(public_url: str, trusted: Sequence[str]) -> Finding:
    """Tocsin speaks plain HTTP, so that whoever is reached by https is reached through a proxy."""
    if not public_url.startswith("https://") or trusted:
        return Finding("proxies", Level.OK, ", ".join(trusted) or "none")
    text = (
        "TOCSIN_PUBLIC_URL begins with https, so a proxy is in front, and TOCSIN_TRUSTED_PROXIES does not name it: all "
        "requests seem to come from it, and whoever guesses passwords locks everybody out. Set it to its address."
    )
    return Finding("proxies", Level.WARNING, text)


def check_second_factors(admins: Iterable[str]) -> Finding:
    """`admins`: administrators who sign in with a password and nothing else."""
    names = list(admins)
    if not names:
        return Finding("second factor", Level.OK, "every administrator with a password has one")
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    text = (
        f"Administrators with nothing but a password: {', '.join(names[:3])}{more}. They set one up under My account; "
        "TOCSIN_REQUIRE_2FA=admin makes them."
    )
    return Finding("second factor", Level.WARNING, text)


def check_clock(here: datetime, in_database: datetime, *, is_synchronised: bool | None) -> Finding:
    difference = abs(here - in_database)
    if difference > _CLOCK_TOLERANCE:
        text = f"It is {difference.total_seconds():.0f} s away from the database's; run NTP on both machines."
        return Finding("clock", Level.FAILURE, text)
    if is_synchronised is False:
        return Finding("clock", Level.WARNING, "The kernel says that no NTP client keeps it right.")
    return Finding("clock", Level.OK, "right" if is_synchronised else "agrees with the database")


def clock_is_synchronised() -> bool | None:
    """What the kernel was told by an NTP client; None where it cannot be asked."""
    if sys.platform != "linux":
        return None
    state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))
    return None if state < 0 else state != _TIME_ERROR


def check_worker(last_beat: datetime | None, now: datetime) -> Finding:
    """`last_beat` is the latest of any worker's loop; while one works, it is seconds old."""
    if last_beat is None or now - last_beat > _BEAT_TOLERANCE:
        since = f"since {last_beat:%Y-%m-%d %H:%M} UTC" if last_beat else "yet"
        text = f"None has been at work {since}, so nothing is sent. Run `tocsin serve`, or `tocsin worker`."
        return Finding("worker", Level.WARNING, text)
    return Finding("worker", Level.OK, "at work")


def failed(name: str, error: TocsinError) -> Finding:
    return Finding(name, Level.FAILURE, str(error))


def check_planning(count: int, examples: Sequence[str]) -> Finding:
    """`examples`: alerts that cannot be planned, each with why."""
    if not count:
        return Finding("planning", Level.OK, "every alert that is due can be planned")
    named = "; ".join([*examples, "..."][:count])
    text = f"Alerts that cannot be planned, and of which nobody is told: {count} ({named}). The worker's log says more."
    return Finding("planning", Level.FAILURE, text)


def check_coverage(found: Iterable[tuple[str, int, Sequence[str]]], *, is_any_enabled: bool) -> Iterator[Finding]:
    """One row for each kind of dead end that there is: its title, how many, and names of some.

    `is_any_enabled`: whether there is a policy that could tell anybody.
    """
    rows = [
        Finding("coverage", Level.WARNING, f"{title}: {total} ({', '.join([*names, '...'][:total])})")
        for title, total, names in found
        if total
    ]
    if not is_any_enabled:
        text = "No notification policy is enabled, so nobody is told of anything."
        rows.insert(0, Finding("coverage", Level.WARNING, text))
    yield from rows or [Finding("coverage", Level.OK, "every enabled policy reaches somebody; no dead ends")]
