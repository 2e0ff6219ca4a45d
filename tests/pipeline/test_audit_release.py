"""`probity audit release`: an audit's figures with noise, and what they cost."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID
from zipfile import ZipFile

import numpy as np
import pyarrow as pa
import pytest

from audits.publication import Publication
from governance.budget.reservations import state
from governance.budget.tables import Reservation
from governance.cli import audit_disclose
from governance.errors import Conflict, EmptySnapshot
from governance.ledger.search import Filter, follow
from governance.pipeline import audit, audit_release
from governance.pipeline.audit_release import offer, release_audit
from governance.pipeline.home import Home
from governance.registry.lineage import members_of
from governance.registry.models import list_models
from governance.registry.released_audits import count_read, releases_that_read
from governance.registry.tables import Model, Snapshot
from recommender.accounting import compose_mu, delta_at
from recommender.interactions import Interactions, interactions_from
from tests.pipeline.conftest import Run
from tests.pipeline.summed import kinds_of
from tests.pipeline.walked import person

# Ibis calls what this DuckDB already calls by another name.
pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")


def _model(home: Home) -> Model:
    with home.transaction() as session:
        return next(each for each in list_models(session) if each.kind == "ease")


def _entries(home: Home, *kinds: str) -> list[dict[str, Any]]:
    with home.transaction() as session:
        return [dict(entry.body) for entry in follow(session, Filter(kinds=kinds))]


def _spent(home: Home) -> float:
    with home.transaction() as session:
        return state(session, policy=home.policies.privacy.value).epsilon_spent


def _token(probity: Run, home: Path, role: str = "officer") -> str:
    return probity("access", "add", role, "--role", role, "--home", home).out.strip()


def test_an_engineer_publishes_no_report_and_an_officer_spends_no_budget(keeping: Home, probity: Run) -> None:
    model, home = _model(keeping), keeping.settings.home
    disclosing = probity("audit", "disclose", model.id, "--home", home)
    releasing = probity(
        "audit", "release", model.id, "--epsilon", 1, "--home", home, env={"PROBITY_TOKEN": _token(probity, home)}
    )

    assert (disclosing.code, "evidence:export" in disclosing.err) == (1, True)
    assert (releasing.code, "models:train" in releasing.err) == (1, True)


def test_a_dry_run_prices_by_composition_with_what_was_spent_and_changes_nothing(keeping: Home, probity: Run) -> None:
    model, before, home = _model(keeping), kinds_of(keeping, ""), keeping.settings.home
    ran = probity("audit", "release", model.id, "--epsilon", 1, "--dry-run", "--json", "--home", home)
    told = json.loads(ran.out)
    with keeping.transaction() as session:
        trained = session.query(Reservation).one().mu
    asked = offer(keeping, model.id, epsilon=1.0)

    # Squares of mu add up, and the composed epsilon is where delta is the policy's.
    together = delta_at(compose_mu([trained, asked.promise.mu]), told["composed_after_it"])
    assert ran.code == 0, ran.err
    assert together == pytest.approx(1e-6, rel=1e-6)
    assert told["composed_so_far"] == pytest.approx(2.0, rel=1e-5)
    assert told["composed_so_far"] < told["composed_after_it"] < told["composed_so_far"] + 1.0
    assert told["largest_that_would_fit_after_it"] < told["largest_single_release_that_fits"]
    assert delta_at(asked.promise.mu, 1.0) == pytest.approx(1e-6, rel=1e-4)
    assert kinds_of(keeping, "") == before


def test_a_release_is_reserved_read_spent_and_logged_and_handed_out_again_for_nothing(
    keeping: Home, probity: Run, tmp_path: Path
) -> None:
    model, home, out = _model(keeping), keeping.settings.home, tmp_path / "page.json"
    asked = offer(keeping, model.id, epsilon=1.0)
    ran = probity("audit", "release", model.id, "--epsilon", 1, "--out", out, "--home", home)
    spent, encoded = _spent(keeping), out.read_bytes()
    (released,) = _entries(keeping, "registry.audit_released")
    reserved = _entries(keeping, "budget.reserved")[-1]
    again = probity(
        "audit", "release", model.id, "--epsilon", 1, "--resume", released["reservation"], "--json", "--home", home
    )
    published = Publication.from_json(encoded)

    assert ran.code == 0, ran.err
    assert kinds_of(keeping, "budget.")[:3] == ["budget.spent", "budget.reading_begun", "budget.reserved"]
    assert (released["model"], released["release"]) == (str(model.id), sha256(encoded).hexdigest())
    assert (reserved["purpose"], reserved["epsilon"], reserved["delta"]) == ("exposure_audit", 1.0, 1e-06)
    assert spent == pytest.approx(asked.epsilon_after, rel=1e-6)
    assert released["guarantee"]["mechanism"].startswith("discrete Gaussian (OpenDP, exact) on")
    assert {each.metric for each in published.sections[0].figures} == {"list_exposure_share", "ndcg"}
    assert again.out.encode() == encoded
    assert _spent(keeping) == spent


def test_who_was_read_for_a_release_is_noted(keeping: Home) -> None:
    model, author = _model(keeping), person(keeping, "eve", "engineer")
    read = audit_release.held_out_interactions(keeping).subjects
    made = release_audit(
        keeping, model.id, offer(keeping, model.id, epsilon=1.0), release_id=UUID(int=5), author=author
    )
    with keeping.transaction() as session:
        snapshot = session.query(Snapshot).one().id
        found = [releases_that_read(session, subject) for subject in read]
        trained = releases_that_read(session, members_of(session, snapshot)[0])

    assert len(read) >= 10
    assert {(each.model_id, each.digest, each.guarantee["epsilon"]) for (each,) in found} == {
        (model.id, made.digest, 1.0)
    }
    assert trained == []


def test_a_release_is_attested_and_in_the_pack_of_its_day(keeping: Home, probity: Run, tmp_path: Path) -> None:
    model, home, out = _model(keeping), keeping.settings.home, tmp_path / "page.json"
    probity("audit", "release", model.id, "--epsilon", 1, "--out", out, "--home", home)
    digest, officer = sha256(out.read_bytes()).hexdigest(), {"PROBITY_TOKEN": _token(probity, home)}
    vkey = probity("ledger", "publish", "--home", home).out.strip()
    (tmp_path / "trust").write_text(f"log {vkey}\nquorum none\n")
    (tmp_path / "attesters").write_text(probity("attest", "key", "--home", home).out)
    probity("ledger", "export", tmp_path / "log", "--home", home)
    said, today, pack = tmp_path / "release.intoto.jsonl", keeping.clock().date(), tmp_path / "pack.zip"
    exported = probity("attest", "export", said, "--subject", digest, "--home", home)
    asked = ["attest", "verify", said, "--key", tmp_path / "attesters", "--require", "privacy-audit"]
    asked += ["--require", "vsa", "--level", "PROBITY_PRIVACY", "--subject", out]
    asked += ["--ledger", tmp_path / "log", "--trust-policy", tmp_path / "trust"]
    verified = probity(*asked)
    out.write_bytes(out.read_bytes().replace(b'"epsilon"', b'"Epsilon"'))
    changed = probity(*asked)
    packed = probity("evidence", "pack", pack, "--from", today, "--to", today, "--home", home, env=officer)
    checked = probity("evidence", "verify", pack, "--policy", tmp_path / "trust", "--allow-missing")

    assert (exported.code, exported.out.strip()) == (0, digest), exported.err
    assert verified.code == 0, verified.out + verified.err
    assert changed.code != 0
    assert packed.code == 0, packed.err
    assert checked.code == 0, checked.err
    with ZipFile(pack) as archive:
        assert f"released/{digest}.json" in archive.namelist()
        assert sum(name.startswith("attestations/") for name in archive.namelist()) >= 3


def test_nothing_is_exported_of_what_nobody_vouched_for(keeping: Home, probity: Run, tmp_path: Path) -> None:
    to, home = tmp_path / "none.intoto.jsonl", keeping.settings.home
    for options, code, words in (
        (["--subject", "ab" * 32], 2, f"nothing is attested of {'ab' * 32}"),
        (["--subject", "ab"], 2, "--subject: expected"),
        ([], 2, "expected either --model or --subject, got neither"),
    ):
        ran = probity("attest", "export", to, *options, "--home", home)

        assert (ran.code, words in ran.err) == (code, True), ran.err
    assert not to.exists()


def test_who_was_erased_while_a_release_listed_whom_to_read_is_not_read(
    keeping: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, author = _model(keeping), person(keeping, "eve", "engineer")
    everybody = audit_release.held_out_interactions(keeping).subjects
    gone, living = everybody[0], keeping.vault.living
    release_audit(keeping, model.id, offer(keeping, model.id, epsilon=1.0), release_id=UUID(int=2), author=author)
    monkeypatch.setattr(
        type(keeping.vault), "living", lambda _, subjects, domain: living(subjects, domain=domain) - {gone}
    )
    read: list[str] = []
    reading = audit._histories
    monkeypatch.setattr(audit, "_histories", lambda home, who, words: read.extend(who) or reading(home, who, words))
    release_audit(keeping, model.id, offer(keeping, model.id, epsilon=1.0), release_id=UUID(int=3), author=author)

    assert gone not in read
    assert set(everybody) - {gone} <= set(read)
    with keeping.transaction() as session:
        # The release before did read them, and their certificate has to say so.
        assert [count_read(session, each) for each in everybody[:2]] == [1, 2]


def test_a_release_beyond_the_budget_reads_nothing(
    keeping: Home, probity: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, before, home = _model(keeping), kinds_of(keeping, ""), keeping.settings.home

    def unread(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(audit_release, "held_out_interactions", unread)
    ran = probity("audit", "release", model.id, "--epsilon", 9.9, "--home", home)
    priced = probity("audit", "release", model.id, "--epsilon", 9.9, "--dry-run", "--home", home)

    assert (ran.code, "this run asks 9.900" in ran.err) == (1, True), ran.err
    assert (priced.code, "the budget has room for a release of epsilon" in priced.err) == (1, True)
    assert kinds_of(keeping, "") == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--epsilon", 0], "--epsilon: expected a number in (0, 50], got 0"),
        (["--epsilon", "nan"], "--epsilon: expected a number in (0, 50], got nan"),
        (["--epsilon", 1, "--delta", 1e-5], "--delta: expected a number in (0, 1e-06], where privacy.yaml ends"),
        (["--epsilon", 1, "--delta", 0], "--delta: expected a number in (0, 1e-06], where privacy.yaml ends"),
    ],
)
def test_refuses_what_is_no_privacy(keeping: Home, probity: Run, options: list[object], words: str) -> None:
    ran = probity("audit", "release", _model(keeping).id, *options, "--dry-run", "--home", keeping.settings.home)

    assert (ran.code, words in ran.err) == (2, True), ran.err


def test_a_release_that_was_cut_off_while_it_read_is_paid_for_and_lost(
    keeping: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, author, release_id = _model(keeping), person(keeping, "eve", "engineer"), UUID(int=7)
    asked = offer(keeping, model.id, epsilon=1.0)
    monkeypatch.setattr(audit_release, "fold_in_each", _stopping)
    with pytest.raises(KeyboardInterrupt):
        release_audit(keeping, model.id, asked, release_id=release_id, author=author)

    with pytest.raises(Conflict, match="cut off while it read"):
        release_audit(keeping, model.id, asked, release_id=release_id, author=author)
    assert _spent(keeping) == pytest.approx(asked.epsilon_after, rel=1e-6)


@pytest.mark.parametrize("there", ["nobody", "somebody who has watched all that the model knows"])
def test_a_release_does_not_tell_that_nobody_has_a_list(
    keeping: Home, monkeypatch: pytest.MonkeyPatch, there: str
) -> None:
    model, author = _model(keeping), person(keeping, "eve", "engineer")
    known = audit_release.load_recommender(keeping, model).model.items

    def people(_: Home, **__: object) -> Interactions:
        if there == "nobody":
            raise EmptySnapshot(there)
        return interactions_from(pa.table({"subject": ["s"] * len(known), "item": list(known)}), known)

    monkeypatch.setattr(audit_release, "held_out_interactions", people)
    monkeypatch.setattr(audit_release, "fold_in_each", lambda each, salt: (each, each))  # noqa: ARG005 - its signature
    asked = offer(keeping, model.id, epsilon=1.0)
    made = release_audit(keeping, model.id, asked, release_id=UUID(int=9), author=author)

    assert len(made.publication.sections[0].figures) > 0
    assert kinds_of(keeping, "registry.audit_released") == ["registry.audit_released"]


def test_who_cannot_store_what_was_paid_for_knows_how_to_ask_for_it_again(
    keeping: Home, probity: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, home, out = _model(keeping), keeping.settings.home, tmp_path / "page.json"
    (tmp_path / "folder.json").mkdir()
    before = kinds_of(keeping, "")
    folder = probity("audit", "release", model.id, "--epsilon", 1, "--out", tmp_path / "folder.json", "--home", home)
    unpaid = kinds_of(keeping, "")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(audit_disclose, "write_atomically", full)
        failed = probity("audit", "release", model.id, "--epsilon", 1, "--out", out, "--home", home)
    (released,) = _entries(keeping, "registry.audit_released")
    asked = f"probity audit release {model.id} --epsilon 1.0 --resume {released['reservation']}"
    spent = _spent(keeping)
    again = probity(*asked.split()[1:], "--out", out, "--home", home)

    assert (folder.code, "--out: expected a file, got the folder" in folder.err) == (2, True)
    assert unpaid == before
    assert failed.code != 0
    assert f"`{asked}`" in failed.err
    assert again.code == 0, again.err
    assert sha256(out.read_bytes()).hexdigest() == released["release"]
    assert _spent(keeping) == spent


def _stopping(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_a_trainings_reservation_is_no_release(keeping: Home) -> None:
    model, author = _model(keeping), person(keeping, "eve", "engineer")
    with keeping.transaction() as session:
        training = session.query(Reservation).one().id

    with pytest.raises(Conflict, match="paid for something else"):
        release_audit(keeping, model.id, offer(keeping, model.id, epsilon=1.0), release_id=training, author=author)


def test_one_held_out_subject_less_moves_what_gets_noise_by_no_more_than_is_accounted_for(
    keeping: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its definition, through the whole path: histories, folds, lists, sums."""
    model = _model(keeping)
    asked = offer(keeping, model.id, epsilon=1.0)
    everybody = audit_release.held_out_interactions(keeping)
    recommender = audit_release.load_recommender(keeping, model)

    def sums(chosen: np.ndarray) -> Any:  # noqa: ANN401 - whole numbers
        people = everybody.rows(chosen)
        monkeypatch.setattr(audit_release, "held_out_interactions", lambda _, **__: people)
        met: list[Any] = []

        def watched(found: Any, _scale: int) -> Any:  # noqa: ANN401 - whole numbers
            met.append(found.astype(object))
            return found

        given = audit_release._read(keeping, recommender, asked, keeping.policies.fairness.value)
        mechanism = audit_release.Gaussian(scale=1, promise=None, noise=watched)  # type: ignore[arg-type] # unused
        audit_release.gaussian_release(given, asked.nobody, config=asked.config, mechanism=mechanism)
        return met[0]

    count = len(everybody.subjects)
    whole = sums(np.ones(count, dtype=bool))
    moved = [int(((whole - sums(np.arange(count) != gone)) ** 2).sum()) for gone in range(count)]

    assert count >= 10
    assert 0 < max(moved) <= asked.shape.tables * audit_release.GRAIN**2
