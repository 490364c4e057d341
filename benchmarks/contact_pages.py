"""The pages that the benchmark of contacts asks for, and how the database answers them. A program, run beside a server.

For each page: its requests, how many statements it takes, what they cost without the page, and which of them read a
big table from end to end.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tocsin.cli.shared import set_up_django

BIG = {
    "contacts_contact", "contacts_contactgroup", "contacts_contactgroupmember", "contacts_contactreach",
    "contacts_notificationobject",
}  # fmt: skip
_CSRF = "c" * 32
_REST = "/api/v1/contacts"
_TIMES = 5
_LOOKED_INTO = 5
_MOST_ASKED = 60
_SERVES_ONCE = "ARMS"


@dataclass(frozen=True, slots=True)
class Page:
    """One kind of page, by several requests. `form` is posted; None asks with GET. `scans`: "table: statement"."""

    name: str
    paths: tuple[str, ...]
    form: dict[str, Any] | None = None
    statements: int = 0
    sql_ms: float = 0.0
    scans: tuple[str, ...] = ()


def pages(folder: Path, made: dict[str, Any]) -> tuple[dict[str, str], list[Page]]:
    """The headers of a signed-in manager, and the pages."""
    command = [sys.executable, "-m", "benchmarks.contact_pages", json.dumps(made)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")}
    environment["TOCSIN_DATA_DIR"] = str(folder)
    answer = json.loads(subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE).stdout)
    return answer["headers"], [Page(**{**page, "paths": tuple(page["paths"])}) for page in answer["pages"]]


def _searches(url: str, texts: Iterable[str], **more: str) -> tuple[str, ...]:
    return tuple(f"{url}?{urlencode({'q': text, **more})}" for text in texts)


def _signed(made: dict[str, Any], **filters: str) -> tuple[str, ...]:
    """Each serves once: as many as are looked into and then asked for."""
    from tocsin.core.clock import utc_now
    from tocsin.web.arms.signing import rpc_string, sign_rpc

    def path(number: int) -> str:
        asked = {
            "Action": "DescribeContacts",
            "Version": "2019-08-08",
            "AccessKeyId": made["access_key"],
            "SignatureMethod": "HMAC-SHA1",
            "SignatureNonce": f"{filters} {number}",
            "Timestamp": utc_now().strftime("%Y-%m-%dT%H:%M:%SZ"),
            "Page": "1",
            "Size": "20",
            **filters,
        }
        signature = sign_rpc(rpc_string("GET", asked), made["access_secret"])
        return f"/?{urlencode({**asked, 'Signature': signature})}"

    return tuple(path(number) for number in range(_LOOKED_INTO + _MOST_ASKED))


def _pages(made: dict[str, Any]) -> list[Page]:
    from django.urls import reverse

    def url(view: str, *args: Any) -> str:
        return reverse(f"console:{view}", args=args)

    contacts, groups = url("contacts_contact_changelist"), url("contacts_contactgroup_changelist")
    people = [made["first"] + number * 7919 % made["people"] for number in range(20)]
    some = [made["first"] + number * 977 % made["people"] for number in range(50)]
    middle, large = made["groups"]["All of Shanghai"], made["groups"]["Everybody"]
    chosen = {"_selected_action": some, "index": "0", "select_across": "0"}
    across = {**chosen, "select_across": "1"}
    deep = "150" if made["people"] >= 1_000_000 else "2"
    some_thousands = _searches(contacts, ["smith"])
    return [
        Page("contacts", (contacts,)),
        Page("contacts, page 150", (f"{contacts}?p={deep}",)),
        Page("contacts, backwards", (f"{contacts}?order=-name",)),
        Page("search: a whole name", _searches(contacts, ["王伟", "anna smith", "李芳", "noah patel", "张明华"])),
        Page("search: one Chinese character", _searches(contacts, ["王", "伟", "李", "雪", "欧"])),
        Page("search: a part of a name", _searches(contacts, ["mith", "zhang", "ander", "文", "nguy"])),
        Page("search: a part, page 150", _searches(contacts, ["zhang", "ander"], p=deep)),
        Page("search: a part of most", _searches(contacts, ["e", "example", "1", "an", "13"])),
        Page("search: an address", _searches(contacts, [*made["emails"], "corp.example.cn"])),
        Page("search: a number", _searches(contacts, [*made["phones"], "+86 138"])),
        Page("search: last digits", _searches(contacts, ["5678", "0001", "991", "31415", "27"])),
        Page("search: nobody", _searches(contacts, ["no such person", "qqq", "+7 999 1234567", "龘"])),
        Page("filter: verification", tuple(f"{contacts}?number={x}" for x in ("verified", "unverified", "none"))),
        Page("filter: fallback", tuple(f"{contacts}?fallback={x}" for x in ("default", "sms", "call", "none"))),
        Page(
            "filter: reachability", tuple(f"{contacts}?reach={x}" for x in ("phone", "email", "nothing", "unproved"))
        ),
        Page("filter: a group of 100", tuple(f"{contacts}?group={made['small'] + x}" for x in range(10))),
        Page("filter: a group of 50,000", (f"{contacts}?group={middle}", f"{contacts}?group={middle}&p={deep}")),
        Page("filter: a group of 200,000", (f"{contacts}?group={large}", f"{contacts}?group={large}&p={deep}")),
        Page(
            "search and filters together",
            (
                *_searches(contacts, ["zhang", "smith"], number="unverified"),
                *_searches(contacts, ["王", "lee"], group=str(middle)),
                f"{contacts}?number=none&fallback=call",
            ),
        ),
        Page("groups beside the list", tuple(f"{contacts}?{urlencode({'groups': x})}" for x in ("01", "数据", "bil"))),
        Page("dialog: Create Contact", (url("contacts_contact_add"),)),
        Page("dialog: Edit Contact", tuple(url("contacts_contact_change", pk) for pk in people)),
        Page("dialog: Delete", tuple(url("contacts_contact_delete", pk) for pk in people)),
        Page("dialog: Batch Delete, 50", (contacts,), {**chosen, "action": "delete_selected"}),
        Page("dialog: Batch Delete, all of a search", some_thousands, {**across, "action": "delete_selected"}),
        Page("dialog: Verify Mobile Numbers, 50", (contacts,), {**chosen, "action": "verify_numbers"}),
        Page("dialog: Verify Mobile Numbers, all of a search", some_thousands, {**across, "action": "verify_numbers"}),
        Page("dialog: Contact Default Configuration", (url("contacts_contact_default_configuration"),)),
        Page("contact groups", (groups, f"{groups}?p={deep}", *_searches(groups, ["0001", "数据", "bil"]))),
        Page("dialog: Create Contact Group", (url("contacts_contactgroup_add"),)),
        Page("dialog: Edit Group, 100 members", (url("contacts_contactgroup_change", made["small"]),)),
        Page("dialog: Edit Group, 50,000 members", (url("contacts_contactgroup_change", middle),)),
        Page("dialog: Delete Group, 50,000 members", (url("contacts_contactgroup_delete", middle),)),
        Page("choosing by name", tuple(f"{url('picker')}?{urlencode({'q': x, 'kinds': 'contact,group'})}"
                                       for x in ("", "王", "smi", "zhang", "billing 1", "nobody"))),
        Page("policy editor", (url("policies_notificationpolicy_add"),)),
        Page("overview", (url("index"),)),
        Page("ARMS: DescribeContacts, 20 contacts", _signed(made)),
        Page("ARMS: DescribeContacts, 20 of a search", _signed(made, ContactName="smith")),
        Page("REST: 20 contacts", tuple(f"{_REST}?limit=20&order={x}" for x in ("oldest", "newest", "name"))),
        Page("REST: 20 contacts, page 500", (f"{_REST}?limit=20&cursor={made['cursor']}",)),
        Page("REST: 20 contacts of a search", tuple(f"{_REST}?limit=20&text={x}" for x in ("smith", "zhang"))),
    ]  # fmt: skip


def _looked_into(client: Any, page: Page) -> Page:
    """With what the database says of its first requests."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    statements, scans, spent = 0, set(), 0.0
    paths = page.paths[:_LOOKED_INTO]
    for path in paths:
        with CaptureQueriesContext(connection) as captured:
            reply = client.get(path) if page.form is None else client.post(path, page.form)
            assert reply.status_code == 200, (reply.status_code, path)
            reply.content  # noqa: B018 (renders it)
        asked = [query["sql"].lstrip() for query in captured.captured_queries]
        reads = [sql for sql in asked if sql.startswith(("SELECT", "WITH"))]
        statements += len(captured.captured_queries)
        for sql in reads:
            tables = set() if sql.endswith(" LIMIT 1") else tables_scanned(sql)
            scans |= {f"{page.name}: {table}: {sql.strip()[:400]}" for table in tables}
            spent += _bare_ms(sql)
    left = page.paths[_LOOKED_INTO:] if page.name.startswith(_SERVES_ONCE) else page.paths
    return Page(page.name, left, page.form, round(statements / len(paths)), spent / len(paths), tuple(scans))


def tables_scanned(statement: str) -> set[str]:
    """The big tables that a statement reads from end to end."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {statement}")
        (plan,) = cursor.fetchone()
    nodes, found = [plan[0]["Plan"]], set()
    while nodes:
        node = nodes.pop()
        nodes += node.get("Plans", [])
        if node["Node Type"] == "Seq Scan" and node["Relation Name"] in BIG:
            found.add(node["Relation Name"])
    return found


def _bare_ms(sql: str) -> float:
    """The fastest of some runs, rows fetched."""
    from django.db import connection

    times = []
    with connection.cursor() as cursor:
        for _ in range(_TIMES):
            begun = time.perf_counter()
            cursor.execute(sql)
            cursor.fetchall()
            times.append((time.perf_counter() - begun) * 1000)
    return min(times)


def _main(made: dict[str, Any]) -> dict[str, Any]:
    set_up_django()
    from dataclasses import asdict

    from django.test import Client

    from tocsin.accounts.rules import Role
    from tocsin.accounts.services import create_access_key, create_token, create_user
    from tocsin.contacts.models import Contact
    from tocsin.core.actors import SHELL
    from tocsin.core.clock import utc_now
    from tocsin.core.phones import display
    from tocsin.web.rest.paging import cursor_of

    user = create_user(
        by=SHELL, now=utc_now(), username="bench", password="correct horse battery", role=Role.MANAGER  # noqa: S106
    )  # fmt: skip
    _token, secret = create_token(by=SHELL, now=utc_now(), name="bench", role=Role.MANAGER)
    key, made["access_secret"] = create_access_key(
        by=SHELL, now=utc_now(), user_id=user.pk, name="bench", role=Role.MANAGER
    )
    made["access_key"] = key.key_id
    headers = {"X-CSRFToken": _CSRF, "Authorization": f"Bearer {secret}"}
    client = Client(headers=headers)
    client.force_login(user)
    client.cookies["csrftoken"] = _CSRF
    picked = Contact.objects.filter(pk__in=[made["first"] + number * 4001 % made["people"] for number in range(9)])
    made["emails"] = [contact.email for contact in picked if contact.email][:4]
    made["phones"] = [display(contact.phone) for contact in picked if contact.phone][:4]
    made["cursor"] = cursor_of(("object_id",), [made["first"] + 500 * 20])
    session = client.cookies["sessionid"].value
    return {
        "headers": {"Cookie": f"sessionid={session}; csrftoken={_CSRF}", **headers},
        "pages": [asdict(_looked_into(client, page)) for page in _pages(made)],
    }


if __name__ == "__main__":
    print(json.dumps(_main(json.loads(sys.argv[1]))))
