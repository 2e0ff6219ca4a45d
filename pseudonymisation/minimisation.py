"""Which fields of which events are kept, for which purpose, and how precisely (GDPR Art. 5(1)(c), 25).

A policy of frozen dataclasses, which ``policies/minimisation.yaml`` fills, and the pure function that applies it to a
table. A field that no allowed purpose of its row needs becomes null and is counted.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pseudonymisation.declarations import Attribute, listed, require_attributes
from pseudonymisation.schema import DECLARATION, EVENT_KINDS, KIND_BY_NAME, EventKind
from pseudonymisation.vocabulary import public_words

Mask = npt.NDArray[np.bool_]
SHORTEST_LINE_LIMIT, LONGEST_LINE_LIMIT = 1024, 1 << 20
Action = Literal["keep", "drop", "truncate_time", "round", "vocabulary", "listed"]


@dataclass(frozen=True)
class FieldRule:
    """How one field is treated where a purpose needs it.

    ``truncate_time`` cuts to the start of ``unit``; ``round`` goes to the nearest multiple of ``to``; ``vocabulary``
    keeps only words that stand in the public catalogue, ``listed`` only those that the policy lists under
    ``attributes``; ``drop`` keeps the field for no purpose at all.
    """

    action: Action
    unit: Literal["minute", "hour", "day"] | None = None
    to: float | None = None

    def __post_init__(self) -> None:
        if (self.unit is not None) != (self.action == "truncate_time"):
            msg = f"unit with the action {self.action} (truncate_time, and only it, takes a unit)"
            raise ValueError(msg)
        if (self.to is not None) != (self.action == "round") or (self.to is not None and not self.to > 0):
            msg = f"to = {self.to} with the action {self.action} (round, and only it, takes a positive `to`)"
            raise ValueError(msg)


@dataclass(frozen=True)
class PurposeRule:
    """The events and fields that one purpose needs.

    An event of a kind that is not listed is not stored for this purpose. Whether the purpose needs consent follows
    from its legal basis in ``purposes.yaml``; the gateway asks for it through ``ConsentLookup``. With ``only_with``,
    nothing is stored for it of subjects who do not allow that other purpose, too.
    """

    events: Mapping[str, tuple[str, ...]]
    only_with: str | None = None


@dataclass(frozen=True)
class MinimisationPolicy:
    """What the gateway lets through."""

    future_skew_s: int
    """A sender's clock may be this far ahead of ours."""
    line_bytes: int
    """A longer line is refused without being read."""
    quarantine: Literal["drop", "encrypt"]
    """What happens to the text of rejected lines."""
    fields: Mapping[str, Mapping[str, FieldRule]]
    """By kind of event and field, ``at`` included."""
    purposes: Mapping[str, PurposeRule]
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    """What subjects may declare of themselves, by name; nothing else that they declare is kept."""

    def __post_init__(self) -> None:
        if self.future_skew_s < 0 or not SHORTEST_LINE_LIMIT <= self.line_bytes <= LONGEST_LINE_LIMIT:
            msg = f"future_skew_s below 0, or line_bytes outside {SHORTEST_LINE_LIMIT} to {LONGEST_LINE_LIMIT}"
            raise ValueError(msg)
        if set(self.fields) != set(KIND_BY_NAME):
            got, needed = ", ".join(sorted(self.fields)), ", ".join(KIND_BY_NAME)
            msg = f"fields for {got} (each of {needed} is needed, and no other)"
            raise ValueError(msg)
        for kind in EVENT_KINDS:
            _require_rules(kind, self.fields[kind.name])
        require_attributes(self.attributes)
        for slug, purpose in self.purposes.items():
            _require_needs(slug, purpose, self.fields)
            if purpose.only_with is not None and purpose.only_with not in set(self.purposes) - {slug}:
                msg = f"{slug} only_with {purpose.only_with}, which is no other purpose that stores events"
                raise ValueError(msg)

    def purposes_of(self, kind: str) -> tuple[str, ...]:
        """The purposes for which an event of this kind may be stored at all."""
        return tuple(slug for slug, purpose in self.purposes.items() if kind in purpose.events)


def _require_rules(kind: EventKind, rules: Mapping[str, FieldRule]) -> None:
    types = {"at": "time"} | {field.name: field.type for field in kind.fields}
    if set(rules) != set(types):
        msg = (
            f"rules of {kind.name} for {', '.join(sorted(rules))} (each of {', '.join(types)} needs one, and no other)"
        )
        raise ValueError(msg)
    # A word that is kept as it came would be free text.
    fitting = {
        "truncate_time": {"time"},
        "round": {"number", "whole"},
        "vocabulary": {"text"},
        "listed": {"word"},
        "keep": set(types.values()) - {"word"},
    }
    for name, rule in rules.items():
        if types[name] not in fitting.get(rule.action, set(types.values())) or (name, rule.action) == ("at", "drop"):
            msg = f"{kind.name}.{name}: the action {rule.action}, which does not fit this field"
            raise ValueError(msg)


def _require_needs(slug: str, purpose: PurposeRule, rules: Mapping[str, Mapping[str, FieldRule]]) -> None:
    for kind, names in purpose.events.items():
        for name in names:
            if kind not in rules or name not in rules[kind] or name == "at" or rules[kind][name].action == "drop":
                msg = f"{slug} needs {kind}.{name}, which is no field, or is dropped, or is `at`, which every row has"
                raise ValueError(msg)
        if kind in KIND_BY_NAME and KIND_BY_NAME[kind].entire and len(set(names)) < len(KIND_BY_NAME[kind].fields):
            msg = f"{slug} needs a part of {kind}, which says nothing without all of its fields"
            raise ValueError(msg)


def minimise(
    kind: EventKind,
    columns: Mapping[str, pa.Array],
    allowed: Mapping[str, Mask],
    policy: MinimisationPolicy,
    vocabulary: frozenset[str],
) -> tuple[dict[str, pa.Array], dict[str, int]]:
    """Apply the policy to the rows of one kind.

    Args:
        kind: the kind of all rows.
        columns: ``at`` and each field of the kind; equal lengths.
        allowed: for each purpose that stores this kind, which rows it may use.
        policy: the rules.
        vocabulary: the words of the public catalogue.

    Returns:
        The columns as they may be stored, and how many values were dropped, by ``kind.field``.

    Guarantees:
      - a value is kept only in rows where an allowed purpose lists its field
      - a kept value has gone through the action of its rule
    """
    rules, kept, dropped = policy.fields[kind.name], {}, {}
    if kind is DECLARATION:
        # Both fields at once: which groups there are depends on the attribute.
        columns = {**columns, **listed(columns, policy.attributes)}
    kept["at"] = _applied(rules["at"], columns["at"], vocabulary)
    for name in (each.name for each in kind.fields):
        values = columns[name]
        needed = np.zeros(len(values), dtype=np.bool_)
        for slug, mask in allowed.items():
            if name in policy.purposes[slug].events[kind.name]:
                needed |= mask
        wanted = pc.if_else(pa.array(needed), values, pa.scalar(None, values.type))
        kept[name] = _applied(rules[name], wanted, vocabulary)
        lost = kept[name].null_count - values.null_count
        if lost:
            dropped[f"{kind.name}.{name}"] = lost
    return kept, dropped


def _applied(rule: FieldRule, values: pa.Array, vocabulary: frozenset[str]) -> pa.Array:
    if rule.action == "truncate_time":
        return pc.floor_temporal(values, unit=rule.unit)
    if rule.action == "round":
        return pc.cast(pc.round_to_multiple(pc.cast(values, pa.float64()), rule.to), values.type, safe=False)
    if rule.action == "vocabulary":
        words = [None if text is None else public_words(text, vocabulary) or None for text in values.to_pylist()]
        return pa.array(words, values.type)
    if rule.action == "drop":
        return pa.nulls(len(values), values.type)
    return values
