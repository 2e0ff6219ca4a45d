import gzip
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pseudonymisation.sources import files
from pseudonymisation.sources.errors import MalformedSource, UnknownLayout
from pseudonymisation.sources.files import Folder, find_folder, lines_of
from pseudonymisation.sources.registry import SOURCES, open_source
from pseudonymisation.sources.source import CATEGORIES, ITEMS


def own_data(folder: Path, events: bytes = b"{}\n", *, items: pa.Table | None = None, packed: bool = False) -> Folder:
    rows = {"item": ["t1"], "title": ["Quiet Harbour"], "year": [2001], "minutes": [90]}
    pq.write_table(pa.table(rows, schema=ITEMS) if items is None else items, folder / "items.parquet")
    pq.write_table(CATEGORIES.empty_table(), folder / "categories.parquet")
    (folder / ("events.ndjson.gz" if packed else "events.ndjson")).write_bytes(
        gzip.compress(events) if packed else events
    )
    (folder / "consents.ndjson").write_bytes(b"{}\n")
    found = find_folder(folder)
    assert found is not None
    return found


@pytest.mark.parametrize("packed", [False, True])
def test_lines_pass_as_they_stand_broken_and_blank_ones_too(tmp_path: Path, *, packed: bool) -> None:
    source = own_data(tmp_path, b'{"a":1}\n\n\xff\xfe\nlast', packed=packed)

    assert list(source.events()) == [b'{"a":1}', b"", b"\xff\xfe", b"last"]


@given(st.binary(max_size=300).map(lambda data: data.replace(b"\r", b"")), st.integers(1, 40))
def test_the_nth_line_is_line_n_whatever_the_block_size(data: bytes, block: int) -> None:
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as folder:
        patch.setattr(files, "BLOCK_BYTES", block)
        path = Path(folder) / "events.ndjson"
        path.write_bytes(data)

        found = list(lines_of(path))

    expected = data.split(b"\n")
    assert found == (expected[:-1] if expected[-1] == b"" else expected)


def test_a_line_of_ten_megabytes_is_cut_and_the_next_one_is_whole(tmp_path: Path) -> None:
    source = own_data(tmp_path, b"x" * 10_000_000 + b"\nnext\n")

    assert [len(line) for line in source.events()] == [1_048_577, 4]


def test_a_truncated_gzip_file_is_refused_with_what_to_do(tmp_path: Path) -> None:
    own_data(tmp_path, b"x\n" * 100_000, packed=True)
    path = tmp_path / "events.ndjson.gz"
    path.write_bytes(path.read_bytes()[:-20])

    with pytest.raises(MalformedSource, match=r"events\.ndjson\.gz: expected a whole gzip file"):
        list(open_source(tmp_path).events())


def test_a_catalogue_in_other_integer_widths_is_cast(tmp_path: Path) -> None:
    items = pa.table({"item": ["t1"], "title": ["A"], "year": pa.array([2001], pa.int64()), "minutes": [None]})
    source = own_data(tmp_path, items=items)

    assert source.catalogue().items.schema == ITEMS
    assert source.catalogue().items["year"].to_pylist() == [2001]


@pytest.mark.parametrize(
    ("items", "message"),
    [
        (pa.table({"item": ["t1"], "title": ["A"], "year": [1]}), "got none named minutes"),
        (
            pa.table({"item": ["t1"], "title": ["A"], "year": ["soon"], "minutes": [1]}),
            "items.parquet: expected the types item string, title string, year int32, minutes int32",
        ),
        (
            pa.table({"item": ["t1", None], "title": ["A", "B"], "year": [1, 1], "minutes": [1, 1]}),
            "items.parquet, line 2, field item: expected a text in every row, got null",
        ),
    ],
)
def test_a_catalogue_that_does_not_fit_is_refused_with_the_reason(
    tmp_path: Path, items: pa.Table, message: str
) -> None:
    with pytest.raises(MalformedSource) as refused:
        own_data(tmp_path, items=items).catalogue()

    assert message in str(refused.value)


def test_bytes_that_are_no_parquet_are_refused(tmp_path: Path) -> None:
    source = own_data(tmp_path)
    (tmp_path / "items.parquet").write_bytes(b"PK\x03\x04")

    with pytest.raises(MalformedSource, match=r"items\.parquet: expected a Parquet file"):
        source.catalogue()


def test_licence_and_note_come_from_the_readme(tmp_path: Path) -> None:
    source = own_data(tmp_path)
    (tmp_path / "README.md").write_text("# Ours\n\nLicence: in house only.\nNote: half a year of one country.\n")

    assert source.licence == "in house only."
    assert source.note == "half a year of one country."


def test_an_unknown_folder_is_told_which_files_were_looked_for(tmp_path: Path) -> None:
    (tmp_path / "interactions.xlsx").write_bytes(b"")

    with pytest.raises(UnknownLayout) as refused:
        open_source(tmp_path)

    for name in ("events.ndjson", "u.data + u.item", "ratings.dat + movies.dat", "movies.csv", "anonymous-msweb.data"):
        assert name in str(refused.value)


@pytest.mark.parametrize(("make", "got"), [(False, "nothing by that name"), (True, "a file")])
def test_a_path_that_is_no_folder_is_refused(tmp_path: Path, *, make: bool, got: str) -> None:
    path = tmp_path / "data.csv"
    if make:
        path.write_bytes(b"")

    with pytest.raises(UnknownLayout, match=got):
        open_source(path)


def test_every_kind_of_source_says_no_to_an_empty_folder(tmp_path: Path) -> None:
    assert [kind.find(tmp_path) for kind in SOURCES] == [None] * len(SOURCES)
    assert len({kind.slug for kind in SOURCES}) == len(SOURCES)
