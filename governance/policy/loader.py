"""YAML → frozen dataclasses, strictly.

A policy file is read once, checked against the type it should have, and refused as a whole when anything is unknown,
missing, of another type or impossible. The message begins with ``file:line``. The digest of a policy is the SHA-256 of
the file's bytes, so that an auditor can recompute it with ``sha256sum``.
"""

import dataclasses
import hashlib
import re
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, Generic, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import yaml

from governance.errors import PolicyError

P = TypeVar("P")

_BOOLEAN = "tag:yaml.org,2002:bool"


class _PlainWords(yaml.SafeLoader):
    """YAML's safe loader, with the booleans of YAML 1.2: true and false.

    YAML 1.1 reads on, off, yes and no as booleans too: ``level: off`` would be no word, and Norway's ``no`` false.
    """


_PlainWords.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _BOOLEAN]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_PlainWords.add_implicit_resolver(_BOOLEAN, re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))

LINE: typing.Final = types.MappingProxyType({"filled with": "line"})
"""Metadata of a field that no file gives: it is filled with the line on which the mapping begins."""


@dataclass(frozen=True)
class Loaded(Generic[P]):
    """A policy with the file it came from and the SHA-256 (hex) of that file's bytes."""

    value: P
    name: str
    digest: str
    text: str


def load(path: Path, policy: type[P]) -> Loaded[P]:
    """Read one policy file.

    Raises:
        PolicyError: the file is missing, is no YAML, has an unknown or doubled key, lacks one, or has an impossible
        value;
            the message begins with file and line.
    """
    try:
        content = path.read_bytes()
    except OSError as cause:
        msg = f"{path}: cannot be read ({cause.strerror})"
        raise PolicyError(msg) from cause
    return parse(content, path, policy)


def parse(content: bytes, path: PurePath, policy: type[P]) -> Loaded[P]:
    """Read a policy from the bytes of its file; ``path`` is what the messages begin with.

    Raises:
        PolicyError: as `load`.
    """
    try:
        text = content.decode()  # as it is: a text with its line ends rewritten has another digest
        root = yaml.compose(text, Loader=_PlainWords)
    except UnicodeDecodeError as cause:
        msg = f"{path}: expected UTF-8, found another byte at offset {cause.start}"
        raise PolicyError(msg) from cause
    except RecursionError as cause:
        msg = f"{path}:1: not valid YAML (nested too deeply)"
        raise PolicyError(msg) from cause
    except yaml.YAMLError as cause:
        mark = getattr(cause, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        msg = f"{path}:{line}: not valid YAML ({getattr(cause, 'problem', 'unreadable')})"
        raise PolicyError(msg) from cause
    if root is None:
        msg = f"{path}:1: expected keys of {policy.__name__}, the file is empty"
        raise PolicyError(msg)
    value = _Reader(path).build(root, policy, "")
    return Loaded(value, path.name, hashlib.sha256(text.encode()).hexdigest(), text)


@dataclass(frozen=True)
class _Reader:
    path: PurePath

    def build(self, node: yaml.Node, kind: Any, key: str) -> Any:  # noqa: ANN401 - a type read from hints at run time
        """The value of ``node`` as ``kind``; ``key`` is the dotted place for messages."""
        if dataclasses.is_dataclass(kind):
            return self._dataclass(node, typing.cast("type[Any]", kind), key)
        origin, arguments = get_origin(kind), get_args(kind)
        if origin in (Union, types.UnionType):
            value = self._optional(node, kind, key) if type(None) in arguments else self._word_or(node, arguments, key)
        elif origin in (tuple, frozenset):
            children = enumerate(self._sequence(node, key))
            value = origin(self.build(child, arguments[0], f"{key}[{index}]") for index, child in children)
        elif origin in (dict, Mapping):
            pairs = self._pairs(node, key)
            value = {name: self.build(child, arguments[1], f"{key}.{name}") for name, child in pairs}
        elif origin is Literal:
            value = self._literal(node, arguments, key)
        else:
            value = self._scalar(node, kind, key)
        return value

    def _dataclass(self, node: yaml.Node, kind: type[Any], key: str) -> Any:  # noqa: ANN401 - see build
        hints = get_type_hints(kind)
        filled = {field.name: node.start_mark.line + 1 for field in dataclasses.fields(kind) if field.metadata == LINE}
        fields = {field.name: field for field in dataclasses.fields(kind) if field.name not in filled}
        given = dict(self._pairs(node, key))
        for name, child in given.items():
            if name not in fields:
                raise self.error(
                    child, f"{key}.{name}".strip("."), f"one of {', '.join(sorted(fields))}", "an unknown key"
                )
        required = (n for n, f in fields.items() if f.default is f.default_factory is dataclasses.MISSING)
        missing = [name for name in required if name not in given]
        if missing:
            raise self.error(node, key or kind.__name__, f"the key {missing[0]!r}", "no such key")
        values = {name: self.build(child, hints[name], f"{key}.{name}".strip(".")) for name, child in given.items()}
        try:
            return kind(**values, **filled)
        except ValueError as cause:
            # The refusal of one field begins with its name: then the line is that field's, else the mapping's, unless
            # it says itself where what it refuses stands.
            culprit = given.get(str(cause).partition(" ")[0], node)
            line = getattr(cause, "line", None)
            raise self.error(culprit, key or kind.__name__, "a possible value", str(cause), line=line) from cause

    def _optional(self, node: yaml.Node, kind: Any, key: str) -> Any:  # noqa: ANN401 - see build
        if node.tag == "tag:yaml.org,2002:null":
            return None
        (inner,) = (arg for arg in get_args(kind) if arg is not type(None))
        return self.build(node, inner, key)

    def _word_or(self, node: yaml.Node, kinds: tuple[Any, ...], key: str) -> Any:  # noqa: ANN401 - see build
        """One of the words of a ``Literal``, or else a value of the one other kind."""
        (words,) = (get_args(kind) for kind in kinds if get_origin(kind) is Literal)
        (other,) = (kind for kind in kinds if get_origin(kind) is not Literal)
        if isinstance(node, yaml.ScalarNode) and node.value in words:
            return node.value
        try:
            return self.build(node, other, key)
        except PolicyError as cause:
            found = repr(node.value) if isinstance(node, yaml.ScalarNode) else _kind_of(node)
            expected = f"{', '.join(map(str, words))} or {other.__name__}"
            raise self.error(node, key, expected, found) from cause

    def _pairs(self, node: yaml.Node, key: str) -> list[tuple[str, yaml.Node]]:
        if not isinstance(node, yaml.MappingNode):
            raise self.error(node, key, "a mapping", _kind_of(node))
        pairs: dict[str, yaml.Node] = {}
        for name_node, child in node.value:
            name = str(name_node.value)
            if name in pairs:
                raise self.error(name_node, f"{key}.{name}".strip("."), "each key once", "the key a second time")
            pairs[name] = child
        return list(pairs.items())

    def _sequence(self, node: yaml.Node, key: str) -> list[yaml.Node]:
        if not isinstance(node, yaml.SequenceNode):
            raise self.error(node, key, "a list", _kind_of(node))
        return list(node.value)

    def _literal(self, node: yaml.Node, allowed: tuple[Any, ...], key: str) -> Any:  # noqa: ANN401 - see build
        value = self._constructed(node, key, "a word") if isinstance(node, yaml.ScalarNode) else None
        if value not in allowed:
            raise self.error(node, key, f"one of {', '.join(map(str, allowed))}", repr(value))
        return value

    def _scalar(self, node: yaml.Node, kind: Any, key: str) -> Any:  # noqa: ANN401 - see build
        if not isinstance(node, yaml.ScalarNode):
            raise self.error(node, key, kind.__name__, _kind_of(node))
        value = self._constructed(node, key, kind.__name__)
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if type(value) is not kind:
            raise self.error(node, key, kind.__name__, repr(value))
        return value

    def _constructed(self, node: yaml.ScalarNode, key: str, expected: str) -> Any:  # noqa: ANN401 - see build
        try:
            return _PlainWords("").construct_object(node)
        except ValueError as cause:  # 2026-02-30 looks like a date
            raise self.error(node, key, expected, repr(node.value)) from cause

    def error(self, node: yaml.Node, key: str, expected: str, got: str, *, line: int | None = None) -> PolicyError:
        """The refusal, with file and line first."""
        line = line or node.start_mark.line + 1
        return PolicyError(f"{self.path}:{line}: {key}: expected {expected}, got {got}")


def _kind_of(node: yaml.Node) -> str:
    names: dict[type[yaml.Node], str] = {yaml.SequenceNode: "a list", yaml.MappingNode: "a mapping"}
    return names.get(type(node), "a single value")
