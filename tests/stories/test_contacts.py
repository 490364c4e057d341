"""What a contact is allowed and owed: the fields, who can be reached, and what changes mean."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.utils import translation

from tocsin.channels.kinds import Channel
from tocsin.contacts import services
from tocsin.contacts.models import Contact, ContactDefaults, ContactReach, NotificationObject
from tocsin.contacts.queries import (
    contact_views,
    contacts_matching,
    default_fallback,
    deletion_preview,
    directory,
    get_defaults,
    readiness,
    uses_of,
)
from tocsin.contacts.rules import ContactReason, DuplicateError, Fallback, resolved_fallback
from tocsin.core.actors import SHELL, Actor, ActorKind
from tocsin.core.errors import ConflictError, InvalidInputError, NotFoundError
from tocsin.policies.services import create_policy

pytestmark = pytest.mark.django_db
CHATBOT = "https://oapi.dingtalk.com/robot/send?access_token=abc123"


def make(now: datetime, name: str = "Zhang San", **fields: Any) -> Contact:
    if not {"phone", "email"} & set(fields):
        fields["phone"] = "138 1234 5678"
    return services.create_contact(by=SHELL, now=now, name=name, **fields)


def verified(contact: Contact, now: datetime) -> Contact:
    Contact.objects.filter(pk=contact.pk).update(phone_verified_at=now)
    contact.refresh_from_db()
    return contact


# Fields


@pytest.mark.parametrize("name", ["", "  ", "\t", "x" * 65, "Zhang\nSan", "Zhang\0San", "Zhang\ud800", "abc\u202edcba"])
def test_a_name_is_required_of_1_to_64_characters(now: datetime, name: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        make(now, name)

    assert list(refused.value.fields) == ["name"]
    assert not NotificationObject.objects.exists()


@pytest.mark.parametrize("name", ["x", "x" * 64, "张" * 64, "👩‍🚒 O'Neil, <b>"])
def test_any_other_name_of_up_to_64_characters_is_fine(now: datetime, name: str) -> None:
    contact = make(now, f"  {name} ")

    assert Contact.objects.get(pk=contact.pk).name == name


def test_a_contact_needs_a_phone_number_or_an_email(now: datetime) -> None:
    with pytest.raises(InvalidInputError) as refused:
        make(now, phone="", email=" ")

    assert refused.value.fields == {"": "Give a phone number or an email address, or both."}
    assert make(now, phone="13812345678").email is None
    assert make(now, email="zhang@example.org").phone is None


def test_the_last_address_cannot_be_taken_away(now: datetime) -> None:
    contact = make(now, email="zhang@example.org")

    with pytest.raises(InvalidInputError):
        services.update_contact(by=SHELL, now=now, contact_id=contact.pk, version=None, email="")

    assert Contact.objects.get(pk=contact.pk).email == "zhang@example.org"


def test_numbers_are_stored_as_e164_with_the_region_of_the_settings(now: datetime, settings: Any) -> None:
    assert make(now, phone="138 1234 5678").phone == "+8613812345678"

    settings.DEFAULT_REGION = "GB"

    assert make(now, phone="07400 123456").phone == "+447400123456"


def test_an_impossible_number_is_refused_with_what_is_wrong_in_the_readers_language(now: datetime) -> None:
    with pytest.raises(InvalidInputError) as refused:
        make(now, phone="1380000")
    with translation.override("zh-hans"), pytest.raises(InvalidInputError) as refused_in_chinese:
        make(now, phone="1380000")

    assert refused.value.fields == {
        "phone": "Too short: a mobile number in +86 has 11 digits after +86, this one has 7."
    }
    assert refused_in_chinese.value.fields == {"phone": "号码太短：+86 的手机号在 +86 之后有 11 位，这里只有 7 位。"}


@pytest.mark.parametrize(
    "email",
    ["zhang", "zhang@", "@example.org", "a b@example.org", "a@b\n.org", "a@example.org\0", r'"a\ b"@example.org'],
)
def test_an_email_must_be_one(now: datetime, email: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        make(now, email=email)

    assert list(refused.value.fields) == ["email"]


def test_all_wrong_fields_are_named_at_once(now: datetime) -> None:
    with pytest.raises(InvalidInputError) as refused:
        make(now, "", phone="12", email="x", fallback="pray", language="tlh", time_zone="Mars/Base", lark_user_id="u1")

    assert set(refused.value.fields) == {
        "name", "phone", "email", "fallback", "language", "time_zone", "lark_user_id",
    }  # fmt: skip


def test_a_phone_number_belongs_to_one_contact_only_and_the_refusal_names_it(now: datetime) -> None:
    owner = make(now, "Zhang San", phone="138 1234 5678")

    with pytest.raises(DuplicateError) as refused:
        make(now, "Li Si", phone="+86-13812345678", email="li@example.org")

    assert refused.value.fields == {"phone": "+86 138 1234 5678 belongs to Zhang San already."}
    assert refused.value.others == {"phone": (owner.pk, "Zhang San")}
    assert refused.value.neutral.fields == {"phone": "This belongs to somebody else already."}
    assert Contact.objects.count() == NotificationObject.objects.count() == 1


def test_an_email_belongs_to_one_contact_only_whatever_its_case(now: datetime) -> None:
    make(now, "Zhang San", email="Zhang.San@Example.org")

    with pytest.raises(DuplicateError) as refused:
        make(now, "Li Si", email="zhang.san@example.ORG")

    assert refused.value.fields == {"email": "zhang.san@example.ORG belongs to Zhang San already."}
    assert Contact.objects.get().email == "Zhang.San@Example.org"


def test_a_refusal_names_every_field_that_somebody_has(now: datetime) -> None:
    make(now, "Zhang San", phone="13812345678")
    make(now, "Wang Wu", email="w@example.org", external_id="E-1")

    with pytest.raises(DuplicateError) as refused:
        make(now, "Li Si", phone="13812345678", email="W@example.org", external_id="E-1")

    assert {field: name for field, (_id, name) in refused.value.others.items()} == {
        "phone": "Zhang San",
        "email": "Wang Wu",
        "external_id": "Wang Wu",
    }


def test_changing_to_a_number_that_somebody_has_is_refused_and_changes_nothing(now: datetime) -> None:
    make(now, "Zhang San", phone="13812345678")
    other = make(now, "Li Si", phone="13912345678")

    with pytest.raises(DuplicateError):
        services.update_contact(by=SHELL, now=now, contact_id=other.pk, version=None, name="L", phone="13812345678")

    other.refresh_from_db()
    assert (other.name, other.phone, other.version) == ("Li Si", "+8613912345678", 1)


def test_a_contact_keeps_its_own_number_when_it_is_saved_again(now: datetime) -> None:
    contact = verified(make(now, phone="13812345678", email="a@example.org"), now)

    change = services.update_contact(
        by=SHELL, now=now, contact_id=contact.pk, version=1, phone="0086 138 1234 5678", email="A@example.org"
    )

    assert not change.is_phone_changed
    assert change.contact.phone_verified_at == now
    assert change.contact.email == "A@example.org"


@pytest.mark.parametrize("user_id", ["all", "@all", "a b", "u1>", "u1,u2", "u\n1", "x" * 129])
def test_a_user_id_that_would_mention_others_is_refused(now: datetime, user_id: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        make(now, user_id=user_id)

    assert list(refused.value.fields) == ["user_id"]


# Channels


@pytest.mark.parametrize(
    ("fields", "is_verified", "reasons"),
    [
        ({"phone": "13812345678", "email": "a@example.org"}, True, (None, None, None)),
        (
            {"phone": "13812345678"},
            False,
            (ContactReason.UNVERIFIED_PHONE, ContactReason.UNVERIFIED_PHONE, ContactReason.NO_EMAIL),
        ),
        ({"email": "a@example.org"}, False, (ContactReason.NO_PHONE, ContactReason.NO_PHONE, None)),
    ],
)
def test_phone_and_text_need_a_verified_number_and_email_an_address(
    now: datetime, fields: dict[str, str], is_verified: bool, reasons: tuple[ContactReason | None, ...]
) -> None:
    contact = make(now, **fields)
    if is_verified:
        verified(contact, now)

    ready = readiness([contact.pk])[contact.pk]

    assert tuple(ready[channel].reason for channel in (Channel.PHONE, Channel.SMS, Channel.EMAIL)) == reasons


# Reachability


def test_reachability_is_a_fact_with_a_date(now: datetime) -> None:
    contact = verified(make(now, email="a@example.org", phone="13812345678"), now)
    earlier = now - timedelta(days=1)

    services.record_reach(
        entries=[
            services.ReachEntry(contact.pk, Channel.SMS, delivered_at=now),
            services.ReachEntry(contact.pk, Channel.SMS, delivered_at=earlier),
            services.ReachEntry(contact.pk, Channel.PHONE, failed_at=now, failure="busy"),
            services.ReachEntry(contact.pk + 1000, Channel.PHONE, delivered_at=now),
        ]
    )
    services.record_reach(
        entries=[
            services.ReachEntry(contact.pk, Channel.SMS, delivered_at=earlier),
            services.ReachEntry(contact.pk, Channel.PHONE, failed_at=earlier, failure="late news"),
            services.ReachEntry(contact.pk, Channel.PHONE, delivered_at=earlier),
        ]
    )

    ready = readiness([contact.pk])[contact.pk]
    assert (ready[Channel.SMS].delivered_at, ready[Channel.SMS].failed_at) == (now, None)
    assert (ready[Channel.PHONE].delivered_at, ready[Channel.PHONE].failed_at, ready[Channel.PHONE].failure) == (
        earlier,
        now,
        "busy",
    )
    assert ready[Channel.EMAIL].is_ready
    assert ready[Channel.EMAIL].delivered_at is None


def test_what_reached_an_old_number_says_nothing_of_the_new_one(now: datetime) -> None:
    contact = verified(make(now, phone="13812345678", email="a@example.org"), now)
    services.record_reach(
        entries=[
            services.ReachEntry(contact.pk, channel, delivered_at=now)
            for channel in (Channel.PHONE, Channel.SMS, Channel.EMAIL)
        ]
    )

    services.update_contact(by=SHELL, now=now, contact_id=contact.pk, version=None, phone="13912345678")

    assert list(ContactReach.objects.values_list("channel", flat=True)) == ["email"]


# Edit


def test_a_changed_number_is_unverified_again_and_the_policies_that_lose_phone_and_text_are_named(
    now: datetime,
) -> None:
    contact = verified(make(now), now)
    group = services.create_group(by=SHELL, now=now, name="DBA", contact_ids=[contact.pk])
    create_policy(by=SHELL, now=now, name="Calls her", targets=[(contact.pk, ["phone", "email"])])
    create_policy(by=SHELL, now=now, name="Texts the group", targets=[(group.pk, ["sms"])])
    create_policy(by=SHELL, now=now, name="Mails only", targets=[(contact.pk, ["email"])])

    change = services.update_contact(by=SHELL, now=now, contact_id=contact.pk, version=2, phone="13912345678")

    assert change.is_phone_changed
    assert [use.name for use in change.uses_losing_phone] == ["Calls her", "Texts the group"]
    contact.refresh_from_db()
    assert (contact.phone, contact.phone_verified_at, contact.version) == ("+8613912345678", None, 3)


def test_a_number_that_was_not_verified_loses_nothing(now: datetime) -> None:
    contact = make(now)
    create_policy(by=SHELL, now=now, name="Calls her", targets=[(contact.pk, ["phone"])])

    change = services.update_contact(by=SHELL, now=now, contact_id=contact.pk, version=1, phone="13912345678")

    assert change.is_phone_changed
    assert change.uses_losing_phone == ()


def test_somebody_elses_change_is_not_overwritten(now: datetime) -> None:
    contact = make(now)
    services.update_contact(by=SHELL, now=now, contact_id=contact.pk, version=1, name="First")

    with pytest.raises(ConflictError):
        services.update_contact(by=SHELL, now=now, contact_id=contact.pk, version=1, name="Second")

    assert Contact.objects.get().name == "First"


def test_changing_a_deleted_contact_says_so(now: datetime) -> None:
    with pytest.raises(NotFoundError):
        services.update_contact(by=SHELL, now=now, contact_id=4711, version=None, name="X")


def test_a_change_that_changes_nothing_is_none(now: datetime) -> None:
    contact = make(now)
    entries = LogEntry.objects.count()

    services.update_contact(by=SHELL, now=now, contact_id=contact.pk, version=1, name=" Zhang San ", group_ids=[])

    contact.refresh_from_db()
    assert contact.version == 1
    assert LogEntry.objects.count() == entries


# Fallback


def test_new_contacts_use_the_global_default_which_initially_sends_a_text_message(now: datetime) -> None:
    contact = make(now)

    view = contact_views([contact.pk])[contact.pk]
    default = default_fallback()
    assert view.fallback is Fallback.DEFAULT
    assert resolved_fallback(view.fallback, default) is Fallback.SMS


def test_changing_the_default_acts_at_once_on_all_who_use_it(now: datetime) -> None:
    users = [make(now, phone=f"1381234567{digit}").pk for digit in range(3)]
    own = make(now, phone="13912345678", fallback=Fallback.NONE).pk

    services.set_default_fallback(by=SHELL, now=now, fallback="call", version=0)

    found = directory([*users, own])
    resolved = {pk: resolved_fallback(view.fallback, default_fallback()) for pk, view in found.contacts.items()}
    assert resolved == {**dict.fromkeys(users, Fallback.CALL), own: Fallback.NONE}


def test_the_default_is_one_of_the_real_methods(now: datetime) -> None:
    for wrong in ("default", "pray"):
        with pytest.raises(InvalidInputError):
            services.set_default_fallback(by=SHELL, now=now, fallback=wrong)

    assert get_defaults().fallback == "sms"


def test_two_administrators_do_not_overwrite_each_others_default(now: datetime) -> None:
    services.set_default_fallback(by=SHELL, now=now, fallback="none", version=0)

    with pytest.raises(ConflictError):
        services.set_default_fallback(by=SHELL, now=now, fallback="call", version=0)

    assert ContactDefaults.objects.get().fallback == "none"


# Chatbots


def test_a_chatbot_cannot_be_created_as_a_contact(now: datetime) -> None:
    with pytest.raises(InvalidInputError) as refused:
        make(now, phone="", email="", legacy_chatbot_url=CHATBOT)

    assert list(refused.value.fields) == ["legacy_chatbot_url"]


def test_a_contact_imported_with_nothing_but_an_old_chatbot_keeps_it(now: datetime) -> None:
    contact = services.import_contact(by=SHELL, now=now, name="Old robot", legacy_chatbot_url=CHATBOT)

    assert Contact.objects.get(pk=contact.pk).legacy_chatbot_url == CHATBOT
    assert contact_views([contact.pk])[contact.pk].has_legacy_chatbot
    assert "abc123" not in str(list(LogEntry.objects.values()))


def test_an_old_chatbot_cannot_be_changed(now: datetime) -> None:
    contact = services.import_contact(by=SHELL, now=now, name="Old robot", legacy_chatbot_url=CHATBOT)
    wrong: Any = {"legacy_chatbot_url": "https://evil.example/"}

    with pytest.raises(InvalidInputError) as refused:
        services.update_contact(by=SHELL, now=now, contact_id=contact.pk, version=None, **wrong)

    text = "A chatbot cannot be a contact any more: create a robot for it."
    assert refused.value.fields == {"legacy_chatbot_url": text}
    assert Contact.objects.get().legacy_chatbot_url == CHATBOT


def test_an_old_chatbot_can_be_removed_once_there_is_another_way_to_the_contact(now: datetime) -> None:
    contact = services.import_contact(by=SHELL, now=now, name="Old robot", legacy_chatbot_url=CHATBOT)
    with pytest.raises(InvalidInputError):
        services.remove_legacy_chatbot(by=SHELL, now=now, contact_id=contact.pk)
    services.update_contact(by=SHELL, now=now, contact_id=contact.pk, version=None, email="a@example.org")

    services.remove_legacy_chatbot(by=SHELL, now=now, contact_id=contact.pk)

    assert not contact_views([contact.pk])[contact.pk].has_legacy_chatbot


@pytest.mark.parametrize("url", ["ftp://x.example/", "javascript:alert(1)", "oapi.dingtalk.com", "https://"])
def test_an_imported_chatbot_needs_a_web_address(now: datetime, url: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        services.import_contact(by=SHELL, now=now, name="Old robot", legacy_chatbot_url=url)

    assert list(refused.value.fields) == ["legacy_chatbot_url"]


# Delete


def test_before_a_deletion_everything_that_uses_the_contacts_is_named(now: datetime) -> None:
    contact, other = make(now, "Zhang San"), make(now, "Li Si", phone="13912345678")
    services.create_group(by=SHELL, now=now, name="Only Zhang", contact_ids=[contact.pk])
    services.create_group(by=SHELL, now=now, name="Both", contact_ids=[contact.pk, other.pk])
    create_policy(by=SHELL, now=now, name="Calls Zhang", targets=[(contact.pk, ["phone"])])

    preview = deletion_preview([contact.pk])

    assert preview.names == ("Zhang San",)
    assert [(use.kind, use.name) for use in preview.uses] == [
        ("policy", "Calls Zhang"),
        ("group", "Both"),
        ("group", "Only Zhang"),
    ]
    assert preview.emptied_groups == ("Only Zhang",)
    assert Contact.objects.count() == 2


def test_deletion_is_real_for_one_and_for_many(now: datetime) -> None:
    ids = [make(now, phone=f"1381234567{digit}").pk for digit in range(5)]
    services.create_group(by=SHELL, now=now, name="All", contact_ids=ids)

    deletion = services.delete_contacts(by=SHELL, now=now, ids=[*ids[:4], 4711])

    assert len(deletion.names) == 4
    assert list(Contact.objects.values_list("pk", flat=True)) == ids[4:]
    assert NotificationObject.objects.filter(kind="contact").count() == 1
    (group,) = directory([use.id for use in uses_of(ids)]).groups.values()
    assert group.member_ids == (ids[4],)


def test_a_number_is_free_again_after_its_contact_is_deleted(now: datetime) -> None:
    services.delete_contacts(by=SHELL, now=now, ids=[make(now).pk])

    assert make(now, "Somebody else").phone == "+8613812345678"


# Groups


def test_a_contact_can_be_put_into_groups_when_it_is_created_or_changed(now: datetime) -> None:
    one = services.create_group(by=SHELL, now=now, name="One")
    two = services.create_group(by=SHELL, now=now, name="Two")
    contact = make(now, group_ids=[one.pk])

    services.update_contact(by=SHELL, now=now, contact_id=contact.pk, version=1, group_ids=[two.pk])

    found = directory([one.pk, two.pk])
    assert found.groups[one.pk].member_ids == ()
    assert found.groups[two.pk].member_ids == (contact.pk,)
    two.refresh_from_db()
    assert two.version == 2


def test_a_group_that_does_not_exist_is_refused(now: datetime) -> None:
    with pytest.raises(InvalidInputError) as refused:
        make(now, group_ids=[4711])

    assert refused.value.fields == {"group_ids": "There is no contact group 4711 (any more)."}
    assert not Contact.objects.exists()


# Search


@pytest.mark.parametrize(
    "text",
    [
        "Zhang", "zhang san", "hang", "张", "138 1234", "13812345678", "+86 138", "0086-138-1234-5678", "5678",
        "SAN@EXAMPLE", "zhang.san@example.org", "１３８",
    ],
)  # fmt: skip
def test_contacts_are_found_by_name_phone_or_email_full_or_in_part(now: datetime, text: str) -> None:
    make(now, "Zhang San 张三", phone="13812345678", email="zhang.san@example.org")
    make(now, "Wang Wu", phone="+44 7400 222222", email="wu@corp.example")

    assert [contact.name for contact in contacts_matching(text)] == ["Zhang San 张三"]


@pytest.mark.parametrize("text", ["%", "_", "\\", "\0", "\ud800", "nobody", "+1 138"])
def test_a_search_for_nobody_finds_nobody(now: datetime, text: str) -> None:
    make(now, "Zhang San", phone="13812345678", email="zhang.san@example.org")

    assert not contacts_matching(text).exists()


def test_a_national_number_is_found_by_its_own_spelling(now: datetime) -> None:
    make(now, "Wang Wu", phone="+44 7400 222222")

    assert contacts_matching("07400 222").count() == 1
    assert contacts_matching("").count() == 1


# Audit and privacy


def test_every_write_is_audited_with_masked_numbers_and_addresses(now: datetime) -> None:
    by = Actor(ActorKind.TOKEN, "import", 7, "203.0.113.9")
    contact = services.create_contact(by=by, now=now, name="Zhang San", phone="13812345678", email="zhang@example.org")
    services.update_contact(by=by, now=now, contact_id=contact.pk, version=1, phone="13912345678")
    services.delete_contacts(by=by, now=now, ids=[contact.pk])

    entries = list(LogEntry.objects.order_by("pk"))
    assert [entry.action for entry in entries] == [0, 1, 2]
    assert entries[0].changes == {
        "name": ["", "Zhang San"],
        "phone": ["", "+86 138 **** 5678"],
        "email": ["", "z***@example.org"],
    }
    assert entries[1].changes == {"phone": ["+86 138 **** 5678", "+86 139 **** 5678"]}
    assert {(entry.object_repr, entry.remote_addr) for entry in entries} == {("Zhang San", "203.0.113.9")}
    assert "12345678" not in str([entry.changes for entry in entries])
