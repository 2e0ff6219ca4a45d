"""Kept sums beside erasures that stopped half-way, one another, and files that cannot be read."""

import json
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from uuid import UUID, uuid4

import pytest

from governance.database import create_engine_for, migrate, transaction
from governance.pipeline.home import Home
from governance.pipeline.kept_sums import KeptSums
from governance.registry.lineage import forget_memberships, register_snapshot
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
