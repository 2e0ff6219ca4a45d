import ast
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import get_args

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

import governance
from governance.access.events import PrincipalAdded
from governance.access.permissions import permissions_of, require
from governance.access.principals import add_principal, list_principals
from governance.access.revocation import Revoked, revoke_access
from governance.access.secret import BearerSecret
from governance.access.sessions import close_session, open_session, principal_of_session
from governance.access.tables import ConsoleSession, Token
from governance.access.tokens import authenticate, issue_token, list_tokens, revoke_token
from governance.database import transaction
from governance.errors import Conflict, Forbidden, InvalidInput, NotFound, PolicyError, Unauthenticated
from governance.ledger.search import follow
from governance.policy.loader import load
from governance.policy.rules import AccessPolicy, Permission
from governance.resources import policies_dir
from tests.governance.builders import Build


def test_a_token_finds_its_principal(session: Session, build: Build) -> None:
    ada = build.principal(session, "Ada Lovelace", "engineer")
    secret = issue_token(session, ada, token_id=build.id("token"), actor=build.actor, clock=build.clock)

    assert authenticate(session, secret.reveal(), clock=build.clock).id == ada.id
    assert [token.id for token in list_tokens(session, ada)] == [build.id("token")]


@pytest.mark.parametrize("shown", ["", "probity_", "probity_x", "\ud800", "probity_" + "A" * 43])
def test_anything_else_is_nobody(session: Session, build: Build, shown: str) -> None:
    ada = build.principal(session, "Ada", "engineer")
    issue_token(session, ada, token_id=build.id("token"), actor=build.actor, clock=build.clock)

    with pytest.raises(Unauthenticated, match="no valid token was shown"):
        authenticate(session, shown, clock=build.clock)


def test_a_revoked_token_stops_and_revoking_again_changes_nothing(session: Session, build: Build) -> None:
    ada = build.principal(session, "Ada", "engineer")
    secret = issue_token(session, ada, token_id=build.id("token"), actor=build.actor, clock=build.clock)
    for _ in range(2):
        revoke_token(session, build.id("token"), actor=build.actor, clock=build.clock)

    with pytest.raises(Unauthenticated):
        authenticate(session, secret.reveal(), clock=build.clock)
    kinds = [entry.kind for entry in follow(session)]
    assert kinds == ["access.principal_added", "access.token_issued", "access.token_revoked"]


def test_a_token_ends_on_its_second(session: Session, build: Build) -> None:
    ada, end = build.principal(session, "Ada", "engineer"), build.now + timedelta(hours=1)
    secret = issue_token(
        session, ada, token_id=build.id("token"), expires_at=end, actor=build.actor, clock=build.clock
    ).reveal()

    assert authenticate(session, secret, clock=lambda: end - timedelta(seconds=1)).id == ada.id
    with pytest.raises(Unauthenticated):
        authenticate(session, secret, clock=lambda: end)


def test_a_token_that_has_already_ended_is_not_issued(session: Session, build: Build) -> None:
    ada = build.principal(session, "Ada", "engineer")

    with pytest.raises(InvalidInput, match="in the future"):
        issue_token(session, ada, token_id=build.id("t"), expires_at=build.now, actor=build.actor, clock=build.clock)


def test_neither_the_secret_nor_a_name_reaches_the_database_file_or_the_ledger(
    engine: Engine, build: Build, tmp_path: Path
) -> None:
    with transaction(engine) as session:
        ada = build.principal(session, "Ada Lovelace", "engineer")
        secret = issue_token(session, ada, token_id=build.id("token"), actor=build.actor, clock=build.clock)
        entries = b"".join(entry.encoded for entry in follow(session))

    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert len(secret.reveal()) == len("probity_") + 43
    assert secret.reveal().encode() not in stored
    assert b"Lovelace" not in entries
    assert b"Lovelace" in stored


def test_a_secret_does_not_print(session: Session, build: Build) -> None:
    secret = issue_token(
        session,
        build.principal(session, "Ada", "engineer"),
        token_id=build.id("t"),
        actor=build.actor,
        clock=build.clock,
    )

    assert isinstance(secret, BearerSecret)
    assert f"{secret} {secret!r}" == "BearerSecret(…) BearerSecret(…)"


def test_two_tokens_with_the_same_random_bytes_are_refused_by_the_database(engine: Engine, build: Build) -> None:
    from sqlalchemy.exc import IntegrityError

    with transaction(engine) as session:
        ada = build.principal(session, "Ada", "engineer")
        issue_token(session, ada, token_id=build.id("one"), actor=build.actor, clock=build.clock, draw=bytes)
    with pytest.raises(IntegrityError), transaction(engine) as session:
        issue_token(session, ada, token_id=build.id("two"), actor=build.actor, clock=build.clock, draw=bytes)


def test_permissions_are_the_union_of_the_roles(session: Session, build: Build) -> None:
    both = build.principal(session, "Ada", "engineer", "board")

    assert permissions_of(both, build.access) == {
        "ledger:read",
        "models:read",
        "models:train",
        "models:propose",
        "models:deploy",
        "reviews:vote",
        "reidentification:approve",
        "evidence:export",
    }


def test_a_policy_with_a_permission_that_nothing_asks_for_is_refused_with_file_and_line(tmp_path: Path) -> None:
    text = (policies_dir() / "access.yaml").read_text()
    (tmp_path / "access.yaml").write_text(text.replace("[requests:create, ", "[requests:create, evidence:shred, "))
    line = next(number for number, each in enumerate(text.splitlines(), 1) if "frontend: [" in each)

    with pytest.raises(PolicyError, match=rf"access.yaml:{line}: roles.frontend\[1\]: expected one of ledger:read, .*"):
        load(tmp_path / "access.yaml", AccessPolicy)


def test_every_permission_is_asked_for_somewhere_and_explained_in_the_policy() -> None:
    package = Path(governance.__file__).parent
    asked = {
        node.value
        for module in (*package.glob("web/**/*.py"), *package.glob("cli/*.py"))
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.Constant) and re.fullmatch(r"[a-z]+:[a-z]+", str(node.value))
    }
    explained = set(re.findall(r"^#   ([a-z]+:[a-z]+) ", (policies_dir() / "access.yaml").read_text(), re.MULTILINE))

    assert asked == set(get_args(Permission)) == explained


def test_what_no_role_gives_is_forbidden_and_the_message_says_who_may(session: Session, build: Build) -> None:
    ada = build.principal(session, "Ada", "engineer")
    require(ada, "models:propose", build.access)

    with pytest.raises(Forbidden, match="reviews:vote is given to board; yours: engineer"):
        require(ada, "reviews:vote", build.access)


def test_a_role_that_left_the_policy_gives_nothing(session: Session, build: Build) -> None:
    ada = build.principal(session, "Ada", "auditor")
    smaller = replace(build.access, roles={"board": ("reviews:vote",)})

    assert permissions_of(ada, smaller) == frozenset()


@pytest.mark.parametrize(
    ("name", "roles", "message"),
    [
        ("Ada", ["king"], "got king"),
        ("Ada", [], "got none"),
        (" ", ["board"], "1 to 200"),
        ("a" * 201, ["board"], "got 201"),
    ],
)
def test_an_impossible_principal_is_refused(
    session: Session, build: Build, name: str, roles: list[str], message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        add_principal(
            session, name, roles, principal_id=build.id("p"), policy=build.access, actor=build.actor, clock=build.clock
        )


def test_an_id_names_one_principal(session: Session, build: Build) -> None:
    build.principal(session, "Ada", "engineer")

    with pytest.raises(Conflict):
        build.principal(session, "Ada", "board")


def test_principals_are_listed_in_pages(session: Session, build: Build) -> None:
    everybody = {build.principal(session, name, "board").id for name in ("a", "b", "c")}
    first = list_principals(session, limit=2)
    rest = list_principals(session, after=first[-1].id, limit=2)

    assert (len(first), len(rest)) == (2, 1)
    assert {principal.id for principal in first + rest} == everybody


def test_a_session_ends_when_it_is_closed_or_its_time_is_over(session: Session, build: Build) -> None:
    ada = build.principal(session, "Ada", "engineer")
    secret = open_session(session, ada, policy=build.access, clock=build.clock).reveal()
    almost = build.now + timedelta(minutes=479, seconds=59)

    assert principal_of_session(session, secret, clock=lambda: almost).id == ada.id
    with pytest.raises(Unauthenticated):
        principal_of_session(session, secret, clock=lambda: almost + timedelta(seconds=1))
    close_session(session, secret)
    with pytest.raises(Unauthenticated):
        principal_of_session(session, secret, clock=build.clock)


def test_ended_sessions_are_cleared_when_somebody_signs_in(session: Session, build: Build) -> None:
    ada = build.principal(session, "Ada", "engineer")
    open_session(session, ada, policy=build.access, clock=build.clock)
    open_session(session, ada, policy=build.access, clock=lambda: build.now + timedelta(days=1))

    assert len(session.scalars(select(ConsoleSession)).all()) == 1


def test_a_token_is_not_a_session_and_an_unknown_token_is_not_revoked(session: Session, build: Build) -> None:
    ada = build.principal(session, "Ada", "engineer")
    token = issue_token(session, ada, token_id=build.id("t"), actor=build.actor, clock=build.clock)

    with pytest.raises(Unauthenticated):
        principal_of_session(session, token.reveal(), clock=build.clock)
    with pytest.raises(NotFound):
        revoke_token(session, build.id("other"), actor=build.actor, clock=build.clock)
    assert session.get(Token, build.id("t")).revoked_at is None


def test_taking_access_away_ends_every_token_and_session_and_nobody_elses(session: Session, build: Build) -> None:
    ada, bob = build.principal(session, "Ada", "engineer"), build.principal(session, "Bob", "board")
    issue = {"actor": build.actor, "clock": build.clock}
    tokens = [issue_token(session, ada, token_id=build.id(name), **issue) for name in ("one", "two")]
    kept = issue_token(session, bob, token_id=build.id("three"), **issue)
    signed_in = open_session(session, ada, policy=build.access, clock=build.clock)
    revoke_token(session, build.id("one"), **issue)

    first = revoke_access(session, ada, **issue)
    again = revoke_access(session, ada, **issue)

    assert (first, again) == (Revoked(tokens=1, sessions=1), Revoked(tokens=0, sessions=0))
    for token in tokens:
        with pytest.raises(Unauthenticated):
            authenticate(session, token.reveal(), clock=build.clock)
    with pytest.raises(Unauthenticated):
        principal_of_session(session, signed_in.reveal(), clock=build.clock)
    assert authenticate(session, kept.reveal(), clock=build.clock).id == bob.id
    assert [entry.kind for entry in follow(session)].count("access.token_revoked") == 2


def test_the_event_carries_roles_and_an_id_only() -> None:
    assert set(PrincipalAdded.__dataclass_fields__) - {"kind", "version"} == {"principal", "roles"}
