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
