"""Where runs go: a slot is a device and a share of the cores."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from typing import Literal

from bench.errors import InvalidInputError
from bench.execution.job import Cost, Slot
from bench.execution.memory import free_memory, typical_need_mb

__all__ = ["cuda_devices", "local_slots"]


def local_slots(
    device: str = "auto",
    jobs: int | None = None,
    per_device: int | Literal["auto"] | None = None,
    costs: Iterable[Cost] = (),
) -> list[Slot]:
    """Divide this machine into slots.

    Parameters
    ----------
    device : str
        ``"auto"`` (CUDA devices if there are any), ``"cpu"``, ``"cuda"`` (all), or ``"cuda:0,1"``.
    jobs : int, optional
        Runs at a time, on all devices together.
    per_device : int or "auto", optional
        Runs at a time on each device. ``"auto"``: as many as the memory holds that is free on the fullest of them,
        and as there are cores for. By default ``"auto"`` on CPU and 1 on CUDA, where a run that has the device to
        itself also tells how fast a method is.
    costs : iterable of Cost
        What the runs will take, for ``"auto"``.

    Raises
    ------
    InvalidInputError
        For a device that is not written like that, or is not there, or for numbers that make no slots.
    """
    if jobs is not None and per_device is not None:
        raise InvalidInputError(
            "--jobs and --slots-per-device given; the one says how many runs at a time in all, the other how many "
            "on each device: give one of them"
        )
    for option, number in (("--jobs", jobs), ("--slots-per-device", per_device)):
        if isinstance(number, int) and number < 1:
            raise InvalidInputError(f"{option} {number} given; it takes a whole number of at least 1")
    cores = _cores()
    devices = _devices(device)
    if per_device is None:
        per_device = "auto" if devices == ["cpu"] else 1
    count = jobs or len(devices) * (_affordable(devices, len(cores), costs) if per_device == "auto" else per_device)
    shares = _shares(cores, count)
    return [Slot(index, devices[index % len(devices)], shares[index]) for index in range(count)]


def _affordable(devices: list[str], n_cores: int, costs: Iterable[Cost]) -> int:
    """Runs at a time on each device that its memory and the cores allow; one where the memory is not known."""
    memory = free_memory(devices)
    if len(memory) < len(devices):
        return 1
    by_memory = min(memory.values()) // typical_need_mb(costs, devices[0])
    return max(1, min(n_cores // len(devices), int(by_memory)))


def cuda_devices() -> list[int]:
    """Numbers of the CUDA devices that are visible, as a framework would count them."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return list(range(len([part for part in visible.split(",") if part.strip() not in ("", "-1")])))
    if shutil.which("nvidia-smi") is None:
        return []
    listing = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=30, check=False)
    return list(range(len(re.findall(r"^GPU \d+:", listing.stdout, flags=re.MULTILINE))))


def _devices(device: str) -> list[str]:
    if device == "cpu":
        return ["cpu"]
    match = re.fullmatch(r"auto|cuda(?::(\d+(?:,\d+)*))?", device)
    if not match:
        raise InvalidInputError(f"--device {device} given; it takes auto, cpu, cuda or cuda:0,1")
    found = cuda_devices()
    if device == "auto":
        return [f"cuda:{number}" for number in found] or ["cpu"]
    wanted = [int(number) for number in match[1].split(",")] if match[1] else found
    absent = sorted(set(wanted) - set(found))
    if absent or not wanted:
        there = f"CUDA devices here: {', '.join(map(str, found))}" if found else "there is no CUDA device here"
        raise InvalidInputError(f"--device {device} given, but {there}; use --device auto or cpu")
    return [f"cuda:{number}" for number in wanted]


def _cores() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _shares(cores: list[int], count: int) -> list[tuple[int, ...]]:
    """Equal shares of neighbouring cores; with more slots than cores, slots share cores one by one."""
    if count > len(cores):
        return [(cores[index % len(cores)],) for index in range(count)]
    bounds = [round(index * len(cores) / count) for index in range(count + 1)]
    return [tuple(cores[first:last]) for first, last in itertools.pairwise(bounds)]
