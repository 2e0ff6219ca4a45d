"""What a training costs before it runs, what its models remember, and how kept sums forget."""

import json
import stat
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from governance.access.principals import list_principals
from governance.access.tables import Principal
from governance.pipeline import retrain
from governance.pipeline.artefacts import load_registered_release
from governance.pipeline.home import Home
from governance.pipeline.kept_sums import KeptSums
from governance.pipeline.retention import run_retention
from governance.pipeline.snapshot import take_snapshot
from governance.pipeline.train import train
from governance.registry.lineage import forget_memberships, get_release, get_snapshot
from governance.registry.tables import Snapshot
from pseudonymisation.pseudonym import Pseudonym
from recommender import sums_encoding
from recommender.errors import CorruptArtefact
from recommender.sums_encoding import to_bytes
from tests.pipeline.conftest import Run
from tests.pipeline.summed import from_scratch, kinds_of, members_of, withdraw

# Ibis calls what this DuckDB already calls by another name.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")]


def engineer(home: Home) -> Principal:
    with home.transaction() as session:
        return list_principals(session)[0]


def test_a_dry_run_says_what_a_training_costs_and_reserves_nothing(keeping: Home, probity: Run) -> None:
    home = keeping.settings.home
    said: dict[str, Any] = json.loads(probity("train", "--dry-run", "--json", "--home", home).out)

    assert said["mechanism"].endswith("and on the signals trending, time_slots, transitions, categories")
    assert said["shares_of_the_release"].startswith("counts 15%, gram 60%, trending 5%")
    assert (said["epsilon_of_this_training"], said["budget"]) == (2.0, 10.0)
    assert said["composed_so_far"] == pytest.approx(2.0, abs=1e-4)
    # dp-accounting's PLD for two Gaussians that have ε = 2 at δ = 1e-6 each; not 4.
    assert said["composed_after_it"] == pytest.approx(2.930, abs=0.002)
    assert said["largest_that_would_fit_after_it"] < said["largest_single_release_that_fits"] < 10.0
    assert len(json.loads(probity("budget", "--json", "--home", home).out)["reservations"]) == 1


def test_the_budget_says_to_programs_what_is_composed_and_what_is_left(keeping: Home, probity: Run) -> None:
    home = keeping.settings.home
    found: dict[str, Any] = json.loads(probity("budget", "--json", "--home", home).out)
    quoted: dict[str, Any] = json.loads(probity("train", "--dry-run", "--json", "--home", home).out)

    (reservation,) = found.pop("reservations")
    assert set(reservation) == {"reservation", "state", "epsilon", "reserved_at"}
    assert found == {
        "population": "subscribers",
        "delta": 1e-6,
        "budget": 10.0,
        "composed_so_far": pytest.approx(2.0, abs=1e-4),
        "largest_single_release_that_fits": quoted["largest_single_release_that_fits"],
    }
    assert {name: quoted[name] for name in found} == found


def test_a_release_holds_the_signals_and_its_models_say_what_they_remember(keeping: Home, probity: Run) -> None:
    home = keeping.settings.home
    model = probity("models", "--kind", "ease", "--ids", "--home", home).out.split()[0]
    (header,) = KeptSums(keeping).headers()
    member = members_of(keeping, header.snapshot)[0]
    officer = {"PROBITY_TOKEN": probity("access", "add", "Olga", "--role", "officer", "--home", home).out.strip()}
    with keeping.transaction() as session:
        release = load_registered_release(keeping, get_release(session, header.release))

    said = json.loads(probity("models", "memory", model, "--json", "--home", home).out)
    asked = ("models", "memory", model, "--json", "--home", home, "--subject")

    assert set(release.signals) == {"trending", "time_slots", "transitions", "categories"}
    assert (said["release"], said["epsilon"], said["delta"]) == (header.release, 2.0, 1e-6)
    assert said["subjects_in_it"] == len(members_of(keeping, header.snapshot))
    assert (said["retrain_by"], said["because_of"]) == (None, "no need: nobody in it was erased")
    refused = probity(*asked, given=f"{member}\n")  # an engineer's token
    assert (refused.code, refused.out) == (1, "")
    assert "requests:read" in refused.err
    assert json.loads(probity(*asked, given=f"{member}\n", env=officer).out)["holds_the_subject"] is True
    assert json.loads(probity(*asked, given="0" * 32, env=officer).out)["holds_the_subject"] is False
    mistyped = probity(*asked, given=member[:-1], env=officer)
    assert "expected 32 hex digits" in mistyped.err
    assert member[:-1] not in mistyped.err


def test_kept_sums_are_sealed_under_a_key_of_their_own(keeping: Home) -> None:
    (header,) = KeptSums(keeping).headers()
    sealed = keeping.settings.folder("sums") / f"{header.release}.sealed"
    key = keeping.settings.folder("keys") / "sums" / f"{header.release}.key"
    _, sums = KeptSums(keeping).open(header.release)

    assert to_bytes(sums) == to_bytes(from_scratch(keeping, header.release, members_of(keeping, header.snapshot)))
    assert sums.counts.tobytes()[:64] not in sealed.read_bytes()
    assert sums.catalogue[0].encode() not in sealed.read_bytes()
    assert [stat.S_IMODE(path.stat().st_mode) for path in (key, sealed)] == [0o600, 0o600]
    content = bytearray(sealed.read_bytes())
    content[-1] ^= 1
    sealed.write_bytes(bytes(content))
    with pytest.raises(CorruptArtefact, match="do not open"):
        KeptSums(keeping).open(header.release)
    assert kinds_of(keeping, "registry.sums") == ["registry.sums_kept"]


def test_who_is_erased_is_out_of_kept_sums_bit_for_bit(keeping: Home) -> None:
    kept = KeptSums(keeping)
    (header,) = kept.headers()
    members = members_of(keeping, header.snapshot)
    expected = to_bytes(from_scratch(keeping, header.release, members[1:]))
    request = uuid4()

    for _ in range(2):  # a stage may be run again
        with keeping.transaction() as session:
            assert kept.take_out(session, members[0], request) == {"subtracted": 1, "destroyed": 0}

    assert to_bytes(kept.open(header.release)[1]) == expected
    assert kept.headers()[0].taken_out == (str(request),)


def test_where_subtracting_is_not_exact_any_more_the_sums_are_destroyed(keeping: Home) -> None:
    kept = KeptSums(keeping)
    (header,) = kept.headers()
    first, *_ = members_of(keeping, header.snapshot)
    keeping.lake.erase([first])

    with keeping.transaction() as session:
        assert kept.take_out(session, first, uuid4()) == {"subtracted": 0, "destroyed": 1}

    assert kept.headers() == []
    assert not list((keeping.settings.folder("keys") / "sums").iterdir())
    assert kinds_of(keeping, "registry.sums") == ["registry.sums_destroyed", "registry.sums_kept"]  # the newest first


def test_sums_that_somebody_left_while_they_were_added_up_are_not_kept(keeping: Home) -> None:
    kept = KeptSums(keeping)
    (header,) = kept.headers()
    _, sums = kept.open(header.release)
    first, *_ = members_of(keeping, header.snapshot)
    with keeping.transaction() as session:
        snapshot = get_snapshot(session, UUID(header.snapshot))
        forget_memberships(session, first)
        kept.keep(session, "ab" * 32, snapshot, sums)

    assert kept.headers() == [header]


def test_who_was_erased_while_a_list_was_being_made_leaves_it_before_anything_is_read(keeping: Home) -> None:
    snapshot = take_snapshot(keeping, snapshot_id=uuid4())
    first, *others = members_of(keeping, str(snapshot.id))
    # An erasure that ended before the list was committed: the vault knows them no more, and no list was there to leave.
    keeping.vault.erase(Pseudonym(first), domain="events")

    train(keeping, snapshot, training_id=uuid4(), author=engineer(keeping))

    assert members_of(keeping, str(snapshot.id)) == others


def test_nor_does_a_training_from_sums_take_such_a_list(keeping: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    (header,) = KeptSums(keeping).headers()
    first, *others = members_of(keeping, header.snapshot)
    reduced, after = retrain._reduced, uuid4()

    def as_they_are_erased(home: Home, before: Snapshot, release: str, snapshot_id: UUID) -> Snapshot:
        made = reduced(home, before, release, snapshot_id)
        keeping.vault.erase(Pseudonym(first), domain="events")
        return made

    monkeypatch.setattr(retrain, "_reduced", as_they_are_erased)
    retrain.retrain(keeping, header.release, snapshot_id=after, training_id=uuid4(), author=engineer(keeping))

    assert members_of(keeping, str(after)) == others
    assert KeptSums(keeping).headers() == []  # as of any list that somebody left while they were added up


def test_a_training_from_sums_leaves_out_who_withdrew_and_is_paid_for(keeping: Home, probity: Run) -> None:
    kept = KeptSums(keeping)
    (header,) = kept.headers()
    members = members_of(keeping, header.snapshot)
    withdraw(keeping, members[0])
    expected = to_bytes(from_scratch(keeping, header.release, members[1:]))

    ran = probity("train", "--from-sums", header.release[:8], "--home", keeping.settings.home)
    (after,) = kept.headers()

    assert ran.code == 0, ran.err
    assert after.release != header.release
    assert members_of(keeping, after.snapshot) == members[1:]
    assert to_bytes(kept.open(after.release)[1]) == expected
    budget = json.loads(probity("budget", "--json", "--home", keeping.settings.home).out)
    assert [(each["state"], each["epsilon"]) for each in budget["reservations"]] == [("spent", 2.0), ("spent", 2.0)]


@pytest.mark.parametrize("place", ["begin_reading", "KeptSums.keep", "_fit_models", "KeptSums.destroy"])
def test_a_training_from_sums_that_was_cut_off_goes_on_and_is_paid_for_once(
    keeping: Home, probity: Run, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    kept, home = KeptSums(keeping), keeping.settings.home
    (header,) = kept.headers()
    members = members_of(keeping, header.snapshot)
    withdraw(keeping, members[0])
    expected = to_bytes(from_scratch(keeping, header.release, members[1:]))
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
    assert kinds_of(keeping, "registry.sums") == kept_twice
    assert kinds_of(keeping, "budget.reserved") == ["budget.reserved"] * 2
    budget = json.loads(probity("budget", "--json", "--home", home).out)
    assert [each["state"] for each in budget["reservations"]] == ["spent", "spent"]


def test_a_training_from_sums_that_was_cut_off_while_it_measured_is_paid_for_and_lost(
    keeping: Home, probity: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (header,), home = KeptSums(keeping).headers(), keeping.settings.home
    with monkeypatch.context() as patched:
        patched.setattr("governance.pipeline.retrain._measured", _stopping)
        cut = probity("train", "--from-sums", header.release[:8], "--home", home)
    training = next(line for line in cut.err.splitlines() if "--resume" in line).split("`")[1].split()[-1]

    ran = probity("train", "--resume", training, "--home", home)

    assert ran.code != 0
    assert "was cut off while it read: what it saw is paid for" in ran.err
    assert KeptSums(keeping).headers() == [header]


def _stopping(*_: object, **__: object) -> None:
    """Stands for a power cut at the place of a function."""
    raise KeyboardInterrupt


def test_sums_that_are_not_kept_start_no_training(keeping: Home, probity: Run) -> None:
    ran = probity("train", "--from-sums", "nothing", "--home", keeping.settings.home)

    assert ran.code != 0
    assert "0 releases whose exact sums are kept begin with 'nothing'" in ran.err


def test_sums_in_a_format_of_old_cost_nothing(keeping: Home, probity: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = KeptSums(keeping)
    (header,) = kept.headers()
    _, sums = kept.open(header.release)
    with monkeypatch.context() as patch:
        patch.setattr(sums_encoding, "_TAG", b"probity/exact-sums/v1\x00")
        kept._write(header, sums, kept._key(header.release).read_bytes())

    ran = probity("train", "--home", keeping.settings.home, "--from-sums", header.release[:12])

    assert ran.code != 0
    assert "in a format of another version" in ran.err
    assert kinds_of(keeping, "budget.") == ["budget.spent", "budget.reading_begun", "budget.reserved"]


def test_retention_destroys_sums_on_their_day_and_not_before(keeping: Home) -> None:
    early, late = (replace(keeping, clock=_after(keeping, days)) for days in (29, 31))

    assert run_retention(early).sums.count == 0
    assert run_retention(late, dry_run=True).sums.count == 1
    assert len(KeptSums(keeping).headers()) == 1
    assert run_retention(late).sums.count == 1
    assert KeptSums(keeping).headers() == []
    assert kinds_of(keeping, "registry.sums") == ["registry.sums_destroyed", "registry.sums_kept"]  # the newest first


def _after(here: Home, days: int) -> Callable[[], Any]:
    moment = here.clock() + timedelta(days=days)
    return lambda: moment
