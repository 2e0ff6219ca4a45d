"""What is made ahead comes out as if it were not."""

import gc
import threading
import weakref
from collections.abc import Iterator

import pytest

from audits.ahead import ahead, alternately


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


def test_sources_take_turns_until_the_longest_ends() -> None:
    assert list(alternately([1, 2, 3], "a", [])) == [1, "a", 2, 3]
    assert list(alternately()) == []
