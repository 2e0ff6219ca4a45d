"""Finding entries by kind, moment, actor and what they name."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from governance.database import reading, transaction
from governance.errors import InvalidInput
from governance.ledger.search import Filter, search
from governance.ledger.sequencer import mentions_of
from governance.ledger.store import append

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
MODEL = "7f0c2c6e-53a5-4f0e-9d1c-0a4f3f6f2b10"
DIGEST = "ab" * 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    kind: ClassVar[str] = "model.trained"
    version: ClassVar[int] = 1

    model: str
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserved:
    kind: ClassVar[str] = "budget.reserved"
    version: ClassVar[int] = 1

    release: str


@pytest.fixture
def searched(log: Engine) -> Engine:
    events = [
        (Trained(model=MODEL), "role:engineer"),
        (Reserved(release=DIGEST), "role:engineer"),
        (Trained(model="other", inputs=(DIGEST, MODEL)), "key:ci"),
        (Reserved(release="none"), "role:dpo"),
    ]
    with transaction(log) as session:
        for number, (event, actor) in enumerate(events):
            at = NOON + timedelta(hours=number)
            append(session, event, actor=actor, entry_id=UUID(int=number), clock=lambda at=at: at)
    return log


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Filter(), [3, 2, 1, 0]),
        (Filter(kinds=("model.trained",)), [2, 0]),
        (Filter(kinds=("budget.",)), [3, 1]),
        (Filter(kinds=("budget",)), []),
        (Filter(kinds=("bud%",)), []),
        (Filter(kinds=("model.", "budget.reserved")), [3, 2, 1, 0]),
        (Filter(since=NOON + timedelta(hours=1)), [3, 2, 1]),
        (Filter(until=NOON + timedelta(hours=1)), [0]),
        (Filter(since=NOON + timedelta(hours=1), until=NOON + timedelta(hours=3)), [2, 1]),
        (Filter(actor="role:engineer"), [1, 0]),
        (Filter(mentions=MODEL), [2, 0]),
        (Filter(mentions=DIGEST), [2, 1]),
        (Filter(mentions=DIGEST, kinds=("budget.",)), [1]),
        (Filter(mentions="other"), []),
    ],
)
def test_entries_are_found_by_every_field(searched: Engine, wanted: Filter, found: list[int]) -> None:
    with reading(searched) as session:
        assert [entry.seq for entry in search(session, wanted)] == found
        assert [entry.seq for entry in search(session, wanted, before_seq=2, limit=1)] == [s for s in found if s < 2][
            :1
        ]


def test_a_naive_moment_is_refused() -> None:
    with pytest.raises(InvalidInput, match="since: expected an aware moment"):
        Filter(since=datetime(2026, 3, 14))  # noqa: DTZ001 - the point of the test


def test_ids_and_digests_are_named_and_words_are_not() -> None:
    body = {"a": MODEL, "b": "ease", "c": [DIGEST, 3, None], "d": {"e": DIGEST[:40]}, "f": 1.5, "g": MODEL.upper()}

    assert mentions_of(body) == {MODEL, DIGEST}


@given(st.uuids(), st.binary(min_size=16, max_size=64))
def test_every_uuid_and_every_digest_is_named(identity: UUID, digest: bytes) -> None:
    assert mentions_of({"one": str(identity), "two": digest.hex()}) == {str(identity), digest.hex()}
