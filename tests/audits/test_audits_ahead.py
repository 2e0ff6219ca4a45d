"""What is made ahead comes out as if it were not."""

import gc
import threading
import time
import weakref
from collections.abc import Iterator
from functools import partial

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from audits.ahead import ahead, from_both_ends
from audits.bootstrap import Resampling, intervals_of
from audits.statistics import Cell, Smooth


class Thing:
    """Something whose life can be watched."""


def test_items_come_in_order_and_from_another_thread() -> None:
    makers: set[int] = set()

    def numbers() -> Iterator[int]:
        for number in range(5):
            makers.add(threading.get_ident())
            yield number

    assert list(ahead(numbers())) == [0, 1, 2, 3, 4]
    assert threading.get_ident() not in makers
    assert list(ahead([])) == []


def test_an_error_comes_where_its_item_would() -> None:
    def broken() -> Iterator[int]:
        yield 1
        msg = "no second"
        raise ValueError(msg)

    made = ahead(broken())

    assert next(made) == 1
    with pytest.raises(ValueError, match="no second"):
        next(made)


def test_no_more_than_two_items_are_alive() -> None:
    alive: list[weakref.ref[Thing]] = []

    def things() -> Iterator[Thing]:
        for _ in range(6):
            gc.collect()
            # One may be in use and one waits; this one is the next.
            assert sum(ref() is not None for ref in alive) <= 2
            thing = Thing()
            alive.append(weakref.ref(thing))
            yield thing
            del thing

    assert sum(1 for _ in ahead(things())) == 6


def test_an_item_that_is_false_is_an_item() -> None:
    assert list(ahead([0, None, ()])) == [0, None, ()]


def test_from_both_ends_each_is_made_once_and_comes_with_its_place() -> None:
    found = dict(from_both_ends([lambda number=number: number * number for number in range(9)]))

    assert found == {0: 0, 1: 1, 2: 4, 3: 9, 4: 16, 5: 25, 6: 36, 7: 49, 8: 64}
    assert list(from_both_ends([])) == []


def test_two_threads_make_at_once_and_neither_waits_for_what_is_not_taken() -> None:
    met = threading.Barrier(2, timeout=30)
    # Each of the outer ones waits for the other; then one thread makes all that is left while the other is held.
    released = threading.Event()

    def first() -> str:
        met.wait()
        assert released.wait(timeout=30)
        return "first"

    def last() -> str:
        met.wait()
        return "last"

    def second() -> str:
        released.set()
        return "second"

    assert dict(from_both_ends([first, second, last])) == {0: "first", 1: "second", 2: "last"}


def test_what_a_maker_raises_comes_out_and_no_further_maker_is_called() -> None:
    called: list[int] = []
    broken = threading.Event()

    def breaks() -> int:
        broken.set()
        msg = "not this one"
        raise ValueError(msg)

    def makes(number: int) -> int:
        called.append(number)
        assert broken.wait(timeout=30)
        time.sleep(0.05)
        return number

    with pytest.raises(ValueError, match="not this one"):
        list(from_both_ends([breaks, *(partial(makes, number) for number in range(50))]))

    assert len(called) < 50


def _threads() -> set[int]:
    """Threads of every library of linear algebra that is loaded."""
    return {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}


def test_intervals_are_worked_out_with_one_thread_each() -> None:
    seen: list[set[int]] = []

    def maker() -> tuple[Smooth, ...]:
        seen.append(_threads())
        return (Smooth(cells=(Cell(n=9, span=1.0),), channels=np.arange(9.0)[:, None], value_of=lambda means: means),)

    with threadpool_limits(limits=2, user_api="blas"):
        intervals_of([maker, maker], Resampling(replicates=20, seed=1), order=np.arange(9))
        after = _threads()

    assert (seen, after) == ([{1}, {1}], {2})
