"""Robots of IM groups and webhooks: what is told without being a person."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tocsin.channels.fields import EncryptedTextField
from tocsin.channels.kinds import ROBOT_PLATFORMS
from tocsin.channels.models import ProviderAccount
from tocsin.contacts.models.people import NotificationObject, name_checks


def robot_platform_choices() -> list[tuple[str, str]]:
    return [(platform.value, platform.value) for platform in ROBOT_PLATFORMS]


class Robot(models.Model):
    """A chatbot of an IM group. The webhook URL holds its token, so it is a secret.

    `provider`: which of the platform's kinds of robots it is, by its name in the registry; "" for the platform's first.
    `settings`: what that kind is set up with beyond the three columns here, a JSON object of texts.
    One of an app has no URL: `account` is the app, `chat_id` the group as the platform knows it.

    `daily_times`: "hh:mm" in its time zone, in order, at which it tells of the day. `daily_due_at` is the queue: the
    next such moment; NULL when there is none or it is off.
    """

    object = models.OneToOneField(
        NotificationObject, models.CASCADE, primary_key=True, db_column="id", related_name="robot", editable=False
    )
    name = models.CharField(_("name"), max_length=64, unique=True)
    platform = models.CharField(_("platform"), max_length=16, choices=robot_platform_choices)
    provider = models.CharField(max_length=32, blank=True, db_default="", default="", editable=False)
    url = EncryptedTextField(_("webhook URL"), blank=True)
    secret = EncryptedTextField(_("signing secret"), blank=True)
    account = models.ForeignKey(
        ProviderAccount, models.PROTECT, null=True, blank=True, related_name="robots", verbose_name=_("app")
    )
    chat_id = models.CharField(_("group ID"), max_length=128, blank=True, db_default="")
    keyword = models.CharField(_("keyword"), max_length=64, blank=True)
    settings = EncryptedTextField(blank=True, db_default="", default="", editable=False)
    language = models.CharField(_("language"), max_length=16, blank=True, db_default="")
    time_zone = models.CharField(_("time zone"), max_length=64, blank=True, db_default="")
    sends_daily = models.BooleanField(_("daily statistics"), default=False, db_default=False)
    daily_times = models.JSONField(_("times of day"), default=list, db_default=[], blank=True)
    daily_due_at = models.DateTimeField(null=True, blank=True, editable=False)
    is_enabled = models.BooleanField(_("enabled"), default=True)
    created_at = models.DateTimeField(_("created"), editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        verbose_name = _("robot")
        verbose_name_plural = _("robots")
        ordering = ["name"]
        constraints = name_checks("robot")
        indexes = [
            models.Index(fields=["daily_due_at"], name="robot_daily_due", condition=Q(daily_due_at__isnull=False))
        ]

    def __str__(self) -> str:
        return self.name


class Webhook(models.Model):
    """An address that programs listen at. URL, headers and parameters may hold tokens, so they are secrets.

    `headers` and `parameters` are JSON objects of texts. An empty `body` sends the whole alert as JSON.
    """

    object = models.OneToOneField(
        NotificationObject, models.CASCADE, primary_key=True, db_column="id", related_name="webhook", editable=False
    )
    name = models.CharField(_("name"), max_length=64, unique=True)
    url = EncryptedTextField(_("URL"))
    method = models.CharField(_("method"), max_length=8, default="POST")
    headers = EncryptedTextField(_("headers"), blank=True)
    parameters = EncryptedTextField(_("query parameters"), blank=True)
    body = models.TextField(_("body"), blank=True)
    recovery_body = models.TextField(_("recovery body"), blank=True)
    secret = EncryptedTextField(_("signing secret"), blank=True)
    language = models.CharField(_("language"), max_length=16, blank=True)
    is_enabled = models.BooleanField(_("enabled"), default=True)
    created_at = models.DateTimeField(_("created"), editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")
        ordering = ["name"]
        constraints = [
            *name_checks("webhook"),
            models.CheckConstraint(name="webhook_method_known", condition=Q(method__in=["POST", "GET"])),
        ]

    def __str__(self) -> str:
        return self.name


class ObjectReach(models.Model):
    """When a robot or webhook last took a message, and when and why it last did not."""

    object = models.OneToOneField(
        NotificationObject, models.CASCADE, primary_key=True, db_column="id", related_name="reach"
    )
    delivered_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)
    failure = models.CharField(max_length=500, blank=True)

    def __str__(self) -> str:
        return str(self.object_id)
