"""The same folder a second time: nothing is added, a crash is made good, and who was erased stays erased."""

import json
import shutil
from collections import Counter
from collections.abc import Callable
from datetime import datetime, time
from pathlib import Path
from typing import Protocol
from uuid import UUID, uuid5

import pyarrow as pa
import pytest
from sqlalchemy import select

from governance.access.principals import add_principal
from governance.clock import system_clock
from governance.consent.tables import ConsentDecision
from governance.ledger.search import Filter, follow
from governance.pipeline.desk import Desk
from governance.pipeline.home import OPERATOR, Home, initialise, open_home
from governance.pipeline.ingest import Ingested, Recorder, ingest, open_gateway
from governance.rights.requests import acknowledge, approve, receive
from governance.settings import load_settings
from pseudonymisation.consents import DECIDED
from pseudonymisation.gateway.batch import BatchSummary, ConsentBatch
from pseudonymisation.gateway.files import Pace, ingest_consents
from pseudonymisation.identifiers import Identity, read_identity
from pseudonymisation.pseudonym import Pseudonym
from pseudonymisation.quarantine import list_quarantine, rejects_of
from pseudonymisation.schema import EVENT_KINDS
from pseudonymisation.sources.registry import open_source
from pseudonymisation.sources.sample import SampleSettings, write_sample

SPACE = UUID("00000000-0000-4000-8000-000000000000")
BATCH_LINES = 200
pytestmark = pytest.mark.large


class Ran(Protocol):
    """What a command left behind (see `conftest`)."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generated service of 40 subjects, one of whom surely grants and withdraws, and 60 titles."""
    folder = tmp_path_factory.mktemp("service") / "sample"
    write_sample(folder, SampleSettings(subjects=40, titles=60))
    return folder


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory, service: Path) -> Path:
    """Two homes to copy: an empty one, and one that has taken the service in."""
    folder = tmp_path_factory.mktemp("homes")
    for name in ("empty", "full"):
        home = initialise(load_settings(folder / name), clock=system_clock)
        if name == "full":
            _ingest(home, service)
        home.engine.dispose()
    return folder


@pytest.fixture
def home(tmp_path: Path, templates: Path) -> Home:
    """An empty home."""
    return _copy(templates / "empty", tmp_path / "home")


@pytest.fixture
def full(tmp_path: Path, templates: Path) -> Home:
    """A home that has taken the service in."""
    return _copy(templates / "full", tmp_path / "full")


def _copy(template: Path, to: Path) -> Home:
    shutil.copytree(template, to)
    return open_home(load_settings(to), clock=system_clock)


def _ingest(home: Home, folder: Path, batch_lines: int = BATCH_LINES) -> Ingested:
    return ingest(home, open_source(folder), pace=Pace(batch_lines=batch_lines))


def _consents(home: Home) -> list[tuple[object, ...]]:
    table = ConsentDecision
    columns = (table.subject, table.purpose, table.decided_at, table.choice, table.method, table.in_force)
    with home.transaction() as session:
        return sorted(tuple(row) for row in session.execute(select(*columns)))


def _events(home: Home) -> dict[str, int]:
    return {kind.name: home.lake.count(kind.name) for kind in EVENT_KINDS}


def _entries(home: Home) -> int:
    with home.transaction() as session:
        return len(follow(session, limit=10_000))


def _subjects(folder: Path) -> list[Identity]:
    lines = (folder / "consents.ndjson").read_bytes().splitlines()
    return [read_identity(json.loads(line)["subject"]) for line in lines]


def _erase(home: Home, rights: str) -> None:
    """As the desk does it: one person records the request, another approves it."""
    policies, request_id = home.policies, uuid5(SPACE, rights)
    rules = {"policy": policies.access.value, "actor": OPERATOR, "clock": home.clock}
    with home.transaction() as session:
        front = add_principal(session, "front", ["frontend"], principal_id=uuid5(SPACE, "front"), **rules)
        officer = add_principal(session, "officer", ["officer"], principal_id=uuid5(SPACE, "officer"), **rules)
        request = receive(
            session, "erasure", "gdpr", rights, request_id=request_id, principal=front, policy=policies.rights.value,
            clock=home.clock, manner="account_page", box_key=None,
        )  # fmt: skip
        acknowledge(session, request, actor=OPERATOR, clock=home.clock)
        approve(session, request, officer, policy=policies.rights.value, clock=home.clock)
    Desk(home).fulfil(request_id, actor=OPERATOR)


def test_each_batch_with_rejected_lines_has_an_entry_about_them_beside_its_own(full: Home) -> None:
    with full.transaction() as session:
        entries = {kind: follow(session, Filter(kinds=(f"registry.batch_{kind}",)), limit=1000) for kind in
                   ("ingested", "quarantined")}  # fmt: skip
    rejected = {each.body["batch"]: each.body["quarantined"] for each in entries["ingested"]}
    stored = {each.batch: dict(each.by_reason) for each in list_quarantine(full.quarantine.folder)}

    assert {each.body["batch"]: each.body["lines"] for each in entries["quarantined"]} == {
        batch: lines for batch, lines in rejected.items() if lines
    }
    assert {each.body["batch"]: each.body["reasons"] for each in entries["quarantined"]} == stored
    assert {each.body["text"] for each in entries["quarantined"]} == {"sealed"}
    assert {each.at.time().isoformat() for each in entries["quarantined"]} == {"00:00:00"}
    # In the transaction of the batch, so next to its entry.
    own = {each.body["batch"]: each.seq for each in entries["ingested"]}
    assert [each.seq - own[each.body["batch"]] for each in entries["quarantined"]] == [1] * len(entries["quarantined"])


def test_a_folder_taken_in_again_changes_nothing_and_in_other_batches_neither(
    home: Home, probity: Run, service: Path
) -> None:
    first = probity("ingest", service, "--home", home.settings.home, "--json")
    consents, events, entries = _consents(home), _events(home), _entries(home)
    again = probity("ingest", service, "--home", home.settings.home, "--json")

    assert (first.code, again.code, again.err.count("probity:")) == (0, 0, 0)
    assert json.loads(again.out)["already_there"] > 500
    assert (_consents(home), _events(home), _entries(home)) == (consents, events, entries)

    cut = _ingest(home, service, batch_lines=300)

    assert (_consents(home), _events(home)) == (consents, events)
    assert (cut.events.batches_repeated, sum(cut.events.written.values())) == (0, 0)
    twice = Counter((subject, purpose) for subject, purpose, *_ in consents)
    assert max(twice.values()) == 2, "somebody granted and withdrew, or this shows nothing"


def test_the_second_run_says_what_was_taken_in_before(home: Home, service: Path) -> None:
    first, again = _ingest(home, service), _ingest(home, service)

    assert (first.events.batches_repeated, first.consents.repeated) == (0, 0)
    assert first.events.batches == again.events.batches == again.events.batches_repeated > 3
    assert (again.consents.decided, again.consents.repeated) == (0, first.consents.decided)
    assert again.events.received == first.events.received
    assert again.events.duplicates == again.events.received - again.events.quarantined


def test_an_erased_subject_does_not_come_back_with_the_same_folder(full: Home, service: Path) -> None:
    home = full
    gone = _subjects(service)[0]
    pseudonyms = {domain: home.vault.find(gone, domain=domain) for domain in ("events", "consent", "rights")}
    assert home.lake.count("view", subjects=[pseudonyms["events"]]) > 0
    _erase(home, pseudonyms["rights"])
    consents, events, living = _consents(home), _events(home), _living(home, service)

    _ingest(home, service)

    assert home.vault.find(gone, domain="consent") is None
    assert _living(home, service) == living == len(set(_subjects(service))) - 1
    assert (_consents(home), _events(home)) == (consents, events)
    assert pseudonyms["consent"] not in {row[0] for row in consents}


def test_the_same_lines_cut_differently_are_a_new_collection(full: Home, service: Path) -> None:
    home, gone = full, _subjects(service)[0]
    _erase(home, str(home.vault.find(gone, domain="rights")))

    _ingest(home, service, batch_lines=BATCH_LINES + 1)

    # What `gateway.files` says of itself, so that nobody believes more than is true.
    assert home.vault.find(gone, domain="events") is not None


def test_after_a_crash_among_the_events_the_folder_goes_on_as_if_nothing_had_happened(
    home: Home, full: Home, service: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _crash_after(3, home, service, monkeypatch)
    gone = _subjects(service)[0]
    rights = home.vault.find(gone, domain="rights")

    resumed, again = _ingest(home, service), _ingest(home, service)

    assert resumed.declarations is not None
    repeated = (resumed.declarations.batches_repeated, resumed.events.batches_repeated)
    assert (repeated, resumed.consents.decided) == ((1, 2), 0)
    assert again.events.batches_repeated == again.events.batches > 3
    assert _events(home) == _events(full)
    assert len(_consents(home)) == len(_consents(full))
    assert home.vault.find(gone, domain="rights") == rights


def test_a_subject_erased_after_a_crash_gets_none_of_their_decisions_back(
    home: Home, service: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _crash_after(0, home, service, monkeypatch)
    gone = _subjects(service)[0]
    consent = home.vault.find(gone, domain="consent")
    _erase(home, str(home.vault.find(gone, domain="rights")))
    left = len({row[0] for row in _consents(home)})

    _ingest(home, service)

    # Their events were never taken in, so the second run collects them; without a consent none of them is stored.
    anew = home.vault.find(gone, domain="consent")
    assert anew != consent
    assert len({row[0] for row in _consents(home)}) == left
    assert anew not in {row[0] for row in _consents(home) if row[3] == "grant"}


def test_a_signal_after_a_second_grant_opts_out_again(home: Home) -> None:
    recorder, anna = Recorder(home), Pseudonym("a7" + "1" * 30)
    recorder.accepted(_signalled("01", anna))
    recorder.decided(_granted("02", anna, home.clock()))
    granted = _sharing(home)
    recorder.accepted(_signalled("03", anna))
    recorder.accepted(_signalled("04", anna))

    assert (granted, _sharing(home)) == (("grant", "settings"), ("refuse", "gpc"))
    assert len(_consents(home)) == 3, "the last signal found nothing to do"


def test_a_batch_that_is_on_record_is_no_new_signal(home: Home) -> None:
    recorder, anna = Recorder(home), Pseudonym("a7" + "1" * 30)
    for batch in ("01", "02"):  # the second finds nothing to do
        recorder.accepted(_signalled(batch, anna))
    recorder.decided(_granted("03", anna, home.clock()))

    for batch in ("01", "02"):
        recorder.accepted(_signalled(batch, anna))

    assert _sharing(home) == ("grant", "settings")


def test_one_record_that_names_an_unpublished_notice_is_left_out_alone(full: Home) -> None:
    record = {
        "subject": {"account_id": "zoe"}, "purpose": "model_training", "decision": "grant",
        "at": "2026-09-01T00:00:00Z", "notice": "v1", "method": "settings",
    }  # fmt: skip
    lines = [json.dumps(record).encode(), json.dumps(record | {"notice": "v77"}).encode()]

    summary = ingest_consents(lines, open_gateway(full), Recorder(full), source="player")

    assert (summary.decided, summary.dropped) == (1, {"out of range": 1})
    (reject,) = [
        reject
        for batch in list_quarantine(full.quarantine.folder)
        if batch.source == "player"
        for reject in rejects_of(full.quarantine.folder, batch.batch)
    ]
    assert (reject["line"], reject["field"], reject["expected"]) == (2, "notice", "a published version")


def test_batches_are_on_record_by_the_day_alone(full: Home) -> None:
    with full.transaction() as session:
        kinds = ("consent.recorded", "registry.batch_ingested")
        entries = [entry for kind in kinds for entry in follow(session, Filter(kinds=(kind,)))]

    assert {entry.kind for entry in entries} == set(kinds)
    assert {entry.at.time() for entry in entries} == {time(0)}


def _signalled(batch: str, subject: Pseudonym) -> BatchSummary:
    return BatchSummary(
        batch=batch * 16, source="player", first_line=1, received=1, written={"view": 1}, duplicates=0, dropped={},
        rejects=(), fields_dropped={}, gpc=(subject,), expectations=13, versions={"view": 0},
    )  # fmt: skip


def _granted(batch: str, subject: Pseudonym, at: datetime) -> ConsentBatch:
    row = [subject, "partner_sharing", "grant", at, "v1", "settings"]
    decisions = pa.table([[value] for value in row], schema=DECIDED)
    return ConsentBatch(batch=batch * 16, received=1, decisions=decisions, rejects=())


def _sharing(home: Home) -> tuple[str, str]:
    """The one decision in force, and how it came."""
    ((*_, choice, method, _in_force),) = [row for row in _consents(home) if row[-1]]
    return str(choice), str(method)


def _crash_after(batches: int, home: Home, service: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the folder in, and die when the rows of the next batch are durable and it is about to be recorded."""
    taken: list[str] = []
    accepted = Recorder.accepted

    def crash(recorder: Recorder, summary: BatchSummary) -> None:
        if len(taken) == batches:
            raise KeyboardInterrupt
        taken.append(summary.batch)
        accepted(recorder, summary)

    with monkeypatch.context() as patched:
        patched.setattr(Recorder, "accepted", crash)
        with pytest.raises(KeyboardInterrupt):
            _ingest(home, service)


def _living(home: Home, service: Path) -> int:
    return sum(home.vault.find(each, domain="events") is not None for each in set(_subjects(service)))
