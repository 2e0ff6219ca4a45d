"""What a pack says of each model: the whole way from its data to service, with the entries of each step."""

import json
import zipfile
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from governance.database import transaction
from governance.evidence.period import Period
from governance.evidence.verification import verify_pack
from governance.ledger.trust_policy import trusting
from governance.policy.policies import load_policies
from governance.registry.lineage import get_release
from governance.registry.models import get_model, register_model
from governance.resources import policies_dir
from tests.governance.builders import Build
from tests.governance.story import SIGNER

if TYPE_CHECKING:
    from conftest import Filled

POLICY = trusting(SIGNER.verifier_key)


def card_of(pack: Path, model: UUID) -> dict[str, Any]:
    """What a pack says of a model."""
    with zipfile.ZipFile(pack) as archive:
        card: dict[str, Any] = json.loads(archive.read(f"models/{model}.json"))
    return card


def steps_of(pack: Path, model: UUID) -> dict[str, list[int]]:
    """The entries of each step of a model."""
    return {step["name"]: step["entries"] for step in card_of(pack, model)["steps"]}


def test_a_models_card_tells_the_whole_way(packed: Path, written: "Filled") -> None:
    card = card_of(packed, written.things["mitigated"])

    steps = steps_of(packed, written.things["mitigated"])
    assert card["parent"] == str(written.things["plain"])
    assert card["release"]["guarantee"]["epsilon"] == 5.0
    assert all(steps[name] for name in ("Gate", "Audits", "Model", "Release", "Privacy budget", "Snapshot"))
    assert steps["Policies in force"] == list(range(7))


def test_the_card_of_a_model_that_cost_more_than_its_release_says_what_both_promise(
    filled: "Filled", tmp_path: Path
) -> None:
    build = Build(load_policies(policies_dir()), now=filled.clock())
    with transaction(filled.engine) as session:
        release = build.release(session, "deep", ("s1",), epsilon=1.0, together=build.guarantee(1.5))
        model = build.model(session, "deep", release, filled.people["engineer"], "autoencoder")
    filled.publish()
    filled.pack(tmp_path / "deep.zip", Period(date(2026, 11, 25), date(2026, 11, 25)))

    card = card_of(tmp_path / "deep.zip", model.id)
    assert (card["guarantee"]["epsilon"], card["release"]["guarantee"]["epsilon"]) == (1.5, 1.0)
    assert verify_pack(tmp_path / "deep.zip", POLICY).counts["models"] == 1


def test_a_step_with_more_entries_than_are_listed_has_the_latest_before_the_checkpoint(
    filled: "Filled", monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("chain", "recomputing"):
        monkeypatch.setattr(f"governance.evidence.{module}.MOST_ENTRIES", 2)
    filled.approve()
    filled.decide_again(1, 2, 3)
    filled.publish()
    third = Period(date(2026, 11, 25), date(2026, 11, 25))
    filled.pack(filled.home / "third.zip", third, number=3)
    filled.pack(filled.home / "second.zip", number=2)

    then, later = (steps_of(filled.home / name, filled.things["mitigated"]) for name in ("second.zip", "third.zip"))

    assert verify_pack(filled.home / "second.zip", POLICY).size == 44
    assert verify_pack(filled.home / "third.zip", POLICY).kinds["gate.decided"] == 3
    assert (len(then["Gate"]), len(then["Privacy budget"])) == (1, 2)
    assert min(then["Gate"]) < 44 <= min(later["Gate"])
    assert len(later["Gate"]) == len(later["Board"]) == 2


def test_a_model_that_many_were_made_from_keeps_the_entry_that_registered_it(
    filled: "Filled", monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("chain", "recomputing"):
        monkeypatch.setattr(f"governance.evidence.{module}.MOST_ENTRIES", 2)
    with transaction(filled.engine) as session:
        parent = get_model(session, filled.things["mitigated"])
        made = {"release": get_release(session, parent.release), "author": filled.people["engineer"], "parent": parent}
        who = {"actor": "role:pipeline", "clock": filled.clock}
        for number in range(3):
            register_model(
                session, "ease", f"{number:064x}", model_id=UUID(int=10**8 + number), path="m", **made, **who
            )
    filled.decide_again(1)
    filled.publish()

    filled.pack(filled.home / "pack.zip", Period(date(2026, 11, 25), date(2026, 11, 25)))

    assert verify_pack(filled.home / "pack.zip", POLICY).counts["models"] == 4
    assert len(steps_of(filled.home / "pack.zip", filled.things["mitigated"])["Model"]) == 2
