"""`probity attest verify`. Exit codes: 0 all that was asked holds, 1 refused, 2 usage, 3 evidence is missing."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from governance.attest.bundle import SUFFIX, verify_bundle
from governance.attest.gathering import (
    digest_of,
    gather_log,
    gather_proof,
    pinned_policies,
    read_attesters,
    read_envelopes,
    read_trust,
)
from governance.attest.logged import LoggedAttestations
from governance.attest.registry import predicate_type_of
from governance.attest.required import require_of_each
from governance.attest.statement import require_sha256
from governance.attest.verification import (
    Expected,
    Finding,
    Status,
    Verified,
    verify_attestation,
    worst,
)
from governance.cli.context import JsonOption
from governance.cli.display import say, stdout, write_json
from governance.clock import system_clock
from governance.errors import InvalidInput
from governance.ledger.published import printable

EXITS = {Status.HOLDS: 0, Status.REFUSED: 1, Status.MISSING: 3}
WORDS = {
    Status.HOLDS: "all that was asked holds",
    Status.REFUSED: "refused",
    Status.MISSING: "evidence is missing",
}


def register(app: typer.Typer) -> None:
    """Add the command without the rest of its group."""
    group = typer.Typer(no_args_is_help=True)
    group.command("verify")(verify)
    app.add_typer(group, name="attest")


def verify(
    file: Annotated[Path, typer.Argument(help="An envelope (.dsse.json) or a bundle of them (.intoto.jsonl).")],
    *,
    key: Annotated[str, typer.Option(help="The known attesters: a file of lines as `probity attest key` prints them.")],
    subject: Annotated[
        list[str] | None,
        typer.Option(help="What must be vouched for, each of them: a file, a model's folder, or a SHA-256."),
    ] = None,
    require: Annotated[list[str] | None, typer.Option(help="A statement that each must have, such as vsa.")] = None,
    level: Annotated[list[str] | None, typer.Option(help="A level that each must have reached.")] = None,
    resource_uri: Annotated[str | None, typer.Option(help="What a verification must name as its resource.")] = None,
    policies: Annotated[Path | None, typer.Option(help="The policies that a verdict must be made under.")] = None,
    policy_digest: Annotated[
        str | None, typer.Option(help="SHA-256 of the policy that a verdict must be made under.")
    ] = None,
    max_age_days: Annotated[float | None, typer.Option(min=0, help="How old a verdict may be.")] = None,
    threshold: Annotated[int, typer.Option(min=1, help="How many of the attesters must have signed.")] = 1,
    ledger: Annotated[Path | None, typer.Option(help="A published or exported log that must hold it.")] = None,
    proof: Annotated[Path | None, typer.Option(help="A proof instead of the log; it shows no later entry.")] = None,
    trust_policy: Annotated[Path | None, typer.Option(help="Whose log it may be (C2SP tlog-policy).")] = None,
    max_log_age_days: Annotated[float | None, typer.Option(min=0, help="How long ago a witness saw the log.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Verify attestations from files alone; every check says what it found."""
    if max_log_age_days is not None and ledger is None and proof is None:
        msg = "--max-log-age-days: expected --ledger or --proof beside it, got neither"
        raise InvalidInput(msg)
    if policy_digest is not None:
        require_sha256(policy_digest, "--policy-digest")
    required = [predicate_type_of(word) for word in require or ()]
    expected = Expected(
        attesters=read_attesters(key),
        now=system_clock(),
        threshold=threshold,
        subjects=tuple(digest_of(each) for each in subject or ()),
        policies=None if policies is None else pinned_policies(policies),
        policy_digest=policy_digest,
        resource=resource_uri,
        max_age=_days(max_age_days),
        max_log_age=_days(max_log_age_days),
        log=_log(ledger, proof, trust_policy),
        complete=proof is None,
    )
    found, more = _verified(file, expected)
    more += require_of_each(found, expected, types=required, levels=level or ())
    outcome = worst([*(finding for each in found for finding in each.findings), *more])
    _show(outcome, found, more, as_json=as_json)
    _tell_unasked(expected)
    raise typer.Exit(EXITS[outcome])


def _verified(file: Path, expected: Expected) -> tuple[list[Verified], list[Finding]]:
    envelopes = read_envelopes(file)
    if file.suffix == SUFFIX:
        found = verify_bundle(envelopes, expected)
    else:
        found = [verify_attestation(each, expected) for each in envelopes]
    if found:
        return found, []
    what = "nothing in it is about what was asked" if envelopes else "there is no attestation in it"
    return [], [Finding("envelope", Status.MISSING, f"{file}: {what}")]


def _log(ledger: Path | None, proof: Path | None, trust_policy: Path | None) -> LoggedAttestations | Finding | None:
    if ledger is not None and proof is not None:
        msg = "expected --ledger or --proof, got both: the log itself shows more"
        raise InvalidInput(msg)
    if (ledger or proof) is not None and trust_policy is None:
        msg = "--trust-policy: expected a file that says whose log to believe, got none"
        raise InvalidInput(msg)
    if trust_policy is None:
        return None
    trust = read_trust(trust_policy)
    if ledger is not None:
        return gather_log(ledger, trust)
    if proof is not None:
        return gather_proof(proof, trust)
    msg = "--trust-policy: expected --ledger or --proof beside it, got neither"
    raise InvalidInput(msg)


def _tell_unasked(expected: Expected) -> None:
    """One line on stderr: an answer is worth no more than the question."""
    policy = expected.policies is not None or expected.policy_digest is not None
    questions = {
        "which artefact it is about (--subject)": bool(expected.subjects),
        "which policy it was made under (--policies)": policy,
        "how old it may be (--max-age-days)": expected.max_age is not None,
        "whether something later replaced it (--ledger)": expected.log is not None and expected.complete,
    }
    unasked = [question for question, asked in questions.items() if not asked]
    if unasked:
        say(f"not asked, and so not answered: {'; '.join(unasked)}")


def _days(days: float | None) -> timedelta | None:
    try:
        return None if days is None else timedelta(days=days)
    except (ValueError, OverflowError) as cause:
        msg = f"expected a number of days, got {days}"
        raise InvalidInput(msg) from cause


def _show(outcome: Status, found: list[Verified], more: list[Finding], *, as_json: bool) -> None:
    if as_json:
        write_json(
            {
                "outcome": WORDS[outcome],
                "attestations": [
                    {
                        "digest": each.digest,
                        "predicate_type": each.predicate_type,
                        "subjects": each.subjects,
                        "findings": [_as_json(finding) for finding in each.findings],
                    }
                    for each in found
                ],
                "findings": [_as_json(finding) for finding in more],
            }
        )
        return
    for each in found:
        _print(f"{each.predicate_type or 'an envelope that none of the attesters signed'}  {each.digest or ''}")
        _print_findings(each.findings)
    _print_findings(more)
    _print(WORDS[outcome])


def _print_findings(findings: Sequence[Finding]) -> None:
    for finding in findings:
        _print(f"  {finding.status.value:<9}  {finding.check:<10}  {finding.sentence}")


def _print(line: str) -> None:
    # What a predicate says is text of strangers, whoever signed it: no markup, and nothing that moves a cursor.
    stdout.print(printable(line), markup=False, soft_wrap=True)


def _as_json(finding: Finding) -> dict[str, str]:
    return {"check": finding.check, "status": finding.status.value, "sentence": finding.sentence}
