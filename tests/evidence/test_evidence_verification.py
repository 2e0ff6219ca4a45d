"""A pack in other hands: whatever is done to it is found, and what is found is named."""

import io
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.errors import BrokenProof, GovernanceError, LedgerError
from governance.evidence.consistency import decode_consistency, encode_consistency
from governance.evidence.layout import MANIFEST, create_archive, store
from governance.evidence.verification import verify_pack
from governance.ledger.checkpoint import Checkpoint, sign_checkpoint
from governance.ledger.note import LedgerSigner
from governance.ledger.trust_policy import trusting
from tests.governance.story import SIGNER

if TYPE_CHECKING:
    from conftest import Filled, Forge

POLICY = trusting(SIGNER.verifier_key)
FLIPS = 30


def member(pack: Path, name: str) -> bytes:
    """One member's bytes."""
    with ZipFile(pack) as archive:
        return archive.read(name)


def names(pack: Path, start: str) -> list[str]:
    """The members of a folder."""
    with ZipFile(pack) as archive:
        return [name for name in archive.namelist() if name.startswith(start)]


def altered(pack: Path, start: str, change: Callable[[Any], None]) -> dict[str, bytes | None]:
    """The first member of a folder, read as JSON and changed."""
    (name, *_) = [each for each in names(pack, start) if each.endswith(".json")]
    value = json.loads(member(pack, name))
    change(value)
    return {name: json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"}


def test_what_was_forged_with_nothing_changed_is_the_pack(packed: Path, forge: "Forge") -> None:
    assert forge({}).read_bytes() == packed.read_bytes()


def test_any_bit_that_is_flipped_anywhere_is_found(packed: Path, tmp_path: Path) -> None:
    content, broken = packed.read_bytes(), tmp_path / "flipped.zip"
    rng = Random(20261125)  # noqa: S311 - places to try, the same in every run
    for _ in range(FLIPS):
        place = rng.randrange(len(content) * 8)
        flipped = bytearray(content)
        flipped[place // 8] ^= 1 << (place % 8)
        broken.write_bytes(flipped)
        with pytest.raises(LedgerError):
            verify_pack(broken, POLICY)


@pytest.mark.parametrize("keep", [0, 1, 100, 0.5, 0.99, -1])
def test_a_pack_cut_short_is_found(packed: Path, tmp_path: Path, keep: float) -> None:
    content = packed.read_bytes()
    cut = int(len(content) * keep) if isinstance(keep, float) else keep
    (tmp_path / "cut.zip").write_bytes(content[:cut])

    with pytest.raises(BrokenProof):
        verify_pack(tmp_path / "cut.zip", POLICY)


@pytest.mark.parametrize("place", ["before", "after", "comment"])
def test_bytes_beside_the_members_are_found(packed: Path, tmp_path: Path, place: str) -> None:
    content, padded = packed.read_bytes(), tmp_path / "padded.zip"
    padded.write_bytes(b"#!/bin/sh\n" + content if place == "before" else content)
    if place == "after":
        padded.write_bytes(content + b"\n")
    if place == "comment":
        with ZipFile(padded, "a") as archive:
            archive.comment = b"read this first"

    with pytest.raises(BrokenProof):
        verify_pack(padded, POLICY)


def test_a_member_that_is_compressed_otherwise_is_found(packed: Path, tmp_path: Path) -> None:
    with ZipFile(packed) as archive, ZipFile(tmp_path / "deflated.zip", "w", ZIP_DEFLATED) as other:
        for name in archive.namelist():
            other.writestr(ZipInfo(name), archive.read(name), ZIP_DEFLATED)

    with pytest.raises(BrokenProof, match="not written as a pack is"):
        verify_pack(tmp_path / "deflated.zip", POLICY)


def test_an_entry_that_was_changed_does_not_lead_to_the_root(packed: Path, forge: "Forge") -> None:
    name = "entries/000000033.json"
    changed = member(packed, name).replace(b'"outcome":"pass"', b'"outcome":"fail"')

    with pytest.raises(BrokenProof, match="entry 33 is not in the tree of 44"):
        verify_pack(forge({name: changed}), POLICY)


def test_a_proof_of_another_entry_proves_nothing(packed: Path, forge: "Forge") -> None:
    other = member(packed, "entries/000000021.tlog-proof")

    with pytest.raises(BrokenProof, match="expected a proof of entry 20"):
        verify_pack(forge({"entries/000000020.tlog-proof": other}), POLICY)


@pytest.mark.parametrize("name", ["entries/000000020.json", "entries/000000020.tlog-proof", "checkpoint", "log.vkey"])
def test_a_member_taken_out_is_missed_though_the_manifest_forgot_it(forge: "Forge", name: str) -> None:
    with pytest.raises(BrokenProof, match=f"{re.escape(name)}: the pack does not have it"):
        verify_pack(forge({name: None}), POLICY)


@pytest.mark.parametrize(("fact", "value"), [("first", 8), ("end", 40)])
def test_a_period_that_was_made_shorter_is_not_complete(packed: Path, forge: "Forge", fact: str, value: int) -> None:
    dropped = {"first": 7, "end": 40}[fact]
    rows = member(packed, "entries.csv").decode().splitlines(keepends=True)
    files = [f"entries/{dropped:09d}.json", f"entries/{dropped:09d}.tlog-proof"]
    moved = {name.replace("entries/", "related/"): member(packed, name) for name in files}
    changes = {**dict.fromkeys(files), **moved, "entries.csv": "".join(_without(rows, dropped)).encode()}

    with pytest.raises(BrokenProof, match=f"entry {dropped}: expected it in related/, outside the period"):
        verify_pack(forge(changes, **{fact: value}), POLICY)


def _without(rows: list[str], seq: int) -> list[str]:
    return [row for row in rows if not row.startswith(f"{seq},")]


@pytest.mark.parametrize("seq", [6, 41])
def test_a_neighbour_that_is_left_out_is_missed(forge: "Forge", seq: int) -> None:
    gone = {f"related/{seq:09d}.json": None, f"related/{seq:09d}.tlog-proof": None}

    with pytest.raises(BrokenProof, match=rf"entry {seq}: expected it in related/|an entry of the step"):
        verify_pack(forge(gone), POLICY)


def test_a_wider_period_in_words_than_in_entries_is_found(forge: "Forge") -> None:
    with pytest.raises(BrokenProof, match="entry 41: expected it in related/, outside the period"):
        verify_pack(forge({}, last_day="2026-11-30"), POLICY)
    with pytest.raises(BrokenProof, match="one lies outside"):
        verify_pack(forge({}, first_day="2026-11-24", last_day="2026-11-24"), POLICY)


def test_a_row_of_the_table_that_says_otherwise_is_found(packed: Path, forge: "Forge") -> None:
    table = member(packed, "entries.csv")
    reworded = table.replace(b"The gate decided pass on the model", b"The gate was happy with the model")
    forged = table.replace(b"33,2026-11-23", b"33,2026-11-22")
    cut = b"\n".join(table.split(b"\n")[:-2]) + b"\n"

    verify_pack(forge({"entries.csv": reworded}), POLICY)
    for change in (forged, cut, table + b"99,a,b\r\n", b"", b"\xff\xfe", table.replace(b"sha256", b"sha512", 1)):
        with pytest.raises(BrokenProof, match=r"entries\.csv"):
            verify_pack(forge({"entries.csv": change}), POLICY)


@pytest.mark.parametrize(
    ("start", "change", "fault"),
    [
        ("decisions/", lambda it: it.update(outcome="inconclusive"), "outcome is not what"),
        ("decisions/", lambda it: it["findings"].pop(0), "(failed|inconclusive) is not what"),
        ("decisions/", lambda it: it.update(policy="00" * 32), "policy is not what"),
        ("decisions/", lambda it: it.clear(), "does not have the form"),
        ("models/", lambda it: it["release"]["guarantee"].update(epsilon=0.1), "guarantee is not what"),
        ("models/", lambda it: it.update(digest="00" * 32), "digest is not what"),
        ("models/", lambda it: it["snapshot"].update(manifest="{}"), "manifest is not what"),
        ("models/", lambda it: it["snapshot"].update(subjects=1), "subjects is not what"),
        ("models/", lambda it: it["steps"][0].update(entries=[999]), "an entry of the step"),
        ("models/", lambda it: it.update(steps=None), "does not have the form"),
        ("models/", lambda it: it["steps"][2].update(entries=[]), "'Gate' lists other entries"),
        ("models/", lambda it: it["steps"][10]["entries"].append(33), "'Policies in force' lists other entries"),
        ("models/", lambda it: it["steps"].pop(2), "expected the steps"),
        ("models/", lambda it: it["steps"][0].update(says="all well"), "expected the steps"),
        ("models/", lambda it: it.update(verdict="fair"), "does not have the form"),
        ("models/", lambda it: it["release"].update(audited=True), "does not have the form"),
        ("decisions/", lambda it: it["findings"][0].update(value=0.5), "findings: the gate finds otherwise"),
        ("decisions/", lambda it: it["findings"][0].update(sentence="All is fair."), "findings: the gate finds"),
        ("decisions/", lambda it: it.update(not_applicable=["quality"]), "not_applicable: the gate finds"),
        ("decisions/", lambda it: it.update(decided_at="2026-01-01"), "does not have the form"),
        ("attestations/", lambda it: it.update(note="x"), "does not have the form"),
        ("attestations/", lambda it: it.update(signatures=[]), "expected 1 to"),
        ("attestations/", lambda it: it["signatures"][0].update(keyid="00" * 32), "another key is said"),
        ("reports/", lambda it: it.update(model="another"), "do not give the digest"),
        ("attestations/", lambda it: it.update(payload="e31="), "expected a DSSE envelope"),
        ("attestations/", lambda it: it.update(payloadType="text/plain"), "does not give the digest"),
    ],
)  # fmt: skip
def test_a_thing_that_says_otherwise_than_the_log_is_found(
    packed: Path, forge: "Forge", start: str, change: Callable[[Any], None], fault: str
) -> None:
    with pytest.raises(BrokenProof, match=fault):
        verify_pack(forge(altered(packed, start, change)), POLICY)


@pytest.mark.parametrize("name", ["models/", "decisions/", "attestations/", "reports/"])
def test_what_is_no_json_is_no_such_thing(packed: Path, forge: "Forge", name: str) -> None:
    (file, *_) = [each for each in names(packed, name) if each.endswith(".json")]
    for data in (b"", b"[", b"[" * 100_000, b"\xff", b"null", b"[]", b'"' + b"x" * 70 + b'"'):
        with pytest.raises(BrokenProof, match=file):
            verify_pack(forge({file: data}), POLICY)


def test_a_policy_with_another_text_is_found(packed: Path, forge: "Forge") -> None:
    (name,) = names(packed, "policies/privacy")

    with pytest.raises(BrokenProof, match=r"policies/privacy.*its bytes do not give the digest"):
        verify_pack(forge({name: member(packed, name) + b"# and more\n"}), POLICY)
    other = name.replace("privacy", "rights")
    with pytest.raises(BrokenProof, match="the log gives it another name"):
        verify_pack(forge({name: None, other: member(packed, name)}), POLICY)


@pytest.mark.parametrize("start", ["policies/privacy", "decisions/", "models/", "attestations/", "reports/"])
def test_a_thing_that_the_entries_name_is_there_or_said_to_be_missing(packed: Path, forge: "Forge", start: str) -> None:
    gone = dict.fromkeys(names(packed, start))

    with pytest.raises(BrokenProof, match="the pack does not have it, nor does it say so"):
        verify_pack(forge(gone), POLICY)


def test_what_no_entry_names_has_no_place(forge: "Forge") -> None:
    data = b"{}"
    stray = {f"reports/{'44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a'}.json": data}

    with pytest.raises(BrokenProof, match="no entry names it"):
        verify_pack(forge(stray), POLICY)


@pytest.mark.parametrize(
    "name",
    ["../evil", "/etc/passwd", "entries/7.json", "entries/000000020.json.exe", "notes.txt", "reports/", "ENTRIES.CSV"],
)
def test_a_name_that_no_pack_has_is_refused(packed: Path, forge: "Forge", name: str) -> None:
    del packed
    with pytest.raises(BrokenProof):
        verify_pack(forge({name: b""}), POLICY)


def test_two_members_of_one_name_are_refused(packed: Path, tmp_path: Path) -> None:
    with ZipFile(packed) as archive, (tmp_path / "twice.zip").open("wb") as file, create_archive(file) as other:
        for name in archive.namelist():
            store(other, name, archive.read(name))
            if name == "README.md":
                with pytest.warns(UserWarning, match="Duplicate"):
                    store(other, name, b"another")

    with pytest.raises(BrokenProof, match="different names"):
        verify_pack(tmp_path / "twice.zip", POLICY)


def test_a_member_that_claims_to_be_huge_is_not_read(packed: Path, tmp_path: Path) -> None:
    bomb = io.BytesIO()
    with ZipFile(bomb, "w", ZIP_DEFLATED) as archive, archive.open(ZipInfo(MANIFEST), "w") as file:
        for _ in range(257):
            file.write(bytes(1 << 20))
    (tmp_path / "bomb.zip").write_bytes(bomb.getvalue())
    del packed

    with pytest.raises(BrokenProof, match=r"manifest\.json: expected at most"):
        verify_pack(tmp_path / "bomb.zip", POLICY)


@pytest.mark.parametrize(
    "facts",
    [
        {"format": "probity-evidence-pack/v2"}, {"first": "7"}, {"end": True}, {"first": -1}, {"end": 10**20},
        {"log": None}, {"missing": {}}, {"missing": ["x"]}, {"more": 1}, {"checkpoint": 43}, {"last_day": "today"},
        {"log": "probity.example/other"}, {"first": 41, "end": 7},
    ],
)  # fmt: skip
def test_a_manifest_that_says_something_else_is_refused(forge: "Forge", facts: dict[str, object]) -> None:
    with pytest.raises(BrokenProof):
        verify_pack(forge({}, **facts), POLICY)


def test_a_log_that_the_policy_does_not_name_is_not_believed(packed: Path) -> None:
    other = LedgerSigner(SIGNER.name, bytes(32)).verifier_key

    with pytest.raises(BrokenProof):
        verify_pack(packed, trusting(other))


def test_a_checkpoint_from_before_that_the_log_did_not_grow_out_of_is_found(packed: Path, forge: "Forge") -> None:
    fork = sign_checkpoint(Checkpoint(SIGNER.name, 7, bytes(32)), SIGNER)
    stranger = sign_checkpoint(Checkpoint(SIGNER.name, 7, bytes(32)), LedgerSigner(SIGNER.name, bytes(32)))
    size, path, note = decode_consistency(member(packed, "consistency"))

    for changes in (
        {"checkpoint.before": fork},
        {"checkpoint.before": stranger},
        {"checkpoint.before": None},
        {"consistency": None},
        {"consistency": encode_consistency(size, path[:-1], note)},
        {"consistency": encode_consistency(size, [bytes(32), *path[1:]], note)},
        {"consistency": encode_consistency(size + 1, path, note)},
        {"consistency": encode_consistency(size, path, fork)},
        {"consistency": b"old 7\n"},
    ):
        with pytest.raises(BrokenProof):
            verify_pack(forge(changes), POLICY)


@given(st.binary(max_size=300))
def test_a_consistency_file_is_read_in_its_one_spelling_or_refused(unverified: bytes) -> None:
    try:
        read = decode_consistency(unverified)
    except BrokenProof:
        return
    assert encode_consistency(*read) == unverified


@settings(max_examples=30)
@given(st.integers(0, 2**62), st.lists(st.binary(min_size=32, max_size=32), max_size=8), st.binary(max_size=40))
def test_a_consistency_file_that_is_written_is_read_back(size: int, path: list[bytes], note: bytes) -> None:
    assert decode_consistency(encode_consistency(size, path, note)) == (size, path, note)


@given(st.binary(max_size=400))
def test_what_is_no_archive_is_said_to_be_none(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "random.zip"
    path.write_bytes(content)

    with pytest.raises(GovernanceError):
        verify_pack(path, POLICY)


def test_an_encrypted_member_is_refused_without_a_question(packed: Path, tmp_path: Path) -> None:
    content = bytearray(packed.read_bytes())
    place = content.rindex(b"PK\x01\x02")
    content[place + 8] |= 1
    (tmp_path / "encrypted.zip").write_bytes(content)
    with zipfile.ZipFile(tmp_path / "encrypted.zip") as archive:
        assert archive.infolist()[-1].flag_bits & 1

    with pytest.raises(BrokenProof):
        verify_pack(tmp_path / "encrypted.zip", POLICY)


def test_an_open_end_is_said_to_be_one(filled: "Filled") -> None:
    from datetime import date

    from governance.evidence.period import Period

    filled.pack(filled.home / "last.zip", Period(date(2026, 11, 24), date(2026, 11, 30)))

    found = verify_pack(filled.home / "last.zip", POLICY)

    assert (found.first, found.end, found.open_ended) == (41, 44, True)
