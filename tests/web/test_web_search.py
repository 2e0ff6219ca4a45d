"""Finding entries: by kind, period, actor, and by what they name."""

import re
from html import unescape
from typing import TYPE_CHECKING, Any

import pytest

from governance.database import transaction
from governance.ledger.search import Filter, follow
from governance.registry.tables import Model

if TYPE_CHECKING:
    from conftest import House

ADDRESS = "/api/v1/ledger/entries"


def found(house: "House", **asked: Any) -> list[int]:  # noqa: ANN401 - query parameters
    """The entries that the API finds."""
    answer = house.client("auditor").get(ADDRESS, params=asked)
    assert answer.status_code == 200, answer.text
    return [each["seq"] for each in answer.json()["entries"]]


def shown(house: "House", **asked: str) -> list[int]:
    """The entries that the console shows."""
    answer = house.client("auditor").get("/ledger", params=asked)
    assert answer.status_code == 200
    return [int(seq) for seq in re.findall(r'aria-label="Entry (\d+)"', answer.text)]


def scanned(house: "House", keep: Any) -> list[int]:  # noqa: ANN401 - a predicate
    """The same by looking at every entry."""
    with transaction(house.context.engine) as session:
        return [each.seq for each in follow(session, limit=1000) if keep(each)]


def test_a_family_of_kinds_and_several_kinds(shared_house: "House") -> None:
    budget = scanned(shared_house, lambda entry: entry.kind.startswith("budget."))
    two = scanned(shared_house, lambda entry: entry.kind in {"gate.decided", "review.opened"})

    assert len(budget) == 3
    assert found(shared_house, kind="budget.") == budget
    assert shown(shared_house, kind="budget.") == budget[::-1]
    assert found(shared_house, kind=["gate.decided", "review.opened"]) == two


def test_everything_that_names_a_model(shared_house: "House") -> None:
    model = str(shared_house.things["mitigated"])
    expected = scanned(shared_house, lambda entry: model in entry.body.values())

    assert [len(expected), found(shared_house, mentions=model)] == [4, expected]
    assert shown(shared_house, mentions=f" {model} ") == expected[::-1]


def test_everything_that_names_a_digest_or_a_request(shared_house: "House") -> None:
    with transaction(shared_house.context.engine) as session:
        release = session.get_one(Model, shared_house.things["plain"]).release
    request = str(shared_house.things["done"])

    assert found(shared_house, mentions=release) == scanned(shared_house, lambda e: release in e.body.values())
    assert found(shared_house, mentions=request) == scanned(shared_house, lambda e: request in e.body.values())


def test_a_day_as_the_end_of_a_period_is_included(shared_house: "House") -> None:
    everything = scanned(shared_house, lambda _: True)

    assert found(shared_house, since="2026-11-23", until="2026-11-23") == everything
    assert shown(shared_house, since="2026-11-23", until="2026-11-23") == everything[::-1]
    assert found(shared_house, until="2026-11-22") == []
    assert shown(shared_house, since="2026-11-24") == []


def test_moments_bound_a_period_to_the_second(shared_house: "House") -> None:
    with transaction(shared_house.context.engine) as session:
        at = next(each.at for each in follow(session, Filter(kinds=("gate.decided",))))
    before = scanned(shared_house, lambda entry: entry.at < at)

    assert found(shared_house, until=at.isoformat()) == before
    assert found(shared_house, until="2026-11-23T00:00:00Z") == []
    assert found(shared_house, since=at.isoformat(), kind="gate.decided")[0] > before[-1] - len(before)


def test_who_acted(shared_house: "House") -> None:
    engineer = f"principal:{shared_house.people['engineer'].id}"

    assert found(shared_house, actor=engineer) == scanned(shared_house, lambda entry: entry.actor == engineer)
    assert shown(shared_house, actor="role:pipeline", kind="gate.decided") == [26, 24]


@pytest.mark.parametrize("direction", ["after", "before"])
def test_pages_neither_repeat_nor_leave_out(shared_house: "House", direction: str) -> None:
    client, seen, cursor = shared_house.client("auditor"), [], {"after": -1, "before": 10**6}[direction]
    while cursor is not None:
        page = client.get(ADDRESS, params={"actor": "role:pipeline", direction: cursor, "limit": 2}).json()
        seen += [each["seq"] for each in page["entries"]]
        cursor = page["next"]

    expected = scanned(shared_house, lambda entry: entry.actor == "role:pipeline")
    assert seen == (expected if direction == "after" else expected[::-1])


def test_the_next_page_of_the_console_keeps_the_filter(shared_house: "House", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("governance.web.console.ledger_pages.PAGE", 4)
    asked, seen, client = "/ledger?actor=role%3Apipeline", [], shared_house.client("auditor")
    while asked:
        text = client.get(asked).text
        seen += [int(seq) for seq in re.findall(r'aria-label="Entry (\d+)"', text)]
        older = re.search(r'<a href="([^"]+)">Older entries</a>', text)
        asked = unescape(older[1]) if older else ""

    assert seen == scanned(shared_house, lambda entry: entry.actor == "role:pipeline")[::-1]


@pytest.mark.parametrize(
    "asked",
    [
        {"since": "yesterday"}, {"until": "2026-02-30"}, {"after": 1, "before": 5}, {"limit": 0}, {"after": -2},
        {"kind": "k" * 101}, {"mentions": "m" * 201}, {"mentions": "a\x00b"}, {"actor": "\x00"}, {"kind": "a\x00"},
        {"since": "9999-12-31T23:59:59-12:00"}, {"until": "0001-01-01T00:00:00+12:00"},
    ],
)  # fmt: skip
def test_an_impossible_question_is_refused(shared_house: "House", asked: dict[str, Any]) -> None:
    assert shared_house.client("auditor").get(ADDRESS, params=asked).status_code == 422


@pytest.mark.parametrize(
    "asked", [{"since": "yesterday"}, {"until": "2026-02-30"}, {"mentions": "m" * 201}, {"mentions": "\x00"}]
)
def test_the_console_refuses_the_same(shared_house: "House", asked: dict[str, Any]) -> None:
    assert shared_house.client("auditor").get("/ledger", params=asked).status_code == 422


@pytest.mark.parametrize("text", ["' or 1=1 --", "%", "_", "budget%.", "\N{SNOWMAN}", "9999-12-31"])
def test_what_nothing_names_finds_nothing(shared_house: "House", text: str) -> None:
    assert found(shared_house, mentions=text) == []
    assert found(shared_house, kind=text) == []
    assert shown(shared_house, mentions=text) == []


def test_the_last_day_that_can_be_written_is_a_period_without_end(shared_house: "House") -> None:
    everything = scanned(shared_house, lambda _: True)

    assert found(shared_house, until="9999-12-31") == everything
    assert shown(shared_house, until="9999-12-31") == everything[::-1]


def test_what_was_asked_stands_in_the_form_again_and_is_only_text(shared_house: "House") -> None:
    text = shared_house.client("auditor").get("/ledger", params={"mentions": '"><b>x</b>', "kind": "gate."}).text

    assert "<b>x</b>" not in text
    assert 'value="gate." selected' in text
