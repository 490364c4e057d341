"""Encryption at rest: what is stored names its key, and says nothing else."""

from __future__ import annotations

import pytest

from tocsin.core.crypto import decrypt, encrypt
from tocsin.core.errors import ConfigurationError

OLD, NEW = "old-" + "0" * 32, "new-" + "1" * 32


def test_what_was_encrypted_can_be_read_and_never_looks_the_same_twice() -> None:
    first, second = encrypt("hunter2", [NEW]), encrypt("hunter2", [NEW])

    assert (decrypt(first, [NEW]), decrypt(second, [NEW])) == ("hunter2", "hunter2")
    assert first != second
    assert "hunter2" not in first


def test_the_key_is_named_in_the_ciphertext_so_that_old_ones_stay_readable() -> None:
    old = encrypt("hunter2", [OLD])

    both = [NEW, OLD]
    new = encrypt("hunter2", both)

    assert decrypt(old, both) == "hunter2"
    assert new.split(":")[:2] == encrypt("another", [NEW]).split(":")[:2]
    assert new.split(":")[1] != old.split(":")[1]


def test_a_lost_key_is_named_and_the_way_out_too() -> None:
    old = encrypt("hunter2", [OLD])

    with pytest.raises(ConfigurationError) as refused:
        decrypt(old, [NEW])

    assert old.split(":")[1] in str(refused.value)
    assert "TOCSIN_SECRET_KEY" in str(refused.value)
    assert old.split(":")[2] not in str(refused.value)


def test_what_was_tampered_with_is_refused() -> None:
    version, key_id, body = encrypt("hunter2", [NEW]).split(":")
    changed = body[:20] + ("A" if body[20] != "A" else "B") + body[21:]

    with pytest.raises(ConfigurationError, match="damaged"):
        decrypt(f"{version}:{key_id}:{changed}", [NEW])
    with pytest.raises(ConfigurationError, match="unknown format"):
        decrypt(f"v2:{key_id}:{body}", [NEW])
