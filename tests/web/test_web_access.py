"""Who may call what: every route of the application, so that a new one without authorisation turns this red."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any
from unittest.mock import sentinel
from uuid import UUID

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from governance.policy.policies import load_policies
from governance.resources import policies_dir
from governance.web.app import create_app
from governance.web.dependencies import reviewer_of
from governance.web.forms import FORM_COOKIE, TOKEN_FIELD, token_for

if TYPE_CHECKING:
    from conftest import House

OPEN = {
    ("GET", "/api/v1/health"),
    ("GET", "/api/v1/ready"),
    ("GET", "/sign-in"),
    ("POST", "/sign-in"),
}
"""What anybody may call."""
OWN = {("POST", "/sign-out")}
"""What everybody who is signed in may call."""
NOWHERE = UUID(int=2**100)
MONITORED = {("GET", "/ledger/checkpoint"), ("GET", "/ledger/tile/{tile}")}
"""What anybody may fetch where the settings make the log public, and nobody without a permission where not."""
BODIES = {
    "/api/v1/reviews": {"model": str(NOWHERE)},
    "/api/v1/reviews/{review_id}/votes": {"choice": "approve"},
    "/api/v1/waivers": {"rule": "no-rule", "worst_value": 0.1, "expires_on": "2026-12-24", "reason": "r"},
    "/api/v1/waivers/{waiver_id}/withdrawal": {"reason": "r"},
    "/api/v1/requests": {
        "right": "access",
        "regime": "gdpr",
        "identifier": {"kind": "email", "value": "nobody@example.net"},
    },
    "/api/v1/requests/{request_id}/decision": {"choice": "approve"},
    "/api/v1/ledger/openings": {"commitment": "ab" * 32, "ground": "audit"},
    "/api/v1/evidence": {"first_day": "2026-11-02", "last_day": "2026-11-01"},
}
FORMS = {
    "/waivers/{waiver_id}/withdrawal": {"reason": "r"},
    "/reviews": {"model": str(NOWHERE)},
    "/reviews/{review_id}/votes": {"choice": "approve"},
    "/requests/{request_id}/decision": {"choice": "approve"},
    "/evidence": {"first_day": "2026-11-02", "last_day": "2026-11-01"},
}


@dataclass(frozen=True)
class Endpoint:
    """A route, and the permissions of which it asks one."""

    method: str
    path: str
    permissions: tuple[str, ...]
    asks_who: bool
    unless_public: bool

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def url(self) -> str:
        """An address of something that does not exist, where the path names something."""
        names = {"review_id", "model_id", "request_id", "alert_id", "waiver_id"}
        return self.path.format(**dict.fromkeys(names, NOWHERE), seq=10**9, tile="0/x999/999")


@cache
def endpoints() -> tuple[Endpoint, ...]:
    """Every route of the application."""
    # Routes do not depend on the context, so none is built for listing them.
    return tuple(chain.from_iterable(_routes(create_app(sentinel).routes, "")))


def _routes(routes: list[Any], prefix: str) -> Iterator[list[Endpoint]]:
    for route in routes:
        if isinstance(route, APIRoute):
            yield [_endpoint(route, prefix, method) for method in sorted(route.methods)]
        elif hasattr(route, "original_router"):
            yield from _routes(route.original_router.routes, prefix + route.include_context.prefix)


def _endpoint(route: APIRoute, prefix: str, method: str) -> Endpoint:
    calls = [each.call for each in _flat(route.dependant)]
    asked = tuple(dict.fromkeys(chain.from_iterable(getattr(call, "permissions", ()) for call in calls)))
    unless_public = any(getattr(call, "unless_public", False) for call in calls)
    path = prefix + route.path.replace(":path}", "}")
    return Endpoint(method, path, asked, reviewer_of in calls or unless_public, unless_public)


def _flat(dependant: Dependant) -> Iterator[Dependant]:
    for each in dependant.dependencies:
        yield each
        yield from _flat(each)


def guarded() -> list[Endpoint]:
    """Those that ask for a permission."""
    return [each for each in endpoints() if each.permissions]


@cache
def roles_without(permissions: tuple[str, ...]) -> tuple[str, ...]:
    """Roles that have none of them."""
    roles = load_policies(policies_dir()).access.value.roles
    return tuple(role for role, given in roles.items() if not set(given) & set(permissions))


@cache
def role_with(permissions: tuple[str, ...]) -> str:
    """A role that has the first of them."""
    roles = load_policies(policies_dir()).access.value.roles
    return next(role for role, given in roles.items() if permissions[0] in given)


def call(house: "House", endpoint: Endpoint, who: str | None) -> Any:  # noqa: ANN401 - a response
    """Send the endpoint something well-formed about what does not exist; a page's form as it was shown."""
    client = house.client(who)
    if endpoint.path.startswith("/api/"):
        return client.request(endpoint.method, endpoint.url(), json=BODIES.get(endpoint.path))
    client.get("/sign-in")
    form = {TOKEN_FIELD: token_for(client.cookies[FORM_COOKIE]), **FORMS.get(endpoint.path, {})}
    return client.request(endpoint.method, endpoint.url(), data=None if endpoint.method == "GET" else form)


def test_every_route_is_open_on_purpose_or_asks_for_a_permission() -> None:
    without = {(each.method, each.path) for each in endpoints() if not each.permissions}

    assert without == OPEN | OWN
    assert len(endpoints()) >= 30


def test_every_route_that_is_not_open_asks_who_it_is() -> None:
    assert {(each.method, each.path) for each in endpoints() if not each.asks_who} == OPEN


def test_only_the_log_itself_can_be_opened_to_everybody() -> None:
    assert {(each.method, each.path) for each in endpoints() if each.unless_public} == MONITORED


@pytest.mark.parametrize("endpoint", guarded(), ids=str)
def test_nobody_is_served_without_showing_who_they_are(shared_house: "House", endpoint: Endpoint) -> None:
    answer = call(shared_house, endpoint, None)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("endpoint", guarded(), ids=str)
def test_no_role_is_served_that_lacks_the_permission(shared_house: "House", endpoint: Endpoint) -> None:
    lacking = roles_without(endpoint.permissions)

    assert lacking
    assert {role: call(shared_house, endpoint, role).status_code for role in lacking} == dict.fromkeys(lacking, 403)


@pytest.mark.parametrize("endpoint", [each for each in guarded() if "{" in each.path], ids=str)
def test_what_does_not_exist_is_not_found(shared_house: "House", endpoint: Endpoint) -> None:
    assert call(shared_house, endpoint, role_with(endpoint.permissions)).status_code == 404
