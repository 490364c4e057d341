"""ID tokens: which are believed."""

from __future__ import annotations

import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tocsin.web.console.id_tokens import read_id_token

ISSUER, CLIENT = "https://login.example.org", "tocsin"
KEY, OTHER = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _number in range(2))


def public(*keys: tuple[rsa.RSAPrivateKey, str]) -> dict[str, Any]:
    """What the provider publishes."""
    made = [json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())) for key, _name in keys]
    return {"keys": [{**jwk, "kid": name, "alg": "RS256"} for jwk, (_key, name) in zip(made, keys, strict=True)]}


def token(*, key: Any = KEY, kid: str | None = "one", algorithm: str = "RS256", **changed: Any) -> str:
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": CLIENT, "sub": "7", "iat": now, "exp": now + 300, **changed}
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(kept, key, algorithm=algorithm, headers={"kid": kid} if kid else None)


def read(text: str, keys: dict[str, Any] | None = None) -> dict[str, Any]:
    return read_id_token(text, key_set=keys or public((OTHER, "zero"), (KEY, "one")), issuer=ISSUER, client_id=CLIENT)


@pytest.mark.parametrize("kid", ["one", None])
def test_a_token_that_the_provider_signed_is_read(kid: str | None) -> None:
    assert read(token(kid=kid))["sub"] == "7"


@pytest.mark.parametrize(
    "text",
    [
        token(key=rsa.generate_private_key(public_exponent=65537, key_size=2048)),
        token(kid="two"),
        token(kid="zero"),
        token(iss="https://evil.example"),
        token(aud="another"),
        token(aud=[CLIENT, "another"]),
        token(aud=[CLIENT, "another"], azp="another"),
        token(exp=int(time.time()) - 120),
        token(exp=None),
        token(sub=None),
        token(iat=None),
        token(key="a shared secret of thirty-two characters", algorithm="HS256"),
        token(key=None, algorithm="none"),
        "not.a.token",
        "",
    ],
)
def test_every_other_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="the ID token"):
        read(text)


def test_one_for_several_clients_names_us_as_who_asked() -> None:
    assert read(token(aud=[CLIENT, "another"], azp=CLIENT))["sub"] == "7"
