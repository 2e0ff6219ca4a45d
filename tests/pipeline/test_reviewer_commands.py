"""What a reviewer does at the command line: read the kinds, look behind an entry, check it, follow the keys."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest

from governance.cli.rights import encode_key
from governance.clock import system_clock
from governance.ledger.commitment import Opening, encode_opening
from governance.pipeline.home import open_home
from governance.settings import load_settings
from pseudonymisation.identifiers import read_identity
from pseudonymisation.pseudonym import DOMAINS


class Ran(Protocol):
    """What a command left behind (see `conftest`)."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def home(tmp_path: Path, probity: Run, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home in which one subject is known and has asked for access, and an auditor's token in the environment."""
    folder = tmp_path / "home"
    assert probity("init", "--home", folder).code == 0
    open_home(load_settings(folder), clock=system_clock).vault.enrol(
        [read_identity({"account_id": "acc-canary"})], domains=DOMAINS
    )
    _submit(probity, folder, "access")
    monkeypatch.setenv("PROBITY_TOKEN", _token(probity, folder, "auditor"))
    return folder


def _token(probity: Run, home: Path, role: str) -> str:
    return probity("access", "add", role.capitalize(), "--role", role, "--home", home).out.strip()


def _submit(probity: Run, home: Path, right: str) -> str:
    env = {"PROBITY_TOKEN": _token(probity, home, "frontend")}
    kept = os.environ.get("PROBITY_TOKEN")
    ran = probity(
        "rights", "submit", "--right", right, "--manner", "email", "--home", home, given="acc-canary\n", env=env
    )
    assert ran.code == 0, ran.err
    if kept is not None:
        os.environ["PROBITY_TOKEN"] = kept
    return ran.out.strip()


def _entries(probity: Run, home: Path, kind: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(probity("ledger", "list", "--kind", kind, "--json", "--home", home).out)
    return found


def _received(probity: Run, home: Path) -> dict[str, Any]:
    return _entries(probity, home, "rights.request_received")[-1]


def test_the_kinds_are_printed_with_what_they_record_and_who_answers(probity: Run) -> None:
    kinds = {row["kind"]: row for row in json.loads(probity("ledger", "kinds", "--json").out)}

    assert kinds["rights.request_received"] == {
        "kind": "rights.request_received",
        "version": 2,
        "records": "a subject asked for a right",
        "accountable": "front end (principal:<id>)",
    }
    assert probity("ledger", "kinds").code == 0


def test_a_reviewer_opens_an_entry_and_anybody_checks_it_from_files_alone(
    home: Path, probity: Run, tmp_path: Path
) -> None:
    entry = _received(probity, home)
    shown = probity("ledger", "open", entry["body"]["commitment"], "--ground", "audit", "--home", home)
    file = tmp_path / "opening.json"
    file.write_text(shown.out)
    vkey = probity("ledger", "publish", "--home", home).out.strip()
    assert probity("ledger", "export", tmp_path / "export", "--home", home).code == 0

    assert shown.code == 0
    assert json.loads(shown.out)["payload"]["request"] == entry["body"]["request"]
    assert json.loads(shown.out)["payload"]["subject"] not in shown.err
    assert probity("ledger", "check-opening", file, "--commitment", entry["body"]["commitment"]).code == 0
    at = ("--log", tmp_path / "export", "--vkey", vkey, "--entry")
    assert probity("ledger", "check-opening", file, *at, entry["entry"]).code == 0
    (look,) = _entries(probity, home, "evidence.opened")
    ran = probity("ledger", "check-opening", file, *at, look["entry"])
    assert (ran.code, ran.err) == (1, f"probity: entry {look['entry']}: the opening is that of another entry\n")
    ran = probity("ledger", "check-opening", file, *at, 0)
    assert (ran.code, ran.err) == (1, "probity: entry 0: carries no commitment\n")


def test_an_opening_that_does_not_fit_exits_1_and_what_is_none_exits_2(
    home: Path, probity: Run, tmp_path: Path
) -> None:
    committed = _received(probity, home)["body"]["commitment"]
    other, broken = tmp_path / "other.json", tmp_path / "broken.json"
    other.write_bytes(encode_opening(Opening(bytes(32), {"subject": "somebody"})))
    broken.write_text('{"payload": {"subject": "Jane"}}')

    runs = {
        "other": probity("ledger", "check-opening", other, "--commitment", committed),
        "broken": probity("ledger", "check-opening", broken, "--commitment", committed),
        "missing": probity("ledger", "check-opening", tmp_path / "nothing", "--commitment", committed),
        "no commitment": probity("ledger", "check-opening", other, "--commitment", "xyz"),
        "neither": probity("ledger", "check-opening", other),
    }

    assert {name: ran.code for name, ran in runs.items()} == {
        "other": 1, "broken": 2, "missing": 2, "no commitment": 2, "neither": 2,
    }  # fmt: skip
    assert all("Jane" not in ran.err and "somebody" not in ran.err for ran in runs.values())
    assert all(ran.err.count("\n") == 1 for ran in runs.values())


def test_nobody_looks_without_a_role_for_it_a_ground_or_a_commitment_of_this_log(home: Path, probity: Run) -> None:
    committed = _received(probity, home)["body"]["commitment"]
    engineer = {"PROBITY_TOKEN": _token(probity, home, "engineer")}
    auditor = {"PROBITY_TOKEN": _token(probity, home, "auditor")}

    def look(commitment: str, ground: str, env: dict[str, str]) -> int:
        return probity("ledger", "open", commitment, "--ground", ground, "--home", home, env=env).code

    assert look(committed, "audit", engineer) == 1
    assert look(committed, "curiosity", auditor) == 2
    assert look("ab" * 32, "audit", auditor) == 2
    assert look("Jane", "audit", auditor) == 2
    assert _entries(probity, home, "evidence.opened") == []


def test_after_the_erasure_the_entry_stays_and_its_opening_is_gone_in_words(home: Path, probity: Run) -> None:
    committed = _received(probity, home)["body"]["commitment"]
    request = _submit(probity, home, "erasure")
    officer = {"PROBITY_TOKEN": _token(probity, home, "officer")}
    assert probity("rights", "approve", request, "--home", home, env=officer).code == 0
    fulfilled = probity("rights", "fulfil", request, "--home", home, env=officer)
    assert fulfilled.code == 0, fulfilled.err

    ran = probity("ledger", "open", committed, "--ground", "audit", "--home", home, env=officer)

    assert (ran.code, ran.out, ran.err.count("\n")) == (1, "", 1)
    assert "its opening was erased, and nobody can say any more whom the entry was about" in ran.err
    assert _received(probity, home)["body"]["commitment"] == committed
    here = open_home(load_settings(home), clock=system_clock)
    subject = here.vault.find(read_identity({"account_id": "acc-canary"}), domain="rights")
    assert subject is None


def test_a_person_is_named_again_by_two_people_once(home: Path, probity: Run) -> None:
    here = open_home(load_settings(home), clock=system_clock)
    pseudonym = here.vault.find(read_identity({"account_id": "acc-canary"}), domain="events")
    officer, board = ({"PROBITY_TOKEN": _token(probity, home, role)} for role in ("officer", "board"))
    at = ("--home", home)

    asked = probity("reidentify", "ask", "--ground", "incident", *at, given=f"{pseudonym}\n", env=officer)
    case = asked.out.strip()
    early = probity("reidentify", "use", case, *at, env=officer)
    approved = probity("reidentify", "approve", case, *at, env=board)
    shown = probity("reidentify", "use", case, *at, env=officer)
    again = probity("reidentify", "use", case, *at, env=officer)

    assert (asked.code, early.code, approved.code, shown.code, again.code) == (0, 1, 0, 0, 1)
    assert shown.out == "account_id acc-canary\n"
    assert "acc-canary" not in asked.out + asked.err + early.err + approved.out + approved.err + again.out + again.err
    assert json.loads(probity("reidentify", "list", "--json", *at).out)[0]["state"] == "answered"
    assert probity("reidentify", "ask", "--ground", "incident", *at, given=f"{pseudonym}\n", env=board).code == 1
    assert probity("reidentify", "approve", case, *at, env=officer).code == 1


def test_the_keys_are_listed_rotated_and_listed_again(home: Path, probity: Run) -> None:
    before = json.loads(probity("keys", "list", "--json", "--home", home).out)
    old = encode_key(open_home(load_settings(home), clock=system_clock).certificate_signer.public_key)
    rotated = probity("keys", "rotate", "certificate", "--ground", "scheduled", "--home", home)
    after = json.loads(probity("keys", "list", "--json", "--home", home).out)

    assert [(row["key"], row["state"]) for row in before] == [
        ("ledger", "in force"),
        ("certificate", "in force"),
        ("attest", "in force"),
    ]
    assert [(row["key"], row["state"], row["ground"]) for row in after] == [
        ("ledger", "in force", None),
        ("certificate", "in force", "scheduled"),
        ("certificate", "retired", None),
        ("attest", "in force", None),
    ]
    assert after[1]["public_key"] == rotated.out.strip() == probity("rights", "public-key", "--home", home).out.strip()
    assert after[2]["public_key"] == old
    assert probity("init", "--home", home).code == 0
    assert json.loads(probity("keys", "list", "--json", "--home", home).out) == after
    assert probity("keys", "rotate", "kek", "--ground", "scheduled", "--home", home).code == 2
    assert probity("keys", "rotate", "ledger", "--ground", "because", "--home", home).code == 2


def test_a_log_whose_key_was_replaced_is_followed_with_the_old_key_and_verified_with_both(
    home: Path, probity: Run, tmp_path: Path
) -> None:
    old = probity("ledger", "publish", "--home", home).out.strip()
    kept = tmp_path / "kept"
    kept.write_bytes((home / "ledger" / "checkpoint").read_bytes())
    new = probity("keys", "rotate", "ledger", "--ground", "scheduled", "--home", home).out.strip()
    assert probity("ledger", "prove", 0, "--to", tmp_path / "early-proof", "--home", home).code == 0
    published = probity("ledger", "publish", "--home", home)
    assert (published.code, published.out.strip()) == (0, new), published.err
    assert probity("ledger", "export", tmp_path / "export", "--home", home).code == 0
    both = tmp_path / "policy"
    both.write_text(f"log {new}\nlog {old}\nquorum none\n")

    def verify(*arguments: object) -> int:
        return probity("ledger", "verify", tmp_path / "export", *arguments).code

    assert (home / "ledger" / "checkpoint").read_text().count("\n— ") == 2
    assert (tmp_path / "export" / "policy").read_text() == both.read_text()
    assert verify("--policy", both, "--old", kept) == 0
    assert verify("--vkey", old, "--old", kept) == 0
    assert probity("ledger", "fsck", "--home", home).code == 0
    assert probity("ledger", "prove", 0, "--to", tmp_path / "proof", "--home", home).code == 0
    assert probity("keys", "rotate", "ledger", "--ground", "suspected_compromise", "--home", home).code == 0
    assert probity("ledger", "publish", "--home", home).code == 0
    assert (home / "ledger" / "checkpoint").read_text().count("\n— ") == 1
    assert probity("ledger", "fsck", "--home", home).code == 0


def test_a_certificate_of_an_old_key_verifies_with_the_old_public_key(home: Path, probity: Run, tmp_path: Path) -> None:
    request = _submit(probity, home, "erasure")
    officer = {"PROBITY_TOKEN": _token(probity, home, "officer")}
    assert probity("rights", "approve", request, "--home", home, env=officer).code == 0
    file = tmp_path / "certificate.json"
    file.write_text(probity("rights", "fulfil", request, "--home", home, env=officer).out)
    old = probity("rights", "public-key", "--home", home).out.strip()
    new = probity("keys", "rotate", "certificate", "--ground", "scheduled", "--home", home).out.strip()

    assert probity("rights", "verify-certificate", file, "--key", new, "--key", old).code == 0
    assert probity("rights", "verify-certificate", file, "--key", old).code == 0
    ran = probity("rights", "verify-certificate", file, "--key", new)
    assert ran.code == 1
    assert "the certificate is signed by key" in ran.err


def test_entries_are_found_by_what_they_name_and_when_and_a_proof_has_a_name_of_its_own(
    home: Path, probity: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    request = _submit(probity, home, "access")

    def found(*arguments: str) -> list[str]:
        listed = json.loads(probity("ledger", "list", *arguments, "--json", "--home", home).out)
        return [each["kind"] for each in listed]

    assert found("--mentions", request) == ["rights.request_received"]
    assert found("--mentions", request, "--until", "2000-01-01") == []
    assert found("--mentions", request, "--since", "2000-01-01") == ["rights.request_received"]
    assert "since: expected a day" in probity("ledger", "list", "--since", "yesterday", "--home", home).err
    assert probity("ledger", "publish", "--home", home).code == 0
    monkeypatch.chdir(tmp_path)
    assert probity("ledger", "prove", 0, "--home", home).err.strip() == "0.tlog-proof"
    assert (tmp_path / "0.tlog-proof").read_text().startswith("c2sp.org/tlog-proof@v1\nindex 0\n")
