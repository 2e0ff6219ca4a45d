"""An autoencoder beside a release: one reservation, two promises, and each model says the one that holds for it."""

import json
import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from sqlalchemy import select

from governance.access.principals import add_principal
from governance.access.tables import Principal
from governance.attest.dsse import decode_envelope
from governance.attest.predicates.provenance import Provenance
from governance.attest.statement import decode_statement
from governance.attest.store import list_attestations, read_envelope
from governance.budget.reservations import state
from governance.clock import system_clock
from governance.errors import Conflict
from governance.ledger.search import follow
from governance.pipeline import train as training_module
from governance.pipeline.artefacts import load_recommender
from governance.pipeline.attack import attack_model
from governance.pipeline.deep_training import DeepTraining
from governance.pipeline.home import Home, initialise
from governance.pipeline.ingest import ingest
from governance.pipeline.snapshot import take_snapshot
from governance.pipeline.train import Trained, planned, train
from governance.registry.lineage import generations_that_saw
from governance.registry.tables import Snapshot, SnapshotSubject
from governance.settings import load_settings
from pseudonymisation.sources.registry import open_source
from recommender.attacks.separation import largest_area
from recommender.autoencoder.artefact import Autoencoder
from tests.pipeline.conftest import Run
from tests.pipeline.walked import LENIENT, write_policies

BLOCK = "\nautoencoder:\n  share: 0.3\n  steps: 4\n  sampling_rate: 0.5\n  max_grad_norm: 0.15\n"
TRAINING = UUID("00000000-0000-4000-8000-00000000dee9")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with a small service in its lake, whose policy allows an autoencoder."""
    from pseudonymisation.sources.sample import SampleSettings, write_sample

    folder = tmp_path_factory.mktemp("deep")
    write_sample(folder / "sample", SampleSettings(subjects=200, titles=60))
    write_policies(folder / "home/policies", LENIENT)
    privacy = folder / "home/policies/privacy.yaml"
    privacy.write_text(privacy.read_text() + BLOCK)
    made = initialise(load_settings(folder / "home"), clock=system_clock)
    ingest(made, open_source(folder / "sample"))
    return made


@pytest.fixture(scope="module")
def trained(home: Home) -> Trained:
    with home.transaction() as session:
        author = add_principal(
            session,
            "Engineer",
            ("engineer",),
            principal_id=UUID(int=7, version=4),
            policy=home.policies.access.value,
            actor="role:operator",
            clock=home.clock,
        )
    snapshot = take_snapshot(home, snapshot_id=UUID(int=8, version=4))
    return train(home, snapshot, training_id=TRAINING, author=author, companion=DeepTraining(home, planned(home)))


def test_both_are_paid_for_in_one_reservation_that_costs_what_the_policy_allows(home: Home, trained: Trained) -> None:
    with home.transaction() as session:
        found = state(session, policy=home.policies.privacy.value)
        (reserved,) = [entry.body for entry in follow(session) if entry.kind == "budget.reserved"]

    assert 4.95 < found.epsilon_spent <= 5.0
    assert float(trained.release.guarantee["epsilon"]) < 4.3
    (step,) = reserved["sampled"]
    assert (step["sampling_rate"], step["steps"]) == (0.5, 4)
    assert found.cost.sampled[0].noise_multiplier == step["noise_multiplier"]


def test_the_model_is_registered_attested_and_served_like_any_other(home: Home, trained: Trained) -> None:
    model = trained.models["autoencoder"]
    with home.transaction() as session:
        made = [each for each in list_attestations(session, model.digest) if "provenance" in each.predicate_type]
    opened = decode_envelope(read_envelope(home.attester.folder, made[0].digest))
    said = Provenance.read(decode_statement(opened.payload_type, opened.payload).predicate)

    loaded = load_recommender(home, model).model
    assert isinstance(loaded, Autoencoder)
    assert loaded.release_digest == trained.release.digest == model.release
    assert said.internal["mechanism"] == loaded.mechanism.as_dict()
    assert "ease" in trained.models


def test_a_certificate_states_both_promises_together_for_the_model_that_cost_both(home: Home, trained: Trained) -> None:
    with home.transaction() as session:
        subject = session.scalars(select(SnapshotSubject.subject)).first()
        seen = {each.kind: each.guarantee for each in generations_that_saw(session, str(subject))}

    assert seen["autoencoder"]["epsilon"] == pytest.approx(5.0, rel=0.01)
    assert seen["ease"] == trained.release.guarantee


@pytest.fixture
def copy(home: Home, trained: Trained, tmp_path: Path) -> Iterator[Home]:
    """The home with both, for one test; what it spent leaves room for one more."""
    assert trained.models
    shutil.copytree(home.settings.home, tmp_path / "home")
    made = initialise(load_settings(tmp_path / "home"), clock=system_clock)
    yield made
    made.engine.dispose()


def _stopping(*_: object, **__: object) -> None:
    """Stands for a power cut at the place of a function."""
    raise KeyboardInterrupt


def _train(here: Home, *, autoencoder: bool = True) -> Trained:
    training = UUID(int=11, version=4)
    with here.transaction() as session:
        author = session.get_one(Principal, UUID(int=7, version=4))
        known = session.get(Snapshot, UUID(int=12, version=4))
    snapshot = known or take_snapshot(here, snapshot_id=UUID(int=12, version=4))
    beside = DeepTraining(here, planned(here)) if autoencoder else None
    return train(here, snapshot, training_id=training, author=author, companion=beside)


@pytest.mark.parametrize("place", ["_fit_models", "begin_further_reading"])
def test_an_autoencoder_that_had_not_begun_to_read_is_trained_when_the_training_is_taken_up_again(
    copy: Home, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(training_module, place, _stopping)
        with pytest.raises(KeyboardInterrupt):
            _train(copy)

    without = _train(copy, autoencoder=False)
    made, again = _train(copy), _train(copy)

    assert "autoencoder" not in without.models
    assert made.release.digest == without.release.digest
    assert made.models["autoencoder"].id == again.models["autoencoder"].id
    with copy.transaction() as session:
        assert state(session, policy=copy.policies.privacy.value).epsilon_spent < 8.2
        kinds = [entry.kind for entry in follow(session)]
    # Two of each: of the training before, and of this one. An autoencoder's reading is on record as well.
    assert [kinds.count(f"budget.{what}") for what in ("reserved", "reading_begun", "spent")] == [2, 4, 2]


def test_an_autoencoder_that_was_cut_off_while_it_read_is_lost_and_that_is_said_while_the_release_stays(
    copy: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(DeepTraining, "train", _stopping)
        with pytest.raises(KeyboardInterrupt):
            _train(copy)

    with pytest.raises(Conflict, match=r"autoencoder of training .* was cut off while it read.* paid for"):
        _train(copy)
    assert "ease" in _train(copy, autoencoder=False).models


def test_an_autoencoder_is_not_trained_under_a_reservation_that_did_not_pay_for_it(copy: Home) -> None:
    _train(copy, autoencoder=False)

    with pytest.raises(Conflict, match="reserved under another guarantee"):
        _train(copy)


def test_the_command_line_takes_a_training_up_again(copy: Home, probity: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = copy.settings.home
    token = probity("access", "add", "Engineer", "--role", "engineer", "--home", folder).out.strip()
    monkeypatch.setenv("PROBITY_TOKEN", token)
    with monkeypatch.context() as patched:
        patched.setattr(training_module, "begin_further_reading", _stopping)
        cut = probity("train", "--autoencoder", "--home", folder)
    again = next(line for line in cut.err.splitlines() if "--resume" in line).split("`")[1].split()[1:]

    ran = probity(*again, "--json", "--home", folder)
    unknown = probity("train", "--resume", UUID(int=99, version=4), "--home", folder)

    assert ran.code == 0, ran.err
    assert "autoencoder" in {row["kind"] for row in json.loads(ran.out)}
    assert unknown.code == 2
    assert "came as far as its snapshot" in unknown.err


def test_an_attack_on_it_says_that_only_the_releases_mechanism_was_attacked(home: Home, trained: Trained) -> None:
    found = attack_model(home, trained.models["autoencoder"].id, canaries=200, rng=np.random.default_rng(1))
    (step,) = found.document["guarantee"]["sampled"]
    together = math.hypot(found.document["guarantee"]["mu"], math.sqrt(step["steps"]) / step["noise_multiplier"])

    assert found.document["finding"].endswith("the private steps that the model took after it were not.")
    assert found.document["guarantee"]["epsilon"] == pytest.approx(5.0, rel=0.01)
    assert found.largest_area == pytest.approx((1 + math.erf(together / math.sqrt(2))) / 2)
    assert found.largest_area > largest_area(found.document["guarantee"]["mu"]) + 0.005


def test_a_policy_without_the_block_trains_none_and_spends_nothing(
    tmp_path: Path, probity: Run, small_service: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "home"
    assert probity("init", "--home", folder).code == 0
    token = probity("access", "add", "Engineer", "--role", "engineer", "--home", folder).out.strip()
    monkeypatch.setenv("PROBITY_TOKEN", token)
    assert probity("ingest", small_service, "--home", folder).code == 0

    refused = probity("train", "--autoencoder", "--home", folder)

    assert refused.code == 2
    assert "privacy.yaml: autoencoder" in refused.err
    assert probity("ledger", "list", "--kind", "budget.reserved", "--json", "--home", folder).out.strip() == "[]"


def test_a_dry_run_says_what_both_would_cost_together_and_beside_what_is_spent(
    home: Home, trained: Trained, probity: Run
) -> None:
    assert "autoencoder" in trained.models
    ran = probity("train", "--dry-run", "--autoencoder", "--json", "--home", home.settings.home)
    facts = json.loads(ran.out)

    assert ran.code == 0
    assert facts["epsilon_of_this_training"] == pytest.approx(5.0, rel=0.01)
    # Two plain Gaussian releases of epsilon 5 at delta 1e-6 compose to 7.44; sampled steps lose a little of that.
    assert 7.3 < facts["composed_after_it"] < 8.2
    assert "DP-SGD" in facts["mechanism"]
    assert facts["shares_of_the_release"] == "counts 15%, gram 85%"  # of the steps' part they say nothing


def test_an_autoencoder_cannot_come_from_kept_sums(home: Home, probity: Run) -> None:
    refused = probity("train", "--autoencoder", "--from-sums", "ab", "--home", home.settings.home)

    assert refused.code == 2
    assert "exclude each other" in refused.err
