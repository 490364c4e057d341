"""What a voice reads out."""

from __future__ import annotations

import pytest

from tocsin.delivery.speech import call_keys, plain_speech


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("KubePodCrashLooping", "Kube Pod Crash Looping"),
        ("node_filesystem_full", "node filesystem full"),
        ("HTTPErrors", "HTTP Errors"),
        ("Disk full, see https://wiki.example.org/disk?x=1 now", "Disk full, see now"),
        ("<b>97 % of /var</b>", "b 97 % of /var /b"),
        ("10.0.0.1:9100", "10.0.0.1:9100"),
        ("磁盘已满！实例 db1", "磁盘已满！实例 db1"),
        ("डिस्क भर गई", "डिस्क भर गई"),
        ("ดิสก์เต็ม ⚠️", "ดิสก์เต็ม"),
        ("re\u0301plica down", "réplica down"),
        ("...", ""),
    ],
)
def test_a_text_is_made_fit_to_be_read_out(text: str, spoken: str) -> None:
    assert plain_speech(text) == spoken


def test_only_resolving_asks_again_and_everything_is_said_in_the_language_of_the_one_called() -> None:
    english, chinese = call_keys("en"), call_keys("zh-hans")

    assert list(english) == ["1", "2", "3"]
    assert {key: bool(said.confirm) for key, said in english.items()} == {"1": False, "2": True, "3": False}
    assert chinese["2"].confirm == "再按一次 2 键，确认恢复。"
