"""Calls that may be repeated: the id of what they make is random, found again for a day, and then forgotten."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import Engine, func, select

from governance.access.calls import CallKey, call_key, forget_calls_that_made, id_of_call, name_call
from governance.access.tables import Call, Principal
from governance.database import reading, transaction
from governance.rights.requests import receive, refuse
from pseudonymisation.boxes import BoxKey
from pseudonymisation.keyring import EventIdKey
from tests.governance.house import House

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)
FRONT = Principal(id=UUID(int=1), name="front end", roles=["frontend"], added_at=NOON)
OTHER = Principal(id=UUID(int=2), name="another", roles=["frontend"], added_at=NOON)
KEY = CallKey(bytes(range(32)))
NAME = b"n" * 32
BOTH = pytest.mark.parametrize("database", ["engine", pytest.param("postgres_engine", marks=pytest.mark.postgres)])


def at(moment: datetime) -> Callable[[], datetime]:
    return lambda: moment


def called(engine: Engine, fresh: int, *, name: bytes = NAME, now: datetime = NOON) -> UUID:
    with transaction(engine) as session:
        return id_of_call(session, name, UUID(int=fresh), clock=at(now))


def rows(engine: Engine) -> int:
    with reading(engine) as session:
        return session.scalar(select(func.count()).select_from(Call)) or 0


def test_a_call_has_the_name_that_openssl_computes_from_its_parts() -> None:
    # openssl dgst -sha256 -mac HMAC -macopt hexkey:000102…1f, over these four, each after its length in four bytes:
    # probity/call-name/v1, 00…01 (16 bytes), rights_request, form-81
    expected = "9533feff812576665f0e0ee7be8fed8e094421fc7c9b1bd3d16a11eba9d3e257"

    assert name_call(KEY, FRONT, "rights_request", "form-81").hex() == expected


def test_a_name_follows_from_all_its_parts_and_the_homes_key() -> None:
    name = name_call(KEY, FRONT, "rights_request", "form-81")

    assert name != name_call(CallKey(bytes(32)), FRONT, "rights_request", "form-81")
    assert name != name_call(KEY, OTHER, "rights_request", "form-81")
    assert name != name_call(KEY, FRONT, "review", "form-81")
    assert name != name_call(KEY, FRONT, "rights_request", "form-82")


def test_the_homes_key_is_not_the_one_it_follows_from_and_is_not_printed() -> None:
    key = call_key(EventIdKey(1, bytes(range(32))))

    assert key.material != bytes(range(32))
    assert len(key.material) == 32
    assert f"{key} {key!r}" == "CallKey(…) CallKey(…)"


@BOTH
def test_a_repeated_call_is_given_the_first_ones_id_for_a_day(database: str, request: pytest.FixtureRequest) -> None:
    engine: Engine = request.getfixturevalue(database)

    assert called(engine, 7) == UUID(int=7)
    assert called(engine, 8, now=NOON + DAY) == UUID(int=7)
    assert called(engine, 9, name=b"o" * 32) == UUID(int=9)
    assert called(engine, 10, now=NOON + DAY + TICK) == UUID(int=10)
    assert rows(engine) == 1


@BOTH
def test_of_two_calls_at_once_the_second_waits_and_is_given_the_firsts_id(
    database: str, request: pytest.FixtureRequest
) -> None:
    engine: Engine = request.getfixturevalue(database)
    found: list[UUID] = []
    second = threading.Thread(target=lambda: found.append(called(engine, 8)))
    with transaction(engine) as session:
        first = id_of_call(session, NAME, UUID(int=7), clock=at(NOON))
        second.start()
        second.join(0.2)
        assert second.is_alive()
    second.join(30)

    assert (first, found) == (UUID(int=7), [UUID(int=7)])


@BOTH
def test_a_call_that_was_rolled_back_leaves_its_name_to_the_one_that_waited(
    database: str, request: pytest.FixtureRequest
) -> None:
    engine: Engine = request.getfixturevalue(database)
    found: list[UUID] = []
    second = threading.Thread(target=lambda: found.append(called(engine, 8)))
    with transaction(engine) as session:
        id_of_call(session, NAME, UUID(int=7), clock=at(NOON))
        second.start()
        second.join(0.2)
        session.rollback()
    second.join(30)

    assert found == [UUID(int=8)]


def test_what_a_call_made_can_be_asked_to_be_forgotten(engine: Engine) -> None:
    called(engine, 7)
    called(engine, 9, name=b"o" * 32)
    with transaction(engine) as session:
        forget_calls_that_made(session, [UUID(int=7), UUID(int=100)])

    assert called(engine, 8) == UUID(int=8)
    assert called(engine, 10, name=b"o" * 32) == UUID(int=9)


def test_an_erasure_forgets_how_the_subjects_other_requests_were_called(house: House) -> None:
    def remember(session: object, made: UUID) -> None:
        id_of_call(session, made.bytes * 2, made, clock=house.build.clock)  # type: ignore[arg-type]

    with transaction(house.engine) as session:
        front = house.build.principal(session, "front end other", "frontend")
        other = receive(
            session,
            "access",
            "gdpr",
            house.jane["rights"],  # type: ignore[arg-type]
            request_id=house.build.id("other"),
            principal=front,
            policy=house.build.policies.rights.value,
            clock=house.build.clock,
            manner="email",
            box_key=BoxKey(bytes(range(32))),
        )
        refuse(session, other, front, "excessive", clock=house.build.clock)
        for made in (other.id, house.build.id("request"), house.build.id("somebody else's")):
            remember(session, made)
    house.ask("erasure")()

    with reading(house.engine) as session:
        left = set(session.scalars(select(Call.made)))
    assert left == {house.build.id("request"), house.build.id("somebody else's")}
