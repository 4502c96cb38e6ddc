"""What travels between the benchmark and the process of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.record import Status

__all__ = ["EpochCallback", "Finished", "Job", "Outcome", "Slot"]

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
    """

    module: str
    class_name: str
    path: Path
    params: dict[str, Any]
    seed: int
    data: Path
    log: Path
    timeout: float | None = None


@dataclass(frozen=True)
class Finished:
    """What the process of a run reports at its end."""

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
    """

    finished: Finished
    history: list[dict[str, float]] = field(default_factory=list)
    started: str = ""
    ended: str = ""
