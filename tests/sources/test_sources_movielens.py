import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pseudonymisation.sources import ratings as ratings_module
from pseudonymisation.sources.errors import MalformedSource
from pseudonymisation.sources.movielens import MovieLens, find_movielens
from pseudonymisation.sources.ratings import RatingTable, rating_blocks
from pseudonymisation.sources.simulated import is_refused

PUBLISHED = Path(__file__).resolve().parents[3] / "shared" / "data"
needs_published = pytest.mark.skipif(not PUBLISHED.is_dir(), reason="the published sets are not on this machine")

ITEM_LINE = "1|Toy Story (1995)|01-Jan-1995||http://example.org/|0|0|0|1|1|1|0|0|0|0|0|0|0|0|0|0|0|0|0"


def opened(folder: Path) -> MovieLens:
    source = find_movielens(folder)
    assert source is not None
    return source


def hundred_k(folder: Path, ratings: str, items: str = ITEM_LINE + "\n") -> MovieLens:
    (folder / "u.data").write_text(ratings)
    (folder / "u.item").write_bytes(items.encode("latin-1"))
    return opened(folder)


def latest(folder: Path, ratings: str, movies: str) -> MovieLens:
    (folder / "ratings.csv").write_text("userId,movieId,rating,timestamp\n" + ratings)
    (folder / "movies.csv").write_text("movieId,title,genres\n" + movies)
    return opened(folder)


def test_a_rating_of_the_100k_layout_becomes_this_event(tmp_path: Path) -> None:
    source = hundred_k(tmp_path, "196\t242\t3\t881250949\n")

    assert list(source.events()) == [
        (
            b'{"event_id":"ml-100k-rating-1","kind":"rating","at":"1997-12-04T15:55:49Z",'
            b'"subject":{"account_id":"ml-100k-subject-196"},"item":"242","stars":3}'
        )
    ]
    assert (source.name, source.events_file) == ("ml-100k", "u.data")


def test_the_100k_layout_gives_title_year_decade_and_genres(tmp_path: Path) -> None:
    catalogue = hundred_k(tmp_path, "1\t1\t5\t1\n").catalogue()

    assert catalogue.items.to_pylist() == [{"item": "1", "title": "Toy Story", "year": 1995, "minutes": None}]
    assert [tuple(row.values()) for row in catalogue.categories.to_pylist()] == [
        ("1", "genre", "animation"),
        ("1", "genre", "childrens"),
        ("1", "genre", "comedy"),
        ("1", "decade", "1990s"),
    ]


def test_the_1m_layout_is_read_with_double_colons_and_latin_1(tmp_path: Path) -> None:
    (tmp_path / "ratings.dat").write_text("1::1193::5::978300760\n6040::1193::4::956703932\n")
    (tmp_path / "movies.dat").write_bytes("1193::Misérables, Les (1995)::Drama|Film-Noir\n".encode("latin-1"))
    source = opened(tmp_path)

    events = [json.loads(line) for line in source.events()]

    assert [(event["at"], event["subject"]["account_id"], event["stars"]) for event in events] == [
        ("2000-12-31T22:12:40Z", "ml-1m-subject-1", 5),
        ("2000-04-25T23:05:32Z", "ml-1m-subject-6040", 4),
    ]
    assert source.catalogue().items["title"].to_pylist() == ["Misérables, Les"]
    assert source.catalogue().categories["category"].to_pylist() == ["drama", "film_noir", "1990s"]
    assert "synthetic" not in source.note


def test_a_file_without_times_gets_declared_synthetic_ones(tmp_path: Path) -> None:
    (tmp_path / "ratings.csv").write_text("user_id,movie_id,rating\n1,1,5\n1,48,5\n")
    (tmp_path / "movies.dat").write_text("1::Toy Story (1995)::Comedy\n48::Pocahontas (1995)::Musical\n")
    source = opened(tmp_path)

    events = [json.loads(line) for line in source.events()]

    assert [event["event_id"] for event in events] == ["ml-1m-rating-2", "ml-1m-rating-3"]
    assert all(event["at"].startswith("2000-") for event in events)
    assert list(source.events()) == list(source.events())
    assert "no times" in source.note
    assert "synthetic" in source.note


def test_the_csv_layout_keeps_half_stars_quoted_titles_and_no_genre(tmp_path: Path) -> None:
    folder = tmp_path / "ml-latest-small"
    folder.mkdir()
    source = latest(
        folder,
        "1,2,3.5,964982703\n",
        '2,"American President, The (1995)",Comedy|Sci-Fi\n3,No date here,(no genres listed)\n',
    )

    (event,) = (json.loads(line) for line in source.events())

    assert (event["stars"], event["subject"]["account_id"]) == (3.5, "ml-latest-small-subject-1")
    assert source.catalogue().items.to_pylist() == [
        {"item": "2", "title": "American President, The", "year": 1995, "minutes": None},
        {"item": "3", "title": "No date here", "year": None, "minutes": None},
    ]
    assert [tuple(row.values()) for row in source.catalogue().categories.to_pylist()] == [
        ("2", "genre", "comedy"),
        ("2", "genre", "sci_fi"),
        ("2", "decade", "1990s"),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1\t2\t3", "u.data, line 2, field row: expected 4 fields separated by '\\t', got 3 fields"),
        ("x7\t2\t3\t4", "u.data, line 2, field subject: expected a whole number from 1 to 2147483647, got 2 bytes"),
        ("1\t\t3\t4", "u.data, line 2, field item: expected a whole number from 1 to 2147483647, got nothing"),
        ("1\t2\t6\t4", "u.data, line 2, field stars: expected a number from 0.5 to 5, got a number outside the range"),
        ("1\t2\tnan\t4", "u.data, line 2, field stars: expected a number from 0.5 to 5, got 3 bytes"),
        (
            "1\t2\t3\t881250949123",
            "u.data, line 2, field time: expected Unix seconds, a whole number, got a number outside",
        ),
        ("", "u.data, line 2, field row: expected 4 fields"),
    ],
)
def test_a_broken_rating_is_named_by_file_line_field_expected_and_got(tmp_path: Path, line: str, message: str) -> None:
    source = hundred_k(tmp_path, f"1\t1\t5\t1\n{line}\n1\t1\t5\t1\n")

    with pytest.raises(MalformedSource) as refused:
        list(source.events())

    assert str(refused.value).startswith(message)


def test_a_tab_does_not_pass_for_a_double_colon(tmp_path: Path) -> None:
    (tmp_path / "ratings.dat").write_text("1::2::3::4\n1\t2::3::4\n")
    (tmp_path / "movies.dat").write_text("2::A (1990)::Drama\n")

    with pytest.raises(MalformedSource, match=r"ratings\.dat, line 2, field row: expected 4 fields separated by '::'"):
        list(opened(tmp_path).events())


def test_windows_line_ends_change_nothing(tmp_path: Path) -> None:
    (tmp_path / "ratings.csv").write_bytes(b"userId,movieId,rating,timestamp\r\n1,2,3.5,964982703\r\n")
    (tmp_path / "movies.csv").write_bytes(b"movieId,title,genres\r\n2,Jumanji (1995),Adventure\r\n")
    source = opened(tmp_path)

    (event,) = (json.loads(line) for line in source.events())

    assert (event["item"], event["stars"], event["at"]) == ("2", 3.5, "2000-07-30T18:45:03Z")
    assert source.catalogue().categories["category"].to_pylist() == ["adventure", "1990s"]


def test_an_error_never_repeats_what_stood_in_the_file(tmp_path: Path) -> None:
    source = hundred_k(tmp_path, "mara.lind@example.org\t1\t5\t1\n")

    with pytest.raises(MalformedSource) as refused:
        list(source.events())

    assert "mara" not in str(refused.value)


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ("1|Toy Story (1995)\n", "u.item, line 1, field row: expected 24 fields separated by '|', got 2 fields"),
        (ITEM_LINE + "\n" + ITEM_LINE + "\n", "u.item, line 2, field item: expected each item once"),
        (ITEM_LINE[:-1] + "7\n", "u.item, line 1, field genre flags: expected 0 or 1"),
    ],
)
def test_a_broken_title_file_is_named_by_line_and_field(tmp_path: Path, items: str, message: str) -> None:
    source = hundred_k(tmp_path, "1\t1\t5\t1\n", items)

    with pytest.raises(MalformedSource) as refused:
        source.catalogue()

    assert str(refused.value).startswith(message)


def test_a_title_with_broken_quotes_is_refused_with_its_line(tmp_path: Path) -> None:
    source = latest(tmp_path, "1,2,3.5,964982703\n", '2,"Unclosed (1995),Comedy\n')

    with pytest.raises(MalformedSource, match=r"movies\.csv, line 2, field row"):
        source.catalogue()


@given(st.lists(st.tuples(st.integers(1, 2**31 - 1), st.integers(1, 99), st.integers(1, 5)), min_size=1, max_size=60))
def test_blocks_lose_nothing_and_count_lines_however_small_they_are(rows: list[tuple[int, int, int]]) -> None:
    layout = RatingTable(file="r", delimiter=b"::", columns=("subject", "item", "stars"))
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as folder:
        patch.setattr(ratings_module, "BLOCK_BYTES", 16)
        path = Path(folder) / "r"
        path.write_text("\n".join("::".join(map(str, row)) for row in rows))

        blocks = list(rating_blocks(path, layout))

    found = [tuple(row.values()) for _, table in blocks for row in table.to_pylist()]
    assert found == rows
    sizes = [table.num_rows for _, table in blocks]
    assert [line for line, _ in blocks] == [1 + sum(sizes[:number]) for number in range(len(blocks))]


def test_about_four_in_a_hundred_simulated_decisions_refuse_and_stay_so(tmp_path: Path) -> None:
    source = hundred_k(tmp_path, "".join(f"{number}\t1\t5\t1\n" for number in range(1, 2001)))

    consents = [json.loads(line) for line in source.consents()]

    assert len(consents) == 6000
    refused = [record for record in consents if record["decision"] == "refuse"]
    assert 0.03 < len(refused) / len(consents) < 0.05
    assert all(is_refused(record["subject"]["account_id"], record["purpose"]) for record in refused)
    assert {record["at"] for record in consents} == {"1995-01-01T00:00:00Z"}
    assert "simulated" in source.note


@needs_published
def test_the_published_100k_set_is_read_whole() -> None:
    source = opened(PUBLISHED / "ml-100k")

    events = [json.loads(line) for line in source.events()]

    assert len(events) == 100_000
    assert len({event["subject"]["account_id"] for event in events}) == 943
    assert sum(event["stars"] for event in events) == 352_986
    assert source.catalogue().items.num_rows == 1682
    dramas = source.catalogue().categories["category"].to_pylist().count("drama")
    assert dramas == 725


@needs_published
def test_ml_1m_gives_each_of_its_million_ratings_once() -> None:
    source = opened(PUBLISHED / "ml-1m")

    count = sum(1 for _ in source.events())

    assert count == 1_000_209
    assert source.catalogue().items.num_rows == 3883


# Subjects


def declarations(source: MovieLens) -> list[tuple[str, str, str]]:
    found = [json.loads(line) for line in source.declarations()]
    return [(each["subject"]["account_id"], each["attribute"], each["group"]) for each in found]


def test_a_line_of_the_100k_subjects_becomes_gender_and_a_band_of_age_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "u.user").write_text("196|49|M|writer|55105\n7|17|F|student|94043\n8|18|F|other|V3N4P\n")
    source = hundred_k(tmp_path, "196\t242\t3\t881250949\n")

    assert next(source.declarations()) == (
        b'{"event_id":"ml-100k-declaration-196-gender","kind":"declaration","at":"1995-01-01T00:00:00Z",'
        b'"subject":{"account_id":"ml-100k-subject-196"},"attribute":"gender","group":"male"}'
    )
    assert declarations(source) == [
        ("ml-100k-subject-196", "gender", "male"),
        ("ml-100k-subject-196", "age", "45-49"),
        ("ml-100k-subject-7", "gender", "female"),
        ("ml-100k-subject-7", "age", "under-18"),
        ("ml-100k-subject-8", "gender", "female"),
        ("ml-100k-subject-8", "age", "18-24"),
    ]
    assert source.declarations_file == "u.user"
    assert "u.user, which has no times: it is dated 1995-01-01" in source.note
    written = b"".join(source.declarations())
    for private in (b"writer", b"55105", b"94043", b"V3N4P", b"49|", b"17"):
        assert private not in written.replace(b"declaration-7-", b"")


def test_the_bands_of_1m_are_those_of_its_readme(tmp_path: Path) -> None:
    (tmp_path / "ratings.dat").write_text("1::1::5::978300760\n")
    (tmp_path / "movies.dat").write_text("1::Toy Story (1995)::Comedy\n")
    codes = (1, 18, 25, 35, 45, 50, 56)
    rows = [f"{number}::F::{code}::10::48067\n" for number, code in enumerate(codes, start=1)]
    (tmp_path / "users.dat").write_text("".join(rows))

    ages = [group for _, attribute, group in declarations(opened(tmp_path)) if attribute == "age"]

    assert ages == ["under-18", "18-24", "25-34", "35-44", "45-49", "50-55", "56-plus"]


def test_a_set_without_a_file_of_subjects_declares_nothing(tmp_path: Path) -> None:
    source = hundred_k(tmp_path, "196\t242\t3\t881250949\n")

    assert (source.declarations_file, list(source.declarations())) == ("", [])
    assert "dated 1995-01-01." not in source.note


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("2|24|M|writer", "u.user, line 2, field row: expected 5 fields separated by '|', got 4 fields"),
        (
            "x|24|M|writer|1",
            "u.user, line 2, field subject: expected a whole number from 1 to 2147483647, got something",
        ),
        ("1|24|M|writer|1", "u.user, line 2, field subject: expected each subject once"),
        ("2|24|m|writer|1", "u.user, line 2, field gender: expected F or M"),
        ("2|0|M|writer|1", "u.user, line 2, field age: expected a whole number from 1 to 120"),
        ("2|old|M|writer|1", "u.user, line 2, field age: expected a whole number from 1 to 120"),
    ],
)
def test_a_broken_line_of_subjects_is_named_and_never_repeated(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "u.user").write_text(f"1|24|M|writer|1\n{line}\n")
    source = hundred_k(tmp_path, "1\t242\t3\t881250949\n")

    with pytest.raises(MalformedSource) as refused:
        list(source.declarations())

    assert str(refused.value).startswith(message)
    assert "writer" not in str(refused.value)


@needs_published
@pytest.mark.parametrize(("name", "subjects"), [("ml-100k", 943), ("ml-1m", 6040)])
def test_the_published_subjects_are_all_read(name: str, subjects: int) -> None:
    """1M: 1,709 women and 4,331 men, as its file counts them; 100K: 273 and 670."""
    found = declarations(opened(PUBLISHED / name))
    women = sum(group == "female" for _, _, group in found)

    assert len(found) == 2 * subjects
    assert women == {"ml-100k": 273, "ml-1m": 1709}[name]
