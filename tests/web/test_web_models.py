"""A model's page: what it remembers of subjects, and what attacks on its release found."""

import json
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from governance.database import transaction
from governance.registry.attacks import register_attack
from governance.registry.events import AttackRecorded
from governance.registry.models import get_model
from governance.registry.tables import ReleaseRecord
from tests.web.test_web_console import text_of

if TYPE_CHECKING:
    from conftest import House


def attacked(house: "House", lower_bound: float, chance: float = 0.9) -> str:
    """The story's release after an attack that found this much; where its report lies."""
    with transaction(house.context.engine) as session:
        model = get_model(session, house.things["plain"])
        found = {
            "epsilon": 5.0,
            "delta": 1e-6,
            "lower_bound": lower_bound,
            "confidence": 0.95,
            "attack": "canaries",
            "canaries": 4000,
            "model_digest": model.digest,
            "chance": chance,
        }
        content = json.dumps({"privacy_attack": found}).encode()
        digest = sha256(content).hexdigest()
        path = f"reports/{digest}.attack.json"
        (house.context.settings.home / "reports").mkdir(exist_ok=True)
        (house.context.settings.home / path).write_bytes(content)
        event = AttackRecorded(
            model=str(model.id),
            release=model.release,
            report=digest,
            epsilon=5.0,
            delta=1e-6,
            lower_bound=lower_bound,
            confidence=0.95,
            canaries=4000,
            refuted=lower_bound > 5,
        )
        register_attack(session, model, event, path=path, actor="role:operator", clock=house.context.clock)
    return path


def test_a_model_says_who_was_in_it_and_by_when_it_is_to_be_made_anew(shared_house: "House") -> None:
    plain, mitigated = (
        text_of(shared_house.client("auditor"), f"/models/{shared_house.things[name]}")
        for name in ("plain", "mitigated")
    )

    # The story's certificate names the plain model, whose snapshot still lists all of its subjects.
    assert "Erased since 0" in plain
    assert "To be made anew by 2027-02-21, for 1 erasure of subjects that it had seen" in plain
    assert "To be made anew no need: nobody in it was erased" in mitigated
    assert "Nobody has attacked its release yet" in plain


@pytest.mark.parametrize(
    ("lower_bound", "chance", "verdict"),
    [(2.75, 0.9, "not refuted"), (2.75, 0.5, "undecided"), (6.5, 0.5, "refuted")],
)
def test_a_model_says_what_the_latest_attack_on_its_release_found(
    house: "House", lower_bound: float, chance: float, verdict: str
) -> None:
    attacked(house, 1.25)
    attacked(house, lower_bound, chance)

    for name in ("plain", "mitigated"):  # both are of one release
        page = text_of(house.client("auditor"), f"/models/{house.things[name]}")
        assert f"The latest attack {verdict} 2026-11-23" in page
        assert f"ε at least {lower_bound:g}, with 95 % confidence" in page
        assert "1.25" not in page


def test_an_attack_whose_report_was_changed_is_shown_as_none_that_can_be_read(house: "House") -> None:
    (house.context.settings.home / attacked(house, 2.75)).write_text("{}")

    page = text_of(house.client("auditor"), f"/models/{house.things['plain']}")

    assert "unreadable" in page
    assert "is not the one that was registered" in page
    assert "2.75" not in page


def test_a_model_that_cost_more_than_its_release_says_what_both_promise(house: "House") -> None:
    with transaction(house.context.engine) as session:
        model = get_model(session, house.things["plain"])
        model.kind = "autoencoder"
        release = session.get_one(ReleaseRecord, model.release)
        release.guarantee = dict(release.guarantee) | {"epsilon": 4.25}
    attacked(house, 2.75)

    page = text_of(house.client("auditor"), f"/models/{house.things['plain']}")

    assert "Release ε 4.25" in page
    assert "What it can say about one subject ε 5 " in page
    assert "On its release alone: the model's own steps were not attacked." in page
    assert "ε claimed of its release" in page
    assert "steps were not attacked" not in text_of(house.client("auditor"), f"/models/{house.things['mitigated']}")
