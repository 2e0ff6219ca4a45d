"""The pages of the ledger: sentences with their proof, changes of policy, and where a model came from."""

import re
from dataclasses import replace
from hashlib import sha256
from html import unescape
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from sqlalchemy import func, update
from sqlalchemy.orm import Session

from governance.access.tokens import issue_token
from governance.database import transaction
from governance.evidence.chain import chain_of
from governance.ledger.cosignature import WitnessSigner, cosign
from governance.ledger.note import SignatureLine, add_signatures, decode_note
from governance.ledger.publish import publish
from governance.ledger.published import CHECKPOINT, read_note
from governance.ledger.search import Filter, search
from governance.ledger.tables import LedgerCosignature
from governance.ledger.trust_policy import PolicyWitness, trusting
from governance.pipeline.policies import record_policies
from governance.policy.policies import Policies
from governance.policy.texts import PolicyText
from governance.registry.tables import Model, ReleaseRecord, Snapshot
from governance.web.app import create_app
from governance.web.policy_reading import compare
from tests.governance.story import SIGNER

if TYPE_CHECKING:
    from conftest import House

WITNESSES = (WitnessSigner("auditor.example/w", bytes(32)), WitnessSigner("customer.example/w", b"c" * 32))


def text_of(house: "House", address: str, who: str = "auditor") -> str:
    """What a page says, without its markup."""
    answer = house.client(who).get(address)
    assert answer.status_code == 200
    words = re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", answer.text)))
    return re.sub(r" ([.,;:])", r"\1", words)


def links_of(house: "House", address: str, who: str = "auditor") -> set[str]:
    """Where a page leads."""
    return set(re.findall(r'href="([^"]+)"', house.client(who).get(address).text))


def with_another(policies: Policies, text: str) -> Policies:
    """The policies, with another text of the privacy policy."""
    digest = sha256(text.encode()).hexdigest()
    return replace(policies, privacy=replace(policies.privacy, text=text, digest=digest))


def record(session: Session, house: "House", policies: Policies) -> None:
    record_policies(session, policies, actor="role:operator", clock=house.context.clock)


def change_policy(house: "House", old: str, new: str) -> int:
    """Put the shipped policies in force and then a changed one; the number of the entry that did."""
    policies = house.context.policies
    with transaction(house.context.engine) as session:
        record(session, house, policies)
        record(session, house, with_another(policies, policies.privacy.text.replace(old, new)))
        return search(session, Filter(kinds=("policy.in_force",)), limit=1)[0].seq


# The timeline


def test_entries_are_sentences_by_day_with_who_acted_and_their_proof(shared_house: "House") -> None:
    page = text_of(shared_house, "/ledger")

    assert "Monday, 2026-11-23" in page
    assert (
        "Inés Ortega asked the board whether the model 00000000… may ship. review.opened · Inés Ortega ✓ proved" in page
    )
    assert "Proofs are against the signed checkpoint of 33 entries, signed 2026-11-23" in page
    assert "cosigned by no witness" in page


def cosigned_house(house: "House", *lines: SignatureLine) -> "House":
    """The house with these lines under what it published, trusting two witnesses."""
    note = read_note(house.context.ledger)
    (house.context.ledger / CHECKPOINT).write_bytes(add_signatures(note, lines))
    named = tuple(PolicyWitness(f"w{n}", each.witness_key) for n, each in enumerate(WITNESSES))
    context = replace(house.context, trust=replace(trusting(SIGNER.verifier_key), witnesses=named))
    return replace(house, context=context, app=create_app(context))


def test_a_checkpoint_says_how_many_witnesses_of_the_policy_cosigned_it(house: "House") -> None:
    text = decode_note(read_note(house.context.ledger)).text
    stranger = WitnessSigner("stranger.example/w", bytes(range(32)))
    lines = [cosign(text, house.context.clock(), each) for each in (*WITNESSES, stranger)]

    assert "cosigned by 1 witness." in text_of(cosigned_house(house, lines[0], lines[2]), "/ledger")
    assert "cosigned by 2 witnesses" in text_of(cosigned_house(house, *lines), "/ledger")


def test_a_row_that_anybody_put_into_the_database_is_no_witness(house: "House") -> None:
    with transaction(house.context.engine) as session:
        for each in WITNESSES:
            witness = f"{each.name}+{each.key_id.hex()}"
            session.add(LedgerCosignature(size=33, witness=witness, line=b"", cosigned_at=house.context.clock()))

    assert "cosigned by no witness" in text_of(cosigned_house(house), "/ledger")


def test_a_cosignature_that_does_not_hold_is_told(house: "House") -> None:
    forged = cosign("other.example/log\n33\n" + "A" * 43 + "=\n", house.context.clock(), WITNESSES[0])

    page = text_of(cosigned_house(house, forged), "/ledger")

    assert "The log does not hold." in page
    assert "the cosignature of auditor.example/w" in page


def test_an_entry_after_the_checkpoint_is_not_published_yet(house: "House") -> None:
    with transaction(house.context.engine) as session:
        who = house.people["engineer"]
        issue_token(session, who, token_id=UUID(int=10**6), actor="role:operator", clock=house.context.clock)

    page = text_of(house, "/ledger")

    assert "A token" not in page
    assert (
        "The token 00000000… was issued to Inés Ortega. access.token_issued · role:operator ◔ not published yet" in page
    )
    assert page.count("✓ proved") == 33


def test_an_entry_changed_behind_the_logs_back_is_marked_where_it_stands(house: "House") -> None:
    with house.context.engine.begin() as connection:
        connection.exec_driver_sql("drop trigger ledger_entry_no_update")
        connection.exec_driver_sql(
            "update ledger_entry set body = cast(replace(cast(body as text), 'pass', 'fail') as blob) where seq = 26"
        )

    page = text_of(house, "/ledger?kind=gate.decided")

    assert "The log does not hold." in page
    assert "entry 26: its bytes do not lead to the signed root of 33 entries" in page
    assert (page.count("✕ BROKEN"), page.count("✓ proved")) == (1, 1)
    assert "✕ BROKEN" in text_of(house, "/")


@pytest.mark.parametrize("content", [b"", b"nothing\n", b"\xff" * 100])
def test_a_checkpoint_that_is_none_is_shown_as_broken_and_hides_nothing(house: "House", content: bytes) -> None:
    (house.context.ledger / "checkpoint").write_bytes(content)

    page = text_of(house, "/ledger")

    assert "The log does not hold." in page
    assert page.count("✕ BROKEN") == 33


def test_before_the_first_checkpoint_nothing_is_proved_and_nothing_broken(house: "House") -> None:
    context = replace(house.context, ledger=house.context.ledger / "elsewhere")
    page = text_of(replace(house, app=create_app(context)), "/ledger")

    assert "Nothing is published yet" in page
    assert page.count("◔ not published yet") == 33


def test_a_sentence_leads_to_what_it_names(shared_house: "House") -> None:
    things = shared_house.things

    links = links_of(shared_house, "/ledger")

    assert f"/models/{things['mitigated']}" in links
    assert f"/models/{things['mitigated']}#report" in links
    assert f"/requests/{things['done']}" in links
    assert any(link.startswith("/ledger?mentions=") for link in links)


def test_who_may_not_read_requests_is_not_led_to_them(shared_house: "House") -> None:
    links = links_of(shared_house, "/ledger", "board")

    assert not any(link.startswith("/requests") for link in links)
    assert f"/ledger?mentions={shared_house.things['done']}" in links


# One entry


def test_an_entry_leads_to_its_bytes_its_proof_and_the_others_about_the_same(shared_house: "House") -> None:
    page, links = text_of(shared_house, "/ledger/19"), links_of(shared_house, "/ledger/19")

    assert "The private release" in page
    assert "The same things elsewhere in the log" in page
    assert "later The reservation 00000000… was spent on the release" in page
    assert "before The snapshot 00000000… fixed what a training may read: 40 subjects." in page
    assert {"/ledger/entries/19.json", "/ledger/entries/19.tlog-proof", "/ledger/20", "/ledger/17"} <= links


def test_a_field_of_an_entry_is_only_text(house: "House") -> None:
    policies = house.context.policies
    marked = replace(policies.privacy, text="a: 1\n", digest=sha256(b"a: 1\n").hexdigest())
    with transaction(house.context.engine) as session:
        record(session, house, replace(policies, privacy=marked))
        session.execute(update(PolicyText).values(text="<script>alert(1)</script>"))
        seq = search(session, Filter(kinds=("policy.in_force",)), limit=1)[0].seq

    for number in range(seq - 6, seq + 1):
        assert "<script" not in house.client("auditor").get(f"/ledger/{number}").text


# A change of policy


def test_a_change_of_policy_shows_the_lines_that_changed(house: "House") -> None:
    seq = change_policy(house, "budget_epsilon: 10", "budget_epsilon: 12")

    page = text_of(house, f"/ledger/{seq}")

    assert "What changed in privacy" in page
    assert "Both texts give the digests in the log." in page
    assert "− budget_epsilon: 10" in page
    assert "+ budget_epsilon: 12" in page
    assert page.count("held_out_share") <= 1


def test_the_first_text_on_record_is_shown_whole(house: "House") -> None:
    seq = change_policy(house, "10", "12")

    page = text_of(house, f"/ledger/{seq - 7}")

    assert "The first text on record; it gives the digest in the log." in page


def test_a_text_from_before_texts_were_kept_is_said_to_be_missing(house: "House") -> None:
    seq = change_policy(house, "budget_epsilon: 10", "budget_epsilon: 12")
    with transaction(house.context.engine) as session:
        row = session.get_one(PolicyText, house.context.policies.privacy.digest)
        session.delete(row)

    page = text_of(house, f"/ledger/{seq}")

    assert f"The text with the digest {house.context.policies.privacy.digest} was not kept" in page
    assert "budget_epsilon: 12" not in page


def test_a_kept_text_that_is_not_the_one_in_the_log_is_said_to_be_broken(house: "House") -> None:
    seq = change_policy(house, "budget_epsilon: 10", "budget_epsilon: 12")
    with transaction(house.context.engine) as session:
        session.execute(update(PolicyText).where(PolicyText.name == "privacy").values(text="budget_epsilon: 1\n"))

    page = text_of(house, f"/ledger/{seq}")

    assert "The text that is kept is not the one in the log." in page
    assert "budget_epsilon: 1 " not in page


def test_a_comparison_numbers_lines_on_both_sides_and_leaves_out_what_is_far() -> None:
    before = "".join(f"line {number}\n" for number in range(1, 21))
    after = before.replace("line 3\n", "").replace("line 18\n", "line 18\nline 18b\n")

    lines = compare(before, after)

    shown = [(line.mark, line.before, line.after, line.text) for line in lines if line.mark != "same"]
    assert shown == [
        ("removed", 3, None, "line 3"),
        ("gap", None, None, ""),
        ("added", None, 18, "line 18b"),
    ]
    assert [(line.before, line.after) for line in lines if line.mark == "same"][:3] == [(1, 1), (2, 2), (4, 3)]


# Where a model came from


def test_a_models_history_leads_from_the_board_back_to_the_consents_each_step_proved(shared_house: "House") -> None:
    page = text_of(shared_house, f"/models/{shared_house.things['mitigated']}/history")

    order = [page.index(f" {name} ") for name in ("Deployment", "Board", "Gate", "Audits", "Snapshot", "Catalogue")]
    assert order == sorted(order)
    assert "price of origin=european +0.0612" in page
    assert "Consent decisions were recorded: model training grant 40" in page
    assert "Does not agree with the ledger" not in page
    assert page.count("✓ proved") >= 10


def test_a_chain_names_the_entries_of_each_step(shared_house: "House") -> None:
    with transaction(shared_house.context.engine) as session:
        chain = chain_of(session, shared_house.things["mitigated"])

    kinds = {step.name: [entry.kind for entry in step.entries] for step in chain.steps}
    assert kinds["Board"] == ["review.opened"]
    assert kinds["Gate"] == ["gate.decided"]
    assert kinds["Model"] == ["registry.model_registered"] * 2
    assert kinds["Privacy budget"] == ["budget.reserved", "budget.reading_begun", "budget.spent"]
    assert kinds["Consents recorded"] == ["consent.notice_published", "consent.recorded"]
    assert not any(step.faults for step in chain.steps)
    assert [entry.seq for entry in chain.entries] == sorted({entry.seq for entry in chain.entries})


@pytest.mark.parametrize(
    ("changed", "step", "fault"),
    [
        (lambda: update(Model).values(digest=func.lower(Model.kind) + "x" + func.hex(Model.id)), "Model", "registers"),
        (lambda: update(ReleaseRecord).values(guarantee={"epsilon": 0.5}), "Release", "with this guarantee"),
        (lambda: update(Snapshot).values(manifest='{"lake":{"view":9}}'), "Snapshot", "took this snapshot"),
        (lambda: update(Model).values(generation=Model.registered_at == Model.registered_at), "Deployment", "let it"),
    ],
)
def test_a_table_that_says_otherwise_than_the_ledger_is_found_in_its_step(
    house: "House", changed: object, step: str, fault: str
) -> None:
    plain = house.things["plain"]
    with transaction(house.context.engine) as session:
        statement = changed()  # type: ignore[operator] # a statement, made late
        if statement.table.name == "registry_model":
            statement = statement.where(Model.id == plain)
        session.execute(statement)
        session.expire_all()
        found = {each.name: each.faults for each in chain_of(session, plain).steps if each.faults}

    assert list(found) == [step]
    assert any(fault in each for each in found[step])
    assert "Does not agree with the ledger" in text_of(house, f"/models/{plain}/history")


def test_a_manifest_that_names_a_policy_nobody_put_in_force_is_found(house: "House") -> None:
    manifest = '{"catalogue":"00","policies":{"privacy":"ab"}}'
    with transaction(house.context.engine) as session:
        session.execute(update(Snapshot).values(manifest=manifest, digest=sha256(manifest.encode()).hexdigest()))
        faults = {each.name: each.faults for each in chain_of(session, house.things["plain"]).steps}

    assert faults["Policies in force"] == (
        "the manifest names the policy privacy as ab, which no entry had put in force by then",
    )
    assert faults["Catalogue"] == ("no entry made 00 the catalogue by then",)


def test_a_deployed_models_history_begins_with_its_deployment(house: "House") -> None:
    from governance.review.board import get_review, vote
    from governance.review.deployment import deploy

    clock = house.context.clock
    with transaction(house.context.engine) as session:
        review, rule = get_review(session, house.things["review"]), house.context.policies.access.value.review
        for who in ("board", "board_2"):
            vote(session, review, house.people[who], "approve", policy=rule, clock=clock)
        deploy(session, session.get_one(Model, house.things["mitigated"]), actor="role:operator", clock=clock)
    publish(house.context.engine, house.context.ledger, SIGNER, clock=clock)

    page = text_of(house, f"/models/{house.things['mitigated']}/history")

    assert "The model 00000000… began to serve as generation 1. ✓ proved" in page
    assert "Miriam Adeyemi voted to approve in the review 00000000… of the model 00000000…. ✓ proved" in page
    assert "The board approved the model 00000000…, with 2 in favour. ✓ proved" in page


def test_every_page_of_the_ledger_holds_no_script_and_no_inline_style(house: "House") -> None:
    seq = change_policy(house, "10", "12")
    client = house.client("auditor")
    for address in ("/ledger", f"/ledger/{seq}", f"/models/{house.things['plain']}/history"):
        assert not re.search(r"<script|<style|\sstyle=|\son[a-z]+=|javascript:", client.get(address).text)
