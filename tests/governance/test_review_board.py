from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from governance.access.tables import Principal
from governance.errors import Conflict, Forbidden, InvalidInput, NotFound
from governance.ledger.search import follow
from governance.registry.models import list_deployments, serving
from governance.registry.tables import Model
from governance.review.board import get_review, list_reviews, list_votes, propose, vote
from governance.review.deployment import deploy, roll_back
from governance.review.tables import Review
from tests.governance.builders import Build


class Board:
    """An engineer, three members of the board, and one release to make models from."""

    def __init__(self, session: Session, build: Build) -> None:
        self.session, self.build = session, build
        self.author = build.principal(session, "author", "engineer", "board")
        self.members = [build.principal(session, name, "board") for name in ("ann", "ben", "eve")]
        self.release = build.release(session, "one", ("s1",))

    def model(self, name: str, outcome: str | None = "pass") -> Model:
        model = self.build.model(self.session, name, self.release, self.author)
        if outcome is not None:
            self.build.judged(self.session, model, outcome)
        return model

    def propose(self, model: Model, name: str = "review") -> Review:
        return propose(self.session, model, review_id=self.build.id(name), author=self.author, clock=self.build.clock)

    def vote(self, review: Review, member: Principal, choice: str, comment: str | None = None) -> str:
        rule = self.build.access.review
        return vote(self.session, review, member, choice, policy=rule, clock=self.build.clock, comment=comment).state

    def approved(self, name: str) -> Model:
        model = self.model(name)
        review = self.propose(model, f"review {name}")
        for member in self.members[:2]:
            self.vote(review, member, "approve")
        return model

    def deploy(self, model: Model) -> int:
        return deploy(self.session, model, actor=self.build.actor, clock=self.build.clock).number

    def roll_back(self) -> int:
        return roll_back(self.session, reason="quality", actor=self.build.actor, clock=self.build.clock).number


@pytest.fixture
def board(session: Session, build: Build) -> Board:
    return Board(session, build)


@pytest.mark.parametrize(("outcome", "found"), [(None, "has not decided"), ("fail", "decided fail"),
                                                ("inconclusive", "decided inconclusive")])  # fmt: skip
def test_only_what_passed_the_gate_is_proposed(board: Board, outcome: str | None, found: str) -> None:
    with pytest.raises(Conflict, match=found):
        board.propose(board.model("m1", outcome))


def test_two_approvals_close_a_review_and_the_model_is_approved(board: Board) -> None:
    model = board.model("m1")
    review = board.propose(model)

    assert board.vote(review, board.members[0], "approve", "looks right") == "open"
    assert board.vote(review, board.members[1], "approve") == "approved"
    assert (model.state, review.closed_at) == ("approved", board.build.now)
    kinds = [entry.kind for entry in follow(board.session, limit=1000)][-4:]
    assert kinds == ["review.opened", "review.vote_cast", "review.vote_cast", "review.closed"]


def test_one_refusal_closes_it_as_refused_and_it_may_be_proposed_again(board: Board) -> None:
    model = board.model("m1")
    review = board.propose(model)
    board.vote(review, board.members[0], "approve")

    assert board.vote(review, board.members[1], "refuse") == "refused"
    assert model.state == "rejected"
    assert board.propose(model, "again").state == "open"


def test_nobody_approves_their_own_work_whatever_their_role(board: Board) -> None:
    review = board.propose(board.model("m1"))

    with pytest.raises(Forbidden, match="nobody votes on a model that they made or proposed"):
        board.vote(review, board.author, "approve")


def test_the_maker_of_a_model_has_no_vote_when_somebody_else_proposed_it(board: Board) -> None:
    model = board.model("m1")
    proposer = board.build.principal(board.session, "proposer", "engineer", "board")
    review = propose(board.session, model, review_id=board.build.id("r"), author=proposer, clock=board.build.clock)

    for barred in (proposer, board.author):
        with pytest.raises(Forbidden):
            board.vote(review, barred, "approve")


def test_one_member_has_one_vote_and_may_change_it_while_the_review_is_open(board: Board) -> None:
    review, member = board.propose(board.model("m1")), board.members[0]
    board.vote(review, member, "approve")
    board.vote(review, member, "approve")
    assert [(row.choice, row.revision) for row in list_votes(board.session, review)] == [("approve", 0)]

    assert board.vote(review, member, "refuse") == "refused"
    assert [(row.choice, row.revision) for row in list_votes(board.session, review)] == [("refuse", 1)]
    with pytest.raises(Conflict, match="is closed"):
        board.vote(review, member, "approve")


def test_other_roles_have_no_vote_and_other_words_are_none(board: Board) -> None:
    review = board.propose(board.model("m1"))
    officer = board.build.principal(board.session, "officer", "officer")

    with pytest.raises(Forbidden, match="votes are cast by the role board; yours: officer"):
        board.vote(review, officer, "approve")
    with pytest.raises(InvalidInput):
        board.vote(review, board.members[0], "maybe")
    with pytest.raises(InvalidInput):
        board.vote(review, board.members[0], "approve", "x" * 4001)


def test_a_comment_stays_out_of_the_ledger(board: Board) -> None:
    review = board.propose(board.model("m1"))
    board.vote(review, board.members[0], "approve", "Bob Smith liked it")

    assert all(b"Smith" not in entry.encoded for entry in follow(board.session, limit=1000))


def test_a_new_gate_decision_stops_approvals_of_the_old_one(board: Board) -> None:
    model = board.model("m1")
    review = board.propose(model)
    board.build.judged(board.session, model, "pass", "second")

    with pytest.raises(Conflict, match=r"decided on model .* again"):
        board.vote(review, board.members[0], "approve")
    assert board.vote(review, board.members[0], "refuse") == "refused"


def test_a_model_has_one_open_review(board: Board) -> None:
    model = board.model("m1")
    board.propose(model)

    with pytest.raises(Conflict):
        board.propose(model, "second")
    assert [each.id for each in list_reviews(board.session, state="open")] == [board.build.id("review")]
    with pytest.raises(NotFound):
        get_review(board.session, board.build.id("second"))


def test_only_an_approved_model_is_deployed(board: Board) -> None:
    model = board.model("m1")
    board.propose(model)

    with pytest.raises(Conflict, match="the board has not approved"):
        board.deploy(model)


def test_a_failure_after_the_approval_stops_the_deployment(board: Board) -> None:
    model = board.approved("m1")
    board.build.judged(board.session, model, "fail", "second")

    with pytest.raises(Conflict, match="the gate decided fail"):
        board.deploy(model)


def test_a_pass_that_the_board_has_not_seen_does_not_ship(board: Board) -> None:
    model = board.approved("m1")
    board.build.judged(board.session, model, "pass", "second")

    with pytest.raises(Conflict, match="on its latest gate decision"):
        board.deploy(model)


def test_generations_are_counted_and_the_one_before_retires(board: Board) -> None:
    first, second = board.approved("m1"), board.approved("m2")

    assert [board.deploy(first), board.deploy(first), board.deploy(second)] == [1, 1, 2]
    assert [(each.state, each.generation) for each in (first, second)] == [("retired", 1), ("deployed", 2)]
    assert serving(board.session).model_id == second.id


def test_a_rollback_puts_the_generation_before_back(board: Board) -> None:
    first, second = board.approved("m1"), board.approved("m2")
    board.deploy(first)
    board.deploy(second)

    assert board.roll_back() == 3
    assert [(each.state, each.generation) for each in (first, second)] == [("deployed", 1), ("retired", 2)]
    ended = [(each.number, each.ended_at is None, each.rolled_back_from) for each in list_deployments(board.session)]
    assert ended == [(3, True, 2), (2, False, None), (1, False, None)]
    with pytest.raises(Conflict, match="no earlier generation"):
        board.roll_back()


def test_a_rollback_does_not_bring_back_what_the_gate_no_longer_passes(board: Board) -> None:
    first, second = board.approved("m1"), board.approved("m2")
    board.deploy(first)
    board.deploy(second)
    board.build.judged(board.session, first, "fail", "later")

    with pytest.raises(Conflict, match="decided fail"):
        board.roll_back()
    assert serving(board.session).model_id == second.id


def test_a_pass_that_is_too_old_lets_nothing_be_proposed_approved_or_deployed(board: Board) -> None:
    fresh, proposed, approved = board.model("m1"), board.model("m2"), board.approved("m3")
    review = board.propose(proposed)
    board.build = replace(board.build, now=board.build.now + timedelta(days=90))

    with pytest.raises(Conflict, match="was good until 2027-02-21"):
        board.propose(fresh, "late")
    with pytest.raises(Conflict, match="was good until"):
        board.vote(review, board.members[0], "approve")
    with pytest.raises(Conflict, match="was good until"):
        board.deploy(approved)
    assert board.vote(review, board.members[0], "refuse") == "refused"


def test_a_pass_is_good_to_its_last_second(board: Board) -> None:
    model = board.approved("m1")
    board.build = replace(board.build, now=board.build.now + timedelta(days=90, seconds=-1))

    assert board.deploy(model) == 1


def test_what_was_approved_is_proposed_anew_when_the_gate_has_decided_again(board: Board) -> None:
    model = board.approved("m1")
    board.build.judged(board.session, model, "pass", "again")
    with pytest.raises(Conflict, match="has not approved model"):
        board.deploy(model)

    review = board.propose(model, "second")
    for member in board.members[:2]:
        board.vote(review, member, "approve")
    assert board.deploy(model) == 1


def test_a_review_on_an_older_decision_ends_when_the_board_is_asked_anew(board: Board) -> None:
    model = board.model("m1")
    first = board.propose(model)
    board.build.judged(board.session, model, "pass", "again")
    second = board.propose(model, "second")

    assert (first.state, first.closed_at, second.state) == ("superseded", board.build.now, "open")
    with pytest.raises(Conflict, match="is closed"):
        board.vote(first, board.members[0], "refuse")
    assert [entry.kind for entry in follow(board.session, limit=1000)][-2:] == ["review.superseded", "review.opened"]
