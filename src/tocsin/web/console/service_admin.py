"""Admin pages that write through services only.

A subclass names what it `writes` and overrides the hook of each; every other way in which Django's admin could write
raises. What a service refuses comes back as an error of the form, at the field that the service names.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Literal
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import get_fields_from_path, unquote
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import get_script_prefix, reverse
from django.utils.html import escape
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from unfold.admin import ModelAdmin, checkbox
from unfold.decorators import display
from unfold.views import ChangeList

from tocsin.accounts.rules import Permission
from tocsin.core.errors import InvalidInputError, TocsinError
from tocsin.web.console.actors import may
from tocsin.web.console.asked import digest_of, is_asked_anew
from tocsin.web.console.dialogs import in_dialog
from tocsin.web.console.empties import EmptyList, empty_context, plain_list
from tocsin.web.console.form_pages import add_refusal, capitalise_labels, demand_version
from tocsin.web.console.paging import UncountedChangeList
from tocsin.web.console.secrets_once import take_shown_once
from tocsin.web.console.words import refused

Write = Literal["add", "change", "delete"]


_SOME_ROW = "some-row"


@cache
def _address_of_row(view: str, script_prefix: str) -> str:
    """The address of a page of one row, looked up once: a list has hundreds of them."""
    return reverse(view, args=[_SOME_ROW])


@cache
def _address_of_table(view: str, script_prefix: str) -> str:
    return reverse(view)


@cache
def _checkbox() -> str:
    return str(checkbox.render(ACTION_CHECKBOX_NAME, _SOME_ROW))


class WritesThroughServicesError(TypeError):
    """Django's admin was about to write a row itself."""

    def __init__(self, admin: object, hook: str) -> None:
        super().__init__(f"{type(admin).__name__} must override {hook} and call a service there.")


@dataclass(frozen=True, slots=True)
class Deletion:
    """`names`: what goes. `notes`: what stays and is changed by it. `is_anew`: the answer was about others."""

    names: Sequence[str]
    notes: Sequence[str]
    ids: Sequence[Any]
    is_anew: bool = False

    @property
    def asked(self) -> str:
        return digest_of(self.ids)


class ServiceForm(forms.ModelForm):
    """Fields are read and cleaned; whether they fit together is the service's to say, so models validate nothing.

    `version` is the row's version when the form was opened.
    """

    version = forms.IntegerField(required=False, widget=forms.HiddenInput)
    refusal: ClassVar[TocsinError | None] = None
    names: ClassVar[dict[str, str]] = {}
    """Service's field name -> form's, where they differ."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        capitalise_labels(self)
        if self.instance.pk is not None:
            self.initial.setdefault("version", getattr(self.instance, "version", None))

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.instance.pk is not None:
            demand_version(self)
        return cleaned

    def _post_clean(self) -> None:
        if self.refusal is not None:
            add_refusal(self, self.refusal, self.names)


class ServiceAdmin(ModelAdmin):
    """The base of every page of the console that shows rows of a table."""

    form = ServiceForm
    needs_to_view = Permission.VIEW
    needs_to_write = Permission.MANAGE
    writes: ClassVar[tuple[Write, ...]] = ()
    adds_in_dialog = False
    """The list's button to add a row opens a dialog box."""

    list_per_page = 50
    show_full_result_count = False
    show_facets = "NEVER"
    list_filter_submit = False
    empty: ClassVar[EmptyList | None] = None
    """What the list says as long as it has no rows."""
    change_list_template = "console/change_list.html"
    delete_confirmation_template = "console/delete.html"
    delete_selected_confirmation_template = "console/delete.html"
    change_form_before_template = "console/form_version.html"
    change_form_outer_before_template = "console/shown_once.html"
    search_fields_when_revealed: ClassVar[Iterable[str]] = ()
    """Searched only by those who may see whole numbers: a search is a way to read them."""

    # What a subclass overrides.

    def add_row(self, request: HttpRequest, data: dict[str, Any]) -> Model:
        """Calls the service with cleaned data; returns the new row."""
        raise WritesThroughServicesError(self, "add_row")

    def change_row(self, request: HttpRequest, row: Any, data: dict[str, Any]) -> None:
        """Calls the service with the row's id and cleaned data, whose `version` is that of the opened form."""
        raise WritesThroughServicesError(self, "change_row")

    def delete_rows(self, request: HttpRequest, ids: list[Any]) -> None:
        raise WritesThroughServicesError(self, "delete_rows")

    # Django's own ways to write.

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        if change:
            self.change_row(request, obj, form.cleaned_data)
            return
        row = self.add_row(request, form.cleaned_data)
        obj.__dict__.update(row.__dict__)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: Any) -> None:
        """Related rows are part of what `add_row` and `change_row` pass on."""
        if formsets:
            raise WritesThroughServicesError(self, "save_related")

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.delete_rows(request, [obj.pk])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet) -> None:
        self.delete_rows(request, list(queryset.values_list("pk", flat=True)))

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return UncountedChangeList

    def get_changelist_formset(self, request: HttpRequest, **kwargs: Any) -> Any:
        raise WritesThroughServicesError(self, "get_changelist_formset (list_editable)")

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """Services write the audit entry."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """Services write the audit entry."""

    def log_deletions(self, request: HttpRequest, queryset: Any) -> None:
        """Services write the audit entry."""

    @display(description=ModelAdmin.action_checkbox.short_description)
    def action_checkbox(self, obj: Model) -> str:
        """Unfold's, rendered once for all rows."""
        return mark_safe(_checkbox().replace(_SOME_ROW, escape(str(obj.pk))))  # noqa: S308

    # Who may what.

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may(request, self.needs_to_view)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return "add" in self.writes and may(request, self.needs_to_write)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return "change" in self.writes and may(request, self.needs_to_write)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return "delete" in self.writes and may(request, self.needs_to_write)

    def has_write_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What actions that do more than save a form ask for: `permissions=["write"]`."""
        return may(request, self.needs_to_write)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        fields = list(super().get_search_fields(request))
        return fields + list(self.search_fields_when_revealed) if may(request, Permission.REVEAL) else fields

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Only what the list's own filters ask: any other lookup reads a column that the page may not show."""
        return "\x00" not in value and lookup in self.list_lookups(request)

    def list_lookups(self, request: HttpRequest | None) -> set[str]:
        """The query parameters that the filters of the list understand."""
        lookups: set[str] = set()
        for item in self.get_list_filter(request):
            if isinstance(item, str):
                field: Any = get_fields_from_path(self.model, item)[-1]
                target = f"{item}__{field.target_field.name}" if field.is_relation else item
                lookups |= {f"{target}__exact", f"{item}__isnull"}
            else:
                lookups.add(str(item.parameter_name))
        return lookups

    # What a service refuses.

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        many = [field.name for field in self.opts.many_to_many]
        form._meta.exclude = [*(form._meta.exclude or ()), *many]  # Django would read every member of a group
        refusal = getattr(request, "refusal", None)
        return type(form.__name__, (form,), {"refusal": refusal}) if refusal else form

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        shown_once = take_shown_once(request) if request.method == "GET" else None
        extra = {"show_save_and_add_another": False, "shown_once": shown_once, **(extra_context or {})}
        try:
            return super().changeform_view(request, object_id, form_url, extra)
        except TocsinError as error:
            request.refusal = error  # type: ignore[attr-defined]
            return super().changeform_view(request, object_id, form_url, extra)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> Any:
        try:
            return super().delete_view(request, object_id, extra_context)
        except TocsinError as error:
            messages.error(request, refused(error))
            return HttpResponseRedirect(self.url("change", object_id))

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        try:
            self._check_selection(request)
            return super().changelist_view(request, {"empty": self._empty(request), **(extra_context or {})})
        except TocsinError as error:
            messages.error(request, refused(error))
            return HttpResponseRedirect(request.get_full_path())

    @property
    def create_label(self) -> str:
        """Of the list's button that makes a row."""
        words = str(self.opts.verbose_name).split(" ")
        return _("Create %(name)s") % {"name": " ".join(word[:1].upper() + word[1:] for word in words)}

    def _empty(self, request: HttpRequest) -> dict[str, Any]:
        empty = self.empty or plain_list(self.opts.verbose_name, self.opts.verbose_name_plural)
        return empty_context(request, empty, self.url("add") if self.has_add_permission(request) else "")

    def response_action(self, request: HttpRequest, queryset: QuerySet) -> Any:
        """The question before many are deleted has the title of the button that led to it."""
        response = super().response_action(request, queryset)
        context = getattr(response, "context_data", None)
        if context is not None and "deletable_objects" in context:
            context["title"] = _("Batch Delete")
        return response

    def _check_selection(self, request: HttpRequest) -> None:
        """InvalidInputError when the rows that an action is for are named by what can be no key of the table."""
        try:
            for key in request.POST.getlist(ACTION_CHECKBOX_NAME):
                self.opts.pk.to_python(key)
        except ValidationError as error:
            raise InvalidInputError({"": _("Choose rows from the list.")}) from error

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[Deletion], dict[str, int], set[str], list[Any]]:
        """What the confirmation says. Services decide what goes with a row, so nothing is collected here."""
        ids = [obj.pk for obj in objs]
        is_anew = is_asked_anew(request, ids)
        deletion = Deletion([str(obj) for obj in objs], self.notes_on_deleting(ids), ids, is_anew)
        return [deletion], {str(self.opts.verbose_name_plural): len(deletion.names)}, set(), []

    def notes_on_deleting(self, ids: list[Any]) -> Sequence[str]:
        """What still uses the rows and stays."""
        return ()

    def history_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> Any:
        """The audit log of this row."""
        where = {
            "content_type__app_label": self.opts.app_label,
            "content_type__model": self.opts.model_name,
            "object_pk": unquote(object_id),
        }
        return HttpResponseRedirect(f"{reverse('console:auditlog_logentry_changelist')}?{urlencode(where)}")

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> HttpResponse:
        """Who edits what somebody has deleted stays there: a box says so over its page, a page leads to the list."""
        if in_dialog(request):
            raise Http404
        super()._get_obj_does_not_exist_redirect(request, opts, object_id)  # the message
        return HttpResponseRedirect(self.url("changelist"))

    def row(self, request: HttpRequest, object_id: str) -> Any:
        """What a page of one row is about; Http404 when it is gone."""
        row = self.get_object(request, object_id)
        if row is None:
            raise Http404
        return row

    def url(self, page: str, *args: Any) -> str:
        """The address of one of this table's pages: "changelist", "add", "change", "delete" or a page of its own."""
        view = f"console:{self.opts.app_label}_{self.opts.model_name}_{page}"
        if not args:
            return _address_of_table(view, get_script_prefix())
        if len(args) == 1 and isinstance(args[0], int):
            return _address_of_row(view, get_script_prefix()).replace(f"/{_SOME_ROW}/", f"/{args[0]}/")
        return reverse(view, args=args)

    def done(self, request: HttpRequest, text: str, page: str = "changelist", *args: Any) -> HttpResponse:
        """A success message, and on to the page."""
        messages.success(request, text or _("Done."))
        return HttpResponseRedirect(self.url(page, *args))
