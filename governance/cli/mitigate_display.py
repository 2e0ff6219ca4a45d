"""How the outcome of a mitigation is shown on a terminal, or as JSON to pipe."""

from typing import TYPE_CHECKING, Any

from audits.mitigation.report import MitigationReport
from audits.mitigation.words import course_in_words, limits_in_words, sentences
from governance.cli.display import say, stdout, table, write_json
from governance.ledger.published import printable

if TYPE_CHECKING:
    from governance.pipeline.pricing import Priced
    from governance.pipeline.reranked import Reranking


def show_priced(priced: "Priced", digest: str, *, as_json: bool) -> None:
    """Prices, and the controller where there is one."""
    controller, served = priced.file.controller, priced.report.served
    if as_json:
        shown: dict[str, Any] = {
            "sha256": digest,
            "prices": {f"{each.attribute}={each.category}": each.price for each in priced.file.prices},
            "bound": priced.fit.bound,
            "gap": priced.fit.gap,
            "largest_violation": priced.fit.largest_violation,
        }
        if controller is not None and served is not None:
            violations = {course_in_words(each): each.violation[-1] for each in served.courses}
            shown["controller"] = {"name": controller.name, "gain": controller.gain}
            shown["violation_after_the_last_list"] = violations
        write_json(shown | {"held_out": _held_out(priced.report)})
        return
    rows = [
        (f"{each.attribute} = {each.category}", each.price, limits_in_words(each.floor, each.ceiling))
        for each in priced.file.prices
    ]
    table("Prices", ("category", "price", "limits"), rows)
    show_report(priced.report)
    say(f"sha256 of the price file: {digest}")


def show_lists(made: "Reranking", digest: str, *, as_json: bool) -> None:
    """What a per-list option did."""
    setting = made.report.reranked
    if as_json and setting is not None:
        shown = {
            "sha256": digest,
            "rows": made.lists.num_rows,
            "option": setting.option,
            "attribute": setting.attribute,
            "strength": setting.strength,
            setting.figure.replace(" ", "_").replace("-", "_"): [setting.before, setting.after],
            "subjects_without_history": setting.left_alone,
        }
        write_json(shown | {"held_out": _held_out(made.report)})
        return
    show_report(made.report)
    say(f"{made.lists.num_rows:,} rows; sha256 of the lists: {digest}")


def show_report(report: MitigationReport) -> None:
    """The report in sentences."""
    for sentence in sentences(report):
        stdout.print(f"  {printable(sentence)}", markup=False, soft_wrap=True)


def _held_out(report: MitigationReport) -> dict[str, Any]:
    return {
        "subjects": report.subjects,
        "ratios": {each.attribute: [each.before, each.after] for each in report.ratios},
        "sentences": list(sentences(report)),
    }
