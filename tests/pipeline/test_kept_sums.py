"""Kept sums beside erasures that stopped half-way, one another, and files that cannot be read."""

import json
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from uuid import UUID, uuid4

import pytest

from governance.database import create_engine_for, migrate, transaction
from governance.errors import NotFound
from governance.ledger.search import Filter, search
from governance.pipeline import kept_sums
from governance.pipeline.home import Home
from governance.pipeline.kept_sums import KeptSums
from governance.pipeline.retention import run_retention
from governance.registry.lineage import forget_memberships, get_snapshot, register_snapshot
from governance.resources import migrations_dir
from pseudonymisation.lake.store import Lake
from pseudonymisation.vault import Vault
from recommender.sums_encoding import to_bytes
from tests.pipeline.conftest import Run
from tests.pipeline.summed import erase, from_scratch, members_of, request_erasure, withdraw

# Ibis calls what this DuckDB already calls by another name.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")]


def _stopping(*_: object, **__: object) -> None:
    """Stands for a power cut at the place of a function."""
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("place", "withdrew"),
    [((Lake, "erase"), False), ((Vault, "erase"), True), ((Vault, "erase"), False)],
    ids=["their secret is destroyed", "they had withdrawn", "only their sums are left"],
)
def test_nobody_is_taken_out_twice_because_their_erasure_stopped_half_way(
    keeping: Home, probity: Run, monkeypatch: pytest.MonkeyPatch, place: tuple[type, str], *, withdrew: bool
) -> None:
    kept, home = KeptSums(keeping), keeping.settings.home
    (header,) = kept.headers()
    first, second, *others = members_of(keeping, header.snapshot)
    expected = to_bytes(from_scratch(keeping, header.release, others))
    request = request_erasure(keeping, first)
    if withdrew:
        withdraw(keeping, first)
    with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
        patch.setattr(*place, _stopping)
        erase(keeping, request)
    withdraw(keeping, second)

    ran = probity("train", "--from-sums", header.release[:8], "--json", "--home", home)
    (after,) = kept.headers()

    assert ran.code == 0, ran.err
    assert json.loads(ran.out)
    assert to_bytes(kept.open(after.release)[1]) == expected
    # Nor when the erasure goes on: the new sums know who is out of them.
    if place[0] is Vault:
        erase(keeping, request)
        assert kept.headers() == [after]
        assert to_bytes(kept.open(after.release)[1]) == expected
        assert first not in members_of(keeping, after.snapshot)


@pytest.mark.postgres
def test_sums_wait_for_an_erasure_on_its_way_and_are_not_kept_after_it(keeping: Home, postgres_url: str) -> None:
    kept, snapshot_id = KeptSums(keeping), UUID(int=7)
    (header,) = kept.headers()
    first, *others = members_of(keeping, header.snapshot)
    _, sums = kept.open(header.release)
    migrate(postgres_url, migrations_dir("control"))
    engine = create_engine_for(postgres_url)
    with transaction(engine) as session:
        actor, clock = "role:operator", keeping.clock
        snapshot = register_snapshot(session, {}, [first, *others], snapshot_id=snapshot_id, actor=actor, clock=clock)

    def keep() -> None:
        with transaction(engine) as session:
            kept.keep(session, "ab" * 32, snapshot, sums)

    with ThreadPoolExecutor(1) as pool:
        with transaction(engine) as session:
            kept.take_out(session, first, uuid4())
            forget_memberships(session, first)
            keeps: Future[None] = pool.submit(keep)
            wait([keeps], timeout=1)
        keeps.result()
    engine.dispose()

    assert kept.headers() == [header]


OTHER = "cd" * 32


def _destroyed(home: Home) -> dict[str, str]:
    """On what ground which sums were destroyed, as the ledger says."""
    with home.transaction() as session:
        entries = search(session, Filter(kinds=("registry.sums_destroyed",)), limit=10)
        return {str(entry.body["release"]): str(entry.body["ground"]) for entry in entries}


@pytest.mark.parametrize(
    "content", [b"", b"probity/kept-sums/v1\x00\xff\xff\xff\xff", None], ids=["empty", "cut", "forged"]
)
def test_a_damaged_file_stops_no_erasure_and_is_destroyed_by_its_name(keeping: Home, content: bytes | None) -> None:
    kept = KeptSums(keeping)
    (header,) = kept.headers()
    first, *_ = members_of(keeping, header.snapshot)
    folder = keeping.settings.folder("sums")
    sealed = (folder / f"{header.release}.sealed").read_bytes()
    (folder / f"{OTHER}.sealed").write_bytes(sealed if content is None else content)
    (folder / "notes.sealed").write_bytes(b"not ours")

    with keeping.transaction() as session:
        assert kept.take_out(session, first, uuid4()) == {"subtracted": 1, "destroyed": 1}

    assert [each.release for each in kept.headers()] == [header.release]
    assert sorted(path.name for path in folder.iterdir()) == sorted([f"{header.release}.sealed", "notes.sealed"])
    assert _destroyed(keeping) == {OTHER: "unreadable"}


def test_retention_destroys_what_is_damaged_before_its_day_and_nothing_else(keeping: Home) -> None:
    (header,) = KeptSums(keeping).headers()
    (keeping.settings.folder("sums") / f"{OTHER}.sealed").write_bytes(b"what is this?")

    assert run_retention(keeping).sums.count == 1

    assert KeptSums(keeping).headers() == [header]
    assert not (keeping.settings.folder("sums") / f"{OTHER}.sealed").exists()
    assert _destroyed(keeping) == {OTHER: "unreadable"}


def test_sums_whose_destruction_was_rolled_back_open_to_nobody_and_are_put_on_record_later(keeping: Home) -> None:
    kept = KeptSums(keeping)
    (header,) = kept.headers()
    with suppress(KeyboardInterrupt), keeping.transaction() as session:
        kept.destroy(session, header.release, "erasure")
        raise KeyboardInterrupt

    assert _destroyed(keeping) == {}
    assert kept.headers() == [header]
    with pytest.raises(NotFound):
        kept.open(header.release)
    assert run_retention(keeping).sums.count == 1
    assert _destroyed(keeping) == {header.release: "unreadable"}
    assert kept.headers() == []


@pytest.mark.parametrize(("place", "keys"), [("write_atomically", 1), ("append", 2)])
def test_sums_that_were_cut_off_while_they_were_kept_leave_no_key_for_long(
    keeping: Home, monkeypatch: pytest.MonkeyPatch, place: str, keys: int
) -> None:
    kept = KeptSums(keeping)
    (header,) = kept.headers()
    _, sums = kept.open(header.release)
    real = getattr(kept_sums, place)

    def stopping(first: object, *others: object, **named: object) -> None:
        if place == "append" or str(first).endswith(".key"):
            raise KeyboardInterrupt
        real(first, *others, **named)

    with monkeypatch.context() as patch, suppress(KeyboardInterrupt), keeping.transaction() as session:
        patch.setattr(kept_sums, place, stopping)
        kept.keep(session, OTHER, get_snapshot(session, UUID(header.snapshot)), sums)

    folder = keeping.settings.folder("keys") / "sums"
    assert len(list(folder.iterdir())) == keys
    assert run_retention(keeping).sums.count == 1
    assert [path.stem for path in folder.iterdir()] == [header.release]
    assert kept.headers() == [header]
    assert _destroyed(keeping) == {OTHER: "unreadable" if keys == 1 else "unfinished"}
