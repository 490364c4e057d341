"""YAML of files, read."""

from __future__ import annotations

import pytest

from tocsin.files.rules.reading import FilesError, read_files


def test_merges_of_merges_are_refused_before_they_are_made() -> None:
    lines = ["a0: &a0 {k: v}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 20)}]}}" for n in range(1, 30)]

    with pytest.raises(FilesError, match=r"bomb.yaml:6: is not YAML: more than 500000 keys are merged"):
        read_files({"bomb.yaml": "\n".join(lines)})


def test_a_base_is_merged_into_many() -> None:
    text = (
        "policies:\n  - {name: P, tells: &all {Ann: [sms], Bob: [sms]}}\n  - {name: Q, tells: {<<: *all, Eve: [sms]}}\n"
    )

    assert [len(entry.values["tells"]) for entry in read_files({"policies.yaml": text})] == [2, 3]


def test_what_stands_there_goes_before_what_is_merged_and_the_first_base_before_the_second() -> None:
    text = (
        "contacts:\n"
        "  - &a {name: Ann, email: ann@example.org, language: zh-hans}\n"
        "  - &b {<<: *a, name: Bob, email: bob@example.org, time_zone: UTC}\n"
        "  - {<<: [*a, *b], email: eve@example.org}\n"
    )

    entries = read_files({"a.yaml": text})

    assert [dict(entry.values) for entry in entries] == [
        {"name": "Ann", "email": "ann@example.org", "language": "zh-hans"},
        {"name": "Bob", "email": "bob@example.org", "language": "zh-hans", "time_zone": "UTC"},
        {"name": "Ann", "email": "eve@example.org", "language": "zh-hans", "time_zone": "UTC"},
    ]


def test_a_name_that_stands_there_twice_itself_is_still_refused() -> None:
    text = "contacts:\n  - &a {name: Ann}\n  - {<<: *a, name: B, name: C}\n"

    with pytest.raises(FilesError, match="has 'name' twice"):
        read_files({"a.yaml": text})
