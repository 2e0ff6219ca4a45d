"""A model's way to service: taken up again where it was cut off, paid for once, never past the gate or the board."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import select

from governance.budget.tables import Reservation
from governance.clock import system_clock
from governance.errors import Conflict, InvalidInput
from governance.gate.alerts import list_alerts
from governance.ledger.search import Filter, follow
from governance.pipeline import release, train
from governance.pipeline.audit import decide_on
from governance.pipeline.home import initialise
from governance.pipeline.ingest import ingest
from governance.pipeline.reaudit import reaudit
from governance.pipeline.recommend import deployed_model
from governance.pipeline.release import Standing, Walk, pay_again, set_out
from governance.registry.models import list_models, serving
from governance.registry.tables import ReleaseRecord
from governance.review.board import list_reviews
from governance.settings import load_settings
from pseudonymisation.sources.registry import open_source
from tests.pipeline.conftest import Run
from tests.pipeline.walked import (
    LENIENT,
    Walked,
    again,
    approve,
    copied,
    kinds_in,
    setting_out,
    stricter,
    taken_up,
    write_policies,
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a small service in its lake, to copy."""
    from pseudonymisation.sources.sample import SampleSettings, write_sample

    folder = tmp_path_factory.mktemp("made")
    write_sample(folder / "sample", SampleSettings(subjects=300, titles=80))
    write_policies(folder / "home/policies", LENIENT)
    home = initialise(load_settings(folder / "home"), clock=system_clock)
    ingest(home, open_source(folder / "sample"))
    return folder / "home"


@pytest.fixture(scope="module")
def waiting(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Walked:
    """The board was asked."""
    home = copied(made, tmp_path_factory.mktemp("waiting"))
    walk = setting_out(home)
    names = tuple(step.name for step in walk.steps())
    assert walk.standing == Standing.WAITING
    return Walked(home.settings.home, walk.proposal.id, names)


@pytest.fixture(scope="module")
def served(waiting: Walked, tmp_path_factory: pytest.TempPathFactory) -> Walked:
    """The board approved, and the model serves."""
    walk = taken_up(waiting, tmp_path_factory.mktemp("served"))
    approve(walk.home)
    names = tuple(step.name for step in walk.steps())
    assert walk.standing == Standing.SERVING
    return Walked(walk.home.settings.home, walk.proposal.id, names)


@pytest.fixture
def walk(made: Path, tmp_path: Path) -> Walk:
    """One that has just set out."""
    return setting_out(copied(made, tmp_path))


def test_one_walk_leads_from_the_data_to_the_board_and_the_next_into_service(
    waiting: Walked, served: Walked, tmp_path: Path
) -> None:
    assert waiting.names == ("snapshot", "training", "audit", "gate", "board")
    assert served.names == ("snapshot", "training", "gate", "board", "deployment")

    walk = taken_up(served, tmp_path)
    assert again(walk) == {"snapshot": True, "training": True, "gate": True}
    assert walk.standing == Standing.SERVING
    kinds = kinds_in(walk.home)
    for kind in ("review.release_proposed", "budget.spent", "gate.decided", "review.opened", "review.model_deployed"):
        assert kinds.count(kind) == 1


def test_without_votes_nothing_goes_on_and_nothing_is_done_twice(waiting: Walked, tmp_path: Path) -> None:
    walk = taken_up(waiting, tmp_path)

    assert all(again(walk).values())
    assert walk.standing == Standing.WAITING
    with walk.home.transaction() as session:
        assert serving(session) is None


def test_a_walk_that_is_cut_off_after_each_of_its_steps_does_each_once(
    walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off when the work of a step was stored, and before anybody heard of it."""
    for step in ("take_snapshot", "train", "audit_model", "decide_on", "propose", "deploy"):
        if step == "deploy":
            list(walk.steps())
            approve(walk.home)
        whole: Callable[..., object] = getattr(release, step)

        def cut_off(*args: object, whole: Callable[..., object] = whole, **kwargs: object) -> object:
            whole(*args, **kwargs)
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(release, step, cut_off)
            with pytest.raises(KeyboardInterrupt):
                list(walk.steps())
    list(walk.steps())

    assert walk.standing == Standing.SERVING
    kinds = kinds_in(walk.home)
    for kind in ("registry.snapshot_taken", "budget.reserved", "registry.release_made", "gate.decided"):
        assert kinds.count(kind) == 1
    for kind in ("review.opened", "review.model_deployed"):
        assert kinds.count(kind) == 1


def stopping(*_: object, **__: object) -> None:
    """Stands for a power cut at the place of a function."""
    raise KeyboardInterrupt


def test_a_report_that_grew_too_old_before_it_was_decided_on_is_made_anew(
    walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(release, "decide_on", stopping)
        with pytest.raises(KeyboardInterrupt):
            list(walk.steps())
    walk.home = replace(walk.home, clock=lambda: system_clock() + timedelta(days=31))

    assert [step.name for step in walk.steps() if not step.again] == ["audit", "gate", "board"]
    assert walk.standing == Standing.WAITING


@pytest.mark.parametrize("place", ["begin_reading", "_fit_models"])
def test_a_training_that_was_cut_off_beside_its_reading_goes_on_and_pays_once(
    walk: Walk, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(train, place, stopping)
        with pytest.raises(KeyboardInterrupt):
            list(walk.steps())
    with walk.home.transaction() as session:
        assert list_models(session) == []

    list(walk.steps())
    kinds = kinds_in(walk.home)
    assert walk.standing == Standing.WAITING
    assert [kinds.count(each) for each in ("budget.reserved", "budget.spent", "registry.release_made")] == [1, 1, 1]


def test_a_training_that_was_cut_off_while_it_read_is_paid_for_and_another_is_paid_for_again(
    walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = walk.home
    with monkeypatch.context() as patched:
        patched.setattr(train, "_measure", stopping)
        with pytest.raises(KeyboardInterrupt):
            list(walk.steps())

    with pytest.raises(Conflict, match="was cut off while it read"):
        list(walk.steps())
    walk.proposal = pay_again(home, walk.proposal.id, walk.walker)
    list(walk.steps())

    assert walk.standing == Standing.WAITING
    with home.transaction() as session:
        assert sorted(session.scalars(select(Reservation.state))) == ["reading", "spent"]


def test_what_was_reserved_is_what_is_spent_whatever_the_policy_says_by_then(
    walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(train, "begin_reading", stopping)
        with pytest.raises(KeyboardInterrupt):
            list(walk.steps())
    policy = walk.home.settings.home / "policies/privacy.yaml"
    policy.write_text(re.sub(r"release_epsilon: \S+", "release_epsilon: 2.5", policy.read_text()))
    walk.home = initialise(load_settings(walk.home.settings.home), clock=system_clock)

    with pytest.raises(Conflict, match="reserved under another guarantee"):
        list(walk.steps())
    walk.proposal = pay_again(walk.home, walk.proposal.id, walk.walker)
    list(walk.steps())
    with walk.home.transaction() as session:
        found = {each.state: each.guarantee["epsilon"] for each in session.scalars(select(Reservation))}
        (released,) = session.scalars(select(ReleaseRecord.guarantee))
    assert (found["spent"], released["epsilon"]) == (2.5, 2.5)
    assert "cancelled" in found


def test_nothing_is_paid_again_where_nothing_was_cut_off(waiting: Walked, served: Walked, tmp_path: Path) -> None:
    done, over = taken_up(waiting, tmp_path / "a"), taken_up(served, tmp_path / "b")

    with pytest.raises(Conflict, match="is done"):
        pay_again(done.home, done.proposal.id, done.walker)
    with done.home.transaction() as session:
        (model,) = [each for each in list_models(session) if each.kind == "ease"]
    trains_nothing = set_out(done.home, proposal_id=uuid4(), kind="", model_id=model.id, walker=done.walker)
    with pytest.raises(Conflict, match="trains nothing"):
        pay_again(done.home, trains_nothing.id, done.walker)
    with pytest.raises(Conflict, match="is done"):
        pay_again(over.home, over.proposal.id, over.walker)


def test_under_another_policy_the_model_is_audited_anew_and_the_board_asked_anew(
    waiting: Walked, tmp_path: Path
) -> None:
    walk = taken_up(waiting, tmp_path)
    write_policies(
        walk.home.settings.home / "policies", {**LENIENT, "METRIC": "effective_catalogue_size", "LIMIT": "1.5"}
    )
    walk.home = initialise(load_settings(walk.home.settings.home), clock=system_clock)

    assert [step.name for step in walk.steps() if not step.again] == ["audit", "gate", "board"]
    assert walk.standing == Standing.WAITING
    with walk.home.transaction() as session:
        assert sorted(each.state for each in list_reviews(session)) == ["open", "superseded"]
    approve(walk.home)
    list(walk.steps())
    assert walk.standing == Standing.SERVING


def test_a_model_whose_files_were_changed_is_said_to_be_unaudited(served: Walked, tmp_path: Path) -> None:
    home = taken_up(served, tmp_path).home
    with home.transaction() as session:
        model = deployed_model(session, clock=home.clock)
    for path in (home.settings.home / model.path).iterdir():
        path.write_bytes(path.read_bytes() + b" ")

    found = reaudit(home, new_id=uuid4)
    assert found.after == "unaudited"
    assert found.alert is not None
    assert "CorruptArtefact" in found.alert.changes[0]


def test_what_the_gate_refuses_and_prices_cannot_mend_reaches_no_board(made: Path, tmp_path: Path) -> None:
    walk = setting_out(stricter(copied(made, tmp_path)), "popularity")

    assert [step.name for step in walk.steps()][-1] == "gate"
    assert walk.standing == Standing.REFUSED_BY_GATE
    assert "review.opened" not in kinds_in(walk.home)


def test_a_model_does_not_serve_beyond_the_time_of_its_pass(served: Walked, tmp_path: Path) -> None:
    home = taken_up(served, tmp_path).home
    late = replace(home, clock=lambda: system_clock() + timedelta(days=31))

    with home.transaction() as session:
        model = deployed_model(session, clock=home.clock)
        with pytest.raises(Conflict, match="was good until"):
            deployed_model(session, clock=late.clock)

    # Audited and decided again it serves on.
    reaudit(late, new_id=uuid4)
    with home.transaction() as session:
        assert deployed_model(session, clock=late.clock).id == model.id


def test_a_changed_verdict_on_what_serves_raises_one_alert_with_the_decision(served: Walked, tmp_path: Path) -> None:
    home = taken_up(served, tmp_path).home
    assert reaudit(home, new_id=uuid4).alert is None
    strict = stricter(home)
    found = reaudit(strict, new_id=uuid4)

    assert (found.before, found.after) == ("pass", "fail")
    assert found.alert is not None
    assert found.alert.changes[0].startswith("in-use (all titles): pass, now fail.")
    assert reaudit(strict, new_id=uuid4).alert is None  # nothing new
    with home.transaction() as session:
        assert [each.id for each in list_alerts(session, standing=True)] == [found.alert.id]
        (entry,) = follow(session, Filter(kinds=("gate.alert_raised",)))
        assert entry.body["changed"] == ["in-use (all titles)"]
        with pytest.raises(Conflict, match="decided fail"):
            deployed_model(session, clock=home.clock)


def test_a_decision_on_a_model_that_does_not_serve_raises_no_alert(waiting: Walked, tmp_path: Path) -> None:
    home = taken_up(waiting, tmp_path).home
    with home.transaction() as session:
        (model,) = [each for each in list_models(session) if each.kind == "ease"]

    assert decide_on(stricter(home), model.id, decision_id=uuid4()).outcome == "fail"
    with home.transaction() as session:
        assert list_alerts(session) == []


def test_nobody_left_to_audit_on_is_said_once(served: Walked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = taken_up(served, tmp_path).home
    monkeypatch.setattr("governance.pipeline.audit.FEWEST_ITEMS", 10**6)

    first, second = reaudit(home, new_id=uuid4), reaudit(home, new_id=uuid4)
    assert (first.after, second.after) == ("unaudited", "unaudited")
    with home.transaction() as session:
        (alert,) = list_alerts(session)
    assert (alert.kind, alert.id) == ("unaudited", first.alert and first.alert.id)


def test_an_unknown_kind_of_model_is_refused_before_anything_is_written(made: Path, tmp_path: Path) -> None:
    home = copied(made, tmp_path)
    with pytest.raises(InvalidInput, match="kind: expected one of"):
        setting_out(home, "magic")
    assert "review.release_proposed" not in kinds_in(home)


def test_the_command_is_taken_up_by_the_id_that_it_says(waiting: Walked, tmp_path: Path, probity: Run) -> None:
    folder = shutil.copytree(waiting.folder, tmp_path / "home")
    (model,) = json.loads(probity("models", "--kind", "ease", "--home", folder, "--json").out)
    token = probity("access", "add", "eve", "--role", "engineer", "--home", folder).out.strip()
    env = {"PROBITY_TOKEN": token}
    first = probity("release", "propose", "--model", model["model"], "--home", folder, env=env)
    found = re.search(r"--resume ([0-9a-f-]{36})", first.err)

    assert first.code == 0
    assert "The model is waiting for the board." in first.out
    assert found is not None
    second = probity("release", "propose", "--resume", found[1], "--home", folder, "--json", env=env)
    said = json.loads(second.out)
    assert (said["proposal"], said["standing"]) == (found[1], "waiting for the board")
    assert all(step["again"] for step in said["steps"])
    assert probity("release", "propose", "--pay-again", "--home", folder, env=env).code == 2
    both = probity("release", "propose", "--resume", found[1], "--model", model["model"], "--home", folder, env=env)
    assert (both.code, "expected no --model" in both.err) == (2, True)
    assert probity("release", "propose", "--resume", uuid4(), "--home", folder, env=env).code == 2
    board = probity("access", "add", "bob", "--role", "board", "--home", folder).out.strip()
    assert probity("release", "propose", "--home", folder, env={"PROBITY_TOKEN": board}).code == 1
    listed = json.loads(probity("release", "list", "--home", folder, "--json").out)
    assert sorted(each["proposal"] for each in listed) == sorted([found[1], str(waiting.proposal)])
