"""`probity retention run`: each store forgets on its day, nothing forgets a day early, and every run is on record."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

import pyarrow as pa
import pytest
from sqlalchemy import func, select

from governance.access.principals import add_principal
from governance.access.tables import Principal
from governance.errors import Gone, PolicyError
from governance.ledger.entry import Entry
from governance.ledger.opening import LedgerOpening, count_openings
from governance.ledger.search import Filter, follow
from governance.pipeline import retention
from governance.pipeline.desk import Desk
from governance.pipeline.home import OPERATOR, Home, initialise
from governance.pipeline.retention import RetentionRun, run_retention
from governance.reidentification.procedure import ask, list_cases
from governance.rights.openings import open_commitment
from governance.rights.requests import acknowledge, approve, receive
from governance.rights.tables import CertificateRecord, Job, RightsRequest
from governance.settings import load_settings
from pseudonymisation.identifiers import read_identity
from pseudonymisation.pseudonym import Pseudonym
from pseudonymisation.quarantine import list_quarantine, store
from pseudonymisation.rejection import Fault, Reject
from pseudonymisation.schema import KIND_BY_NAME, bucket_of

Anything = Any

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)
DAYS = {"view": 730, "rating": 1095, "browse": 180, "search": 90, "declaration": 730}
"""As policies/retention.yaml says."""


class Ran(Protocol):
    """What a command left behind (see `conftest`)."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


def _days(count: int) -> timedelta:
    return timedelta(days=count)


def _at(home: Home, moment: datetime) -> Home:
    """The same home at another moment."""
    return replace(home, clock=lambda: moment)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home without data, at noon of the first day."""
    return initialise(load_settings(tmp_path / "home"), clock=lambda: START)


def _event(kind: str, name: str, subject: Pseudonym, at: datetime) -> pa.Table:
    schema = KIND_BY_NAME[kind].schema
    known = {"event_id": name, "subject": subject, "bucket": bucket_of(subject), "at": at, "purposes": ["p"]}
    row = {field.name: known.get(field.name) for field in schema}
    return pa.Table.from_pylist([row], schema=schema)


def _one_day_apart(home: Home) -> None:
    """Of each kind one event that is too old by a microsecond, and one exactly as old as is allowed."""
    subject = Pseudonym("a7" + "1" * 30)
    for kind, days in DAYS.items():
        for name, at in (("old", START - _days(days) - TICK), ("young", START - _days(days))):
            home.lake.append({kind: _event(kind, f"{kind} {name}", subject, at)}, batch_id=name)


def _rejected(home: Home, batch: str, at: datetime) -> None:
    reject = Reject(1, Fault("line", "JSON", "other text", "malformed"))
    store(home.quarantine, batch, [(reject, b"anna@example.org typed this")], source="test", at=at)


def _fulfilled(home: Home, right: str, number: int) -> UUID:
    """A request that was received, approved and fulfilled, of a subject of its own."""
    identity = read_identity({"account_id": f"a-{number}"})
    (known,) = home.vault.enrol([identity], domains=["rights", "events", "consent"])
    request = _approved(home, right, known["rights"], number)
    Desk(home).fulfil(request, actor=OPERATOR)
    return request


def _approved(home: Home, right: str, subject: Pseudonym, number: int) -> UUID:
    policies = home.policies
    with home.transaction() as session:
        clerk, officer = (_principal(home, session, name, 2 * number + place) for place, name in enumerate("co"))
        request = receive(
            session,
            right,
            "gdpr",
            subject,
            request_id=UUID(int=number),
            principal=clerk,
            policy=policies.rights.value,
            clock=home.clock,
            manner="account_page",
            box_key=Desk(home).box_key(subject, UUID(int=number)),
        )
        acknowledge(session, request, actor=OPERATOR, clock=home.clock)
        approve(session, request, officer, policy=policies.rights.value, clock=home.clock)
        return request.id


def _principal(home: Home, session: Anything, name: str, number: int) -> Principal:
    return add_principal(
        session,
        name,
        ["officer"],
        principal_id=UUID(int=1000 + number),
        policy=home.policies.access.value,
        actor=OPERATOR,
        clock=home.clock,
    )


def _rows(home: Home) -> dict[str, int]:
    with home.transaction() as session:
        tables = (RightsRequest, Job, CertificateRecord)
        return {each.__tablename__: session.scalar(select(func.count()).select_from(each)) or 0 for each in tables}


def _entries(home: Home) -> list[Entry]:
    with home.transaction() as session:
        return follow(session, Filter(kinds=("retention.run",)))


def _ids(home: Home) -> set[str]:
    return {name for kind in DAYS for name in home.lake.scan(kind, columns=["event_id"])["event_id"].to_pylist()}


def _counts(run: RetentionRun) -> tuple[dict[str, int], int, int, int]:
    events = {kind: expiry.count for kind, expiry in run.events.items() if expiry.count}
    return events, run.quarantine.count, run.packages.count, run.requests.count


def test_each_kind_of_event_is_kept_for_its_own_number_of_days_and_no_tick_longer(home: Home) -> None:
    _one_day_apart(home)

    run = run_retention(home)

    assert _counts(run) == (dict.fromkeys(DAYS, 1), 0, 0, 0)
    assert {kind: expiry.days for kind, expiry in run.events.items()} == DAYS
    assert run.events["search"].before == datetime(2026, 8, 25, 12, tzinfo=UTC)
    assert _ids(home) == {f"{kind} young" for kind in DAYS}
    assert _counts(run_retention(_at(home, START + TICK)))[0] == dict.fromkeys(DAYS, 1)
    assert _ids(home) == set()


def test_rejected_input_is_destroyed_after_its_fortnight(home: Home) -> None:
    _rejected(home, "aa", START - _days(14) - TICK)
    _rejected(home, "bb", START - _days(14))

    assert run_retention(home).quarantine.count == 1
    assert [batch.batch for batch in list_quarantine(home.quarantine.folder)] == ["bb"]
    assert sorted(path.name for path in home.quarantine.folder.iterdir()) == ["bb.index.json", "bb.jsonl.enc"]


def test_a_sealed_package_waits_for_its_days_from_the_closing_of_its_request(home: Home) -> None:
    request = _fulfilled(home, "access", 1)
    package = home.folder("outbox") / f"{request}.package"
    os.utime(package, (0, 0))  # not the file's own time: a copied or restored home has others

    assert run_retention(_at(home, START + _days(30))).packages.count == 0
    assert package.exists()
    assert run_retention(_at(home, START + _days(30) + TICK)).packages.count == 1
    assert not package.exists()
    assert _rows(home)["rights_request"] == 1


def test_what_a_crash_left_in_the_outbox_goes_by_the_files_own_time_and_other_files_stay(home: Home) -> None:
    outbox = home.folder("outbox")
    for name in (f"{UUID(int=7)}.part", f"{UUID(int=8)}.package", f"{UUID(int=9)}.package", "notes.txt"):
        (outbox / name).write_bytes(b"sealed")
        os.utime(outbox / name, (0, 0))
    recent = (START - _days(30)).timestamp()
    os.utime(outbox / f"{UUID(int=9)}.package", (recent, recent))

    assert run_retention(home).packages.count == 2
    assert sorted(path.name for path in outbox.iterdir()) == [f"{UUID(int=9)}.package", "notes.txt"]


def test_closed_requests_go_with_their_work_and_certificate_and_open_ones_never(home: Home, tmp_path: Path) -> None:
    _fulfilled(home, "erasure", 1)
    _fulfilled(home, "access", 2)
    (known,) = home.vault.enrol([read_identity({"account_id": "a-3"})], domains=["rights"])
    open_one = _approved(home, "access", known["rights"], 3)
    _fulfilled(_at(home, START + TICK), "erasure", 4)
    with home.transaction() as session:
        subject = session.get_one(RightsRequest, UUID(int=2)).subject
    assert _rows(home) == {"rights_request": 4, "rights_job": 3, "rights_certificate": 2}
    assert subject is not None
    assert subject.encode() in _database(tmp_path)

    assert run_retention(_at(home, START + _days(1095))).requests.count == 0
    assert run_retention(_at(home, START + _days(1095) + TICK)).requests.count == 2
    assert _rows(home) == {"rights_request": 2, "rights_job": 1, "rights_certificate": 1}
    assert run_retention(_at(home, START + _days(9999))).requests.count == 1
    with home.transaction() as session:
        assert list(session.scalars(select(RightsRequest.id))) == [open_one]
    assert subject.encode() not in _database(tmp_path)


def _database(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted((folder / "home" / "control").iterdir()))


def test_the_openings_of_a_closed_request_go_with_it_and_those_of_an_open_one_stay(home: Home) -> None:
    (known,) = home.vault.enrol([read_identity({"account_id": "a-3"})], domains=["rights"])
    _fulfilled(home, "access", 2)
    _approved(home, "access", known["rights"], 3)
    run_retention(_at(home, START + _days(1095) + TICK))

    (entry,) = _entries(home)
    assert (entry.body["requests"], entry.body["openings"]) == (1, 5)
    with home.transaction() as session:
        assert count_openings(session, known["rights"]) == 3
        assert session.scalar(select(func.count()).select_from(LedgerOpening)) == 3
        committed = str(follow(session, Filter(kinds=("rights.request_fulfilled",)))[0].body["commitment"])
        with pytest.raises(Gone, match="its opening was erased"):
            open_commitment(
                session, Desk(home), committed, "audit", _principal(home, session, "a", 99),
                entry_id=UUID(int=99), clock=home.clock,
            )  # fmt: skip


def test_a_case_ends_with_its_time_and_goes_with_the_requests_of_its_age(home: Home) -> None:
    _fulfilled(home, "access", 2)
    rule, case = home.policies.access.value.reidentification, UUID(int=3)
    (known,) = home.vault.enrol([read_identity({"account_id": "a-3"})], domains=["rights", "events"])
    with home.transaction() as session:
        officer = _principal(home, session, "o", 98)
        names = {"ground": "incident", "case_id": case, "rule": rule, "clock": home.clock}
        ask(session, home.vault, known["events"], "events", officer, **names)
    late = START + _days(rule.valid_days)

    def after_a_run_at(moment: datetime) -> list[tuple[str | None, str | None]]:
        run_retention(_at(home, moment))
        with home.transaction() as session:
            return [(each.outcome, each.subject) for each in list_cases(session)]

    assert after_a_run_at(late - TICK) == [(None, known["rights"])]
    assert after_a_run_at(late) == [("expired", None)]
    assert after_a_run_at(late + _days(1095)) == [("expired", None)]
    assert after_a_run_at(late + _days(1095) + TICK) == []
    # The request's five; then the case's two, of when it was asked and when it expired.
    assert [entry.body["openings"] for entry in _entries(home)] == [0, 0, 5, 2]


def test_a_run_is_one_entry_of_counts_that_keeps_only_the_day(home: Home) -> None:
    _one_day_apart(home)
    _rejected(home, "aa", START - _days(15))
    _fulfilled(home, "access", 1)
    run_retention(home)
    run_retention(home)
    run_retention(home)

    first, second, third = _entries(home)
    assert first.body == {
        "events": {"view": 1, "search": 1, "browse": 1, "rating": 1, "declaration": 1},
        "quarantine": 1,
        "packages": 0,
        "requests": 0,
        "openings": 0,
    }
    assert first.at == datetime(2026, 11, 23, tzinfo=UTC)
    assert second.body == third.body == {**first.body, "events": dict.fromkeys(DAYS, 0), "quarantine": 0}


def test_a_dry_run_counts_the_same_and_touches_nothing(home: Home) -> None:
    _one_day_apart(home)
    _rejected(home, "aa", START)
    _fulfilled(home, "erasure", 1)
    _fulfilled(home, "access", 2)
    later = _at(home, START + _days(2000))
    before, rows = _ids(home), _rows(home)

    dry = run_retention(later, dry_run=True)

    assert _counts(dry) == (dict.fromkeys(DAYS, 2), 1, 1, 2)
    assert (_ids(home), _rows(home)) == (before, rows)
    assert len(list_quarantine(home.quarantine.folder)) == 1
    assert len(list(home.folder("outbox").iterdir())) == 1
    assert _entries(home) == []
    done = run_retention(later)
    assert done == replace(dry, dry_run=False)


@pytest.mark.parametrize("step", ["_expire_quarantine", "_expire_packages", "_record", "append", "clear_residue"])
def test_a_run_that_was_cut_off_anywhere_is_finished_by_the_next(
    home: Home, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    _one_day_apart(home)
    _rejected(home, "aa", START)
    _fulfilled(home, "erasure", 1)
    _fulfilled(home, "access", 2)
    later = _at(home, START + _days(2000))

    def crash(*_: Anything, **__: Anything) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(retention, step, crash)
        with pytest.raises(KeyboardInterrupt):
            run_retention(later)
    recorded = len(_entries(home))
    # The requests and the entry that counts them commit together, or not at all.
    assert _rows(home)["rights_request"] == (0 if recorded else 2)

    run_retention(later)
    assert _ids(home) == set()
    assert list_quarantine(home.quarantine.folder) == ()
    assert list(home.folder("outbox").iterdir()) == []
    assert _rows(home) == {"rights_request": 0, "rights_job": 0, "rights_certificate": 0}
    entries = _entries(home)
    assert len(entries) == recorded + 1
    assert sum(int(str(entry.body["requests"])) for entry in entries) == 2


def test_a_policy_that_leaves_a_kind_out_is_refused_before_anything_is_deleted(home: Home) -> None:
    _one_day_apart(home)
    loaded = home.policies.retention
    without = replace(loaded.value, events_days={"view": 1, "rating": 1, "browse": 1, "declaration": 1})
    policies = replace(home.policies, retention=replace(loaded, value=without))

    with pytest.raises(
        PolicyError, match=r"^retention\.yaml: events_days: expected the kinds .*search.*, got browse, decl"
    ):
        run_retention(replace(home, policies=policies))
    assert len(_ids(home)) == 10


def test_progress_counts_the_stores(home: Home) -> None:
    seen: list[tuple[int, int]] = []
    run_retention(home, progress=lambda done, total: seen.append((done, total)))

    assert seen == [(done, 9) for done in range(1, 10)]


def test_the_command_lists_every_store_and_deletes_only_when_it_is_no_dry_run(
    tmp_path: Path, probity: Run, home: Home
) -> None:
    # The command reads the system's clock, before which these are thirty years.
    home.lake.append(
        {"search": _event("search", "e1", Pseudonym("a7" + "1" * 30), datetime(1996, 1, 1, tzinfo=UTC))}, batch_id="b1"
    )
    folder = tmp_path / "home"

    dry = probity("retention", "run", "--dry-run", "--json", "--home", folder)
    assert (dry.code, home.lake.count("search")) == (0, 1)
    assert "nothing was deleted: that was a dry run" in dry.err
    listed = {row["what"]: row["count"] for row in json.loads(dry.out)}
    assert listed == {
        "view events": 0,
        "search events": 1,
        "browse events": 0,
        "rating events": 0,
        "declaration events": 0,
        "quarantined batches": 0,
        "access packages": 0,
        "closed requests": 0,
        "exact sums": 0,
    }

    real = probity("retention", "run", "--json", "--home", folder)
    assert (real.code, home.lake.count("search")) == (0, 0)
    assert [row["count"] for row in json.loads(real.out)] == list(listed.values())
    assert len(_entries(home)) == 1
