"""Where a due delivery goes: the address, the account and the text are read at the moment of sending."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from django.conf import settings
from django.db.models import Q

from tocsin.channels.base import Capabilities, Config, Mention, Message, ProviderType
from tocsin.channels.health import is_half_open
from tocsin.channels.kinds import PERSONAL_CHANNELS, Channel
from tocsin.channels.listening import Button
from tocsin.channels.models import ProviderAccount
from tocsin.channels.queries import accounts_by_channel, capabilities_of, config_of, kind_of
from tocsin.channels.registry import PROVIDERS, robot_provider
from tocsin.contacts.models import Contact, PersonalLink, PhoneVerification, Robot, Webhook
from tocsin.contacts.queries import contact_views, robot_config, webhook_config
from tocsin.contacts.rules import ContactView, VerificationMethod, is_same_address, mention_id
from tocsin.core.ids import to_base36
from tocsin.delivery.buttons import buttons_for
from tocsin.delivery.contents import ContentText, read_contents
from tocsin.delivery.drill_models import DrillMessage
from tocsin.delivery.drill_texts import drill_keys, with_drill_link
from tocsin.delivery.group_codes import code_message, code_variables
from tocsin.delivery.handover_states import HandoverState, handover_states
from tocsin.delivery.link_texts import with_link
from tocsin.delivery.models import Enclosure
from tocsin.delivery.personal_links import link_message
from tocsin.delivery.queue_rows import QueueRow
from tocsin.delivery.readable import address_of, chatbot_config, has_chatbot, readable
from tocsin.delivery.return_tokens import return_token
from tocsin.delivery.rules import Cause, Purpose, Reason
from tocsin.delivery.rules.lanes import lane_key
from tocsin.delivery.speech import call_keys
from tocsin.delivery.verifications import verification_message, verification_variables

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Route:
    """The account or robot that carries a message. `key` changes when its configuration does."""

    key: tuple[str, int, int]
    name: str
    provider: ProviderType
    capabilities: Capabilities
    config: Config = field(repr=False)
    account_id: int | None = None
    callback_token: str = field(default="", repr=False)
    lane: str = ""
    is_outlet: bool = False
    """Leads to a robot or webhook and not to a person."""
    problem: str = ""
    """Why it cannot be opened, where its secrets cannot be read; it has no configuration then."""


@dataclass(slots=True)
class Addresses:
    """What a batch of due deliveries needs, read in a handful of statements."""

    now: datetime
    chatbots: Mapping[int, Contact]
    views: Mapping[int, ContactView]
    robots: Mapping[int, Robot]
    webhooks: Mapping[int, Webhook]
    verifications: Mapping[int, PhoneVerification]
    accounts: Mapping[Channel, Sequence[ProviderAccount]]
    contents: Mapping[int, ContentText]
    enclosures: Mapping[int, Enclosure]
    handovers: Mapping[int, HandoverState]
    drills: Mapping[int, Reason]
    """Messages of drills that nobody waits for any more, and why."""
    probed: set[int] = field(default_factory=set)
    """Accounts whose pause is over, and that get one message of this batch."""
    _routes: dict[int, Route] = field(default_factory=dict)

    def why_not(self, row: QueueRow) -> Reason | None:
        """What changed about the recipient since the plan; None when it can still be reached."""
        if (over := self.drills.get(row.id)) is not None:
            return over
        handover = self.handovers.get(row.id)
        if handover is not None and handover.why_not is not None:
            return handover.why_not
        robot = self.robots.get(row.recipient_id)
        if robot is not None:
            return None if robot.is_enabled else Reason.ROBOT_DISABLED
        if row.channel == Channel.WEBHOOK:
            webhook = self.webhooks.get(row.recipient_id)
            if webhook is None:
                return Reason.WEBHOOK_DELETED
            return None if webhook.is_enabled else Reason.WEBHOOK_DISABLED
        if not row.is_contact:
            is_robot = row.channel not in PERSONAL_CHANNELS and not row.is_legacy_chatbot
            return Reason.ROBOT_DELETED if is_robot else Reason.CONTACT_DELETED
        if row.is_legacy_chatbot:
            return None if has_chatbot(self.chatbots[row.recipient_id]) else Reason.ROBOT_DELETED
        if row.purpose == Purpose.NOTICE:
            return None if self._address(row) else Reason.NO_EMAIL
        if row.purpose == Purpose.LINK and not self._is_link_good(row):
            return Reason.REPLACED
        if row.channel == Channel.EMAIL:
            return None if row.email else Reason.NO_EMAIL
        if not row.phone:
            return Reason.NO_PHONE
        if row.purpose == Purpose.VERIFICATION:
            return self._why_not_verify(row)
        return None if row.is_phone_verified else Reason.UNVERIFIED_PHONE

    def _why_not_verify(self, row: QueueRow) -> Reason | None:
        verification = self.verifications.get(row.verification_id or 0)
        if row.is_phone_verified:
            return Reason.ALREADY_VERIFIED
        if (
            verification is None
            or verification.phone != row.phone
            or verification.replaced_at is not None
            or verification.expires_at <= self.now
        ):
            return Reason.REPLACED
        return None

    def _is_link_good(self, row: QueueRow) -> bool:
        link = self._link(row)
        own = row.email if row.channel == Channel.EMAIL else row.phone
        return (
            link is not None
            and link.replaced_at is None
            and link.opened_at is None
            and link.expires_at > self.now
            and is_same_address(link.address, own)
        )

    def _link(self, row: QueueRow) -> PersonalLink | None:
        enclosure = self.enclosures.get(row.id)
        return enclosure.link if enclosure is not None and enclosure.link_id is not None else None

    def route(self, row: QueueRow) -> Route | None:
        """The first account that was not tried yet; when all were, the first again. None: nothing carries this."""
        if row.recipient_id in self.robots:
            robot = self.robots[row.recipient_id]
            if robot.account is not None:
                return self._app_route(robot, robot.account)
            provider = robot_provider(robot.platform, robot.provider)
            key = ("r", robot.pk, robot.version)
            return _outlet_route(provider, key, robot.name, partial(robot_config, robot))
        if row.recipient_id in self.webhooks:
            hook = self.webhooks[row.recipient_id]
            key = ("w", hook.pk, hook.version)
            return _outlet_route(PROVIDERS["webhook"], key, hook.name, partial(webhook_config, hook))
        if row.is_legacy_chatbot:
            contact = self.chatbots[row.recipient_id]
            key = ("c", contact.pk, contact.version)
            return _outlet_route(robot_provider(Channel.DINGTALK), key, contact.name, partial(chatbot_config, contact))
        account = self._account_for(row)
        return None if account is None else self._account_route(account, self._address(row))

    def _account_for(self, row: QueueRow) -> ProviderAccount | None:
        """By priority: one that was not tried and does not rest, or else not tried, or else the first.

        One whose pause is over gets a single message, which shows whether it works again.
        """
        accounts = self._able(row)
        untried = [item for item in accounts if item.pk not in row.tried_accounts]
        for account in untried:
            if is_half_open(account, self.now) and account.pk not in self.probed:
                self.probed.add(account.pk)
                return account
            if account.paused_until is None:
                return account
        return next(iter(untried), next(iter(accounts), None))

    def _able(self, row: QueueRow) -> Sequence[ProviderAccount]:
        """What is a link goes over an account that carries links, where there is one. A robot has no choice."""
        if row.recipient_id in self.robots:
            return ()
        accounts = self.accounts.get(Channel(row.channel), ())
        verification = self.verifications.get(row.verification_id or 0)
        is_link = row.purpose == Purpose.LINK or (
            verification is not None and verification.method == VerificationMethod.LINK
        )
        return [item for item in accounts if capabilities_of(item).carries_links] or accounts if is_link else accounts

    def passed_over(self, row: QueueRow, route: Route) -> list[ProviderAccount]:
        """Accounts that come first and were not tried, because they rest."""
        accounts = self._able(row)
        places = [item.pk for item in accounts]
        if route.account_id not in places:
            return []
        first = accounts[: places.index(route.account_id)]
        return [item for item in first if item.paused_until is not None and item.pk not in row.tried_accounts]

    def last_route(self, row: QueueRow) -> Route | None:
        """Of the try before this one; None when its account is gone."""
        accounts = self.accounts.get(Channel(row.channel), ())
        account = next((item for item in accounts if item.pk == row.last_account_id), None)
        return None if account is None else self._account_route(account, self._address(row))

    def has_other_account(self, row: QueueRow, route: Route) -> bool:
        """One that `route` would give next, and that was not tried yet."""
        tried = {*row.tried_accounts, route.account_id}
        return any(item.pk not in tried for item in self._able(row))

    def message(self, row: QueueRow, route: Route, content: ContentText | None) -> Message:
        """The text of `content`, or else as planned; for verifications and personal links it exists only here."""
        channel = Channel(row.channel)
        content = content or self.contents.get(row.content_id or 0) or ContentText()
        if row.purpose == Purpose.LINK and (link := self._link(row)) is not None:
            content = link_message(link, row.language)
        text, variables = content.text, _variables(content, channel)
        if (verification := self.verifications.get(row.verification_id or 0)) is not None:
            text, variables = verification_message(verification, row.language), verification_variables(verification)
        if row.purpose == Purpose.CODE:
            text = code_message(row.recipient_id, row.phone, row.language, self.now)
            variables = code_variables(row.recipient_id, row.phone, self.now)
        keys = call_keys(row.language) if row.is_call and _can_be_answered(row) else {}
        if (handover := self.handovers.get(row.id)) is not None:
            text = handover.filled(text, row.language, carries_links=route.capabilities.carries_links)
            keys = handover.keys(row.language) if row.is_call else {}
        if row.purpose == Purpose.DRILL:
            text = with_drill_link(text, row.id, carries_links=route.capabilities.carries_links)
            keys = drill_keys(row.language) if row.is_call else {}
        can_press = route.capabilities.has_buttons and _can_be_answered(row)
        linked = partial(with_link, delivery_id=row.id, carries_links=route.capabilities.carries_links)
        receipt_url = ""
        if route.capabilities.has_receipts and settings.PUBLIC_URL and route.callback_token:
            receipt_url = f"{settings.PUBLIC_URL}/callbacks/{route.provider.name}/{route.callback_token}"
        return Message(
            reference=to_base36(row.id),
            channel=channel,
            to=self._address(row),
            to_name=row.recipient_name,
            subject=content.subject,
            text=linked(text),
            html=linked(content.html),
            markdown=linked(content.markdown),
            language=row.language,
            thread=f"alert-{row.alert_id}" if row.alert_id else "",
            is_thread_start=row.notification_number == 1,
            alert_state=row.alert_state.value if row.alert_state is not None and row.alert_id else "",
            urgent=row.cause in (Cause.FIRED, Cause.ESCALATED),
            mentions=self._mentions(row, channel) if row.mention_ids and row.cause is not Cause.RECOVERED else (),
            receipt_url=receipt_url,
            return_token=return_token(row.id) if channel is Channel.EMAIL and route.capabilities.has_receipts else "",
            buttons=_buttons(row) if can_press else (),
            keys=keys,
            variables=variables,
            data=content.data if channel is Channel.WEBHOOK else "",
        )

    def _address(self, row: QueueRow) -> str:
        if row.is_legacy_chatbot:
            return ""
        if (robot := self.robots.get(row.recipient_id)) is not None:
            return robot.chat_id
        if (enclosure := self.enclosures.get(row.id)) is not None and (address := address_of(enclosure)):
            return address
        return row.email if row.channel == Channel.EMAIL else row.phone

    def _mentions(self, row: QueueRow, channel: Channel) -> tuple[Mention, ...]:
        people = [self.views[pk] for pk in row.mention_ids if pk in self.views]
        return tuple(Mention(view.name, view.phone, mention_id(view, channel)) for view in people)

    def _app_route(self, robot: Robot, account: ProviderAccount) -> Route | None:
        """Through the app that the robot belongs to; None while that is off."""
        if not account.is_enabled or account.provider not in PROVIDERS:
            return None
        base = self._base_route(account)
        limit = base.capabilities.limit
        lane = lane_key(limit, owner=f"r{robot.pk}", address="") if limit is not None else ""
        return replace(base, name=f"{account.name}: {robot.name}"[:64], lane=lane, is_outlet=True)

    def _account_route(self, account: ProviderAccount, address: str) -> Route:
        base = self._base_route(account)
        if base.capabilities.limit is None:
            return base
        hashed = hashlib.sha256(address.encode()).hexdigest()[:16]
        return replace(base, lane=lane_key(base.capabilities.limit, owner=f"a{account.pk}", address=hashed))

    def _base_route(self, account: ProviderAccount) -> Route:
        base = self._routes.get(account.pk)
        if base is None:
            base = self._routes[account.pk] = _route_of(account)
        return base


def kept_routes() -> list[Route]:
    """Of the enabled accounts that workers keep open. One whose secrets cannot be read is not among them."""
    kept = [name for name, kind in PROVIDERS.items() if kind.stays_open]
    accounts = ProviderAccount.objects.filter(is_enabled=True, provider__in=kept).order_by("id")
    routes = [_route_of(account) for account in accounts]
    for route in routes:
        if route.problem:
            logger.error("account %s does not stay open: %s", route.name, route.problem)
    return [route for route in routes if not route.problem]


def _route_of(account: ProviderAccount) -> Route:
    config, problem = readable(partial(config_of, account))
    return Route(
        key=("a", account.pk, account.version),
        name=account.name,
        provider=kind_of(account),
        capabilities=capabilities_of(account),
        config=config,
        account_id=account.pk,
        callback_token=account.callback_token,
        problem=problem,
    )


def _variables(content: ContentText, channel: Channel) -> dict[str, str]:
    if not content.data or channel not in (Channel.SMS, Channel.PHONE):
        return {}
    found: dict[str, str] = json.loads(content.data)
    return found


def _buttons(row: QueueRow) -> tuple[Button, ...]:
    return buttons_for(
        row.id, row.language, row.alert_state, escalates=row.has_escalation, escalated_count=row.escalated_count
    )


def _can_be_answered(row: QueueRow) -> bool:
    return row.purpose == Purpose.ALERT and row.cause is not Cause.RECOVERED


def _outlet_route(
    provider: ProviderType | None, key: tuple[str, int, int], name: str, read: Callable[[], Config]
) -> Route | None:
    """To a robot or webhook, which is its own account."""
    if provider is None:
        return None
    config, problem = readable(read)
    capabilities = provider.capabilities if problem else provider.capabilities_of(config)
    lane = lane_key(capabilities.limit, owner=f"{key[0]}{key[1]}", address="") if capabilities.limit else ""
    return Route(key, name, provider, capabilities, config, lane=lane, is_outlet=True, problem=problem)


def read_addresses(rows: Sequence[QueueRow], now: datetime) -> Addresses:
    """At most eight statements, however many rows; two for people alone."""
    group_rows = [row for row in rows if row.channel not in PERSONAL_CHANNELS]
    chatbots = {row.recipient_id for row in group_rows if row.is_legacy_chatbot and row.is_contact}
    outlets = [row for row in group_rows if not row.is_legacy_chatbot]
    robots = {row.recipient_id for row in outlets if row.channel != Channel.WEBHOOK}
    webhooks = {row.recipient_id for row in outlets if row.channel == Channel.WEBHOOK}
    mentioned = {pk for row in rows for pk in row.mention_ids}
    verifications = {row.verification_id for row in rows if row.verification_id}
    handing_over = [row.id for row in rows if row.purpose == Purpose.HANDOVER]
    enclosing = [row.id for row in rows if row.purpose in (Purpose.LINK, Purpose.NOTICE)]
    return Addresses(
        now=now,
        chatbots=Contact.objects.in_bulk(chatbots) if chatbots else {},
        views=contact_views(mentioned) if mentioned else {},
        robots=Robot.objects.select_related("account").in_bulk(robots) if robots else {},
        webhooks=Webhook.objects.in_bulk(webhooks) if webhooks else {},
        verifications=PhoneVerification.objects.in_bulk(verifications) if verifications else {},
        accounts=accounts_by_channel(),
        contents=read_contents({row.content_id for row in rows if row.content_id}),
        enclosures=Enclosure.objects.select_related("link__contact").in_bulk(enclosing) if enclosing else {},
        handovers=handover_states(handing_over) if handing_over else {},
        drills=_drills_over([row.id for row in rows if row.purpose == Purpose.DRILL], now),
    )


def _drills_over(drill_ids: Sequence[int], now: datetime) -> dict[int, Reason]:
    if not drill_ids:
        return {}
    asked = DrillMessage.objects.filter(delivery_id__in=drill_ids)
    over = asked.filter(Q(member__confirmed_at__isnull=False) | Q(member__drill__deadline_at__lte=now))
    return {
        pk: Reason.CONFIRMED if confirmed_at is not None else Reason.DRILL_OVER
        for pk, confirmed_at in over.values_list("delivery_id", "member__confirmed_at")
    }
