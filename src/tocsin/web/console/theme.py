"""Unfold's settings: name, colours, navigation. Settings import this, so it reads no tables (theme_values does)."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.urls import get_script_prefix, reverse
from django.utils.functional import lazy
from django.utils.translation import gettext_lazy as _


@cache
def _address(view: str, script_prefix: str) -> str:
    return reverse(view)


def _link(view: str) -> Any:
    """Like Django's `reverse_lazy`, looked up once: each page compares these addresses hundreds of times."""
    return lazy(lambda: _address(view, get_script_prefix()), str)()


def _item(title: Any, icon: str, view: str, **more: Any) -> dict[str, Any]:
    return {"title": title, "icon": icon, "link": _link(f"console:{view}"), **more}


_VALUES = "tocsin.web.console.theme_values"
_MANAGER = {"permission": f"{_VALUES}.may_manage"}
_ADMIN = {"permission": f"{_VALUES}.may_administer"}

NAVIGATION = [
    {
        "items": [
            _item(_("Overview"), "home", "index"),
            _item(_("My contact"), "account_circle", "my-contact", permission=f"{_VALUES}.has_own_contact"),
        ]
    },
    {
        "title": _("Alert Management"),
        "items": [
            _item(_("Alerts"), "notifications_active", "alerts_alert_changelist", badge=f"{_VALUES}.alerts_waiting"),
            _item(_("Events"), "bolt", "events_event_changelist"),
            _item(_("Notification Policies"), "alt_route", "policies_notificationpolicy_changelist"),
            _item(_("Escalation Policies"), "stairs", "policies_escalationpolicy_changelist"),
            _item(_("Silence Policies"), "notifications_paused", "policies_silencepolicy_changelist"),
            _item(_("On-call"), "calendar_month", "oncall_schedule_changelist"),
            _item(_("Explain"), "help_center", "explain"),
            _item(_("Coverage"), "health_and_safety", "coverage"),
            _item(_("Notification Objects"), "groups", "contacts_contact_changelist"),
        ],
    },
    {
        "title": _("Integrations"),
        "items": [
            _item(_("Integrations"), "input", "events_integration_changelist"),
            _item(_("Life-cycle Webhooks"), "webhook", "delivery_lifecyclesubscription_changelist"),
        ],
    },
    {
        "title": _("Delivery"),
        "items": [
            _item(_("Deliveries"), "send", "delivery_delivery_changelist"),
            _item(_("Outbox"), "outbox", "outbox"),
        ],
    },
    {
        "title": _("Settings"),
        "items": [
            _item(_("Provider accounts"), "vpn_key", "channels_provideraccount_changelist", **_ADMIN),
            _item(_("Users"), "manage_accounts", "accounts_user_changelist", **_ADMIN),
            _item(_("API tokens"), "token", "accounts_apitoken_changelist", **_ADMIN),
            _item(_("Access keys"), "key", "accounts_accesskey_changelist", **_ADMIN),
            _item(_("Audit log"), "history", "auditlog_logentry_changelist", **_MANAGER),
        ],
    },
]

# One page with a tab for each kind: what is shown, and the model whose list it is.
_SILENCES = [(_("Silence Policies"), "policies.silencepolicy"), (_("Inhibition"), "policies.inhibition")]
_NOTIFICATION_OBJECTS = [
    (_("Contacts"), "contacts.contact"),
    (_("Contact Groups"), "contacts.contactgroup"),
    (_("DingTalk/Lark/WeCom"), "contacts.robot"),
    (_("Webhooks"), "contacts.webhook"),
]
TABS = [
    {
        "models": [model for _title, model in tabs],
        "items": [
            {"title": title, "link": _link(f"console:{model.replace('.', '_')}_changelist")} for title, model in tabs
        ],
    }
    for tabs in (_NOTIFICATION_OBJECTS, _SILENCES)
]

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Tocsin",
    "SITE_HEADER": "Tocsin",
    "SITE_SUBHEADER": f"{_VALUES}.organisation",
    "SITE_URL": None,
    "SITE_ICON": f"{_VALUES}.mark",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": f"{_VALUES}.mark"}],
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_LANGUAGES": False,
    "BORDER_RADIUS": "8px",
    "STYLES": [
        f"{_VALUES}.stylesheet",
        f"{_VALUES}.dialog_stylesheet",
        f"{_VALUES}.picker_stylesheet",
        f"{_VALUES}.contacts_stylesheet",
        f"{_VALUES}.setup_stylesheet",
        f"{_VALUES}.imports_stylesheet",
        f"{_VALUES}.outlet_stylesheet",
        f"{_VALUES}.silences_stylesheet",
        f"{_VALUES}.on_call_stylesheet",
        f"{_VALUES}.access_stylesheet",
        f"{_VALUES}.sign_in_stylesheet",
        f"{_VALUES}.policies_stylesheet",
        f"{_VALUES}.escalation_stylesheet",
    ],
    "SCRIPTS": [
        f"{_VALUES}.script",
        f"{_VALUES}.dialog_script",
        f"{_VALUES}.picker_script",
        f"{_VALUES}.contacts_script",
        f"{_VALUES}.setup_script",
        f"{_VALUES}.imports_script",
        f"{_VALUES}.outlet_script",
        f"{_VALUES}.matching_script",
        f"{_VALUES}.silences_script",
        f"{_VALUES}.on_call_script",
        f"{_VALUES}.policies_script",
        f"{_VALUES}.policy_order_script",
        f"{_VALUES}.access_script",
        f"{_VALUES}.escalation_script",
    ],
    "TABS": TABS,
    "ACCOUNT": {"navigation": [{"title": _("My account"), "link": _link("account")}]},
    "SIDEBAR": {"show_search": False, "show_all_applications": False, "navigation": NAVIGATION},
    "COLORS": {
        "primary": {
            "50": "oklch(97.5% .015 200)",
            "100": "oklch(94% .03 202)",
            "200": "oklch(88% .055 204)",
            "300": "oklch(80% .085 207)",
            "400": "oklch(74% .105 210)",
            "500": "oklch(66% .11 214)",
            "600": "oklch(50% .1 222)",
            "700": "oklch(44% .088 224)",
            "800": "oklch(38% .074 226)",
            "900": "oklch(33% .06 228)",
            "950": "oklch(24% .045 230)",
        }
    },
}
