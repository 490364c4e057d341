"""Every table that the console shows, and the page that shows it."""

from __future__ import annotations

from auditlog.models import LogEntry

from tocsin.accounts.models import AccessKey, ApiToken, User
from tocsin.alerts.models import Alert
from tocsin.channels.models import ProviderAccount
from tocsin.contacts.models import Contact, ContactGroup, Robot, Webhook
from tocsin.delivery.lifecycle_models import LifecycleSubscription
from tocsin.delivery.models import Delivery
from tocsin.events.models import Event, Integration
from tocsin.oncall.models import Schedule
from tocsin.policies.models import EscalationPolicy, Inhibition, NotificationPolicy, SilencePolicy
from tocsin.web.console.access_keys import AccessKeyAdmin
from tocsin.web.console.alerts import AlertAdmin
from tocsin.web.console.audit_log import LogEntryAdmin
from tocsin.web.console.contact_groups import ContactGroupAdmin
from tocsin.web.console.contacts import ContactAdmin
from tocsin.web.console.deliveries import DeliveryAdmin
from tocsin.web.console.display import NOTHING
from tocsin.web.console.escalations import EscalationPolicyAdmin
from tocsin.web.console.events import EventAdmin
from tocsin.web.console.inhibitions import InhibitionAdmin
from tocsin.web.console.integrations import IntegrationAdmin
from tocsin.web.console.on_call import ScheduleAdmin
from tocsin.web.console.policies import NotificationPolicyAdmin
from tocsin.web.console.provider_accounts import ProviderAccountAdmin
from tocsin.web.console.robots import RobotAdmin
from tocsin.web.console.silences import SilencePolicyAdmin
from tocsin.web.console.site import ConsoleSite
from tocsin.web.console.subscriptions import SubscriptionAdmin
from tocsin.web.console.users import ApiTokenAdmin, UserAdmin
from tocsin.web.console.webhooks import WebhookAdmin

console = ConsoleSite(name="console")
console.empty_value_display = NOTHING
console.register(Alert, AlertAdmin)
console.register(Event, EventAdmin)
console.register(NotificationPolicy, NotificationPolicyAdmin)
console.register(EscalationPolicy, EscalationPolicyAdmin)
console.register(SilencePolicy, SilencePolicyAdmin)
console.register(Inhibition, InhibitionAdmin)
console.register(Schedule, ScheduleAdmin)
console.register(Contact, ContactAdmin)
console.register(ContactGroup, ContactGroupAdmin)
console.register(Robot, RobotAdmin)
console.register(Webhook, WebhookAdmin)
console.register(Integration, IntegrationAdmin)
console.register(LifecycleSubscription, SubscriptionAdmin)
console.register(Delivery, DeliveryAdmin)
console.register(ProviderAccount, ProviderAccountAdmin)
console.register(User, UserAdmin)
console.register(ApiToken, ApiTokenAdmin)
console.register(AccessKey, AccessKeyAdmin)
console.register(LogEntry, LogEntryAdmin)
