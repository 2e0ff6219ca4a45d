"""Anybody's scores with what is known beside them, and the subjects that are kept aside to measure on.

Who is kept aside depends on a hash of the key alone, so it is the same for every method and setting.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import pyarrow as pa

from audits.bootstrap import Resampling
from audits.configuration import AuditConfig
from audits.errors import InvalidConfig
from audits.groupings import ABSENT, UNNAMED, groupings_from
from audits.mitigation.held_out import ACTIVITY, HeldOut, activity_tiers
from audits.scores import ScoreMatrix
from audits.tables import Membership, codes
from governance.policy.loader import Loaded
from governance.policy.rules import FairnessPolicy, attention_of
from recommender.price_file import Unit

Progress = Callable[[int, int], None]
Ints = np.ndarray

SALT = b"probity/mitigation/held-out/v1"
HELD_OUT_SHARE = 0.3
FEWEST_SUBJECTS = 10
"""A report needs as many, and a fit too."""

NOT_RANDOM = "Held-out choices come from what subjects were shown before, so ranking quality is conditional on that."
AS_SCORED = "Utility is what the model's own scores say a list is worth; whether subjects agree, only they can show."


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Told:
    """What else is known about the subjects, for the report.

    Attributes:
        groups: ``subject``, ``group`` and optionally ``attribute``.
        history: ``subject``, ``item``: how active subjects were, unless groups say that.
        relevance: ``subject``, ``item``: what they went on to choose.
    """

    groups: pa.Table | None = None
    history: pa.Table | None = None
    relevance: pa.Table | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scored:
    """Everything a mitigation of scores is made from.

    Attributes:
        scores: over the whole catalogue.
        membership: categories of its items.
        policy: how long lists are, how they are looked at, and what should hold.
        inputs: SHA-256 of what was read, by name.
        unit: what scores are in.
        told: what else is known.
        held_out_share: part of the subjects to keep aside.
    """

    scores: ScoreMatrix
    membership: Membership
    policy: Loaded[FairnessPolicy]
    inputs: Mapping[str, str]
    unit: Unit
    told: Told
    held_out_share: float = HELD_OUT_SHARE

    @property
    def attention(self) -> np.ndarray:
        """Weight of each rank, (k,)."""
        rules = self.policy.value
        weights: np.ndarray = attention_of(rules.attention).weights(rules.list_length)
        return weights


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Divided:
    """Subjects to fit on, those kept aside, and these once more with what is known of them."""

    on: ScoreMatrix
    aside: ScoreMatrix
    held_out: HeldOut


def divided(scored: Scored) -> Divided:
    """Whom to fit on and whom to measure on.

    Raises:
        InvalidConfig: see ``split``.
    """
    fitted, aside = split(scored.scores.subjects, scored.held_out_share)
    on, apart = scored.scores.rows(fitted), scored.scores.rows(aside)
    return Divided(on=on, aside=apart, held_out=_described(apart, scored.told, on.subjects))


def resampling_of(policy: FairnessPolicy) -> Resampling:
    """How the policy has subjects resampled."""
    return Resampling(replicates=policy.replicates, seed=policy.seed, level=policy.confidence, min_subjects=10)


def caveats(*, quality: bool) -> tuple[str, ...]:
    """What limits the figures of a report."""
    return (AS_SCORED, NOT_RANDOM) if quality else (AS_SCORED,)


def split(subjects: Sequence[str], held_out_share: float) -> tuple[Ints, Ints]:
    """Places of the subjects to fit on and of those kept aside; who is who depends on the keys alone.

    Raises:
        InvalidConfig: fewer than ten on either side, or a share that is none.
    """
    if not 0.0 < held_out_share < 1.0:
        msg = f"held-out share: expected a number between 0 and 1, got {held_out_share:g}"
        raise InvalidConfig(msg)
    drawn = [int.from_bytes(sha256(SALT + subject.encode()).digest()[:8], "big") for subject in subjects]
    aside = np.array(drawn, dtype=np.uint64) < np.uint64(int(held_out_share * 2**64))
    fitted, kept_aside = np.flatnonzero(~aside), np.flatnonzero(aside)
    if min(fitted.size, kept_aside.size) < FEWEST_SUBJECTS:
        expected = f"at least {FEWEST_SUBJECTS} subjects to fit on and as many to measure on"
        msg = f"mitigation: expected {expected}, got {fitted.size} and {kept_aside.size}"
        raise InvalidConfig(msg)
    return fitted, kept_aside


def _described(scores: ScoreMatrix, told: Told, fitted_on: Sequence[str]) -> HeldOut:
    groups = named_groups(told.groups, scores.subjects)
    targets = None
    if told.history is not None and ACTIVITY not in groups:
        row = codes(told.history["subject"], scores.subjects)
        counts = np.bincount(row[row >= 0], minlength=len(scores.subjects))
        groups[ACTIVITY] = activity_tiers(counts)
    if told.relevance is not None:
        targets = np.zeros(scores.scores.shape, dtype=bool)
        row, column = (codes(told.relevance[name], getattr(scores, f"{name}s")) for name in ("subject", "item"))
        known = (row >= 0) & (column >= 0)
        targets[row[known], column[known]] = True
    return HeldOut(
        subjects=scores.subjects,
        scores=scores.scores,
        excluded=scores.excluded,
        groups=groups,
        targets=targets,
        fitted_on=fitted_on,
    )


def named_groups(table: pa.Table | None, subjects: Sequence[str]) -> dict[str, Sequence[str]]:
    """Each subject's group by what divides them, empty for one without; small groups are merged as audits do it."""
    config = AuditConfig(seed=0, model_digest="", min_subjects=FEWEST_SUBJECTS)
    return {
        grouping.attribute or UNNAMED: tuple(
            "" if code == ABSENT else grouping.groups[code] for code in grouping.codes.tolist()
        )
        for grouping in groupings_from(table, None, subjects, config)
    }
