"""Writes of users, what they sign in with, their sessions, tokens and access keys."""

from __future__ import annotations

from tocsin.accounts.services.access_keys import (
    actor_of_key,
    create_access_key,
    disable_access_key,
    enable_access_key,
    forget_nonces,
    take_nonce,
)
from tocsin.accounts.services.idempotency import Answer, Claim, earlier_answer, keep_answer
from tocsin.accounts.services.provided import ProvidedIdentity, admit, connect
from tocsin.accounts.services.rates import take_request
from tocsin.accounts.services.second_factors import record_second_factor, reencrypt_second_factors, reset_second_factor
from tocsin.accounts.services.sessions import end_sessions, forget_expired_sessions, renew_session, see_session
from tocsin.accounts.services.setting_aside import set_aside, take_up
from tocsin.accounts.services.tokens import actor_of_token, authenticate_token, create_token, revoke_token
from tocsin.accounts.services.users import (
    change_user,
    create_user,
    record_reveal,
    record_reveals,
    set_password,
    set_role,
)

__all__ = [
    "Answer",
    "Claim",
    "ProvidedIdentity",
    "actor_of_key",
    "actor_of_token",
    "admit",
    "authenticate_token",
    "change_user",
    "connect",
    "create_access_key",
    "create_token",
    "create_user",
    "disable_access_key",
    "earlier_answer",
    "enable_access_key",
    "end_sessions",
    "forget_expired_sessions",
    "forget_nonces",
    "keep_answer",
    "record_reveal",
    "record_reveals",
    "record_second_factor",
    "reencrypt_second_factors",
    "renew_session",
    "reset_second_factor",
    "revoke_token",
    "see_session",
    "set_aside",
    "set_password",
    "set_role",
    "take_nonce",
    "take_request",
    "take_up",
]
