"""People and groups, and the proof of their numbers."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from tocsin.channels.fields import EncryptedTextField
from tocsin.contacts.rules import MAX_TRIES, Fallback, VerificationMethod
from tocsin.contacts.search_index import Grams

FALLBACK_LABELS = {
    Fallback.DEFAULT: _("Use the global default"),
    Fallback.NONE: _("Do nothing"),
    Fallback.CALL: _("Call again (once, 60 seconds later)"),
    Fallback.SMS: _("Send a text message"),
}
METHOD_LABELS = {
    VerificationMethod.LINK: _("link in a text message"),
    VerificationMethod.CODE: _("code in a text message"),
    VerificationMethod.CALL: _("code in a call"),
    VerificationMethod.ATTESTED: _("attested, not proved by the contact"),
}


def fallback_choices() -> list[tuple[str, Promise]]:
    return [(item.value, label) for item, label in FALLBACK_LABELS.items()]


def default_fallback_choices() -> list[tuple[str, Promise]]:
    return [choice for choice in fallback_choices() if choice[0] != Fallback.DEFAULT]


def method_choices() -> list[tuple[str, Promise]]:
    return [(item.value, label) for item, label in METHOD_LABELS.items()]


def name_checks(label: str) -> list[models.BaseConstraint]:
    """1 to 64 characters, no space at either end, no control characters."""
    return [
        models.CheckConstraint(name=f"{label}_name_length", condition=Q(name__regex=r"^\S(.{0,62}\S)?$")),
        models.CheckConstraint(name=f"{label}_name_printable", condition=~Q(name__regex=r"[[:cntrl:]]")),
    ]


def _by_name(name: str, condition: Q | None = None) -> models.Index:
    """Carries the order of the list, so that a page is read off its beginning."""
    return models.Index(fields=["name", "object"], name=name, condition=condition)


def _by_user_id(field: str) -> models.Index:
    """Few have one, and whoever presses a button is looked up by it."""
    return models.Index(fields=[field], name=f"contact_by_{field}", condition=~Q(**{field: ""}))


class NotificationObject(models.Model):
    """The one id space of contacts, groups, robots, webhooks and schedules, so that one key serves all."""

    class Kind(models.TextChoices):
        CONTACT = "contact", _("contact")
        GROUP = "group", _("contact group")
        ROBOT = "robot", _("robot")
        WEBHOOK = "webhook", _("webhook")
        SCHEDULE = "schedule", _("on-call schedule")

    kind = models.CharField(max_length=16, choices=Kind.choices)

    class Meta:
        verbose_name = _("notification object")

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class Contact(models.Model):
    """A person. `phone` is E.164, `email` as typed (compared without case); an empty one is NULL, so it is unique."""

    object = models.OneToOneField(
        NotificationObject, models.CASCADE, primary_key=True, db_column="id", related_name="contact", editable=False
    )
    name = models.CharField(_("name"), max_length=64)
    phone = models.CharField(_("phone number"), max_length=16, null=True, blank=True)  # noqa: DJ001 (unique when set)
    phone_verified_at = models.DateTimeField(_("verified"), null=True, blank=True, editable=False)
    email = models.EmailField(_("email"), max_length=254, null=True, blank=True)  # noqa: DJ001 (unique when set)
    fallback = models.CharField(
        _("method to resend notifications if phone notifications fail"),
        max_length=16,
        choices=fallback_choices,
        default=Fallback.DEFAULT,
    )
    user_id = models.CharField(_("user ID"), max_length=128, blank=True)
    dingtalk_user_id = models.CharField(_("DingTalk user ID"), max_length=128, blank=True)
    lark_user_id = models.CharField(_("Lark open ID"), max_length=128, blank=True)
    wecom_user_id = models.CharField(_("WeCom user ID"), max_length=128, blank=True)
    language = models.CharField(_("language"), max_length=16, blank=True)
    time_zone = models.CharField(_("time zone"), max_length=64, blank=True)
    legacy_chatbot_url = EncryptedTextField(_("chatbot (imported)"), blank=True, editable=False)
    external_id = models.CharField(_("external ID"), max_length=128, null=True, blank=True, unique=True)
    sign_in = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="contact"
    )
    is_proved = models.BooleanField(default=False, db_default=False, editable=False)
    """Some message is proved delivered (ContactReach says which). Never true without; may lag behind when true."""

    created_at = models.DateTimeField(_("created"), editable=False)
    updated_at = models.DateTimeField(_("changed"), editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        verbose_name = _("contact")
        verbose_name_plural = _("contacts")
        ordering = ["name", "object_id"]
        indexes = [
            _by_name("contact_by_name"),
            _by_name("contact_verified_by_name", Q(phone_verified_at__isnull=False)),
            _by_name("contact_unverified_by_name", Q(phone__isnull=False, phone_verified_at__isnull=True)),
            _by_name("contact_no_phone_by_name", Q(phone__isnull=True)),
            _by_name("contact_with_email_by_name", Q(email__isnull=False)),
            _by_name("contact_unready_by_name", Q(phone_verified_at__isnull=True, email__isnull=True)),
            _by_name("contact_unproved_by_name", Q(is_proved=False)),
            models.Index(fields=["fallback", "name", "object"], name="contact_by_fallback"),
            *map(_by_user_id, ("user_id", "dingtalk_user_id", "lark_user_id", "wecom_user_id")),
            GinIndex(Grams("name"), Grams("email"), Grams("phone"), name="contact_grams"),
        ]
        constraints = [
            *name_checks("contact"),
            models.CheckConstraint(
                name="contact_can_be_reached_somehow",
                condition=Q(phone__isnull=False) | Q(email__isnull=False) | ~Q(legacy_chatbot_url=""),
            ),
            models.CheckConstraint(name="contact_phone_is_e164", condition=Q(phone__regex=r"^\+[1-9][0-9]{4,14}$")),
            models.CheckConstraint(
                name="contact_email_is_address",
                condition=Q(email__regex=r"^[^[:cntrl:][:space:]]+@[^[:cntrl:][:space:]@]+$"),
            ),
            models.CheckConstraint(name="contact_fallback_known", condition=Q(fallback__in=list(Fallback))),
            models.CheckConstraint(
                name="contact_lark_id_is_open_id", condition=Q(lark_user_id="") | Q(lark_user_id__startswith="ou_")
            ),
            models.CheckConstraint(
                name="contact_verified_needs_phone",
                condition=Q(phone_verified_at__isnull=True) | Q(phone__isnull=False),
            ),
            models.UniqueConstraint("phone", name="contact_phone_unique"),
            models.UniqueConstraint(Lower("email"), name="contact_email_unique"),
        ]

    def __str__(self) -> str:
        return self.name


class ContactGroup(models.Model):
    """A named set of contacts."""

    object = models.OneToOneField(
        NotificationObject, models.CASCADE, primary_key=True, db_column="id", related_name="group", editable=False
    )
    name = models.CharField(_("group name"), max_length=64, unique=True)
    members = models.ManyToManyField(
        Contact, through="ContactGroupMember", related_name="groups", verbose_name=_("contacts"), blank=True
    )
    external_id = models.CharField(_("external ID"), max_length=128, null=True, blank=True, unique=True)
    created_at = models.DateTimeField(_("created"), editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        verbose_name = _("contact group")
        verbose_name_plural = _("contact groups")
        ordering = ["name"]
        indexes = [GinIndex(Grams("name"), name="group_grams")]
        constraints = name_checks("group")

    def __str__(self) -> str:
        return self.name


class ContactGroupMember(models.Model):
    group = models.ForeignKey(ContactGroup, models.CASCADE, related_name="memberships")
    contact = models.ForeignKey(Contact, models.CASCADE, related_name="memberships", db_index=False)

    class Meta:
        indexes = [models.Index(fields=["contact", "group"], name="membership_by_contact")]
        constraints = [models.UniqueConstraint(fields=["group", "contact"], name="contact_once_in_group")]

    def __str__(self) -> str:
        return f"{self.group_id}/{self.contact_id}"


class PhoneVerification(models.Model):
    """One proof, or attempt at one, that a number is a contact's. Deleted with the contact.

    The link's token and the code are derived from (key, id, nonce) and never stored: `token_digest` is SHA-256 of
    the 131-bit token, to find it by; `code_digest` is an HMAC. `sent_at` and `sent_via` (the account's name) are what
    the sender reported.
    """

    contact = models.ForeignKey(Contact, models.CASCADE, related_name="verifications")
    phone = models.CharField(max_length=16)
    method = models.CharField(max_length=16, choices=method_choices)
    nonce = models.CharField(max_length=32)
    token_digest = models.CharField(max_length=64, null=True, unique=True, editable=False)  # noqa: DJ001 (unique when set)
    code_digest = models.CharField(max_length=64, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    sent_via = models.CharField(max_length=64, blank=True)
    replaced_at = models.DateTimeField(null=True, blank=True)
    verified_at = models.DateTimeField(null=True, blank=True)
    verified_from = models.CharField(max_length=64, blank=True)
    source = models.CharField(max_length=128, blank=True, help_text=_("who attested it, for imported proofs"))

    class Meta:
        verbose_name = _("phone verification")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["phone", "created_at"], name="verification_by_phone"),
            models.Index(fields=["contact", "-id"], name="verification_by_contact"),
        ]
        constraints = [
            models.UniqueConstraint(
                name="verification_one_open",
                fields=["contact"],
                condition=Q(replaced_at__isnull=True, verified_at__isnull=True),
            ),
            models.CheckConstraint(name="verification_tries", condition=Q(tries__lte=MAX_TRIES)),
            models.CheckConstraint(
                name="verification_replaced_or_verified",
                condition=Q(replaced_at__isnull=True) | Q(verified_at__isnull=True),
            ),
            models.CheckConstraint(
                name="verification_attested_by_someone",
                condition=Q(method=VerificationMethod.ATTESTED) ^ Q(source=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.pk}"


class PersonalLink(models.Model):
    """A link to a contact's own page, and the short session that *Continue* makes of it. Deleted with the contact.

    As with verifications the token is derived, never stored, and found by `token_digest`. `address` is where the link
    was sent; link and session are worth something only while it is the contact's. `session_digest` is SHA-256 of the
    cookie.
    """

    contact = models.ForeignKey(Contact, models.CASCADE, related_name="personal_links")
    channel = models.CharField(max_length=16)
    address = models.CharField(max_length=254)
    nonce = models.CharField(max_length=32)
    token_digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(db_index=True)
    expires_at = models.DateTimeField()
    replaced_at = models.DateTimeField(null=True, blank=True)
    opened_at = models.DateTimeField(null=True, blank=True)
    opened_from = models.CharField(max_length=64, blank=True)
    session_digest = models.CharField(max_length=64, null=True, unique=True, editable=False)  # noqa: DJ001 (unique when set)
    session_expires_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("personal link")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                name="personal_link_one_open",
                fields=["contact"],
                condition=Q(replaced_at__isnull=True, opened_at__isnull=True),
            ),
            models.CheckConstraint(
                name="personal_link_session_needs_opening",
                condition=Q(session_digest__isnull=True) | Q(opened_at__isnull=False, session_expires_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.pk}"


class VerificationSend(models.Model):
    """When a number was sent a verification, or an address a personal link.

    Outlives its contact for a day, since the limits are the number's.

    `phone_digest` is an HMAC (of the kind of message, too), so nothing here says whose number or address it was.
    """

    phone_digest = models.CharField(max_length=64)
    sent_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["phone_digest", "sent_at"], name="verification_send_by_phone"),
            models.Index(fields=["sent_at"], name="verification_send_by_time"),
        ]

    def __str__(self) -> str:
        return self.sent_at.isoformat()


class AddressCount(models.Model):
    """How often an address asked a public page for something since `started_at`. `key` is "purpose address"."""

    key = models.CharField(primary_key=True, max_length=80)
    count = models.PositiveIntegerField()
    started_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.key


class ContactDefaults(models.Model):
    """The one row of Contact Default Configuration."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    fallback = models.CharField(
        max_length=16,
        choices=default_fallback_choices,
        default=Fallback.SMS,
    )
    version = models.PositiveIntegerField(default=1)

    class Meta:
        verbose_name = _("contact default configuration")
        constraints = [
            models.CheckConstraint(name="contact_defaults_one_row", condition=Q(id=1)),
            models.CheckConstraint(name="contact_defaults_not_default", condition=~Q(fallback="default")),
        ]

    def __str__(self) -> str:
        return self.fallback


class ContactReach(models.Model):
    """When a contact was last proved reachable over a channel, and when that last failed and why.

    `bounced_at`: the address takes no mail, as a mail server said then; a later proof takes it back.
    """

    contact = models.ForeignKey(Contact, models.CASCADE, related_name="reach")
    channel = models.CharField(max_length=16)
    delivered_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)
    failure = models.CharField(max_length=200, blank=True)
    bounced_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["contact", "channel"], name="contact_reach_once")]
        indexes = [models.Index("contact", name="contact_bouncing", condition=Q(bounced_at__isnull=False))]

    def __str__(self) -> str:
        return f"{self.contact_id} {self.channel}"
