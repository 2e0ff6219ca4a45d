"""Whatever is done to the files of an export is found, and the finding names the place."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from governance.errors import BrokenProof, LedgerError
from governance.ledger.checkpoint import Checkpoint, sign_checkpoint
from governance.ledger.merkle import EMPTY_ROOT, leaf_hash
from governance.ledger.note import LedgerSigner, encode_vkey
from governance.ledger.tiles import TILE_WIDTH, TileName, decode_bundle, encode_bundle, parse_path
from governance.ledger.trust_policy import trusting
from governance.ledger.verify import verify_folder

SIGNER = LedgerSigner("probity.example/ledger", bytes(range(32)))
STRANGER = LedgerSigner("probity.example/ledger", bytes(32))
TRUSTED = trusting(SIGNER.verifier_key)
BUNDLES = {"tile/entries/000": 256, "tile/entries/001": 256, "tile/entries/002.p/88": 88}
HASHES = ("tile/0/000", "tile/0/001", "tile/0/002.p/88", "tile/1/000.p/2")
NOTES = ("checkpoint", "checkpoints/0", "checkpoints/3", "checkpoints/300", "log.vkey", "policy")


@contextmanager
def written(folder: Path, files: dict[str, bytes | None]) -> Iterator[None]:
    """Write or remove files, and put everything back afterwards."""
    before = {name: (folder / name).read_bytes() if (folder / name).exists() else None for name in files}
    try:
        put(folder, files)
        yield
    finally:
        put(folder, before)


def put(folder: Path, files: dict[str, bytes | None]) -> None:
    for name, data in files.items():
        if data is None:
            (folder / name).unlink(missing_ok=True)
        else:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)


def finding(folder: Path, files: dict[str, bytes | None]) -> str:
    with written(folder, files), pytest.raises(LedgerError) as found:
        verify_folder(folder, TRUSTED)
    return str(found.value)


def entries_of(folder: Path, name: str) -> list[bytes]:
    return decode_bundle(TileName(None, parse_path(name).index, BUNDLES[name]), (folder / name).read_bytes())


def entry_at(folder: Path, name: str, place: int) -> int:
    """The entry that byte ``place`` of a bundle belongs to, its length included."""
    seq, end = parse_path(name).index * TILE_WIDTH, 0
    for entry in entries_of(folder, name):
        end += 2 + len(entry)
        if place < end:
            return seq
        seq += 1
    raise AssertionError


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from([*BUNDLES, *HASHES, *NOTES]), data=st.data())
def test_a_flipped_bit_anywhere_is_found_and_its_place_named(exported: Path, name: str, data: st.DataObject) -> None:
    content = bytearray((exported / name).read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= 1 << data.draw(st.integers(0, 7))

    found = finding(exported, {name: bytes(content)})

    if name in BUNDLES:
        seq = entry_at(exported, name, place)
        assert found == f"entry {seq} in {name} is not the one that {name.replace('entries', '0')} holds"
    elif name.startswith("tile/0/"):
        seq = parse_path(name).index * TILE_WIDTH + place // 32
        assert found == f"entry {seq} in {name.replace('/0/', '/entries/')} is not the one that {name} holds"
    elif name in HASHES:
        assert found == f"{name}: hash {place // 32} does not follow from the entries below it"
    else:
        assert found.startswith((f"{name}: ", f"{name} line "))


@pytest.mark.parametrize(("first", "second"), [(0, 1), (5, 200), (254, 255), (255, 256), (0, 599), (300, 301)])
def test_two_entries_exchanged_are_found_at_the_first(exported: Path, first: int, second: int) -> None:
    names = list(BUNDLES)
    bundles = {name: entries_of(exported, name) for name in names}
    (a, i), (b, j) = (divmod(seq, TILE_WIDTH) for seq in (first, second))
    bundles[names[a]][i], bundles[names[b]][j] = bundles[names[b]][j], bundles[names[a]][i]

    found = finding(exported, {name: encode_bundle(entries) for name, entries in bundles.items()})

    assert found.startswith(f"entry {first} in {names[a]} is not")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda entries: entries[:7] + entries[8:], id="dropped"),
        pytest.param(lambda entries: [*entries[:7], entries[6], *entries[7:]], id="repeated"),
        pytest.param(lambda entries: [*entries[:7], b"{}", *entries[8:]], id="replaced"),
        pytest.param(lambda entries: [*entries[:7], b"", *entries[8:]], id="emptied"),
        pytest.param(lambda entries: entries[:7], id="cut"),
        pytest.param(lambda entries: [*entries[:7], entries[7] + b" ", *entries[8:]], id="padded"),
    ],
)
@pytest.mark.parametrize("name", BUNDLES)
def test_an_entry_changed_in_any_way_is_named(
    exported: Path, name: str, change: Callable[[list[bytes]], list[bytes]]
) -> None:
    seq = parse_path(name).index * TILE_WIDTH + 7

    assert finding(exported, {name: encode_bundle(change(entries_of(exported, name)))}).startswith(
        f"entry {seq} in {name} is not the one"
    )


def test_bytes_after_the_last_entry_are_counted(exported: Path) -> None:
    name = "tile/entries/002.p/88"
    content = (exported / name).read_bytes()

    assert finding(exported, {name: content + b"x"}) == f"{name}: expected 88 entries and no byte more, got 1 more"
    assert finding(exported, {name: content + b"\x00\x01x"}).endswith("got 3 more")


@pytest.mark.parametrize(
    ("one", "other", "named"),
    [
        ("tile/entries/000", "tile/entries/001", "entry 0 in tile/entries/000"),
        ("tile/0/000", "tile/0/001", "entry 0 in tile/entries/000"),
        ("tile/0/000", "tile/entries/000", "tile/0/000: expected 8192 bytes"),
        ("tile/0/002.p/88", "tile/1/000.p/2", r"tile/0/002\.p/88: expected 2816 bytes"),
        ("checkpoints/3", "checkpoints/300", "checkpoints/3: expected a checkpoint of that size, found one of 300"),
        ("checkpoint", "log.vkey", "checkpoint: "),
        ("policy", "log.vkey", r"log\.vkey: expected the key given"),
    ],
)
def test_two_files_swapped_are_found(exported: Path, one: str, other: str, named: str) -> None:
    found = finding(exported, {one: (exported / other).read_bytes(), other: (exported / one).read_bytes()})

    assert re.match(named, found)


def test_an_entry_replaced_with_its_hash_is_named_where_the_tile_above_still_knows(exported: Path) -> None:
    name = "tile/entries/001"
    entries = entries_of(exported, name)
    entries[144] = entries[144].replace(b'"number":400', b'"number":401')
    files: dict[str, bytes | None] = {
        name: encode_bundle(entries),
        "tile/0/001": b"".join(map(leaf_hash, entries)),
    }

    assert finding(exported, files) == "tile/1/000.p/2: hash 1 does not follow from the entries below it"


def test_the_operator_who_signs_an_earlier_size_anew_is_found(exported: Path) -> None:
    forked = sign_checkpoint(Checkpoint(SIGNER.name, 3, EMPTY_ROOT), SIGNER)
    ahead = sign_checkpoint(Checkpoint(SIGNER.name, 601, EMPTY_ROOT), SIGNER)

    assert finding(exported, {"checkpoints/3": forked}).startswith("checkpoints/3: the first 3 entries are not those")
    assert finding(exported, {"checkpoints/601": ahead}).startswith("checkpoints/601 has 601 entries, but the log")
    assert finding(exported, {"checkpoint": ahead}).startswith("tile/0/002.p/89: expected a file of the log")


@pytest.mark.parametrize("size", [599, 601, 2**40, 2**63 - 1])
def test_a_signed_size_that_the_files_do_not_have_is_refused_at_once(exported: Path, size: int) -> None:
    claimed = sign_checkpoint(Checkpoint(SIGNER.name, size, EMPTY_ROOT), SIGNER)

    assert finding(exported, {"checkpoint": claimed}).startswith("tile/0/002")


@pytest.mark.parametrize("name", ["checkpoints/notes", "checkpoints/03", "checkpoints/٣", "checkpoints/\x1b[2J"])
def test_an_older_checkpoint_has_its_size_for_a_name(exported: Path, name: str) -> None:
    found = finding(exported, {name: (exported / "checkpoints/3").read_bytes()})

    assert "expected a checkpoint" in found
    assert found.isprintable()


def test_an_older_checkpoint_of_another_key_is_named(exported: Path) -> None:
    other = sign_checkpoint(Checkpoint(STRANGER.name, 3, EMPTY_ROOT), STRANGER)

    assert finding(exported, {"checkpoints/3": other}).startswith("checkpoints/3: expected a signature of")


def test_a_policy_in_the_folder_may_differ_but_for_the_log(exported: Path) -> None:
    vkey = encode_vkey(SIGNER.verifier_key)
    other = encode_vkey(STRANGER.verifier_key)

    with written(exported, {"policy": f"# ours\nlog {vkey} https://log.example/\nquorum none\n".encode()}):
        assert verify_folder(exported, TRUSTED).size == 600
    assert finding(exported, {"policy": f"log {other}\nquorum none\n".encode()}).startswith(
        "policy: expected it to name"
    )
    assert finding(exported, {"policy": b"log \x9b[2J\n"}).startswith("policy: trust policy line 1")
    with written(exported, {"policy": None, "log.vkey": None}):
        assert verify_folder(exported, TRUSTED).size == 600


def test_something_that_is_no_file_in_the_place_of_one_is_refused(exported: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(exported, tmp_path / "copy")
    place = copy / "tile/0/001"
    for make in (os.mkfifo, Path.mkdir):
        place.unlink() if place.is_file() else None
        make(place)
        with pytest.raises(BrokenProof, match="tile/0/001: expected a file of the log"):
            verify_folder(copy, TRUSTED)
        place.unlink() if place.is_fifo() else place.rmdir()
    shutil.copy(exported / "tile/0/001", place)
    (copy / "tile/0/x001").symlink_to(copy / "tile/0")
    with pytest.raises(BrokenProof, match="tile/0/x001: not a file of the log"):
        verify_folder(copy, TRUSTED)


def test_what_lies_beside_the_log_is_named_without_its_control_characters(exported: Path) -> None:
    with written(exported, {"notes\x1b[2J.txt": b"x"}):
        assert verify_folder(exported, TRUSTED).beside == ("README.md", "notes\\x1b[2J.txt")
