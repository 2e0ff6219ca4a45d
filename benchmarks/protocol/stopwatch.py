"""Seconds of the wall and of the processor, by step.

What else the machine does at the moment changes the first and hardly the second.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Times:
    """Seconds by step. ``processor`` adds up all threads of the process."""

    wall: Mapping[str, float] = field(default_factory=dict)
    processor: Mapping[str, float] = field(default_factory=dict)

    def __or__(self, other: "Times") -> "Times":
        return Times({**self.wall, **other.wall}, {**self.processor, **other.processor})


class Stopwatch:
    """Laps since it was made."""

    def __init__(self) -> None:
        self._last = time.perf_counter(), time.process_time()

    def lap(self, step: str) -> Times:
        """Seconds since the last lap, under the step's name."""
        before, self._last = self._last, (time.perf_counter(), time.process_time())
        return Times({step: round(self._last[0] - before[0], 4)}, {step: round(self._last[1] - before[1], 4)})
