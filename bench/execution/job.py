"""What travels between the benchmark and the process of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.environment import Environment
from bench.metadata import Family
from bench.record import RunSpec, Status
from bench.registry import Entry

__all__ = ["FAILURES", "MEMORY_LIMIT", "Cost", "EpochCallback", "Finished", "Job", "Outcome", "Policy", "Slot", "Work"]

# Ends that somebody should look into, and that ``--max-failures`` counts.
FAILURES: frozenset[Status] = frozenset({"error", "timeout", "oom"})

# `Finished.error_type` of a run that was killed for what it took of the host's memory.
MEMORY_LIMIT = "MemoryLimit"

EpochCallback = Callable[[Mapping[str, float], int], None]


@dataclass(frozen=True)
class Slot:
    """A device and a share of the machine's cores, for one run at a time.

    Parameters
    ----------
    index : int
        Position among the slots.
    device : str
        ``"cpu"`` or ``"cuda:0"``.
    cores : tuple of int
        Cores that the run may use, as the operating system numbers them.
    """

    index: int
    device: str
    cores: tuple[int, ...]


@dataclass(frozen=True)
class Job:
    """What a run's process needs: no true labels among it.

    Parameters
    ----------
    module, class_name, path : str, str, Path
        Where the method's class is, as in :class:`bench.registry.Entry`.
    params : dict
        Parameters of the method.
    seed : int
        Its ``random_state``.
    data : Path
        Folder of the prepared data set.
    log : Path
        File for what the method prints.
    timeout : float or None
        Seconds after which the process is killed.
    memory_mb : float or None
        Resident memory in MiB, of the process and all it started, above which they are killed; looked at ten times a
        second.
    entry : Entry or None
        The adapter, which says how a class is made that no file holds: a composition, or a class by its path. None:
        the class is where `module`, `class_name` and `path` say.
    """

    module: str
    class_name: str
    path: Path
    params: dict[str, Any]
    seed: int
    data: Path
    log: Path
    timeout: float | None = None
    memory_mb: float | None = None
    entry: Entry | None = None


@dataclass(frozen=True)
class Cost:
    """What earlier runs of the same method on the same data took.

    Parameters
    ----------
    seconds : float or None
        Time; None where it was not measured.
    rss_mb, gpu_mb : float or None
        Highest memory use of the process and on its GPU, in MiB; None where it was not measured.
    """

    seconds: float | None = None
    rss_mb: float | None = None
    gpu_mb: float | None = None


@dataclass(frozen=True)
class Work:
    """One run that an engine is to carry out.

    Parameters
    ----------
    key : str
        Run key.
    name : str
        How people name the run.
    spec : RunSpec
        What decides its outcome.
    job : Job
        What its process needs on this machine.
    requires : tuple of str
        Packages that the method imports inside ``fit``.
    family : {"deep", "shallow", "control"}
        Family of the method: a guess at how long it takes where nothing was measured.
    cost : Cost
        What it will probably take.
    """

    key: str
    name: str
    spec: RunSpec
    job: Job
    requires: tuple[str, ...] = ()
    family: Family = "shallow"
    cost: Cost = Cost()

    @cached_property
    def kind(self) -> tuple[str, str, str, str]:
        """Method and data set with their parameters: what runs share that take about as long and as much memory."""
        return self.spec.cell[:4]


@dataclass(frozen=True)
class Policy:
    """What an engine does about runs that fail.

    Parameters
    ----------
    retries : int
        How often a run is started again whose process crashed, see :attr:`Finished.crashed`.
    max_failures : int or None
        Nothing new starts after so many runs ended in one of ``FAILURES``.
    """

    retries: int = 0
    max_failures: int | None = None


@dataclass(frozen=True)
class Finished:
    """What the process of a run reports at its end.

    Parameters
    ----------
    status, reason, error_type, labels, fit_seconds, peak_rss_mb, peak_gpu_mb, precision, gpu
        As in :class:`bench.record.Record`; the labels as an array of shape (n,).
    embedding : ndarray of shape (n, e), or None
        The method's embedding, if it has one.
    crashed : bool
        Whether the process died before it could report: killed by a signal, or ended without a word. An exception
        that the method raised is no crash.
    """

    status: Status
    reason: str = ""
    error_type: str = ""
    labels: NDArray[np.int64] | None = None
    embedding: NDArray[np.float32] | None = None
    fit_seconds: float | None = None
    peak_rss_mb: float | None = None
    peak_gpu_mb: float | None = None
    precision: str = ""
    gpu: str = ""
    crashed: bool = False


@dataclass(frozen=True)
class Outcome:
    """How a run ended, whoever found out.

    Parameters
    ----------
    finished : Finished
        The process's own report, or what the parent concluded from its death.
    history : list of dict
        Epochs reported until then.
    started, ended : str
        UTC, ISO 8601.
    environment : Environment or None
        The machine it ran on; None for this one.
    """

    finished: Finished
    history: list[dict[str, float]] = field(default_factory=list)
    started: str = ""
    ended: str = ""
    environment: Environment | None = None
