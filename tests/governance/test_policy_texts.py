"""Policies on record: the entry with the digest, the text beside it, and homes from before texts were kept."""

from dataclasses import replace
from hashlib import sha256

import pytest
from sqlalchemy import Engine, delete, select
from sqlalchemy.orm import Session

from governance.database import transaction
from governance.errors import BrokenProof
from governance.ledger.search import Filter, follow
from governance.pipeline.policies import record_policies
from governance.policy.policies import Policies
from governance.policy.texts import PolicyText, find_text, keep_text
from tests.governance.builders import NOON, Build


def record(session: Session, policies: Policies) -> list[str]:
    return record_policies(session, policies, actor="role:operator", clock=lambda: NOON)


def edited(policies: Policies, text: str) -> Policies:
    """The policies with another text of the retention policy."""
    digest = sha256(text.encode()).hexdigest()
    return replace(policies, retention=replace(policies.retention, text=text, digest=digest))


def test_each_policy_on_record_has_its_text_under_the_digest_of_its_entry(session: Session, build: Build) -> None:
    record(session, build.policies)

    entries = follow(session, Filter(kinds=("policy.in_force",)))
    assert len(entries) == 7
    for entry in entries:
        assert find_text(session, str(entry.body["digest"])) == build.policies.texts[str(entry.body["name"])]


def test_a_policy_that_returns_to_an_earlier_text_is_two_more_entries_and_no_third_text(
    session: Session, build: Build
) -> None:
    other = edited(build.policies, "events_days: {}\n")

    changed = [record(session, each) for each in (build.policies, other, build.policies, build.policies)]

    assert [len(each) for each in changed] == [7, 1, 1, 0]
    assert len(session.scalars(select(PolicyText)).all()) == 8


def test_a_home_whose_entry_came_before_texts_were_kept_gets_the_text_and_no_entry(
    session: Session, build: Build
) -> None:
    record(session, build.policies)
    session.execute(delete(PolicyText))

    assert record(session, build.policies) == []
    assert len(session.scalars(select(PolicyText)).all()) == 7
    assert len(follow(session, Filter(kinds=("policy.in_force",)))) == 7


def test_text_and_entry_are_there_together_or_not_at_all(engine: Engine, build: Build) -> None:
    with pytest.raises(ZeroDivisionError), transaction(engine) as session:
        assert len(record(session, build.policies)) / 0

    with transaction(engine) as session:
        assert session.scalars(select(PolicyText)).all() == []
        assert follow(session) == []


def test_a_text_that_does_not_give_its_digest_is_neither_kept_nor_given_out(session: Session) -> None:
    digest = sha256(b"a: 1\n").hexdigest()
    with pytest.raises(BrokenProof, match="policy rights: the text that is kept does not give"):
        keep_text(session, "rights", digest, "a: 2\n", clock=lambda: NOON)
    keep_text(session, "rights", digest, "a: 1\n", clock=lambda: NOON)

    session.execute(PolicyText.__table__.update().values(text="a: 2\n"))

    with pytest.raises(BrokenProof, match=digest):
        find_text(session, digest)


@pytest.mark.parametrize("name", ["engine", pytest.param("postgres_engine", marks=pytest.mark.postgres)])
def test_a_text_kept_twice_is_kept_once(name: str, request: pytest.FixtureRequest) -> None:
    digest = sha256(b"a: 1\r\n").hexdigest()
    for _ in range(2):
        with transaction(request.getfixturevalue(name)) as session:
            keep_text(session, "rights", digest, "a: 1\r\n", clock=lambda: NOON)

    with transaction(request.getfixturevalue(name)) as session:
        assert find_text(session, digest) == "a: 1\r\n"


def test_a_digest_without_a_text_has_none(session: Session) -> None:
    assert find_text(session, "ab" * 32) is None
