"""What must hold along the path when somebody, or something, does what they should not."""

import json
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Protocol, TypeVar
from uuid import UUID

import pytest

import governance.database
from governance.attest.dsse import decode_envelope
from governance.attest.predicate import Predicate
from governance.attest.predicates.test_result import TestResult
from governance.attest.predicates.verification_summary import VerificationSummary
from governance.attest.statement import decode_statement
from governance.attest.store import find_in_force, read_envelope
from governance.clock import system_clock
from governance.consent.merging import Decision
from governance.consent.recording import record
from governance.pipeline.desk import Desk, identity_of
from governance.pipeline.home import Home, open_home
from governance.pipeline.recommend import recommend_to
from governance.registry.models import get_model
from governance.resources import policies_dir
from governance.settings import load_settings
from pseudonymisation.disclosure import open_package
from pseudonymisation.sources.sample import SampleSettings, write_sample
from recommender.explanation import Reason
from tests.pipeline.summed import run_apart

LENIENT = """
list_length: 10
attention: logarithmic
replicates: 200
confidence: 0.95
seed: 1
max_unknown_share: 0.99
rules:
  - id: popular
    metric: popularity_rank
    comparison: at_least
    limit: 0.0001
    level: error
    rationale: for a test
    approved_by: a test
"""


_ID = UUID("00000000-0000-4000-8000-00000000aaaa")


class Ran(Protocol):
    """What a command left behind (see `conftest`)."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]
Attested = TypeVar("Attested", bound=Predicate)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("service") / "sample"
    write_sample(folder, SampleSettings(subjects=300, titles=120))
    return folder


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory, service: Path) -> tuple[Path, str]:
    """A home with interactions, whose gate asks for little; an engineer's token."""
    folder = tmp_path_factory.mktemp("once") / "home"
    shutil.copytree(policies_dir(), folder / "policies")
    (folder / "policies" / "fairness.yaml").write_text(LENIENT)
    run_apart("init", "--home", folder)
    token = run_apart("access", "add", "Engineer", "--role", "engineer", "--home", folder).strip()
    run_apart("ingest", service, "--home", folder)
    return folder, token


@pytest.fixture
def home(made_once: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that home for one test, with the engineer's token in the environment."""
    shutil.copytree(made_once[0], tmp_path / "home")
    monkeypatch.setenv("PROBITY_TOKEN", made_once[1])
    return tmp_path / "home"


def _token(probity: Run, home: Path, role: str) -> str:
    return probity("access", "add", role.capitalize(), "--role", role, "--home", home).out.strip()


def _trained(probity: Run, home: Path) -> str:
    assert probity("train", "--home", home).code == 0
    model = probity("models", "--kind", "ease", "--ids", "--home", home).out.split()[0]
    assert probity("audit", "run", model, "--home", home).code == 0
    return model


def _deployed(probity: Run, home: Path) -> str:
    model = _trained(probity, home)
    assert probity("gate", "run", "--model", model, "--home", home).code == 0
    review = probity("review", "propose", model, "--home", home).out.strip()
    for _ in range(2):
        board = {"PROBITY_TOKEN": _token(probity, home, "board")}
        assert probity("review", "vote", review, "approve", "--home", home, env=board).code == 0
    engineer = {"PROBITY_TOKEN": _token(probity, home, "engineer")}
    assert probity("deploy", model, "--home", home, env=engineer).code == 0
    return model


def test_a_report_that_was_rewritten_is_no_basis_for_a_decision(home: Path, probity: Run) -> None:
    model = _trained(probity, home)
    (report,) = (home / "reports").glob("*.json")
    report.write_bytes(report.read_bytes().replace(b'"metric":"ndcg"', b'"metric":"NDCG"'))

    ran = probity("gate", "run", "--model", model, "--home", home)

    assert (ran.code, ran.err.count("\n")) == (3, 1)
    assert "is not the report that was registered" in ran.err
    assert probity("ledger", "list", "--kind", "gate.decided", "--json", "--home", home).out.strip() == "[]"


def test_a_model_that_nobody_audited_lacks_evidence_and_one_that_is_not_there_is_a_mistake(
    home: Path, probity: Run
) -> None:
    assert probity("train", "--home", home).code == 0
    model = probity("models", "--kind", "ease", "--ids", "--home", home).out.split()[0]

    unaudited = probity("gate", "run", "--model", model, "--home", home)
    absent = probity("gate", "run", "--model", "6f0d3b4e-52a1-4d3c-8b53-0a4d7f0b7f10", "--home", home)

    assert (unaudited.code, unaudited.out, unaudited.err.count("\n")) == (3, "", 1)
    assert f"model {model} has no report" in unaudited.err
    assert (absent.code, absent.out) == (2, "")


def test_the_decision_as_json_is_the_one_of_the_format(home: Path, probity: Run) -> None:
    model = _trained(probity, home)

    short, long = (
        probity("gate", "run", "--model", model, "--home", home, *words) for words in (["--json"], ["--format", "json"])
    )

    assert (short.code, json.loads(short.out)["outcome"]) == (0, "pass")
    assert short.out == long.out


def test_a_decision_under_a_new_policy_replaces_the_old_policys_verdict_on_the_audit(home: Path, probity: Run) -> None:
    model, policy = _trained(probity, home), home / "policies" / "fairness.yaml"
    before, _ = _in_force(home, model, TestResult)
    policy.write_text(LENIENT.replace("0.0001", "0.99"))

    assert probity("gate", "run", "--model", model, "--home", home).code == 1

    after, envelope = _in_force(home, model, TestResult)
    decided, _ = _in_force(home, model, VerificationSummary)
    assert (before.refusals, after.failed) == ((), ("popular (all titles)",))
    assert after.policies == {"fairness.yaml": sha256(policy.read_bytes()).hexdigest()} != before.policies
    assert (after.url, after.configuration[1:]) == (before.url, before.configuration[1:])
    assert [each.uri.rpartition("/")[2] for each in after.configuration] == ["fairness.yaml", "audit-configuration"]
    assert [each.sha256 for each in decided.inputs] == [sha256(envelope).hexdigest()]
    listed = json.loads(probity("attest", "list", "--model", model, "--json", "--home", home).out)
    assert [(each["says"], each["state"]) for each in listed] == [
        ("vsa", "in force"), ("test-result", "in force"), ("test-result", "superseded"), ("provenance", "in force"),
    ]  # fmt: skip


def _in_force(home: Path, model: str, kind: type[Attested]) -> tuple[Attested, bytes]:
    """What is attested of this kind, and in force, about a model; and the bytes of its file."""
    here = open_home(load_settings(home), clock=system_clock)
    with here.transaction() as session:
        record = find_in_force(session, kind.predicate_type, get_model(session, UUID(model)).digest)
    assert record is not None
    envelope = read_envelope(here.attester.folder, record.digest)
    here.engine.dispose()
    opened = decode_envelope(envelope)
    return kind.read(decode_statement(opened.payload_type, opened.payload).predicate), envelope


def test_a_second_source_adds_to_the_catalogue_and_the_training_still_works(
    home: Path, probity: Run, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    write_sample(other, SampleSettings(subjects=60, titles=60, seed=7))
    assert probity("ingest", other, "--home", home).code == 0

    assert probity("train", "--home", home).code == 0
    changes = json.loads(
        probity("ledger", "list", "--kind", "registry.catalogue_changed", "--json", "--home", home).out
    )
    assert len(changes) == 2


def test_an_edited_policy_is_on_record_before_the_next_command_acts(home: Path, probity: Run) -> None:
    policy = home / "policies" / "privacy.yaml"
    before = policy.read_text()
    for text in (before.replace("budget_epsilon: 10.0", "budget_epsilon: 9.0"), before):
        policy.write_text(text)
        assert probity("budget", "--home", home).code == 0

    entries = json.loads(probity("ledger", "list", "--kind", "policy.in_force", "--json", "--home", home).out)

    assert [entry["body"]["name"] for entry in entries].count("privacy") == 3


def test_a_home_in_use_that_lost_its_keys_gets_no_new_ones(home: Path, probity: Run) -> None:
    (home / "identity" / "keyring.json").unlink()

    ran = probity("init", "--home", home)

    assert ran.code == 2
    assert "restore it from your back-up" in ran.err
    assert not (home / "identity" / "keyring.json").exists()


def test_who_withdraws_is_no_longer_profiled_neither_in_lists_nor_in_the_access_answer(
    home: Path, probity: Run, service: Path
) -> None:
    _deployed(probity, home)
    here, account = open_home(load_settings(home), clock=system_clock), _watching(home, service)
    identity = identity_of("account_id", account)
    before = recommend_to(here, identity, 5)

    _withdraw(here, account)
    after = recommend_to(here, identity, 5)
    answer = _access(here, probity, account)
    front = {"PROBITY_TOKEN": _token(probity, home, "frontend")}
    asked = ("--json", "--max-age", "12", "--at", "2026-11-26T20:15+0100")
    printed = probity("recommend", *asked, "--home", home, given=f"{account}\n", env=front)

    assert before[0].because
    assert {row["because"] for row in json.loads(printed.out)} == {str(Reason.NOT_PROFILED)}
    assert [each.because for each in after] == [()] * 5
    assert {each.reason for each in after} == {each["reason"] for each in answer} == {str(Reason.NOT_PROFILED)}


def test_a_full_disk_under_the_database_is_one_line_without_a_statement(
    home: Path, probity: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure = governance.database._configure_sqlite

    def tight(connection: object, entry: object) -> None:
        configure(connection, entry)
        pages = connection.execute("PRAGMA page_count").fetchone()[0]  # type: ignore[attr-defined] # a sqlite3.Connection
        connection.execute(f"PRAGMA max_page_count={pages}")  # type: ignore[attr-defined] # the same

    monkeypatch.setattr(governance.database, "_configure_sqlite", tight)

    runs = [probity("access", "add", "x" * 200, "--role", "board", "--home", home) for _ in range(40)]
    refused = [ran for ran in runs if ran.code != 0]

    assert refused
    assert {(ran.code, ran.err.count("\n")) for ran in refused} == {(4, 1)}
    assert "the database refused: database or disk is full" in refused[0].err
    assert "INSERT" not in refused[0].err


def _watching(home: Path, service: Path) -> str:
    """An account with consent and a history."""
    here = open_home(load_settings(home), clock=system_clock)
    for line in (service / "events.ndjson").read_bytes().splitlines():
        try:
            event = json.loads(line)
            account = event["subject"]["account_id"]
        except (ValueError, KeyError):
            continue
        if event["kind"] == "view" and recommend_to(here, identity_of("account_id", account), 1)[0].because:
            return str(account)
    msg = "nobody in the sample has a history and consents"
    raise AssertionError(msg)


def _withdraw(here: Home, account: str) -> None:
    subject = here.vault.find(identity_of("account_id", account), domain="consent")
    assert subject is not None
    with here.transaction() as session:
        decision = Decision(
            subject=subject,
            purpose="personalised_recommendations",
            choice="withdraw",
            decided_at=here.clock(),
            notice="v1",
            method="settings",
        )
        policy = here.policies.purposes.value
        record(session, [decision], batch_id=_ID, policy=policy, actor="role:operator", clock=here.clock)


def _access(here: Home, probity: Run, account: str) -> list[dict[str, object]]:
    home = here.settings.home
    frontend, officer = ({"PROBITY_TOKEN": _token(probity, home, role)} for role in ("frontend", "officer"))
    request = probity(
        "rights", "submit", "--right", "access", "--home", home, given=f"{account}\n", env=frontend
    ).out.strip()
    assert probity("rights", "approve", request, "--home", home, env=officer).code == 0
    handed = Desk(here).fulfil(UUID(request), actor="role:operator")
    assert handed.package is not None
    assert handed.key is not None
    files = open_package(handed.package.read_bytes(), handed.key)
    listed: list[dict[str, object]] = json.loads(files["access.json"])["recommendations"]
    return listed
