"""Verification from files: whatever is changed, cut, added or swapped is found, and named."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pymerkle
import pytest

from governance.errors import BrokenProof, UnreadableEntry
from governance.ledger.canonical import encode_json
from governance.ledger.checkpoint import Checkpoint, sign_checkpoint
from governance.ledger.merkle import EMPTY_ROOT, leaf_hash, root_of
from governance.ledger.note import LedgerSigner, encode_vkey
from governance.ledger.tiles import TileName, bundle_names, decode_bundle, encode_bundle
from governance.ledger.trust_policy import trusting
from governance.ledger.verify import verify_folder

SIGNER = LedgerSigner("probity.example/ledger", bytes(range(32)))
STRANGER = LedgerSigner("probity.example/ledger", bytes(32))
TRUSTED = trusting(SIGNER.verifier_key)


@contextmanager
def changed(path: Path, data: bytes | None) -> Iterator[None]:
    """Put ``data`` into a file, or remove it, and put everything back afterwards."""
    before = path.read_bytes() if path.exists() else None
    try:
        if data is None:
            path.unlink()
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        yield
    finally:
        if before is None:
            path.unlink()
        else:
            path.write_bytes(before)


@pytest.fixture
def copy(exported: Path, tmp_path: Path) -> Path:
    return shutil.copytree(exported, tmp_path / "copy")


def test_an_export_verifies_and_says_what_it_holds(exported: Path) -> None:
    told: list[tuple[int, int]] = []

    verified = verify_folder(exported, TRUSTED, progress=lambda *step: told.append(step))

    assert (verified.origin, verified.size) == ("probity.example/ledger", 600)
    assert verified.kinds == {"model.trained": 600}
    assert verified.older == (0, 3, 300)
    assert verified.unsigned == ()
    assert told == [(256, 600), (512, 600), (600, 600)]


FILES = [
    "checkpoint",
    "log.vkey",
    "checkpoints/0",
    "checkpoints/3",
    "checkpoints/300",
    "tile/entries/000",
    "tile/entries/002.p/88",
    "tile/0/000",
    "tile/0/001",
    "tile/0/002.p/88",
    "tile/1/000.p/2",
]


def test_the_files_below_are_files_of_the_export(exported: Path) -> None:
    assert all((exported / name).is_file() for name in FILES)


@pytest.mark.parametrize("name", [name for name in FILES if "checkpoints" not in name and name != "log.vkey"])
def test_a_file_that_is_missing_cut_or_longer_is_found_by_name(exported: Path, name: str) -> None:
    content = (exported / name).read_bytes()

    for wrong in (None, b"", content[:-1], content[:-32], content + b"\x00", content + content):
        with changed(exported / name, wrong), pytest.raises(BrokenProof) as finding:
            verify_folder(exported, TRUSTED)
        assert name == "checkpoint" or name in str(finding.value)


def test_a_changed_entry_with_its_hash_is_found_in_the_tile_above(exported: Path) -> None:
    bundle = (exported / "tile/entries/001").read_bytes().replace(b'"number":300', b'"number":301')
    leaves = [leaf_hash(entry) for entry in decode_bundle(TileName(None, 1), bundle)]

    with changed(exported / "tile/entries/001", bundle), changed(exported / "tile/0/001", b"".join(leaves)):
        with pytest.raises(
            BrokenProof, match=r"checkpoints/300: the first 300 entries|tile/1/000\.p/2: hash 1 does not"
        ):
            verify_folder(exported, TRUSTED)
        tile = (exported / "tile/1/000.p/2").read_bytes()[:32] + root_of(leaves)
        with (
            changed(exported / "tile/1/000.p/2", tile),
            pytest.raises(BrokenProof, match="do not give the signed root"),
        ):
            verify_folder(exported, TRUSTED)


@pytest.mark.parametrize(
    ("name", "finding"),
    [
        ("tile/0/002.p/89", "expected 2848 bytes"),
        ("tile/entries/002", "expected 256 entries"),
        ("tile/notes.txt", "not a file of the log"),
        ("tile/0/1", "not a file of the log"),
        ("tile/0/002.p/87", "expected 2784 bytes"),
        ("tile/entries/000.p/1", "expected 1 entries"),
    ],
)
def test_a_file_added_to_the_tiles_is_found(exported: Path, name: str, finding: str) -> None:
    with changed(exported / name, bytes(32)), pytest.raises(BrokenProof, match=f"{name}: {finding}"):
        verify_folder(exported, TRUSTED)


def test_tiles_that_nobody_signed_are_named(exported: Path) -> None:
    ahead = (exported / "tile/0/002.p/88").read_bytes() + bytes(32)

    with changed(exported / "tile/0/002.p/89", ahead), changed(exported / "tile/0/003", b""):
        assert verify_folder(exported, TRUSTED).unsigned == ("tile/0/002.p/89", "tile/0/003")
    with (
        changed(exported / "tile/0/002.p/89", ahead[1:] + b"\x00"),
        pytest.raises(BrokenProof, match=r"tile/0/002\.p/89: does not agree with tile/0/002\.p/88"),
    ):
        verify_folder(exported, TRUSTED)


def test_a_partial_tile_of_an_earlier_size_may_stay_if_it_agrees(exported: Path) -> None:
    hashes = (exported / "tile/0/001").read_bytes()[: 44 * 32]

    with changed(exported / "tile/0/001.p/44", hashes):
        assert verify_folder(exported, TRUSTED).size == 600
    with (
        changed(exported / "tile/0/001.p/44", hashes[:-1] + b"\x00"),
        pytest.raises(BrokenProof, match=r"tile/0/001\.p/44: does not agree with tile/0/001"),
    ):
        verify_folder(exported, TRUSTED)


def test_the_key_from_another_source_decides(exported: Path) -> None:
    with pytest.raises(BrokenProof, match="expected a signature of"):
        verify_folder(exported, trusting(STRANGER.verifier_key))


def test_a_key_file_of_another_log_is_found(exported: Path) -> None:
    with (
        changed(exported / "log.vkey", f"{encode_vkey(STRANGER.verifier_key)}\n".encode()),
        pytest.raises(BrokenProof, match=r"log\.vkey: expected the key given"),
    ):
        verify_folder(exported, TRUSTED)


def test_a_checkpoint_kept_from_earlier_must_be_the_beginning(exported: Path) -> None:
    kept = (exported / "checkpoints/3").read_bytes()
    foreign = sign_checkpoint(Checkpoint(SIGNER.name, 3, EMPTY_ROOT), SIGNER)
    longer = sign_checkpoint(Checkpoint(SIGNER.name, 601, EMPTY_ROOT), SIGNER)

    assert verify_folder(exported, TRUSTED, old_checkpoint=kept).older == (0, 3, 300)
    with pytest.raises(BrokenProof, match="the old checkpoint: the first 3 entries are not those"):
        verify_folder(exported, TRUSTED, old_checkpoint=foreign)
    with pytest.raises(BrokenProof, match="the old checkpoint has 601 entries, but the log shown has only 600"):
        verify_folder(exported, TRUSTED, old_checkpoint=longer)
    with pytest.raises(BrokenProof, match="expected a signature of"):
        verify_folder(
            exported, TRUSTED, old_checkpoint=sign_checkpoint(Checkpoint(SIGNER.name, 3, EMPTY_ROOT), STRANGER)
        )


def test_an_older_checkpoint_under_a_wrong_name_is_found(exported: Path) -> None:
    with (
        changed(exported / "checkpoints/4", (exported / "checkpoints/3").read_bytes()),
        pytest.raises(BrokenProof, match="checkpoints/4: expected a checkpoint of that size, found one of 3"),
    ):
        verify_folder(exported, TRUSTED)


def test_a_log_shown_at_an_earlier_size_verifies_but_not_for_who_kept_a_later_checkpoint(copy: Path) -> None:
    latest = (copy / "checkpoint").read_bytes()
    (copy / "checkpoint").write_bytes((copy / "checkpoints/3").read_bytes())
    entries = decode_bundle(TileName(None, 0), (copy / "tile/entries/000").read_bytes())[:3]
    shutil.rmtree(copy / "tile")
    shutil.rmtree(copy / "checkpoints")
    for name, data in (
        ("tile/entries/000.p/3", encode_bundle(entries)),
        ("tile/0/000.p/3", b"".join(leaf_hash(entry) for entry in entries)),
    ):
        (copy / name).parent.mkdir(parents=True)
        (copy / name).write_bytes(data)

    assert verify_folder(copy, TRUSTED).size == 3
    with pytest.raises(BrokenProof, match="the log shown has only 3: it was cut"):
        verify_folder(copy, TRUSTED, old_checkpoint=latest)


def test_a_signed_entry_that_is_none_is_refused_by_its_place(tmp_path: Path) -> None:
    entry = encode_json({"name": "Ada Lovelace"})
    for name, data in (
        ("tile/entries/000.p/1", encode_bundle([entry])),
        ("tile/0/000.p/1", leaf_hash(entry)),
        ("checkpoint", sign_checkpoint(Checkpoint(SIGNER.name, 1, leaf_hash(entry)), SIGNER)),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)

    with pytest.raises(UnreadableEntry, match=r"entry 0 \(leaf [0-9a-f]{64}\)") as finding:
        verify_folder(tmp_path, TRUSTED)
    assert "Ada" not in str(finding.value)


def test_a_folder_without_a_log_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BrokenProof, match="checkpoint: expected a file of the log"):
        verify_folder(tmp_path, TRUSTED)


def test_the_verifier_needs_no_database() -> None:
    import subprocess
    import sys

    program = "import sys, governance.ledger.verify; print('sqlalchemy' in sys.modules)"

    assert subprocess.check_output([sys.executable, "-c", program], text=True) == "False\n"


SIZES = (1, 2, 255, 256, 257, 300, 511, 512, 513, 599)


def plainly_written(folder: Path, entries: list[bytes], older: Mapping[int, bytes]) -> Path:
    """An export by the plain definitions: hashes from `root_of` alone. ``older`` are the roots signed before."""
    leaves = [leaf_hash(entry) for entry in entries]
    full = [leaves[begin : begin + 256] for begin in range(0, len(leaves), 256)]
    level_1 = [root_of(row) for row in full if len(row) == 256]
    files = {TileName(1, 0, len(level_1)).path: b"".join(level_1)}
    for index, row in enumerate(full):
        files[TileName(0, index, len(row)).path] = b"".join(row)
        files[TileName(None, index, len(row)).path] = encode_bundle(entries[index * 256 :][:256])
    roots = {"checkpoint": Checkpoint(SIGNER.name, len(leaves), root_of(leaves))}
    roots |= {f"checkpoints/{size}": Checkpoint(SIGNER.name, size, root) for size, root in older.items()}
    files |= {name: sign_checkpoint(checkpoint, SIGNER) for name, checkpoint in roots.items()}
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def test_every_older_size_is_met_wherever_it_falls_in_a_tile(exported: Path, tmp_path: Path) -> None:
    entries = [
        entry for name in bundle_names(600) for entry in decode_bundle(name, (exported / name.path).read_bytes())
    ]
    leaves = [leaf_hash(entry) for entry in entries]
    roots = {size: root_of(leaves[:size]) for size in SIZES}

    assert verify_folder(plainly_written(tmp_path, entries, roots), TRUSTED).older == SIZES
    for size in SIZES:
        plainly_written(tmp_path, entries, {**roots, size: EMPTY_ROOT})
        with pytest.raises(BrokenProof, match=f"checkpoints/{size}: the first {size} entries are not those"):
            verify_folder(tmp_path, TRUSTED)


def test_a_log_whose_key_was_changed_verifies_for_who_trusts_both_keys(copy: Path) -> None:
    now = verify_folder(copy, TRUSTED)
    (copy / "checkpoint").write_bytes(sign_checkpoint(Checkpoint(SIGNER.name, now.size, now.root), STRANGER))
    (copy / "policy").unlink()
    (copy / "log.vkey").write_text(f"{encode_vkey(STRANGER.verifier_key)}\n")
    kept = (copy / "checkpoints/3").read_bytes()

    both = verify_folder(copy, trusting(STRANGER.verifier_key, SIGNER.verifier_key), old_checkpoint=kept)

    assert (both.log, both.older) == (STRANGER.verifier_key, (0, 3, 300))
    with pytest.raises(BrokenProof, match="checkpoints/0: expected a signature of"):
        verify_folder(copy, trusting(STRANGER.verifier_key))
    with pytest.raises(BrokenProof, match="checkpoint: expected a signature of"):
        verify_folder(copy, TRUSTED)


def test_the_root_of_an_export_is_the_one_that_another_implementation_computes(exported: Path) -> None:
    peer = pymerkle.InmemoryTree(algorithm="sha256")
    for name in bundle_names(600):
        for entry in decode_bundle(name, (exported / name.path).read_bytes()):
            peer.append_entry(entry)

    assert verify_folder(exported, TRUSTED).root == peer.get_root()
