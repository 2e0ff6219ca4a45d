"""The tree against the published vectors of the CT reference tree, against a peer, and against every small size."""

from functools import cache

import pymerkle
import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.errors import BrokenProof
from governance.ledger.merkle import (
    EMPTY_ROOT,
    consistency_path,
    inclusion_path,
    leaf_hash,
    root_from_inclusion,
    root_of,
    subtree_of,
    verify_consistency,
    verify_inclusion,
)
from governance.ledger.tiles import GrowingTiles

LARGEST = 64

# The reference tree of Certificate Transparency (merkletree tests of the CT project; leaves and roots in hex).
CT_LEAVES = [
    bytes.fromhex(leaf)
    for leaf in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
CT_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]

LEAVES = [leaf_hash(number.to_bytes(2)) for number in range(LARGEST)]
SUBTREE = subtree_of(LEAVES)
sizes = st.integers(1, LARGEST)


@cache
def root(size: int) -> bytes:
    return root_of(LEAVES[:size])


@pytest.mark.parametrize("size", range(9))
def test_roots_are_those_of_the_reference_tree(size: int) -> None:
    tree = GrowingTiles()
    for leaf in CT_LEAVES[:size]:
        tree.append(leaf_hash(leaf))

    assert root_of([leaf_hash(leaf) for leaf in CT_LEAVES[:size]]).hex() == CT_ROOTS[size]
    assert tree.root().hex() == CT_ROOTS[size]


def test_roots_agree_with_a_peer_at_every_size() -> None:
    peer, tree = pymerkle.InmemoryTree(algorithm="sha256"), GrowingTiles()

    for number in range(300):
        entry = number.to_bytes(2)
        peer.append_entry(entry)
        tree.append(leaf_hash(entry))

        assert tree.root() == peer.get_root()


def test_every_entry_of_every_small_tree_is_proved_at_its_index_and_no_other() -> None:
    for size in range(1, LARGEST + 1):
        for index in range(size):
            path = inclusion_path(index, size, SUBTREE)
            verify_inclusion(index, size, LEAVES[index], path, root(size))
            for other in range(size):
                if other != index:
                    with pytest.raises(BrokenProof):
                        verify_inclusion(other, size, LEAVES[index], path, root(size))


def test_every_small_tree_is_proved_to_begin_with_every_smaller_one() -> None:
    for size in range(1, LARGEST + 1):
        for old in range(1, size + 1):
            path = consistency_path(old, size, SUBTREE)
            verify_consistency(old, size, root(old), root(size), path)
            if old < size:
                with pytest.raises(BrokenProof):
                    verify_consistency(old, size, root(size), root(old), path)
                with pytest.raises(BrokenProof):
                    verify_consistency(old + 1, size, root(old), root(size), path)


@given(sizes, st.data())
def test_an_inclusion_path_with_any_bit_flipped_is_refused(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    path = inclusion_path(index, size, SUBTREE)
    parts = [LEAVES[index], root(size), *path]
    place, bit = data.draw(st.integers(0, len(parts) - 1)), data.draw(st.integers(0, 255))
    parts[place] = (int.from_bytes(parts[place]) ^ (1 << bit)).to_bytes(32)

    with pytest.raises(BrokenProof):
        verify_inclusion(index, size, parts[0], parts[2:], parts[1])


@given(sizes, st.data())
def test_a_consistency_path_with_any_bit_flipped_is_refused(size: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, size))
    parts = [root(old), root(size), *consistency_path(old, size, SUBTREE)]
    place, bit = data.draw(st.integers(0, len(parts) - 1)), data.draw(st.integers(0, 255))
    parts[place] = (int.from_bytes(parts[place]) ^ (1 << bit)).to_bytes(32)

    with pytest.raises(BrokenProof):
        verify_consistency(old, size, parts[0], parts[1], parts[2:])


def test_a_path_that_is_cut_or_padded_is_refused() -> None:
    for size in range(2, LARGEST + 1):
        for index in range(size):
            path = inclusion_path(index, size, SUBTREE)
            for wrong in (path[1:], path[:-1], [*path, EMPTY_ROOT], [EMPTY_ROOT, *path]):
                with pytest.raises(BrokenProof):
                    verify_inclusion(index, size, LEAVES[index], wrong, root(size))
        for old in range(1, size):
            path = consistency_path(old, size, SUBTREE)
            for wrong in (path[1:], path[:-1], [*path, EMPTY_ROOT], [EMPTY_ROOT, *path]):
                with pytest.raises(BrokenProof):
                    verify_consistency(old, size, root(old), root(size), wrong)


def test_the_empty_tree_begins_every_tree_and_needs_no_path() -> None:
    verify_consistency(0, 5, EMPTY_ROOT, root(5), [])

    with pytest.raises(BrokenProof, match="want an empty path"):
        verify_consistency(0, 5, EMPTY_ROOT, root(5), [root(1)])
    with pytest.raises(BrokenProof, match="want an empty path"):
        verify_consistency(0, 5, root(1), root(5), [])


def test_equal_sizes_want_equal_roots_and_no_path() -> None:
    verify_consistency(5, 5, root(5), root(5), [])

    with pytest.raises(BrokenProof, match="want an empty path"):
        verify_consistency(5, 5, root(4), root(5), [])


@pytest.mark.parametrize("wrong", [b"", bytes(31), bytes(33), bytes(64)])
def test_a_hash_of_another_length_is_refused_before_anything_is_hashed(wrong: bytes) -> None:
    with pytest.raises(BrokenProof, match="expected a hash of 32 bytes"):
        root_from_inclusion(0, 2, LEAVES[0], [wrong])
    with pytest.raises(BrokenProof, match="expected a hash of 32 bytes"):
        root_from_inclusion(0, 2, wrong, [LEAVES[1]])
    with pytest.raises(BrokenProof, match="expected a hash of 32 bytes"):
        verify_inclusion(0, 1, LEAVES[0], [], wrong)
    with pytest.raises(BrokenProof, match="expected a hash of 32 bytes"):
        verify_consistency(1, 2, wrong, root(2), [LEAVES[1]])


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_an_index_outside_the_tree_has_no_path(index: int, size: int) -> None:
    with pytest.raises(BrokenProof, match="is outside a tree"):
        inclusion_path(index, size, SUBTREE)
    with pytest.raises(BrokenProof, match="is outside a tree"):
        root_from_inclusion(index, size, LEAVES[0], [])


@pytest.mark.parametrize(("old", "size"), [(0, 3), (4, 3), (-1, 3)])
def test_a_larger_tree_is_not_consistent_with_a_smaller_one(old: int, size: int) -> None:
    with pytest.raises(BrokenProof, match="expected an old size between"):
        consistency_path(old, size, SUBTREE)
    if old:
        with pytest.raises(BrokenProof, match="expected an old size between"):
            verify_consistency(old, size, root(1), root(3), [])
