"""Which of several parameter settings to take, decided without true labels.

What counts is where the samples lie, which cluster and group each of them is in, and whether other seeds find the same
clusters. Nothing here opens the classes, or reads a score that needs them: who chooses by the scores of the table
reports how good a method is when it is told the answer.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from bench.errors import InvalidInputError, ResultsError, UnknownNameError
from bench.metrics.contingency import contingency
from bench.metrics.entropy import entropy_of_counts
from bench.record import Record, canonical_json, unpack_labels
from bench.records import RecordStore
from bench.selection import information, run_criteria

__all__ = [
    "OBJECTIVES",
    "PRINTED_DIGITS",
    "Candidate",
    "Objective",
    "Ranking",
    "known_objective",
    "mark",
    "rank_settings",
]

Objective = Literal["label_free", "silhouette", "information", "stability"]
OBJECTIVES: tuple[Objective, ...] = get_args(Objective)

PRINTED_DIGITS = 4

# The silhouette compares all pairs of samples.
_MOST_SAMPLES = 2000

Embedding = Callable[[str], NDArray[np.float32] | None]


@dataclass(frozen=True)
class Candidate:
    """One parameter setting, over its seeds.

    Parameters
    ----------
    params : dict
        Values of the parameters in which the settings differ.
    n, requested : int
        Seeds that ended well, and seeds asked for.
    problem : str
        Why it takes no part, which is so if a seed did not end well; else empty.
    values : dict of str to float
        Means over the seeds by measure, of the measures that all settings have: ``silhouette`` in [-1, 1],
        ``information`` in nats, ``stability`` in [0, 1].
    rank : float or None
        Mean of its ranks by the measures that count, 1 is best and ties share a mean rank; None where it takes no part.
    """

    params: dict[str, Any]
    n: int
    requested: int
    problem: str
    values: dict[str, float]
    rank: float | None = None


@dataclass(frozen=True)
class Ranking:
    """Settings of one method on one data set.

    Parameters
    ----------
    candidates : tuple of Candidate
        Best first, ties in the order given; those that take no part come last.
    measures : tuple of str
        What the ranks are by.
    objective : str
        What was asked for.
    """

    candidates: tuple[Candidate, ...]
    measures: tuple[str, ...]
    objective: Objective

    @property
    def chosen(self) -> Candidate:
        """The best one."""
        return self.candidates[0]

    @property
    def how(self) -> str:
        """How the choice was made, in words."""
        by = self.objective if self.objective in self.measures else f"{self.objective} ({', '.join(self.measures)})"
        return f"by {by} without labels over {len(self.candidates)} settings"


def rank_settings(
    records: Sequence[Record], *, sensitive: NDArray[np.int64], embedding: Embedding, objective: Objective
) -> Ranking:
    """Order parameter settings by label-free measures of their runs.

    ``silhouette`` is that of the embedding under the run's own clusters [1]_, on at most 2,000 samples, the same ones
    for all runs; -1 where all of them are in one cluster. ``information`` is I(X;C|G) - I(G;C) [2]_: from the last row
    of the history where all runs have logged both, on soft assignments as the method trains them, and otherwise from
    labels and groups, where I(X;C|G) = H(C|G). ``stability`` is the mean NMI of all pairs of seeds. ``label_free``
    ranks by each of the three that all settings have and takes the mean of the ranks.

    Parameters
    ----------
    records : sequence of Record
        Runs of one method on one data set, every setting with the same seeds.
    sensitive : ndarray of shape (n,)
        Group ids.
    embedding : callable
        Takes a run key and returns the embedding of that run, (n, e), or None if there is none.
    objective : {"label_free", "silhouette", "information", "stability"}
        What to rank by.

    Returns
    -------
    Ranking
        No true label plays a part, and no metric that needs one.

    Raises
    ------
    InvalidInputError
        For an objective that these runs do not have.
    ResultsError
        If no setting has ended well with all seeds.

    References
    ----------
    .. [1] P. J. Rousseeuw. Silhouettes: a graphical aid to the interpretation and validation of cluster analysis.
       Journal of Computational and Applied Mathematics 20 (1987) 53-65. DOI 10.1016/0377-0427(87)90125-7.
    .. [2] P. Zeng et al. Deep Fair Clustering via Maximizing and Minimizing Mutual Information: Theory, Algorithm and
       Metric. CVPR 2023, Eq. 12. DOI 10.48550/arXiv.2209.12396.
    """
    settings = _by_setting(records)
    whole = [runs for runs in settings if all(run.status == "ok" for run in runs)]
    if not whole:
        first = next(run for run in records if run.status != "ok")
        raise ResultsError(
            f"none of {len(settings)} settings has ended well with all seeds; first {first.status}: {first.reason}"
        )
    measured = _measured(whole, sensitive, embedding)
    measures = tuple(measured) if objective == "label_free" else (objective,)
    if objective != "label_free" and objective not in measured:
        raise InvalidInputError(_lacking(objective, records[0].spec.method))
    ranks = [_ranks(measured[name]) for name in measures]
    place = {id(runs): index for index, runs in enumerate(whole)}
    differing = _differing(settings)
    candidates = []
    for runs in settings:
        index = place.get(id(runs))
        candidates.append(
            Candidate(
                params={name: runs[0].spec.method_params.get(name) for name in differing},
                n=sum(run.status == "ok" for run in runs),
                requested=len(runs),
                problem=next((f"{run.status}: {run.reason}" for run in runs if run.status != "ok"), ""),
                values={} if index is None else {name: values[index] for name, values in measured.items()},
                rank=None if index is None else statistics.fmean(by[index] for by in ranks),
            )
        )
    # Sorting keeps the order of equals.
    candidates.sort(key=lambda one: (one.rank is None, one.rank or 0.0))
    return Ranking(tuple(candidates), measures, objective)


def known_objective(name: str) -> Objective:
    """`name`, if it is an objective.

    Raises
    ------
    UnknownNameError
        If it is not.
    """
    for objective in OBJECTIVES:
        if name == objective:
            return objective
    raise UnknownNameError("objective", name, OBJECTIVES)


def mark(notes: Mapping[str, str], records: RecordStore) -> None:
    """Say in those records that exist how their parameters were chosen.

    Parameters
    ----------
    notes : mapping of str to str
        What to say, by run key.
    records : RecordStore
        Where the records are.

    Raises
    ------
    ResultsError
        If a record cannot be written.
    """
    for key, note in notes.items():
        record = records.read(key)
        if record is not None and record.tuned != note:
            records.write(record.model_copy(update={"tuned": note}))


def _by_setting(records: Sequence[Record]) -> list[list[Record]]:
    settings: dict[str, list[Record]] = {}
    for record in records:
        settings.setdefault(canonical_json(record.spec.method_params), []).append(record)
    return list(settings.values())


def _differing(settings: Sequence[Sequence[Record]]) -> list[str]:
    params = [runs[0].spec.method_params for runs in settings]
    names = dict.fromkeys(name for held in params for name in held)
    return [name for name in names if len({canonical_json(held.get(name)) for held in params}) > 1]


def _measured(
    settings: Sequence[Sequence[Record]], sensitive: NDArray[np.int64], embedding: Embedding
) -> dict[str, list[float]]:
    """Values by measure, one a setting; of the measures that every setting has."""
    logged = all(np.isfinite(information(run)) for runs in settings for run in runs)
    found: dict[str, list[float | None]] = {
        "silhouette": [_mean([_silhouette(run, embedding(run.key)) for run in runs]) for runs in settings],
        "information": [
            _mean([information(run) if logged else _information_of_labels(run, sensitive) for run in runs])
            for runs in settings
        ],
        "stability": [_stability(runs) for runs in settings],
    }
    whole = {name: [value for value in values if value is not None] for name, values in found.items()}
    return {name: values for name, values in whole.items() if len(values) == len(settings)}


def _mean(values: Sequence[float | None]) -> float | None:
    held = [value for value in values if value is not None]
    return statistics.fmean(held) if len(held) == len(values) else None


def _silhouette(run: Record, points: NDArray[np.float32] | None) -> float | None:
    from sklearn.metrics import silhouette_score

    labels = unpack_labels(run.labels)
    if points is None or len(points) != len(labels) or not np.isfinite(points).all():
        return None
    sample = np.random.default_rng(0).permutation(len(labels))[:_MOST_SAMPLES]
    clusters = len(np.unique(labels[sample]))
    if clusters == 1:
        # Undefined; but a collapse must not win by having no value.
        return -1.0
    # And samples that are each a cluster of their own have a silhouette of 0.
    return float(silhouette_score(points[sample], labels[sample])) if clusters < len(sample) else 0.0


def _information_of_labels(run: Record, sensitive: NDArray[np.int64]) -> float:
    """H(C|G) - I(G;C) in nats: what I(X;C|G) - I(G;C) is for clusters that are a function of the samples."""
    by_group = contingency(None, unpack_labels(run.labels), sensitive)[0].T
    sizes = by_group.sum(axis=1)
    within = float(sizes @ entropy_of_counts(by_group) / sizes.sum())
    return within - (float(entropy_of_counts(by_group.sum(axis=0))) - within)


def _stability(runs: Sequence[Record]) -> float | None:
    return statistics.fmean(one.agreement for one in run_criteria(runs)) if len(runs) > 1 else None


def _ranks(values: Sequence[float]) -> list[float]:
    """1 for the highest, decided on the printed digits; ties share the mean of their ranks."""
    values = [round(value, PRINTED_DIGITS) for value in values]
    return [
        sum(other > value for other in values) + (sum(other == value for other in values) + 1) / 2 for value in values
    ]


def _lacking(objective: Objective, method: str) -> str:
    others = "--objective label_free ranks by what there is"
    if objective == "silhouette":
        return f"--objective silhouette needs an embedding of every run, and {method} does not leave one; {others}"
    return f"--objective {objective} compares seeds, and there is one; give several, such as --seeds 0-2, or {others}"
