"""The folders of `probity demo`: what a demo made it replaces, and nothing else."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from governance.cli import demo as demo_command


class Ran(Protocol):
    """What a command left behind (see `conftest`)."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


def test_a_demo_keeps_a_neighbouring_folder_that_no_demo_made(tmp_path: Path, probity: Run) -> None:
    (tmp_path / "new-subject").mkdir()
    (tmp_path / "new-subject" / "thesis").write_text("keep me")

    ran = probity("demo", "--home", tmp_path / "new")

    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "new-subject exists and was not made by a demo" in ran.err
    assert (tmp_path / "new-subject" / "thesis").read_text() == "keep me"
    assert not (tmp_path / "new").exists()


def walk_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a demo end once its home is made."""
    monkeypatch.setattr(demo_command.Story, "generate", lambda _self, folder, *_: folder)
    monkeypatch.setattr(demo_command.Story, "walk", lambda *_: None)


def test_a_demo_replaces_what_a_demo_left_in_the_home_that_the_environment_names(
    tmp_path: Path, probity: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk_nowhere(monkeypatch)
    env = {"PROBITY_HOME": str(tmp_path / "there")}
    first = probity("demo", env=env)
    (tmp_path / "there-subject" / "access.json").write_text("{}")

    second = probity("demo", env=env)

    assert (first.code, second.code) == (0, 0)
    assert (tmp_path / "there" / "control" / "control.db").is_file()
    assert not (tmp_path / "there-subject" / "access.json").exists()
    assert "there-subject holds an opened access package in clear" in second.err
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in ("there", "there-subject")} == {0o700}


@pytest.mark.parametrize("own", ["policies", "probity.toml"])
def test_a_demo_keeps_a_home_that_is_used_in_earnest_since(
    tmp_path: Path, probity: Run, monkeypatch: pytest.MonkeyPatch, own: str
) -> None:
    walk_nowhere(monkeypatch)
    home = tmp_path / "home"
    assert probity("demo", "--home", home).code == 0
    key = (home / "identity" / "keyring.json").read_bytes()
    if own == "policies":
        assert probity("policy", "export", home / own).code == 0
    else:
        (home / own).write_text("[web]\nport = 8080\n")

    ran = probity("demo", "--home", home)

    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert f"has got its own {own} since" in ran.err
    assert (home / "identity" / "keyring.json").read_bytes() == key


@pytest.mark.parametrize(
    ("arguments", "env"), [((), {"PROBITY__WEB__PORT": "many"}), (("--data", "nowhere"), {})], ids=["settings", "data"]
)
def test_a_demo_that_cannot_begin_deletes_nothing(
    tmp_path: Path, probity: Run, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], env: dict[str, str]
) -> None:
    walk_nowhere(monkeypatch)
    assert probity("demo", "--home", tmp_path / "home").code == 0
    key = (tmp_path / "home" / "identity" / "keyring.json").read_bytes()

    ran = probity("demo", "--home", tmp_path / "home", *arguments, env=env)

    assert ran.code == 2
    assert (tmp_path / "home" / "identity" / "keyring.json").read_bytes() == key


def test_a_demo_does_not_delete_the_interactions_it_is_given(
    tmp_path: Path, probity: Run, monkeypatch: pytest.MonkeyPatch, small_service: Path
) -> None:
    walk_nowhere(monkeypatch)
    assert probity("demo", "--home", tmp_path / "home").code == 0
    small_service.rename(tmp_path / "home" / "mine")

    ran = probity("demo", "--home", tmp_path / "home", "--data", tmp_path / "home" / "mine")

    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert (tmp_path / "home" / "mine" / "events.ndjson").is_file()


def test_a_demo_does_not_follow_a_link(tmp_path: Path, probity: Run) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "home").symlink_to(tmp_path / "elsewhere")

    ran = probity("demo", "--home", tmp_path / "home")

    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert (tmp_path / "elsewhere").is_dir()
