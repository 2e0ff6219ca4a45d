"""The gate takes the result of an attack on the model, for anybody's lists: `probity gate check --attack`."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from audits.privacy import MembershipInference, PrivacyAttack
from audits.report import Report
from governance.cli.main import build

POLICY = """\
list_length: 2
attention: logarithmic
replicates: 200
confidence: 0.95
seed: 1
max_unknown_share: 0.05
rules:
  - id: no-more-than-claimed
    metric: privacy_leak
    comparison: at_most
    limit: 1
    level: error
    rationale: An attack that shows more than the claimed epsilon refutes the claim.
    approved_by: the board
"""

ATTACK: dict[str, Any] = {
    "epsilon": 3,
    "delta": 1e-06,
    "lower_bound": 1.25,
    "confidence": 0.95,
    "attack": "canaries, one run",
    "canaries": 4000,
    "model_digest": "ab" * 32,
    "chance": 0.97,
}


OF_MEMBERSHIP = POLICY.replace("privacy_leak", "membership_inference").replace("limit: 1\n", "limit: 0.6\n")
INFERENCE: dict[str, Any] = {
    "area": 0.55,
    "low": 0.52,
    "high": 0.58,
    "confidence": 0.95,
    "attackers": ["served lists"],
    "members": 200,
    "others": 300,
    "model_digest": "ab" * 32,
}


def _check(folder: Path, *options: str, attack: object = None, policy: str = POLICY) -> Result:
    (folder / "policy.yaml").write_text(policy)
    (folder / "lists.csv").write_text("subject,item,rank\ns,a,1\ns,b,2\nt,b,1\nt,a,2\n")
    (folder / "items.csv").write_text("item,category\na,drama\nb,comedy\n")
    given = ["gate", "check", "--recommendations", str(folder / "lists.csv"), "--items", str(folder / "items.csv")]
    given += ["--policy", str(folder / "policy.yaml"), *options]
    if attack is not None:
        (folder / "attack.json").write_text(attack if isinstance(attack, str) else json.dumps(attack))
        given += ["--attack", str(folder / "attack.json")]
    return CliRunner().invoke(build(given), given)


@pytest.mark.parametrize(("bound", "code"), [(1.25, 0), (3, 0), (3.01, 1)])
@pytest.mark.parametrize("alone", [True, False])
def test_an_attack_that_refutes_the_claim_fails_the_rule(
    tmp_path: Path, bound: float, code: int, *, alone: bool
) -> None:
    found = ATTACK | {"lower_bound": bound}
    document = found if alone else {"title": "a whole report", "privacy_attack": found}

    assert _check(tmp_path, attack=document).exit_code == code


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"confidence": 0.01}, 3),
        ({"confidence": 0.94, "lower_bound": 3.01}, 3),
        ({"chance": 0.79}, 3),
        ({"chance": None}, 3),
        ({"chance": 0.79, "lower_bound": 3.01}, 1),
        ({"chance": 1}, 0),
        ({"chance": 1.5}, 4),
    ],
)
def test_an_attack_less_sure_than_the_policy_or_without_a_chance_to_find_anything_decides_nothing(
    tmp_path: Path, change: dict[str, float | None], code: int
) -> None:
    found = {name: value for name, value in (ATTACK | change).items() if value is not None}

    assert _check(tmp_path, attack=found).exit_code == code


def test_the_finding_says_what_the_attack_showed_and_how_surely(tmp_path: Path) -> None:
    said = " ".join(_check(tmp_path, "--format", "json", attack=ATTACK).stdout.split())

    assert (
        "An attack with 4,000 canaries shows that epsilon is at least 1.25, with 95 % confidence, where 3 is claimed: "
        "0.417 of it; the policy asks for at most 1."
    ) in said


def test_without_an_attack_the_rule_has_no_evidence(tmp_path: Path) -> None:
    result = _check(tmp_path)

    assert result.exit_code == 3
    assert "the result of an attack on the model" in " ".join(result.stdout.split())


def test_the_decision_rests_on_the_attack_and_names_the_model_that_it_attacked(tmp_path: Path) -> None:
    result = _check(tmp_path, "--format", "json", "--out", str(tmp_path / "out"), attack=ATTACK)
    report = Report.from_json((tmp_path / "out" / "report.json").read_bytes())
    decision = (tmp_path / "out" / "gate.json").read_text()
    attack = PrivacyAttack(**ATTACK | {"epsilon": 3.0})

    assert result.exit_code == 0
    assert report.attack == attack
    assert report.model_digest == "ab" * 32
    assert sha256(attack.to_json()).hexdigest() in decision


@pytest.mark.parametrize(
    ("attack", "code", "said"),
    [
        ("{", 4, "attack.json: expected JSON"),
        ("[]", 4, "attack.json: PrivacyAttack: expected an object"),
        (ATTACK | {"more": 1}, 4, "got 1 unknown ones"),
        ({"privacy_attack": {"epsilon": 1.0}}, 4, "missing"),
        (ATTACK | {"canaries": 4.5}, 4, "attack.json: PrivacyAttack.canaries: expected int"),
        (ATTACK | {"lower_bound": "high"}, 4, "expected float"),
        (ATTACK | {"epsilon": 0}, 4, "attack.json: privacy attack, epsilon: expected a positive number"),
        (ATTACK | {"epsilon": -1.5}, 4, "attack.json: privacy attack, epsilon: expected a positive number"),
        (ATTACK | {"epsilon": float("nan")}, 4, "attack.json: "),
        (ATTACK | {"epsilon": float("inf")}, 4, "attack.json: "),
        (ATTACK | {"confidence": 1}, 4, "attack.json: privacy attack, confidence: expected between 0 and 1"),
    ],
)
def test_what_is_no_attack_is_told_and_never_passes(tmp_path: Path, attack: object, code: int, said: str) -> None:
    result = _check(tmp_path, attack=attack)

    assert result.exit_code == code
    assert said in " ".join(result.stderr.split())


def test_a_file_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    result = _check(tmp_path, "--attack", str(tmp_path / "none.json"))

    assert result.exit_code == 2
    assert "expected what an attack found, got no such file" in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, 0),
        ({"high": 0.61}, 3),
        ({"area": 0.65, "low": 0.61, "high": 0.7}, 1),
        ({"area": None, "low": None, "high": None}, 3),
        ({"confidence": 0.9}, 3),
        ({"members": 10, "others": 10}, 3),
        ({"low": 0, "high": 1}, 3),
    ],
    ids=["inside", "on both sides", "beyond", "too few to tell", "less certain", "below min_subjects", "whole numbers"],
)
def test_a_rule_limits_how_well_membership_may_be_inferred(tmp_path: Path, change: dict[str, Any], code: int) -> None:
    document = {"privacy_attack": ATTACK, "membership_inference": INFERENCE | change}

    assert _check(tmp_path, attack=document, policy=OF_MEMBERSHIP).exit_code == code


@pytest.mark.parametrize("document", [None, ATTACK, {"privacy_attack": ATTACK, "membership_inference": None}])
def test_where_nobody_inferred_membership_the_rule_has_no_evidence(tmp_path: Path, document: object) -> None:
    result = _check(tmp_path, attack=document, policy=OF_MEMBERSHIP)

    assert result.exit_code == 3
    assert "measuring it takes what inferring membership found" in " ".join(result.stdout.split())


def test_the_decision_rests_on_what_inferring_membership_found(tmp_path: Path) -> None:
    options = ("--format", "json", "--out", str(tmp_path / "out"))
    alone = {"membership_inference": INFERENCE}
    result = _check(tmp_path, *options, attack=alone, policy=OF_MEMBERSHIP)
    found = MembershipInference(**INFERENCE | {"attackers": ("served lists",)})

    assert result.exit_code == 0
    assert sha256(found.to_json()).hexdigest() in (tmp_path / "out" / "gate.json").read_text()
    assert Report.from_json((tmp_path / "out" / "report.json").read_bytes()).model_digest == "ab" * 32


def test_two_attacks_on_two_models_are_evidence_on_neither(tmp_path: Path) -> None:
    document = {"privacy_attack": ATTACK, "membership_inference": INFERENCE | {"model_digest": "cd" * 32}}
    result = _check(tmp_path, attack=document, policy=OF_MEMBERSHIP)

    assert result.exit_code == 2
    assert "expected an attack on the model under audit" in " ".join(result.stderr.split())
