"""Memory: what a run needs of its device, and what the device has."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable

import psutil

from bench.execution.job import Cost

__all__ = ["free_memory", "need_mb", "peak_mb", "typical_need_mb"]

# What a run may need before its method has been measured.
_UNMEASURED_MB = {"cpu": 2048.0, "cuda": 4096.0}

# A GPU also holds the CUDA context and the kernels of every process, which the allocator's peak leaves out.
_CONTEXT_MB = {"cpu": 0.0, "cuda": 600.0}

# Another seed takes a little more, and an allocator keeps more than it has handed out.
_MARGIN = 1.2


def need_mb(cost: Cost, device: str) -> float:
    """Memory in MiB to set aside for a run on `device`.

    Parameters
    ----------
    cost : Cost
        What earlier runs of its kind took.
    device : str
        ``"cpu"``, where the memory is the host's, or ``"cuda:0"``.
    """
    measured = peak_mb(cost, device)
    kind = _kind(device)
    return _UNMEASURED_MB[kind] if measured is None else _MARGIN * measured + _CONTEXT_MB[kind]


def peak_mb(cost: Cost, device: str) -> float | None:
    """The memory of `device` that earlier runs took, in MiB; None where it was not measured."""
    return cost.rss_mb if _kind(device) == "cpu" else cost.gpu_mb


def typical_need_mb(costs: Iterable[Cost], device: str) -> float:
    """Median of what runs need on `device`, in MiB."""
    needs = sorted(need_mb(cost, device) for cost in costs)
    return needs[len(needs) // 2] if needs else need_mb(Cost(), device)


def free_memory(devices: Iterable[str]) -> dict[str, float]:
    """Memory in MiB that is free now, by device; devices that do not say are left out.

    Parameters
    ----------
    devices : iterable of str
        ``"cpu"``, ``"cuda:0"``.
    """
    wanted = set(devices)
    free = {"cpu": psutil.virtual_memory().available / 2**20} if "cpu" in wanted else {}
    if wanted - {"cpu"}:
        free.update({device: mb for device, mb in _free_cuda_memory().items() if device in wanted})
    return free


def _free_cuda_memory() -> dict[str, float]:
    if shutil.which("nvidia-smi") is None:
        return {}
    command = ["nvidia-smi", "--query-gpu=index,uuid,memory.free", "--format=csv,noheader,nounits"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False).stdout
    rows = [[part.strip() for part in line.split(",")] for line in answer.splitlines()]
    # A device in MIG mode answers "[N/A]".
    known = [(index, uuid, float(mb)) for index, uuid, mb in (row for row in rows if len(row) == 3) if mb.isdigit()]
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = [index for index, _uuid, _mb in known] if visible is None else visible.split(",")
    return {
        f"cuda:{number}": mb
        for number, name in enumerate(part.strip() for part in names if part.strip() not in ("", "-1"))
        for index, uuid, mb in known
        if name == index or (name.startswith("GPU-") and uuid.startswith(name))
    }


def _kind(device: str) -> str:
    return device.partition(":")[0]
