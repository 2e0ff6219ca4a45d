"""Which runs there are, which are still to do, and doing them."""

import math
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import recommender
from benchmarks.protocol import data, others, ours, ranking, splits
from benchmarks.protocol.further import FURTHER, Further
from benchmarks.protocol.records import Key, Record, code_digest, record_of
from recommender.discreteness import LARGEST_EPSILON
from recommender.models import MODELS

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

Progress = Callable[[str, int, int], None]
"""Called with (what, done, total)."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to be compared. Only ``threads`` and ``jobs`` change nothing but times."""

    folder: Path
    epsilons: tuple[float, ...]
    seeds: int
    delta: float
    methods: tuple[str, ...]
    noise: str
    device: str
    threads: int
    jobs: int

    def __post_init__(self) -> None:
        for epsilon in self.epsilons:
            if not (0 < epsilon <= LARGEST_EPSILON or math.isinf(epsilon)):
                msg = f"epsilon lies in (0, {LARGEST_EPSILON:g}] or is inf, got {epsilon:g}"
                raise SystemExit(msg)
        unknown = set(self.methods) - set(known_methods())
        if unknown:
            msg = f"unknown methods {', '.join(sorted(unknown))}; there are {', '.join(known_methods())}"
            raise SystemExit(msg)


@dataclass(frozen=True)
class Batch:
    """What shares one release: the methods still to do at one seed and ε."""

    seed: int
    epsilon: float
    keys: tuple[Key, ...]


def known_methods() -> tuple[str, ...]:
    """Slugs of ours, then of the peers that are here, then of bounds."""
    bounds = tuple(each.slug for each in FURTHER if not each.ours)
    return our_methods() + tuple(peer.slug for peer in others.peers_here()) + bounds


def our_methods() -> tuple[str, ...]:
    """Slugs of the registry, and of what is trained further where it can be."""
    return tuple(kind.slug for kind in MODELS) + tuple(each.slug for each in FURTHER if each.ours and each.is_here(1.0))


def batches(keys: Collection[Key], done: Mapping[Key, Record]) -> list[Batch]:
    """What is not done yet, seed by seed, so that an early look shows whole rows."""
    left: dict[tuple[int, float], list[Key]] = {}
    for key in keys:
        if key not in done:
            left.setdefault((key.seed, key.epsilon), []).append(key)
    return [Batch(seed, epsilon, tuple(found)) for (seed, epsilon), found in left.items()]


def all_keys(plan: Plan, dataset: data.Dataset) -> tuple[Key, ...]:
    """The records that there should be in the end. They name the code as it is now: ask once, before the first run."""
    places = [(seed, epsilon) for seed in range(plan.seeds) for epsilon in plan.epsilons]
    return tuple(key for seed, epsilon in places for key in keys_of(plan, dataset, seed, epsilon))


def keys_of(plan: Plan, dataset: data.Dataset, seed: int, epsilon: float) -> tuple[Key, ...]:
    """The records that this ε and seed should have."""
    shared = (Path(data.__file__), Path(splits.__file__), Path(ranking.__file__))
    library = code_digest(Path(recommender.__path__[0]), Path(ours.__file__), *shared)

    def key(method: str, code: str, noise: str) -> Key:
        return Key(dataset.name, seed, epsilon, plan.delta, method, noise, code)

    keys = [key(kind.slug, library, plan.noise) for kind in ours.kinds(dataset, plan.methods)]
    keys += [key(each.slug, library, plan.noise) for each in _further(plan.methods, epsilon)]
    keys += [
        key(peer.slug, code_digest(peer.source, *shared), "its own")
        for peer in others.peers_here(plan.methods)
        if peer.private == math.isfinite(epsilon)
    ]
    return tuple(keys)


def do(plan: Plan, todo: Sequence[Batch], dataset: data.Dataset, progress: Progress) -> Iterator[Record]:
    """Every batch's records; with several jobs, in the order in which batches are done."""
    if plan.jobs == 1:
        for number, batch in enumerate(todo):
            progress("runs", number, len(todo))
            yield from batch_records(plan, batch, dataset, progress)
    else:
        # Numerical libraries take every core unless told before they load; and forked processes could
        # inherit a lock that a thread of the parent holds for ever.
        os.environ.update(dict.fromkeys(THREADS, str(plan.threads)))
        with ProcessPoolExecutor(plan.jobs, mp_context=get_context("spawn")) as pool:
            for number, records in enumerate(pool.map(_alone, [(plan, batch) for batch in todo])):
                progress("runs", number, len(todo))
                yield from records
    progress("runs", len(todo), len(todo))


def _alone(task: tuple[Plan, Batch]) -> list[Record]:
    plan, batch = task
    return list(batch_records(plan, batch, data.read_dataset(plan.folder), lambda *_: None))


def batch_records(plan: Plan, batch: Batch, dataset: data.Dataset, progress: Progress) -> Iterator[Record]:
    """Ours from one release, then each peer."""
    split = splits.divide(dataset, batch.seed)
    keys = {key.method: key for key in batch.keys}
    where = f"seed {batch.seed}, epsilon {batch.epsilon:g}"
    terms = ours.Terms(
        epsilon=batch.epsilon,
        delta=plan.delta,
        noise=ours.noise_source(plan.noise, batch.seed, plan.threads),
        threads=plan.threads,
        device="cuda" if plan.device == "cuda" else "cpu",
        progress=lambda done, total: progress(f"{where}: noise", done, total),
    )
    for each in ours.our_lists(dataset, split.train, split.test.shown, ours.kinds(dataset, tuple(keys)), terms):
        yield record_of(keys[each.method], each.lists, split.test, times=each.times, facts=each.facts)
    for further in _further(tuple(keys), batch.epsilon):
        progress(f"{where}: {further.slug}", 0, 1)
        each = further.lists(dataset, split.train, split.test.shown, terms)
        yield record_of(keys[further.slug], each.lists, split.test, times=each.times, facts=each.facts)
    peers = others.peers_here(tuple(keys))
    for number, peer in enumerate(peers):
        progress(f"{where}: {peer.slug}", number, len(peers))
        fitting = others.Terms(epsilon=batch.epsilon, delta=plan.delta, seed=batch.seed, device=plan.device)
        each = others.peer_lists(peer, split, fitting)
        yield record_of(keys[peer.slug], each.lists, split.test, times=each.times, facts=each.facts)


def _further(methods: Sequence[str], epsilon: float) -> tuple[Further, ...]:
    return tuple(each for each in FURTHER if each.slug in methods and each.is_here(epsilon))
