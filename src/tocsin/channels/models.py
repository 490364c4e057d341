"""Configured accounts of providers."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from tocsin.channels.fields import EncryptedTextField
from tocsin.channels.kinds import Channel


def channel_choices() -> list[tuple[str, str]]:
    return [(channel.value, channel.value) for channel in Channel]


class ProviderAccount(models.Model):
    """One set of credentials. The enabled account with the lowest `priority` of a channel is tried first."""

    name = models.CharField(_("name"), max_length=64, unique=True)
    provider = models.CharField(_("provider"), max_length=32)
    channel = models.CharField(_("channel"), max_length=16, choices=channel_choices)
    config = EncryptedTextField(help_text=_("JSON object of the provider's fields"))
    callback_token = models.CharField(max_length=32, unique=True, editable=False)
    priority = models.PositiveSmallIntegerField(_("priority"), default=100)
    is_enabled = models.BooleanField(_("enabled"), default=True)
    limit_count = models.PositiveIntegerField(_("limit"), null=True, blank=True)
    limit_seconds = models.PositiveIntegerField(_("per seconds"), null=True, blank=True)
    last_accepted_at = models.DateTimeField(_("last success"), null=True, blank=True, editable=False)
    last_failed_at = models.DateTimeField(_("last failure"), null=True, blank=True, editable=False)
    last_failure = models.CharField(_("last failure says"), max_length=500, blank=True, editable=False)
    failures = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    """In a row, since a message last went through."""
    pauses = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    opened_at = models.DateTimeField(null=True, blank=True, editable=False)
    paused_until = models.DateTimeField(null=True, blank=True, editable=False)
    """Until then the other accounts of the channel come first; after it, one message tries whether it works again."""
    created_at = models.DateTimeField(_("created"), editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        verbose_name = _("provider account")
        verbose_name_plural = _("provider accounts")
        ordering = ["channel", "priority", "id"]

    def __str__(self) -> str:
        return self.name


class Connection(models.Model):
    """The connection of an account whose provider listens: which worker holds it, until when that is sure, and how
    it goes. A worker that dies gives it up by silence.
    """

    account = models.OneToOneField(ProviderAccount, models.CASCADE, primary_key=True, related_name="connection")
    worker_id = models.BigIntegerField(null=True, blank=True)
    held_until = models.DateTimeField(null=True, blank=True)
    connected_at = models.DateTimeField(null=True, blank=True)
    """NULL while there is none."""
    failed_at = models.DateTimeField(null=True, blank=True)
    failure = models.CharField(max_length=500, blank=True, db_default="")
    heard_at = models.DateTimeField(null=True, blank=True)
    """When somebody last pressed something."""

    def __str__(self) -> str:
        return f"of {self.account_id}"
