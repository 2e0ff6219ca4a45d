"""Groups of subjects in a home: from what they declare to the report, the gate, the page and what leaves the house."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import pytest

from audits.mitigation.report import MitigationReport
from audits.report import Report
from audits.verdict import Outcome
from governance.clock import system_clock
from governance.consent.merging import Decision
from governance.consent.recording import record
from governance.ledger.search import Filter, follow
from governance.pipeline.audit import audit_model, decide_on
from governance.pipeline.audit_disclosure import disclose_latest
from governance.pipeline.declared import GROUPS, in_force
from governance.pipeline.home import OPERATOR, Home, initialise, open_home
from governance.pipeline.ingest import Recorder, ingest, open_gateway
from governance.pipeline.measured import read_everybody
from governance.pipeline.mitigate import mitigate
from governance.pipeline.retention import run_retention
from governance.pipeline.snapshot import take_snapshot
from governance.pipeline.train import train
from governance.registry.models import latest_report, list_models
from governance.registry.reports import read_report
from governance.registry.tables import Model
from governance.resources import policies_dir
from governance.settings import load_settings
from pseudonymisation.declarations import Attribute
from pseudonymisation.gateway.batch import ingest_batch
from pseudonymisation.pseudonym import Pseudonym
from pseudonymisation.sources.registry import open_source
from pseudonymisation.sources.wire import declaration_line
from tests.pipeline.walked import person

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
AGE = {"age": Attribute(groups=("young", "old"), ground="LIA")}
RULES = """
  - id: by-gender
    metric: ndcg
    group: gender
    comparison: at_most
    limit: 0.999
    level: error
    min_subjects: 10
    rationale: for a test, and whatever lot decides who is held out
    approved_by: board
"""


# What is in force


def declarations(*rows: tuple[str, int, str, str]) -> pa.Table:
    """Rows of (subject, minute, attribute, group), usable for audits."""
    return pa.table(
        {
            "subject": [row[0] for row in rows],
            "at": pa.array([NOON.replace(minute=row[1]) for row in rows], pa.timestamp("us", tz="UTC")),
            "attribute": [row[2] for row in rows],
            "group": [row[3] for row in rows],
            "purposes": pa.array([["exposure_audit"]] * len(rows), pa.list_(pa.string())),
        }
    )


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ([("a", 1, "age", "young"), ("a", 2, "age", "old")], [("a", "age", "old")]),
        ([("a", 2, "age", "old"), ("a", 1, "age", "young")], [("a", "age", "old")]),
        ([("a", 1, "age", "young"), ("a", 1, "age", "young")], [("a", "age", "young")]),
        ([("a", 1, "age", "young"), ("a", 1, "age", "old")], []),
        ([("a", 1, "age", "young"), ("a", 2, "age", "unknown")], []),
        ([("a", 1, "age", "young"), ("a", 2, "age", "ancient")], []),
        ([("a", 1, "sect", "young")], []),
        ([("z", 1, "age", "young")], []),
        ([("b", 1, "age", "old"), ("a", 9, "age", "young")], [("a", "age", "young"), ("b", "age", "old")]),
        ([], []),
    ],
)
def test_the_newest_declaration_counts_and_none_where_it_was_taken_back_or_contradicts_itself(
    rows: list[tuple[str, int, str, str]], found: list[tuple[str, str, str]]
) -> None:
    told = in_force(declarations(*rows), ["a", "b"], purpose="exposure_audit", attributes=AGE)

    assert told.schema == GROUPS
    assert [tuple(row.values()) for row in told.to_pylist()] == found


def test_a_declaration_for_another_purpose_is_not_read() -> None:
    rows = declarations(("a", 1, "age", "young"))

    assert in_force(rows, ["a"], purpose="model_training", attributes=AGE).num_rows == 0


# A home


def gender_of(account: str) -> str:
    return ("female", "male")[sha256(account.encode()).digest()[0] % 2]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A generated service, and its subjects' accounts."""
    from pseudonymisation.sources.sample import SampleSettings, write_sample

    folder = tmp_path_factory.mktemp("service") / "sample"
    write_sample(folder, SampleSettings(subjects=300, titles=80))
    (folder / "declarations.ndjson").unlink()
    lines = (folder / "consents.ndjson").read_bytes().splitlines()
    return folder, sorted({json.loads(line)["subject"]["account_id"] for line in lines})


@pytest.fixture(scope="module")
def trained(service: tuple[Path, list[str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a model, in which nobody has declared anything."""
    folder = tmp_path_factory.mktemp("trained") / "home"
    shutil.copytree(policies_dir(), folder / "policies")
    rules = (folder / "policies/fairness.yaml").read_text().replace("replicates: 1000", "replicates: 200")
    (folder / "policies/fairness.yaml").write_text(rules + RULES)
    home = initialise(load_settings(folder), clock=system_clock)
    ingest(home, open_source(service[0]))
    engineer = person(home, "engineer", "engineer")
    train(home, take_snapshot(home, snapshot_id=uuid4()), training_id=uuid4(), author=engineer)
    return folder


@pytest.fixture(scope="module")
def told(service: tuple[Path, list[str]], trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same after everybody has declared a gender and the model was audited and decided on."""
    home = copied(trained, tmp_path_factory.mktemp("told"))
    declare(home, {account: gender_of(account) for account in service[1]})
    audit_model(home, ease(home).id)
    home.engine.dispose()
    return home.settings.home


@pytest.fixture
def untold(trained: Path, tmp_path: Path) -> Iterator[Home]:
    home = copied(trained, tmp_path)
    yield home
    home.engine.dispose()


@pytest.fixture
def home(told: Path, tmp_path: Path) -> Iterator[Home]:
    home = copied(told, tmp_path)
    yield home
    home.engine.dispose()


def copied(folder: Path, to: Path) -> Home:
    return open_home(load_settings(shutil.copytree(folder, to / "home")), clock=system_clock)


def ease(home: Home) -> Model:
    with home.transaction() as session:
        (model,) = (each for each in list_models(session) if each.kind == "ease" and not each.prices)
        return model


def declare(home: Home, groups: dict[str, str], *, at: datetime = NOON, attribute: str = "gender") -> None:
    lines = [
        declaration_line(f"{account}-{attribute}-{at}", json.dumps({"account_id": account}), attribute, group, at)
        for account, group in groups.items()
    ]
    Recorder(home).accepted(ingest_batch(lines, open_gateway(home), source=f"declared {at}"))


def stored(home: Home) -> Report:
    """The newest report on the model."""
    with home.transaction() as session:
        return Report.from_json(read_report(home.settings.home, latest_report(session, ease(home))))


def sizes(report: Report) -> dict[str, int]:
    """Subjects with a list by what they declared."""
    return {size.group: size.subjects for size in report.group_sizes}


def audited(home: Home) -> dict[str, int]:
    """The same of a new audit."""
    return sizes(audit_model(home, ease(home).id).report)


def object_to_audits(home: Home, subject: str) -> None:
    decision = Decision(
        subject=subject, purpose="exposure_audit", choice="withdraw", decided_at=NOON, notice="v1", method="banner"
    )
    policy = home.policies.purposes.value
    with home.transaction() as session:
        record(session, [decision], batch_id=uuid4(), policy=policy, actor=OPERATOR, clock=home.clock)


def test_the_report_has_quality_by_group_the_worst_group_and_the_gaps(home: Home) -> None:
    report = stored(home)
    found = {(each.metric, each.group): each for each in report.measurements if each.group}

    women, men = found["ndcg", "gender = female"], found["ndcg", "gender = male"]
    assert sizes(report) == {"gender = female": women.n, "gender = male": men.n}
    assert women.n + men.n == report.subjects
    assert found["worst_ndcg", "gender = worst"].value == min(women.value, men.value)
    assert found["ndcg_ratio", "gender = worst to best"].value == pytest.approx(
        min(women.value, men.value) / max(women.value, men.value)
    )
    assert found["ndcg_gap", "gender = female"].value == pytest.approx(women.value - men.value)
    assert women.low < women.value < women.high


def test_the_gate_decides_by_group_and_its_page_shows_it(home: Home) -> None:
    decision = decide_on(home, ease(home).id, decision_id=uuid4())
    findings = {finding.about: finding for finding in decision.findings if finding.rule == "by-gender"}
    pages = [path.read_text() for path in (home.settings.home / "reports").glob("*.html")]

    assert {about: each.verdict for about, each in findings.items()} == {
        "gender = female": Outcome.PASS,
        "gender = male": Outcome.PASS,
    }
    measured = {row.group: row.value for row in stored(home).select("ndcg") if row.group in findings}
    assert {about: each.value for about, each in findings.items()} == measured
    assert len(set(measured.values())) > 1  # each gender's own, and not everybody's
    assert any("by-gender" in page and "gender = female" in page for page in pages)


def test_a_rule_on_groups_that_nobody_declared_is_not_met(untold: Home) -> None:
    report = audit_model(untold, ease(untold).id).report
    decision = decide_on(untold, ease(untold).id, decision_id=uuid4())
    (finding,) = (each for each in decision.findings if each.rule == "by-gender")

    assert report.group_sizes == ()
    assert (finding.verdict, finding.blocks) == (Outcome.FAIL, True)
    assert finding.sentence.startswith("There are no subjects by gender.")


def test_a_division_in_which_too_many_declared_nothing_is_no_evidence(
    untold: Home, service: tuple[Path, list[str]]
) -> None:
    declare(untold, {account: gender_of(account) for account in service[1] if account[-1] not in "12"})
    audit_model(untold, ease(untold).id)
    decision = decide_on(untold, ease(untold).id, decision_id=uuid4())
    findings = [each for each in decision.findings if each.rule == "by-gender"]

    assert {each.verdict for each in findings} == {Outcome.INCONCLUSIVE}
    assert all("of the subjects, whose group is unknown" in each.sentence for each in findings)
    assert decision.outcome != Outcome.PASS


def test_a_correction_and_a_retraction_hold_from_the_next_audit_on(home: Home, service: tuple[Path, list[str]]) -> None:
    before = sizes(stored(home))
    women = [account for account in service[1] if gender_of(account) == "female"]
    declare(home, dict.fromkeys(women, "male"), at=NOON.replace(hour=13))
    corrected = audited(home)
    declare(home, dict.fromkeys(women, "unknown"), at=NOON.replace(hour=14))
    # A former declaration that arrives late changes nothing.
    declare(home, dict.fromkeys(women, "female"), at=NOON.replace(hour=11))

    assert corrected == {"gender = male": sum(before.values())}
    assert audited(home) == {"gender = male": before["gender = male"]}


def test_whoever_objects_to_audits_is_in_none_with_what_they_had_declared(
    home: Home, service: tuple[Path, list[str]]
) -> None:
    before = sizes(stored(home))
    rows = home.lake.scan("declaration", columns=["subject", "group"]).to_pylist()
    women = [Pseudonym(row["subject"]) for row in rows if row["group"] == "female"]
    pseudonyms = home.vault.translate(women, source="events", target="consent")
    for subject in pseudonyms.values():
        object_to_audits(home, subject)

    assert audited(home) == {"gender = male": before["gender = male"]}
    assert before["gender = female"] > 10
    declare(home, dict.fromkeys(service[1], "nonbinary"), at=NOON.replace(hour=13))
    assert home.lake.count("declaration", subjects=list(pseudonyms)) == len(pseudonyms)


def test_what_policy_no_longer_lists_is_no_longer_read(home: Home) -> None:
    loaded = home.policies.minimisation
    silent = replace(loaded, value=replace(loaded.value, attributes={}))
    unlisted = replace(home, policies=replace(home.policies, minimisation=silent))

    assert audit_model(unlisted, ease(home).id).report.group_sizes == ()


def test_a_training_reads_nothing_of_what_subjects_declare(untold: Home, service: tuple[Path, list[str]]) -> None:
    before = take_snapshot(untold, snapshot_id=uuid4())
    measured = read_everybody(untold, before)
    declare(untold, {account: gender_of(account) for account in service[1]})
    after = take_snapshot(untold, snapshot_id=uuid4())
    again = read_everybody(untold, after)

    assert untold.lake.count("declaration") > 200
    assert json.loads(after.manifest) == json.loads(before.manifest)
    assert "declaration" not in json.loads(after.manifest)["lake"]
    assert (again.subjects, again.items) == (measured.subjects, measured.items)
    assert (again.matrix != measured.matrix).nnz == 0


def test_the_report_on_prices_says_who_pays_by_declared_group_and_by_activity(
    home: Home,
) -> None:
    made = mitigate(home, ease(home).id, mitigated_id=uuid4(), author=person(home, "ada", "engineer"))
    (path,) = (name for name in made.files if name.endswith("report.json"))
    report = MitigationReport.from_json((home.settings.home / path).read_bytes())
    rows = {(row.attribute, row.group): row for row in report.utility if row.measure == "ndcg"}

    assert {attribute for attribute, _ in rows} == {None, "activity", "gender"}
    assert rows["gender", "female"].n + rows["gender", "male"].n == rows[None, None].n
    assert rows["gender", "female"].kept is not None


def test_a_published_report_suppresses_groups_that_are_too_small(home: Home) -> None:
    small = max(sizes(stored(home)).values()) + 1
    engineer = person(home, "eve", "engineer")
    shown = disclose_latest(home, ease(home).id, at_least=10, principal=engineer).publication.to_json()
    hidden = disclose_latest(home, ease(home).id, at_least=small, principal=engineer).publication.to_json()

    assert b"gender = female" in shown
    assert b"gender = female" not in hidden
    assert b"gender = male" not in hidden


def test_declarations_end_with_retention(home: Home) -> None:
    later = replace(home, clock=lambda: NOON.replace(year=2029))
    run = run_retention(later)

    assert run.events["declaration"].count > 200
    assert home.lake.count("declaration") == 0
    with home.transaction() as session:
        (entry,) = follow(session, Filter(kinds=("retention.run",)), limit=10)
    assert entry.body["events"]["declaration"] == run.events["declaration"].count


def test_retention_deletes_what_subjects_have_corrected_and_an_audit_says_the_same_afterwards(
    home: Home, service: tuple[Path, list[str]]
) -> None:
    stored_once = home.lake.count("declaration")
    declare(home, dict.fromkeys(service[1][:100], "nonbinary"), at=NOON.replace(hour=13))
    corrected = home.lake.count("declaration") - stored_once
    early = replace(home, clock=lambda: NOON.replace(day=2))
    rows = home.lake.scan("declaration", columns=["subject", "at", "attribute", "group", "purposes"])
    everybody = rows["subject"].unique().to_pylist()
    asked = {"purpose": "exposure_audit", "attributes": home.policies.minimisation.value.attributes}
    before = in_force(rows, everybody, **asked)

    assert run_retention(early, dry_run=True).events["declaration"].count == corrected > 50
    assert home.lake.count("declaration") == stored_once + corrected
    assert run_retention(early).events["declaration"].count == corrected
    assert run_retention(early).events["declaration"].count == 0
    left = home.lake.scan("declaration", columns=rows.column_names)
    assert left.num_rows == stored_once == before.num_rows
    assert in_force(left, everybody, **asked).equals(before)


def test_the_log_counts_declarations_and_repeats_none(untold: Home, service: tuple[Path, list[str]]) -> None:
    declare(untold, {service[1][0]: "female", service[1][1]: "anna@example.org", service[1][2]: "male"})
    with untold.transaction() as session:
        entry = follow(session, Filter(kinds=("registry.batch_ingested",)), limit=100)[-1]

    assert entry.body["dropped"]["not listed"] == 1
    assert b"female" not in entry.encoded
    assert b"anna" not in entry.encoded
