"""The log over HTTP in C2SP's layout: what a monitor, a witness or somebody with a verifier of their own fetches."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from fastapi.testclient import TestClient

from governance.access.tokens import issue_token
from governance.database import transaction
from governance.errors import NotFound
from governance.ledger.merkle import leaf_hash, verify_inclusion
from governance.ledger.proof import decode_proof
from governance.ledger.publish import publish
from governance.ledger.published import read_note
from governance.ledger.serving import read_served
from governance.ledger.store import get_entry
from governance.ledger.tiles import TileName, tile_names
from governance.ledger.trust_policy import trusting, verify_cosigned
from governance.ledger.verify import verify_folder
from governance.settings import Ledger
from governance.web.app import create_app
from tests.governance.story import SIGNER

if TYPE_CHECKING:
    from conftest import House

TOKENS_BEYOND_A_TILE = 240


@pytest.fixture
def long_house(house: "House") -> "House":
    """A house whose log, published at 33 and at 273 entries, is longer than one tile."""
    with transaction(house.context.engine) as session:
        for number in range(TOKENS_BEYOND_A_TILE):
            who = house.people["engineer"]
            issue_token(session, who, token_id=_id(number), actor="role:operator", clock=house.context.clock)
    publish(house.context.engine, house.context.ledger, SIGNER, clock=house.context.clock)
    return house


def _id(number: int) -> UUID:
    return UUID(int=10**6 + number)


def opened(house: "House") -> TestClient:
    """Somebody without a token, at a house whose log is public."""
    settings = house.context.settings.model_copy(update={"ledger": Ledger(public=True)})
    return replace(house, app=create_app(replace(house.context, settings=settings))).client()


def mirror(client: TestClient, size: int, to: Path) -> Path:
    """Fetch the checkpoint and every tile that a log of ``size`` must have, and nothing else."""
    for path in ["checkpoint", *(name.path for name in tile_names(size))]:
        answer = client.get(f"/ledger/{path}")
        assert answer.status_code == 200, path
        (to / path).parent.mkdir(parents=True, exist_ok=True)
        (to / path).write_bytes(answer.content)
    return to


def test_a_log_mirrored_over_http_verifies_as_the_folder_does(long_house: "House", tmp_path: Path) -> None:
    folder = mirror(long_house.client("auditor"), 273, tmp_path / "mirror")

    found = verify_folder(folder, trusting(SIGNER.verifier_key))

    assert (found.size, found.unsigned) == (273, ())
    assert (folder / "checkpoint").read_bytes() == (long_house.context.ledger / "checkpoint").read_bytes()


def test_the_answers_carry_the_types_and_lifetimes_that_tlog_tiles_asks_for(shared_house: "House") -> None:
    client = shared_house.client("auditor")
    checkpoint, tile = client.get("/ledger/checkpoint"), client.get("/ledger/tile/0/000.p/33")

    assert checkpoint.headers["content-type"] == "text/plain; charset=utf-8"
    assert checkpoint.headers["cache-control"] == "no-cache"
    assert tile.headers["content-type"] == "application/octet-stream"
    assert tile.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert len(tile.content) == 33 * 32


def test_an_older_partial_tile_is_cut_from_the_full_one_that_replaced_it(long_house: "House") -> None:
    client, tiles = long_house.client("auditor"), long_house.context.ledger / "tile"
    before = {path: client.get(f"/ledger/tile/{path}").content for path in ("0/000.p/33", "entries/000.p/33")}
    for path in before:
        (tiles / path).unlink()

    after = {path: client.get(f"/ledger/tile/{path}").content for path in before}

    assert after == before
    assert client.get("/ledger/tile/0/000.p/200").content == (tiles / "0/000").read_bytes()[: 200 * 32]


def test_what_was_written_but_not_signed_yet_is_not_served(long_house: "House") -> None:
    """A publisher has written its tiles and was stopped before it signed: nobody vouches for them."""
    folder, client = long_house.context.ledger, long_house.client("auditor")
    (folder / "tile/0/001.p/18").write_bytes(bytes(18 * 32))
    (folder / "tile/0/002").write_bytes(bytes(256 * 32))

    answers = [client.get(f"/ledger/tile/{path}").status_code for path in ("0/001.p/17", "0/001.p/18", "0/002")]

    assert answers == [200, 404, 404]


@pytest.mark.parametrize(
    "path",
    [
        "0/0", "00/000", "0/000.p/0", "0/000.p/033", "0/000.p/256", "0/000.p/34", "0/x000/000", "64/000", "8/0/000",
        "0/000/", "data/000", "entries/000.p/34", "0/%30%30%30.p/0", "0/000.p/33/..", "0/-01", "-1/000",
        "..%2f..%2fkeys%2fledger.key", "0/000.p/33%00", "0/%D9%A0%D9%A0%D9%A0",
    ],
)  # fmt: skip
def test_a_path_that_is_no_published_tile_is_not_found(shared_house: "House", path: str) -> None:
    answer = shared_house.client("auditor").get(f"/ledger/tile/{path}")

    assert answer.status_code == 404


def test_anonymous_monitors_are_refused_until_the_settings_open_the_log(shared_house: "House") -> None:
    closed, client = shared_house.client(), opened(shared_house)
    paths = ("/ledger/checkpoint", "/ledger/tile/0/000.p/33", "/ledger/tile/entries/000.p/33")

    assert [closed.get(path).status_code for path in paths] == [401] * 3
    assert [client.get(path).status_code for path in paths] == [200] * 3
    assert closed.get(paths[0]).headers["content-type"] == "application/problem+json"
    assert client.get(paths[1]).headers["cache-control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize(
    "path",
    [
        "/ledger", "/ledger/3", "/ledger/entries/3", "/ledger/entries/3.json", "/ledger/entries/3.tlog-proof",
        "/api/v1/ledger/entries", "/api/v1/ledger/entries/3", "/api/v1/ledger/checkpoint",
    ],
)  # fmt: skip
def test_a_public_log_opens_nothing_but_checkpoint_and_tiles(shared_house: "House", path: str) -> None:
    assert opened(shared_house).get(path).status_code == 401


def test_an_entry_and_its_proof_are_taken_home_and_hold(shared_house: "House") -> None:
    client = shared_house.client("auditor")
    entry, proof = client.get("/ledger/entries/5.json"), client.get("/ledger/entries/5.tlog-proof")
    with transaction(shared_house.context.engine) as session:
        assert entry.content == get_entry(session, 5).encoded

    read = decode_proof(proof.content)
    head = verify_cosigned(read_note(shared_house.context.ledger), trusting(SIGNER.verifier_key)).checkpoint
    verify_inclusion(5, head.size, leaf_hash(entry.content), read.path, head.root)
    assert read.note == client.get("/ledger/checkpoint").content
    assert proof.headers["content-disposition"] == 'attachment; filename="entry-5.tlog-proof"'


def test_an_entry_with_its_proof_is_served_beside_the_log_as_by_the_api(shared_house: "House") -> None:
    client = shared_house.client("auditor")
    served = client.get("/ledger/entries/5")

    assert served.json() == client.get("/api/v1/ledger/entries/5").json()
    assert served.json()["proof"]["checkpoint"]["size"] == 33
    assert client.get("/ledger/entries/1000").headers["content-type"] == "application/problem+json"


def test_an_entry_after_the_checkpoint_has_bytes_and_no_proof_yet(house: "House") -> None:
    with transaction(house.context.engine) as session:
        issue_token(
            session, house.people["engineer"], token_id=_id(0), actor="role:operator", clock=house.context.clock
        )
    client = house.client("auditor")

    assert client.get("/ledger/entries/33.json").json()["kind"] == "access.token_issued"
    assert client.get("/ledger/entries/33.tlog-proof").status_code == 404


def test_before_the_first_checkpoint_there_is_nothing_to_fetch(house: "House") -> None:
    context = replace(house.context, ledger=house.context.ledger / "elsewhere")
    client = replace(house, app=create_app(context)).client("auditor")

    assert [client.get(f"/ledger/{path}").status_code for path in ("checkpoint", "tile/0/000")] == [404, 404]


@pytest.mark.parametrize("size", [1, 32, 33])
def test_no_size_is_given_more_than_it_covers(shared_house: "House", size: int) -> None:
    folder = shared_house.context.ledger
    names = [TileName(level, 0, width) for level in (None, 0) for width in range(1, 35)]

    served = {name.path for name in names if _is_served(folder, name, size)}

    assert served <= {name.path for name in names if name.end <= size}
    assert {name.path for name in tile_names(size)} >= {path for path in served if path.endswith(f".p/{size}")}


def _is_served(folder: Path, name: TileName, size: int) -> bool:
    try:
        read_served(folder, name, size)
    except NotFound:
        return False
    return True
