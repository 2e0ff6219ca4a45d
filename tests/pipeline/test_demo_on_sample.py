"""`probity demo` as a new user runs it, in a process of its own, and what it leaves."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from sqlalchemy import select

from governance.attest.dsse import decode_envelope
from governance.attest.gathering import pinned_policies
from governance.attest.logged import read_log
from governance.attest.registry import PREDICATES
from governance.attest.verification import Expected, Status, verify_attestation
from governance.clock import system_clock
from governance.events import KINDS
from governance.ledger.note import decode_vkey
from governance.ledger.opening import LedgerOpening
from governance.ledger.search import follow
from governance.ledger.trust_policy import trusting
from governance.pipeline.home import open_home
from governance.pipeline.signing_keys import ATTEST
from governance.resources import policies_dir
from governance.rights.tables import RightsRequest
from governance.settings import load_settings
from pseudonymisation.sources.sample import SampleSettings, write_sample

pytestmark = pytest.mark.large

_WORD = re.compile(rb"[A-Za-z0-9@._:+-]{6,}")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    home = tmp_path_factory.mktemp("demo") / "home"
    command = [sys.executable, "-m", "governance.cli", "demo", "--home", str(home)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=_wide())
    assert done.returncode == 0, done.stderr[-2000:]
    return home, done.stdout


def _wide() -> dict[str, str]:
    return {**os.environ, "COLUMNS": "200"}


def test_the_plain_model_fails_for_the_planted_reason_and_for_no_other(demo: tuple[Path, str]) -> None:
    _, story = demo
    plain = story.split("The gate's decision: fail")[1].split("Exposure prices are fitted")[0]

    assert re.findall(r"✗ ([\w-]+)", plain) == ["european-works"]
    assert re.search(r"European titles \(origin = european\) receive \d+(\.\d)? % of the attention", plain)
    assert "?" not in plain


def test_the_priced_model_passes_and_serves_after_two_members_other_than_the_author(demo: tuple[Path, str]) -> None:
    _, story = demo

    assert "The gate's decision: pass" in story
    assert "Engineer tries to approve: refused" in story
    assert "First board member approves: the review is open" in story
    assert "Second board member approves: the review is approved" in story
    assert "serves as generation 1" in story


def test_what_was_dropped_is_counted_by_reason(demo: tuple[Path, str]) -> None:
    _, story = demo

    for reason, count in {"malformed": 6, "unknown kind": 6, "future": 6, "unknown item": 6, "duplicate": 6}.items():
        assert re.search(rf"dropped: {reason}\s*│\s*{count}\b", story), reason


def test_the_flipped_byte_is_found_and_the_entry_named(demo: tuple[Path, str]) -> None:
    _, story = demo

    assert re.search(r"One byte of a copy was flipped .* verification says: .*entr\w+ \d+", story)


def test_the_deletion_leaves_nothing_and_says_what_models_had_seen(demo: tuple[Path, str]) -> None:
    _, story = demo

    assert "The vault no longer knows this account" in story
    assert "left: 0" in story
    assert "memory bounded by epsilon 5, delta 1e-06" in story


def test_whatever_was_made_decided_or_erased_is_attested_and_in_the_exported_log(demo: tuple[Path, str]) -> None:
    home, story = demo
    vkey = (home / "ledger-export" / "log.vkey").read_text().strip()
    expected = Expected(
        attesters=(ATTEST.load(home / "keys" / "attest.key").verifier_key,),
        now=system_clock(),
        policies=pinned_policies(policies_dir()),
        log=read_log(home / "ledger-export", trusting(decode_vkey(vkey))),
    )

    found = [verify_attestation(path.read_bytes(), expected) for path in (home / "attestations").iterdir()]

    slugs = {kind.predicate_type: kind.slug for kind in PREDICATES}
    assert Counter(slugs[str(each.predicate_type)] for each in found) == {
        "provenance": 1 + 7 + 1,
        "privacy-audit": 1,
        "test-result": 1 + 8 + 1,
        "vsa": 1 + 2 + 1,
        "erasure-certificate": 1,
    }
    findings = [finding for each in found for finding in each.findings]
    # Some models do not meet the policy, and say so; nothing else is against any of them.
    assert {finding.check for finding in findings if finding.status == Status.REFUSED} == {"verdict"}
    assert [finding.sentence for finding in findings if finding.status == Status.MISSING] == []
    assert re.search(r"│ vsa\s+│\s+3 │\s+1 │", story)
    reached = Counter(level for each in found for level in each.levels)
    assert reached == {"PROBITY_GATE": 1, "PROBITY_PRIVACY": 1, "PROBITY_ERASURE": 1}


def test_the_access_package_is_readable_json_and_html_on_the_subjects_side(demo: tuple[Path, str]) -> None:
    home, _ = demo
    folder = home.with_name(f"{home.name}-subject")

    package = json.loads((folder / "access.json").read_text())

    assert package["events"]["view"]
    assert package["recommendations"][0]["because"]
    assert "<html" in (folder / "access.html").read_text()


def test_every_entry_names_who_answers_for_it_as_the_registry_of_kinds_says(demo: tuple[Path, str]) -> None:
    with open_home(load_settings(demo[0]), clock=system_clock).transaction() as session:
        entries = follow(session, limit=100_000)
    expected = {kind.name: re.escape(kind.accountable.rpartition("(")[2][:-1]) for kind in KINDS}
    strangers = {
        (entry.kind, entry.actor)
        for entry in entries
        if not re.fullmatch(expected[entry.kind].replace("<id>", "[0-9a-f-]{8,36}"), entry.actor)
    }

    assert strangers == set()
    assert len({entry.kind for entry in entries}) >= 25


def test_of_the_openings_those_of_the_living_are_kept_and_sealed(demo: tuple[Path, str]) -> None:
    with open_home(load_settings(demo[0]), clock=system_clock).transaction() as session:
        rows = list(session.scalars(select(LedgerOpening)))
        requests = {each.id: each.right for each in session.scalars(select(RightsRequest))}

    assert {requests[row.record] for row in rows} == {"access"}
    assert not [row for row in rows if row.about.encode() in row.sealed or b"subject" in row.sealed]


def test_no_identifier_of_the_sample_is_in_any_byte_outside_the_vault(demo: tuple[Path, str], tmp_path: Path) -> None:
    home, story = demo
    canaries = sorted({*_identifiers(tmp_path), *_disclosed(home)})

    found = _search(home, canaries, skip=("vault.db", "vault.db-wal", "vault.db-shm"))

    assert len(canaries) > 1_000
    assert found == []
    assert [c for c in canaries if c.decode() in story] == []


def test_the_search_for_identifiers_does_find_them_where_they_are(demo: tuple[Path, str]) -> None:
    home, _ = demo
    disclosed = _disclosed(home)

    found = _search(home.with_name(f"{home.name}-subject"), disclosed, skip=())

    assert {needle for _, needle in found} == set(disclosed)


def test_the_vault_holds_no_identifier_in_clear_either(demo: tuple[Path, str], tmp_path: Path) -> None:
    home, _ = demo

    assert _search(home / "identity", _identifiers(tmp_path), skip=()) == []


def _disclosed(home: Path) -> list[bytes]:
    """The identifiers of the subject whose access package was opened outside the home."""
    package = json.loads((home.with_name(f"{home.name}-subject") / "access.json").read_text(encoding="utf-8"))
    return [each["value"].encode() for each in package["identifiers"]]


def _identifiers(folder: Path) -> list[bytes]:
    """Identifiers of the demo's own sample, made again from its seed: a spread, and those typed into searches."""
    write_sample(folder / "again", SampleSettings())
    found: set[str] = set()
    with (folder / "again" / "events.ndjson").open("rb") as lines:
        for number, line in enumerate(lines):
            if number % 40 and b'"search"' not in line:
                continue
            try:
                event = json.loads(line)
                found.update(value for value in event["subject"].values() if isinstance(value, str) and len(value) > 6)
                found.add(event["event_id"])
                found.update(word for word in str(event.get("query", "")).split() if "@" in word)
            except (ValueError, KeyError, AttributeError, TypeError):
                continue
    return sorted({value.encode() for value in found})[:: max(1, len(found) // 3_000)]


def _search(folder: Path, needles: list[bytes], *, skip: tuple[str, ...]) -> list[tuple[str, bytes]]:
    """Where needles occur: all of them as words, and a spread of them anywhere, also inside other text."""
    words, anywhere = set(needles), needles[:: max(1, len(needles) // 200)]
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name not in skip:
            for text in (path.read_bytes(), _decoded(path)):
                found += [(path.name, word) for word in words.intersection(_WORD.findall(text))]
                found += [(path.name, needle) for needle in anywhere if needle in text]
    return found


def _decoded(path: Path) -> bytes:
    """Parquet is compressed and attestations are in base64: what they hold is searched as text."""
    if path.name.endswith(".dsse.json"):
        return decode_envelope(path.read_bytes()).payload
    if path.suffix != ".parquet":
        return b""
    table = pq.ParquetFile(path).read()
    values = {
        str(value) for column in table.columns if str(column.type) == "string" for value in column.unique().to_pylist()
    }
    return "\n".join(values).encode()
