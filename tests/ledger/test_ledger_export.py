"""An export: whole or absent, independent of the published folder, and accepted by the policy it carries."""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from governance.errors import BrokenProof, Conflict
from governance.ledger.cosignature import WitnessSigner, cosign
from governance.ledger.entry import Entry
from governance.ledger.export import export
from governance.ledger.note import LedgerSigner, add_signatures, decode_note, encode_vkey
from governance.ledger.publish import publish
from governance.ledger.published import read_vkey
from governance.ledger.trust_policy import Group, PolicyLog, PolicyWitness, TrustPolicy, parse_policy, trusting
from governance.ledger.verify import verify_folder

SIGNER = LedgerSigner("probity.example/ledger", bytes(range(32)))
STRANGER = LedgerSigner("probity.example/ledger", bytes(32))
NEW_KEY = LedgerSigner("probity.example/ledger", bytes(range(50, 82)))
WITNESS = WitnessSigner("auditor.example", bytes(range(1, 33)))
WITNESSED = TrustPolicy(
    logs=(PolicyLog(SIGNER.verifier_key, "https://log.example/"),),
    witnesses=(PolicyWitness("auditor", WITNESS.witness_key),),
    groups=(Group("seen", 1, ("auditor",)),),
    quorum="seen",
)
NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)

Append = Callable[[Engine, int], list[Entry]]


@pytest.fixture
def published(sqlite_log: Engine, append_many: Append, tmp_path: Path) -> Iterator[Path]:
    """A log of 5 entries, signed at 3 and 5."""
    for further in (3, 2):
        append_many(sqlite_log, further)
        publish(sqlite_log, tmp_path / "published", SIGNER, clock=lambda: NOON)
    return tmp_path / "published"


def test_the_policy_of_an_export_is_by_default_the_log_and_no_witness(sqlite_log: Engine, published: Path) -> None:
    to = published.parent / "export"

    export(sqlite_log, published, to)

    assert (to / "policy").read_text() == f"log {encode_vkey(SIGNER.verifier_key)}\nquorum none\n"
    assert verify_folder(to, parse_policy((to / "policy").read_bytes())).older == (3,)


def test_a_policy_that_the_operator_gives_travels_with_the_export(sqlite_log: Engine, published: Path) -> None:
    note = (published / "checkpoint").read_bytes()
    (published / "checkpoint").write_bytes(add_signatures(note, [cosign(decode_note(note).text, NOON, WITNESS)]))
    to = published.parent / "export"

    export(sqlite_log, published, to, policy=WITNESSED)

    carried = parse_policy((to / "policy").read_bytes())
    assert carried == WITNESSED
    assert [each.name for each in verify_folder(to, carried).witnesses] == ["auditor"]


def test_a_log_that_changed_its_key_exports_a_policy_of_all_its_keys(
    sqlite_log: Engine, append_many: Append, published: Path
) -> None:
    keys = (NEW_KEY.verifier_key, SIGNER.verifier_key)
    for retired in ((SIGNER,), ()):
        append_many(sqlite_log, 2)
        publish(sqlite_log, published, NEW_KEY, clock=lambda: NOON, retired=retired, known=keys)
        for order in (keys, keys[::-1]):
            to = published.parent / f"{len(retired)}{order == keys}"
            export(sqlite_log, published, to, policy=trusting(*order))
            assert verify_folder(to, trusting(*order[::-1])).log in keys
    to = published.parent / "export"

    export(sqlite_log, published, to, known=keys)

    carried = parse_policy((to / "policy").read_bytes())
    assert [log.key for log in carried.logs] == list(keys)
    assert verify_folder(to, carried).older == (3, 5, 7)
    with pytest.raises(BrokenProof, match=r"checkpoints/3: .* the trust policy needs the earlier key too"):
        verify_folder(to, trusting(NEW_KEY.verifier_key))


@pytest.mark.parametrize(
    ("policy", "finding"),
    [
        (WITNESSED, "expected cosignatures for the quorum seen, found none"),
        (trusting(STRANGER.verifier_key), "expected a signature of"),
        (TrustPolicy(logs=()), "the policy names none"),
    ],
)
def test_nothing_is_exported_that_its_own_policy_would_refuse(
    sqlite_log: Engine, published: Path, policy: TrustPolicy, finding: str
) -> None:
    to = published.parent / "export"

    with pytest.raises(BrokenProof, match=finding):
        export(sqlite_log, published, to, policy=policy)
    assert not to.exists()


def test_an_export_shares_no_file_with_the_published_folder(sqlite_log: Engine, published: Path) -> None:
    to = published.parent / "export"
    export(sqlite_log, published, to)

    files = [path for path in to.rglob("*") if path.is_file()]

    assert len(files) == 7
    assert all(path.stat().st_nlink == 1 and not path.is_symlink() for path in files)


def test_progress_counts_the_files(sqlite_log: Engine, published: Path) -> None:
    told: list[tuple[int, int]] = []

    export(sqlite_log, published, published.parent / "export", progress=lambda *step: told.append(step))

    assert told == [(3, 3)]


class BrokenDiskError(OSError):
    """What a failing disk raises."""


def test_a_fault_at_any_step_leaves_nothing_under_the_name_and_the_next_export_is_whole(
    sqlite_log: Engine, published: Path
) -> None:
    to = published.parent / "export"
    for number in count(1):
        with pytest.MonkeyPatch.context() as patch:
            calls = [0]
            for owner, name in ((os, "fsync"), (Path, "write_bytes"), (Path, "mkdir"), (Path, "rename")):
                patch.setattr(owner, name, failing(getattr(owner, name), number, calls))
            try:
                export(sqlite_log, published, to)
            except BrokenDiskError:
                # The last fault comes when the folder has its name and is whole, but perhaps not yet durable there.
                assert not to.exists() or verify_folder(to, trusting(SIGNER.verifier_key)).size == 5
            else:
                break
        if to.exists():
            to.rename(to.with_name(f"kept{number}"))

    assert number > 20
    assert verify_folder(to, trusting(SIGNER.verifier_key)).size == 5
    assert not [path for path in published.parent.iterdir() if path.name.endswith(".unfinished")]


def failing(real: Callable[..., Any], number: int, calls: list[int]) -> Callable[..., Any]:
    def call(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - stands for any of the calls
        calls[0] += 1
        if calls[0] == number:
            raise BrokenDiskError
        return real(*arguments, **named)

    return call


def test_a_published_file_that_is_missing_stops_the_export(sqlite_log: Engine, published: Path) -> None:
    (published / "tile/0/000.p/5").unlink()

    with pytest.raises(BrokenProof, match=r"tile/0/000\.p/5: expected a file of the log"):
        export(sqlite_log, published, published.parent / "export")
    assert not (published.parent / "export").exists()


@pytest.mark.parametrize("written", ["{} \n", "{}\n\n", "{}\r\n", " {}\n", "", "{}\n{}\n", "{}\xff"])
def test_a_published_key_has_one_spelling_for_whoever_reads_it(
    sqlite_log: Engine, published: Path, written: str
) -> None:
    vkey = (published / "log.vkey").read_text().removesuffix("\n")
    assert encode_vkey(read_vkey(published)) == vkey
    (published / "log.vkey").write_bytes(written.format(vkey, vkey).encode("latin-1"))

    with pytest.raises(BrokenProof, match=r"log\.vkey: "):
        read_vkey(published)
    with pytest.raises(BrokenProof, match=r"log\.vkey: "):
        export(sqlite_log, published, published.parent / "export")


def test_an_export_goes_into_an_empty_folder_but_over_no_file(sqlite_log: Engine, published: Path) -> None:
    to = published.parent / "export"
    to.mkdir()
    export(sqlite_log, published, to)

    assert verify_folder(to, trusting(SIGNER.verifier_key)).size == 5
    for taken in (to, to / "checkpoint"):
        with pytest.raises(Conflict, match="expected an empty folder"):
            export(sqlite_log, published, taken)
