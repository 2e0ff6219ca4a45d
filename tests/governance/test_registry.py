from dataclasses import replace
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from governance.errors import Conflict, EmptySnapshot, NotFound
from governance.evidence.chain import chain_of
from governance.ledger.search import Filter, follow
from governance.registry import lineage, models
from governance.registry.events import BatchIngested
from governance.rights.memory import memory_of
from tests.governance.builders import Build

BATCH = BatchIngested(
    batch="b1", written={"rating": 5}, dropped={"no consent": 2}, quarantined=1, lake_versions={"rating": 3}
)


def test_a_batch_that_is_recorded_twice_is_recorded_once(session: Session, build: Build) -> None:
    for batch in (BATCH, replace(BATCH, quarantined=9)):
        lineage.register_batch(session, batch, actor=build.actor, clock=build.clock)

    (row,) = lineage.list_batches(session)
    assert (row.written, row.dropped, row.quarantined) == ({"rating": 5}, {"no consent": 2}, 1)
    assert len(follow(session, Filter(kinds=("registry.batch_ingested",)))) == 1


def test_a_snapshot_keeps_its_manifest_in_one_encoding_and_no_subject_in_it(session: Session, build: Build) -> None:
    who = {"actor": build.actor, "clock": build.clock}
    one = lineage.register_snapshot(session, {"b": 1, "a": 2}, ["s1", "s2", "s1"], snapshot_id=build.id("1"), **who)
    two = lineage.register_snapshot(session, {"a": 2, "b": 1}, ["s3"], snapshot_id=build.id("2"), **who)

    assert one.manifest == '{"a":2,"b":1}'
    assert one.digest == two.digest == "d3626ac30a87e6f7a6428233b3c68299976865fa5508e4267c5415c76af7a772"
    assert (one.subjects, lineage.count_memberships(session, "s1")) == (2, 1)
    assert [each.id for each in lineage.list_snapshots(session)] == sorted([one.id, two.id], key=lambda i: i.hex)


def test_a_snapshot_of_nobody_is_refused(session: Session, build: Build) -> None:
    with pytest.raises(EmptySnapshot, match="nothing to train on"):
        lineage.register_snapshot(session, {}, [], snapshot_id=build.id("1"), actor=build.actor, clock=build.clock)


def test_every_model_that_saw_a_subject_is_named_with_what_bounds_it(session: Session, build: Build) -> None:
    ada = build.principal(session, "Ada", "engineer")
    first, second = build.release(session, "one", ("s1", "s2")), build.release(session, "two", ("s2",), epsilon=3.0)
    build.model(session, "m1", first, ada)
    build.model(session, "m2", second, ada)
    build.model(session, "m3", second, ada)

    seen = {(each.model_id, each.guarantee["epsilon"]) for each in lineage.generations_that_saw(session, "s2")}
    assert seen == {(build.id("m1"), 2.0), (build.id("m2"), 3.0), (build.id("m3"), 3.0)}
    assert [each.model_id for each in lineage.generations_that_saw(session, "s1")] == [build.id("m1")]
    assert lineage.generations_that_saw(session, "stranger") == []


def test_a_model_that_cost_more_than_its_release_is_bounded_by_both_together(session: Session, build: Build) -> None:
    ada = build.principal(session, "Ada", "engineer")
    release = build.release(session, "one", ("s1",), epsilon=2.0, together=build.guarantee(3.0))
    paid, free = (build.model(session, kind, release, ada, kind) for kind in ("autoencoder", "ease"))

    assert lineage.guarantee_of(session, paid)["epsilon"] == memory_of(session, paid).guarantee["epsilon"] == 3.0
    assert lineage.guarantee_of(session, free)["epsilon"] == memory_of(session, free).guarantee["epsilon"] == 2.0
    facts = {each.name: dict(each.facts) for each in chain_of(session, paid.id).steps}
    assert facts["Model"]["epsilon, with its release"] == "3.0"
    assert facts["Release"]["epsilon"] == "2.0"
    assert "epsilon, with its release" not in dict(chain_of(session, free.id).steps[6].facts)


def test_a_snapshots_list_is_of_those_who_are_left(session: Session, build: Build) -> None:
    build.release(session, "one", ("s3", "s1", "s2"))
    build.release(session, "two", ("s4",))
    lineage.forget_memberships(session, "s2")
    snapshot = build.id("snapshot one")

    assert lineage.members_of(session, snapshot) == ["s1", "s3"]
    assert lineage.count_members(session, snapshot) == 2
    assert [lineage.is_member(session, each, snapshot) for each in ("s1", "s2", "s4")] == [True, False, False]


def test_a_forgotten_subject_is_in_no_snapshot(session: Session, build: Build) -> None:
    build.release(session, "one", ("s1", "s2"))
    build.release(session, "two", ("s1",))

    assert set(lineage.snapshots_of(session, "s1")) == {build.id("snapshot one"), build.id("snapshot two")}
    assert lineage.forget_memberships(session, "s1") == 2
    assert (lineage.count_memberships(session, "s1"), lineage.count_memberships(session, "s2")) == (0, 1)


def test_the_same_artefact_is_not_registered_twice(session: Session, build: Build) -> None:
    ada, release = build.principal(session, "Ada", "engineer"), build.release(session, "one", ("s1",))
    model = build.model(session, "m1", release, ada)

    with pytest.raises(Conflict):
        build.model(session, "m1", release, ada)
    assert models.list_models(session, state="registered") == [model]
    assert models.list_models(session, state="deployed") == []


def test_a_report_belongs_to_one_model(session: Session, build: Build) -> None:
    ada, release = build.principal(session, "Ada", "engineer"), build.release(session, "one", ("s1",))
    one, two = (build.model(session, name, release, ada) for name in ("m1", "m2"))
    paths = {"path_json": "r.json", "path_html": "r.html", "actor": build.actor, "clock": build.clock}
    first = models.register_report(session, one, "ab" * 32, **paths)

    assert models.register_report(session, one, "ab" * 32, **paths) is first
    assert models.list_reports(session, one) == [first]
    with pytest.raises(Conflict, match="registered for another model"):
        models.register_report(session, two, "ab" * 32, **paths)


def test_the_ledger_tells_the_whole_way_from_money_to_model(session: Session, build: Build) -> None:
    ada = build.principal(session, "Ada", "engineer")
    build.model(session, "m1", build.release(session, "one", ("s1",)), ada)

    assert [entry.kind for entry in follow(session)] == [
        "access.principal_added",
        "budget.reserved",
        "registry.snapshot_taken",
        "budget.reading_begun",
        "registry.release_made",
        "budget.spent",
        "registry.model_registered",
    ]


@pytest.mark.parametrize("get", [lineage.get_snapshot, models.get_model], ids=["snapshot", "model"])
def test_what_was_never_registered_is_not_found(session: Session, get: object) -> None:
    with pytest.raises(NotFound):
        get(session, UUID(int=0))  # type: ignore[operator]


@pytest.mark.parametrize("get", [lineage.get_release, models.get_report], ids=["release", "report"])
def test_no_artefact_is_found_under_an_unknown_digest(session: Session, get: object) -> None:
    with pytest.raises(NotFound, match="00"):
        get(session, "00")  # type: ignore[operator]


def test_a_model_whose_subjects_were_erased_without_a_certificate_does_not_say_that_nobody_was(
    session: Session, build: Build
) -> None:
    ada = build.principal(session, "Ada", "engineer")
    model = build.model(session, "m1", build.release(session, "one", ("s1", "s2", "s3")), ada)
    assert memory_of(session, model).because == "no need: nobody in it was erased"

    lineage.forget_memberships(session, "s1")
    said = memory_of(session, model)
    assert (said.erased, said.retrain_by) == (1, None)
    assert said.because == "not known: one of its subjects was erased, and no certificate that is kept says by when"
    lineage.forget_memberships(session, "s2")
    assert memory_of(session, model).because.startswith("not known: 2 of its subjects were erased")
