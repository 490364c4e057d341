"""What Slack answers: `ok` inside HTTP 200 for its API, a word for a webhook."""

from __future__ import annotations

import re
from datetime import timedelta

from tocsin.channels.base import Outcome, SendResult
from tocsin.channels.groups import ADVISED, REFUSED, TOOK_IT, without_code, without_id
from tocsin.channels.http import HttpReply
from tocsin.channels.texts import concealed
from tocsin.core.sentences import Sentence

_PAUSE = timedelta(seconds=30)
_TOO_FAST = ("ratelimited", "rate_limited", "message_limit_exceeded")
_LATER = (
    "internal_error",
    "fatal_error",
    "service_unavailable",
    "request_timeout",
    "team_added_to_org",
    "rollup_error",
)
ABOUT_CHANNEL = ("channel_not_found", "not_in_channel", "is_archived", "channel_is_archived", "message_not_found")
ABOUT_BLOCKS = (
    "invalid_blocks",
    "invalid_blocks_format",
    "invalid_attachments",
    "msg_blocks_too_long",
    "invalid_payload",
)
_CONTENT = ("no_text", "msg_too_long", "restricted_action", "as_user_not_supported", "duplicate_message_not_found")
_GONE = ("message_not_found", "cant_update_message", "edit_window_closed")
_TOKEN = Sentence("Slack does not know the bot's token, or it was revoked: enter it again.")
_ADVICE = {
    "invalid_auth": _TOKEN,
    "not_authed": _TOKEN,
    "token_revoked": _TOKEN,
    "token_expired": _TOKEN,
    "account_inactive": _TOKEN,
    "missing_scope": Sentence(
        "The bot lacks a permission: give the Slack app the scope chat:write and install it again."
    ),
    "no_permission": Sentence(
        "The bot lacks a permission: give the Slack app the scope chat:write and install it again."
    ),
    "channel_not_found": Sentence(
        "Slack does not know the channel, or the bot may not see it: check its ID, and invite it."
    ),
    "not_in_channel": Sentence("The bot is not in the channel: invite it there with /invite."),
    "is_archived": Sentence("The channel is archived."),
    "channel_is_archived": Sentence("The channel is archived."),
    "no_service": Sentence("The webhook was removed: make a new one and enter its URL."),
    "no_active_hooks": Sentence("The webhook was removed: make a new one and enter its URL."),
    "no_team": Sentence("The webhook was removed: make a new one and enter its URL."),
    "invalid_token": Sentence("The webhook was removed: make a new one and enter its URL."),
    "action_prohibited": Sentence("The Slack workspace does not let webhooks post there."),
    "posting_to_general_channel_denied": Sentence("The Slack workspace does not let webhooks post there."),
    "message_not_found": Sentence("The message was deleted in Slack."),
    "cant_update_message": Sentence("The bot may not change this message."),
    "edit_window_closed": Sentence("The Slack workspace does not let messages be changed that late."),
}
_WORD = re.compile(r"[a-z][a-z_]{2,60}")
_TAKEN_WITHOUT_VERDICT = (200, 201, 202, 204)


def read(reply: HttpReply, *secrets: str) -> SendResult:
    """Of the API. `ok` and a message's place are success; a word that is not known is tried again a few times."""
    try:
        answer = reply.json()
        is_ok, says = answer["ok"], str(answer.get("error", ""))
        place = f"{answer['channel']}:{answer['ts']}" if is_ok is True else ""
    except (ValueError, TypeError, KeyError, AttributeError):
        return without_code(reply, "Slack") if b'"ok":true' not in reply.body else without_id("ok", "Slack")
    if is_ok is True:
        return SendResult(Outcome.ACCEPTED, "ok", TOOK_IT % {"platform": "Slack"}, place)
    return _refused(says or "no_error", reply, secrets)


def read_word(reply: HttpReply, *secrets: str) -> SendResult:
    """Of a webhook, which says "ok" or what is wrong."""
    says = reply.text.strip()
    if reply.status == 200 and says == "ok":
        return SendResult(Outcome.ACCEPTED, "ok", TOOK_IT % {"platform": "Slack"})
    if _WORD.fullmatch(says) and reply.status not in _TAKEN_WITHOUT_VERDICT:
        return _refused(says, reply, secrets)
    return without_code(reply, "Slack")


def _refused(says: str, reply: HttpReply, secrets: tuple[str, ...]) -> SendResult:
    said = {"platform": "Slack", "code": says[:60], "says": f"HTTP {reply.status}"}
    code, detail = concealed(says, *secrets)[:60], concealed(REFUSED % said, *secrets)
    if reply.status == 429 or says in _TOO_FAST:
        return SendResult(Outcome.RATE_LIMITED, code, detail, retry_after=reply.retry_after or _PAUSE)
    if says in _ADVICE:
        outcome = Outcome.PERMANENT_TARGET if says in _GONE else Outcome.PERMANENT_CONFIG
        return SendResult(outcome, code, concealed(ADVISED % {"advice": _ADVICE[says], **said}, *secrets))
    if says in ABOUT_BLOCKS or says in _CONTENT:
        return SendResult(Outcome.PERMANENT_TARGET, code, detail)
    if reply.status == 504:
        return SendResult(Outcome.AMBIGUOUS, code, detail)
    return SendResult(Outcome.TRANSIENT, code, detail)
