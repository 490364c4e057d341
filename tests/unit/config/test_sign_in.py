"""What the environment says of signing in."""

from __future__ import annotations

import pytest

from tocsin.accounts.rules import IdentityProvider, Role
from tocsin.config import checks
from tocsin.config.checks import Level
from tocsin.config.sign_in import identity_provider, least_role_with_second_factor
from tocsin.core.errors import ConfigurationError

URL = "https://alerts.example.org"
SET = {"ISSUER": "https://login.example.org/realms/main/", "CLIENT_ID": "tocsin", "CLIENT_SECRET": "hush"}


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in SET.items():
        monkeypatch.setenv(f"TOCSIN_OIDC_{name}", value)
    return monkeypatch


def provider() -> IdentityProvider:
    found = identity_provider(URL)
    assert found is not None
    return found


def test_without_an_issuer_there_is_no_provider() -> None:
    assert identity_provider(URL) is None


def test_three_variables_are_enough(env: pytest.MonkeyPatch) -> None:
    found = provider()

    assert (found.issuer, found.name) == ("https://login.example.org/realms/main", "login.example.org")
    assert (found.scopes, found.role_claim, found.default_role) == (("openid", "profile", "email"), "groups", None)
    assert not found.is_required


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("ISSUER", "login.example.org", "must be the provider's address"),
        ("ISSUER", "http://login.example.org", "must start with https://"),
        ("CLIENT_ID", "", "needs TOCSIN_OIDC_CLIENT_ID"),
        ("CLIENT_SECRET", "", "needs TOCSIN_OIDC_CLIENT_SECRET"),
        ("ROLE_MAP", "sre", "must look like sre-leads=admin,sre=responder"),
        ("ROLE_MAP", "sre=boss", "must name a role"),
        ("DEFAULT_ROLE", "boss", "must name a role"),
        ("REQUIRED", "yes", "must be 1 for on"),
    ],
)
def test_what_cannot_work_is_refused_with_what_to_write(
    env: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    env.setenv(f"TOCSIN_OIDC_{name}", value)

    with pytest.raises(ConfigurationError, match=said):
        provider()


def test_a_provider_needs_an_address_to_send_people_back_to(env: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="needs TOCSIN_PUBLIC_URL"):
        identity_provider("")


def test_a_variable_without_the_issuer_is_no_silent_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_OIDC_REQUIRED", "1")

    with pytest.raises(ConfigurationError, match="TOCSIN_OIDC_REQUIRED needs TOCSIN_OIDC_ISSUER"):
        identity_provider(URL)


@pytest.mark.parametrize(
    ("claims", "role"),
    [
        ({"groups": ["sre"]}, Role.RESPONDER),
        ({"groups": ["everybody", "sre", "sre-leads"]}, Role.ADMIN),
        ({"groups": "sre"}, Role.RESPONDER),
        ({"groups": ["SRE"]}, None),
        ({"groups": [{"name": "sre"}, 7, None]}, None),
        ({"groups": {"sre": True}}, None),
        ({}, None),
        ({"groups": ["admin"]}, None),
    ],
)
def test_the_highest_role_that_the_claim_gives_counts(
    env: pytest.MonkeyPatch, claims: dict[str, object], role: Role | None
) -> None:
    env.setenv("TOCSIN_OIDC_ROLE_MAP", "sre-leads=admin, sre=responder")

    assert provider().role_for(claims) is role


def test_without_a_map_the_values_are_the_roles_names(env: pytest.MonkeyPatch) -> None:
    assert provider().role_for({"groups": ["manager", "other"]}) is Role.MANAGER


def test_a_claim_may_be_nested_or_have_points_in_its_name(env: pytest.MonkeyPatch) -> None:
    env.setenv("TOCSIN_OIDC_ROLE_CLAIM", "realm_access.roles")

    assert provider().role_for({"realm_access": {"roles": ["viewer"]}}) is Role.VIEWER
    assert provider().role_for({"realm_access.roles": ["admin"]}) is Role.ADMIN
    assert provider().role_for({"realm_access": ["viewer"]}) is None


def test_subjects_of_another_issuer_are_others(env: pytest.MonkeyPatch) -> None:
    before = provider().key
    env.setenv("TOCSIN_OIDC_ISSUER", "https://login.example.org/realms/other")

    assert provider().key != before


@pytest.mark.parametrize(("typed", "least"), [("", None), ("0", None), ("1", Role.VIEWER), ("admin", Role.ADMIN)])
def test_who_needs_a_second_factor(monkeypatch: pytest.MonkeyPatch, typed: str, least: Role | None) -> None:
    monkeypatch.setenv("TOCSIN_REQUIRE_2FA", typed)

    assert least_role_with_second_factor() is least


def test_a_role_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_REQUIRE_2FA", "yes")

    with pytest.raises(ConfigurationError, match="must name a role"):
        least_role_with_second_factor()


def test_doctor_names_administrators_with_a_password_alone() -> None:
    found = checks.check_second_factors(["ann", "bob", "cy", "dee", "eve"])

    assert found.level is Level.WARNING
    assert "ann, bob, cy and 2 more" in found.text
    assert checks.check_second_factors([]).level is Level.OK
