"""Two cores for work that comes in steps: the next step is made while the last one is used, or two at once."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from queue import SimpleQueue
from typing import TypeVar

from threadpoolctl import threadpool_limits

Item = TypeVar("Item")


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Linear algebra stays on the thread that asks for it.

    Two threads that each call a library of two threads wait for each other in loops that use the processor: a third of
    an audit's time went there. What a product comes to does not hang on the number of cores either. Of two threads
    inside at once the first decides, and the second has its number of threads back when the first has left.
    """
    with threadpool_limits(limits=1, user_api="blas"):
        yield


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


def from_both_ends(makers: Sequence[Callable[[], Item]]) -> Iterator[tuple[int, Item]]:
    """What each maker makes, with the maker's place, in whatever order they are done.

    Two threads make: one from the first on, the other from the last back, until they meet. So neighbours, which share
    what one of them computed, are seldom made at once, and neither thread waits for the other at the end. What is made
    waits to be taken, so it should be small. What a maker raises is raised here, and the makers left are not called.
    """
    left = deque(enumerate(makers))
    done: SimpleQueue[tuple[int, Item] | Exception] = SimpleQueue()

    def work(take: Callable[[], tuple[int, Callable[[], Item]]]) -> None:
        while left:
            try:
                place, make = take()
            except IndexError:  # the other thread took the last one
                return
            try:
                done.put((place, make()))
            except Exception as cause:  # noqa: BLE001 - raised where what was made is taken
                done.put(cause)

    with ThreadPoolExecutor(max_workers=2) as pool:
        try:
            for take in (left.popleft, left.pop):
                pool.submit(work, take)
            for _ in makers:
                found = done.get()
                if isinstance(found, Exception):
                    raise found
                yield found
        finally:
            left.clear()
