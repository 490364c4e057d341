"""Imports of files: what was asked, how far it is, and the fate of each row."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from tocsin.channels.fields import EncryptedTextField
from tocsin.contacts.rules.importing import Fate, ImportOptions, ImportState
from tocsin.core.actors import Actor, ActorKind

STATE_LABELS = {
    ImportState.CHECKING: _("Checking"),
    ImportState.READY: _("Checked, not imported yet"),
    ImportState.IMPORTING: _("Importing"),
    ImportState.TEXTING: _("Sending verification texts"),
    ImportState.DONE: _("Imported"),
    ImportState.NOTHING_WRITTEN: _("Nothing imported"),
    ImportState.CANCELLED: _("Cancelled"),
    ImportState.FAILED: _("Failed"),
}


def state_choices() -> list[tuple[str, Any]]:
    return [(state.value, label) for state, label in STATE_LABELS.items()]


class ContactImport(models.Model):
    """`counts` is by fate: as checked, and as written where rows were written. Its rows are forgotten before it is."""

    file_name = models.CharField(_("file"), max_length=200)
    format = models.CharField(max_length=8)
    options = models.JSONField(default=dict)
    language = models.CharField(max_length=16, blank=True)
    state = models.CharField(_("state"), max_length=16, choices=state_choices, default=ImportState.CHECKING)
    cancel_asked = models.BooleanField(default=False)
    unknown_columns = models.JSONField(default=list)
    failure = models.TextField(blank=True)
    row_count = models.PositiveIntegerField(default=0)
    progress = models.PositiveIntegerField(default=0)
    written_to = models.PositiveIntegerField(default=0)
    """Rows up to this number are written, where their fate is that."""
    tries = models.PositiveSmallIntegerField(default=0, db_default=0)
    """How often a worker took it up and did not come back from it."""

    new_numbers = models.PositiveIntegerField(default=0)
    counts = models.JSONField(default=dict)
    emptied_groups = models.JSONField(default=list, db_default=[])
    """Ids of those that have members as the file is checked, and would have none."""

    text_count = models.PositiveIntegerField(default=0)
    by_kind = models.CharField(max_length=16)
    by_name = models.CharField(_("by"), max_length=150)
    by_id = models.BigIntegerField(null=True)
    by_address = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(_("created"))
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    forgotten_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("import of contacts")
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["id"],
                name="import_working",
                condition=models.Q(state__in=("checking", "importing", "texting")),
            )
        ]

    def __str__(self) -> str:
        return self.file_name

    @property
    def actor(self) -> Actor:
        return Actor(ActorKind(self.by_kind), self.by_name, self.by_id, self.by_address)

    @property
    def chosen(self) -> ImportOptions:
        names = {field.name for field in fields(ImportOptions)}
        return ImportOptions(**{name: value for name, value in self.options.items() if name in names})


class ContactImportFile(models.Model):
    """The file as it came, until its rows are read."""

    contact_import = models.OneToOneField(ContactImport, models.CASCADE, primary_key=True, related_name="file")
    sealed = models.BinaryField()

    def __str__(self) -> str:
        return f"{self.contact_import_id}"


class ContactImportRow(models.Model):
    """`sealed` is JSON of what the row says and of what is wrong with it: personal data, so encrypted.

    A row whose fate when it is written is the one that was found when it was checked is not touched again: that of a
    new contact has no `contact_id`.
    """

    contact_import = models.ForeignKey(ContactImport, models.CASCADE, related_name="rows", db_index=False)
    number = models.PositiveIntegerField()
    fate = models.CharField(max_length=16, choices=[(fate.value, fate.value) for fate in Fate])
    contact_id = models.BigIntegerField(null=True)
    sealed = EncryptedTextField()
    is_unverified = models.BooleanField(default=False)
    gets_text = models.BooleanField(default=False)
    is_exchanged = models.BooleanField(default=False, db_default=False, editable=False)
    """A number or address passes by it and others of its file: all of them are written together, after the rest."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=["contact_import", "number"], name="import_row_once")]
        indexes = [
            models.Index(fields=["contact_import", "fate", "number"], name="import_row_by_fate"),
            models.Index(
                fields=["contact_import", "number"], name="import_row_to_text", condition=models.Q(gets_text=True)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.contact_import_id}/{self.number}"
