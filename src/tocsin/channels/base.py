"""The port between delivery and providers. Of ours, a provider imports this module, `kinds`, `http`, `texts`, `groups`.

Every reply of a vendor becomes one `Outcome`; HTTP 200 is never proof. A provider is told where to send at the moment
of sending and keeps no address afterwards. It raises nothing but programming errors: `send` returns a `SendResult`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from tocsin.channels.kinds import Channel
from tocsin.channels.limits import Limit as Limit
from tocsin.channels.limits import LimitScope as LimitScope
from tocsin.channels.receipts import Confirmed as Confirmed
from tocsin.channels.receipts import InboundText as InboundText
from tocsin.channels.receipts import Receipt as Receipt
from tocsin.channels.receipts import ReceiptStatus as ReceiptStatus
from tocsin.channels.receipts import Said as Said
from tocsin.core.sentences import Sentence

_NO_FIELD = Sentence("%(title)s has no such field; it has %(known)s.", words=("title",))
_REQUIRED = Sentence("%(label)s is required.", words=("label",))
_CHOOSE = Sentence("Choose one of %(choices)s.")
_ONE_LINE = Sentence("%(label)s must not hold line breaks or control characters.", words=("label",))

if TYPE_CHECKING:
    from tocsin.channels.http import HttpClient
    from tocsin.channels.listening import Button


class Outcome(StrEnum):
    """What one attempt came to."""

    ACCEPTED = "accepted"
    RATE_LIMITED = "rate_limited"
    TRANSIENT = "transient"
    PERMANENT_TARGET = "permanent_target"
    """This number, address or robot cannot be reached; another account would not help."""
    PERMANENT_CONFIG = "permanent_config"
    """The account is broken (key, template, balance): try the next account and tell the administrators."""
    AMBIGUOUS = "ambiguous"
    """The request left and no reply came: it may or may not have been sent."""


@dataclass(frozen=True, slots=True)
class SendResult:
    """`code` is the vendor's own code, `detail` a sentence for people; neither ever holds a secret."""

    outcome: Outcome
    code: str = ""
    detail: str = ""
    provider_id: str = ""
    """The vendor's id, to which receipts refer; "" where it gives none (receipts then carry our reference)."""
    retry_after: timedelta | None = None
    part_ids: Sequence[str] = ()
    """Where the vendor has an id for each of several parts, and a receipt: all of them, `provider_id` first."""
    is_about_message: bool = False
    """A refusal for what this message is, or whom it is to: another account may take it, and this one is well."""


@dataclass(frozen=True, slots=True)
class Mention:
    """A person to mention in a group message. `phone` is E.164 or ""; `user_id` is the platform's or ""."""

    name: str
    phone: str = ""
    user_id: str = ""


@dataclass(frozen=True, slots=True)
class CallKey:
    """A key that means something during a call, which the message's text names. Texts are in the message's language."""

    reply: str
    """Said when it has been pressed, before the call ends."""
    confirm: str = ""
    """Asked first: only the same key pressed once more counts. "" acts at once."""


REPEAT_KEY = "9"
"""Says a call's message again, where a provider hears keys."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message to one person or robot. Texts are plain and unescaped unless the name says otherwise."""

    reference: str
    """Ours, at most 13 characters of base36, stable over retries: the idempotency key and receipt key."""
    channel: Channel
    to: str
    """E.164 number or email address. For robots "", since their address is in the configuration, or the group's ID
    where they belong to an account (`ProviderType.chat`).
    """
    to_name: str = ""
    subject: str = ""
    text: str = ""
    html: str = ""
    markdown: str = ""
    """`text` for chat tools, what users typed already escaped, without the subject; "" sends `text`."""
    language: str = "en"
    thread: str = ""
    """Names the alert that messages belong to, like "alert-12" ("" for none), for email threading."""
    is_thread_start: bool = False
    urgent: bool = False
    mentions: Sequence[Mention] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    """For vendors that take template variables instead of free text: severity, title, state, summary, count and
    organisation of an alert, code and organisation of a verification; nothing for other texts.
    """
    data: str = ""
    """The alert for programs: JSON as Alertmanager's webhook has it, and a `tocsin` object; "" for other channels."""
    keys: Mapping[str, CallKey] = field(default_factory=dict)
    """What may be pressed during a call, by key; empty where nothing can be answered."""
    alert_state: str = ""
    """Of the one alert that it tells of: "pending", "handling" or "resolved"; "" for all other messages."""
    buttons: Sequence[Button] = ()
    """What may be pressed in a group, for providers with `Capabilities.has_buttons`."""
    return_token: str = field(default="", repr=False)
    """In the address that a bounce comes back to: it proves that the bounce is of this very message. "" for none."""
    receipt_url: str = ""
    """Where the vendor shall send receipts of this very message; "" when there is no public address."""


@dataclass(frozen=True, slots=True)
class Script:
    """What a call says and hears, for vendors that ask for it while it goes on. As `Message` has it."""

    text: str
    language: str = "en"
    keys: Mapping[str, CallKey] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CallbackRequest:
    """An incoming request at /callbacks/<provider>/<token>, as the provider needs to read it."""

    method: str
    url: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    script_of: Callable[[str], Script | None] = lambda _reference: None
    """What the call with this reference says; None when that is not kept, or it is no call of this account."""
    reference_of: Callable[[str], str] = lambda _token: ""
    """The reference of the message with this `return_token`; "" for what we never gave out."""
    is_addressee: Callable[[str, str], bool] = lambda _reference, _address: True
    """Whether the message with this reference went to this address."""


@dataclass(frozen=True, slots=True)
class CallbackReply:
    """What the vendor expects to hear, and the receipts read. A forged request gives `status` 403 and none."""

    receipts: Sequence[Receipt] = ()
    status: int = 200
    content_type: str = "text/plain; charset=utf-8"
    body: bytes = b""
    replies: Sequence[InboundText] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """A message whose fate is not known, for the vendor that it was given to. Texts are as the message had them."""

    reference: str
    to: str = field(repr=False)
    sent_at: datetime
    """Nothing left before this."""
    provider_id: str = ""
    """"" when the vendor's reply never came."""
    text: str = field(default="", repr=False)
    others: frozenset[str] = frozenset()
    """The vendor's ids of other messages to this recipient: none of them is this one."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a vendor knows of a message."""

    is_known: bool | None = None
    """False: it never got it, so it may be sent again. None: that cannot be told."""
    provider_id: str = ""
    receipts: Sequence[Receipt] = ()


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a provider can do: planning and sending read this, never the provider's name."""

    has_receipts: bool = False
    receipt_within: timedelta | None = None
    """No receipt after this long: a call has failed, a text stays unconfirmed."""
    can_be_asked: bool = False
    """The provider has `look_up`: a missing receipt, or a send without a reply, is asked for."""
    accepted_is_delivered: bool = False
    """The vendor's acceptance is all that can ever be known, and it is good (a robot's message is in the group)."""
    resend_is_safe: bool = False
    """The receiver drops a second copy of the same reference (Message-ID, uuid)."""
    carries_links: bool = True
    limit: Limit | None = None
    max_bytes: int | None = None
    mentions_by: Sequence[str] = ()
    """Which of "phone", "user_id" a mention can use, in order of preference."""
    mentions_channel: Channel | None = None
    has_buttons: bool = False
    """Buttons that act; what is pressed comes over a connection (`ProviderType.listens`)."""
    may_merge: bool = True
    """What a limit held may become one message; programs get each message by itself."""
    can_update: bool = False
    """The provider has `update`: the first message of an alert shows what has become of it."""
    concurrency: int = 16
    worker_concurrency: int | None = None
    """How many messages over all its accounts and robots one worker sends at once; the others wait for a place. None:
    as many as its accounts send.
    """
    is_simulated: bool = False


@dataclass(frozen=True, slots=True)
class ConfigField:
    """One setting of an account. Secret values are write-only everywhere."""

    name: str
    label: str
    is_secret: bool = False
    is_required: bool = True
    default: str = ""
    help: str = ""
    choices: Sequence[str] = ()
    is_multiline: bool = False


Config = Mapping[str, str]
"""An account's settings by field name; a missing one takes the field's default."""


class Provider(Protocol):
    """An open account. Built by `ProviderType.open`; used from one event loop; closed once."""

    async def send(self, message: Message) -> SendResult: ...

    async def aclose(self) -> None: ...


class ReportingProvider(Provider, Protocol):
    """One that learns by itself what becomes of its messages: no vendor calls us later (`ProviderType.reports`)."""

    def receipts(self) -> AsyncIterator[Said]:
        """Asked for once, when the account is open. When the next is asked for, the one before is stored. `aclose` lets
        what goes on end, and then the receipts.
        """
        ...


class AskableProvider(Provider, Protocol):
    """What `Capabilities.can_be_asked` promises. As `send`, it raises nothing but programming errors."""

    async def look_up(self, question: Question) -> Finding: ...


class UpdatingProvider(Provider, Protocol):
    """What `Capabilities.can_update` promises. As `send`, it raises nothing but programming errors."""

    async def update(self, message: Message, provider_id: str) -> SendResult:
        """Puts `message` in the place of the one that `send` got `provider_id` for; it never posts a new one.

        A permanent outcome ends all updates of that message.
        """
        ...


@dataclass(frozen=True, slots=True)
class ProviderType:
    """A row of the registry: everything about a provider that can be known without opening an account.

    Callers use the methods; the callables are for them alone and get every field, with its default.
    """

    name: str
    title: str
    channel: Channel
    capabilities: Capabilities
    fields: Sequence[ConfigField]
    build: Callable[[Config, HttpClient], Provider]
    """The client belongs to the caller and to one event loop; it outlives the provider."""
    check: Callable[[Config], Mapping[str, str]]
    """Returns field -> what is wrong; empty when it can be used. Never connects."""
    from_url: Callable[[str], Config] | None = None
    """`tocsin provider add NAME URL`: raises ValueError with a sentence when the URL cannot be read."""
    read_callback: Callable[[Config, CallbackRequest], CallbackReply] | None = None
    reports: bool = False
    """What it opens is a ReportingProvider: its receipts come from there, not from callbacks."""
    stays_open: bool = False
    """Its receipts and replies come over a connection of ours: workers keep its accounts open from their start on."""
    listens: bool = False
    """What it opens is a ListeningProvider (`channels.listening`): a worker keeps a connection to the vendor open."""
    chat: ConfigField | None = None
    """Its accounts write to groups: how a group's ID is called. Each robot of an account has one."""
    looks_up: Sequence[str] = ()
    """What it opens is a DirectoryProvider (`channels.directory`), which knows people by these: "phone", "email"."""
    capabilities_for: Callable[[Config], Capabilities] | None = None
    """Where the configuration (a gateway's preset, say) decides what the account can do."""
    is_for_robots: bool = False
    """Configured by the row of a robot or webhook instead of a provider account."""
    hosts: Sequence[str] = ()
    """Where the vendor's own addresses lead, for robots, ".example.org" for all below it; an operator may allow
    others. None: people run it themselves, anywhere.
    """
    preview: Callable[[Config, Message], str] | None = None
    """What would be sent, for people to read before it is."""

    def open(self, config: Config, http: HttpClient) -> Provider:
        return self.build(self.complete(config), http)

    def capabilities_of(self, config: Config) -> Capabilities:
        return self.capabilities_for(self.complete(config)) if self.capabilities_for else self.capabilities

    def receive(self, config: Config, request: CallbackRequest) -> CallbackReply:
        """404 where the provider has no callbacks."""
        return self.read_callback(self.complete(config), request) if self.read_callback else CallbackReply(status=404)

    def complete(self, config: Config) -> dict[str, str]:
        """Every field of this provider, and nothing else."""
        return {setting.name: config.get(setting.name, "") or setting.default for setting in self.fields}

    def problems(self, config: Config) -> dict[str, str]:
        """Field -> what is wrong and the way out, the provider's own `check` included."""
        known = {setting.name: setting for setting in self.fields}
        found = {
            name: _NO_FIELD % {"title": self.title, "known": ", ".join(known)} for name in config if name not in known
        }
        complete = self.complete(config)
        for name, setting in known.items():
            value = complete[name]
            if not value and setting.is_required:
                found[name] = _REQUIRED % {"label": setting.label}
            elif value and setting.choices and value not in setting.choices:
                found[name] = _CHOOSE % {"choices": ", ".join(setting.choices)}
            elif any(map(_is_control, value.translate(_LINE_BREAKS) if setting.is_multiline else value)):
                found[name] = _ONE_LINE % {"label": setting.label}
        return found or dict(self.check(complete))

    def masked(self, config: Config) -> dict[str, str]:
        """Fit to be shown: a secret that is set reads "***"."""
        complete = self.complete(config)
        return {
            setting.name: "***" if setting.is_secret and complete[setting.name] else complete[setting.name]
            for setting in self.fields
        }


_LINE_BREAKS = dict.fromkeys(map(ord, "\r\n\t"))


def _is_control(character: str) -> bool:
    return ord(character) < 32 or ord(character) == 127
