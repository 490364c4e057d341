"""What a replay supposes of the past: when what fired was quiet, and what of the planned messages went out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tocsin.alerts.rules import AlertState
from tocsin.channels.kinds import Channel
from tocsin.contacts.rules import Fallback
from tocsin.delivery.rules import Cause
from tocsin.delivery.rules.outgoing import Customs, Outgoing, sent
from tocsin.delivery.rules.quiet_spans import quiet_spans
from tocsin.delivery.rules.replaying import Firing
from tocsin.policies.rules import stored_rules

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
UNTIL = NOON + timedelta(minutes=40)
ROLES = {"source": ("source", "both"), "target": ("target", "both")}


def after(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def one_of(key: str, *values: str) -> object:
    return stored_rules([[{"key": key, "operator": "in", "value": ",".join(values)}]])


firings = st.lists(
    st.builds(
        lambda pk, role, cluster, starts, lasts: Firing(
            pk, 1, {"role": role, "cluster": cluster}, 3, after(starts), after(starts + lasts) if lasts else None
        ),
        st.integers(1, 4), st.sampled_from(["source", "target", "both"]), st.sampled_from(["a", "b"]),
        st.integers(0, 30), st.integers(0, 9),
    ),
    max_size=8,
    unique_by=lambda one: one.event_id,
)  # fmt: skip
silences = st.lists(st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 30), st.integers(1, 9)), max_size=3)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])  # on a busy machine
@given(firings, silences)
def test_at_each_moment_exactly_what_a_silence_or_a_source_hides_is_quiet(
    fired: list[Firing], hidden: list[tuple[str, int, int]]
) -> None:
    kept = quiet_spans(
        fired,
        [(one_of("cluster", name), ((after(begin), after(begin + lasts)),)) for name, begin, lasts in hidden],  # type: ignore[misc]
        {1: ("Any", one_of("role", *ROLES["source"]), one_of("role", *ROLES["target"]), ("cluster",))},  # type: ignore[dict-item]
        UNTIL,
    )

    def is_active(one: Firing, at: datetime) -> bool:
        return one.starts <= at < (one.ends or UNTIL)

    def is_inhibited(one: Firing, at: datetime) -> bool:
        return one.labels["role"] in ROLES["target"] and any(
            other.event_id != one.event_id
            and is_active(other, at)
            and other.labels["role"] in ROLES["source"]
            and other.labels["cluster"] == one.labels["cluster"]
            and not (one.labels["role"] == other.labels["role"] == "both")
            for other in fired
        )

    for one, spans in zip(fired, kept, strict=True):
        assert list(spans) == sorted(spans)
        for half in range(80):
            at = after(half / 2)
            is_silenced = any(
                name == one.labels["cluster"] and after(begin) <= at < after(begin + lasts)
                for name, begin, lasts in hidden
            )
            expected = is_active(one, at) and (is_silenced or is_inhibited(one, at))
            assert any(begin <= at < end for begin, end in spans) == expected


def planned(minutes: float, alert: int, channel: Channel = Channel.SMS, **fields: object) -> Outgoing:
    values: dict[str, object] = {"cause": Cause.FIRED, "severity": 3, "recipient_id": 7, "name": "Ann", **fields}
    return Outgoing(after(minutes), after(minutes), alert, channel=channel, **values)  # type: ignore[arg-type]


def pending(_alert: int, _at: datetime) -> AlertState:
    return AlertState.PENDING


def test_five_texts_of_a_moment_are_one_and_what_comes_within_the_minute_another() -> None:
    texts = [planned(0, number) for number in range(5)] + [planned(0.3, 5), planned(0.6, 6), planned(5, 7)]

    gone = sent(texts, pending, Customs())

    assert [(one.at, len(one.alerts)) for one in gone] == [(NOON, 5), (after(1), 2), (after(5), 1)]


def test_beyond_the_cap_what_is_left_is_one_text_when_the_hour_is_over_unless_it_is_no_longer_true() -> None:
    texts = [planned(5 * number, number) for number in range(6)]

    gone = sent(
        texts,
        lambda alert, at: AlertState.RESOLVED if alert == 5 and at >= after(50) else AlertState.PENDING,
        Customs(texts_per_hour=2),
    )

    assert [(one.at, sorted(one.alerts)) for one in gone] == [(NOON, [0]), (after(5), [1]), (after(60), [2, 3, 4])]


def test_the_first_call_of_an_alert_and_the_first_text_of_the_worst_pass_the_caps() -> None:
    calls = [planned(number, number % 2, Channel.PHONE) for number in range(4)]
    texts = [planned(number, number, severity=1) for number in range(3)]

    gone = sent([*calls, *texts], pending, Customs(calls_per_hour=1, texts_per_hour=1))

    assert [one.at for one in gone if one.channel is Channel.PHONE] == [NOON, after(1), after(60)]
    assert [one.at for one in gone if one.channel is Channel.SMS] == [NOON, after(1), after(2)]


def test_of_a_person_who_takes_every_second_call_every_second_one_is_followed_by_a_text() -> None:
    calls = [planned(5 * number, number, Channel.PHONE) for number in range(4)]
    texted = planned(15, 3, has_text=True)

    gone = sent(
        [*calls[:3], planned(15, 3, Channel.PHONE, has_text=True), texted],
        pending,
        Customs(fails={7: 0.5}, fallbacks={7: Fallback.SMS}),
    )

    assert [sorted(one.alerts) for one in gone if one.is_fallback] == [[1]]
    assert len([one for one in gone if one.channel is Channel.SMS]) == 2
