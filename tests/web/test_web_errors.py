"""Errors as answers: every error of ours has a status, and no answer says what it must not."""

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, event
from sqlalchemy.exc import IntegrityError

from governance import errors
from governance.web.dependencies import Transaction
from governance.web.errors import STATUS, refusal_of, status_of

if TYPE_CHECKING:
    from conftest import House

SECRET = "canary.person@example.net"  # noqa: S105 - what must not be told


def tree(kind: type[errors.GovernanceError]) -> set[type[errors.GovernanceError]]:
    """The error and all below it."""
    return {kind}.union(*(tree(each) for each in kind.__subclasses__()))


def with_route(house: "House", path: str, error: Exception) -> FastAPI:
    """The application with one more address, which fails."""

    def fail() -> None:
        raise error

    house.app.add_api_route(path, fail)
    return house.app


def test_every_error_of_the_tree_has_a_status_of_its_own_or_its_own_line() -> None:
    ours = {each for each in tree(errors.GovernanceError) if each.__module__ == "governance.errors"}

    assert ours - {errors.GovernanceError} == set(STATUS)


def test_an_error_made_below_one_of_ours_is_answered_like_it() -> None:
    class Vanished(errors.NotFound):
        """Only here."""

    assert status_of(Vanished("…")) is HTTPStatus.NOT_FOUND


@pytest.mark.parametrize(
    ("error", "status", "slug"),
    [
        (errors.NotFound("no model"), 404, "not-found"),
        (errors.Conflict("closed"), 409, "conflict"),
        (errors.Forbidden("board"), 403, "forbidden"),
        (errors.Unauthenticated("who"), 401, "unauthenticated"),
        (errors.InvalidInput("expected"), 422, "invalid-input"),
        (errors.BudgetExceeded("left"), 409, "budget-exceeded"),
        (errors.StaleDatabase("run"), 503, "stale-database"),
        (errors.BrokenProof("entry 4"), 500, "broken-proof"),
        (KeyError("x"), 500, "internal"),
    ],
)
def test_statuses_and_kinds_of_problem(error: Exception, status: int, slug: str) -> None:
    refusal = refusal_of(error)

    assert (refusal.status, refusal.slug) == (status, slug)


def test_a_refusal_is_a_problem_document_with_our_sentence(house: "House") -> None:
    with_route(house, "/api/v1/broken", errors.Conflict("review 7 is closed (approved)"))

    answer = house.client().get("/api/v1/broken", headers={"X-Request-ID": "call-17"})

    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "urn:probity:problem:conflict",
        "title": "Conflict",
        "status": 409,
        "detail": "review 7 is closed (approved)",
        "instance": "urn:probity:request:call-17",
    }


@pytest.mark.parametrize("path", ["/api/v1/broken", "/broken"])
@pytest.mark.parametrize(
    "error",
    [
        ValueError(f"cannot use {SECRET}"),
        IntegrityError("insert into t values (?)", (SECRET,), Exception(SECRET)),
        errors.ConfigurationError(f"/home/{SECRET}/keys: cannot be read"),
    ],
    ids=["foreign", "driver", "configuration"],
)
def test_neither_the_answer_nor_the_log_repeats_what_a_fault_says(
    house: "House", path: str, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    with_route(house, path, error)

    with caplog.at_level(logging.DEBUG):
        answer = house.client().get(path, headers={"X-Request-ID": "call-17"})

    assert answer.status_code >= 500
    assert SECRET not in answer.text
    assert SECRET not in caplog.text
    assert f"request call-17 failed: {type(error).__name__} at " in caplog.text
    assert "call-17" in answer.text


def test_a_finding_about_the_log_is_told_because_it_is_for_everybody(house: "House") -> None:
    with_route(
        house, "/api/v1/broken", errors.BrokenProof("entry 4: the published tiles do not lead to the signed root")
    )

    answer = house.client().get("/api/v1/broken")

    assert answer.status_code == 500
    assert answer.json()["detail"].startswith("entry 4:")


def test_a_refused_field_is_named_but_not_repeated(house: "House") -> None:
    body = {"right": "access", "regime": "gdpr", "identifier": {"kind": "email", "value": SECRET, "also": SECRET}}

    answer = house.client("frontend").post("/api/v1/requests", json=body)

    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"field": "body.identifier.also", "reason": "Extra inputs are not permitted"}]
    assert SECRET not in answer.text


def test_says_nothing_was_created_when_the_commit_fails(house: "House") -> None:
    def change(session: Transaction) -> dict[str, str]:
        session.connection()
        return {"state": "created"}

    def refuse(_connection: object) -> None:
        msg = "the disk is full"
        raise OSError(msg)

    house.app.add_api_route("/api/v1/change", change, methods=["POST"], status_code=201)
    event.listen(house.context.engine, "commit", refuse)

    answer = house.client().post("/api/v1/change")

    assert answer.status_code == 500
    assert "created" not in answer.text


def test_rolls_back_when_the_answer_cannot_be_built(house: "House") -> None:
    committed: list[Engine] = []

    def change(session: Transaction) -> int:
        session.connection()
        return "no number"  # type: ignore[return-value] # what the test is about

    house.app.add_api_route("/api/v1/change", change, methods=["POST"], status_code=201)
    event.listen(house.context.engine, "commit", lambda connection: committed.append(connection.engine))

    answer = house.client().post("/api/v1/change")

    assert (answer.status_code, committed) == (500, [])


def test_too_large_a_body_is_refused_before_it_is_read(house: "House") -> None:
    answer = house.client("frontend").post("/api/v1/requests", content=b"{" + b" " * 70_000)

    assert answer.status_code == 413


def test_every_answer_carries_the_headers_of_a_careful_site(house: "House") -> None:
    for path in ("/sign-in", "/api/v1/health", "/static/console.css", "/nowhere", "/api/v1/nowhere"):
        headers = house.client().get(path).headers

        assert "default-src 'self'; script-src 'none'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize("shown", ["x" * 65, "a b", "<script>", ""])
def test_a_request_id_that_has_not_the_form_of_one_is_replaced(house: "House", shown: str) -> None:
    answer = house.client().get("/api/v1/health", headers={"X-Request-ID": shown})

    assert len(answer.headers["x-request-id"]) == 36
