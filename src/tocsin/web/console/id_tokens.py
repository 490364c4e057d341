"""The ID token of an identity provider: whose signature it bears, and whom it is for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jwt

_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Those of a public key alone: with a shared secret, whoever knows the public key could sign."""
_CLAIMS_NEEDED = ["iss", "sub", "aud", "exp", "iat"]
_LEEWAY_SECONDS = 60


def read_id_token(token: str, *, key_set: Mapping[str, Any], issuer: str, client_id: str) -> dict[str, Any]:
    """Its claims. ValueError for one that is forged, of another issuer, for another client, or too old.

    A token without a key id is tried with each key: the specification lets a provider with one key leave it out.
    """
    try:
        header = jwt.get_unverified_header(token)
        keys = [key for key in jwt.PyJWKSet.from_dict(dict(key_set)).keys if _fits(key, header)]
        for key in keys:
            try:
                claims: dict[str, Any] = jwt.decode(
                    token,
                    key=key.key,
                    algorithms=list(_ALGORITHMS),
                    issuer=issuer,
                    audience=client_id,
                    leeway=_LEEWAY_SECONDS,
                    options={"require": _CLAIMS_NEEDED},
                )
            except jwt.InvalidSignatureError:
                continue
            if isinstance(claims["aud"], list) and len(claims["aud"]) > 1 and claims.get("azp") != client_id:
                raise ValueError("the ID token is for another client")
            return claims
    except (jwt.PyJWTError, TypeError) as error:
        raise ValueError(f"the ID token is refused: {type(error).__name__}") from error
    raise ValueError("the ID token bears no signature of the provider")


def _fits(key: jwt.PyJWK, header: Mapping[str, Any]) -> bool:
    return header.get("alg") in _ALGORITHMS and header.get("kid") in (None, key.key_id)
