"""What becomes of a row of an imported file: one table of rules, no database."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tocsin.contacts.rules.exchanging import leaving
from tocsin.contacts.rules.importing import (
    Decision,
    Fate,
    ImportOptions,
    Known,
    Refusal,
    Row,
    Stored,
    claims_of,
    decide,
    decide_all,
    keys_of,
    may_pass,
)

BLANK = dict.fromkeys(("phone", "email", "external_id", "user_id", "legacy_chatbot_url"), "")
WEI = Stored(
    1, "Wei", {**BLANK, "name": "Wei", "phone": "+8613800000001", "external_id": "E1"}, True, frozenset({"Night"})
)
ANN = Stored(2, "Ann", {**BLANK, "name": "Ann", "email": "Ann@example.org"}, False, frozenset())


def known(*contacts: Stored, groups: Iterable[str] = ("Night", "Day")) -> Known:
    by_key = {key: each for each in contacts for key in keys_of(Row(0, each.values))}
    chatbots = {(each.name, each.values["legacy_chatbot_url"]): each for each in contacts}
    return Known(by_key, set(groups), chatbots)


def fate_of(row: Row, *contacts: Stored, claimed: Any = None, **options: bool) -> Decision:
    return decide(row, known(*contacts), claimed or {}, ImportOptions(**options))


def refusals(decision: Decision) -> dict[str, Refusal]:
    assert decision.fate is Fate.REFUSED
    return {name: problem.reason for name, problem in decision.problems.items()}


def test_a_row_that_nobody_matches_is_a_new_contact() -> None:
    decision = fate_of(Row(2, {"name": "Bob", "phone": "+8613800000009"}), WEI, ANN)

    assert (decision.fate, decision.contact, decision.is_number_new) == (Fate.CREATED, None, True)


def test_the_external_id_tells_a_contact_before_number_and_address_do() -> None:
    decision = fate_of(Row(2, {"external_id": "E1", "phone": "+8613800000002"}), WEI, ANN)

    assert (decision.fate, decision.contact) == (Fate.CHANGED, WEI)
    assert decision.changes == {"phone": ("+8613800000001", "+8613800000002")}
    assert decision.is_unverified


def test_without_an_external_id_the_number_and_then_the_address_tell_it() -> None:
    by_phone = fate_of(Row(2, {"phone": "+8613800000001", "user_id": "wei"}), WEI, ANN)
    by_email = fate_of(Row(3, {"email": "ann@EXAMPLE.org", "name": "Ann"}), WEI, ANN)

    assert (by_phone.contact, by_phone.changed_fields) == (WEI, ("user_id",))
    assert (by_email.contact, by_email.changes) == (ANN, {"email": ("Ann@example.org", "ann@EXAMPLE.org")})


def test_a_contact_found_by_its_address_takes_the_external_id_on() -> None:
    decision = fate_of(Row(2, {"external_id": "E7", "email": "Ann@example.org"}), ANN)

    assert (decision.contact, decision.changes) == (ANN, {"external_id": ("", "E7")})


def test_a_row_as_the_contact_is_changes_nothing() -> None:
    row = Row(2, {"external_id": "E1", "name": "Wei", "phone": "+8613800000001"}, ("Night",))

    assert fate_of(row, WEI).fate is Fate.UNCHANGED


def test_a_number_or_address_of_somebody_else_is_refused_and_names_them() -> None:
    taken = fate_of(Row(2, {"external_id": "E1", "email": "ann@example.org"}), WEI, ANN)
    both = fate_of(Row(3, {"phone": "+8613800000001", "email": "ann@example.org"}), WEI, ANN)
    other = fate_of(Row(4, {"external_id": "E9", "name": "X", "phone": "+8613800000001"}), WEI, ANN)

    assert refusals(taken) == {"email": Refusal.TAKEN}
    assert taken.problems["email"].details["name"] == "Ann"
    assert refusals(both) == {"email": Refusal.AMBIGUOUS}
    assert both.problems["email"].details == {"phone": "Wei", "email": "Ann"}
    assert refusals(other) == {"phone": Refusal.OTHER_EXTERNAL_ID}
    assert other.problems["phone"].details["external_id"] == "E1"


def test_the_second_row_of_one_file_with_the_same_number_or_contact_is_refused_and_names_the_first() -> None:
    first = fate_of(Row(2, {"external_id": "E1", "phone": "+8613800000005"}), WEI)
    claimed = dict.fromkeys(claims_of(first), 2)

    same_number = fate_of(Row(3, {"name": "Bob", "phone": "+8613800000005"}), WEI, claimed=claimed)
    same_contact = fate_of(Row(4, {"phone": "+8613800000001"}), WEI, claimed=claimed)

    assert refusals(same_number) == {"phone": Refusal.DOUBLED}
    assert same_number.problems["phone"].details["row"] == 2
    assert refusals(same_contact) == {"": Refusal.DOUBLED}


def test_a_refused_row_takes_nothing_from_later_ones() -> None:
    refused = fate_of(Row(2, {"phone": "+8613800000005"}))

    assert refusals(refused) == {"name": Refusal.NO_NAME}
    assert claims_of(refused) == []


def test_what_a_new_contact_lacks_is_refused() -> None:
    assert refusals(fate_of(Row(2, {"name": "Bob"}))) == {"": Refusal.UNREACHABLE}
    assert refusals(fate_of(Row(2, {"email": "bob@example.org"}))) == {"name": Refusal.NO_NAME}


def test_an_old_chatbot_is_enough_for_a_new_contact_and_is_recognised_again() -> None:
    row = Row(2, {"name": "Old bot"}, chatbot_url="https://x.example/robot?t=1")
    bot = Stored(3, "Old bot", {**BLANK, "name": "Old bot", "legacy_chatbot_url": row.chatbot_url}, False, frozenset())

    assert fate_of(row).fate is Fate.CREATED
    assert fate_of(row, bot).fate is Fate.UNCHANGED


def test_a_chatbot_is_not_given_to_a_contact_that_exists() -> None:
    row = Row(2, {"external_id": "E1"}, chatbot_url="https://x.example/robot?t=1")

    assert refusals(fate_of(row, WEI)) == {"legacy_chatbot_url": Refusal.CHATBOT_FIXED}


def test_only_new_ones_may_be_wanted() -> None:
    decision = fate_of(Row(2, {"external_id": "E1", "name": "Other"}), WEI, create_only=True)

    assert (decision.fate, decision.contact) == (Fate.SKIPPED, WEI)


def test_a_missing_group_is_refused_unless_it_is_to_be_made() -> None:
    row = Row(2, {"external_id": "E1"}, ("Night", "Weekend"))

    assert fate_of(row, WEI).problems["groups"].details == {"names": "Weekend"}
    assert fate_of(row, WEI, create_groups=True).groups == (frozenset({"Night"}), frozenset({"Night", "Weekend"}))


def test_a_number_is_vouched_for_only_where_that_is_allowed_and_needed() -> None:
    row = Row(2, {"name": "Bob", "phone": "+8613800000009"}, attested_by="HR directory")

    assert refusals(fate_of(row)) == {"verified_by": Refusal.NOT_ATTESTABLE}
    assert fate_of(row, may_attest=True).is_attested
    proved = Row(3, {"external_id": "E1"}, attested_by="HR directory")
    assert fate_of(proved, WEI, may_attest=True).fate is Fate.UNCHANGED


BOB = Stored(
    3, "Bob", {**BLANK, "name": "Bob", "phone": "+8613800000003", "email": "bob@x.org", "external_id": "E3"},
    True, frozenset(),
)  # fmt: skip
_SWAPPED = [
    Row(2, {"external_id": "E1", "phone": "+8613800000003"}), Row(3, {"external_id": "E3", "phone": "+8613800000001"})
]  # fmt: skip


def fates(rows: list[Row], *contacts: Stored, exchanges: bool = True, **options: bool) -> list[Fate]:
    decisions = decide_all(rows, known(*contacts), {}, ImportOptions(**options), exchanges=exchanges)
    return [decision.fate for decision in decisions]


def test_two_contacts_exchange_their_numbers_when_their_rows_are_written_together() -> None:
    decisions = decide_all(_SWAPPED, known(WEI, BOB), {}, ImportOptions(), exchanges=True)

    assert [(item.fate, item.contact, item.is_unverified) for item in decisions] == [
        (Fate.CHANGED, WEI, True), (Fate.CHANGED, BOB, True)
    ]  # fmt: skip
    assert fates(_SWAPPED, WEI, BOB, exchanges=False) == [Fate.REFUSED, Fate.REFUSED]


def test_a_number_passes_on_to_a_new_contact_and_round_a_circle() -> None:
    moved = [Row(2, {"name": "Eve", "external_id": "E9", "phone": "+8613800000003"}),
             Row(3, {"external_id": "E3", "phone": "+8613800000009"})]  # fmt: skip
    circle = [Row(2, {"external_id": "E1", "phone": "+8613800000003", "email": "a@x.org"}),
              Row(3, {"external_id": "E3", "phone": "+8613800000009", "email": "ann@example.org"}),
              Row(4, {"name": "Ann", "external_id": "E2", "email": "bob@x.org",
                      "phone": "+8613800000001"})]  # fmt: skip

    assert fates(moved, BOB) == [Fate.CREATED, Fate.CHANGED]
    ann = Stored(2, "Ann", {**ANN.values, "external_id": "E2"}, False, frozenset())
    assert fates(circle, WEI, BOB, ann) == [Fate.CHANGED] * 3


def test_what_a_refused_row_would_have_given_up_stays_taken() -> None:
    refused = Row(3, {"external_id": "E3", "phone": "+8613800000001"}, ("No such group",))

    assert fates([_SWAPPED[0], refused], WEI, BOB) == [Fate.REFUSED, Fate.REFUSED]
    assert fates([_SWAPPED[0]], WEI, BOB) == [Fate.REFUSED]


def test_only_what_others_are_to_get_is_taken_away_first() -> None:
    holds = {1: {"phone": "+1", "email": "a@x"}, 2: {"phone": "+2", "email": "b@x"}, 3: {"phone": "+3"}}
    wanted = {1: {"phone": "+2", "email": "a@x"}, 2: {"phone": "+1", "email": "c@x"}, 3: {"phone": "+3"},
              -1: {"phone": "+3", "email": "B@X"}}  # fmt: skip

    assert leaving(holds, wanted) == {1: {"phone"}, 2: {"phone", "email"}}


def test_of_two_contacts_that_a_row_names_the_one_with_its_name_is_meant_when_values_pass() -> None:
    cho = Stored(
        4, "Cho", {**BLANK, "name": "Cho", "phone": "+8613800000004", "email": "cho@x.org"}, True, frozenset()
    )  # fmt: skip
    swapped = [
        Row(2, {"name": "Cho", "phone": "+8613800000003", "email": "cho@x.org"}),
        Row(3, {"name": "Bob", "phone": "+8613800000004", "email": "bob@x.org"}),
    ]
    renamed = [Row(row.number, {**row.values, "name": f"{row.values['name']} X"}) for row in swapped]

    decisions = decide_all(swapped, known(cho, BOB), {}, ImportOptions(), exchanges=True)

    assert [(item.contact, list(item.changes)) for item in decisions] == [(cho, ["phone"]), (BOB, ["phone"])]
    assert fates(renamed, cho, BOB) == [Fate.REFUSED, Fate.REFUSED]
    assert may_pass(decide_all(renamed, known(cho, BOB), {}, ImportOptions())[0])
