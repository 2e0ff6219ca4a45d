"""`probity audit privacy`: attacks on a registered model, stored, logged, attested, and taken into its next audit."""

import json
import re
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

import recommender.attacks.canary_audit
from audits.report import Undefined
from governance.attest.dsse import decode_envelope
from governance.attest.predicates.test_result import TestResult
from governance.attest.statement import decode_statement
from governance.attest.store import list_attestations, read_envelope
from governance.clock import system_clock
from governance.errors import BrokenProof
from governance.ledger.search import Filter, follow
from governance.pipeline import attack
from governance.pipeline.attack import attack_model
from governance.pipeline.attesting import ATTACK_TEST, UNDECIDED
from governance.pipeline.audit import audit_model
from governance.pipeline.home import Home, initialise
from governance.pipeline.ingest import ingest
from governance.pipeline.snapshot import take_snapshot
from governance.pipeline.train import train
from governance.registry.attacks import find_finding, find_privacy_attack
from governance.registry.models import list_models
from governance.registry.tables import Model
from governance.settings import load_settings
from pseudonymisation.sources.registry import open_source
from recommender.mechanism import plan
from tests.pipeline.conftest import Run
from tests.pipeline.walked import LENIENT, copied, person, write_policies


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with every model of one training, to copy."""
    from pseudonymisation.sources.sample import SampleSettings, write_sample

    folder = tmp_path_factory.mktemp("trained")
    write_sample(folder / "sample", SampleSettings(subjects=300, titles=60))
    write_policies(folder / "home/policies", LENIENT)
    home = initialise(load_settings(folder / "home"), clock=system_clock)
    ingest(home, open_source(folder / "sample"))
    train(home, take_snapshot(home, snapshot_id=uuid4()), training_id=uuid4(), author=person(home, "ada", "engineer"))
    return folder / "home"


@pytest.fixture
def home(trained: Path, tmp_path: Path) -> Home:
    return copied(trained, tmp_path)


def _model(home: Home, kind: str = "ease") -> Model:
    with home.transaction() as session:
        return next(each for each in list_models(session) if each.kind == kind)


def _entries(home: Home) -> list[dict[str, Any]]:
    with home.transaction() as session:
        return [dict(entry.body) for entry in follow(session, Filter(kinds=("registry.attack_recorded",)))]


def test_the_command_says_what_it_found_and_stores_logs_and_attests_it(home: Home, probity: Run) -> None:
    model, folder = _model(home), home.settings.home

    ran = probity("audit", "privacy", model.id, "--canaries", 300, "--home", folder, "--json")

    told = json.loads(ran.out)
    (stored,) = folder.glob("reports/*.attack.json")
    (entry,) = _entries(home)
    assert ran.code == 0
    assert json.loads(stored.read_bytes()) == told
    assert entry["report"] == sha256(stored.read_bytes()).hexdigest() == stored.name.split(".")[0]
    assert (entry["release"], entry["model"], entry["canaries"]) == (model.release, str(model.id), 300)
    assert entry["refuted"] is entry["undecided"] is False
    assert told["attack"]["chance"] == told["privacy_attack"]["chance"] > 0.9
    assert told["privacy_attack"]["model_digest"] == model.digest
    assert told["attack"]["mechanism"]["epsilon"] == told["guarantee"]["epsilon"]
    assert told["membership"] == []
    with home.transaction() as session:
        (attested,) = list_attestations(session, entry["report"])
    assert attested.predicate_type.endswith("test-result/v0.1")


def test_for_people_it_prints_a_table_and_a_sentence(home: Home, probity: Run) -> None:
    ran = probity("audit", "privacy", _model(home).id, "--canaries", 200, "--membership", "--home", home.settings.home)

    said = " ".join(ran.out.split())
    assert ran.code == 0
    assert "200 canary subjects" in said
    assert "not refuted" in said
    assert "Chance of telling a member from another" in said
    assert "served lists" in said
    assert "reports/" in ran.err


def test_the_stored_report_names_what_was_attacked_signals_and_lens_included(
    home: Home, probity: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = attack.load_registered_release

    def with_a_signal(*given: Any) -> Any:  # noqa: ANN401 - as load_registered_release
        release = real(*given)
        return replace(release, mechanism=replace(release.mechanism, shares=(("trending", 0.05),)))

    monkeypatch.setattr(attack, "load_registered_release", with_a_signal)

    ran = probity("audit", "privacy", _model(home).id, "--canaries", 200, "--home", home.settings.home)
    (report,) = home.settings.folder("reports").glob("*.attack.json")
    told = json.loads(report.read_bytes())

    read = told["attack"]["attacked"]
    assert (read[0], read[2]) == ("counts", "the signal trending")
    assert re.fullmatch(r"pairs of titles through a lens of \d+ directions", read[1])
    assert "Each sum of the release alone" in ran.out
    assert "the signal trending. Half of the noise would have been found with a chance of" in told["finding"]
    assert told["privacy_attack"]["attack"].endswith(f"white-box; attacked: {', '.join(read)}")


def test_canaries_read_nobody(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*_: object, **__: object) -> None:
        pytest.fail("histories were read")

    monkeypatch.setattr(attack, "held_out_interactions", read)
    monkeypatch.setattr(attack, "audited_interactions", read)

    found = attack_model(home, _model(home).id, canaries=200, rng=np.random.default_rng(1))

    assert found.canaries.subjects == attack.SYNTHETIC
    assert found.canaries.confidence == 0.999  # a rule's 95 % would accuse a sound mechanism too often
    assert "with 99.9% confidence" in found.canaries.sentence
    assert found.membership == ()


def test_a_sabotaged_mechanism_ends_with_exit_code_one_and_fails_the_next_audits_figure(
    home: Home, probity: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = recommender.attacks.canary_audit.audit_mechanism

    def without_noise(*given: Any, **settings: Any) -> Any:  # noqa: ANN401 - as audit_mechanism
        return real(*given, **settings | {"noise": Silence()})

    monkeypatch.setattr(recommender.attacks.canary_audit, "audit_mechanism", without_noise)
    model = _model(home)

    ran = probity("audit", "privacy", model.id, "--canaries", 300, "--home", home.settings.home)
    report = audit_model(home, model.id).report
    (figure,) = report.select("privacy_leak")

    assert ran.code == 1
    assert "refuted" in ran.out
    assert _entries(home)[0]["refuted"] is True
    assert figure.value is not None
    assert figure.value > 1
    assert report.attack is not None
    assert report.attack.model_digest == model.digest


def test_what_membership_inference_refutes_is_refuted_in_entry_attestation_and_report_too(
    home: Home, probity: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attack, "_largest_area", lambda _: 0.01)  # as if the guarantee allowed next to nothing
    model = _model(home)
    asked = ("audit", "privacy", model.id, "--canaries", 200, "--membership", "--home", home.settings.home, "--json")

    ran = probity(*asked)

    (entry,) = _entries(home)
    told = json.loads(ran.out)
    assert ran.code == 1
    assert told["attack"]["verdict"] == "not refuted"  # by canaries
    assert told["refuted"] is entry["refuted"] is True
    with home.transaction() as session:
        (attested,) = list_attestations(session, entry["report"])
        found = find_finding(session, home.settings.home, model)
    opened = decode_envelope(read_envelope(home.attester.folder, attested.digest))
    said = TestResult.read(decode_statement(opened.payload_type, opened.payload).predicate)
    assert (said.result, said.failed) == ("FAILED", (ATTACK_TEST,))
    assert found is not None
    assert found.refuted


def test_too_few_canaries_decide_nothing_and_the_command_says_how_many_would(
    home: Home, probity: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = attack.load_registered_release

    def quiet(*given: Any) -> Any:  # noqa: ANN401 - as load_registered_release
        release = real(*given)
        return replace(release, mechanism=plan(0.5, 1e-6))

    monkeypatch.setattr(attack, "load_registered_release", quiet)
    model = _model(home)

    ran = probity("audit", "privacy", model.id, "--canaries", 200, "--home", home.settings.home)

    (entry,) = _entries(home)
    (figure,) = audit_model(home, model.id).report.select("privacy_leak")
    assert ran.code == 3
    assert re.search(r"For a chance of 80% it takes [4-9],\d{3} canaries", " ".join(ran.out.split()))
    assert (entry["refuted"], entry["undecided"]) == (False, True)
    assert (figure.value, figure.undefined) == (None, Undefined.BLIND)
    with home.transaction() as session:
        (attested,) = list_attestations(session, entry["report"])
    opened = decode_envelope(read_envelope(home.attester.folder, attested.digest))
    said = TestResult.read(decode_statement(opened.payload_type, opened.payload).predicate)
    assert (said.result, said.failed) == ("FAILED", (ATTACK_TEST + UNDECIDED,))


class Silence:
    exact = False
    name = "silence, for tests"

    def draw(self, count: int, scale: int, *, progress: object = None) -> np.ndarray:
        del scale, progress
        return np.zeros(count, dtype=np.int64)


def test_an_attack_counts_for_every_model_of_its_release_and_a_changed_report_for_none(home: Home) -> None:
    other = _model(home, "item_cf")
    assert audit_model(home, other.id).report.attack is None
    attack_model(home, _model(home).id, canaries=200, rng=np.random.default_rng(2))

    report = audit_model(home, other.id).report

    assert report.attack is not None
    assert report.attack.model_digest == other.digest
    assert report.attack.canaries == 200
    (stored,) = home.settings.home.glob("reports/*.attack.json")
    stored.write_bytes(stored.read_bytes().replace(b'"canaries":200', b'"canaries":900'))
    with pytest.raises(BrokenProof, match="is not the report that was registered"):
        audit_model(home, other.id)


def test_of_a_model_with_private_steps_of_its_own_it_says_that_they_were_not_attacked(home: Home) -> None:
    attack_model(home, _model(home).id, canaries=200, rng=np.random.default_rng(2))
    with home.transaction() as session:
        session.get_one(Model, _model(home, "item_cf").id).kind = "autoencoder"
    steps = "; the model's own steps were not attacked"

    def said(kind: str) -> str:
        with home.transaction() as session:
            found = find_privacy_attack(session, home.settings.home, _model(home, kind))
        assert found is not None
        return found.attack

    assert said("autoencoder").endswith(steps)
    assert steps not in said("ease")
    # Also where it was attacked itself: what is said of the others is of the release.
    found = attack_model(home, _model(home, "autoencoder").id, canaries=200, rng=np.random.default_rng(2))
    assert found.document["privacy_attack"]["attack"].endswith(steps)
    assert said("autoencoder").count(steps) == 1
    assert steps not in said("ease")


def test_membership_is_tried_on_members_and_held_out_subjects(home: Home) -> None:
    found = attack_model(home, _model(home).id, canaries=200, membership=True, rng=np.random.default_rng(3))

    names = [report.attack for report in found.membership]
    assert names == ["served lists", "ranks of all titles", "ranks against a reference"]
    assert all(report.area.members > report.area.others > 20 for report in found.membership)
    assert 0.5 < found.largest_area < 1
    assert not found.refuted
    assert len(found.document["membership"]) == 3


def test_what_inferring_membership_found_stands_in_the_next_audit_of_that_model_for_a_rule_to_judge(
    home: Home,
) -> None:
    model, other = _model(home), _model(home, "item_cf")
    attacked = attack_model(home, model.id, canaries=200, membership=True, rng=np.random.default_rng(3))
    attack_model(home, model.id, canaries=200, rng=np.random.default_rng(4))  # canaries alone, and newer
    report, said = audit_model(home, model.id).report, attacked.document["membership_inference"]
    (figure,) = report.select("membership_inference")
    areas = [each.area for each in attacked.membership]

    # Three attackers at 1 - 0.05 / 3 each: together at 95 %.
    assert [each.confidence for each in attacked.membership] == pytest.approx([0.983333] * 3, abs=1e-6)
    assert said["confidence"] == pytest.approx(0.95)
    assert said["attackers"] == ("served lists", "ranks of all titles", "ranks against a reference")
    assert (figure.value, figure.low, figure.high) == pytest.approx(
        tuple(max(getattr(area, name) for area in areas) for name in ("value", "low", "high"))
    )
    assert figure.n == areas[0].members + areas[0].others
    assert audit_model(home, other.id).report.select("membership_inference") == ()


@pytest.mark.parametrize("given", [["--canaries", "50"], ["--canaries", "200", "--guesses", "0"]])
def test_an_attack_that_could_show_nothing_is_a_usage_error(home: Home, probity: Run, given: list[str]) -> None:
    assert probity("audit", "privacy", _model(home).id, *given, "--home", home.settings.home).code == 2
