"""Directories of DingTalk, Lark and WeCom: who is found by number or address, and what keeps them from answering."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pytest

from simulators.dingtalk_app import Colleague, DingtalkAppSimulator
from simulators.lark_app import LarkAppSimulator, Person
from simulators.wecom_app import Member, WecomAppSimulator
from tests.contracts.sending import with_open
from tocsin.channels.directory import Directory, Sought

PEOPLE = (
    Sought(1, phone="+8613800000001"),
    Sought(2, email="bob@example.org"),
    Sought(3, phone="+8613999999999", email="cho@example.org"),
    Sought(4, phone="+85291234567"),
    Sought(5, phone="+8613777777777", email="nobody@example.org"),
)


@pytest.fixture
def lark() -> Iterator[LarkAppSimulator]:
    people = {
        "Ann": Person("ou_ann", mobile="+8613800000001", email="ann@example.org"),
        "Bob": Person("ou_bob", email="bob@example.org"),
        "Cho": Person("ou_cho", email="cho@example.org"),
        "Dee": Person("ou_dee", mobile="+85291234567"),
    }
    with LarkAppSimulator(people=people) as running:
        yield running


@pytest.fixture
def dingtalk() -> Iterator[DingtalkAppSimulator]:
    people = {"Ann": Colleague("ann-1", mobile="13800000001"), "Dee": Colleague("dee-1", mobile="+852-91234567")}
    with DingtalkAppSimulator(people=people) as running:
        yield running


@pytest.fixture
def wecom() -> Iterator[WecomAppSimulator]:
    people = {
        "Ann": Member("ann.w", mobile="13800000001"),
        "Bob": Member("bob.w", email="bob@example.org"),
        "Cho": Member("cho.w", email="cho@example.org"),
    }
    with WecomAppSimulator(people=people) as running:
        yield running


def find(provider: str, config: Mapping[str, str], people: Sequence[Sought] = PEOPLE) -> Directory:
    return with_open(provider, config, lambda opened: opened.find(people))


def test_lark_knows_people_by_number_and_by_address(lark: LarkAppSimulator) -> None:
    assert find("lark_app", lark.config) == Directory({1: "ou_ann", 2: "ou_bob", 3: "ou_cho", 4: "ou_dee"})


def test_dingtalk_knows_people_by_number(dingtalk: DingtalkAppSimulator) -> None:
    assert find("dingtalk_app", dingtalk.config) == Directory({1: "ann-1", 4: "dee-1"})


def test_wecom_knows_people_by_number_and_by_address(wecom: WecomAppSimulator) -> None:
    assert find("wecom_app", wecom.config) == Directory({1: "ann.w", 2: "bob.w", 3: "cho.w"})


def test_more_than_fifty_are_asked_for_in_several_requests(lark: LarkAppSimulator) -> None:
    crowd = [Sought(number, phone=f"+8613700{number:06d}") for number in range(120)]
    lark.people |= {"Zoe": Person("ou_zoe", mobile="+8613700000119")}

    found = find("lark_app", lark.config, crowd)

    assert (found.user_ids, found.unasked, lark.requests) == ({119: "ou_zoe"}, frozenset(), 3)


def test_what_was_found_before_a_refusal_is_kept_and_the_rest_is_unasked(wecom: WecomAppSimulator) -> None:
    wecom.wrong_ones_left = 1

    found = find("wecom_app", wecom.config)

    assert found.user_ids == {1: "ann.w", 2: "bob.w", 3: "cho.w"}
    assert found.unasked == {4, 5}
    assert "45009" in found.problem


@pytest.mark.parametrize("provider", ["lark_app", "dingtalk_app", "wecom_app"])
def test_wrong_credentials_are_said_without_a_number_or_a_secret(
    provider: str, lark: LarkAppSimulator, dingtalk: DingtalkAppSimulator, wecom: WecomAppSimulator,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    caplog.set_level("DEBUG")
    config = {"lark_app": lark.config, "dingtalk_app": dingtalk.config, "wecom_app": wecom.config}[provider]
    secret = next(name for name in config if "secret" in name)

    found = find(provider, {**config, secret: "another-secret"})

    assert (found.user_ids, found.unasked) == ({}, {1, 2, 3, 4, 5})
    assert found.problem
    for kept in ("13800000001", "bob@example.org", "another-secret"):
        assert kept not in found.problem + repr(found) + caplog.text + repr(PEOPLE)
