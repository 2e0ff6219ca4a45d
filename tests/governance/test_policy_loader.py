import re
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path, PurePath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.errors import PolicyError
from governance.policy.loader import load, parse
from governance.policy.policies import load_policies
from governance.policy.privacy_rules import PrivacyPolicy
from governance.policy.purposes import PurposesPolicy
from governance.policy.rules import AccessPolicy, FairnessPolicy, RetentionPolicy, RightsPolicy
from governance.resources import policies_dir
from tests.governance.gate_examples import STEADY

Change = Callable[[str, str, str], Path]


@pytest.fixture
def change(tmp_path: Path) -> Change:
    """The shipped policies in a folder of their own, with one text replaced in one of them."""

    def changed(name: str, old: str, new: str) -> Path:
        shutil.copytree(policies_dir(), tmp_path / "policies", dirs_exist_ok=True)
        path = tmp_path / "policies" / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
        return path

    return changed


def _line_of(path: Path, text: str) -> int:
    return next(number for number, line in enumerate(path.read_text().splitlines(), 1) if text in line)


def test_the_shipped_policies_load_and_their_digest_is_that_of_sha256sum() -> None:
    policies = load_policies(policies_dir())
    files = {path.stem: sha256(path.read_bytes()).hexdigest() for path in policies_dir().glob("*.yaml")}

    assert policies.digests == files
    assert len(policies.digest) == 64


def test_one_changed_letter_of_a_comment_changes_the_digest_of_all(change: Change) -> None:
    path = change("privacy.yaml", "# The privacy budget.", "# The privacy budget!")

    assert load_policies(path.parent).digest != load_policies(policies_dir()).digest


KINDS = {
    "access.yaml": AccessPolicy,
    "fairness.yaml": FairnessPolicy,
    "privacy.yaml": PrivacyPolicy,
    "purposes.yaml": PurposesPolicy,
    "retention.yaml": RetentionPolicy,
    "rights.yaml": RightsPolicy,
}

BROKEN = [
    (
        "privacy.yaml",
        "release_epsilon: 5.0",
        "release_epsilom: 5.0",
        "release_epsilom: expected one of .*, got an unknown key",
    ),
    (
        "privacy.yaml",
        "release_epsilon: 5.0",
        "budget_epsilon: 5.0",
        "budget_epsilon: expected each key once, got the key a second time",
    ),
    ("privacy.yaml", "budget_epsilon: 10.0", "budget_epsilon: lots", "budget_epsilon: expected float, got 'lots'"),
    (
        "privacy.yaml",
        "max_items_per_subject: 200",
        "max_items_per_subject: 2.5",
        "max_items_per_subject: expected int, got 2.5",
    ),
    (
        "privacy.yaml",
        "max_items_per_subject: 200",
        "max_items_per_subject: true",
        "max_items_per_subject: expected int, got True",
    ),
    ("privacy.yaml", "population: subscribers", "population: [a]", "population: expected str, got a list"),
    ("privacy.yaml", "keep_sums: never", "keep_sums: always", "keep_sums: expected never or int, got 'always'"),
    ("privacy.yaml", "keep_sums: never", "keep_sums: [1]", "keep_sums: expected never or int, got a list"),
    ("privacy.yaml", "signals: {}", "signals: {trending: lots}", "signals.trending: expected float, got 'lots'"),
    (
        "privacy.yaml",
        "  half_life_days: null ",
        "  half_lives: 3 ",
        "history.half_lives: expected one of .*, got an unknown key",
    ),
    ("rights.yaml", "    approval: false", "    approval: no way", "rights.access.approval: expected bool"),
    (
        "fairness.yaml",
        "attention: logarithmic",
        "attention: linear",
        "FairnessPolicy: expected a possible value, got attention 'linear': attention: expected one of logarithmic, .*",
    ),
    (
        "fairness.yaml",
        "    level: error",
        "    level: fatal",
        r"rules\[0\].level: expected one of off, warn, error, got 'fatal'",
    ),
    ("rights.yaml", "    approval: false", "    approval: off", "rights.access.approval: expected bool, got 'off'"),
    ("access.yaml", "  engineer: [", "  engineer: {a: b} #", "roles.engineer: expected a list, got a mapping"),
]


@pytest.mark.parametrize(("name", "old", "new", "message"), BROKEN, ids=[each[2].strip() for each in BROKEN])
def test_what_is_wrong_is_told_with_file_and_line(change: Change, name: str, old: str, new: str, message: str) -> None:
    path = change(name, old, new)

    with pytest.raises(PolicyError, match=f"^{path}:{_line_of(path, new)}: {message}"):
        load(path, KINDS[name])


IMPOSSIBLE = [
    ("privacy.yaml", "delta: 1.0e-6", "delta: 0.1", "expected a possible value, got delta 0.1"),
    ("privacy.yaml", "release_epsilon: 5.0", "release_epsilon: 11.0", "got release_epsilon 11.0"),
    ("privacy.yaml", "budget_epsilon: 10.0", "budget_epsilon: .nan", "got budget_epsilon nan"),
    ("privacy.yaml", "budget_epsilon: 10.0", "budget_epsilon: .inf", "got budget_epsilon inf"),
    ("privacy.yaml", "keep_sums: never", "keep_sums: 0", "got keep_sums 0, not never or 1 to 366 days"),
    (
        "privacy.yaml",
        "signals: {}",
        "signals: {moods: 0.1}",
        "got signals no signal is called 'moods'; there are trend",
    ),
    ("privacy.yaml", "signals: {}", "signals: {trending: 0}", "got signals trending 0.0, not a share"),
    ("privacy.yaml", "signals: {}", "signals: {trending: .3, time_slots: .3}", "got signals 0.6 together, above the"),
    ("privacy.yaml", "trending_days: 7", "trending_days: 0", "got trending_days 0"),
    ("privacy.yaml", "  completion_floor: 1.0", "  completion_floor: 0", "got completion_floor 0.0, not from 0.001"),
    ("privacy.yaml", "  half_life_days: null", "  half_life_days: .inf", "got half_life_days inf"),
    ("retention.yaml", "request_records_days: 1095", "request_records_days: 30", "got 30 days, below 24 months"),
    ("fairness.yaml", "replicates: 1000", "replicates: 10", "got 10 replicates, too few"),
    ("fairness.yaml", "    limit: 0.30", "    limit: 30", "got limit 30.0, outside what exposure_share can be"),
    ("fairness.yaml", "    limit: 0.30", "    limit: 0", "got limit 0.0, which exposure_share can never miss"),
    ("fairness.yaml", "    limit: 0.30", "    floor: 0.3", "got limit None, which the comparison at_least needs"),
    ("fairness.yaml", "    limit: 0.30", "    limit: .nan", "got limit nan"),
    (
        "fairness.yaml",
        "metric: exposure_share",
        "metric: exposure_shar",
        "got metric 'exposure_shar', which is none of",
    ),
    (
        "fairness.yaml",
        "approved_by: review board",
        'approved_by: ""',
        "got approved_by '': nobody has approved the rule yet",
    ),
    ("fairness.yaml", "    aim: 0.345", "    aim: 0.2", "got aim 0.2 outside the limit 0.3"),
    ("access.yaml", "  role: board", "  role: king", "got review.role 'king', not among the roles"),
    (
        "purposes.yaml",
        "training: model_training",
        "training: nothing",
        "got 'nothing', which is not among the purposes",
    ),
    ("purposes.yaml", "legal_basis: A6-1-a", "legal_basis: A6-1-f", "got a legitimate interest without an assessment"),
    (
        "rights.yaml",
        "    answer_days: 45",
        "    answer_months: 1\n    answer_days: 45",
        "got months and days both, or neither",
    ),
]


@pytest.mark.parametrize(("name", "old", "new", "message"), IMPOSSIBLE, ids=[each[3] for each in IMPOSSIBLE])
def test_an_impossible_value_is_told_with_file_and_line(
    change: Change, name: str, old: str, new: str, message: str
) -> None:
    path = change(name, old, new)

    with pytest.raises(PolicyError, match=rf"^{path}:\d+: .*{message}"):
        load(path, KINDS[name])


def test_a_level_is_off_as_the_shipped_policy_itself_spells_it(change: Change) -> None:
    path = change("fairness.yaml", "    level: warn", "    level: off")

    assert [rule.level for rule in load(path, FairnessPolicy).value.rules] == ["error", "error", "error", "off", "warn"]


@pytest.mark.parametrize("word", ["no", "NO", "on", "Off", "yes", "y", "trueish"])
def test_a_word_that_an_older_yaml_takes_for_a_boolean_is_a_word(change: Change, word: str) -> None:
    path = change("fairness.yaml", "category: european", f"category: {word}")

    assert load(path, FairnessPolicy).value.rules[0].category == word


@pytest.mark.parametrize(("word", "value"), [("true", True), ("False", False), ("TRUE", True)])
def test_true_and_false_are_booleans(change: Change, word: str, value: bool) -> None:  # noqa: FBT001 - a value to expect
    path = change("access.yaml", "tell_open: false", f"tell_open: {word}")

    assert load(path, AccessPolicy).value.reidentification.tell_open is value


def test_a_policy_in_which_nothing_can_fail_is_refused(change: Change) -> None:
    path = change("fairness.yaml", "level: error", "level: warn")
    path.write_text(path.read_text().replace("level: error", "level: warn"))

    with pytest.raises(PolicyError, match="a policy in which nothing can fail"):
        load(path, FairnessPolicy)


def test_a_missing_key_is_named(change: Change) -> None:
    path = change("privacy.yaml", "population: subscribers\n", "")

    with pytest.raises(PolicyError, match=r":\d+: PrivacyPolicy: expected the key 'population', got no such key"):
        load(path, PrivacyPolicy)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"privacy.yaml: cannot be read \(No such file or directory\)"):
        load(tmp_path / "privacy.yaml", PrivacyPolicy)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", ":1: expected keys of PrivacyPolicy, the file is empty"),
        (b"# only a comment\n", ":1: expected keys of PrivacyPolicy, the file is empty"),
        (b"population: [a\n", ":2: not valid YAML"),
        (b"population: \xff\n", "expected UTF-8, found another byte at offset 12"),
        (b"- a\n- b\n", ":1: : expected a mapping, got a list"),
    ],
    ids=["empty", "comment only", "broken", "not UTF-8", "a list"],
)
def test_a_file_that_is_no_policy_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "privacy.yaml"
    path.write_bytes(content)

    with pytest.raises(PolicyError, match=f"^{path}.*{message}"):
        load(path, PrivacyPolicy)


SHIPPED = (policies_dir() / "fairness.yaml").read_text()


@settings(STEADY, max_examples=40)
@given(
    st.integers(0, len(SHIPPED)),
    st.integers(0, 60),
    st.text("\n :-[]{}&*!|>'\"#%@`,.<0123456789aeitnu~\u00e9", max_size=40),
)
def test_a_policy_with_anything_in_it_loads_or_is_refused_with_its_line(start: int, length: int, text: str) -> None:
    broken = SHIPPED[:start] + text + SHIPPED[start + length :]

    refusal = ""
    try:
        parse(broken.encode(), PurePath("fairness.yaml"), FairnessPolicy)
    except PolicyError as refused:
        refusal = str(refused)

    assert not refusal or re.match(r"fairness\.yaml:\d+: ", refusal)


@pytest.mark.parametrize("bracket", ["[", "{a: ", "- "], ids=["lists", "mappings", "items"])
def test_a_policy_nested_without_end_is_refused(bracket: str) -> None:
    with pytest.raises(PolicyError, match="not valid YAML"):
        parse((bracket * 600).encode(), PurePath("fairness.yaml"), FairnessPolicy)


def test_yaml_that_would_run_code_is_data_that_is_refused(change: Change) -> None:
    path = change("privacy.yaml", "population: subscribers", "population: !!python/object/apply:os.getcwd []")

    with pytest.raises(PolicyError, match="population: expected str"):
        load(path, PrivacyPolicy)


def test_policies_that_contradict_each_other_are_refused(change: Change) -> None:
    path = change("minimisation.yaml", "  partner_sharing:", "  mind_reading:")

    with pytest.raises(PolicyError, match=r"minimisation.yaml: purposes: expected slugs of .*, got mind_reading"):
        load_policies(path.parent)
