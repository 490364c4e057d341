"""Which module holds which command, so that `tocsin --help` imports none of them."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Group:
    """`module` exposes `app`, a cyclopts App of this name. With `needs_database` it is imported after Django is set
    up, and its commands run while the database does: that of `tocsin serve`, or the embedded one started for them.
    Only the `founding` commands make an installation where there is none; the `bare` ones need none.
    `failed` is the exit code of what was refused or failed.
    """

    name: str
    module: str
    help: str
    needs_database: bool = True
    founding: frozenset[str] = frozenset()
    bare: frozenset[str] = frozenset()
    failed: int = 1


GROUPS = {
    group.name: group
    for group in (
        Group("serve", "tocsin.cli.serve", "Run everything on this machine.", needs_database=False),
        Group("web", "tocsin.cli.web", "Run the web server alone.", needs_database=False),
        Group("worker", "tocsin.cli.worker", "Run the worker alone.", needs_database=False),
        Group("migrate", "tocsin.cli.migrate", "Bring the tables up to this version.", needs_database=False),
        Group("doctor", "tocsin.cli.doctor", "Check the installation and say what to do.", needs_database=False),
        Group("database", "tocsin.cli.database", "Care for the embedded database.", needs_database=False),
        Group(
            "provider",
            "tocsin.cli.providers",
            "Accounts that carry messages: add, list, test.",
            founding=frozenset({"add"}),
            bare=frozenset({"types"}),
        ),
        Group(
            "integration",
            "tocsin.cli.integrations",
            "Where events come from: create, list.",
            founding=frozenset({"create"}),
        ),
        Group("contacts", "tocsin.cli.contacts", "People: list, verify, personal links; many at once: import, export."),
        Group("apply", "tocsin.cli.apply", "Make the installation as files say, and change nothing else."),
        Group("dump", "tocsin.cli.dump", "Write what is configured as files for `tocsin apply`."),
        Group(
            "import",
            "tocsin.cli.importers",
            "Turn another system's configuration into files for `tocsin apply`.",
            needs_database=False,
        ),
        Group("schema", "tocsin.cli.schema", "Print the JSON Schema of the files, for editors.", needs_database=False),
        Group(
            "completion",
            "tocsin.cli.completion",
            "Print what makes a shell complete commands with Tab.",
            needs_database=False,
        ),
        Group("api-token", "tocsin.cli.tokens", "Tokens of programs.", founding=frozenset({"create"})),
        Group("access-key", "tocsin.cli.access_keys", "Keys that programs sign requests with."),
        Group("user", "tocsin.cli.users", "Who signs in: list, create, new password, second factor."),
        Group("secrets", "tocsin.cli.stored_secrets", "What is stored encrypted: put it under a new key."),
        Group(
            "bounce",
            "tocsin.cli.bounce",
            "Take a mail that came back, from a mail server's pipe.",
            failed=os.EX_TEMPFAIL,
        ),
        Group("outbox", "tocsin.cli.outbox", "What would have been sent, and a simulated phone."),
        Group("alert", "tocsin.cli.alerts", "What fires, and what people do about it: list, claim, resolve."),
        Group("policy", "tocsin.cli.policies", "Notification policies: list, enable, disable, shadow."),
        Group("silence", "tocsin.cli.silences", "What is recorded and tells nobody: list, create, end."),
        Group(
            "subscription",
            "tocsin.cli.subscriptions",
            "Webhooks that hear of an alert's life: list, create, pause, notices, test.",
        ),
        Group("oncall", "tocsin.cli.oncall", "Say who is on duty on the on-call schedules."),
        Group("coverage", "tocsin.cli.coverage", "Find what would leave an alert untold: dead ends."),
        Group("drill", "tocsin.cli.drills", "Fire drills: ask people to confirm that a message reaches them."),
        Group("explain", "tocsin.cli.explain", "Say who would be told of an event, and why others are not."),
        Group("replay", "tocsin.cli.replay", "Say what policies would have told of what fired lately."),
        Group("test", "tocsin.cli.policy_tests", "Check that policies tell whom a file says they do."),
    )
}
