"""RecBole's atomic files: tab-separated, with headings like ``user_id:token`` that carry the type.

Types are ``token`` and ``float``, and ``token_seq`` and ``float_seq`` with a space between values. RecBole documents no
file for the lists that it recommends: save them as an atomic file with ``score:float`` or ``rank:float``.
"""

import pyarrow as pa
import pyarrow.compute as pc

from audits.sources.columns import Wanted, choose
from audits.sources.errors import MalformedSource
from audits.sources.rows import Progress, Rows
from audits.sources.source import Source
from audits.sources.text_files import delimited, heading

TYPES = ("token", "token_seq", "float", "float_seq")


def read_atomic(source: Source, wanted: Wanted, progress: Progress) -> Rows:
    """An ``.inter``, ``.item`` or ``.user`` file; as attributes only tokens are read, and lists of them."""
    kinds = _kinds(heading(source.path, "\t"), source)
    chosen = choose(list(kinds), wanted, source)
    if source.attributes is None:  # a float is a measurement, and names no category
        chosen = {
            name: ours for name, ours in chosen.items() if ours in wanted.named or not kinds[name].startswith("float")
        }
    typed = [f"{name}:{kind}" for name, kind in kinds.items()]
    table = delimited(source.path, "\t", typed, [f"{name}:{kinds[name]}" for name in chosen], progress)
    table = table.rename_columns(list(chosen.values()))
    for name, ours in chosen.items():
        if kinds[name] == "token_seq":
            table = table.set_column(table.column_names.index(ours), ours, pc.split_pattern(table[ours], " "))
        elif ours == "rank":
            table = table.set_column(table.column_names.index(ours), ours, _without_fraction(table[ours]))
    return Rows(table, source.place, "line", first=2)


def _kinds(fields: list[str], source: Source) -> dict[str, str]:
    found = dict(field.rpartition(":")[::2] for field in fields)
    wrong = [kind for kind in found.values() if kind not in TYPES]
    if wrong or len(found) != len(fields):
        got = f"{len(wrong)} others" if wrong else "one twice"
        msg = (
            f"{source.place}, line 1: expected columns like user_id:token, each once, of {', '.join(TYPES)}, got {got}"
        )
        raise MalformedSource(msg)
    return found


def _without_fraction(ranks: pa.ChunkedArray) -> pa.ChunkedArray:
    # The layout has no whole numbers: rank 3 is written as 3.0 by whoever writes floats.
    return pc.replace_substring_regex(ranks, r"\.0+$", "")
