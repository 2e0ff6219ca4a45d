"""Homes that keep the sums behind a release, and what those sums must be."""

import shutil
import sys
from contextlib import redirect_stdout, suppress
from io import StringIO
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from governance.access.principals import list_principals
from governance.cli.main import main
from governance.consent.merging import Decision
from governance.consent.recording import record
from governance.ledger.search import Filter, search
from governance.pipeline.artefacts import load_registered_release
from governance.pipeline.catalogue import load_catalogue
from governance.pipeline.desk import tools
from governance.pipeline.home import Home
from governance.pipeline.measured import read_measured
from governance.registry import lineage
from governance.registry.lineage import get_release, get_snapshot
from governance.resources import policies_dir
from governance.rights.fulfilment import fulfil
from governance.rights.tables import RightsRequest
from pseudonymisation.pseudonym import Pseudonym
from pseudonymisation.sources.sample import SampleSettings, write_sample
from recommender.exact_sums import ExactSums, basis_of
from recommender.features import features_from
from recommender.measurement import exact_sums

SIGNALS = "signals: {trending: 0.05, time_slots: 0.05, transitions: 0.1, categories: 0.05}"


def make_summed(folder: Path) -> tuple[Path, str]:
    """A home whose policy weighs histories, measures every signal and keeps sums for 30 days; an engineer's token."""
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
    run_apart("init", "--home", home)
    token = run_apart("access", "add", "Ada", "--role", "engineer", "--home", home).strip()
    run_apart("ingest", folder / "sample", "--home", home)
    run_apart("train", "--home", home, token=token)
    return home, token


def run_apart(*arguments: object, token: str = "") -> str:
    """The command's output, outside any test."""
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(StringIO()) as out, suppress(SystemExit):
        patch.setattr(sys, "argv", ["probity", *map(str, arguments)])
        patch.setenv("PROBITY_TOKEN", token)
        main()
    return out.getvalue()


def kinds_of(here: Home, prefix: str) -> list[str]:
    """Kinds of the entries that begin so, the newest first."""
    with here.transaction() as session:
        return [entry.kind for entry in search(session, Filter(), limit=1000) if entry.kind.startswith(prefix)]


def members_of(here: Home, snapshot: str) -> list[Pseudonym]:
    """Who is on a snapshot's list, in order."""
    with here.transaction() as session:
        return lineage.members_of(session, UUID(snapshot))


def from_scratch(here: Home, release: str, subjects: list[Pseudonym]) -> ExactSums:
    """The sums of these subjects alone, on the basis of an earlier release."""
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


def withdraw(here: Home, subject: Pseudonym) -> None:
    """The subject (events domain) takes back that they may be trained on."""
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


def request_erasure(here: Home, subject: Pseudonym) -> UUID:
    """An approved request to erase the subject (events domain); its id."""
    about = here.vault.translate([subject], source="events", target="rights")[subject]
    with here.transaction() as session:
        request = RightsRequest(
            id=uuid4(),
            right="erasure",
            regime="gdpr",
            subject=about,
            manner="email",
            state="approved",
            received_at=here.clock(),
            received_by=list_principals(session)[0].id,
            due_on=here.clock().date(),
        )
        session.add(request)
    return request.id


def erase(here: Home, request: UUID) -> None:
    """Carry out the request, or go on with it where an earlier run stopped."""
    fulfil(here.transaction, tools(here), request)
