"""What subjects are told of questions who they are, while these are open and after."""

import json
from dataclasses import replace
from typing import Any

import pytest

from governance.database import transaction
from governance.ledger.opening import count_openings
from governance.policy.rules import ReidentificationRule
from governance.reidentification.procedure import approve, ask, expire, get_case
from governance.rights.cases import told
from governance.rights.certificate import Certificate, verify_certificate
from pseudonymisation.disclosure import open_package
from tests.governance.house import SIGNER, House

WITHHOLDING, TELLING = ReidentificationRule(), ReidentificationRule(tell_open=True)


def _ask(house: House, name: str, *, approved: bool = False) -> None:
    build = house.build
    with transaction(house.engine) as session:
        officer, board = (build.principal(session, f"{name} {role}", role) for role in ("officer", "board"))
        given = {"ground": "court_order", "case_id": build.id(name), "rule": WITHHOLDING, "clock": build.clock}
        ask(session, house.tools.vault, house.jane["events"], "events", officer, **given)
        if approved:
            approve(session, get_case(session, build.id(name)), board, clock=build.clock)


def _told(house: House, rule: ReidentificationRule) -> tuple[list[Any], int]:
    with transaction(house.engine) as session:
        parts = told(session, house.jane["rights"], rule)
    return parts["reidentification"]["cases"], parts["openings"]["kept"]


def _close(house: House) -> None:
    later = house.build.clock().replace(month=12)
    with transaction(house.engine) as session:
        assert expire(session, actor="role:system", clock=lambda: later) == 1


def test_a_case_is_told_with_ground_and_state_once_it_is_over(house: House) -> None:
    _ask(house, "case", approved=True)
    case = {"ground": "court_order", "asked_on": "2026-11-23"}

    assert _told(house, WITHHOLDING) == ([], 0)
    assert _told(house, TELLING) == ([{**case, "state": "approved"}], 2)
    _close(house)
    assert _told(house, WITHHOLDING) == ([{**case, "state": "expired"}], 3)


def test_a_package_with_an_open_case_says_the_same_as_one_without(house: House) -> None:
    def package(name: str) -> dict[str, Any]:
        handover = house.ask("access", name)()
        document = json.loads(open_package(handover.package.read_bytes(), handover.key)["access.json"])
        return {part: document[part] for part in ("openings", "reidentification")}

    before = package("first")
    _ask(house, "case")
    after = package("second")

    assert before["openings"]["kept"] > 0
    assert after["reidentification"] == before["reidentification"]
    assert "whether or not there is one" in after["reidentification"]["note"]


@pytest.mark.parametrize(("rule", "cases", "more"), [(WITHHOLDING, 0, 0), (TELLING, 1, 1)])
def test_a_certificate_counts_an_open_case_only_where_policy_tells_it(
    house: House,
    rule: ReidentificationRule,
    cases: int,
    more: int,
) -> None:
    policies = house.tools.policies
    access = replace(policies.access, value=replace(policies.access.value, reidentification=rule))
    house.tools = replace(house.tools, policies=replace(policies, access=access))
    _ask(house, "case")
    certificate: Certificate = verify_certificate(house.ask("erasure")().certificate, SIGNER.public_key)
    found = {store.store: dict(store.found) for store in certificate.stores}

    assert found["cases"] == {"reidentification_case": cases}
    assert found["openings"] == {"ledger_opening": 5 + more}
    with transaction(house.engine) as session:
        assert count_openings(session, house.jane["rights"]) == 0
