"""Two cores for work that comes in steps: the next step is made while the last one is used."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


def ahead(items: Iterable[Item]) -> Iterator[Item]:
    """The items in their order, each made on a thread of its own while the one before it is used.

    At most two are alive at once; what making one raises is raised where that one is asked for.
    """
    source = iter(items)
    with ThreadPoolExecutor(max_workers=1) as pool:
        coming = pool.submit(_next, source)
        while found := coming.result():
            coming = pool.submit(_next, source)
            yield found[0]
            # Otherwise this frame would keep the item alive while the next two are.
            found = ()


def _next(source: Iterator[Item]) -> tuple[Item] | tuple[()]:
    for item in source:
        return (item,)
    return ()


def alternately(*sources: Iterable[Item]) -> Iterator[Item]:
    """One item of each source in turn, until all are exhausted."""
    left = [iter(source) for source in sources]
    while left:
        for source in tuple(left):
            for item in source:
                yield item
                break
            else:
                left.remove(source)
