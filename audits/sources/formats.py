"""The readable registry of file formats, and how a source finds its own."""

from collections.abc import Callable
from dataclasses import dataclass

from audits.sources.columns import ALIASES, Wanted
from audits.sources.csv_files import read_csv, read_tsv
from audits.sources.engines import is_relation, relation_rows
from audits.sources.errors import UnknownSource
from audits.sources.expressions import Shape
from audits.sources.frames import is_frame, read_frame
from audits.sources.lenskit_files import read_collection
from audits.sources.recbole_files import read_atomic
from audits.sources.rows import Progress, Rows
from audits.sources.source import Place, Source, source_of
from audits.sources.trec_files import read_qrels, read_run

PACKED = (".gz", ".bz2", ".zst")


@dataclass(frozen=True, slots=True)
class Format:
    """One layout of files: ``read`` gives the wanted columns under our names; ``suffixes`` choose it by themselves."""

    slug: str
    title: str
    suffixes: tuple[str, ...]
    read: Callable[[Source, Wanted, Progress], Rows]


FORMATS = (
    Format("csv", "CSV with a heading", (".csv",), read_csv),
    Format("tsv", "TSV with a heading", (".tsv", ".tab"), read_tsv),
    Format("parquet", "Parquet, a file or a folder; LensKit's collections too", (".parquet", ".pq"), read_collection),
    Format("trec_run", "TREC run: qid Q0 docid rank score tag", (".run", ".trec"), read_run),
    Format("trec_qrels", "TREC judgements: qid iteration docid grade", (".qrels", ".qrel"), read_qrels),
    Format("recbole", "RecBole atomic file", (".inter", ".item", ".user"), read_atomic),
)

SLUGS = tuple(each.slug for each in FORMATS)


def source_at(place: Place) -> Source:
    """The source that a caller meant by a path or a URL, with what stands before and behind it, or by a table.

    Raises:
        UnknownSource: an empty place, or one that says what nobody asks.
    """
    return source_of(place, SLUGS, tuple(ALIASES))


def rows_of(source: Source, wanted: Wanted, shape: Shape, progress: Progress) -> Rows:
    """The wanted columns; an engine has also done what ``shape`` asks, and a file has not.

    Raises:
        UnknownSource: nothing is there, or no format is known for it.
        MalformedSource: what is there breaks its layout.
        MissingEngine: what reads it is not installed.
    """
    if is_frame(source):
        return read_frame(source, wanted)
    if is_relation(source):
        return relation_rows(source, wanted, shape, progress)
    return _format(source).read(source, wanted, progress)


def _format(source: Source) -> Format:
    suffixes = [suffix.lower() for suffix in source.path.suffixes]
    last = next((suffix for suffix in reversed(suffixes) if suffix not in PACKED), "")
    if source.format is None and source.path.is_dir():
        last = ".parquet"
    for known in FORMATS:
        if source.format == known.slug or (source.format is None and last in known.suffixes):
            return known
    by_suffix = ", ".join(suffix for known in FORMATS for suffix in known.suffixes)
    got = f"the format {source.format}" if source.format else f"the suffix {last or '(none)'}"
    msg = f"{source.place}: expected a format ({', '.join(SLUGS)}) or one of the suffixes {by_suffix}, got {got}"
    raise UnknownSource(msg)
