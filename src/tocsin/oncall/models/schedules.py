"""Schedules, their layers and substitutes, and the hand-overs that took place."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from tocsin.contacts.models import Contact, NotificationObject, Robot
from tocsin.oncall.rules import Unit

UNIT_LABELS = {Unit.HOURS: _("hours"), Unit.DAYS: _("days"), Unit.WEEKS: _("weeks")}


def unit_choices() -> list[tuple[str, str | Promise]]:
    return [(unit.value, label) for unit, label in UNIT_LABELS.items()]


class Schedule(models.Model):
    """A rota of contacts. `tells_by`: channels over which a person is told that the turn is theirs.

    `check_in_minutes`: NULL where nobody has to check in. `due_at` is the queue: when the worker looks at it next.
    `handed_to` is whose turn it was when it last did. `feed_nonce` is "" where there is no calendar feed; its token is
    derived, never stored, and found by `feed_digest`.
    """

    object = models.OneToOneField(
        NotificationObject, models.CASCADE, primary_key=True, db_column="id", related_name="schedule", editable=False
    )
    name = models.CharField(_("name"), max_length=64, unique=True)
    time_zone = models.CharField(_("time zone"), max_length=64)
    lead = models.ForeignKey(
        Contact, models.SET_NULL, null=True, blank=True, related_name="led_schedules", verbose_name=_("lead")
    )
    robot = models.ForeignKey(
        Robot, models.SET_NULL, null=True, blank=True, related_name="schedules", verbose_name=_("robot")
    )
    tells_by = models.JSONField(_("hand-over notice"), default=list, db_default=[], blank=True)
    check_in_minutes = models.PositiveSmallIntegerField(_("check-in"), null=True, blank=True)
    handed_to = models.ForeignKey(Contact, models.SET_NULL, null=True, blank=True, related_name="+", editable=False)
    due_at = models.DateTimeField(null=True, blank=True, editable=False)
    feed_nonce = models.CharField(max_length=32, blank=True, editable=False)
    feed_digest = models.CharField(max_length=64, null=True, unique=True, editable=False)  # noqa: DJ001 (unique when set)
    created_at = models.DateTimeField(_("created"), editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        verbose_name = _("on-call schedule")
        verbose_name_plural = _("on-call schedules")
        ordering = ["name"]
        indexes = [models.Index(fields=["due_at"], name="schedule_due", condition=Q(due_at__isnull=False))]
        constraints = [
            models.CheckConstraint(name="schedule_name_length", condition=Q(name__regex=r"^\S(.{0,62}\S)?$")),
            models.CheckConstraint(
                name="schedule_check_in_range", condition=Q(check_in_minutes__range=(1, 90))
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.name


class ScheduleLayer(models.Model):
    """People who take turns of `every` units; the first begins on `starts_on` at `handover_time`, in its zone.

    `restrictions`: what `rules.restrictions_as_json` makes; [] for around the clock. Later positions take precedence.
    """

    schedule = models.ForeignKey(Schedule, models.CASCADE, related_name="layers")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(_("name"), max_length=64, blank=True)
    unit = models.CharField(max_length=8, choices=unit_choices)
    every = models.PositiveSmallIntegerField()
    starts_on = models.DateField()
    handover_time = models.TimeField()
    restrictions = models.JSONField(default=list)

    class Meta:
        verbose_name = _("layer")
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["schedule", "position"], name="schedule_layer_position"),
            models.CheckConstraint(name="schedule_layer_turns", condition=Q(every__gte=1)),
        ]

    def __str__(self) -> str:
        return f"{self.schedule_id}/{self.position}"


class LayerPerson(models.Model):
    """A place in a layer's order; the same contact may have several."""

    layer = models.ForeignKey(ScheduleLayer, models.CASCADE, related_name="people")
    position = models.PositiveSmallIntegerField()
    contact = models.ForeignKey(Contact, models.CASCADE, related_name="schedule_places")

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["layer", "position"], name="layer_person_position")]

    def __str__(self) -> str:
        return f"{self.layer_id}/{self.position}"


class Substitute(models.Model):
    """`contact` stands in for `replaces`, or (NULL) takes the whole schedule."""

    schedule = models.ForeignKey(Schedule, models.CASCADE, related_name="substitutes")
    replaces = models.ForeignKey(Contact, models.CASCADE, null=True, blank=True, related_name="substituted")
    contact = models.ForeignKey(Contact, models.CASCADE, related_name="substitutes")
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"))
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150)

    class Meta:
        verbose_name = _("substitute")
        ordering = ["starts_at", "id"]
        indexes = [models.Index(fields=["schedule", "ends_at"], name="substitute_by_end")]
        constraints = [
            models.CheckConstraint(name="substitute_ends_later", condition=Q(ends_at__gt=F("starts_at"))),
            models.CheckConstraint(name="substitute_is_somebody_else", condition=~Q(replaces=F("contact"))),
        ]

    def __str__(self) -> str:
        return f"{self.contact_id} {self.starts_at.isoformat()}"


class Handover(models.Model):
    """At `at` the turn became `contact`'s (NULL: nobody's). `is_missed`: no worker was there, and it was over when one
    came, so nobody was told.

    `keeps`: who stays on duty until `contact` checks in. `check_in_due_at` is a queue: when silence is told to the
    lead; NULL where none is awaited or it has been told. The token of the check-in link is derived from (key, id,
    nonce) and found by its digest.
    """

    schedule = models.ForeignKey(Schedule, models.CASCADE, related_name="handovers")
    at = models.DateTimeField()
    contact = models.ForeignKey(Contact, models.SET_NULL, null=True, related_name="handovers")
    contact_name = models.CharField(max_length=64, blank=True)
    keeps = models.ForeignKey(Contact, models.SET_NULL, null=True, related_name="+")
    is_missed = models.BooleanField(default=False)
    awaits_check_in = models.BooleanField(default=False)
    check_in_due_at = models.DateTimeField(null=True, blank=True)
    silence_told_at = models.DateTimeField(null=True, blank=True)
    checked_in_at = models.DateTimeField(null=True, blank=True)
    checked_in_by = models.CharField(max_length=150, blank=True)
    checked_in_via = models.CharField(max_length=16, blank=True)
    nonce = models.CharField(max_length=32, blank=True)
    token_digest = models.CharField(max_length=64, null=True, unique=True, editable=False)  # noqa: DJ001 (unique when set)

    class Meta:
        verbose_name = _("hand-over")
        ordering = ["-at"]
        constraints = [models.UniqueConstraint(fields=["schedule", "at"], name="handover_once")]
        indexes = [
            models.Index(fields=["check_in_due_at"], name="handover_silence_due",
                         condition=Q(check_in_due_at__isnull=False)),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.schedule_id} {self.at.isoformat()}"
