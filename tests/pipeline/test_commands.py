"""Who may run which command, and what a command leaves, prints and refuses."""

import io
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from governance.cli.ingest import count_lines, paced
from governance.cli.rights import encode_key
from governance.clock import system_clock
from governance.pipeline.home import open_home
from governance.pipeline.ingest import ingest
from governance.resources import policies_dir
from governance.settings import load_settings
from pseudonymisation.disclosure import LABEL, MAGIC, NONCE_BYTES
from pseudonymisation.framing import framed
from pseudonymisation.sources.registry import open_source

NOBODY = "00000000-0000-4000-8000-000000000000"


class Ran(Protocol):
    """What a command left behind (see `conftest`)."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def home(tmp_path: Path, probity: Run, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("PROBITY_TOKEN", raising=False)
    monkeypatch.delenv("PROBITY_HOME", raising=False)
    folder = tmp_path / "home"
    assert probity("init", "--home", folder).code == 0
    return folder


@pytest.fixture
def filled(home: Path, probity: Run, small_service: Path) -> Path:
    assert probity("ingest", small_service, "--home", home).code == 0
    return home


def joined(probity: Run, home: Path, role: str) -> dict[str, str]:
    """The environment of somebody new in a role."""
    return {"PROBITY_TOKEN": probity("access", "add", role, "--role", role, "--home", home).out.strip()}


def an_account(service: Path) -> str:
    lines = (service / "events.ndjson").read_bytes().splitlines()
    return next(json.loads(line)["subject"]["account_id"] for line in lines if line.startswith(b"{") and b'"ra' in line)


# Who may


@pytest.mark.parametrize(
    ("role", "permission", "command"),
    [
        ("engineer", "requests:create", ["rights", "submit", "--right", "access"]),
        ("engineer", "requests:decide", ["rights", "acknowledge", NOBODY]),
        ("frontend", "requests:decide", ["rights", "approve", NOBODY]),
        ("auditor", "requests:decide", ["rights", "refuse", NOBODY, "--ground", "no_match"]),
        ("board", "requests:decide", ["rights", "fulfil", NOBODY]),
        ("engineer", "requests:decide", ["rights", "extend", NOBODY, "--reason", "complexity"]),
        ("board", "models:propose", ["review", "propose", NOBODY]),
        ("engineer", "reviews:vote", ["review", "vote", NOBODY, "approve"]),
        ("officer", "models:train", ["train"]),
        ("board", "models:train", ["mitigate", NOBODY]),
        ("board", "models:deploy", ["deploy", NOBODY]),
        ("auditor", "models:deploy", ["rollback", "--reason", "incident"]),
        ("engineer", "recommendations:read", ["recommend"]),
    ],
    ids=lambda each: each if isinstance(each, str) else " ".join(each[:2]),
)
def test_a_command_is_refused_to_a_role_without_its_permission(
    home: Path, probity: Run, role: str, permission: str, command: list[str]
) -> None:
    ran = probity(*command, "--home", home, given="a-1\n", env=joined(probity, home, role))

    assert (ran.code, ran.out) == (1, "")
    assert re.fullmatch(rf"probity: {permission} is given to .*; yours: {role}\n", ran.err)


@pytest.mark.parametrize(
    ("role", "command", "said"),
    [
        ("frontend", ["rights", "submit", "--right", "access"], "no subject has this identifier"),
        ("officer", ["rights", "acknowledge", NOBODY], f"no request {NOBODY}"),
        ("officer", ["rights", "fulfil", NOBODY], f"no request {NOBODY}"),
        ("engineer", ["review", "propose", NOBODY], f"no model {NOBODY}"),
        ("board", ["review", "vote", NOBODY, "approve"], f"no review {NOBODY}"),
        ("engineer", ["mitigate", NOBODY], f"no model {NOBODY}"),
        ("engineer", ["deploy", NOBODY], f"no model {NOBODY}"),
        ("frontend", ["recommend"], "no subject has this identifier"),
        ("officer", ["recommend"], "no subject has this identifier"),
    ],
    ids=lambda each: each if isinstance(each, str) else " ".join(each[:2]),
)
def test_a_role_with_the_permission_gets_as_far_as_the_thing_itself(
    home: Path, probity: Run, role: str, command: list[str], said: str
) -> None:
    ran = probity(*command, "--home", home, given="a-1\n", env=joined(probity, home, role))

    assert said in ran.err


def test_nobody_reads_a_persons_titles_without_a_token(home: Path, probity: Run) -> None:
    ran = probity("recommend", "--home", home, given="a-1\n")

    assert ran.code == 1
    assert "PROBITY_TOKEN" in ran.err


def test_whose_access_was_taken_away_is_nobody_from_then_on(home: Path, probity: Run) -> None:
    token = joined(probity, home, "board")
    (board,) = json.loads(probity("access", "list", "--json", "--home", home).out)
    second = probity("access", "token", board["principal"], "--home", home).out.strip()

    ran = probity("access", "revoke", board["principal"], "--home", home)

    assert (ran.code, "2 tokens revoked, 0 console sessions closed" in ran.err) == (0, True)
    for each in (token["PROBITY_TOKEN"], second):
        refused = probity("review", "vote", NOBODY, "approve", "--home", home, env={"PROBITY_TOKEN": each})
        assert "no valid token was shown" in refused.err
    assert probity("access", "revoke", NOBODY, "--home", home).code == 2


# What is printed


def test_every_json_key_is_snake_case(filled: Path, probity: Run, tmp_path: Path, small_service: Path) -> None:
    frontend = joined(probity, filled, "frontend")
    account = an_account(small_service)
    submitted = probity("rights", "submit", "--right", "access", "--home", filled, given=f"{account}\n", env=frontend)
    assert submitted.code == 0, submitted.err
    at_home = ("--json", "--home", filled)
    commands = [
        ("status", *at_home),
        ("ingest", small_service, *at_home),
        ("rights", "list", *at_home),
        ("train", "--dry-run", *at_home),
        ("quarantine", *at_home),
        ("ledger", "list", *at_home),
        ("access", "list", *at_home),
        ("consent", "summary", *at_home),
        ("policy", "check", *at_home),
        ("sample", tmp_path / "service", "--subjects", 60, "--titles", 60, "--json"),
    ]

    found = {key for command in commands for key in _keys(json.loads(probity(*command).out))}

    assert {"due_on", "days_left", "already_there", "subjects_in_the_vault"} <= found
    assert [key for key in found if not re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*", key)] == []


def _keys(document: object) -> list[str]:
    first = document[0] if isinstance(document, list) and document else document
    return list(first) if isinstance(first, dict) else []


def test_a_verified_log_is_told_as_json(home: Path, probity: Run) -> None:
    vkey = probity("ledger", "publish", "--home", home).out.strip()

    ran = probity("ledger", "verify", home / "ledger", "--vkey", vkey, "--json")
    found = json.loads(ran.out)

    assert (ran.code, found["size"], found["older"], found["unsigned"]) == (0, sum(found["kinds"].values()), [], [])
    assert re.fullmatch(r"[0-9a-f]{64}", found["root"])
    checkpoint = (home / "ledger" / "checkpoint").read_text().splitlines()
    assert [found["log"], str(found["size"])] == checkpoint[:2]


def test_an_erasure_walks_through_every_step_and_its_certificate_is_told_as_json(
    filled: Path, probity: Run, tmp_path: Path, small_service: Path
) -> None:
    frontend, officer = joined(probity, filled, "frontend"), joined(probity, filled, "officer")
    given = f"{an_account(small_service)}\n"
    request = probity("rights", "submit", "--right", "erasure", "--home", filled, given=given, env=frontend).out.strip()
    (before,) = json.loads(probity("rights", "list", "--json", "--home", filled).out)

    for step in (["acknowledge", request], ["extend", request, "--reason", "complexity"]):
        assert probity("rights", *step, "--home", filled, env=officer).code == 0
    (after,) = json.loads(probity("rights", "list", "--json", "--home", filled).out)
    again = probity("rights", "extend", request, "--reason", "complexity", "--home", filled)
    other = probity("rights", "extend", request, "--reason", "holidays", "--home", filled)
    assert probity("rights", "approve", request, "--home", filled).code == 0
    (tmp_path / "certificate.json").write_text(probity("rights", "fulfil", request, "--home", filled).out)
    key = probity("rights", "public-key", "--home", filled).out.strip()
    ran = probity("rights", "verify-certificate", tmp_path / "certificate.json", "--key", key, "--json")
    certificate = json.loads(ran.out)

    assert (before["state"], after["state"]) == ("received", "acknowledged")
    assert after["days_left"] - before["days_left"] in {59, 60, 61, 62}  # two further months, GDPR Art. 12(3)
    assert (again.code, other.code) == (1, 2)
    assert (certificate["request"], certificate["right"]) == (request, "erasure")
    assert {store["left"] for store in certificate["stores"]} == {0}


def test_a_quarantined_batch_is_shown_with_its_file(filled: Path, probity: Run, small_service: Path) -> None:
    batches = json.loads(probity("quarantine", "--json", "--home", filled).out)

    shown = json.loads(probity("quarantine", batches[0]["batch"], "--json", "--home", filled).out)

    assert len(shown) == batches[0]["lines"]
    assert {row["file"] for row in shown} == {batches[0]["source"]}
    assert shown[0]["file"].startswith(f"{small_service.name}/")


@pytest.mark.parametrize("name", ["../elsewhere", "/etc/hostname", "A" * 32, "0" * 31, "0" * 32 + "\n"])
def test_a_batch_is_named_by_32_hex_digits_and_by_nothing_else(home: Path, probity: Run, name: str) -> None:
    row = {"line": 1, "field": "f", "expected": "e", "got": "g", "reason": "private"}
    (home / "identity" / "elsewhere.index.json").write_text(json.dumps({"rejects": [row]}))
    (home / "identity" / "quarantine").mkdir(exist_ok=True)

    ran = probity("quarantine", name, "--home", home)

    assert (ran.code, ran.out) == (2, "")
    assert "expected 32 hex digits" in ran.err


# An access package, on the subject's side


def sealed(files: dict[str, bytes], key: bytes) -> bytes:
    """A package with any files, sealed as `compose_package` seals its own."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    nonce = bytes(NONCE_BYTES)
    return MAGIC + nonce + AESGCM(key).encrypt(nonce, buffer.getvalue(), framed(LABEL, MAGIC))


def test_opening_a_package_writes_two_files_for_their_owner_whatever_it_says(tmp_path: Path, probity: Run) -> None:
    key, mine = bytes(range(32)), tmp_path / "mine"
    mine.mkdir()
    (mine / "access.json").write_text("an old one that all may read")
    (mine / "access.json").chmod(0o644)
    files = {"access.json": b"{}", "access.html": b"<html>", "../evil": b"x", "run.sh": b"x"}
    (tmp_path / "package").write_bytes(sealed(files, key))

    ran = probity("rights", "open", tmp_path / "package", "--to", mine, given=encode_key(key))

    assert ran.code == 0
    assert {path.name: path.stat().st_mode & 0o777 for path in mine.iterdir()} == {
        "access.json": 0o600,
        "access.html": 0o600,
    }
    assert (mine / "access.json").read_bytes() == b"{}"
    assert not (tmp_path / "evil").exists()


def test_a_package_without_its_page_is_refused_and_nothing_is_written(tmp_path: Path, probity: Run) -> None:
    key = bytes(range(32))
    (tmp_path / "package").write_bytes(sealed({"access.json": b"{}"}, key))

    ran = probity("rights", "open", tmp_path / "package", "--to", tmp_path / "mine", given=encode_key(key))

    assert ran.code == 2
    assert "got none named access.html" in ran.err
    assert not (tmp_path / "mine").exists()


# Policies to edit


def test_exported_policies_are_the_shipped_ones_and_come_into_force_in_a_home(home: Path, probity: Run) -> None:
    ran = probity("policy", "export", home / "policies")

    exported = {path.name: path.read_bytes() for path in (home / "policies").iterdir()}
    assert ran.code == 0
    assert exported == {path.name: path.read_bytes() for path in policies_dir().glob("*.yaml")}
    (home / "policies" / "access.yaml").write_bytes(b"roles: [king]\n")
    assert "access.yaml:1:" in probity("status", "--home", home).err


def test_policies_are_never_exported_over_something(tmp_path: Path, probity: Run) -> None:
    (tmp_path / "access.yaml").write_text("mine")

    ran = probity("policy", "export", tmp_path)

    assert ran.code == 2
    assert "expected a new or empty folder" in ran.err
    assert [path.name for path in tmp_path.iterdir()] == ["access.yaml"]
    assert (tmp_path / "access.yaml").read_text() == "mine"


# Progress


def test_the_progress_of_an_ingestion_ends_at_the_number_of_lines(home: Path, small_service: Path) -> None:
    source, steps = open_source(small_service), list[tuple[int, int]]()
    lines = sum(
        (small_service / name).read_bytes().count(b"\n")
        for name in ("consents.ndjson", "declarations.ndjson", "events.ndjson")
    )

    ingest(
        open_home(load_settings(home), clock=system_clock),
        source,
        pace=paced(source, lambda done, total: steps.append((done, total))),
    )

    assert steps[-1] == (lines, lines)
    assert steps == sorted(steps)


def test_lines_are_counted_in_every_layout(tmp_path: Path) -> None:
    movielens = tmp_path / "ml-latest-small"
    movielens.mkdir()
    (movielens / "ratings.csv").write_text("userId,movieId,rating,timestamp\n1,1,4.0,964982703\n2,1,3.5,964982703\n")
    (movielens / "movies.csv").write_text("movieId,title,genres\n1,Toy Story (1995),Comedy\n")
    source = open_source(movielens)

    assert count_lines(source) == (sum(1 for _ in source.consents()), 0, 2) == (6, 0, 2)


def test_a_damaged_source_is_told_of_by_the_gateway_and_not_by_the_count(small_service: Path) -> None:
    import gzip

    packed = gzip.compress((small_service / "events.ndjson").read_bytes())
    (small_service / "events.ndjson").unlink()
    (small_service / "events.ndjson.gz").write_bytes(packed[:-100])
    steps = list[tuple[int, int]]()

    paced(open_source(small_service), lambda done, total: steps.append((done, total))).progress(7)

    assert steps == [(7, 0)]


def test_a_home_whose_log_has_the_name_of_every_other_is_told_so(tmp_path: Path, probity: Run) -> None:
    (tmp_path / "named").mkdir(mode=0o700)
    (tmp_path / "named/probity.toml").write_text('[ledger]\norigin = "logs.example.com/recommender"\n')

    nameless = probity("init", "--home", tmp_path / "nameless")
    named = probity("init", "--home", tmp_path / "named")

    assert (nameless.code, named.code) == (0, 0)
    assert "its log is named probity.example/ledger, like that of every home" in " ".join(nameless.err.split())
    assert "its log is named" not in named.err
    vkey = probity("ledger", "publish", "--home", tmp_path / "named").out
    assert vkey.startswith("logs.example.com/recommender+")


def test_the_check_restores_what_a_disk_lost_only_when_it_is_asked_to(home: Path, probity: Run) -> None:
    assert probity("ledger", "publish", "--home", home).code == 0
    lost = next((home / "ledger/tile/entries").glob("000.p/*"))
    lost.unlink()

    without = probity("ledger", "fsck", "--home", home)
    repaired = probity("ledger", "fsck", "--repair", "--home", home)

    assert (without.code, repaired.code) == (1, 0)
    assert f"restored: {lost.relative_to(home / 'ledger')}" in repaired.err
    assert "0 cosignatures, 0 openings: what is stored and what was signed agree" in " ".join(repaired.err.split())
    assert probity("ledger", "fsck", "--home", home).code == 0


def test_the_help_of_evidence_pack_says_who_makes_it(probity: Run) -> None:
    assert "PROBITY_TOKEN" in probity("evidence", "pack", "--help").out
