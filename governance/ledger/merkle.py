"""The Merkle tree of RFC 6962 section 2.1: hashes, roots, proofs and their verifiers. Bytes in, bytes out.

The tree is never held in memory: proofs are built from a function that gives the hash of a range of leaves, and roots
from a `Frontier` that keeps one hash per set bit of the size.
"""

from collections.abc import Callable, Sequence
from hashlib import sha256

from governance.errors import BrokenProof

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()

Subtree = Callable[[int, int], bytes]
"""``subtree(begin, end)`` is the root over the leaves ``begin <= i < end``, with ``begin < end``."""


def leaf_hash(entry: bytes) -> bytes:
    """SHA-256(0x00 || entry), RFC 6962 section 2.1."""
    return sha256(b"\x00" + entry).digest()


def leaf_hashes(entries: Sequence[bytes]) -> list[bytes]:
    """The leaf hash of each entry."""
    return [sha256(b"\x00" + entry).digest() for entry in entries]


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right), RFC 6962 section 2.1."""
    return sha256(b"\x01" + left + right).digest()


def root_of(leaf_hashes: Sequence[bytes]) -> bytes:
    """The root over leaf hashes (or over equally high subtrees, of which the last may be lower)."""
    if not leaf_hashes:
        return EMPTY_ROOT
    row = list(leaf_hashes)
    while len(row) > 1:
        # An odd last node rises unchanged, which is the split at the largest power of two written from below.
        odd = row[-1:] if len(row) % 2 else []
        joined = b"".join(row)
        # `node_hash` written out: over a million entries its call costs as much as its hash.
        row = [sha256(b"\x01" + joined[i : i + 64]).digest() for i in range(0, len(joined) - 63, 64)] + odd
    return row[0]


def subtree_of(leaf_hashes: Sequence[bytes]) -> Subtree:
    """The `Subtree` of leaf hashes held in memory."""
    return lambda begin, end: root_of(leaf_hashes[begin:end])


def inclusion_path(index: int, size: int, subtree: Subtree) -> list[bytes]:
    """PATH(index, D[size]) of RFC 6962 section 2.1.1, the leaf's sibling first.

    Raises:
        BrokenProof: ``index`` is outside the tree.
    """
    _require_inside(index, size)
    path: list[bytes] = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            path.append(subtree(middle, end))
            end = middle
        else:
            path.append(subtree(begin, middle))
            begin = middle
    return path[::-1]


def consistency_path(old_size: int, size: int, subtree: Subtree) -> list[bytes]:
    """PROOF(old_size, D[size]) of RFC 6962 section 2.1.2; empty when the sizes are equal.

    Raises:
        BrokenProof: unless ``0 < old_size <= size``.
    """
    if not 0 < old_size <= size:
        msg = f"expected an old size between 1 and {size}, got {old_size}"
        raise BrokenProof(msg)
    path: list[bytes] = []
    begin, end = 0, size
    while old_size < end:
        middle = begin + _split(end - begin)
        if old_size <= middle:
            path.append(subtree(middle, end))
            end = middle
        else:
            path.append(subtree(begin, middle))
            begin = middle
    if begin > 0:
        # The old root is no node of the new tree, so its last part has to be shown.
        path.append(subtree(begin, end))
    return path[::-1]


def root_from_inclusion(index: int, size: int, leaf: bytes, path: Sequence[bytes]) -> bytes:
    """The root that follows from an inclusion path (RFC 9162 section 2.1.3.2); the caller compares it.

    Raises:
        BrokenProof: a hash is not 32 bytes, the index is outside, or the path has the wrong length.
    """
    _require_hashes(leaf, *path)
    _require_inside(index, size)
    first, last, root = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            msg = f"inclusion path too long: {len(path)} hashes for index {index} of {size}"
            raise BrokenProof(msg)
        if first & 1 or first == last:
            root = node_hash(sibling, root)
            while first and not first & 1:
                first, last = first >> 1, last >> 1
        else:
            root = node_hash(root, sibling)
        first, last = first >> 1, last >> 1
    if last:
        msg = f"inclusion path too short: {len(path)} hashes for index {index} of {size}"
        raise BrokenProof(msg)
    return root


def verify_inclusion(index: int, size: int, leaf: bytes, path: Sequence[bytes], root: bytes) -> None:
    """Raise `BrokenProof` unless ``leaf`` is at ``index`` in the tree of ``size`` leaves with this ``root``."""
    _require_hashes(root)
    if root_from_inclusion(index, size, leaf, path) != root:
        msg = f"entry {index} is not in the tree of {size} with root {root.hex()}"
        raise BrokenProof(msg)


def verify_consistency(old_size: int, size: int, old_root: bytes, root: bytes, path: Sequence[bytes]) -> None:
    """Raise `BrokenProof` unless the tree of ``size`` begins with the tree of ``old_size`` (RFC 9162 section 2.1.4.2).

    An old size of 0 begins every tree, given the empty tree's root and an empty path.
    """
    _require_hashes(old_root, root, *path)
    if not 0 <= old_size <= size:
        msg = f"expected an old size between 0 and {size}, got {old_size}"
        raise BrokenProof(msg)
    if old_size in {0, size}:
        expected = EMPTY_ROOT if old_size == 0 else root
        if path or old_root != expected:
            msg = f"sizes {old_size} and {size} want an empty path and root {expected.hex()}, got {old_root.hex()}"
            raise BrokenProof(msg)
        return
    if _roots_from_consistency(old_size, size, old_root, path) != (old_root, root):
        msg = f"the tree of {size} does not begin with the tree of {old_size}"
        raise BrokenProof(msg)


def _roots_from_consistency(old_size: int, size: int, old_root: bytes, path: Sequence[bytes]) -> tuple[bytes, bytes]:
    steps = [old_root, *path] if old_size & (old_size - 1) == 0 else list(path)
    if not path:
        msg = f"consistency path from {old_size} to {size} is empty"
        raise BrokenProof(msg)
    first, last = old_size - 1, size - 1
    while first & 1:
        first, last = first >> 1, last >> 1
    old, new = steps[0], steps[0]
    for step in steps[1:]:
        if last == 0:
            msg = f"consistency path from {old_size} to {size} too long: {len(path)} hashes"
            raise BrokenProof(msg)
        if first & 1 or first == last:
            old, new = node_hash(step, old), node_hash(step, new)
            while first and not first & 1:
                first, last = first >> 1, last >> 1
        else:
            new = node_hash(new, step)
        first, last = first >> 1, last >> 1
    if last:
        msg = f"consistency path from {old_size} to {size} too short: {len(path)} hashes"
        raise BrokenProof(msg)
    return old, new


def _split(size: int) -> int:
    """The largest power of two strictly below ``size``."""
    return 1 << ((size - 1).bit_length() - 1)


def _require_inside(index: int, size: int) -> None:
    if not 0 <= index < size:
        msg = f"index {index} is outside a tree of {size}"
        raise BrokenProof(msg)


def _require_hashes(*hashes: bytes) -> None:
    for value in hashes:
        if len(value) != HASH_BYTES:
            msg = f"expected a hash of {HASH_BYTES} bytes, got {len(value)}"
            raise BrokenProof(msg)
