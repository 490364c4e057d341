"""An `alertmanager.yml` as files: what it tells whom, beside amtool's own answer, and what cannot be carried."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tocsin.files.rules.importing.alertmanager import draft_of_alertmanager, seconds_of
from tocsin.files.rules.importing.alertmanager_times import window_of
from tocsin.files.rules.importing.go_yaml import load
from tocsin.files.rules.importing.matchers import parsed_matchers
from tocsin.files.rules.schema import json_schema
from tocsin.policies.rules import Matcher, parse_rules, parse_window, taken_in_turn
from tocsin.policies.rules.windows import window_of as stored_window

_LABELS = ("team", "severity", "service")
_VALUES = ("a", "b", "c", "")
_UNTOLD = "nobody"


def matchers() -> st.SearchStrategy[str]:
    plain = st.builds(
        '{}{}"{}"'.format, st.sampled_from(_LABELS), st.sampled_from(("=", "!=")), st.sampled_from(_VALUES)
    )
    pattern = st.builds(
        '{}{}"{}"'.format,
        st.sampled_from(_LABELS),
        st.sampled_from(("=~", "!~")),
        st.sampled_from(("a|b", "b?", "[ac]")),
    )
    return plain | pattern


def routes(depth: int) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "receiver": st.sampled_from(("one", "two", "three", _UNTOLD)),
            "matchers": st.lists(matchers(), min_size=0, max_size=2),
            "continue": st.booleans(),
            "routes": st.lists(routes(depth - 1), max_size=3) if depth else st.just([]),
        }
    )


def labels() -> st.SearchStrategy[dict[str, str]]:
    return st.dictionaries(st.sampled_from(_LABELS), st.sampled_from(_VALUES[:3]))


def configuration(children: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "route": {"receiver": "root", "routes": children},
        "receivers": [
            {"name": name, "webhook_configs": [] if name == _UNTOLD else [{"url": f"http://{name}.example.org/"}]}
            for name in ("root", "one", "two", "three", _UNTOLD)
        ],
    }


def told_by_alertmanager(config: Mapping[str, Any], event: Mapping[str, str]) -> list[str]:
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        yaml.safe_dump(dict(config), file)
        file.flush()
        pairs = [f"{name}={value}" for name, value in event.items()]
        command = ["amtool", "config", "routes", "test", f"--config.file={file.name}", *pairs]
        answer = subprocess.run(command, capture_output=True, text=True, check=True)
    return sorted(name for name in answer.stdout.strip().split(",") if name != _UNTOLD)


def told_by_policies(config: Mapping[str, Any], event: Mapping[str, str]) -> list[str]:
    policies = draft_of_alertmanager(config).document["policies"]
    order = [
        Matcher(
            policy_id=number,
            name=policy["name"],
            version_id=number,
            rules=parse_rules(map(_conditions, policy.get("rules", ()))),
            group_by=(),
            group_wait=timedelta(0),
            stops_here=policy.get("stops_here", False),
        )
        for number, policy in enumerate(policies)
        if policy.get("state") != "disabled"
    ]
    taken = taken_in_turn(matcher for matcher in order if matcher.matches(event, 1))
    return sorted(re.sub(r" \(\d+\)$", "", matcher.name) for matcher in taken)


def _conditions(rule: Any) -> Any:
    if not isinstance(rule, Mapping):
        return rule
    return [{"key": key, "operator": "eq", "value": value} for key, value in rule.items()]


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(st.lists(routes(2), min_size=1, max_size=4), st.lists(labels(), min_size=1, max_size=3))
def test_the_policies_tell_whom_alertmanager_tells(
    children: list[dict[str, Any]], events: list[dict[str, str]]
) -> None:
    config = configuration(children)

    for event in events:
        assert told_by_policies(config, event) == told_by_alertmanager(config, event)


@pytest.mark.thorough
@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(st.lists(routes(3), min_size=1, max_size=4), st.lists(labels(), min_size=1, max_size=4))
def test_the_policies_tell_whom_alertmanager_tells_in_deeper_trees(
    children: list[dict[str, Any]], events: list[dict[str, str]]
) -> None:
    config = configuration(children)

    for event in events:
        assert told_by_policies(config, event) == told_by_alertmanager(config, event)


FULL = """
global:
  resolve_timeout: 10m
  smtp_smarthost: mail.example.org:587
  smtp_from: alerts@example.org
  smtp_auth_username: alerts
  smtp_auth_password: mail-secret
  pagerduty_url: https://events.example.org
templates: ['*.tmpl']
route:
  receiver: team
  group_by: [alertname, cluster]
  repeat_interval: 1h30m
  routes:
    - matchers: ['team = db', 'severity =~ "critical|page"']
      receiver: database
      group_wait: 10s
      active_time_intervals: [office]
    - match: {service: web}
      receiver: pager
      continue: true
      group_by: ['...']
    - matchers: ['{env="test"}']
      receiver: 'null'
    - receiver: team
      matchers: [severity="info"]
      mute_time_intervals: [weekends, nights]
receivers:
  - name: team
    email_configs: [{to: 'Ann Lee <ann@example.org>, bob@example.org', send_resolved: true}]
  - name: database
    webhook_configs: [{url: 'https://hooks.example.org/db-token', http_config: {proxy_url: 'http://proxy'}}]
    email_configs: [{to: ann@example.org, html: own}]
  - name: pager
    pagerduty_configs: [{routing_key: pager-secret}]
  - name: 'null'
inhibit_rules:
  - source_matchers: [severity="critical"]
    target_match: {severity: warning}
    equal: [alertname]
time_intervals:
  - name: office
    time_intervals:
      - {times: [{start_time: '09:00', end_time: '17:00'}], weekdays: ['monday:friday'], location: Europe/Berlin}
  - name: weekends
    time_intervals: [{weekdays: [saturday, sunday]}]
  - name: nights
    time_intervals: [{times: [{start_time: '22:00', end_time: '24:00'}]}]
"""


def test_a_configuration_becomes_files_and_what_is_not_carried_is_said() -> None:
    draft = draft_of_alertmanager(yaml.safe_load(FULL))

    document = draft.filled()
    assert [policy["name"] for policy in document["policies"]] == ["database", "pager", "null", "team", "team (2)"]
    database, pager, null, info, team = document["policies"]
    assert database["rules"] == [
        [{"key": "team", "operator": "eq", "value": "db"},
         {"key": "severity", "operator": "re", "value": "critical|page"}]
    ]  # fmt: skip
    assert database["tells"] == {"database": [], "Ann Lee": ["email"]}
    assert (database["stops_here"], database["group_wait_seconds"], database["repeat_minutes"]) == (True, 10, 90)
    assert database["sending_window"] == {
        "start": "09:00", "end": "17:00", "days": [1, 2, 3, 4, 5], "zone": "Europe/Berlin", "outside": "hold"
    }  # fmt: skip
    assert (pager["state"], pager["group_by"], null["state"]) == ("disabled", ["alertname", "instance"], "disabled")
    assert info["rules"] == [
        [{"key": "severity", "operator": "eq", "value": "info"}, {"key": "env", "operator": "neq", "value": "test"}]
    ]
    assert info["sending_window"] == {
        "start": "00:00", "end": "22:00", "days": [1, 2, 3, 4, 5], "zone": "UTC", "outside": "hold"
    }  # fmt: skip
    assert team["tells"] == {"Ann Lee": ["email"], "bob": ["email"]}
    assert document["contacts"] == [
        {"name": "Ann Lee", "email": "ann@example.org"}, {"name": "bob", "email": "bob@example.org"}
    ]  # fmt: skip
    assert document["webhooks"] == [{"name": "database", "url": {"env": "TOCSIN_WEBHOOKS_DATABASE_URL"}}]
    assert draft.secrets["TOCSIN_WEBHOOKS_DATABASE_URL"] == "https://hooks.example.org/db-token"
    assert document["accounts"][0]["settings"]["password"] == {"env": "TOCSIN_ACCOUNTS_MAIL_PASSWORD"}
    assert document["inhibitions"] == [
        {"name": "Inhibition 1", "source_rules": [{"severity": "critical"}], "target_rules": [{"severity": "warning"}],
         "equal": ["alertname"]}
    ]  # fmt: skip
    places = [note.partition(": ")[0] for note in draft.notes]
    assert places == [
        "templates", "receivers[2].webhook_configs[1]", "receivers[2].email_configs[1]",
        "receivers[3].pagerduty_configs[1]", "global.pagerduty_url", "global.resolve_timeout", "receiver database",
        "route.routes[2]", "route.routes[2]", "route.routes[3]",
    ]  # fmt: skip
    assert not list(Draft202012Validator(json_schema()).iter_errors(document))


@pytest.mark.parametrize(
    ("text", "conditions"),
    [
        ('a="b"', [("a", "eq", "b")]),
        ("a=b", [("a", "eq", "b")]),
        (' a != "b,c" ', [("a", "neq", "b,c")]),
        ('{a=~"b|c", d!~"e"}', [("a", "re", "b|c"), ("d", "nre", "e")]),
        ('a="say \\"hi\\"\\n"', [("a", "eq", 'say "hi"\n')]),
        ('"my label"="b"', [("my label", "eq", "b")]),
        ("a=", [("a", "eq", "")]),
    ],
)
def test_matchers_are_read_as_alertmanager_reads_them(text: str, conditions: list[tuple[str, str, str]]) -> None:
    found = [(one["key"], one["operator"], one["value"]) for one in parsed_matchers(text)]

    assert found == conditions


@pytest.mark.parametrize("text", ["a", 'a="b', "=b", 'a==b"c'])
def test_a_matcher_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="cannot read the matcher"):
        list(parsed_matchers(text))


def test_durations_are_prometheus_own() -> None:
    assert [seconds_of(text) for text in ("30s", "1h30m", "500ms", "1d", "0")] == [30, 5400, 0.5, 86400, 0]
    with pytest.raises(ValueError, match="no duration"):
        seconds_of("5 minutes")


def test_something_else_is_no_alertmanager_configuration() -> None:
    with pytest.raises(ValueError, match="no route"):
        draft_of_alertmanager({"scrape_configs": []})


def test_a_receiver_of_several_things_tells_each_under_a_name_of_its_own() -> None:
    config = {
        "route": {"receiver": "ops"},
        "receivers": [
            {
                "name": "ops",
                "email_configs": [{"to": "ops@example.org"}],
                "webhook_configs": [{"url": "https://one.example.org"}, {"url": "https://two.example.org"}],
                "telegram_configs": [{"bot_token": "t0ken", "chat_id": -100}],
                "slack_configs": [{"api_url_file": "/run/slack"}],
            }
        ],
    }

    draft = draft_of_alertmanager(config)

    [policy] = draft.document["policies"]
    assert policy["tells"] == {"ops": ["email"], "ops (2)": [], "ops (3)": [], "ops (4)": [], "ops (5)": []}
    telegram, slack = draft.document["robots"]
    assert telegram["settings"] == {"token": {"env": "TOCSIN_ROBOTS_OPS_BOT_TOKEN"}, "chat": "-100"}
    assert slack["url"] == {"file": "/run/slack"}


@pytest.mark.parametrize(
    "config",
    [
        {"route": {"receiver": "a", "routes": ["x"]}},
        {"route": {"receiver": "a", "routes": "x"}},
        {"route": {"receiver": "a"}, "receivers": ["a"]},
        {"route": {"receiver": "a"}, "receivers": [{"name": "a", "webhook_configs": {"url": "x"}}]},
        {"route": {"receiver": "a"}, "inhibit_rules": [1]},
        {"route": {"receiver": "a", "group_wait": "soon"}},
    ],
)
def test_what_is_not_shaped_as_alertmanager_has_it_is_refused_with_its_place(config: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must be a list|must have keys|no duration"):
        draft_of_alertmanager(config)


@pytest.mark.parametrize(
    "text",
    [
        "route: &a {receiver: x, routes: [*a]}",
        "route: {receiver: x, routes: [&a {matchers: [t=a], routes: [*a, *a]}]}",
        "r: ["
        + ", ".join(["&l0 {}", *(f"&l{n} {{routes: [*l{n - 1}, *l{n - 1}]}}" for n in range(1, 40))])
        + "]\nroute: *l39",
    ],
)
def test_routes_whose_aliases_have_no_end_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="does an alias name what it stands in"):
        draft_of_alertmanager(yaml.safe_load(text))


EVERYTHING = r"""
global:
  smtp_smarthost: mail.example.org:465
  smtp_from: alerts@example.org
  smtp_hello: am.example.org
  slack_api_url_file: /run/global-slack
  telegram_bot_token: global-token
  http_config: {proxy_url: http://127.0.0.1:1025}
route:
  receiver: mails
  group_by: [alertname, cluster]
  routes:
    - match: {paging: true, version: 010, window: 17:00}
      receiver: slack
      group_by: []
      continue: yes
      active_time_intervals: [office]
    - matchers: [severity="info"]
      receiver: telegram
      mute_time_intervals: [weekends]
    - matchers: [severity="none"]
      receiver: mails
      mute_time_intervals: [always]
receivers:
  - name: mails
    email_configs:
      - {to: ann@example.org, smarthost: 'other.example.org:25', auth_username: x, require_tls: no, send_resolved: no}
    webhook_configs:
      - {url: https://hooks.example.org/one, timeout: 3s, send_resolved: no, max_alerts: 0}
  - name: slack
    slack_configs: [{api_url: https://hooks.slack.example/own, channel: '#db', color: red, short_fields: true}]
  - name: telegram
    telegram_configs: [{chat_id: -100123, message_thread_id: 7, parse_mode: HTML}]
time_intervals:
  - name: office
    time_intervals:
      - times: [{start_time: 09:00, end_time: 17:00}]
        weekdays: ['monday:friday']
        location: Local
  - name: weekends
    time_intervals: [{weekdays: [saturday, sunday], times: [{start_time: 00:00, end_time: 24:00}]}]
  - name: always
    time_intervals: [{times: [{start_time: 00:00, end_time: 24:00}]}]
"""


def test_what_yaml_would_make_numbers_of_is_read_as_alertmanager_reads_it() -> None:
    slack, telegram, _none, mails = draft_of_alertmanager(load(EVERYTHING), zone="Asia/Shanghai").document["policies"]

    assert slack["rules"] == [{"paging": "true", "version": "010", "window": "17:00"}]
    assert (slack["group_by"], slack.get("stops_here"), mails["sends_recovery"]) == (
        ["alertname", "cluster"], None, False,
    )  # fmt: skip
    assert slack["sending_window"] == {
        "start": "09:00", "end": "17:00", "days": [1, 2, 3, 4, 5], "zone": "Asia/Shanghai", "outside": "hold"
    }  # fmt: skip
    assert telegram["sending_window"]["days"] == [1, 2, 3, 4, 5]


def test_a_receivers_own_address_goes_before_the_global_one_and_a_global_one_serves_where_it_has_none() -> None:
    draft = draft_of_alertmanager(load(EVERYTHING))

    slack, telegram = draft.document["robots"]
    assert draft.secrets[slack["url"]["env"]] == "https://hooks.slack.example/own"
    assert telegram["settings"]["chat"] == "-100123"
    assert draft.secrets[telegram["settings"]["token"]["env"]] == "global-token"
    assert draft.document["accounts"][0]["settings"] == {
        "host": "mail.example.org", "port": "465", "from": "alerts@example.org", "hello": "am.example.org",
        "security": "tls",
    }  # fmt: skip


def test_every_setting_that_has_no_place_here_is_said() -> None:
    notes = draft_of_alertmanager(load(EVERYTHING)).notes

    for note in (
        "global.http_config: is not carried",
        "receivers[1].email_configs[1]: auth_username, require_tls, smarthost: not carried",
        "receivers[1].webhook_configs[1]: timeout: not carried",
        "receivers[2].slack_configs[1]: texts of its own (channel) are not carried",
        "receivers[2].slack_configs[1]: color, short_fields: not carried",
        "receivers[3].telegram_configs[1]: message_thread_id, parse_mode: not carried",
    ):
        assert note in notes
    assert any(note.startswith("time interval office: Local is the clock") for note in notes)
    assert any("it is muted always" in note for note in notes)
    assert not any("max_alerts" in note for note in notes)


@pytest.mark.parametrize(
    "route",
    [
        {"group_by": "alertname"},
        {"mute_time_intervals": "nights"},
        {"match": ["a"]},
        {"match_re": "a=b"},
        {"matchers": {"a": "b"}},
    ],
)
def test_a_text_is_not_taken_for_the_list_of_its_letters(route: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must be a list|must have keys"):
        draft_of_alertmanager({"route": {"receiver": "a", "routes": [route]}})


def interval(*spans: tuple[str, str, list[str]]) -> dict[str, Any]:
    return {
        "time_intervals": [
            {"times": [{"start_time": start, "end_time": end}], "weekdays": days} for start, end, days in spans
        ]
    }


WORKDAYS = ["monday:friday"]


@pytest.mark.parametrize(
    ("active", "muted", "hours"),
    [
        ([("09:00", "17:00", WORKDAYS)], [], ("09:00", "17:00", [1, 2, 3, 4, 5])),
        ([], [("00:00", "08:00", WORKDAYS), ("18:00", "24:00", WORKDAYS), ("00:00", "24:00", ["saturday", "sunday"])],
         ("08:00", "18:00", [1, 2, 3, 4, 5])),
        ([], [("17:00", "24:00", []), ("00:00", "09:00", [])], ("09:00", "17:00", [1, 2, 3, 4, 5, 6, 7])),
        ([("22:00", "24:00", []), ("00:00", "06:00", [])], [], ("22:00", "06:00", [1, 2, 3, 4, 5, 6, 7])),
        ([("20:00", "24:00", ["friday"]), ("00:00", "04:00", ["saturday"])], [], ("20:00", "04:00", [5])),
        ([("08:00", "20:00", [])], [("00:00", "24:00", ["sunday"])], ("08:00", "20:00", [1, 2, 3, 4, 5, 6])),
        ([("00:00", "24:00", ["saturday", "sunday"])], [], ("00:00", "24:00", [6, 7])),
        ([("00:00", "24:00", [])], [], None),
        ([], [("12:00", "13:00", WORKDAYS)], "no single window of the day says its time intervals (m)"),
        ([], [("00:00", "24:00", [])], "it is muted always"),
        ([("09:00", "25:00", [])], [], "25:00 is no time of day"),
        ([("09:00", "10:00", ["someday"])], [], "someday is no day of the week"),
    ],
)  # fmt: skip
def test_the_hours_of_a_route_are_one_window_where_one_says_them(
    active: list[Any], muted: list[Any], hours: tuple[str, str, list[int]] | str | None
) -> None:
    known = {"a": interval(*active), "m": interval(*muted)}

    window, problem = window_of(["a"] if active else [], ["m"] if muted else [], known, "UTC")

    found = (window["start"], window["end"], window["days"]) if window else None
    assert (problem or found) == hours


_CLOCKS = st.sampled_from(["00:00", "06:00", "09:30", "17:00", "24:00"])
_SPANS = st.lists(
    st.tuples(_CLOCKS, _CLOCKS, st.sampled_from([[], WORKDAYS, ["saturday", "sunday"], ["sunday"]])).filter(
        lambda span: span[0] < span[1]
    ),
    max_size=3,
)


@settings(max_examples=200)
@given(_SPANS, _SPANS)
def test_a_window_is_open_when_the_route_is(active: list[Any], muted: list[Any]) -> None:
    known = {"a": interval(*active), "m": interval(*muted)}

    typed, problem = window_of(["a"] if active else [], ["m"] if muted else [], known, "UTC")

    window = stored_window(parse_window(typed))
    for half_hours in range(0 if problem else 7 * 48):
        at = datetime(2026, 11, 30, tzinfo=UTC) + timedelta(minutes=30 * half_hours)
        is_open = (not active or holds(active, at)) and not holds(muted, at)
        assert (window is None or window.is_open(at)) is is_open


def holds(spans: list[Any], at: datetime) -> bool:
    """As Alertmanager looks at them."""
    day = at.strftime("%A").lower()
    covered = {"": True, "monday:friday": at.isoweekday() < 6}
    return any(
        start <= f"{at:%H:%M}" < end and any(covered.get(each, each == day) for each in days or [""])
        for start, end, days in spans
    )
