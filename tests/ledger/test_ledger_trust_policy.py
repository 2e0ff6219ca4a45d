"""Trust policies: the format's rules, quorums over distinct witnesses, and what must be refused."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.errors import BrokenProof, InvalidInput
from governance.ledger.checkpoint import Checkpoint, encode_checkpoint, sign_checkpoint
from governance.ledger.cosignature import WitnessKey, WitnessSigner, cosign
from governance.ledger.merkle import EMPTY_ROOT
from governance.ledger.note import LedgerSigner, SignatureLine, add_signatures, encode_vkey, sign_note
from governance.ledger.trust_policy import (
    Group,
    PolicyWitness,
    TrustPolicy,
    encode_policy,
    parse_policy,
    trusting,
    verify_cosigned,
    without_quorum,
)

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
LOG = LedgerSigner("example.com/log", bytes(range(32)))
NEW_KEY = LedgerSigner("example.com/log", bytes(range(50, 82)))
L = encode_vkey(LOG.verifier_key)
WITNESSES = [WitnessSigner(f"Wit{number}", bytes([number]) * 32) for number in range(1, 7)]
W1, W2, W3, W4, W5, W6 = (encode_vkey(each.witness_key) for each in WITNESSES)
CHECKPOINT = Checkpoint(LOG.name, 0, EMPTY_ROOT)

# The example of the format's text (tlog-policy, "Example policy"), with keys.
EXAMPLE = f"""log {L}

witness X1 {W1}
witness X2 {W2}
witness X3 {W3}
group X-witnesses 2 X1 X2 X3

witness Y1 {W4}
witness Y2 {W5}
witness Y3 {W6}
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""


def note_of(*numbers: int, text: Checkpoint = CHECKPOINT, log: LedgerSigner = LOG) -> bytes:
    """A checkpoint that the witnesses with these numbers, from 1, cosigned at noon."""
    lines = [cosign(encode_checkpoint(text), NOON, WITNESSES[number - 1]) for number in numbers]
    return add_signatures(sign_checkpoint(text, log), lines)


def test_the_formats_example_is_read() -> None:
    policy = parse_policy(EXAMPLE)

    assert [log.key for log in policy.logs] == [LOG.verifier_key]
    assert [each.name for each in policy.witnesses] == ["X1", "X2", "X3", "Y1", "Y2", "Y3"]
    assert policy.groups == (
        Group("X-witnesses", 2, ("X1", "X2", "X3")),
        Group("Y-witnesses", 1, ("Y1", "Y2", "Y3")),
        Group("X-and-Y", 2, ("X-witnesses", "Y-witnesses")),
    )
    assert policy.quorum == "X-and-Y"


@pytest.mark.parametrize(
    ("numbers", "enough"),
    [
        ((1, 2, 4), True),
        ((2, 3, 6), True),
        ((1, 2, 3, 4, 5, 6), True),
        ((), False),
        ((1, 4), False),
        ((1, 2), False),
        ((1, 2, 3), False),
        ((4, 5, 6), False),
        ((1, 4, 5, 6), False),
    ],
)
def test_the_formats_example_wants_two_of_the_first_group_and_one_of_the_second(
    numbers: tuple[int, ...], *, enough: bool
) -> None:
    policy = parse_policy(EXAMPLE)

    if enough:
        found = verify_cosigned(note_of(*numbers), policy)

        assert found.checkpoint == CHECKPOINT
        assert found.log == LOG.verifier_key
        assert len(found.witnesses) == len(numbers)
        assert {each.cosigned_at for each in found.witnesses} == {NOON}
    else:
        with pytest.raises(BrokenProof, match="expected cosignatures for the quorum X-and-Y, found"):
            verify_cosigned(note_of(*numbers), policy)


def test_one_witness_counts_once_however_often_it_signs() -> None:
    policy = parse_policy(f"log {L}\nwitness a {W1}\nwitness b {W2}\ngroup both all a b\nquorum both\n")
    text = encode_checkpoint(CHECKPOINT)
    later = cosign(text, NOON + timedelta(hours=1), WITNESSES[0])
    # Two lines of one key: `add_signatures` would put the later in the place of the earlier.
    note = note_of(1) + add_signatures(note_of(), [later]).splitlines(keepends=True)[-1]

    with pytest.raises(BrokenProof, match="for the quorum both, found a"):
        verify_cosigned(note, policy)
    assert verify_cosigned(note, replace(policy, quorum="a")).witnesses == (("a", NOON + timedelta(hours=1)),)


def test_the_same_key_under_another_name_is_not_another_witness() -> None:
    disguised = encode_vkey(WitnessKey("impostor.example.com", WITNESSES[0].witness_key.public_key))

    with pytest.raises(InvalidInput, match="line 2: the public key of w2 is that of an earlier witness"):
        parse_policy(f"witness w1 {W1}\nwitness w2 {disguised}\nquorum w1\n")


def test_a_policy_of_one_log_wants_no_witness() -> None:
    assert without_quorum(parse_policy(f"log {L}\nwitness a {W1}\nquorum a\n")) == trusting(LOG.verifier_key)
    assert trusting(LOG.verifier_key) == parse_policy(f"log {L}\nquorum none\n")
    assert verify_cosigned(note_of(), trusting(LOG.verifier_key)).witnesses == ()


def test_a_log_whose_key_is_replaced_is_believed_under_either() -> None:
    note = sign_checkpoint(CHECKPOINT, LOG, NEW_KEY)

    assert verify_cosigned(note, trusting(LOG.verifier_key)).log == LOG.verifier_key
    assert verify_cosigned(note, trusting(NEW_KEY.verifier_key)).log == NEW_KEY.verifier_key
    assert verify_cosigned(note, trusting(LOG.verifier_key, NEW_KEY.verifier_key)).log == LOG.verifier_key


def test_cosignatures_do_not_stand_in_for_the_log() -> None:
    stranger = LedgerSigner(LOG.name, bytes(32))

    with pytest.raises(BrokenProof, match=r"expected a signature of example\.com/log\+.*, got none"):
        verify_cosigned(note_of(1, 2, 4, log=stranger), parse_policy(EXAMPLE))


def test_a_policy_without_logs_is_read_and_believes_nobody() -> None:
    policy = parse_policy("quorum none\n")

    assert policy == TrustPolicy(logs=())
    with pytest.raises(BrokenProof, match="the policy names none"):
        verify_cosigned(note_of(), policy)


def test_a_trusted_log_cannot_speak_for_another() -> None:
    other = Checkpoint("other.example/log", 0, EMPTY_ROOT)
    note = sign_note(encode_checkpoint(other), LOG)

    with pytest.raises(BrokenProof, match=r"expected the origin example\.com/log"):
        verify_cosigned(note, trusting(LOG.verifier_key))


def test_a_cosignature_that_fails_rejects_the_note_even_when_nobody_needs_it() -> None:
    broken = SignatureLine("Wit1", WITNESSES[0].witness_key.key_id, NOON.second.to_bytes(8) + bytes(64))
    policy = parse_policy(f"log {L}\nwitness w1 {W1}\nquorum none\n")

    with pytest.raises(BrokenProof, match="the cosignature of Wit1"):
        verify_cosigned(add_signatures(note_of(), [broken]), policy)


def test_witnesses_that_the_policy_does_not_name_are_ignored() -> None:
    assert verify_cosigned(note_of(1, 2), trusting(LOG.verifier_key)).witnesses == ()


def test_a_text_that_is_no_checkpoint_is_refused_though_signed() -> None:
    with pytest.raises(BrokenProof, match="checkpoint"):
        verify_cosigned(sign_note("hello\n", LOG), trusting(LOG.verifier_key))


# The accepted spellings of the tests of github.com/transparency-dev/formats and github.com/sigsum/sigsum-go.
@pytest.mark.parametrize(
    ("text", "quorum"),
    [
        ("quorum none\n", "none"),
        (
            f"\n# comment\n\t # another\n\twitness \t w1  {W1}   https://w1.example.com/  \n\n  quorum\tw1\n",
            "w1",
        ),
        (f"log {L} https://log.example.com/\nwitness w1 {W1}\nquorum w1\n", "w1"),
        (f"witness all {W1}\nwitness any {W2}\ngroup group 2 all any\nquorum group\n", "group"),
        (f"witness w1 {W1}\nquorum w1\nwitness w2 {W2}\nlog {L}\n", "w1"),
        (f"# \u00e4\u2028\u0085\u00a0\nwitness \u212a\u00a0w {W1}\nquorum \u212a\u00a0w\n", "\u212a\u00a0w"),
        (
            f"log {L}\nwitness same {encode_vkey(WitnessKey('w', LOG.verifier_key.public_key))}\nquorum same\n",
            "same",
        ),
    ],
)
def test_what_the_format_allows_is_read(text: str, quorum: str) -> None:
    policy = parse_policy(text)

    assert policy.quorum == quorum
    assert parse_policy(encode_policy(policy)) == policy


def test_names_are_octets() -> None:
    text = b"witness KKlvin-w\x80 " + W1.encode() + b"\nquorum KKlvin-w\x80\n"

    policy = parse_policy(text)

    assert encode_policy(policy).encode(errors="surrogateescape") == text
    assert policy.is_met_by([policy.witnesses[0].name])


REFUSED = [
    ("quorum none\n\x01\n", "line 2: expected no control character but tab, got 0x01"),
    ("quorum none\r\n", "line 1: .*got 0x0d"),
    ("# \x0c\nquorum none\n", "line 1: .*got 0x0c"),
    ("# \x7f\nquorum none\n", "line 1: .*got 0x7f"),
    ("quorum none", "line 1: expected a newline at its end, as each line has"),
    ("quorum none\n# the end", "line 2: expected a newline at its end"),
    ("quorum none\n ", "line 2: expected a newline at its end"),
    ("", "expected one quorum line, got none"),
    (f"witness w1 {W1}\n", "expected one quorum line, got none"),
    ("quibble w1\nquorum none\n", "line 1: expected one of log, witness, group, quorum"),
    ("\ufeffquorum none\n", "line 1: expected one of"),
    ("quorum\u00a0none\n", "line 1: expected one of"),
    (f"witness w1 {W1} https://w1.example.com/ # comment\nquorum w1\n", "line 1: expected witness <name> <vkey>"),
    ("log\nquorum none\n", "line 1: expected log <vkey>"),
    (f"log {L} http://example.org #comment\nquorum none\n", "line 1: expected log <vkey>"),
    ("log garbage\nquorum none\n", "line 1: expected a note key"),
    (f"log {W1}\nquorum none\n", "line 1: .*expected type 1 and 32 bytes, got type 4"),
    (f"log {L}\nlog {L} https://log.example.com/\nquorum none\n", "line 2: .*that of an earlier log"),
    ("witness w1\nquorum none\n", "line 1: expected witness"),
    (f"witness w1 {L}\nquorum w1\n", "line 1: .*expected type 4"),
    ("witness w1 ecdsa.example.com+00000000+AgECAw==\nquorum w1\n", "line 1: .*expected type 4"),
    (f"witness none {W1}\nquorum none\n", "line 1: none is reserved"),
    (f"witness w1 {W1}\nwitness w1 {W2}\nquorum w1\n", "line 2: w1 is defined already"),
    (f"witness w1 {W1}\ngroup w1 any w1\nquorum w1\n", "line 2: w1 is defined already"),
    (f"witness w1 {W1}\ngroup g1 1\nquorum w1\n", "line 2: expected group"),
    (f"witness w1 {W1}\ngroup none any w1\nquorum none\n", "line 2: none is reserved"),
    (f"witness w1 {W1}\ngroup g1 0 w1\nquorum g1\n", "line 2: expected all, any or a number from 1, got 0"),
    (f"witness w1 {W1}\ngroup g1 -1 w1\nquorum g1\n", "line 2: expected all, any"),
    (f"witness w1 {W1}\ngroup g1 01 w1\nquorum g1\n", "line 2: expected all, any"),
    (f"witness w1 {W1}\ngroup g1 \u0661 w1\nquorum g1\n", "line 2: expected all, any"),
    (f"witness w1 {W1}\ngroup g1 ALL w1\nquorum g1\n", "line 2: expected all, any"),
    (f"witness w1 {W1}\ngroup g1 2 w1\nquorum g1\n", "line 2: group g1: expected a threshold from 1 to 1, got 2"),
    (f"witness w1 {W1}\ngroup g1 any w2\nquorum g1\n", "line 2: group g1: w2 is not defined"),
    (f"group g1 any w1\nwitness w1 {W1}\nquorum g1\n", "line 1: group g1: w1 is not defined"),
    (f"witness w1 {W1}\ngroup g1 any g1\nquorum g1\n", "line 2: group g1: g1 is not defined"),
    (f"witness w1 {W1}\ngroup g1 any none w1\nquorum g1\n", "line 2: group g1: none is not defined"),
    (f"witness w1 {W1}\ngroup g1 all w1 w1\nquorum g1\n", "line 2: group g1: w1 is a member of a group already"),
    (f"witness w1 {W1}\nwitness w2 {W2}\ngroup g1 any w1 w2\ngroup g2 any w1\nquorum g1\n", "line 4: group g2: w1"),
    (f"witness w1 {W1}\nquorum w1\nquorum w1\n", "line 3: expected one quorum line, got another"),
    ("quorum unknown\n", "line 1: quorum: unknown is not defined"),
    (f"quorum w1\nwitness w1 {W1}\n", "line 1: quorum: w1 is not defined"),
    ("quorum\n", "line 1: expected quorum"),
    ("quorum none none\n", "line 1: expected quorum"),
    ("#" * 1_000_001, "at most 1000000 characters"),
]


@pytest.mark.parametrize(("text", "why"), REFUSED)
def test_what_the_format_forbids_is_refused_with_its_line(text: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=f"trust policy.*{why}"):
        parse_policy(text)


@pytest.mark.parametrize("present", list(product([False, True], repeat=3)))
def test_a_group_inside_a_group_is_met_by_its_threshold(present: tuple[bool, ...]) -> None:
    policy = parse_policy(
        f"witness w1 {W1}\nwitness w2 {W2}\nwitness w3 {W3}\ngroup in any w2 w3\ngroup out all w1 in\nquorum out\n"
    )
    one, two, three = present

    assert policy.is_met_by([f"w{n}" for n in (1, 2, 3) if present[n - 1]]) == (one and (two or three))


def policies() -> st.SearchStrategy[TrustPolicy]:
    def build(count: int, thresholds: list[int], url: str | None) -> TrustPolicy:
        witnesses = tuple(PolicyWitness(f"w{n}", each.witness_key, url) for n, each in enumerate(WITNESSES[:count]))
        names = [each.name for each in witnesses]
        groups: list[Group] = []
        for number, threshold in enumerate(thresholds):
            members, names = names[:2], names[2:]
            if not members:
                break
            groups.append(Group(f"g{number}", min(threshold, len(members)), tuple(members)))
            names.append(f"g{number}")
        quorum = groups[-1].name if groups else "none"
        return replace(trusting(LOG.verifier_key), witnesses=witnesses, groups=tuple(groups), quorum=quorum)

    return st.builds(
        build, st.integers(0, 6), st.lists(st.integers(1, 2), max_size=5), st.sampled_from([None, "http://w"])
    )


@given(policies())
def test_a_policy_is_read_as_it_was_written(policy: TrustPolicy) -> None:
    assert parse_policy(encode_policy(policy)) == policy


@settings(max_examples=50)
@given(st.text() | st.binary())
def test_any_text_is_a_policy_or_refused(text: str | bytes) -> None:
    try:
        policy = parse_policy(text)
    except InvalidInput:
        return
    assert parse_policy(encode_policy(policy)) == policy


@given(st.sets(st.integers(1, 6)), st.sets(st.integers(1, 6)))
def test_more_cosignatures_never_make_a_policy_harder_to_meet(some: set[int], more: set[int]) -> None:
    policy = parse_policy(EXAMPLE)

    def names(numbers: Iterable[int]) -> list[str]:
        return [policy.witnesses[number - 1].name for number in numbers]

    assert policy.is_met_by(names(some)) <= policy.is_met_by(names(some | more))
