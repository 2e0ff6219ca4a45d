"""The page about trainings runs from an empty folder, and names the signals and the attributes that there are."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from governance.pipeline.catalogue import ARTWORK, MARKET
from governance.settings import Training
from recommender.models import MODELS
from recommender.signals import SIGNALS
from tests.docs.test_documented_commands import DOCS, Shell, script

PAGE = DOCS / "training.md"
SIGNAL_TABLE, ATTRIBUTE_TABLE = re.findall(r"(?:^\|.*\n)+", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.large
def test_a_training_is_quoted_made_again_from_its_sums_and_attacked(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.run(script(PAGE))

    made = json.loads(shell.run("probity models --json"))
    attack = json.loads((tmp_path / "attack.json").read_text())["privacy_attack"]
    (kept,) = (tmp_path / "home" / "sums").iterdir()

    assert sorted(model["kind"] for model in made) == sorted(2 * [kind.slug for kind in MODELS])
    assert [path.stem for path in (tmp_path / "home" / "keys" / "sums").iterdir()] == [kept.stem]
    assert (attack["epsilon"], attack["canaries"]) == (3.0, 1000)


def test_every_signal_stands_there_with_the_kind_that_it_gives() -> None:
    rows = {
        name: re.findall(r"`(\w+)`", gives)
        for name, gives in re.findall(r"^\| `(\w+)` .*\|(.*)\|$", SIGNAL_TABLE, re.MULTILINE)
    }

    assert rows == {signal.slug: [kind.slug for kind in MODELS if signal.slug in kind.needs] for signal in SIGNALS}


def test_the_settings_that_stand_there_are_those_that_there_are() -> None:
    (block,) = re.findall(r"^```toml\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    written = tomllib.loads(block)["training"]

    assert Training(**written).model_dump() == written
    assert set(written) == set(Training.model_fields)


def test_the_attributes_with_a_meaning_for_serving_have_the_names_that_serving_looks_for() -> None:
    assert re.findall(r"^\| `(\w+)`", ATTRIBUTE_TABLE, re.MULTILINE) == ["maturity", MARKET, ARTWORK]
