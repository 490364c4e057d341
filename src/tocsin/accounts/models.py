"""Who signs in, and the tokens of programs."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from tocsin.accounts.rules import Permission, Role, Scope, highest_role, is_allowed, is_in_scope, lower_role


class User(AbstractUser):
    """A sign-in. Its role is the highest of its Django groups (accounts.rules.Role); a superuser is an admin."""

    language = models.CharField(_("language"), max_length=16, blank=True)
    time_zone = models.CharField(_("time zone"), max_length=64, blank=True)
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta(AbstractUser.Meta):
        ordering = ["username"]

    @cached_property
    def role(self) -> Role | None:
        """None for the inactive and for those in no group of a role. Read once per request."""
        if not self.is_active:
            return None
        if self.is_superuser:
            return Role.ADMIN
        return highest_role(group.name for group in self.groups.all())


def role_choices() -> list[tuple[str, str]]:
    return [(role.value, role.value) for role in Role]


class ApiToken(models.Model):
    """A program's secret. Only its SHA-256 is stored; `prefix` is the part that may be shown.

    `scopes` are values of accounts.rules.Scope. It may never do more than its owner; one that the shell made has none.
    """

    name = models.CharField(_("name"), max_length=64, unique=True)
    prefix = models.CharField(_("prefix"), max_length=12)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    role = models.CharField(_("role"), max_length=16, choices=role_choices)
    scopes = models.JSONField(_("scopes"), default=list, db_default=[])
    owner = models.ForeignKey(User, models.CASCADE, null=True, blank=True, related_name="api_tokens")
    created_at = models.DateTimeField(_("created"))
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def role_now(self) -> Role | None:
        """Its own, or its owner's where that is lower by now; None when the owner has none any more."""
        return Role(self.role) if self.owner is None else lower_role(Role(self.role), self.owner.role)

    def may(self, permission: Permission, scope: Scope) -> bool:
        return is_in_scope(self.scopes, scope) and is_allowed(self.role_now, permission)


class TokenRate(models.Model):
    """When a token's allowance will be whole again. Unlogged: it may be lost in a crash, and costs no flush."""

    token = models.OneToOneField(ApiToken, models.CASCADE, primary_key=True, related_name="rate", db_constraint=False)
    whole_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.token_id)


class IdempotentAnswer(models.Model):
    """What a request with an Idempotency-Key was answered, so that its repetition gets the same."""

    token = models.ForeignKey(ApiToken, models.CASCADE, related_name="answers", db_index=False)
    key = models.CharField(max_length=255)
    request_digest = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    sealed = models.TextField()
    """The headers and the body, encrypted: they may hold what is shown once."""
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["token", "key"], name="answer_once_by_key")]

    def __str__(self) -> str:
        return f"{self.token_id} {self.key}"


class AccessKey(models.Model):
    """What a program signs requests with, on behalf of a user: `key_id` is sent, the secret never is.

    `secret` is encrypted, not hashed: verifying an HMAC needs it. The key may do what both its role and its user's
    allow, so a demotion of the user is one of the key.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="access_keys", verbose_name=_("user")
    )
    name = models.CharField(_("name"), max_length=64)
    key_id = models.CharField(_("access key ID"), max_length=32, unique=True, editable=False)
    secret = models.TextField(editable=False)
    role = models.CharField(_("role"), max_length=16, choices=role_choices)
    created_at = models.DateTimeField(_("created"))
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)
    disabled_at = models.DateTimeField(_("disabled"), null=True, blank=True)
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        verbose_name = _("access key")
        verbose_name_plural = _("access keys")
        ordering = ["name", "id"]
        constraints = [models.UniqueConstraint(fields=["user", "name"], name="access_key_once_by_user")]

    def __str__(self) -> str:
        return self.name


class AccessNonce(models.Model):
    """A signed request that was taken, so that nobody sends it again while its time is still a possible one."""

    digest = models.CharField(primary_key=True, max_length=64)
    """SHA-256 of the key's ID and the nonce."""
    taken_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.digest


class SetAside(models.Model):
    """A line of the first run's checklist that this installation does not use; `name` is the line's."""

    name = models.CharField(max_length=32, primary_key=True)
    by_name = models.CharField(max_length=150)
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("line of the first run's checklist")
        verbose_name_plural = _("lines of the first run's checklist")

    def __str__(self) -> str:
        return self.name
