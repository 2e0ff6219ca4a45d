"""What the gate hands out: one module a format, in a registry one can read.

Each is a pure function from a decision with its report and its policy to bytes; equal input gives equal bytes.
`write_outputs` is the one that touches files.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from audits.report import Report
from governance.errors import InvalidInput
from governance.gate.decision import Decision
from governance.gate.outputs import annotations, cyclonedx, decision_json, junit, markdown, page, sarif, terminal
from governance.gate.outputs.decided import Decided, PolicySource
from pseudonymisation.durable import write_atomically


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One format.

    Attributes:
        slug: what ``--format`` calls it.
        file: its file's name in the folder of outputs.
        what: what it is for, in a few words.
        render: the bytes.
    """

    slug: str
    file: str
    what: str
    render: Callable[[Decided], bytes]


OUTPUTS: Final[tuple[Output, ...]] = (
    Output(slug="terminal", file="gate.txt", what="a table to read", render=terminal.render),
    Output(slug="json", file="gate.json", what="everything, for programs", render=decision_json.render),
    Output(slug="junit", file="gate.junit.xml", what="test cases, for any CI system", render=junit.render),
    Output(slug="sarif", file="gate.sarif", what="findings at the policy's lines", render=sarif.render),
    Output(
        slug="sarif-suppressed",
        file="gate.suppressed.sarif",
        what="the same with what is waived, as suppressions",
        render=sarif.render_with_suppressions,
    ),
    Output(slug="markdown", file="gate.md", what="a job's summary page", render=markdown.render),
    Output(slug="comment", file="gate-comment.md", what="a comment to a change", render=markdown.render_comment),
    Output(slug="annotations", file="gate-annotations.txt", what="GitHub's annotations", render=annotations.render),
    Output(slug="html", file="gate.html", what="the report with plots, one file", render=page.render),
    Output(slug="cyclonedx", file="gate.cdx.json", what="the model card as an ML-BOM", render=cyclonedx.render),
)

SIGNED: Final = "gate.intoto.jsonl"
"""The file's name of a signed decision; it is no format, for it takes a key."""


def find_outputs(slugs: Sequence[str]) -> tuple[Output, ...]:
    """The formats with these names, each once, in the order of the registry; one text may name several by commas.

    Raises:
        InvalidInput: names the one that is unknown, and those there are.
    """
    asked = [name.strip() for slug in slugs for name in slug.split(",")]
    known = {each.slug for each in OUTPUTS}
    for slug in asked:
        if slug not in known:
            msg = f"format: expected some of {', '.join(each.slug for each in OUTPUTS)}, got {slug!r}"
            raise InvalidInput(msg)
    return tuple(each for each in OUTPUTS if each.slug in asked)


def write_outputs(
    decision: Decision,
    report: Report,
    policy_source: PolicySource,
    *,
    formats: Sequence[str],
    folder: Path,
    title: str = "Recommendations",
    command: str = "",
) -> tuple[Path, ...]:
    """Write a decision in these formats into ``folder``, which is made where it is missing; gives the files' paths.

    Guarantees:
      - every format is made before the first file is written
      - each file is whole or as it was

    Raises:
        InvalidInput: an unknown format.
    """
    decided = Decided(
        decision=decision,
        report=report,
        source=policy_source,
        title=title,
        command=command,
        version=installed_version(),
    )
    made = [(folder / each.file, each.render(decided)) for each in find_outputs(formats)]
    folder.mkdir(parents=True, exist_ok=True)
    for path, content in made:
        write_atomically(path, content, mode=0o644)
    return tuple(path for path, _ in made)


def installed_version() -> str:
    """What decides, for its documents to name."""
    try:
        return version("probity")
    except PackageNotFoundError:
        return "unreleased"
