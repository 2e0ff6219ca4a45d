"""The methods that ours are compared with. ``PEERS`` is the registry."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix

from benchmarks import peers
from benchmarks.protocol.ranking import Listed, Scorer, listed, recall
from benchmarks.protocol.splits import HeldOut, Split
from benchmarks.protocol.stopwatch import Stopwatch

Fitted = tuple[Scorer, Mapping[str, float | str]]


@dataclass(frozen=True, kw_only=True)
class Terms:
    """Under what a peer is fitted."""

    epsilon: float
    delta: float
    seed: int
    device: str


@dataclass(frozen=True, kw_only=True)
class Peer:
    """One method.

    Attributes:
        slug: names it in tables and on the command line.
        summary: what it is.
        private: whether it is fitted at each ε, or once without privacy.
        file: its source among the peers, whose change makes its records stale.
        fit: a scorer, and what is worth knowing about the fit.
        needs: packages that not every environment has.
    """

    slug: str
    summary: str
    private: bool
    file: str
    fit: Callable[[Split, Terms], Fitted]
    needs: tuple[str, ...] = ()

    @property
    def is_here(self) -> bool:
        """Whether this checkout and this environment have it."""
        return self.source.is_file() and all(find_spec(name) for name in self.needs)

    @property
    def source(self) -> Path:
        """Its file."""
        return Path(peers.__path__[0]) / self.file


def _popularity(split: Split, _: Terms) -> Fitted:
    counts = np.bincount(split.train.matrix.indices, minlength=len(split.train.items)).astype(np.float64)
    return (lambda shown: np.broadcast_to(counts, shown.shape)), {}


def _ease(split: Split, _: Terms) -> Fitted:
    from benchmarks.peers.ease import fit_ease

    model = fit_ease(split.train.matrix, lambda scorer: quality(scorer, split.validation))
    return model, {"ridge": model.ridge}


def _ials(split: Split, terms: Terms) -> Fitted:
    from benchmarks.peers.ials import RIDGES, IalsSettings, fit_ials

    train = csr_matrix(split.train.matrix)
    tried = [fit_ials(train, IalsSettings(ridge=r), rng=np.random.default_rng(terms.seed)) for r in RIDGES]
    model = max(tried, key=lambda scorer: quality(scorer, split.validation))
    return model, asdict(model.settings)


def _adadpals(split: Split, terms: Terms) -> Fitted:
    from benchmarks.peers.adadpals import fit_adadpals

    rng = np.random.default_rng([terms.seed, 2023])
    model = fit_adadpals(split.train.matrix, terms.epsilon, terms.delta, rng=rng)
    return model, {name: str(value) for name, value in asdict(model.settings).items()}


def _dpsgd(split: Split, terms: Terms) -> Fitted:
    from benchmarks.peers.dpsgd import fit_dpsgd

    return fit_dpsgd(split.train, terms.epsilon, terms.delta, seed=terms.seed, device=terms.device), {}


PEERS: tuple[Peer, ...] = (
    Peer(
        slug="most_watched",
        summary="The most watched titles, counted exactly.",
        private=False,
        file="__init__.py",
        fit=_popularity,
    ),
    Peer(slug="ease_exact", summary="EASE without privacy (Steck 2019).", private=False, file="ease.py", fit=_ease),
    Peer(
        slug="ials_exact",
        summary="Implicit ALS without privacy (Hu, Koren, Volinsky 2008).",
        private=False,
        file="ials.py",
        fit=_ials,
    ),
    Peer(
        slug="adadpals",
        summary="Adaptive DPALS (Krichene et al. 2023), exactly accounted.",
        private=True,
        file="adadpals.py",
        fit=_adadpals,
    ),
    Peer(
        slug="dpsgd",
        summary="Matrix factorisation by DP-SGD with Opacus, a subject a sample.",
        private=True,
        file="dpsgd.py",
        fit=_dpsgd,
        needs=("opacus",),
    ),
)


def peers_here(chosen: tuple[str, ...] | None = None) -> tuple[Peer, ...]:
    """Those of the registry that are here, or the chosen among them."""
    return tuple(p for p in PEERS if p.is_here and (chosen is None or p.slug in chosen))


def quality(scorer: Scorer, held_out: HeldOut) -> float:
    """Mean Recall@20: what a method without privacy may choose by, on the validation part."""
    shown = held_out.shown.matrix
    return float(recall(listed(scorer(shown), shown), held_out.targets.matrix).mean())


def peer_lists(peer: Peer, split: Split, terms: Terms) -> Listed:
    """Fit on the training part and list for the test part."""
    watch = Stopwatch()
    scorer, facts = peer.fit(split, terms)
    fitting = watch.lap("fit")
    shown = split.test.shown.matrix
    lists = listed(scorer(shown), shown)
    return Listed(method=peer.slug, lists=lists, times=fitting | watch.lap("serve"), facts=facts)
