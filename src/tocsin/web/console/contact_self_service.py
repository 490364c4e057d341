"""What managers and administrators do so that contacts help themselves: personal links, and which user a contact is."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.contrib.admin import action as admin_action
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminSelectWidget

from tocsin.accounts.models import User
from tocsin.accounts.rules import Permission
from tocsin.contacts.models import Contact
from tocsin.contacts.services import link_sign_in, revoke_personal_links
from tocsin.core.clock import utc_now
from tocsin.web.console.actors import actor_of, may
from tocsin.web.console.asked import selection
from tocsin.web.console.contact_choosing import ChosenContacts
from tocsin.web.console.contact_links import links_page
from tocsin.web.console.display import NOTHING
from tocsin.web.console.drills import MOST_NAMED
from tocsin.web.console.form_pages import form_page


class SelfServiceOfContacts(ChosenContacts):
    """Actions and a field of the contacts' pages. The subclass names them where it wants them."""

    @admin_action(description=_("Send Personal Links"), permissions=["change"])
    def send_links(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse:
        """Also across pages: the list's own selection is asked for again when it is confirmed."""
        ids = self.chosen_ids(request, queryset)
        hidden = selection(request, "send_links", ids)
        return links_page(request, self.admin_site.each_context(request), ids, self.url("changelist"), hidden)

    @admin_action(description=_("Fire drill"), permissions=["change"])
    def drill_selected(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse | None:
        """Leads to the page that asks how; more than an address holds are a group."""
        ids = self.chosen_ids(request, queryset)
        if len(ids) > MOST_NAMED:
            text = _now("Choose %(most)d contacts at most, or run the drill with a group.") % {"most": MOST_NAMED}
            messages.error(request, text)
            return None
        return HttpResponseRedirect(f"{reverse('console:new-drill')}?{urlencode([('object', pk) for pk in ids])}")

    @action(
        description=_("Send a personal link"),
        icon="link",
        url_path="link",
        permissions=["write"],
        attrs={"data-dialog": True},
    )
    def send_link(self, request: HttpRequest, object_id: str) -> HttpResponse:
        contact = self.row(request, object_id)
        back = self.url("overview", contact.pk)
        return links_page(request, self.admin_site.each_context(request), [contact.pk], back)

    @action(
        description=_("Revoke the personal links"),
        icon="link_off",
        url_path="revoke-links",
        permissions=["write"],
        attrs={"data-dialog": True},
    )
    def revoke_links(self, request: HttpRequest, object_id: str) -> HttpResponse:
        contact = self.row(request, object_id)

        def act(data: dict[str, Any]) -> HttpResponse:
            revoke_personal_links(by=actor_of(request), now=utc_now(), contact_id=contact.pk)
            return self.done(request, _now("The personal links were revoked."), "overview", contact.pk)

        return form_page(
            request,
            self.admin_site.each_context(request),
            forms.Form,
            act,
            title=_now("Revoke the personal links of %(name)s") % {"name": contact},
            text=_now(
                "What was sent opens nothing any more, and a page that is open is closed. A new link can be sent."
            ),
            submit=_now("Revoke"),
        )

    @action(
        description=_("Sign-in of this contact"),
        icon="person_add",
        url_path="sign-in",
        permissions=["administer"],
        attrs={"data-dialog": True},
    )
    def link_user(self, request: HttpRequest, object_id: str) -> HttpResponse:
        contact = self.row(request, object_id)

        class SignInForm(forms.Form):
            user = forms.ModelChoiceField(
                label=_("user"),
                queryset=User.objects.filter(Q(contact__isnull=True, is_active=True) | Q(contact=contact)),
                required=False,
                empty_label=_("nobody"),
                widget=UnfoldAdminSelectWidget,
            )

        def act(data: dict[str, Any]) -> HttpResponse:
            user: User | None = data["user"]
            user_id = user.pk if user is not None else None
            link_sign_in(by=actor_of(request), now=utc_now(), contact_id=contact.pk, user_id=user_id)
            text = _now("%(user)s finds this contact under My contact.") if user else _now("No user is this contact.")
            return self.done(request, text % {"user": user}, "overview", contact.pk)

        return form_page(
            request,
            self.admin_site.each_context(request),
            SignInForm,
            act,
            title=_now("Which user is %(name)s?") % {"name": contact},
            text=_now(
                "Under My contact this user, whatever the role, sees and changes this contact's numbers and addresses, "
                "verifies and tests them. A user is one contact at most."
            ),
            initial={"user": contact.sign_in_id},
        )

    def has_administer_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may(request, Permission.ADMINISTER)

    @display(description=_("signs in as"))
    def signs_in_as(self, contact: Contact) -> str:
        return contact.sign_in.username if contact.sign_in is not None else NOTHING


def own_contact_of(user: User) -> SafeString | str:
    """For the user's page: the way to the contact that the user is."""
    contact = Contact.objects.filter(sign_in=user).only("name").first()
    if contact is None:
        return _now("None; an administrator says on a contact's page which user it is.")
    url = reverse("console:contacts_contact_change", args=[contact.pk])
    return format_html('<a class="text-link" href="{}">{}</a>', url, contact.name)
