"""Where messages arrive: simulated servers on this machine, or the reader's own where the environment names them.

`TOCSIN_DEMO_EMAIL=smtp://user:password@host:587?from=a@example.org&to=me@example.org`
`TOCSIN_DEMO_DINGTALK=https://oapi.dingtalk.com/robot/send?access_token=...`, and for a robot with security settings
`TOCSIN_DEMO_DINGTALK_SECRET=SEC...` or `TOCSIN_DEMO_DINGTALK_KEYWORD=...`
`TOCSIN_DEMO_SIP=sip:me@192.168.1.5`, a softphone that takes calls without a registration
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from demo.errors import DemoError
from simulators.dingtalk import DingtalkSimulator, GroupMessage
from simulators.smtp import ReceivedMail, SmtpSimulator

_MEMBERS = {
    "王芳": ("13800000001", ""),
    "Sam Carter": ("+44-7700900123", ""),
    "Maya Lindqvist": ("+1-2025550143", ""),
}
_SECRET = "SECdemo"  # noqa: S105 (of a simulated robot)


@dataclass(frozen=True, slots=True)
class ReaderMail:
    """`url` as `tocsin provider add smtp` reads it; `address` is the reader's."""

    url: str
    address: str


def read_reader_mail(text: str) -> ReaderMail | None:
    """DemoError when the address to write to is missing."""
    if not text:
        return None
    parts = urlsplit(text)
    given = dict(parse_qsl(parts.query))
    address = given.pop("to", "")
    if not address:
        raise DemoError(
            "TOCSIN_DEMO_EMAIL lacks your own address: smtp://user:password@mail.example.org:587"
            "?from=alerts@example.org&to=you@example.org"
        )
    return ReaderMail(urlunsplit(parts._replace(query=urlencode(given))), address)


_SOFTPHONE = re.compile(r"sip:[^@:;?/\s]+@(?P<server>(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(?::\d{1,5})?)")


def read_softphone(text: str) -> str:
    """As `tocsin provider add sip` reads it: every call goes there, one at a time; "" for none."""
    if not text:
        return ""
    found = _SOFTPHONE.fullmatch(text)
    if found is None:
        raise DemoError("TOCSIN_DEMO_SIP is the address of your softphone: sip:me@192.168.1.5 or sip:me@127.0.0.1:5070")
    fields = {"dial": text, "lines": "1", "ring_for": "20", "caller_id": "tocsin"}
    return f"sip:{found['server']}?{urlencode(fields)}"


class Outside:
    """The servers run inside `with`."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._reader_mail = read_reader_mail(environment.get("TOCSIN_DEMO_EMAIL", ""))
        self._mail = None if self._reader_mail else SmtpSimulator()
        self._robot = {
            "url": environment.get("TOCSIN_DEMO_DINGTALK", ""),
            "secret": environment.get("TOCSIN_DEMO_DINGTALK_SECRET", ""),
            "keyword": environment.get("TOCSIN_DEMO_DINGTALK_KEYWORD", ""),
        }
        self._group = None if self._robot["url"] else DingtalkSimulator(secret=_SECRET, members=_MEMBERS)
        self.sip_url = read_softphone(environment.get("TOCSIN_DEMO_SIP", ""))
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for server in (self._mail, self._group):
                if server is not None:
                    stack.enter_context(server)
            self._stack = stack.pop_all()
        if self._group is not None:
            self._robot |= {"url": self._group.webhook, "secret": _SECRET}
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def smtp_url(self) -> str:
        if self._mail is None:
            return self._reader_mail.url if self._reader_mail else ""
        return f"smtp://{self._mail.host}:{self._mail.port}?from=alerts@example.org&starttls=never"

    @property
    def robot(self) -> dict[str, str]:
        """`url`, `secret` and `keyword`."""
        return dict(self._robot)

    @property
    def reader_address(self) -> str:
        """ "" when nobody real gets mail."""
        return self._reader_mail.address if self._reader_mail else ""

    @property
    def mails(self) -> list[ReceivedMail] | None:
        """What the simulated server took so far; None when mail goes to a real one."""
        return None if self._mail is None else list(self._mail.messages)

    @property
    def group_messages(self) -> list[GroupMessage] | None:
        """What stands in the simulated group; None when a real robot writes."""
        return None if self._group is None else list(self._group.messages)

    @property
    def names(self) -> str:
        mail = "a mail server on this machine" if self._mail else f"{self.reader_address}, for real"
        group = "a simulated DingTalk group" if self._group else "your DingTalk group, for real"
        calls = (
            "texts go to the outbox, calls to your softphone" if self.sip_url else "texts and calls go to the outbox"
        )
        return f"Mail goes to {mail}, group messages to {group}; {calls}."
