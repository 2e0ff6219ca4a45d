"""Damaged lines, planted so that quarantine is seen to work. Each is a copy of a good line, so nothing good is lost."""

import re
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to be wrong: how many lines of it are planted, and how a good ``view`` line becomes one."""

    slug: str
    count: int
    damage: Callable[[bytes], bytes]


FAULTS = (
    Fault("malformed_json", 6, lambda line: line[: len(line) // 2]),
    Fault("unknown_kind", 6, lambda line: line.replace(b'"kind":"view"', b'"kind":"teleport"')),
    Fault("future_time", 6, lambda line: re.sub(rb'"at":"\d{4}', b'"at":"2999', line)),
    Fault("unknown_item", 6, lambda line: line.replace(b'"item":"title-', b'"item":"nowhere-')),
    Fault("duplicate_id", 6, lambda line: line),
    Fault("invalid_utf8", 5, lambda line: line.replace(b'"item":"title-', b'"item":"\xff\xfetitle-')),
    Fault("missing_field", 5, lambda line: re.sub(rb',"item":"[^"]*"', b"", line)),
)


def with_faults(lines: list[bytes]) -> list[bytes]:
    """The lines with every fault of ``FAULTS`` planted among them, evenly over the file, kinds in turn.

    A damaged line follows the good one it was made from, under an event id of its own; a duplicate keeps the id. The
    list must hold at least as many ``view`` lines as there are faults.
    """
    pending = [fault for turn in range(max(fault.count for fault in FAULTS)) for fault in FAULTS if turn < fault.count]
    views = [number for number, line in enumerate(lines) if b',"kind":"view",' in line]
    step = len(views) // len(pending)
    planted: list[bytes] = []
    taken = 0
    for number, fault in enumerate(pending):
        victim = views[number * step + step // 2]
        planted += lines[taken : victim + 1]
        planted.append(_damaged(lines[victim], fault, number))
        taken = victim + 1
    return planted + lines[taken:]


def _damaged(line: bytes, fault: Fault, number: int) -> bytes:
    if fault.slug != "duplicate_id":
        line = re.sub(rb'"event_id":"[^"]*"', b'"event_id":"fault-%d"' % number, line, count=1)
    return fault.damage(line)
