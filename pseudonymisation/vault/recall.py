"""Answers of earlier calls, kept in this process's memory and nowhere else."""

from collections.abc import Sequence

from pseudonymisation.identifiers import Identity
from pseudonymisation.pseudonym import Pseudonym

LIMIT = 200_000
"""Identities held at most: some 200 MB."""

Answers = dict[Identity, dict[str, Pseudonym]]


class Recall:
    """Pseudonyms already handed out.

    An identity's answer changes only when somebody is erased, so everything is forgotten as soon as the vault's number
    of erasures is another than when it was learned. That number is read in the transaction that uses the answers: no
    erasure is overlooked, whichever process made it.
    """

    def __init__(self) -> None:
        self._answers: Answers = {}
        self._learned_at: tuple[int, tuple[str, ...]] = (0, ())

    def valid(self, erasures: int, domains: Sequence[str]) -> Answers:
        """What may still be used after that many erasures, for exactly these domains.

        The caller adds to it what it commits. Threads may do so at once: after an erasure they add to a dict that
        nobody asks again.
        """
        moment = (erasures, tuple(domains))
        if moment != self._learned_at or len(self._answers) > LIMIT:
            self._answers, self._learned_at = {}, moment
        return self._answers
