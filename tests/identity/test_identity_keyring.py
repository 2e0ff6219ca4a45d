import errno
import json
import os
import stat
from pathlib import Path

import pytest

from pseudonymisation.errors import KeyringError, MissingKeyring, UnknownKey, UnsafePermissions
from pseudonymisation.keyring import Key, Keyring, create_keyring, generate_keyring, load_keyring


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keyring.json"


def _materials(keyring: Keyring) -> list[bytes]:
    return [getattr(keyring, role).current.material for role in ("kek", "index", "event_id", "quarantine")]


def test_a_keyring_reads_back_as_it_was_made_and_only_its_owner_may(path: Path) -> None:
    made = create_keyring(path)

    assert load_keyring(path) == made
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["keyring.json"]


def test_the_mode_does_not_depend_on_the_umask(path: Path) -> None:
    before = os.umask(0o277)
    try:
        create_keyring(path)
    finally:
        os.umask(before)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_every_role_and_every_keyring_has_its_own_key() -> None:
    materials = _materials(generate_keyring()) + _materials(generate_keyring())

    assert len(set(materials)) == 8
    assert {len(material) for material in materials} == {32}


def test_a_missing_keyring_says_what_to_run(path: Path) -> None:
    with pytest.raises(MissingKeyring, match=r"keyring\.json is missing: run `probity init`"):
        load_keyring(path)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o610])
def test_a_keyring_that_others_may_touch_is_refused(path: Path, mode: int) -> None:
    create_keyring(path)
    path.chmod(mode)

    with pytest.raises(UnsafePermissions, match=f"mode 0{mode:o}, expected 0600"):
        load_keyring(path)


def test_an_existing_keyring_is_never_replaced(path: Path) -> None:
    made = create_keyring(path)

    with pytest.raises(KeyringError, match="never replaced"):
        create_keyring(path)

    assert load_keyring(path) == made


def test_a_full_disk_leaves_nothing_behind(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(KeyringError, match="cannot be written: No space left on device"):
        create_keyring(path)

    assert list(path.parent.iterdir()) == []


def _edited(path: Path, **changes: object) -> bytes:
    document = json.loads(path.read_bytes()) | changes
    return (json.dumps(document, indent=1) + "\n").encode()


def _first_key(path: Path, **changes: object) -> bytes:
    keys = json.loads(path.read_bytes())["keys"]
    return _edited(path, keys=[keys[0] | changes, *keys[1:]])


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda _: b"\xff",
        lambda _: b"[]",
        lambda path: path.read_bytes() + b" ",
        lambda path: path.read_bytes()[:-20],
        lambda path: _edited(path, format="probity-keyring-v2"),
        lambda path: _edited(path, note="x"),
        lambda path: _edited(path, keys=[]),
        lambda path: _edited(path, keys=json.loads(path.read_bytes())["keys"] * 2),
        lambda path: _first_key(path, role="kek2"),
        lambda path: _first_key(path, version=0),
        lambda path: _first_key(path, version="1"),
        lambda path: _first_key(path, key="AA=="),
        lambda path: _first_key(path, key="!" + json.loads(path.read_bytes())["keys"][0]["key"]),
    ],
)
def test_only_the_one_encoding_is_read_and_an_error_quotes_no_key(path: Path, damage: object) -> None:
    made = create_keyring(path)
    path.write_bytes(damage(path))

    with pytest.raises(KeyringError, match="is not a keyring of the form probity-keyring-v1") as refusal:
        load_keyring(path)

    assert refusal.value.__cause__ is None
    assert not any(material.hex() in str(refusal.value) for material in _materials(made))


def test_keys_cannot_be_printed(path: Path) -> None:
    keyring = create_keyring(path)

    assert repr(keyring.kek.current) == "KeyEncryptionKey(version=1, …)"
    printed = f"{keyring!r} {keyring}"
    assert not any(repr(material)[2:-1] in printed or material.hex() in printed for material in _materials(keyring))


def test_a_version_that_was_destroyed_is_named() -> None:
    with pytest.raises(UnknownKey, match="no KeyEncryptionKey of version 7"):
        generate_keyring().kek.version(7)


def test_a_key_of_another_length_is_no_key() -> None:
    with pytest.raises(ValueError, match="expected a version >= 1 and 32 bytes, got 1 and 16"):
        Key(1, b"k" * 16)
