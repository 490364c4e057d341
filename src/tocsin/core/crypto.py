"""Encryption at rest and derived secrets.

A ciphertext is `v1:<key id>:<base64url(nonce + AES-256-GCM)>`. The key id is the first 8 hex digits of SHA-256 of the
derived key, so a rotated installation can keep old keys readable: the first key encrypts, all of them decrypt.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Sequence
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tocsin.core.errors import ConfigurationError
from tocsin.core.sentences import Sentence

_UNKNOWN_FORMAT = Sentence("A stored secret has an unknown format; this version of Tocsin may be too old.")
_DAMAGED = Sentence("A stored secret is damaged; enter it again.")
_NO_KEY = Sentence(
    "A stored secret was encrypted with key %(key)s, which is not in TOCSIN_SECRET_KEY. "
    "Add the old key after the new one, separated by a comma."
)

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@lru_cache(maxsize=32)
def derive_key(secret: str, purpose: str) -> bytes:
    """32 bytes for one purpose; secrets of different purposes tell nothing about each other."""
    return HKDF(algorithm=SHA256(), length=32, salt=b"tocsin", info=purpose.encode()).derive(secret.encode())


@lru_cache(maxsize=32)
def _at_rest(secret: str) -> tuple[str, AESGCM]:
    """The key's id, and what encrypts with it."""
    key = derive_key(secret, "at-rest")
    return hashlib.sha256(key).hexdigest()[:8], AESGCM(key)


def key_ids(secrets: Sequence[str]) -> list[str]:
    """What names these keys in a ciphertext, behind its version."""
    return [_at_rest(secret)[0] for secret in secrets]


def encrypt(text: str, secrets: Sequence[str]) -> str:
    key_id, cipher = _at_rest(secrets[0])
    nonce = os.urandom(12)
    sealed = nonce + cipher.encrypt(nonce, text.encode(), None)
    return f"v1:{key_id}:{base64.urlsafe_b64encode(sealed).decode()}"


def decrypt(ciphertext: str, secrets: Sequence[str]) -> str:
    """ConfigurationError when no given secret fits: the message never holds the ciphertext."""
    version, _, rest = ciphertext.partition(":")
    key_id, _, body = rest.partition(":")
    if version != "v1":
        raise ConfigurationError(_UNKNOWN_FORMAT)
    for secret in secrets:
        own_id, cipher = _at_rest(secret)
        if own_id == key_id:
            try:
                sealed = base64.urlsafe_b64decode(body)
                return cipher.decrypt(sealed[:12], sealed[12:], None).decode()
            except (InvalidTag, ValueError) as error:
                raise ConfigurationError(_DAMAGED) from error
    raise ConfigurationError(_NO_KEY % {"key": key_id})


def renewed(ciphertext: str, secrets: Sequence[str]) -> str:
    """The same secret under the first key, or "" when no given one opens it. One that is under the first key stays."""
    if ciphertext.split(":")[1:2] == key_ids(secrets[:1]):
        return ciphertext
    try:
        return encrypt(decrypt(ciphertext, secrets), secrets)
    except ConfigurationError:
        return ""


def seal(data: bytes, secrets: Sequence[str]) -> bytes:
    """`encrypt` for bytes: the key id in 8 letters, the nonce, the ciphertext."""
    key_id, cipher = _at_rest(secrets[0])
    nonce = os.urandom(12)
    return key_id.encode() + nonce + cipher.encrypt(nonce, data, None)


def unseal(sealed: bytes, secrets: Sequence[str]) -> bytes:
    """What `seal` was given; ConfigurationError when no given secret fits."""
    for secret in secrets:
        key_id, cipher = _at_rest(secret)
        if key_id.encode() == sealed[:8]:
            return cipher.decrypt(sealed[8:20], sealed[20:], None)
    raise ConfigurationError(_NO_KEY % {"key": sealed[:8].decode(errors="replace")})


def keyed_digest(secret: str, purpose: str, *parts: object) -> bytes:
    """HMAC-SHA256 over the parts (joined unambiguously) under a key derived for the purpose."""
    message = b"\0".join(str(part).encode() for part in parts)
    return hmac.digest(derive_key(secret, purpose), message, "sha256")


def to_base62(data: bytes, length: int) -> str:
    """The first `length` base62 digits of a digest; 22 digits carry 131 bits."""
    number = int.from_bytes(data, "big")
    digits = []
    for _ in range(length):
        number, rest = divmod(number, 62)
        digits.append(_BASE62[rest])
    return "".join(digits)


def hash_token(token: str) -> str:
    """Hex SHA-256, for tokens of 128 random bits and more (a slow hash adds nothing there)."""
    return hashlib.sha256(token.encode()).hexdigest()


def same(left: str, right: str) -> bool:
    """Constant-time comparison of secrets."""
    return hmac.compare_digest(left.encode(), right.encode())
