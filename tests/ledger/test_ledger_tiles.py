"""Paths and bytes of tiles, by the format's own examples; growth and resumption against the plain definition."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.errors import BrokenProof, InvalidInput
from governance.ledger.merkle import (
    consistency_path,
    inclusion_path,
    leaf_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from governance.ledger.tiles import (
    GrowingTiles,
    Tile,
    TileName,
    decode_bundle,
    decode_tile,
    encode_bundle,
    encode_tile,
    parse_path,
    resume,
    subtree_from_tiles,
    tile_names,
)

LARGEST = 70_000
LEAVES = [leaf_hash(number.to_bytes(4)) for number in range(LARGEST)]


def grow(size: int, tree: GrowingTiles | None = None) -> tuple[GrowingTiles, dict[TileName, list[bytes]]]:
    tree = tree or GrowingTiles()
    tiles: list[Tile] = []
    for leaf in LEAVES[tree.size : size]:
        tiles += tree.append(leaf)
    return tree, {tile.name: list(tile.hashes) for tile in tiles + tree.partials()}


@pytest.mark.parametrize(
    ("name", "path"),
    [
        (TileName(0, 0), "tile/0/000"),
        (TileName(0, 5), "tile/0/005"),
        (TileName(1, 1000), "tile/1/x001/000"),
        (TileName(0, 1234067), "tile/0/x001/x234/067"),
        (TileName(63, 999_999_999, 255), "tile/63/x999/x999/999.p/255"),
        (TileName(None, 273, 112), "tile/entries/273.p/112"),
        (TileName(None, 0, 1), "tile/entries/000.p/1"),
    ],
)
def test_a_tile_lies_where_the_format_says(name: TileName, path: str) -> None:
    assert name.path == path
    assert parse_path(path) == name


@given(st.one_of(st.none(), st.integers(0, 63)), st.integers(0, 2**55), st.integers(1, 256))
def test_a_path_is_read_as_it_was_written(level: int | None, index: int, width: int) -> None:
    name = TileName(level, index, width)

    assert parse_path(name.path) == name


@pytest.mark.parametrize(
    "path",
    [
        "",
        "checkpoint",
        "tile/0/0",
        "tile/0/0000",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/0/x000/005",
        "tile/0/x01/005",
        "tile/0/001/005",
        "tile/0/x001/x005",
        "tile/0/005.p/0",
        "tile/0/005.p/256",
        "tile/0/005.p/300",
        "tile/0/005.p/01",
        "tile/0/005.p",
        "tile/entry/005",
        "tile/0/../0/005",
        "/tile/0/005",
        "tile/0/005\n",
    ],
)
def test_another_path_is_refused(path: str) -> None:
    with pytest.raises(InvalidInput, match="expected the path of a tile"):
        parse_path(path)


def test_the_tiles_of_two_sizes_are_those_of_the_format() -> None:
    assert [name.path for name in tile_names(256)] == ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"]
    hashes = [name.path for name in tile_names(70_000) if name.level is not None]
    assert len(hashes) == 273 + 1 + 2 + 1
    assert hashes[273:] == ["tile/0/273.p/112", "tile/1/000", "tile/1/001.p/17", "tile/2/000.p/1"]
    assert tile_names(0) == []


def test_a_bundle_is_written_as_the_format_says() -> None:
    assert encode_bundle([b"a", b"bc"]) == bytes.fromhex("0001610002" + "6263")
    assert decode_bundle(TileName(None, 0, 2), bytes.fromhex("00016100026263")) == [b"a", b"bc"]


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=256))
def test_a_bundle_is_read_as_it_was_written(entries: list[bytes]) -> None:
    assert decode_bundle(TileName(None, 0, len(entries)), encode_bundle(entries)) == entries


@pytest.mark.parametrize(
    "data",
    ["", "00", "0001", "000161", "00016100026263" + "0000", "0001610002626300", "000161000262", "0001610003" + "6263"],
)
def test_a_bundle_of_other_entries_is_refused_by_name(data: str) -> None:
    with pytest.raises(BrokenProof, match=r"tile/entries/000\.p/2: expected 2 entries"):
        decode_bundle(TileName(None, 0, 2), bytes.fromhex(data))


def test_an_entry_too_long_for_its_length_is_not_bundled() -> None:
    assert len(encode_bundle([bytes(65_535)])) == 65_537
    with pytest.raises(InvalidInput, match="at most 65535 bytes, got 65536"):
        encode_bundle([bytes(65_536)])


@pytest.mark.parametrize("length", [0, 31, 32, 63, 65, 96])
def test_a_tile_of_another_length_is_refused_by_name(length: int) -> None:
    with pytest.raises(BrokenProof, match=r"tile/3/001\.p/2: expected 64 bytes, got"):
        decode_tile(TileName(3, 1, 2), bytes(length))


def test_growing_gives_exactly_the_tiles_of_the_size_with_the_hashes_of_the_definition() -> None:
    tree, tiles = grow(LARGEST)

    assert sorted(name.path for name in tiles) == sorted(n.path for n in tile_names(LARGEST) if n.level is not None)
    assert tree.root() == root_of(LEAVES)
    assert tiles[TileName(0, 7)] == LEAVES[7 * 256 : 8 * 256]
    assert tiles[TileName(1, 0)][9] == root_of(LEAVES[9 * 256 : 10 * 256])
    assert tiles[TileName(1, 1, 17)][16] == root_of(LEAVES[272 * 256 : 273 * 256])
    assert tiles[TileName(2, 0, 1)] == [root_of(LEAVES[:65_536])]
    assert decode_tile(TileName(0, 7), encode_tile(tiles[TileName(0, 7)])) == tiles[TileName(0, 7)]


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 511, 512, 1000])
def test_the_root_of_a_growing_tree_is_that_of_the_definition(size: int) -> None:
    assert grow(size)[0].root() == root_of(LEAVES[:size])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1500), st.integers(0, 1500))
def test_a_tree_resumed_from_its_tiles_goes_on_as_if_never_left(one: int, other: int) -> None:
    before, after = sorted((one, other))
    _, tiles = grow(before)

    tree, _ = grow(after, resume(before, tiles.__getitem__))

    assert tree.root() == root_of(LEAVES[:after])
    assert tree.partials() == grow(after)[0].partials()


@pytest.fixture(scope="module")
def large_tiles() -> dict[TileName, list[bytes]]:
    return grow(LARGEST)[1]


@pytest.mark.parametrize("index", [0, 255, 256, 65_535, 65_536, 69_887, 69_888, 69_999])
def test_inclusion_is_proved_from_tiles(index: int, large_tiles: dict[TileName, list[bytes]]) -> None:
    path = inclusion_path(index, LARGEST, subtree_from_tiles(LARGEST, large_tiles.__getitem__))

    verify_inclusion(index, LARGEST, LEAVES[index], path, root_of(LEAVES))


@pytest.mark.parametrize("old", [1, 255, 256, 300, 65_535, 65_536, 65_537, 69_888, 69_999, 70_000])
def test_consistency_is_proved_from_tiles(old: int, large_tiles: dict[TileName, list[bytes]]) -> None:
    path = consistency_path(old, LARGEST, subtree_from_tiles(LARGEST, large_tiles.__getitem__))

    verify_consistency(old, LARGEST, root_of(LEAVES[:old]), root_of(LEAVES), path)


@settings(max_examples=30)
@given(st.lists(st.integers(0, 700), min_size=1, max_size=5))
def test_many_leaves_at_once_grow_the_tree_that_one_by_one_grow(runs: list[int]) -> None:
    leaves = LEAVES[: sum(runs)]
    at_once, one_by_one = GrowingTiles(), GrowingTiles()

    for run in runs:
        begin = at_once.size
        filled = at_once.extend(leaves[begin : begin + run])

        assert filled == [tile for leaf in leaves[begin : begin + run] for tile in one_by_one.append(leaf)]
        assert (at_once.size, at_once.root(), at_once.partials()) == (
            one_by_one.size,
            one_by_one.root(),
            one_by_one.partials(),
        )


def test_a_bundle_of_a_million_empty_entries_is_refused_after_its_width() -> None:
    with pytest.raises(BrokenProof, match="expected 256 entries and no byte more, got 256 that end at byte 512"):
        decode_bundle(TileName(None, 0), bytes(2_000_000))
