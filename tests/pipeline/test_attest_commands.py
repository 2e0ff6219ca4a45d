"""`probity attest`: what a CI job gets as an exit code. A gate that says 0 on a failure is no gate."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from governance.attest.attester import encode_attester
from governance.attest.bundle import encode_bundle
from governance.attest.predicates.verification_summary import VerificationSummary
from governance.attest.signing import EnvelopeSigner
from governance.attest.statement import Subject
from governance.attest.store import attest, read_envelope
from governance.clock import system_clock
from governance.ledger.export import export
from governance.ledger.note import encode_vkey
from governance.ledger.publish import publish
from governance.pipeline.home import Home, initialise, open_home
from governance.resources import policies_dir
from governance.settings import load_settings
from recommender.artefact import folder_digest
from tests.attest.attest_examples import OTHER, SUMMARY, envelope_of
from tests.pipeline.conftest import Ran, Run

HOLDS, REFUSED, USAGE, MISSING = 0, 1, 2, 3


@dataclass(frozen=True)
class Evidence:
    """A home that attested a model which passed the gate, and what it hands out."""

    home: Home
    folder: Path
    model: str
    digest: str

    def file(self, name: str) -> Path:
        return self.folder / name

    def say(self, **change: Any) -> str:  # noqa: ANN401 - fields of the summary
        """Attest the gate's decision, perhaps another; returns the attestation's digest."""
        fairness, attester = self.home.policies.fairness, self.home.attester
        said = VerificationSummary(
            verifier=attester.name,
            verified_at=system_clock(),
            resource=attester.uri("models/m"),
            policy=attester.policy(fairness.name, fairness.digest),
            inputs=(),
            result="PASSED",
            levels=("PROBITY_GATE",),
        )
        with self.home.transaction() as session:
            return attest(
                session,
                attester,
                replace(said, **change),
                subject=Subject("models/m", self.model),
                about="m",
                clock=self.home.clock,
            ).digest

    def publish(self, name: str = "log") -> Path:
        """Publish and export the log."""
        publish(self.home.engine, self.home.folder("ledger"), self.home.ledger_signer, clock=self.home.clock)
        export(self.home.engine, self.home.folder("ledger"), self.file(name))
        return self.file(name)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    """Made once: the migrations take the time."""
    folder = tmp_path_factory.mktemp("attested")
    home = initialise(load_settings(folder / "home"), clock=system_clock)
    model = folder / "model"
    model.mkdir()
    (model / "description.json").write_bytes(b"{}")
    made = Evidence(home, folder, folder_digest(model), "")
    made = replace(made, digest=made.say())
    made.file("vsa.dsse.json").write_bytes(read_envelope(home.attester.folder, made.digest))
    made.file("attesters").write_text(f"# ours\n{encode_attester(home.attester.verifier_key)}\n")
    made.file("trust").write_text(f"log {encode_vkey(home.ledger_signer.verifier_key)}\nquorum none\n")
    home.engine.dispose()
    return made


@pytest.fixture
def evidence(template: Evidence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Evidence]:
    monkeypatch.delenv("PROBITY_HOME", raising=False)
    folder = tmp_path / "attested"
    shutil.copytree(template.folder, folder)
    home = open_home(load_settings(folder / "home"), clock=system_clock)
    yield replace(template, home=home, folder=folder)
    home.engine.dispose()


@pytest.fixture
def verify(evidence: Evidence, probity: Run) -> Run:
    """`probity attest verify`, with the known attesters unless others are given."""

    def run(*arguments: object, file: str = "vsa.dsse.json", key: object = None) -> Ran:
        known = evidence.file("attesters") if key is None else key
        return probity("attest", "verify", evidence.file(file), "--key", known, *arguments)

    return run


def all_of(evidence: Evidence) -> list[object]:
    """Everything that can be asked, as it should be."""
    return [
        "--subject", evidence.file("model"), "--require", "vsa", "--level", "PROBITY_GATE",
        "--resource-uri", evidence.home.attester.uri("models/m"), "--policies", policies_dir(),
        "--policy-digest", evidence.home.policies.fairness.digest, "--max-age-days", "1",
        "--ledger", evidence.publish(), "--trust-policy", evidence.file("trust"),
    ]  # fmt: skip


def test_what_passes_everything_that_is_asked_exits_0_and_says_what_was_checked(
    evidence: Evidence, verify: Run
) -> None:
    ran = verify(*all_of(evidence))

    assert (ran.code, ran.err) == (HOLDS, "")
    assert ran.out.endswith("all that was asked holds\n")
    for check in ("signature", "subject", "speaker", "verdict", "resource", "policy", "age", "ledger", "superseded"):
        assert f"  holds      {check}" in ran.out, check
    assert "not asked" not in ran.out


def test_without_the_home_nothing_is_missed(evidence: Evidence, verify: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = all_of(evidence)
    evidence.home.engine.dispose()
    evidence.home.settings.home.rename(evidence.file("gone"))
    monkeypatch.chdir(evidence.file("log"))

    assert verify(*asked).code == HOLDS


def test_the_answer_to_pipe_has_every_finding(verify: Run) -> None:
    ran = verify("--subject", OTHER, "--json")

    answer = json.loads(ran.out)
    assert (ran.code, answer["outcome"]) == (REFUSED, "refused")
    assert [each in ran.err for each in ("--subject", "--policies", "--max-age", "--ledger")] == [False, *[True] * 3]
    assert [each["check"] for each in answer["attestations"][0]["findings"] if each["status"] == "refused"] == [
        "subject"
    ]


def test_a_key_may_be_given_as_text(evidence: Evidence, verify: Run) -> None:
    assert verify(key=encode_attester(evidence.home.attester.verifier_key)).code == HOLDS


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--subject", OTHER),
        ("--policy-digest", OTHER),
        ("--level", "PROBITY_PRIVACY"),
        ("--resource-uri", "https://probity.example/models/other"),
        ("--max-age-days", "0"),
        ("--threshold", "2"),
    ],
)
def test_what_is_not_as_asked_exits_1(verify: Run, option: str, value: str) -> None:
    ran = verify(option, value)

    assert (ran.code, ran.out.splitlines()[-1]) == (REFUSED, "refused")


def test_a_decision_that_failed_exits_1_though_everything_about_it_verifies(evidence: Evidence, verify: Run) -> None:
    digest = evidence.say(result="FAILED", levels=())
    evidence.file("failed.dsse.json").write_bytes(read_envelope(evidence.home.attester.folder, digest))

    ran = verify(file="failed.dsse.json")

    assert ran.code == REFUSED
    assert "verificationResult is FAILED" in ran.out


def test_another_policy_than_the_pinned_one_exits_1(evidence: Evidence, verify: Run) -> None:
    pinned = evidence.file("policies")
    pinned.mkdir()
    (pinned / "fairness.yaml").write_text("another")

    assert verify("--policies", pinned).code == REFUSED


def test_a_superseded_one_exits_1_once_the_log_that_says_so_is_there(evidence: Evidence, verify: Run) -> None:
    before = evidence.publish("before")
    evidence.say(verified_at=system_clock() - timedelta(hours=1))
    after = evidence.publish("after")
    trust = ["--trust-policy", evidence.file("trust")]

    assert verify("--ledger", before, *trust).code == HOLDS
    ran = verify("--ledger", after, *trust)
    assert ran.code == REFUSED
    assert "replaces it by" in ran.out


def test_a_withdrawn_one_exits_1(evidence: Evidence, verify: Run, probity: Run) -> None:
    home = evidence.home.settings.home
    assert probity("attest", "withdraw", evidence.digest, "--reason", "boredom", "--home", home).code == USAGE
    assert probity("attest", "withdraw", evidence.digest, "--reason", "mistaken", "--home", home).code == 0

    ran = verify("--ledger", evidence.publish(), "--trust-policy", evidence.file("trust"))

    assert ran.code == REFUSED
    assert "withdraws it" in ran.out
    assert json.loads(probity("attest", "list", "--json", "--home", home).out)[0]["state"] == "withdrawn"


# Evidence that is missing


def test_no_envelope_exits_3_and_never_0(evidence: Evidence, verify: Run) -> None:
    evidence.file("empty.dsse.json").write_bytes(b"\n")
    evidence.file("empty.intoto.jsonl").write_bytes(b"")
    for name in ("none.dsse.json", "none.intoto.jsonl", "empty.dsse.json", "empty.intoto.jsonl"):
        ran = verify(file=name)

        assert (ran.code, ran.out.splitlines()[-1]) == (MISSING, "evidence is missing"), name


def test_a_required_statement_that_is_not_there_exits_3(verify: Run) -> None:
    assert verify("--require", "test-result").code == MISSING


def test_an_entry_that_is_not_published_yet_exits_3(evidence: Evidence, verify: Run) -> None:
    log = evidence.publish()
    digest = evidence.say(verified_at=datetime(2026, 1, 1, tzinfo=UTC))
    evidence.file("new.dsse.json").write_bytes(read_envelope(evidence.home.attester.folder, digest))

    ran = verify("--ledger", log, "--trust-policy", evidence.file("trust"), file="new.dsse.json")

    assert ran.code == MISSING
    assert "has no entry for it yet" in ran.out


def test_a_folder_without_a_log_or_a_proof_that_is_not_there_exits_3(evidence: Evidence, verify: Run) -> None:
    trust = ["--trust-policy", evidence.file("trust")]

    assert verify("--ledger", evidence.file("nowhere"), *trust).code == MISSING
    assert verify("--proof", evidence.file("nowhere"), *trust).code == MISSING


def test_a_bundle_that_says_nothing_about_the_subject_exits_3(evidence: Evidence, verify: Run) -> None:
    evidence.file("b.intoto.jsonl").write_bytes(encode_bundle([evidence.file("vsa.dsse.json").read_bytes()]))

    assert verify("--subject", evidence.model, file="b.intoto.jsonl").code == HOLDS
    assert verify("--subject", OTHER, file="b.intoto.jsonl").code == MISSING


def test_a_refusal_outweighs_what_is_missing(evidence: Evidence, verify: Run) -> None:
    assert verify("--subject", OTHER, "--require", "test-result", "--ledger", evidence.file("nowhere"),
                  "--trust-policy", evidence.file("trust")).code == REFUSED  # fmt: skip


# Evidence that is corrupt


def test_a_corrupt_envelope_exits_1_and_never_0(evidence: Evidence, verify: Run) -> None:
    whole = evidence.file("vsa.dsse.json").read_bytes()
    hostile = {
        "cut": whole[: len(whole) // 2],
        "trailing": whole + b"x",
        "zeros": bytes(100),
        "stranger": envelope_of(SUMMARY, evidence.model, EnvelopeSigner(b"\x09" * 32)),
        "json": b"{}",
    }
    for name, content in hostile.items():
        evidence.file(name).write_bytes(content)
        assert verify(file=name).code == REFUSED, name
        evidence.file("b.intoto.jsonl").write_bytes(encode_bundle([whole, content]))
        assert verify(file="b.intoto.jsonl").code == REFUSED, name


def test_a_corrupt_log_or_proof_exits_1(evidence: Evidence, verify: Run) -> None:
    log, trust = evidence.publish(), ["--trust-policy", evidence.file("trust")]
    evidence.file("proof").write_bytes(b"c2sp.org/tlog-proof@v1\n")
    assert verify("--proof", evidence.file("proof"), *trust).code == REFUSED

    bundle = next(path for path in (log / "tile" / "entries").rglob("*") if path.is_file())
    content = bytearray(bundle.read_bytes())
    content[-1] ^= 1
    bundle.write_bytes(content)
    assert verify("--ledger", log, *trust).code == REFUSED
    (log / "checkpoint").write_bytes(b"")
    assert verify("--ledger", log, *trust).code == REFUSED


# How it was asked


@pytest.mark.parametrize(
    "arguments",
    [
        ["--require", "model-card"],
        ["--subject", "nothing-there"],
        ["--policies", "nothing-there"],
        ["--ledger", "somewhere"],
        ["--trust-policy", "nothing-there"],
        ["--threshold", "0"],
        ["--max-age-days", "-1"],
        ["--max-age-days", "nan"],
        ["--max-log-age-days", "inf"],
        ["--max-log-age-days", "1"],
        ["--policy-digest", "abc"],
    ],
    ids=" ".join,
)
def test_a_question_that_cannot_be_right_exits_2(verify: Run, arguments: list[str]) -> None:
    assert verify(*arguments).code == USAGE


def test_without_a_known_attester_there_is_nothing_to_verify_by(evidence: Evidence, verify: Run, probity: Run) -> None:
    evidence.file("nobody").write_text("# nobody\n")

    assert verify(key=evidence.file("nobody")).code == USAGE
    assert verify(key=evidence.file("nowhere")).code == USAGE
    assert probity("attest", "verify", evidence.file("vsa.dsse.json")).code == USAGE


def test_a_log_and_a_proof_are_not_asked_together(evidence: Evidence, verify: Run) -> None:
    assert verify("--ledger", "a", "--proof", "b", "--trust-policy", evidence.file("trust")).code == USAGE


# What a home hands out


def test_the_proof_that_a_home_writes_shows_that_it_was_logged(evidence: Evidence, verify: Run, probity: Run) -> None:
    home = evidence.home.settings.home
    evidence.publish()

    made = probity("attest", "prove", evidence.digest, "--to", evidence.file("entry.tlog-proof"), "--home", home)
    ran = verify("--proof", evidence.file("entry.tlog-proof"), "--trust-policy", evidence.file("trust"))

    assert (made.code, ran.code) == (0, HOLDS)
    assert "not asked  superseded" in ran.out
    assert probity("attest", "prove", OTHER, "--to", evidence.file("x"), "--home", home).code == USAGE


def test_a_proof_is_written_between_a_rotation_of_the_logs_key_and_the_next_publication(
    evidence: Evidence, probity: Run
) -> None:
    home, proof = evidence.home.settings.home, evidence.file("between.tlog-proof")
    evidence.publish()
    assert probity("keys", "rotate", "ledger", "--ground", "scheduled", "--home", home).code == 0

    assert probity("attest", "prove", evidence.digest, "--to", proof, "--home", home).code == 0


def test_the_key_that_a_home_prints_is_all_that_others_need(evidence: Evidence, verify: Run, probity: Run) -> None:
    home = evidence.home.settings.home
    printed = probity("attest", "key", "--home", home).out.strip()
    pem = probity("attest", "key", "--pem", "--home", home).out

    assert verify(key=printed).code == HOLDS
    assert pem.startswith("-----BEGIN PUBLIC KEY-----\n")
    assert "seed" not in repr(evidence.home.attester)


def test_after_a_rotation_each_key_accounts_for_what_it_signed(evidence: Evidence, verify: Run, probity: Run) -> None:
    home, before = evidence.home.settings.home, encode_attester(evidence.home.attester.verifier_key)
    after = probity("keys", "rotate", "attest", "--ground", "scheduled", "--home", home).out.strip()
    digest = replace(evidence, home=open_home(load_settings(home), clock=system_clock)).say()
    evidence.file("new.dsse.json").write_bytes(read_envelope(evidence.home.attester.folder, digest))

    assert probity("attest", "key", "--home", home).out.strip() == after != before
    assert (verify(key=before).code, verify(key=after).code) == (HOLDS, REFUSED)
    assert [verify(key=each, file="new.dsse.json").code for each in (before, after)] == [REFUSED, HOLDS]
    evidence.file("both").write_text(f"{before}\n{after}\n")
    assert verify(key=evidence.file("both")).code == verify(key=evidence.file("both"), file="new.dsse.json").code == 0


# The key of a home that is older than attestations


def test_a_home_whose_attester_never_signed_gets_a_key_on_init_and_one_that_did_is_refused(
    evidence: Evidence, probity: Run, tmp_path: Path
) -> None:
    old, key = tmp_path / "old", Path("keys") / "attest.key"
    assert probity("init", "--home", old).code == 0
    assert (old / key).stat().st_mode & 0o777 == 0o600
    (old / key).unlink()
    assert probity("status", "--home", old).code == USAGE

    assert probity("init", "--home", old).code == 0
    assert probity("status", "--home", old).code == 0

    home = evidence.home.settings.home
    (home / key).unlink()
    ran = probity("init", "--home", home)
    assert ran.code == USAGE
    assert "attest.key is missing from a home that is in use: restore it from your back-up" in ran.err
    assert not (home / key).exists()
