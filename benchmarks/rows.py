"""Lines of the table, and the machine they were measured on."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import torch

from benchmarks.timing import Times

__all__ = ["Row", "compared", "row"]

Row = dict[str, object]
CPU_INFO = Path("/proc/cpuinfo")


def row(
    name: str,
    n: int,
    ours: float | None,
    *,
    device: str = "cpu",
    precision: str = "",
    baseline: float | None = None,
    against: str = "",
    floor: float | None = None,
    **more: object,
) -> Row:
    """One line.

    Parameters
    ----------
    name : str
        What was measured.
    n : int
        Samples.
    ours : float or None
        Seconds; None where nothing was measured, for a reason in `more`.
    device, precision : str
        Where, and in which arithmetic ours computed; the baselines are all float32 or float64.
    baseline : float, optional
        Seconds of what it is compared with.
    against : str
        What that is.
    floor : float, optional
        Seconds that the machine needs at least, by :func:`benchmarks.ceiling.least_seconds`.
    **more : object
        Further figures.
    """
    return {
        "name": name,
        "device": device,
        "n": n,
        "ours_s": ours,
        "baseline_s": baseline,
        "baseline": against,
        "ratio": None if baseline is None or ours is None else baseline / ours,
        "ceiling_fraction": None if floor is None or ours is None else floor / ours,
        **more,
        "machine": machine(device, precision),
    }


def compared(
    name: str,
    n: int,
    times: Times,
    against: str,
    *,
    device: str = "cpu",
    precision: str = "",
    floor: float | None = None,
    per: int = 1,
    **more: object,
) -> Row:
    """A line from times measured in turn, each of which holds `per` units of work."""
    ours, baseline = (median / per for median in times.medians)
    more = {"repeats": len(times.ours), "baseline_repeats": len(times.baseline), **more}
    return row(
        name,
        n,
        ours,
        device=device,
        precision=precision,
        baseline=baseline,
        against=against,
        floor=None if floor is None else floor / per,
        **more,
    )


def machine(device: str, precision: str) -> dict[str, object]:
    """What a figure depends on."""
    facts: dict[str, object] = {
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "precision": precision,
    }
    return facts | ({"gpu": torch.cuda.get_device_name()} if device == "cuda" else {})


def cpu_model() -> str:
    """Name of the processor."""
    try:
        lines = CPU_INFO.read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
