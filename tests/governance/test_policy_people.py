"""Who approves is somebody else than who asks, by what a reader of the file sees, and is somebody at all."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.errors import PolicyError
from governance.gate.granting import require_writable
from governance.policy.loader import load
from governance.policy.people import seen
from governance.policy.waivers import WaiversFile
from tests.governance.gate_examples import STEADY, rule, waiver

ALIKE = {
    "full-width": "\uff21nn Lee",
    "a zero-width space inside": "An\u200bn Lee",
    "a soft hyphen": "Ann\u00ad Lee",
    "a byte order mark": "\ufeffAnn Lee",
    "right to left and back": "\u202eAnn\u202c Lee",
    "two spaces": "Ann  Lee",
    "a space that does not break": "Ann\u00a0Lee",
    "spaces around": " ann lee\t",
    "capitals": "ANN LEE",
    "mathematical letters": "\U0001d400nn Lee",
    "a selector of variants": "Ann\ufe0f Lee\U000e0101",
    "a joiner": "A\u034fnn Lee",
}
NOBODY = {
    "nothing": "",
    "a zero-width space": "\u200b",
    "a space that does not break": "\u00a0",
    "a Hangul filler": "\u3164",
    "a half-width filler": "\uffa0",
    "a blank in Braille": "\u2800",
    "a joiner between marks": "\u200e\u2060\u200f",
}


@pytest.mark.parametrize("name", ALIKE.values(), ids=ALIKE.keys())
@pytest.mark.parametrize("other", ["author", "owner"])
def test_who_looks_like_the_author_or_the_owner_cannot_approve(name: str, other: str) -> None:
    with pytest.raises(ValueError, match=f"who is its {other} too: nobody approves their own exception"):
        waiver(approver=name, **{other: "Ann Lee"})


@pytest.mark.parametrize("name", NOBODY.values(), ids=NOBODY.keys())
@pytest.mark.parametrize("field", ["owner", "author", "approver", "reason"])
def test_whom_nobody_can_see_is_nobody(name: str, field: str) -> None:
    with pytest.raises(ValueError, match=f"^{field} '', where a waiver names it"):
        waiver(**{field: name})


@pytest.mark.parametrize("name", NOBODY.values(), ids=NOBODY.keys())
def test_nor_has_nobody_approved_a_rule_or_given_its_reason(name: str) -> None:
    with pytest.raises(ValueError, match="nobody has approved the rule yet"):
        rule("at_least", limit=0.3, approved_by=name)
    with pytest.raises(ValueError, match="why the rule is what it is"):
        rule("at_least", limit=0.3, rationale=name)
    with pytest.raises(Exception, match="reason: expected 1 to 2000 characters, got 0"):
        require_writable(name)


def test_a_look_alike_in_a_file_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "waivers.yaml").write_text(
        "# exceptions\nwaivers:\n  - {id: w, rule: works, worst_value: 0.2, owner: O, author: A, approver: \uff21, "
        "reason: r, expires_on: 2026-12-31}\n"
    )
    with pytest.raises(PolicyError, match=r":3: waivers\[0\]: .*who is its author too"):
        load(tmp_path / "waivers.yaml", WaiversFile)


@pytest.mark.parametrize("name", ["Anne Lee", "Ann Li", "Änn Lee", "AnnLee", "\N{CJK UNIFIED IDEOGRAPH-674E}\u7d2b"])
def test_whoever_has_another_name_can(name: str) -> None:
    assert waiver(author="Ann Lee", approver=name).approver == name


@STEADY
@given(st.text(), st.sampled_from(["\u200b", "\u00ad", "\ufe0f", "\u2060", "\u200d"]), st.integers(0, 20))
def test_what_cannot_be_seen_changes_no_name_wherever_it_stands(name: str, sign: str, place: int) -> None:
    assert seen(name[:place] + sign + name[place:]) == seen(name)
    assert seen(seen(name)) == seen(name)
    assert seen(name.upper()) == seen(name.upper().casefold())
