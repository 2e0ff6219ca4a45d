"""A house to look at: a migrated control database with a story in it, and the web application over it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from governance.access.calls import CallKey
from governance.access.tables import Principal
from governance.database import create_engine_for, migrate, transaction
from governance.ledger.publish import publish
from governance.policy.policies import Policies, load_policies
from governance.resources import migrations_dir, policies_dir
from governance.settings import load_settings
from governance.web.app import create_app
from governance.web.context import WebContext
from tests.governance.story import SIGNER, Story, TickingClock, tell
from tests.web.desk import Desk


@dataclass
class House:
    """The application with its people (by the names of PEOPLE), their tokens, and the things of the story by name."""

    context: WebContext
    app: FastAPI
    people: dict[str, Principal]
    tokens: dict[str, str]
    things: dict[str, UUID]
    desk: Desk

    def client(self, who: str | None = None, *, raising: bool = True) -> TestClient:
        """A client that shows somebody's token, or none."""
        headers = {} if who is None else {"Authorization": f"Bearer {self.tokens[who]}"}
        return TestClient(self.app, headers=headers, follow_redirects=False, raise_server_exceptions=raising)


@pytest.fixture(scope="session")
def policies() -> Policies:
    """Those that are shipped."""
    return load_policies(policies_dir())


@dataclass(frozen=True)
class Told:
    """A home in which the story has been told, to copy."""

    home: Path
    now: datetime
    people: dict[str, Principal]
    tokens: dict[str, str]
    things: dict[str, UUID]


@pytest.fixture(scope="session")
def told(policies: Policies, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """The story up to the morning of 2026-11-23, its ledger published."""
    home, clock = tmp_path_factory.mktemp("told") / "home", TickingClock()
    (home / "control").mkdir(parents=True)
    url = load_settings(home).control_url
    migrate(url, migrations_dir("control"))
    engine = create_engine_for(url)
    with transaction(engine) as session:
        story = Story(session, policies, home, clock)
        people, tokens = story.people()
        things = tell(story, people)
    publish(engine, home / "ledger", SIGNER, clock=clock)
    engine.dispose()
    return Told(home, clock.now, people, tokens, things)


@contextmanager
def open_house(home: Path, told: Told, policies: Policies) -> Iterator[House]:
    """A copy of the told home, and the application over it."""
    shutil.copytree(told.home, home)
    settings, clock = load_settings(home), TickingClock(told.now)
    engine = create_engine_for(settings.control_url)
    desk = Desk(engine, clock)
    given = {"engine": engine, "settings": settings, "policies": policies, "clock": clock, "desk": desk}
    context = WebContext(ledger=home / "ledger", call_key=CallKey(bytes(range(32))), **given)
    yield House(context, create_app(context), told.people, told.tokens, told.things, desk)
    engine.dispose()


@pytest.fixture
def house(told: Told, policies: Policies, tmp_path: Path) -> Iterator[House]:
    """A house for one test."""
    with open_house(tmp_path / "home", told, policies) as built:
        yield built


@pytest.fixture(scope="session")
def shared_house(told: Told, policies: Policies, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house for tests that change nothing in it."""
    with open_house(tmp_path_factory.mktemp("shared") / "home", told, policies) as built:
        yield built
