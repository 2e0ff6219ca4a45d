"""What subjects of the sample service say of themselves: an age and a gender, by which nothing else is chosen."""

import json
from datetime import UTC, datetime

import numpy as np

from pseudonymisation.sources.sample.settings import SampleSettings
from pseudonymisation.sources.sample.subjects import Subject
from pseudonymisation.sources.wire import declaration_line

SAID = 0.98
"""The chance that a subject says it, for each of the two."""

SHARES = {
    "age": {
        "under-18": 0.05, "18-24": 0.18, "25-34": 0.3, "35-44": 0.22, "45-49": 0.09, "50-55": 0.08, "56-plus": 0.08,
    },
    "gender": {"female": 0.49, "male": 0.49, "nonbinary": 0.02},
}  # fmt: skip
_DAY_S = 86_400


def make_declarations(rng: np.random.Generator, settings: SampleSettings, subjects: list[Subject]) -> list[bytes]:
    """One line for each thing that a subject says, dated in the sixty days before the window, in order of time."""
    start = int(settings.until.timestamp()) - settings.days * _DAY_S
    said = []
    for attribute, shares in SHARES.items():
        groups = rng.choice(list(shares), size=len(subjects), p=list(shares.values()))
        at = start - rng.integers(1, 60 * _DAY_S, size=len(subjects))
        spoke = rng.random(len(subjects)) < SAID
        said += [
            (second, attribute, str(groups[place]), subjects[place])
            for place, second in enumerate(at.tolist())
            if spoke[place]
        ]
    said.sort(key=lambda each: each[0])
    return [
        declaration_line(
            f"said-{number}",
            json.dumps({"account_id": subject.account_id, "email": subject.email}, separators=(",", ":")),
            attribute,
            group,
            datetime.fromtimestamp(second, UTC),
        )
        for number, (second, attribute, group, subject) in enumerate(said)
    ]
