"""Values of the theme that depend on the request; theme.py names them."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest
from django.templatetags.static import static

from tocsin.accounts.rules import Permission
from tocsin.alerts.models import Alert
from tocsin.alerts.rules import AlertState
from tocsin.contacts.models import Contact
from tocsin.web.console.actors import may, user_of


def stylesheet(request: HttpRequest) -> str:
    return static("console/console.css")


def imports_stylesheet(request: HttpRequest) -> str:
    return static("console/imports.css")


def imports_script(request: HttpRequest) -> str:
    return static("console/imports.js")


def script(request: HttpRequest) -> str:
    return static("console/console.js")


def setup_stylesheet(request: HttpRequest) -> str:
    return static("console/setup.css")


def sign_in_stylesheet(request: HttpRequest) -> str:
    return static("console/sign-in.css")


def policies_script(request: HttpRequest) -> str:
    return static("console/policies.js")


def policy_order_script(request: HttpRequest) -> str:
    return static("console/policy_order.js")


def policies_stylesheet(request: HttpRequest) -> str:
    return static("console/policies.css")


def setup_script(request: HttpRequest) -> str:
    return static("console/setup.js")


def on_call_stylesheet(request: HttpRequest) -> str:
    return static("console/on_call.css")


def on_call_script(request: HttpRequest) -> str:
    return static("console/on_call.js")


def matching_script(request: HttpRequest) -> str:
    return static("console/matching.js")


def silences_stylesheet(request: HttpRequest) -> str:
    return static("console/silences.css")


def silences_script(request: HttpRequest) -> str:
    return static("console/silences.js")


def outlet_stylesheet(request: HttpRequest) -> str:
    return static("console/outlets.css")


def outlet_script(request: HttpRequest) -> str:
    return static("console/outlets.js")


def dialog_stylesheet(request: HttpRequest) -> str:
    return static("console/dialogs.css")


def dialog_script(request: HttpRequest) -> str:
    return static("console/dialogs.js")


def picker_stylesheet(request: HttpRequest) -> str:
    return static("console/picker.css")


def picker_script(request: HttpRequest) -> str:
    return static("console/picker.js")


def access_stylesheet(request: HttpRequest) -> str:
    return static("console/access.css")


def access_script(request: HttpRequest) -> str:
    return static("console/access.js")


def contacts_stylesheet(request: HttpRequest) -> str:
    return static("console/contacts.css")


def contacts_script(request: HttpRequest) -> str:
    return static("console/contacts.js")


def escalation_stylesheet(request: HttpRequest) -> str:
    return static("console/escalation.css")


def escalation_script(request: HttpRequest) -> str:
    return static("console/escalation.js")


def mark(request: HttpRequest) -> str:
    return static("console/tocsin.svg")


def organisation(request: HttpRequest) -> str:
    return "" if settings.ORGANISATION == "Tocsin" else settings.ORGANISATION


def alerts_waiting(request: HttpRequest) -> str:
    """The badge beside Alerts: how many nobody has claimed; none when there are none."""
    count = Alert.objects.filter(state=AlertState.PENDING, is_shadow=False).count()
    return "99+" if count >= 100 else str(count or "")


def may_manage(request: HttpRequest) -> bool:
    return may(request, Permission.MANAGE)


def may_administer(request: HttpRequest) -> bool:
    return may(request, Permission.ADMINISTER)


def has_own_contact(request: HttpRequest) -> bool:
    return Contact.objects.filter(sign_in=user_of(request)).exists()
