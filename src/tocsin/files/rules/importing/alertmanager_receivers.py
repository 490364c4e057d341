"""Alertmanager's receivers -> contacts, webhooks, robots and a mail account."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from email.utils import getaddresses
from typing import Any

from tocsin.channels.kinds import ROBOT_PLATFORMS
from tocsin.files.rules.importing.drafting import Draft
from tocsin.files.rules.importing.go_yaml import is_true

_OTHERS = {
    "pagerduty_configs": "PagerDuty", "opsgenie_configs": "Opsgenie", "victorops_configs": "VictorOps",
    "pushover_configs": "Pushover", "sns_configs": "Amazon SNS", "webex_configs": "Webex", "discord_configs": "Discord",
    "wechat_configs": "the WeCom application API (a WeCom group robot can be told instead)", "jira_configs": "Jira",
    "rocketchat_configs": "Rocket.Chat", "incidentio_configs": "incident.io",
}  # fmt: skip
"""What a receiver may have beside mail, webhooks and the robots that there are here."""
_ROBOTS = {"slack_configs": ("slack", "Slack", "api_url"), "msteams_configs": ("teams", "Teams", "webhook_url"),
           "msteamsv2_configs": ("teams", "Teams", "webhook_url"),
           "mattermost_configs": ("mattermost", "Mattermost", "webhook_url"),
           "telegram_configs": ("telegram", "Telegram", "bot_token")}  # fmt: skip
_RESOLVED_BY_DEFAULT = {"email_configs": False, "slack_configs": False, "wechat_configs": False}
_MAIL_TEXTS = ("html", "text", "headers")
_ROBOT_TEXTS = ("title", "text", "fields", "actions", "channel", "username")
_TLS_AT_ONCE = "465"
"""The port at which Alertmanager does not wait for STARTTLS."""
_TEMPLATE = re.compile(r"\{\{")


def mapping_of(value: Any, place: str) -> Mapping[str, Any]:
    """ValueError when it is none."""
    if not isinstance(value, Mapping):
        raise ValueError(f"{place} must have keys.")
    return value


def list_of(value: Any, place: str) -> list[Any]:
    """Nothing is an empty one; ValueError when it is something else."""
    if value is not None and not isinstance(value, list):
        raise ValueError(f"{place} must be a list.")
    return value or []


class Receivers:
    """What each receiver tells: notification objects by name, with their channels."""

    def __init__(self, config: Mapping[str, Any], draft: Draft) -> None:
        self._draft = draft
        self._global = mapping_of(config.get("global") or {}, "global")
        self._targets: dict[str, dict[str, list[str]]] = {}
        self._resolved: dict[str, list[bool]] = {}
        for number, receiver in enumerate(list_of(config.get("receivers"), "receivers"), start=1):
            self._read(f"receivers[{number}]", mapping_of(receiver, f"receivers[{number}]"))
        if any(channels for targets in self._targets.values() for channels in targets.values()):
            self._mail_account()
        for key in sorted(set(self._global) - _KNOWN_GLOBAL):
            draft.note(f"global.{key}", "is not carried")
        if "resolve_timeout" in self._global:
            draft.note("global.resolve_timeout", "belongs to the integration here: its auto_resolve_seconds")

    def targets_of(self, receiver: str) -> dict[str, list[str]]:
        return dict(self._targets.get(receiver, {}))

    def sends_resolved(self, receiver: str) -> bool:
        said = self._resolved.get(receiver, [])
        if len(set(said)) > 1:
            text = "some of it is told of recoveries and some is not; a policy tells all or none: here all"
            self._draft.note(f"receiver {receiver}", text)
        return any(said) if said else True

    def _read(self, place: str, receiver: Mapping[str, Any]) -> None:
        name = str(receiver.get("name") or "")
        targets = self._targets.setdefault(name, {})
        resolved = self._resolved.setdefault(name, [])
        for kind, listed in receiver.items():
            if kind == "name":
                continue
            for number, entry in enumerate(list_of(listed, f"{place}.{kind}"), start=1):
                where = f"{place}.{kind}[{number}]"
                found = self._told(kind, where, name, mapping_of(entry, where))
                targets.update(found)
                if found:
                    resolved.append(is_true(entry.get("send_resolved", _RESOLVED_BY_DEFAULT.get(kind, True))))

    def _told(self, kind: str, where: str, name: str, entry: Mapping[str, Any]) -> dict[str, list[str]]:
        if kind == "email_configs":
            return self._people(where, entry)
        if kind == "webhook_configs":
            return self._webhook(where, name, entry)
        if kind in _ROBOTS:
            return self._robot(kind, where, name, entry)
        self._draft.note(where, f"{_OTHERS.get(kind, kind)} has no form here; the receiver {name} does without it")
        return {}

    def _people(self, where: str, entry: Mapping[str, Any]) -> dict[str, list[str]]:
        self._note_texts(where, entry, _MAIL_TEXTS)
        self._note_rest(where, entry, {"to", *_MAIL_TEXTS})
        typed = str(entry.get("to") or "")
        if _TEMPLATE.search(typed):
            self._draft.note(where, "an address that a template makes has no form here")
            return {}
        found = {}
        for shown, address in getaddresses([typed]):
            if "@" in address:
                known = next((c for c in self._draft.document["contacts"] if c["email"] == address.lower()), None)
                contact = known["name"] if known else self._add(
                    "contacts", {"name": shown or address.partition("@")[0], "email": address.lower()}
                )  # fmt: skip
                found[str(contact)] = ["email"]
        if not found:
            self._draft.note(where, "names no address")
        return found

    def _webhook(self, where: str, name: str, entry: Mapping[str, Any]) -> dict[str, list[str]]:
        webhook: dict[str, Any] = {"name": name, "url": self._address(where, ("webhooks", name, "url"), entry, "url")}
        if entry.get("http_config"):
            self._draft.note(where, "http_config (proxy, TLS, authorization) is not carried; headers have a place here")
        if str(entry.get("max_alerts") or 0) != "0":
            self._draft.note(where, "max_alerts is not carried")
        self._note_rest(where, entry, {"url", "url_file", "http_config", "max_alerts"})
        return {self._add("webhooks", webhook): []}

    def _robot(self, kind: str, where: str, name: str, entry: Mapping[str, Any]) -> dict[str, list[str]]:
        platform, title, field = _ROBOTS[kind]
        if platform not in list(ROBOT_PLATFORMS):
            self._draft.note(where, f"this version has no robots of {title}; the receiver {name} does without it")
            return {}
        self._note_texts(where, entry, _ROBOT_TEXTS)
        where_it_is = (field, f"{field}_file")
        self._note_rest(where, entry, {*where_it_is, "chat_id", *_ROBOT_TEXTS})
        own = {key: entry[key] for key in where_it_is if entry.get(key)}
        usual = {key: self._global.get(f"{platform}_{key}") for key in where_it_is}
        secret = self._address(where, ("robots", name, field), own or usual, field)
        robot: dict[str, Any] = {"name": name, "platform": platform}
        if platform == "telegram":
            robot["settings"] = {"token": secret, "chat": str(entry.get("chat_id") or "")}
        else:
            robot["url"] = secret
        return {self._add("robots", robot): []}

    def _add(self, key: str, values: Mapping[str, Any]) -> str:
        """Under a name that no other thing has that can be told."""
        return self._draft.share(key, values, beside=("contacts", "robots", "webhooks"))

    def _address(self, where: str, parts: tuple[str, ...], entry: Mapping[str, Any], field: str) -> dict[str, str]:
        """A reference: an address may hold a token."""
        if path := entry.get(f"{field}_file"):
            return {"file": str(path)}
        url = str(entry.get(field) or "")
        if not url or url == "<secret>" or _TEMPLATE.search(url):
            self._draft.note(where, f"{field} is not written out there; say where it is")
            return self._draft.secret(parts, "")
        return self._draft.secret(parts, url)

    def _note_texts(self, where: str, entry: Mapping[str, Any], fields: tuple[str, ...]) -> None:
        if own := [field for field in fields if entry.get(field)]:
            self._draft.note(where, f"texts of its own ({', '.join(own)}) are not carried")

    def _note_rest(self, where: str, entry: Mapping[str, Any], known: Collection[str]) -> None:
        """What else is set there: nobody is to find out by a message that does not come."""
        rest = sorted(key for key in set(entry).difference(known, {"send_resolved"}) if entry[key] not in (None, ""))
        if rest:
            self._draft.note(where, f"{', '.join(rest)}: not carried")

    def _mail_account(self) -> None:
        host, _colon, port = str(self._global.get("smtp_smarthost") or "").rpartition(":")
        if not host:
            self._draft.note("global", "names no smtp_smarthost: add a provider account for mail")
            return
        settings: dict[str, Any] = {"host": host, "port": port, "from": str(self._global.get("smtp_from") or "")}
        if user := self._global.get("smtp_auth_username"):
            settings["username"] = str(user)
        if path := self._global.get("smtp_auth_password_file"):
            settings["password"] = {"file": str(path)}
        elif password := self._global.get("smtp_auth_password"):
            is_hidden = password == "<secret>"  # noqa: S105 (as amtool prints it)
            settings["password"] = self._draft.secret(
                ("accounts", "mail", "password"), "" if is_hidden else str(password)
            )
        if hello := self._global.get("smtp_hello"):
            settings["hello"] = str(hello)
        if port == _TLS_AT_ONCE:
            settings["security"] = "tls"
        elif not is_true(self._global.get("smtp_require_tls", True)):
            settings["security"] = "none"
        self._draft.add("accounts", {"name": "Mail", "provider": "smtp", "settings": settings})


_KNOWN_GLOBAL = {"resolve_timeout", "smtp_smarthost", "smtp_from", "smtp_auth_username", "smtp_auth_password",
                 "smtp_auth_password_file", "smtp_require_tls", "smtp_hello", "slack_api_url",
                 "slack_api_url_file", "telegram_bot_token", "telegram_bot_token_file", "mattermost_webhook_url",
                 "mattermost_webhook_url_file"}  # fmt: skip
