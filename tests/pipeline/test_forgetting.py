"""What a training costs before it runs, what its models remember, and how kept sums forget."""

import json
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout, suppress
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from governance.cli.main import main
from governance.clock import system_clock
from governance.consent.merging import Decision
from governance.consent.recording import record
from governance.ledger.search import Filter, search
from governance.pipeline.artefacts import load_registered_release
from governance.pipeline.home import Home, open_home
from governance.pipeline.kept_sums import KeptSums
from governance.pipeline.measured import read_measured
from governance.pipeline.retention import run_retention
from governance.registry.lineage import forget_memberships, get_release, get_snapshot
from governance.registry.tables import SnapshotSubject
from governance.resources import policies_dir
from governance.settings import load_settings
from pseudonymisation.pseudonym import Pseudonym
from pseudonymisation.sources.sample import SampleSettings, write_sample
from recommender import sums_encoding
from recommender.errors import CorruptArtefact
from recommender.exact_sums import ExactSums, basis_of
from recommender.features import features_from
from recommender.measurement import exact_sums
from recommender.sums_encoding import to_bytes

# Ibis calls what this DuckDB already calls by another name.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")]

SIGNALS = "signals: {trending: 0.05, time_slots: 0.05, transitions: 0.1, categories: 0.05}"


class Ran(Protocol):
    """What a command left behind (see `conftest`)."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture(scope="module")
def trained_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A home whose policy weighs histories, measures every signal and keeps sums for 30 days; an engineer's token."""
    folder = tmp_path_factory.mktemp("once")
    write_sample(folder / "sample", SampleSettings(subjects=120, titles=60))
    home = folder / "home"
    shutil.copytree(policies_dir(), home / "policies")
    path = home / "policies" / "privacy.yaml"
    text = path.read_text()
    for old, new in (
        ("release_epsilon: 5.0", "release_epsilon: 2.0"),
        ("half_life_days: null", "half_life_days: 60"),
        ("signals: {}", SIGNALS),
        ("keep_sums: never", "keep_sums: 30"),
    ):
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)
    _ran("init", "--home", home)
    token = _ran("access", "add", "Ada", "--role", "engineer", "--home", home).strip()
    _ran("ingest", folder / "sample", "--home", home)
    _ran("train", "--home", home, token=token)
    return home, token


def _ran(*arguments: object, token: str = "") -> str:
    """The command's output, outside any test."""
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(StringIO()) as out, suppress(SystemExit):
        patch.setattr(sys, "argv", ["probity", *map(str, arguments)])
        patch.setenv("PROBITY_TOKEN", token)
        main()
    return out.getvalue()


@pytest.fixture
def trained(trained_once: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A copy of that home for one test."""
    shutil.copytree(trained_once[0], tmp_path / "home")
    monkeypatch.setenv("PROBITY_TOKEN", trained_once[1])
    opened = open_home(load_settings(tmp_path / "home"), clock=system_clock)
    yield opened
    opened.engine.dispose()


def _kinds(here: Home, prefix: str) -> list[str]:
    with here.transaction() as session:
        return [entry.kind for entry in search(session, Filter(), limit=1000) if entry.kind.startswith(prefix)]


def _members(here: Home, snapshot: str) -> list[Pseudonym]:
    with here.transaction() as session:
        found = session.scalars(select(SnapshotSubject.subject).where(SnapshotSubject.snapshot_id == UUID(snapshot)))
        return [Pseudonym(subject) for subject in sorted(found)]


def _from_scratch(here: Home, release: str, subjects: list[Pseudonym]) -> ExactSums:
    """The sums of these subjects alone, on the basis of an earlier release."""
    from governance.pipeline.catalogue import load_catalogue

    with here.transaction() as session:
        found = get_release(session, release)
        snapshot = get_snapshot(session, found.snapshot_id)
    earlier = load_registered_release(here, found)
    return exact_sums(
        read_measured(here, snapshot, subjects),
        earlier.mechanism,
        basis=basis_of(earlier),
        as_of=int(snapshot.taken_at.timestamp()),
        features=features_from(load_catalogue(here.settings.folder("catalogue")).categories),
    )


def test_a_dry_run_says_what_a_training_costs_and_reserves_nothing(trained: Home, probity: Run) -> None:
    home = trained.settings.home
    said: dict[str, Any] = json.loads(probity("train", "--dry-run", "--json", "--home", home).out)

    assert said["mechanism"].endswith("and on the signals trending, time_slots, transitions, categories")
    assert said["shares_of_it"].startswith("counts 15%, gram 60%, trending 5%")
    assert (said["epsilon_of_this_training"], said["budget"]) == (2.0, 10.0)
    assert said["composed_so_far"] == pytest.approx(2.0, abs=1e-4)
    # dp-accounting's PLD for two Gaussians that have ε = 2 at δ = 1e-6 each; not 4.
    assert said["composed_after_it"] == pytest.approx(2.930, abs=0.002)
    assert said["largest_that_would_fit_after_it"] < said["largest_single_release_that_fits"] < 10.0
    assert len(json.loads(probity("budget", "--json", "--home", home).out)) == 1


def test_a_release_holds_the_signals_and_its_models_say_what_they_remember(trained: Home, probity: Run) -> None:
    home = trained.settings.home
    model = probity("models", "--kind", "ease", "--ids", "--home", home).out.split()[0]
    (header,) = KeptSums(trained).headers()
    member = _members(trained, header.snapshot)[0]
    officer = {"PROBITY_TOKEN": probity("access", "add", "Olga", "--role", "officer", "--home", home).out.strip()}
    with trained.transaction() as session:
        release = load_registered_release(trained, get_release(session, header.release))

    said = json.loads(probity("models", "memory", model, "--json", "--home", home).out)
    asked = ("models", "memory", model, "--json", "--home", home, "--subject")

    assert set(release.signals) == {"trending", "time_slots", "transitions", "categories"}
    assert (said["release"], said["epsilon"], said["delta"]) == (header.release, 2.0, 1e-6)
    assert said["subjects_in_it"] == len(_members(trained, header.snapshot))
    assert (said["retrain_by"], said["because_of"]) == (None, "nothing: nobody in it was erased")
    assert json.loads(probity(*asked, member, env=officer).out)["holds_the_subject"] is True
    assert json.loads(probity(*asked, "0" * 32, env=officer).out)["holds_the_subject"] is False


def test_kept_sums_are_sealed_under_a_key_of_their_own(trained: Home) -> None:
    (header,) = KeptSums(trained).headers()
    sealed = trained.settings.folder("sums") / f"{header.release}.sealed"
    key = trained.settings.folder("keys") / "sums" / f"{header.release}.key"
    _, sums = KeptSums(trained).open(header.release)

    assert to_bytes(sums) == to_bytes(_from_scratch(trained, header.release, _members(trained, header.snapshot)))
    assert sums.counts.tobytes()[:64] not in sealed.read_bytes()
    assert sums.catalogue[0].encode() not in sealed.read_bytes()
    assert [stat.S_IMODE(path.stat().st_mode) for path in (key, sealed)] == [0o600, 0o600]
    content = bytearray(sealed.read_bytes())
    content[-1] ^= 1
    sealed.write_bytes(bytes(content))
    with pytest.raises(CorruptArtefact, match="do not open"):
        KeptSums(trained).open(header.release)
    assert _kinds(trained, "registry.sums") == ["registry.sums_kept"]


def test_who_is_erased_is_out_of_kept_sums_bit_for_bit(trained: Home) -> None:
    kept = KeptSums(trained)
    (header,) = kept.headers()
    members = _members(trained, header.snapshot)
    expected = to_bytes(_from_scratch(trained, header.release, members[1:]))
    request = uuid4()

    for _ in range(2):  # a stage may be run again
        with trained.transaction() as session:
            assert kept.take_out(session, members[0], request) == {"subtracted": 1, "destroyed": 0}

    assert to_bytes(kept.open(header.release)[1]) == expected
    assert kept.headers()[0].taken_out == (str(request),)


def test_where_subtracting_is_not_exact_any_more_the_sums_are_destroyed(trained: Home) -> None:
    kept = KeptSums(trained)
    (header,) = kept.headers()
    first, *_ = _members(trained, header.snapshot)
    trained.lake.erase([first])

    with trained.transaction() as session:
        assert kept.take_out(session, first, uuid4()) == {"subtracted": 0, "destroyed": 1}

    assert kept.headers() == []
    assert not list((trained.settings.folder("keys") / "sums").iterdir())
    assert _kinds(trained, "registry.sums")[-1] in {"registry.sums_kept", "registry.sums_destroyed"}


def test_sums_that_somebody_left_while_they_were_added_up_are_not_kept(trained: Home) -> None:
    kept = KeptSums(trained)
    (header,) = kept.headers()
    _, sums = kept.open(header.release)
    first, *_ = _members(trained, header.snapshot)
    with trained.transaction() as session:
        snapshot = get_snapshot(session, UUID(header.snapshot))
        forget_memberships(session, first)
        kept.keep(session, "ab" * 32, snapshot, sums)

    assert kept.headers() == [header]


def test_a_training_from_sums_leaves_out_who_withdrew_and_is_paid_for(trained: Home, probity: Run) -> None:
    kept = KeptSums(trained)
    (header,) = kept.headers()
    members = _members(trained, header.snapshot)
    _withdraw(trained, members[0])
    expected = to_bytes(_from_scratch(trained, header.release, members[1:]))

    ran = probity("train", "--from-sums", header.release[:8], "--home", trained.settings.home)
    (after,) = kept.headers()

    assert ran.code == 0, ran.err
    assert after.release != header.release
    assert _members(trained, after.snapshot) == members[1:]
    assert to_bytes(kept.open(after.release)[1]) == expected
    budget = json.loads(probity("budget", "--json", "--home", trained.settings.home).out)
    assert [(each["state"], each["epsilon"]) for each in budget] == [("spent", 2.0), ("spent", 2.0)]


@pytest.mark.parametrize("place", ["begin_reading", "KeptSums.keep", "_fit_models", "KeptSums.destroy"])
def test_a_training_from_sums_that_was_cut_off_goes_on_and_is_paid_for_once(
    trained: Home, probity: Run, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    kept, home = KeptSums(trained), trained.settings.home
    (header,) = kept.headers()
    members = _members(trained, header.snapshot)
    _withdraw(trained, members[0])
    expected = to_bytes(_from_scratch(trained, header.release, members[1:]))
    module = "train" if place == "_fit_models" else "kept_sums" if "." in place else "retrain"
    with monkeypatch.context() as patched:
        patched.setattr(f"governance.pipeline.{module}.{place}", _stopping)
        cut = probity("train", "--from-sums", header.release[:8], "--home", home)
    training = next(line for line in cut.err.splitlines() if "--resume" in line).split("`")[1].split()[-1]

    ran = probity("train", "--resume", training, "--json", "--home", home)
    (after,) = kept.headers()

    assert ran.code == 0, ran.err
    assert "ease" in {row["kind"] for row in json.loads(ran.out)}
    assert after.release != header.release
    assert to_bytes(kept.open(after.release)[1]) == expected
    kept_twice = ["registry.sums_destroyed", "registry.sums_kept", "registry.sums_kept"]  # the newest first
    assert _kinds(trained, "registry.sums") == kept_twice
    assert _kinds(trained, "budget.reserved") == ["budget.reserved"] * 2
    budget = json.loads(probity("budget", "--json", "--home", home).out)
    assert [each["state"] for each in budget] == ["spent", "spent"]


def test_a_training_from_sums_that_was_cut_off_while_it_measured_is_paid_for_and_lost(
    trained: Home, probity: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (header,), home = KeptSums(trained).headers(), trained.settings.home
    with monkeypatch.context() as patched:
        patched.setattr("governance.pipeline.retrain._measured", _stopping)
        cut = probity("train", "--from-sums", header.release[:8], "--home", home)
    training = next(line for line in cut.err.splitlines() if "--resume" in line).split("`")[1].split()[-1]

    ran = probity("train", "--resume", training, "--home", home)

    assert ran.code != 0
    assert "was cut off while it read: what it saw is paid for" in ran.err
    assert KeptSums(trained).headers() == [header]


def _stopping(*_: object, **__: object) -> None:
    """Stands for a power cut at the place of a function."""
    raise KeyboardInterrupt


def _withdraw(here: Home, subject: Pseudonym) -> None:
    consent = here.vault.translate([subject], source="events", target="consent")[subject]
    with here.transaction() as session:
        decision = Decision(
            subject=consent,
            purpose=here.policies.purposes.value.training,
            choice="withdraw",
            decided_at=here.clock(),
            notice="v1",
            method="settings",
        )
        policy = here.policies.purposes.value
        record(session, [decision], batch_id=uuid4(), policy=policy, actor="role:operator", clock=here.clock)


def test_sums_that_are_not_kept_start_no_training(trained: Home, probity: Run) -> None:
    ran = probity("train", "--from-sums", "nothing", "--home", trained.settings.home)

    assert ran.code != 0
    assert "0 releases whose exact sums are kept begin with 'nothing'" in ran.err


def test_sums_in_a_format_of_old_cost_nothing(trained: Home, probity: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = KeptSums(trained)
    (header,) = kept.headers()
    _, sums = kept.open(header.release)
    with monkeypatch.context() as patch:
        patch.setattr(sums_encoding, "_TAG", b"probity/exact-sums/v1\x00")
        kept._write(header, sums)

    ran = probity("train", "--home", trained.settings.home, "--from-sums", header.release[:12])

    assert ran.code != 0
    assert "in a format of another version" in ran.err
    assert _kinds(trained, "budget.") == ["budget.spent", "budget.reading_begun", "budget.reserved"]


def test_retention_destroys_sums_on_their_day_and_not_before(trained: Home) -> None:
    early, late = (replace(trained, clock=_after(trained, days)) for days in (29, 31))

    assert run_retention(early).sums.count == 0
    assert run_retention(late, dry_run=True).sums.count == 1
    assert len(KeptSums(trained).headers()) == 1
    assert run_retention(late).sums.count == 1
    assert KeptSums(trained).headers() == []


def _after(here: Home, days: int) -> Callable[[], Any]:
    moment = here.clock() + timedelta(days=days)
    return lambda: moment
