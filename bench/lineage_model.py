"""What is told of a cell of the table: plain data, for people and for programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bench.reporting.model import CellStatus
from bench.reporting.verdicts import Verdict

__all__ = ["Figure", "Lineage", "Parameters", "Run", "Variant"]


@dataclass(frozen=True)
class Run:
    """One record.

    Parameters
    ----------
    key : str
        Run key.
    seed : int
        ``random_state`` of the method.
    status, reason : str
        How it ended, and why where that was not well.
    metrics : dict of str to float or None
        The asked-for metrics as tables print them: percent, or a count.
    seconds : float or None
        Wall time of ``fit``.
    device, precision, cpu, gpu, threads, commit, dirty, started, ended
        As in :class:`bench.record.Record`.
    log : str
        File with what the run printed; empty where there is none.
    """

    key: str
    seed: int
    status: str
    reason: str
    metrics: dict[str, float | None]
    seconds: float | None
    device: str
    precision: str
    cpu: str
    gpu: str
    threads: int
    commit: str
    dirty: bool
    started: str
    ended: str
    log: str


@dataclass(frozen=True)
class Figure:
    """One metric over the seeds, beside the published value.

    Parameters
    ----------
    metric, title, unit : str
        Metric key, its head in tables, and ``"percent"`` or ``"count"``.
    mean, std : float or None
        As in :class:`bench.reporting.model.Cell`.
    n : int
        Seeds in the mean.
    status, reason : str
        As in :class:`bench.reporting.model.Cell`.
    published : float or None
        What Table 1 of the FCMI paper prints.
    doubts : tuple of str
        What is known to be wrong with the published value.
    gap : bool
        Whether mean and published value are further apart than :data:`bench.reporting.gaps.GAP`.
    explanation : str
        Why they are; empty where nothing is known or there is no gap.
    verdict, verdict_reason : str or None, str
        As in :class:`bench.reporting.model.Cell`.
    """

    metric: str
    title: str
    unit: str
    mean: float | None
    std: float | None
    n: int
    status: CellStatus
    reason: str
    published: float | None
    doubts: tuple[str, ...]
    gap: bool
    explanation: str
    verdict: Verdict | None = None
    verdict_reason: str = ""


@dataclass(frozen=True)
class Parameters:
    """What an adapter was run with.

    Parameters
    ----------
    values : dict
        All parameters.
    changed : dict
        Those that are not the default.
    defaults : dict or None
        Defaults of the changed ones, as far as they have one; None where the adapter cannot be asked.
    """

    values: dict[str, Any]
    changed: dict[str, Any]
    defaults: dict[str, Any] | None


@dataclass(frozen=True)
class Variant:
    """One method with one choice of parameters on one data set: a place in the table.

    Parameters
    ----------
    method, dataset : str
        As tables label them, with the parameters that tell rows apart.
    n, requested : int
        Seeds that ended ``ok``, and seeds asked for.
    figures : tuple of Figure
        Mean and published value of every metric.
    runs, earlier : tuple of Run
        The records behind the figures by seed, and older ones that they have replaced.
    method_params, dataset_params : Parameters
        What was run.
    flags : tuple of str
        What the method was given and stands on.
    method_notes, dataset_notes : tuple of str
        What their adapters and the records say of them.
    remarks : tuple of str
        What is to be said of these runs: empty clusters, unlike code or data.
    """

    method: str
    dataset: str
    n: int
    requested: int
    figures: tuple[Figure, ...]
    runs: tuple[Run, ...]
    earlier: tuple[Run, ...]
    method_params: Parameters
    dataset_params: Parameters
    flags: tuple[str, ...]
    method_notes: tuple[str, ...]
    dataset_notes: tuple[str, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class Lineage:
    """All there is of a method on a data set.

    Parameters
    ----------
    method, dataset, results : str
        Registry names, and where the records lie.
    published_source : str
        Citation of the published values; empty where there are none.
    variants : tuple of Variant
        In the order of the table.
    """

    method: str
    dataset: str
    results: str
    published_source: str
    variants: tuple[Variant, ...]
