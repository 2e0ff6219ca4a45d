import json
from pathlib import Path

import pytest

from pseudonymisation.sources.errors import MalformedSource
from pseudonymisation.sources.msweb import MsWeb, find_msweb

PUBLISHED = Path(__file__).resolve().parents[3] / "shared" / "data"

HEAD = 'I,4,"www.microsoft.com","created by getlog.pl"\nT,1,"VRoot",0,0,"VRoot"\nN,0,"0"\n'
AREAS = 'A,1287,1,"International AutoRoute","/autoroute"\nA,1000,1,"regwiz","/regwiz"\n'


def opened(folder: Path, data: str, test: str | None = None) -> MsWeb:
    (folder / "anonymous-msweb.data").write_text(HEAD + AREAS + data)
    if test is not None:
        (folder / "anonymous-msweb.test").write_text(HEAD + AREAS + test)
    source = find_msweb(folder)
    assert source is not None
    return source


def test_a_vote_becomes_a_completed_view_of_unknown_length(tmp_path: Path) -> None:
    source = opened(tmp_path, 'C,"10001",10001\nV,1000,1\n')

    (event,) = (json.loads(line) for line in source.events())

    at = event.pop("at")
    assert at.startswith("1998-02-0")
    assert event == {
        "event_id": "msweb-visit-1",
        "kind": "view",
        "subject": {"account_id": "msweb-subject-10001"},
        "item": "1000",
        "seconds": 1,
        "duration": 1,
    }
    assert "1 second out of 1" in source.note


def test_visitors_of_both_files_stay_apart_though_their_numbers_repeat(tmp_path: Path) -> None:
    source = opened(tmp_path, 'C,"10001",10001\nV,1000,1\n', 'C,"10001",10001\nV,1287,1\n')

    accounts = [json.loads(line)["subject"]["account_id"] for line in source.events()]

    assert accounts == ["msweb-subject-10001", "msweb-test-subject-10001"]
    assert len(list(source.consents())) == 6


def test_areas_are_items_without_categories(tmp_path: Path) -> None:
    catalogue = opened(tmp_path, "").catalogue()

    assert catalogue.items["title"].to_pylist() == ["regwiz", "International AutoRoute"]
    assert catalogue.categories.num_rows == 0


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("V,1000,1\n", "anonymous-msweb.data, line 6, field row: expected a case line before the first vote"),
        ('C,"10001",10001\nV,1000\n', "anonymous-msweb.data, line 7, field row: expected 3 fields, got 2 fields"),
        ('C,"10001",10001\nV,home,1\n', "anonymous-msweb.data, line 7, field id: expected a whole number"),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, data: str, message: str) -> None:
    with pytest.raises(MalformedSource) as refused:
        list(opened(tmp_path, data).events())

    assert str(refused.value).startswith(message)


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="the published sets are not on this machine")
def test_the_published_set_is_read_whole() -> None:
    source = find_msweb(PUBLISHED / "msweb")

    assert source is not None
    assert sum(1 for _ in source.events()) == 98_654 + 15_191
    assert sum(1 for _ in source.consents()) == 3 * (32_711 + 5_000)
    assert source.catalogue().items.num_rows == 294
