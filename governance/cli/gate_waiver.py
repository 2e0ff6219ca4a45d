"""`probity gate waiver`: an exception from one rule, asked for by one, approved by another, and taken back."""

from datetime import datetime
from typing import Annotated
from uuid import UUID, uuid4

import typer

from governance.cli.context import HomeOption, JsonOption, acting, opened
from governance.cli.display import listing, say, stdout
from governance.resources import DEFAULT_HOME

waiver = typer.Typer(help="Exceptions from a rule: asked for by one, approved by another.", no_args_is_help=True)
COLUMNS = ("waiver", "rule", "for", "worst value", "until", "state", "owner", "approver", "reason")


def add_to(group: typer.Typer) -> None:
    """Add the commands to their group."""
    group.add_typer(waiver, name="waiver")


@waiver.command("ask")
def ask_for(
    rule: Annotated[str, typer.Argument(help="Id of a rule in fairness.yaml.")],
    *,
    worst_value: Annotated[float, typer.Option("--max", help="The worst value tolerated, in the unit of the limit.")],
    until: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Its last day, at most a year away.")],
    reason: Annotated[str, typer.Option(help="Why; a reviewer reads it.")],
    category: Annotated[str | None, typer.Option(help="Only for this category.")] = None,
    group: Annotated[str | None, typer.Option(help="Only for this group of subjects.")] = None,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Ask that a rule may be missed for a time. Needs a token; whoever asks owns it. Prints its id."""
    from governance.gate.granting import ask  # brings the database that `check` does without

    here = opened(home)
    with here.transaction() as session:
        asked = ask(
            session,
            here.policies.fairness.value,
            acting(here, session, "models:propose"),
            waiver_id=uuid4(),
            rule=rule,
            worst_value=worst_value,
            expires_on=until.date(),
            reason=reason,
            category=category,
            group=group,
            clock=here.clock,
        )
    say("it excepts from nothing until somebody else approves it:")
    stdout.print(str(asked.id), markup=False)


@waiver.command("approve")
def approve_one(
    waiver_id: Annotated[UUID, typer.Argument(metavar="WAIVER", help="Its id.")], home: HomeOption = DEFAULT_HOME
) -> None:
    """Let somebody else's waiver hold until its day. Needs a token that may vote on the board."""
    from governance.gate.granting import approve, get_waiver

    here = opened(home)
    with here.transaction() as session:
        principal = acting(here, session, "reviews:vote")
        approved = approve(session, get_waiver(session, waiver_id), principal, clock=here.clock)
    say(f"waiver {waiver_id} holds until {approved.expires_on}; the next `probity gate run` counts it")


@waiver.command("withdraw")
def withdraw_one(
    waiver_id: Annotated[UUID, typer.Argument(metavar="WAIVER", help="Its id.")],
    *,
    reason: Annotated[str, typer.Option(help="Why; a reviewer reads it.")],
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Take a waiver back before its day. Needs the token of its owner, or one that may vote on the board."""
    from governance.gate.granting import get_waiver
    from governance.gate.withdrawing import withdraw

    here = opened(home)
    with here.transaction() as session:
        principal = acting(here, session, "models:read")
        asked, policy = get_waiver(session, waiver_id), here.policies.access.value
        withdraw(session, asked, principal, reason=reason, policy=policy, clock=here.clock)
    say(f"waiver {waiver_id} is withdrawn; no decision counts it, and none that did lets a model be deployed")


@waiver.command("list")
def list_all(home: HomeOption = DEFAULT_HOME, *, as_json: JsonOption = False) -> None:
    """The latest waivers, newest first, and where each stands. Those of the policy file are in the file."""
    from governance.access.tables import Principal
    from governance.gate.granting import list_waivers, standing_of

    here = opened(home)
    with here.transaction() as session:
        rows = [
            (
                str(each.id),
                each.rule,
                each.category or each.subject_group,
                each.worst_value,
                each.expires_on.isoformat(),
                standing_of(each, here.clock().date()),
                session.get_one(Principal, each.owner_id).name,
                None if each.approver_id is None else session.get_one(Principal, each.approver_id).name,
                each.reason,
            )
            for each in list_waivers(session)
        ]
    listing("Waivers", COLUMNS, rows, as_json=as_json)
