"""`probity audit release`: figures of an audit under differential privacy, paid for out of the budget."""

from typing import Annotated
from uuid import UUID, uuid4

import typer

from audits.publication_formats import FORMATS
from governance.cli.audit_disclose import OutOption, hand_out
from governance.cli.context import HomeOption, JsonOption, acting, opened
from governance.cli.display import record, say
from governance.cli.report_files import require_writable
from governance.errors import BudgetExceeded
from governance.pipeline.audit_release import Offer, offer, release_audit
from governance.settings import DEFAULT_HOME


def add_to(group: typer.Typer) -> None:
    """Add the command to its group."""
    group.command("release")(release)


def release(
    model: Annotated[UUID, typer.Argument(help="A model's id.")],
    epsilon: Annotated[float, typer.Option(help="What the release may cost one subject, at most 50.")],
    delta: Annotated[float | None, typer.Option(help="At most privacy.yaml's, which is the default.")] = None,
    home: HomeOption = DEFAULT_HOME,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what it would cost, and do nothing.")] = False,
    resume: Annotated[
        UUID | None, typer.Option(help="Take this release up again, or hand it out again; that costs nothing.")
    ] = None,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure a model on held-out subjects and release the figures with noise. Needs a token, and spends budget.

    Nobody can tell from the figures whether any one subject was among them, whatever else they know. The cost is
    composed with every training and release before it, and reserved before a byte is read. Exit codes: 1 the budget
    has no room, or the release was lost; 2 usage.
    """
    require_writable(out, option="--out", endings=tuple(FORMATS))
    here = opened(home)
    asked = offer(here, model, epsilon=epsilon, delta=delta)
    if dry_run:
        record("What the release would cost", offer_facts(asked), as_json=as_json)
        if not asked.affordable:
            msg = f"the budget has room for a release of epsilon {asked.before.epsilon_left:.3f} at most"
            raise BudgetExceeded(msg)
        return
    with here.transaction() as session:
        author = acting(here, session, "models:train")
    release_id = resume or uuid4()
    # Before anything is paid for: whoever cannot store the file, or is cut off, must know what to ask for again.
    again = f"probity audit release {model} --epsilon {epsilon}{f' --delta {delta}' if delta else ''}"
    say(f"release {release_id}: `{again} --resume {release_id}` takes it up, or hands it out, again for nothing more")
    made = release_audit(here, model, asked, release_id=release_id, author=author)
    say(f"the log has it as {made.digest}")
    hand_out(made.publication, out=out, as_json=as_json)


def offer_facts(asked: Offer) -> list[tuple[str, object]]:
    """An offer, fact by fact; epsilons of the budget are at the policy's delta."""
    before = asked.before
    return [
        ("population", before.population),
        ("mechanism", asked.promise.mechanism),
        ("unit", asked.promise.unit),
        ("noise on each sum, subjects", asked.noise_subjects),
        ("delta", asked.promise.delta),
        ("epsilon of this release", asked.promise.epsilon),
        ("composed so far", before.epsilon_spent),
        ("composed after it", asked.epsilon_after),
        ("budget", before.budget_epsilon),
        ("largest single release that fits", before.epsilon_left),
        ("largest that would fit after it", asked.epsilon_left_after),
    ]
