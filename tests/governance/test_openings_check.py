"""Openings that somebody touched are named; those that were erased are no finding."""

from uuid import UUID

import pytest
from sqlalchemy import Engine, select, update

from governance.access.tables import Principal
from governance.database import reading, transaction
from governance.errors import BrokenProof
from governance.ledger.opening import LedgerOpening, keep_opening
from governance.rights.openings import VaultBoxes
from governance.rights.openings_check import CheckedOpenings, check_openings
from governance.rights.requests import receive
from pseudonymisation.pseudonym import Pseudonym
from tests.governance.house import House


@pytest.fixture
def boxes(house: House) -> VaultBoxes:
    """With two requests on record, of Jane and of Bob."""
    boxes = VaultBoxes(house.tools.vault)
    for name, subject in (("one", house.jane["rights"]), ("two", house.bob["rights"])):
        with transaction(house.engine) as session:
            house.build.principal(session, f"front {name}", "frontend")
            receive(
                session,
                "access",
                "gdpr",
                Pseudonym(subject),
                request_id=house.build.id(name),
                principal=session.get_one(Principal, house.build.id(f"front {name}")),
                policy=house.build.policies.rights.value,
                clock=house.build.clock,
                manner="email",
                box_key=boxes.box_key(Pseudonym(subject), house.build.id(name)),
            )
    return boxes


def commitments(engine: Engine) -> list[str]:
    with reading(engine) as session:
        return list(session.scalars(select(LedgerOpening.commitment).order_by(LedgerOpening.commitment)))


def test_every_opening_opens_the_commitment_of_its_entry(house: House, boxes: VaultBoxes) -> None:
    told: list[tuple[int, int]] = []

    found = check_openings(house.engine, boxes, progress=lambda *step: told.append(step))

    assert found == CheckedOpenings(opened=2, without_key=0)
    assert told == [(1, 2), (2, 2)]


@pytest.mark.parametrize("sealed", [bytes(200), b"", b"x"])
def test_an_opening_that_was_overwritten_is_named(sealed: bytes, house: House, boxes: VaultBoxes) -> None:
    first = commitments(house.engine)[0]
    with transaction(house.engine) as session:
        session.execute(update(LedgerOpening).where(LedgerOpening.commitment == first).values(sealed=sealed))

    with pytest.raises(BrokenProof, match=f"^ledger_opening, commitment {first}: what is sealed there does not open"):
        check_openings(house.engine, boxes)


def test_an_opening_kept_as_text_is_named(house: House, boxes: VaultBoxes) -> None:
    with house.engine.begin() as connection:
        connection.exec_driver_sql("update ledger_opening set sealed = 'text'")

    with pytest.raises(BrokenProof, match=r"^ledger_opening, commitment [0-9a-f]{64}: what is sealed"):
        check_openings(house.engine, boxes)


def test_an_opening_of_another_subject_is_named(house: House, boxes: VaultBoxes) -> None:
    with transaction(house.engine) as session:
        session.execute(update(LedgerOpening).values(about=house.bob["rights"]))

    with pytest.raises(BrokenProof, match=r"^ledger_opening, commitment [0-9a-f]{64}: what is sealed"):
        check_openings(house.engine, boxes)


def test_an_opening_of_no_entry_is_named(house: House, boxes: VaultBoxes) -> None:
    with transaction(house.engine) as session:
        keep_opening(session, "ab" * 32, about="nobody", record=UUID(int=1), sealed=b"")

    with pytest.raises(BrokenProof, match=f"^ledger_opening, commitment {'ab' * 32}: "):
        check_openings(house.engine, boxes)


def test_openings_whose_key_an_erasure_has_destroyed_are_counted_apart(house: House, boxes: VaultBoxes) -> None:
    house.tools.vault.erase(Pseudonym(house.jane["rights"]), domain="rights")

    assert check_openings(house.engine, boxes) == CheckedOpenings(opened=1, without_key=1)
