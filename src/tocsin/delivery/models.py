"""What was decided to be told, to whom, and what became of it."""

from __future__ import annotations

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from tocsin.alerts.models import Alert
from tocsin.channels.fields import EncryptedTextField
from tocsin.channels.kinds import CHANNEL_TITLES
from tocsin.channels.models import ProviderAccount
from tocsin.contacts.models import NotificationObject, PersonalLink, PhoneVerification
from tocsin.delivery import cap_models as cap_models
from tocsin.delivery import drill_models as drill_models  # so that Django finds its tables
from tocsin.delivery import lifecycle_models as lifecycle_models
from tocsin.delivery import part_models as part_models
from tocsin.delivery import tally_models as tally_models  # the same
from tocsin.delivery.rules import Cause, DeliveryState, Priority, Purpose, Reason
from tocsin.oncall.models import Handover

NOT_ARRIVED = (DeliveryState.FAILED.value, DeliveryState.AMBIGUOUS.value)
"""What the overview counts; few rows, so their index costs the others nothing."""


def causes() -> list[tuple[str, str]]:
    """Callables, so that a new one needs no migration."""
    return [(item.value, item.value) for item in Cause]


def purposes() -> list[tuple[str, str]]:
    return [(item.value, item.value) for item in Purpose]


def reasons() -> list[tuple[str, str]]:
    return [(item.value, item.value) for item in Reason]


class Notification(models.Model):
    """The decision, at one moment, to tell an alert's objects something."""

    alert = models.ForeignKey(Alert, models.CASCADE, db_index=False, related_name="notifications")
    cause = models.CharField(max_length=16, choices=causes)
    number = models.PositiveIntegerField()
    created_at = models.DateTimeField()
    active_count = models.PositiveIntegerField(default=0)
    reaches_claimed = models.BooleanField(default=False, db_default=False)
    """Goes out although somebody has claimed the alert: the step waits for its resolution, or somebody asked for it."""
    escalated_count = models.PositiveIntegerField(default=0, db_default=0)
    """Of the alert as this was decided: who asks for the next step because of this means the one after it."""
    sending_window = models.JSONField(null=True, blank=True)
    """The hours of a step of an escalation, as a policy's; None: those of the policy, and any for a step."""

    class Meta:
        verbose_name = _("notification")
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["alert", "number"], name="notification_number")]

    def __str__(self) -> str:
        return f"{self.cause} {self.alert_id}"


class Content(models.Model):
    """A text as it was sent, shared by the deliveries of one notification, channel, language and zone."""

    subject = models.TextField(blank=True)
    text = models.TextField(blank=True)
    html = models.TextField(blank=True)
    markdown = models.TextField(blank=True)
    data = models.TextField(blank=True, db_default="")
    """For programs, JSON: a webhook's document, the variables of a text message or call."""

    def __str__(self) -> str:
        return self.subject or self.text[:60]


class Delivery(models.Model):
    """One message to one person or robot over one channel.

    `next_at` is the queue: NULL when nothing is to be done. The address is read from the recipient at send time.
    `recipient` and `verification` keep their ids after these are deleted (no database constraint on purpose): whoever
    deletes a contact locks no delivery, and whoever records one may lock its contact.
    """

    purpose = models.CharField(max_length=16, choices=purposes)
    notification = models.ForeignKey(Notification, models.CASCADE, null=True, blank=True, related_name="deliveries")
    verification = models.ForeignKey(
        PhoneVerification,
        models.DO_NOTHING,
        null=True,
        blank=True,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    recipient = models.ForeignKey(
        NotificationObject, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="deliveries"
    )
    recipient_name = models.CharField(_("to"), max_length=64)
    address_masked = models.CharField(_("address"), max_length=254, blank=True)
    address_digest = models.BinaryField(null=True, blank=True)
    """Of the address that a message with a link went to, keyed; NULL before it is sent and for older rows."""
    channel = models.CharField(_("channel"), max_length=16)
    content = models.ForeignKey(Content, models.PROTECT, null=True, blank=True, related_name="deliveries")
    language = models.CharField(max_length=16, default="en")
    mention_ids = models.JSONField(default=list, blank=True)
    is_legacy_chatbot = models.BooleanField(default=False)

    state = models.CharField(
        _("state"),
        max_length=16,
        choices=[(item.value, item.value) for item in DeliveryState],
        default=DeliveryState.PLANNED,
    )
    reason = models.CharField(_("reason"), max_length=24, blank=True, choices=reasons)
    detail = models.CharField(_("detail"), max_length=500, blank=True)
    priority = models.PositiveSmallIntegerField(default=Priority.NORMAL)
    next_at = models.DateTimeField(null=True, blank=True)
    planned_at = models.DateTimeField(_("planned"))
    held_since = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    accepted_at = models.DateTimeField(_("accepted"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    deadline_at = models.DateTimeField(null=True, blank=True)
    """By when a receipt must have come; NULL when none is awaited."""
    ask_at = models.DateTimeField(null=True, blank=True, editable=False)
    """When the provider is asked what became of it; NULL when it will not be."""
    asked_count = models.PositiveSmallIntegerField(default=0, db_default=0, editable=False)
    attempt_count = models.PositiveSmallIntegerField(default=0)
    worker_id = models.BigIntegerField(null=True, blank=True)
    account = models.ForeignKey(
        ProviderAccount,
        models.SET_NULL,
        null=True,
        blank=True,
        db_index=False,
        related_name="+",
        verbose_name=_("provider account"),
    )
    tried_accounts = models.JSONField(default=list, blank=True)
    provider_id = models.CharField(max_length=128, blank=True)
    lane = models.CharField(max_length=80, blank=True)
    answer = models.CharField(max_length=16, blank=True)
    """For calls: the receipt status that ended it, and for pressed keys the key."""
    pressed_key = models.CharField(max_length=4, blank=True)
    fallback_of = models.ForeignKey(
        "self", models.CASCADE, null=True, blank=True, db_index=False, related_name="fallbacks"
    )
    merged_into = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, db_index=False, related_name="merged"
    )
    stands_for = models.PositiveIntegerField(default=1)

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        ordering = ["id"]
        indexes = [
            models.Index(
                fields=["channel", "priority", "next_at", "id"],
                name="delivery_queue",
                condition=Q(next_at__isnull=False),
            ),
            models.Index(fields=["deadline_at"], name="delivery_deadline", condition=Q(deadline_at__isnull=False)),
            models.Index(fields=["ask_at"], name="delivery_ask", condition=Q(ask_at__isnull=False)),
            models.Index(fields=["started_at"], name="delivery_sending", condition=Q(state="sending")),
            models.Index(fields=["account", "provider_id"], name="delivery_provider_id", condition=~Q(provider_id="")),
            models.Index(fields=["recipient", "-id"], name="delivery_by_recipient"),
            # Three changes of each row: what hardly any row has is indexed for those alone.
            models.Index(fields=["fallback_of"], name="delivery_fallback_of", condition=Q(fallback_of__isnull=False)),
            models.Index(fields=["merged_into"], name="delivery_merged_into", condition=Q(merged_into__isnull=False)),
            models.Index(
                fields=["planned_at", "state"], name="delivery_not_arrived", condition=Q(state__in=NOT_ARRIVED)
            ),
            BrinIndex(fields=["planned_at"], name="delivery_by_time", autosummarize=True, pages_per_range=32),
        ]

    def __str__(self) -> str:
        channel = gettext(CHANNEL_TITLES.get(self.channel, self.channel))
        return gettext("%(channel)s to %(name)s") % {"channel": channel, "name": self.recipient_name}


class Posting(models.Model):
    """A group's first message of an alert, on a platform that lets it be changed: it shows what became of the alert.

    `due_at` is the queue: NULL when nothing is to be looked at. `shown`: the look of the alert that the message has, as
    `postings.LOOK` words it. `wanted` counts the reasons to look at it, so that one that comes while a change is under
    way is not lost; `taken_at` says that one is, and nobody else begins another meanwhile.
    """

    delivery = models.OneToOneField(Delivery, models.CASCADE, primary_key=True, related_name="posting")
    alert = models.ForeignKey(Alert, models.CASCADE, db_constraint=False, db_index=False, related_name="+")
    recipient_id = models.BigIntegerField()
    provider_id = models.CharField(max_length=128)
    shown = models.CharField(max_length=400)
    due_at = models.DateTimeField(null=True, blank=True)
    wanted = models.PositiveIntegerField(default=1)
    taken_at = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)
    changes = models.PositiveIntegerField(default=0)
    changed_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)
    failure = models.CharField(max_length=500, blank=True)
    is_over = models.BooleanField(default=False)
    """The platform lets it be changed no more."""

    class Meta:
        verbose_name = _("posting")
        constraints = [models.UniqueConstraint(fields=["alert", "recipient_id"], name="posting_once")]
        indexes = [models.Index(fields=["due_at"], name="posting_due", condition=Q(due_at__isnull=False))]

    def __str__(self) -> str:
        return f"{self.delivery_id}: {self.shown}"


class Enclosure(models.Model):
    """What few messages need beside their delivery: the link whose token goes into the text, an address of their own.

    `address` is one that the recipient has no more: who has it is told that it was changed.
    """

    delivery = models.OneToOneField(Delivery, models.CASCADE, primary_key=True, related_name="enclosure")
    link = models.ForeignKey(
        PersonalLink, models.DO_NOTHING, null=True, blank=True, db_constraint=False, db_index=False, related_name="+"
    )
    address = EncryptedTextField(blank=True)

    def __str__(self) -> str:
        return f"of {self.delivery_id}"


class DailyReport(models.Model):
    """That a robot's statistics of one moment were sent, or were missed: once for each robot and moment."""

    robot = models.ForeignKey(NotificationObject, models.CASCADE, related_name="daily_reports")
    due_at = models.DateTimeField()
    delivery = models.OneToOneField(Delivery, models.CASCADE, related_name="daily_report")

    class Meta:
        verbose_name = _("daily report")
        constraints = [models.UniqueConstraint(fields=["robot", "due_at"], name="daily_report_once")]

    def __str__(self) -> str:
        return f"{self.robot_id} {self.due_at.isoformat()}"


class HandoverNotice(models.Model):
    """What one message tells of a hand-over. `is_silence`: that nobody checked in, and not whose turn begins."""

    handover = models.ForeignKey(Handover, models.CASCADE, related_name="notices")
    delivery = models.OneToOneField(Delivery, models.CASCADE, related_name="handover_notice")
    is_silence = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("hand-over notice")

    def __str__(self) -> str:
        return f"{self.handover_id} {self.delivery_id}"


class Attempt(models.Model):
    """One call to a provider."""

    delivery = models.ForeignKey(Delivery, models.CASCADE, related_name="attempts")
    number = models.PositiveSmallIntegerField()
    account_name = models.CharField(max_length=64, blank=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()
    outcome = models.CharField(max_length=24)
    code = models.CharField(max_length=64, blank=True)
    detail = models.CharField(max_length=500, blank=True)
    provider_id = models.CharField(max_length=128, blank=True)
    passed_over = models.CharField(max_length=500, blank=True, db_default="")
    """Accounts that come first and were paused, or took no more for now, each with why."""

    class Meta:
        verbose_name = _("attempt")
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.delivery_id}#{self.number} {self.outcome}"


class Receipt(models.Model):
    """What a provider said later, exactly once per (account, reference or provider id, status, key).

    `delivery` is NULL while the send's own reply, which carries the id, is not recorded yet (or never comes).
    """

    account = models.ForeignKey(ProviderAccount, models.CASCADE, db_index=False, related_name="receipts")
    delivery = models.ForeignKey(Delivery, models.CASCADE, null=True, blank=True, related_name="receipts")
    reference = models.CharField(max_length=16, blank=True)
    provider_id = models.CharField(max_length=128, blank=True)
    status = models.CharField(max_length=16)
    key = models.CharField(max_length=4, blank=True)
    code = models.CharField(max_length=64, blank=True)
    detail = models.CharField(max_length=500, blank=True)
    occurred_at = models.DateTimeField(null=True, blank=True)
    received_at = models.DateTimeField()
    count = models.PositiveIntegerField(default=1)
    effect = models.CharField(max_length=16, blank=True)
    """What it did: "applied", "late" (the state had moved on), "part" (others of its message are waited for), or ""
    while it waits for its delivery.
    """
    readings = models.JSONField(null=True, blank=True)
    """What `provider_id`, then begun with a question mark, may be; a single one once its delivery is known. NULL for
    all others.
    """
    parties = models.JSONField(null=True, blank=True)
    """The ends of the numbers that such a receipt is between."""

    class Meta:
        verbose_name = _("receipt")
        constraints = [
            models.UniqueConstraint(
                fields=["account", "reference", "provider_id", "status", "key"], name="receipt_once"
            )
        ]
        indexes = [
            models.Index(fields=["account", "provider_id"], name="receipt_waiting", condition=Q(delivery__isnull=True)),
            models.Index(
                fields=["account", "received_at"],
                name="receipt_unsettled",
                condition=Q(delivery__isnull=True, readings__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.status} {self.reference or self.provider_id}"

    @property
    def named_id(self) -> str:
        """The vendor's id of what it is about."""
        return str(self.readings[0]) if self.readings else self.provider_id


class Allowance(models.Model):
    """What a recipient got over a channel in an hour, and until when a storm to it is gathered."""

    recipient_id = models.BigIntegerField()
    channel = models.CharField(max_length=16)
    began_at = models.DateTimeField()
    sent = models.PositiveIntegerField()
    rests_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("allowance")
        constraints = [models.UniqueConstraint(fields=["recipient_id", "channel"], name="allowance_once")]

    def __str__(self) -> str:
        return f"{self.recipient_id} {self.channel}"


class Lane(models.Model):
    """A limit's bucket. `key` names the account or robot (and the number, where the limit is per number)."""

    key = models.CharField(primary_key=True, max_length=80)
    tokens = models.FloatField()
    refilled_at = models.DateTimeField()
    blocked_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("lane")

    def __str__(self) -> str:
        return self.key


class Beat(models.Model):
    """When a loop of the workers last went round: what /readyz and the metrics tell the outside."""

    name = models.CharField(primary_key=True, max_length=32)
    beat_at = models.DateTimeField()

    class Meta:
        verbose_name = _("beat")

    def __str__(self) -> str:
        return self.name
