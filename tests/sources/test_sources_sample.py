import hashlib
import json
import re
from collections import Counter
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from governance.policy.loader import load
from governance.resources import policies_dir
from pseudonymisation.declarations import listed_pairs
from pseudonymisation.minimisation import MinimisationPolicy
from pseudonymisation.sources.errors import SourceError, UnwritableFolder
from pseudonymisation.sources.registry import open_source
from pseudonymisation.sources.sample import SampleSettings, SampleSummary, write_sample
from pseudonymisation.sources.sample.declarations import SHARES
from pseudonymisation.sources.sample.exposure import Impressions, make_impressions, view_probability
from pseudonymisation.sources.sample.subjects import make_population
from pseudonymisation.sources.sample.titles import GENRES, Titles, make_titles

SMALL = SampleSettings(seed=7, subjects=700, titles=240, days=30, impressions=60)
Event = dict[str, Any]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SampleSummary]:
    folder = tmp_path_factory.mktemp("sample")
    return folder, write_sample(folder, SMALL)


@pytest.fixture(scope="module")
def events(written: tuple[Path, SampleSummary]) -> list[Event]:
    return [event for event in map(parsed, open_source(written[0]).events()) if is_good(event)]


def parsed(line: bytes) -> Event:
    try:
        event: Event = json.loads(line)
    except ValueError:
        return {"event_id": "fault-unreadable"}
    return event


def parsed_consent(line: bytes) -> Event:
    record: Event = json.loads(line)
    return record


def is_good(event: Event) -> bool:
    return not event["event_id"].startswith("fault-")


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def of_kind(events: list[Event], kind: str) -> list[Event]:
    return [event for event in events if event["kind"] == kind]


def world(settings: SampleSettings) -> tuple[Titles, Impressions]:
    rng = np.random.default_rng(3)
    titles = make_titles(rng, settings)
    return titles, make_impressions(rng, settings, titles, make_population(rng, settings))


def test_equal_settings_give_equal_bytes_and_another_seed_does_not(
    written: tuple[Path, SampleSummary], tmp_path: Path
) -> None:
    write_sample(tmp_path / "again", SMALL)
    write_sample(tmp_path / "other", replace(SMALL, seed=8))

    assert digests(tmp_path / "again") == digests(written[0])
    assert digests(tmp_path / "other")["events.ndjson"] != digests(written[0])["events.ndjson"]


def test_the_summary_counts_exactly_what_is_in_the_files(
    written: tuple[Path, SampleSummary], events: list[Event]
) -> None:
    folder, summary = written
    lines = list(open_source(folder).events())

    assert summary.lines == len(lines)
    assert sum(summary.faults.values()) == 40
    kinds = Counter(event["kind"] for event in events)
    kinds["view"] -= summary.faults["duplicate_id"]
    assert dict(kinds) == summary.events
    assert summary.consents == sum(1 for _ in open_source(folder).consents())
    assert summary.declarations == sum(1 for _ in open_source(folder).declarations())


def test_each_planted_fault_is_there_as_often_as_stated(written: tuple[Path, SampleSummary]) -> None:
    folder, summary = written
    lines = list(open_source(folder).events())
    known = set(open_source(folder).catalogue().items["item"].to_pylist())
    broken = [line for line in lines if b'"fault-' in line]
    readable = [json.loads(line) for line in broken if is_json(line)]
    unicode_faults = [line for line in broken if b"\xff\xfe" in line]

    assert {
        "malformed_json": sum(not is_json(line) for line in broken) - len(unicode_faults),
        "unknown_kind": sum(event["kind"] == "teleport" for event in readable),
        "future_time": sum(event["at"].startswith("2999-") for event in readable),
        "unknown_item": sum("item" in event and event["item"] not in known for event in readable),
        "duplicate_id": len(lines) - len(set(lines)),
        "invalid_utf8": len(unicode_faults),
        "missing_field": sum("item" not in event for event in readable),
    } == summary.faults


def is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def test_without_faults_every_line_is_an_event_with_its_own_id(tmp_path: Path) -> None:
    summary = write_sample(tmp_path, replace(SMALL, subjects=60, faults=False))

    ids = [json.loads(line)["event_id"] for line in open_source(tmp_path).events()]

    assert summary.faults == {}
    assert len(set(ids)) == len(ids) == summary.lines


def test_every_event_keeps_to_the_wire_format(written: tuple[Path, SampleSummary], events: list[Event]) -> None:
    known = set(open_source(written[0]).catalogue().items["item"].to_pylist())

    for event in events:
        assert set(event) - {"gpc"} == {"event_id", "kind", "at", "subject"} | fields_of(event["kind"])
        assert {"account_id", "email", "device_id"} & set(event["subject"])
        assert event.get("item", "title-0001") in known
        assert event.get("gpc", True) is True
    assert all(0 <= view["seconds"] <= view["duration"] for view in of_kind(events, "view"))
    assert {rating["stars"] for rating in of_kind(events, "rating")} <= {half / 2 for half in range(1, 11)}
    assert {(browse["row"], browse["position"]) for browse in of_kind(events, "browse")} == {
        (row, position) for row in range(4) for position in range(6)
    }


def fields_of(kind: str) -> set[str]:
    return {
        "view": {"item", "seconds", "duration"},
        "search": {"query"},
        "browse": {"item", "row", "position"},
        "rating": {"item", "stars"},
    }[kind]


def test_events_stand_in_order_of_time_within_the_window(events: list[Event]) -> None:
    times = [event["at"] for event in events]

    assert times == sorted(times)
    assert times[0] >= "2026-08-31T00:00:00Z"
    assert times[-1] < "2026-09-30T00:00:00Z"


def test_evenings_and_weekends_are_busier(events: list[Event]) -> None:
    moments = [datetime.fromisoformat(event["at"]) for event in of_kind(events, "browse")]
    hours = Counter(moment.hour for moment in moments)
    weekdays = Counter(moment.weekday() for moment in moments)

    assert sum(hours[hour] for hour in (19, 20, 21)) > 4 * sum(hours[hour] for hour in (4, 5, 6))
    assert weekdays[5] > 1.2 * weekdays[1]


def test_identifiers_lie_in_the_ranges_reserved_for_documentation(events: list[Event]) -> None:
    emails = {event["subject"]["email"].lower() for event in events if "email" in event["subject"]}
    addresses = {event["subject"]["ip"] for event in events}
    reserved = re.compile(r"192\.0\.2\.\d+|198\.51\.100\.\d+|203\.0\.113\.\d+|2001:db8:[0-9a-f:]+")

    assert emails
    assert all(re.fullmatch(r"[a-z.0-9]+@example\.(org|com|net)", email) for email in emails)
    assert all(reserved.fullmatch(address) for address in addresses)


def test_a_device_is_seen_alone_only_after_its_account_is_known(events: list[Event]) -> None:
    known: dict[str, str] = {}
    alone = 0
    for event in events:
        account, device = event["subject"].get("account_id"), event["subject"]["device_id"]
        if account is None:
            alone += 1
            assert device in known
        else:
            assert known.setdefault(device, account) == account

    assert alone > 0


def test_some_subjects_have_two_devices_two_spellings_or_send_gpc(
    written: tuple[Path, SampleSummary], events: list[Event]
) -> None:
    folder, summary = written
    records = [*events, *map(parsed_consent, open_source(folder).consents())]
    spellings = Counter(email.lower() for email in {r["subject"]["email"] for r in records if "email" in r["subject"]})

    assert max(spellings.values()) == 2
    assert 0 < sum(count == 2 for count in spellings.values()) <= summary.email_variant_subjects
    assert 0.2 < summary.two_device_subjects / summary.subjects < 0.4
    assert 0 < len({e["subject"].get("account_id") for e in events if e.get("gpc")}) <= summary.gpc_subjects + 1


def test_a_few_searches_name_whoever_typed_them_and_are_counted(
    written: tuple[Path, SampleSummary], events: list[Event]
) -> None:
    queries = [search["query"] for search in of_kind(events, "search")]
    own = [query for query in queries if "@" in query or "555-01" in query or "555-00" in query]

    assert 0 < written[1].searches_with_own_identifier / len(queries) < 0.03
    assert 0 <= written[1].searches_with_own_identifier - len(own) <= 2  # those typed after the window are left out


def test_consents_precede_the_window_and_about_one_subject_in_twelve_says_no(
    written: tuple[Path, SampleSummary],
) -> None:
    folder, summary = written
    consents = [json.loads(line) for line in open_source(folder).consents()]
    first = [record for record in consents if record["decision"] != "withdraw"]

    assert len(first) == 3 * summary.subjects
    assert all(record["at"] < "2026-08-31T00:00:00Z" for record in first)
    training = [r for r in consents if r["purpose"] == "model_training" and r["decision"] != "grant"]
    assert len(training) == summary.refused_or_withdrawn_subjects
    assert 0.05 < len(training) / summary.subjects < 0.12
    assert {r["decision"] for r in consents if r["method"] == "gpc"} == {"refuse"}
    assert [r["at"] for r in consents] == sorted(r["at"] for r in consents)


def test_nearly_everybody_declares_an_age_and_a_gender_from_the_list_of_the_shipped_policy(
    written: tuple[Path, SampleSummary],
) -> None:
    folder, summary = written
    said = [json.loads(line) for line in open_source(folder).declarations()]
    known = {(name, group) for name, groups in SHARES.items() for group in groups}
    policy = load(policies_dir() / "minimisation.yaml", MinimisationPolicy).value

    assert {(each["attribute"], each["group"]) for each in said} <= known <= set(listed_pairs(policy.attributes))
    assert 0.95 < len(said) / (2 * summary.subjects) < 1
    assert len({(each["subject"]["account_id"], each["attribute"]) for each in said}) == len(said)
    assert [each["at"] for each in said] == sorted(each["at"] for each in said)
    assert max(each["at"] for each in said) < "2026-08-31T00:00:00Z"


@pytest.mark.parametrize("seed", [1, 2])
def test_only_the_buried_origin_is_watched_far_below_its_share(seed: int) -> None:
    titles, shown = world(SampleSettings(seed=seed, subjects=1500, titles=600))
    viewed = shown.title[shown.viewed]
    share = {"buried": titles.buried[viewed].mean() / titles.buried.mean()}
    genres = {
        genre: (titles.genres[viewed, number] > 0).mean() / (titles.genres[:, number] > 0).mean()
        for number, genre in enumerate(GENRES)
    }

    assert 0.4 < share["buried"] < 0.58
    assert min(genres.values()) > 0.7
    assert max(genres.values()) < 1.4


def test_without_burial_the_same_origin_has_its_share() -> None:
    titles, shown = world(SampleSettings(subjects=1500, titles=600, burial=0))

    assert titles.buried[shown.title[shown.viewed]].mean() / titles.buried.mean() == pytest.approx(1, abs=0.08)


def test_buried_titles_stand_lower_and_are_watched_as_often_at_equal_place_and_liking() -> None:
    titles, shown = world(SampleSettings(subjects=1500, titles=600))
    buried = titles.buried[shown.title]
    expected = view_probability(shown.liking, shown.place)

    assert shown.row[buried].mean() > shown.row[~buried].mean() + 0.2
    for group in (buried, ~buried):
        spread = np.sqrt((expected[group] * (1 - expected[group])).sum())
        assert abs(shown.viewed[group].sum() - expected[group].sum()) < 4 * spread


def test_popularity_and_activity_have_long_tails() -> None:
    _, shown = world(SampleSettings(subjects=1500, titles=600))
    per_title = np.sort(np.bincount(shown.title[shown.viewed], minlength=600))[::-1]
    per_subject = np.sort(np.bincount(shown.subject[shown.viewed], minlength=1500))[::-1]

    assert per_title[:60].sum() > 0.25 * per_title.sum()
    assert per_subject[:150].sum() > 0.25 * per_subject.sum()


def test_nobody_is_shown_a_title_twice_and_places_fill_the_page_from_the_top() -> None:
    _, shown = world(SampleSettings(subjects=300, titles=120, impressions=40))

    assert len(np.unique(shown.subject * 1000 + shown.title)) == len(shown.title)
    for session in np.unique(shown.session):
        places = shown.place[shown.session == session]
        assert places.tolist() == list(range(len(places)))
        assert len(places) <= 24


def test_what_is_liked_is_finished_and_rated_higher(events: list[Event]) -> None:
    finished = {
        (event["subject"].get("account_id"), event["item"]): event["seconds"] / event["duration"]
        for event in of_kind(events, "view")
    }
    pairs = [
        (finished[key], event["stars"])
        for event in of_kind(events, "rating")
        if (key := (event["subject"].get("account_id"), event["item"])) in finished
    ]

    assert np.corrcoef(np.array(pairs).T)[0, 1] > 0.15


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"subjects": 3}, "sample setting subjects: expected a number from 20 to 50000, got 3"),
        ({"titles": 10_000_000}, "sample setting titles: expected a number from 60 to 3000, got 1e+07"),
        ({"until": datetime(2026, 9, 30)}, "sample setting until: expected an aware moment"),  # noqa: DTZ001 - the fault
    ],
)
def test_settings_outside_their_range_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(SourceError) as refused:
        SampleSettings(**wrong)

    assert str(refused.value).startswith(message)


def test_a_folder_that_cannot_be_written_is_refused_and_keeps_nothing_half_written(tmp_path: Path) -> None:
    (tmp_path / "events.ndjson").mkdir()
    (tmp_path / "events.ndjson" / "in the way").write_text("")

    with pytest.raises(UnwritableFolder, match="cannot write the sample here"):
        write_sample(tmp_path, replace(SMALL, subjects=40))

    assert not list(tmp_path.glob(".*partial"))
    assert not (tmp_path / "README.md").exists()


def test_progress_never_falls_and_ends_complete(tmp_path: Path) -> None:
    steps: list[tuple[int, int | None]] = []

    write_sample(tmp_path, replace(SMALL, subjects=40), progress=lambda _, done, total: steps.append((done, total)))

    assert [done for done, _ in steps] == sorted(done for done, _ in steps)
    assert steps[-1] == (6, 6)
