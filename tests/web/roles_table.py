"""Who may open and do what: every address of the URLconf and every action on a list, in tables that people read.

test_roles_table.py asks each of them as a visitor and as every role, and fails on what stands in no table. To add:

- a table of the console (`console.register`): a row of TABLES;
- any other address, also one beside a row of a table (`actions_detail`, `extra_urls`): a row of ADDRESSES;
- an action on the selected rows of a list (`actions`): a row of ACTIONS;
- an argument of an address that is new: a row of ARGUMENTS;
- an operation of `/api/v1`: a row of rest/operations_table.py.

Each says the least role that may; all above it may too. What is new for a role needs a reason, not only a row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from tocsin.accounts.rules import Role
from tocsin.alerts.models import Alert
from tocsin.delivery.models import Delivery
from tocsin.events.models import Integration
from tocsin.policies.models import NotificationPolicy

ANYBODY: Final = "anybody"
NOBODY: Final = "nobody"
VIEWER, RESPONDER, MANAGER, ADMIN = Role
Who = str
"""ANYBODY (visitors too), the least role that may, or NOBODY."""


@dataclass(frozen=True, slots=True)
class Door:
    """`look` for GET, `act` for POST (the same unless given). `at`: the path to ask, where it cannot be made from the
    route. `status`: what the allowed get, where it is neither a page nor a way on (200, 302)."""

    look: Who
    act: Who = ""
    at: str = ""
    status: tuple[int, ...] = (200, 302)
    to_sign_in: bool = False
    """Leads even the allowed to the sign-in."""

    def least(self, method: str) -> Who:
        return self.act or self.look if method == "POST" else self.look


@dataclass(frozen=True, slots=True)
class Table:
    """One registered table: its list and rows, and who may add, change and delete them."""

    look: Who
    add: Who = NOBODY
    change: Who = NOBODY
    delete: Who = NOBODY

    def doors(self, prefix: str) -> dict[str, Door]:
        row = f"{prefix}<path:object_id>/"
        return {
            prefix: Door(self.look),
            f"{prefix}add/": Door(self.add),
            f"{row}change/": Door(self.look, self.change),
            f"{row}delete/": Door(self.delete),
            f"{row}history/": Door(VIEWER),  # leads to the audit log, which asks again
            row: Door(VIEWER, status=(302, 405)),  # leads to change/, which asks again
        }


TABLES: dict[str, Table] = {
    "alerts/alert": Table(VIEWER),
    "events/event": Table(VIEWER),
    "policies/notificationpolicy": Table(VIEWER, add=MANAGER, change=MANAGER, delete=MANAGER),
    "policies/escalationpolicy": Table(VIEWER, add=MANAGER, change=MANAGER, delete=MANAGER),
    "policies/silencepolicy": Table(VIEWER, add=MANAGER, change=MANAGER, delete=MANAGER),
    "policies/inhibition": Table(VIEWER, add=MANAGER, change=MANAGER, delete=MANAGER),
    "oncall/schedule": Table(VIEWER, add=MANAGER, change=MANAGER, delete=MANAGER),
    "contacts/contact": Table(VIEWER, add=MANAGER, change=MANAGER, delete=MANAGER),
    "contacts/contactgroup": Table(VIEWER, add=MANAGER, change=MANAGER, delete=MANAGER),
    "contacts/robot": Table(VIEWER, add=MANAGER, change=MANAGER, delete=MANAGER),
    "contacts/webhook": Table(VIEWER, add=MANAGER, change=MANAGER, delete=MANAGER),
    "delivery/lifecyclesubscription": Table(VIEWER, add=MANAGER, change=MANAGER, delete=MANAGER),
    "events/integration": Table(VIEWER, add=MANAGER, change=MANAGER, delete=MANAGER),
    "delivery/delivery": Table(VIEWER),
    "channels/provideraccount": Table(ADMIN, add=ADMIN, change=ADMIN, delete=ADMIN),
    "accounts/user": Table(ADMIN, add=ADMIN, change=ADMIN),
    "accounts/apitoken": Table(ADMIN, add=ADMIN),
    "accounts/accesskey": Table(ADMIN, add=ADMIN),
    "auditlog/logentry": Table(MANAGER),
}

ADDRESSES: dict[str, Door] = {
    # without sign-in
    "": Door(ANYBODY, status=(302, 405)),
    "v/": Door(ANYBODY, status=(200, 403)),
    "v/<path:token>": Door(ANYBODY, status=(200, 403)),
    "a/<path:token>": Door(ANYBODY, status=(200, 403)),
    "d/<path:token>": Door(ANYBODY, status=(200, 403)),
    "h/<path:token>": Door(ANYBODY, status=(200, 403)),
    "calendar/<str:token>.ics": Door(ANYBODY, status=(404, 405)),
    "c/": Door(ANYBODY, status=(200, 403)),
    "c/<path:token>": Door(ANYBODY, status=(200, 302, 403)),
    "c/my/": Door(ANYBODY, status=(200, 302, 403)),
    "c/my/messages/<int:delivery_id>/": Door(ANYBODY, status=(200, 302, 403, 404)),
    "callbacks/<str:provider>/<str:token>": Door(ANYBODY, status=(404, 405)),
    # programs with a token, asked in test_alertmanager_api.py; a sign-in opens nothing there
    "api/v2/alerts": Door(ANYBODY, status=(401, 405)),
    "api/v2/alerts/groups": Door(ANYBODY, status=(401, 405)),
    "api/v2/receivers": Door(ANYBODY, status=(401, 405)),
    "api/v2/silence/<str:silence_id>": Door(ANYBODY, status=(401, 405)),
    "api/v2/silences": Door(ANYBODY, status=(401,)),
    "api/v2/status": Door(ANYBODY, status=(401, 405)),
    "api/v2/": Door(ANYBODY, status=(404,)),
    "api/v2/<path:rest>": Door(ANYBODY, status=(404,)),
    # senders by the token in the path
    "integrations/<str:token>/<str:dialect>": Door(ANYBODY, at=f"integrations/{'x' * 22}/json", status=(401, 405)),
    "^api/v1/events/(?P<token>tci_\\w+)$": Door(ANYBODY, at=f"api/v1/events/tci_{'x' * 22}", status=(401, 405)),
    "api/v1/openapi.json": Door(ANYBODY, status=(200, 405)),
    "api/v1/docs": Door(ANYBODY, status=(200, 405)),
    "api/v1/<path:rest>": Door(ANYBODY, status=(404,)),
    "healthz": Door(ANYBODY, status=(200, 405)),
    "readyz": Door(ANYBODY, status=(200, 405)),
    "metrics": Door(ANYBODY, status=(200, 405)),
    # signing in and out
    "console/login/": Door(ANYBODY),
    "console/language/": Door(ANYBODY, status=(302, 400, 405)),
    "console/logout/": Door(ANYBODY, status=(200, 302, 405)),
    "console/login/second-factor/": Door(ANYBODY, to_sign_in=True),  # without a right password before it
    "console/login/cancel/": Door(ANYBODY, status=(302, 405), to_sign_in=True),
    "console/login/passkey/": Door(ANYBODY, to_sign_in=True),
    "console/login/provider/": Door(ANYBODY, status=(404, 405)),  # none is set up here
    "console/login/provider/callback/": Door(ANYBODY, status=(404, 405)),
    "console/login/again/": Door(VIEWER),
    "console/login/again/code/": Door(VIEWER),
    "console/login/again/passkey/": Door(VIEWER),
    "console/password_change/": Door(VIEWER),
    "console/password_change/done/": Door(VIEWER),
    # one's own account; of others' there is none at these addresses
    "console/account/": Door(VIEWER),
    "console/account/profile/": Door(VIEWER),
    "console/account/password/": Door(VIEWER),
    "console/account/provider/": Door(VIEWER, status=(302, 405)),
    "console/account/app/": Door(VIEWER),
    "console/account/app/remove/": Door(VIEWER, status=(404,)),
    "console/account/codes/": Door(VIEWER, status=(404, 405)),
    "console/account/codes/new/": Door(VIEWER),
    "console/account/passkeys/": Door(VIEWER),
    "console/account/passkeys/add/": Door(VIEWER),
    "console/account/passkeys/<int:pk>/rename/": Door(VIEWER),
    "console/account/passkeys/<int:pk>/remove/": Door(VIEWER),
    "console/account/second-factor/": Door(VIEWER),
    "console/account/sessions/<int:session_id>/end/": Door(VIEWER, status=(404,)),
    "console/account/sessions/end-others/": Door(VIEWER),
    # the console itself
    "console/": Door(VIEWER),
    "console/search/": Door(VIEWER),
    "console/autocomplete/": Door(NOBODY),
    "console/jsi18n/": Door(VIEWER, status=(200, 405)),
    "console/r/<path:content_type_id>/<path:object_id>/": Door(VIEWER, status=(404,)),
    "console/^(?P<app_label>{apps})/$": Door(VIEWER, at="console/alerts/"),
    "console/(?P<url>.*)$": Door(VIEWER, at="console/nowhere/", status=(404,)),
    "console/explain/": Door(VIEWER),
    "console/coverage/": Door(VIEWER, status=(200, 405)),
    "console/drills/": Door(VIEWER, status=(200, 405)),
    "console/drills/new/": Door(MANAGER),
    "console/drills/<int:drill_id>/": Door(VIEWER, status=(404, 405)),
    "console/first-run/hide/": Door(MANAGER, status=(302, 405)),
    "console/first-run/<slug:name>/aside/": Door(MANAGER, status=(302, 405)),
    "console/first-run/<slug:name>/use/": Door(MANAGER, status=(302, 405)),
    "console/contact-imports/": Door(MANAGER),
    "console/contact-imports/template.<slug:format>": Door(MANAGER, status=(200, 405)),
    "console/contact-imports/<int:import_id>/": Door(MANAGER, status=(404,)),
    "console/contact-imports/<int:import_id>/live/": Door(MANAGER, status=(404, 405)),
    "console/contact-imports/<int:import_id>/start/": Door(MANAGER, status=(404, 405)),
    "console/contact-imports/<int:import_id>/cancel/": Door(MANAGER, status=(404, 405)),
    "console/contact-imports/<int:import_id>/refused/": Door(MANAGER, status=(404, 405)),
    "console/contact-export/": Door(MANAGER),
    "console/help/": Door(VIEWER),
    "console/outbox/": Door(VIEWER),
    "console/outbox/<int:delivery_id>/<slug:answer>/": Door(RESPONDER, status=(302, 405)),
    "console/picker/": Door(VIEWER, status=(200, 405)),
    "console/my-contact/": Door(VIEWER, status=(404,)),  # these users are no contacts
    "console/my-contact/messages/<int:delivery_id>/": Door(VIEWER, status=(404,)),
    # beside the rows of tables
    "console/alerts/alert/<int:alert_id>/claim/": Door(RESPONDER, status=(302, 405)),
    "console/alerts/alert/<int:alert_id>/unclaim/": Door(RESPONDER, status=(302, 405)),
    "console/alerts/alert/<int:alert_id>/resolve/": Door(RESPONDER, status=(302, 405)),
    "console/alerts/alert/<int:alert_id>/apply/": Door(RESPONDER, status=(302, 405)),
    "console/alerts/alert/<int:alert_id>/comment/": Door(RESPONDER, status=(302, 405)),
    "console/alerts/alert/<int:alert_id>/reopen/": Door(RESPONDER, status=(302, 405)),
    "console/alerts/alert/<int:alert_id>/unmute/": Door(RESPONDER, status=(302, 405)),
    "console/alerts/alert/<int:alert_id>/claim-for/": Door(RESPONDER),
    "console/alerts/alert/<int:alert_id>/assign/": Door(RESPONDER),
    "console/alerts/alert/<int:alert_id>/severity/": Door(RESPONDER),
    "console/alerts/alert/<int:alert_id>/mute/": Door(RESPONDER),
    "console/alerts/alert/<int:alert_id>/escalate/": Door(RESPONDER),
    "console/alerts/alert/<int:alert_id>/live/": Door(VIEWER),
    "console/events/event/<path:object_id>/explain_event/": Door(VIEWER),
    "console/policies/notificationpolicy/match/": Door(MANAGER, status=(200, 405)),
    "console/policies/notificationpolicy/labels/": Door(MANAGER),
    "console/policies/notificationpolicy/template/": Door(MANAGER, status=(400, 405)),
    "console/policies/notificationpolicy/reach/": Door(MANAGER, status=(200, 405)),
    "console/policies/notificationpolicy/<int:policy_id>/in-shadow/": Door(VIEWER),
    "console/policies/notificationpolicy/<path:object_id>/shadow-report/": Door(VIEWER),
    "console/policies/notificationpolicy/<path:object_id>/shadow/": Door(MANAGER),
    "console/policies/notificationpolicy/<path:object_id>/apply/": Door(MANAGER),
    "console/policies/notificationpolicy/order/": Door(MANAGER, status=(302, 405)),
    "console/policies/notificationpolicy/<int:policy_id>/up/": Door(MANAGER, status=(302, 405)),
    "console/policies/notificationpolicy/<int:policy_id>/down/": Door(MANAGER, status=(302, 405)),
    "console/oncall/schedule/<path:object_id>/page/": Door(VIEWER),
    "console/oncall/schedule/<path:object_id>/substitute/": Door(MANAGER),
    "console/oncall/schedule/<path:object_id>/substitutes/<int:substitute_id>/end/": Door(MANAGER),
    "console/oncall/schedule/<path:object_id>/check-in/<int:handover_id>/": Door(RESPONDER),
    "console/oncall/schedule/<path:object_id>/feed/": Door(MANAGER),
    "console/policies/silencepolicy/quick/": Door(RESPONDER, status=(200, 302, 404)),
    "console/policies/silencepolicy/<path:object_id>/end/": Door(RESPONDER),
    "console/policies/silencepolicy/<path:object_id>/enable/": Door(MANAGER),
    "console/policies/notificationpolicy/<path:object_id>/enable/": Door(MANAGER),
    "console/policies/notificationpolicy/<path:object_id>/disable/": Door(MANAGER),
    "console/events/event/<path:object_id>/policy/": Door(MANAGER),
    "console/events/event/<path:object_id>/silence/": Door(RESPONDER),
    "console/policies/notificationpolicy/<path:object_id>/copy/": Door(MANAGER),
    "console/contacts/contact/defaults/": Door(MANAGER),
    "console/contacts/contact/<path:object_id>/overview/": Door(VIEWER),
    "console/contacts/contact/<path:object_id>/reveal/": Door(MANAGER),
    "console/contacts/contact/<path:object_id>/remove-from-group/": Door(MANAGER, status=(200, 302, 404)),
    "console/contacts/contact/<path:object_id>/verify/": Door(MANAGER),
    "console/contacts/contact/<path:object_id>/call/": Door(MANAGER),
    "console/contacts/contact/<path:object_id>/attest/": Door(ADMIN),
    "console/contacts/contact/<path:object_id>/test/": Door(MANAGER),
    "console/contacts/contact/<path:object_id>/remove-chatbot/": Door(MANAGER),
    "console/contacts/contact/<path:object_id>/link/": Door(MANAGER),
    "console/contacts/contact/<path:object_id>/revoke-links/": Door(MANAGER),
    "console/contacts/contact/<path:object_id>/user-id/": Door(MANAGER),
    "console/contacts/contact/<path:object_id>/sign-in/": Door(ADMIN),
    "console/contacts/robot/<path:object_id>/test/": Door(MANAGER),
    "console/contacts/robot/<path:object_id>/daily/": Door(MANAGER),
    "console/contacts/webhook/<path:object_id>/test/": Door(MANAGER),
    "console/delivery/lifecyclesubscription/<path:object_id>/test/": Door(MANAGER),
    "console/events/integration/<path:object_id>/new-token/": Door(MANAGER),
    "console/events/integration/<path:object_id>/mapping/": Door(MANAGER),
    "console/events/integration/<path:object_id>/test-event/": Door(MANAGER),
    "console/events/integration/<int:integration_id>/live/": Door(VIEWER),
    "console/channels/provideraccount/<path:object_id>/test/": Door(ADMIN),
    "console/channels/provideraccount/caps/": Door(ADMIN),
    "console/accounts/user/<path:object_id>/new-password/": Door(ADMIN),
    "console/accounts/user/<path:object_id>/reset-second-factor/": Door(ADMIN),
    "console/accounts/user/<path:object_id>/sessions/": Door(ADMIN),
    "console/accounts/apitoken/<path:object_id>/revoke/": Door(ADMIN),
    "console/accounts/accesskey/<path:object_id>/disable/": Door(ADMIN),
    "console/accounts/accesskey/<path:object_id>/enable/": Door(ADMIN),
}

ACTIONS: dict[str, dict[str, Who]] = {
    "alerts/alert": {"claim_selected": RESPONDER, "resolve_selected": RESPONDER, "mute_selected": RESPONDER},
    "policies/notificationpolicy": {"delete_selected": MANAGER},
    "policies/escalationpolicy": {"delete_selected": MANAGER},
    "oncall/schedule": {"delete_selected": MANAGER},
    "policies/silencepolicy": {"delete_selected": MANAGER},
    "policies/inhibition": {"delete_selected": MANAGER},
    "contacts/contact": {
        "delete_selected": MANAGER,
        "verify_numbers": MANAGER,
        "send_links": MANAGER,
        "look_up_ids": MANAGER,
        "drill_selected": MANAGER,
        "remove_selected": MANAGER,
        "export_selected": MANAGER,
    },
    "contacts/contactgroup": {"delete_selected": MANAGER},
    "contacts/robot": {"delete_selected": MANAGER},
    "contacts/webhook": {"delete_selected": MANAGER},
    "delivery/lifecyclesubscription": {"delete_selected": MANAGER},
    "events/integration": {"delete_selected": MANAGER},
    "channels/provideraccount": {"delete_selected": ADMIN},
}
"""By table; a table that is not here has none."""

ARGUMENTS: dict[str, Callable[[], Any]] = {
    "alert_id": lambda: Alert.objects.values_list("pk", flat=True)[0],
    "integration_id": lambda: Integration.objects.values_list("pk", flat=True)[0],
    "delivery_id": lambda: Delivery.objects.values_list("pk", flat=True)[0],
    "answer": lambda: "answer",
    "name": lambda: "phone",
    "pk": lambda: 1,
    "session_id": lambda: 1,
    "content_type_id": lambda: 1,
    "import_id": lambda: 1,
    "drill_id": lambda: 1,
    "substitute_id": lambda: 1,
    "handover_id": lambda: 1,
    "format": lambda: "csv",
    "token": lambda: "x" * 22,
    "provider": lambda: "nobody",
    "silence_id": lambda: "x",
    "rest": lambda: "x",
    "policy_id": lambda: NotificationPolicy.objects.values_list("pk", flat=True)[0],
}
"""What stands for an argument of an address. `object_id` is the first row of the table that the address is of."""
