"""Artefacts that cannot be written to: a digest was checked once, and what is served is still what it was over.

A frozen dataclass refuses another array in a field and says nothing of what is in the array. So every array becomes one
that refuses to be written to, and every mapping one that takes no key. Whoever made them may go on writing to theirs:
what could be written to by anybody is copied, and what could not, as the arrays of a folder that was read, is not.
That keeps mistakes out, and whoever shares a variable; code that is meant to get round it can, as anywhere in Python.
"""

from collections.abc import Mapping
from dataclasses import Field, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


class Immutable:
    """Base of a frozen dataclass whose arrays and mappings are fixed once it is made.

    A subclass with a ``__post_init__`` of its own calls ``_fix`` in it.

    Guarantees:
        - so is what ``copy``, ``pickle`` and ``dataclasses.replace`` make of it
    """

    __slots__ = ()

    def __post_init__(self) -> None:
        self._fix()

    def _fix(self) -> None:
        for field in _fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                object.__setattr__(self, field.name, fixed(value))
            elif isinstance(value, Mapping):
                object.__setattr__(self, field.name, MappingProxyType(fixed_values(value)))

    def __reduce__(self) -> tuple[Any, ...]:
        """Made anew from its fields, so that ``_fix`` is called again: bytes do not say what may be written to."""
        rest = {field.name: _plain(getattr(self, field.name)) for field in _fields(self)}
        made = {field.name: rest.pop(field.name) for field in _fields(self) if field.init}
        return _made_again, (type(self), made, rest)


def _fields(artefact: Immutable) -> tuple[Field[Any], ...]:
    return fields(artefact)  # type: ignore[arg-type]  # each subclass is a dataclass


def fixed(array: np.ndarray) -> np.ndarray:
    """The same numbers in an array that nobody can write to: itself where that holds already, else a copy."""
    if not _may_be_written_to(array):
        return array
    copy = array.copy(order="K")
    copy.setflags(write=False)
    return copy


def fixed_sparse(matrix: "csr_matrix | None") -> "csr_matrix | None":
    """The same of a sparse matrix, whose numbers and places are fixed."""
    if matrix is None:
        return None
    return type(matrix)(tuple(map(fixed, (matrix.data, matrix.indices, matrix.indptr))), shape=matrix.shape)


def fixed_values(mapping: Mapping[Any, Any]) -> dict[Any, Any]:
    """A copy of a mapping whose arrays are fixed."""
    return {key: fixed(value) if isinstance(value, np.ndarray) else value for key, value in mapping.items()}


def _may_be_written_to(array: np.ndarray) -> bool:
    """Whether it, or what it is a view of, takes other numbers."""
    if array.flags.writeable:
        return True
    below: object = array.base
    if below is None or isinstance(below, bytes):
        return False
    return _may_be_written_to(below) if isinstance(below, np.ndarray) else True


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, MappingProxyType) else value  # which no pickle takes


def _made_again(kind: type, made: Mapping[str, Any], rest: Mapping[str, Any]) -> object:
    artefact = kind(**made)
    for name, value in rest.items():
        object.__setattr__(artefact, name, value)
    return artefact
