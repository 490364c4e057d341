"""Planning: the same whatever the order in which people are named; each of them once; a robot mentions each once."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from tocsin.channels.kinds import PERSONAL_CHANNELS, ROBOT_PLATFORMS, Channel
from tocsin.contacts.rules import ContactView, Directory, Fallback, GroupView, RobotView, ScheduleView, WebhookView
from tocsin.delivery.rules.plan import can_mention, plan, plan_recovery

MENTIONS_BY: dict[Channel, Sequence[str]] = {Channel.DINGTALK: ("phone", "user_id"), Channel.LARK: ("user_id",)}
Targets = list[tuple[int, tuple[Channel, ...]]]


def contact(number: int, *, phone: bool, verified: bool, email: bool, user_id: bool, chatbot: bool) -> ContactView:
    return ContactView(
        id=number, name=f"Person {number}", phone=f"+861380000{number:04d}" if phone else "",
        is_phone_verified=verified, email=f"p{number}@example.org" if email else "", fallback=Fallback.DEFAULT,
        user_id="u" if user_id else "", dingtalk_user_id="", lark_user_id="", wecom_user_id="", language="",
        time_zone="", has_legacy_chatbot=chatbot,
    )  # fmt: skip


flags = {name: st.booleans() for name in ("phone", "verified", "email", "user_id", "chatbot")}
people = st.fixed_dictionaries({number: st.builds(contact, st.just(number), **flags) for number in range(1, 6)})
some_people = st.lists(st.integers(1, 5), unique=True, max_size=5).map(tuple)
directories = st.builds(
    Directory,
    people,
    st.fixed_dictionaries({n: st.builds(GroupView, st.just(n), st.just(f"G{n}"), some_people) for n in (10, 11)}),
    st.fixed_dictionaries(
        {n: st.builds(RobotView, st.just(n), st.just(f"R{n}"), st.sampled_from(ROBOT_PLATFORMS), st.booleans())
         for n in (20, 21)}
    ),
    st.fixed_dictionaries({30: st.builds(WebhookView, st.just(30), st.just("W"), st.booleans())}),
    st.fixed_dictionaries({40: st.builds(ScheduleView, st.just(40), st.just("S"), some_people)}),
)  # fmt: skip
channels = st.sets(st.sampled_from(PERSONAL_CHANNELS), min_size=1).map(tuple)
all_targets = st.lists(
    st.tuples(st.sampled_from([*range(1, 6), 10, 11, 20, 21, 30, 40]), channels), unique_by=lambda target: target[0]
)
carried = st.sets(st.sampled_from(Channel))
limits = st.dictionaries(st.sampled_from(["phone", "sms", "email", "robots", "webhook"]), st.integers(1, 5))


def turned(directory: Directory) -> Directory:
    """The same, with everybody named in the opposite order."""
    return Directory(
        dict(reversed(directory.contacts.items())),
        {pk: GroupView(pk, item.name, item.member_ids[::-1]) for pk, item in directory.groups.items()},
        dict(reversed(directory.robots.items())),
        directory.webhooks,
        {pk: ScheduleView(pk, item.name, item.on_duty_ids[::-1]) for pk, item in directory.schedules.items()},
    )


@given(directories, all_targets, st.randoms(), carried, limits, st.integers(1, 6), st.booleans())
def test_planning_is_blind_to_the_order_of_objects(
    directory: Directory, targets: Targets, random: object, carries: set[Channel], kept: dict[str, int], severity: int,
    is_recovery: bool,
) -> None:  # fmt: skip
    shuffled = list(targets)
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    def made(named: Targets, known: Directory) -> object:
        return plan(named, known, channels_carried=carries, mentions_by=MENTIONS_BY, is_recovery=is_recovery,
                    severity=severity, severity_limits=kept)  # fmt: skip

    assert made(targets, directory) == made(shuffled, turned(directory)) == made(targets, directory)


@given(directories, all_targets)
def test_everybody_is_told_once_over_a_channel_and_mentioned_once(directory: Directory, targets: Targets) -> None:
    made = plan(targets, directory, channels_carried=set(Channel), mentions_by=MENTIONS_BY)

    told = [(item.recipient_id, item.channel, item.is_legacy_chatbot) for item in made.deliveries]
    assert len(told) == len(set(told))
    concerned: dict[int, set[Channel]] = {}
    for object_id, wanted in targets:
        group, schedule = directory.groups.get(object_id), directory.schedules.get(object_id)
        members = group.member_ids if group else schedule.on_duty_ids if schedule else (object_id,)
        for member in members:
            if member in directory.contacts:
                concerned.setdefault(member, set()).update(wanted)
    for item in made.deliveries:
        if item.recipient_id in directory.contacts and not item.is_legacy_chatbot:
            assert item.channel in concerned[item.recipient_id]
        if item.recipient_id in directory.robots:
            by = MENTIONS_BY.get(item.channel, ())
            able = [pk for pk in sorted(concerned) if can_mention(directory.contacts[pk], item.channel, by)]
            assert list(item.mention_ids) == able
    told_or_not = {(item.recipient_id, item.channel) for item in made.deliveries}
    told_or_not |= {(item.object_id, Channel(item.channel)) for item in made.shortfalls if item.channel}
    assert {(pk, channel) for pk, wanted in concerned.items() for channel in wanted} <= told_or_not


@given(directories, all_targets, all_targets, limits, st.integers(1, 6), st.randoms())
def test_good_news_goes_wherever_bad_news_went_and_to_each_once(
    directory: Directory, named_then: Targets, named_now: Targets, kept: dict[str, int], severity: int, random: object
) -> None:
    """Whatever has changed meanwhile: who is named, on duty or in a group, and how severe it is."""
    fired = plan(named_then, directory, channels_carried=set(Channel), mentions_by=MENTIONS_BY).deliveries
    heard = {(item.recipient_id, item.channel) for item in fired}
    shuffled = list(named_now)
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    def over(named: Targets, known: Directory) -> object:
        return plan_recovery(named, known, heard=heard, channels_carried=set(Channel), mentions_by=MENTIONS_BY,
                             severity=severity, severity_limits=kept)  # fmt: skip

    made = plan_recovery(named_now, directory, heard=heard, channels_carried=set(Channel), mentions_by=MENTIONS_BY,
                         severity=severity, severity_limits=kept)  # fmt: skip
    told = [(item.recipient_id, item.channel, item.is_legacy_chatbot) for item in made.deliveries]
    assert len(told) == len(set(told))
    texted = {(pk, Channel.SMS if channel is Channel.PHONE else channel) for pk, channel in heard}
    assert texted <= {(pk, channel) for pk, channel, _ in told}
    assert made == over(shuffled, turned(directory))
    nobody = plan_recovery(named_now, directory, heard=(), channels_carried=set(Channel), mentions_by=MENTIONS_BY,
                           severity=severity, severity_limits=kept)  # fmt: skip
    assert nobody == plan(named_now, directory, channels_carried=set(Channel), mentions_by=MENTIONS_BY,
                          is_recovery=True, severity=severity, severity_limits=kept)  # fmt: skip
