"""A home's log with real witnesses: nothing is published without the quorum, and a restored home is found out."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from fastapi import FastAPI

from governance.budget.events import BudgetReadingBegun
from governance.errors import BrokenProof, ConfigurationError, QuorumMissed, Rollback
from governance.ledger.check import check_database
from governance.ledger.entry import Entry
from governance.ledger.export import export
from governance.ledger.note import encode_vkey
from governance.ledger.published import read_note
from governance.ledger.search import follow
from governance.ledger.store import append, size
from governance.ledger.trust_policy import parse_policy, trusting, verify_cosigned
from governance.ledger.verify import verify_folder
from governance.pipeline.home import Home, initialise, open_home
from governance.pipeline.publication import publish_log, trust_policy_of, verify_published
from governance.pipeline.signing_keys import LEDGER, rotate
from governance.settings import Ledger, Settings
from governance.web.witness import create_witness_app
from governance.witness.folder import WitnessFolder, create_folder

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
NOBODY = "http://127.0.0.1:1"

Serve = Callable[[FastAPI], str]


def noon() -> datetime:
    return NOON


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return initialise(Settings(home=tmp_path / "home"), clock=noon)


def change(home: Home) -> None:
    with home.transaction() as session:
        append(session, BudgetReadingBegun(reservation="x"), actor="role:engineer", entry_id=uuid4(), clock=noon)


def entries_of(home: Home) -> list[Entry]:
    with home.transaction() as session:
        return follow(session, limit=1000)


def witness_of(home: Home, folder: Path, name: str) -> WitnessFolder:
    logs, seed = trusting(home.ledger_signer.verifier_key), name.encode().ljust(32, b"-")
    return create_folder(folder / name, f"witness.example/{name}", logs, draw=lambda _: seed)


def trusting_witnesses(home: Home, urls: dict[WitnessFolder, str], quorum: str) -> Home:
    """The home with a trust policy that names these witnesses, as w0, w1, …"""
    lines = [f"log {encode_vkey(home.ledger_signer.verifier_key)}"]
    for number, (witness, url) in enumerate(urls.items()):
        lines.append(f"witness w{number} {encode_vkey(witness.signer.witness_key)} {url}")
    path = home.settings.home / "trust-policy"
    path.write_text("\n".join([*lines, quorum, ""]))
    settings = home.settings.model_copy(update={"ledger": Ledger(trust_policy=path)})
    return replace(home, settings=settings)


def test_a_publication_is_cosigned_recorded_and_verifies_under_the_quorum(
    home: Home, tmp_path: Path, serve: Serve
) -> None:
    witnesses = [witness_of(home, tmp_path, name) for name in ("one", "two")]
    urls = {each: serve(create_witness_app(each, clock=noon)) for each in witnesses}
    home = trusting_witnesses(home, urls, "group both all w0 w1\nquorum both")
    folder, policy = home.folder("ledger"), trust_policy_of(home)

    sizes = [publish_log(home).checkpoint.size for _ in range(3)]

    # The record of the first publication is in the second, and is no reason for a third.
    assert (sizes[1:], len(entries_of(home))) == ([sizes[0] + 1] * 2, sizes[1])
    verified = verify_folder(folder, policy)
    assert (verified.size, [each.name for each in verified.witnesses]) == (sizes[1], ["w0", "w1"])
    recorded = entries_of(home)[-1]
    assert (recorded.kind, recorded.body["size"]) == ("checkpoint.witnessed", sizes[0])
    expected = {f"{each.signer.name}+{each.signer.witness_key.key_id.hex()}": 1773489600 for each in witnesses}
    assert recorded.body["witnesses"] == expected

    change(home)
    assert [publish_log(home).checkpoint.size for _ in range(3)] == [sizes[1] + 1, sizes[1] + 2, sizes[1] + 2]
    export(home.engine, folder, tmp_path / "export", policy=policy)
    taken = tmp_path / "export"
    assert verify_folder(taken, parse_policy((taken / "policy").read_bytes())).older[0] == sizes[0]
    # Older checkpoints are taken along as they were witnessed.
    older = [verify_cosigned(path.read_bytes(), policy) for path in (taken / "checkpoints").iterdir()]
    assert [[each.name for each in cosigned.witnesses] for cosigned in older] == [["w0", "w1"]] * len(older)


def test_without_its_quorum_a_checkpoint_stays_in_the_house_until_the_witness_is_back(
    home: Home, tmp_path: Path, serve: Serve
) -> None:
    publish_log(home)
    before = read_note(home.folder("ledger"))
    one, two = (witness_of(home, tmp_path, name) for name in ("one", "two"))
    urls = {one: serve(create_witness_app(one, clock=noon)), two: NOBODY}
    change(home)
    waiting = trusting_witnesses(home, urls, "group both all w0 w1\nquorum both")

    with pytest.raises(QuorumMissed, match=r"the quorum both was not met \(w1: could not be asked"):
        publish_log(waiting)
    assert read_note(home.folder("ledger")) == before

    urls = {one: NOBODY, two: serve(create_witness_app(two, clock=noon))}
    published = publish_log(trusting_witnesses(home, urls, "group both all w0 w1\nquorum both"))
    # What the first witness gave was kept, though it cannot be asked any more.
    assert (
        verify_cosigned(read_note(home.folder("ledger")), trust_policy_of(waiting)).checkpoint == published.checkpoint
    )


def test_a_home_restored_with_its_folder_is_found_out_by_its_witness(home: Home, tmp_path: Path, serve: Serve) -> None:
    one = witness_of(home, tmp_path, "one")
    home = trusting_witnesses(home, {one: serve(create_witness_app(one, clock=noon))}, "quorum w0")
    publish_log(home)
    home.engine.dispose()
    shutil.copytree(home.settings.home, tmp_path / "backup")
    change(home)
    last = publish_log(home).checkpoint
    home.engine.dispose()
    shutil.rmtree(home.settings.home)
    shutil.copytree(tmp_path / "backup", home.settings.home)
    restored = open_home(home.settings, clock=noon)

    with pytest.raises(Rollback, match=f"w0 has cosigned {last.size} entries of this log"):
        publish_log(restored)
    for _ in range(4):
        change(restored)
    with pytest.raises(Rollback, match="other entries"):
        publish_log(restored)


def test_a_rotated_key_signs_beside_the_old_one_and_every_reader_can_follow(home: Home, tmp_path: Path) -> None:
    old = home.ledger_signer.verifier_key
    first = publish_log(home).checkpoint
    keys = home.settings.folder("keys")
    rotate(home.engine, keys, LEDGER, "scheduled", origin=old.name, actor="role:operator", clock=noon)
    with pytest.raises(ConfigurationError, match="was replaced by"):
        publish_log(home)  # a publisher that runs on with the key that it began with
    home = open_home(home.settings, clock=noon)
    new = home.ledger_signer.verifier_key

    published, folder = publish_log(home).checkpoint, home.folder("ledger")

    assert new != old
    assert (folder / "log.vkey").read_text() == encode_vkey(new) + "\n"
    for key in (old, new):
        assert verify_cosigned(read_note(folder), trusting(key)).checkpoint == published
    export(home.engine, folder, tmp_path / "export", policy=trust_policy_of(home))
    assert verify_folder(tmp_path / "export", trusting(new, old)).older == (first.size,)
    checked = check_database(home.engine, *home.ledger_keys, published=verify_published(home))
    assert (checked.size, checked.checkpoints) == (published.size, 2)


def test_a_key_file_that_a_crash_left_behind_its_checkpoint_is_renewed(home: Home) -> None:
    old = home.ledger_signer.verifier_key
    publish_log(home)
    keys = home.settings.folder("keys")
    rotate(home.engine, keys, LEDGER, "suspected_compromise", origin=old.name, actor="role:operator", clock=noon)
    home = open_home(home.settings, clock=noon)
    publish_log(home)
    vkey = home.folder("ledger") / "log.vkey"
    vkey.write_text(encode_vkey(old) + "\n")

    publish_log(home)

    assert vkey.read_text() == encode_vkey(home.ledger_signer.verifier_key) + "\n"
    assert verify_published(home) is not None


def test_a_cosigned_checkpoint_is_recorded_by_the_next_run_after_a_crash(
    home: Home, tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = witness_of(home, tmp_path, "one")
    home = trusting_witnesses(home, {one: serve(create_witness_app(one, clock=noon))}, "quorum w0")

    def crash(*_: object) -> None:
        raise TimeoutError

    with monkeypatch.context() as killed:
        killed.setattr("governance.pipeline.publication._record_witnesses", crash)
        with pytest.raises(TimeoutError):
            publish_log(home)
    before = len(entries_of(home))

    publish_log(home)

    assert [entry.kind for entry in entries_of(home)[before:]] == ["checkpoint.witnessed"]


def test_a_trust_policy_of_another_log_is_refused(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "policy"
    settings = home.settings.model_copy(update={"ledger": Ledger(trust_policy=path)})
    with pytest.raises(ConfigurationError, match="No such file"):
        trust_policy_of(replace(home, settings=settings))
    path.write_text("quorum none\n")
    with pytest.raises(ConfigurationError, match=r"expected the line `log probity\.example/ledger"):
        publish_log(replace(home, settings=settings))
    path.write_text("quorum\n")
    with pytest.raises(ConfigurationError, match="trust policy line 1"):
        publish_log(replace(home, settings=settings))


def test_the_check_holds_what_was_published_against_the_database(home: Home) -> None:
    publish_log(home)
    published = verify_published(home)
    assert published is not None
    with home.transaction() as session:
        count = size(session)

    assert check_database(home.engine, *home.ledger_keys, published=published).size == count
    with pytest.raises(BrokenProof, match="another root was published"):
        check_database(home.engine, *home.ledger_keys, published=replace(published, root=bytes(32)))
    with pytest.raises(BrokenProof, match=f"{count + 1} entries were published"):
        check_database(home.engine, *home.ledger_keys, published=replace(published, size=count + 1))
