"""Where runs go: a slot is a device and a share of the cores."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess

import psutil

from bench.errors import InvalidInputError
from bench.execution.job import Slot

__all__ = ["cuda_devices", "local_slots"]

# What a run may need on CPU before its method has been measured.
_BYTES_PER_CPU_RUN = 2 * 2**30


def local_slots(device: str = "auto", jobs: int | None = None) -> list[Slot]:
    """Divide this machine into slots.

    Parameters
    ----------
    device : str
        ``"auto"`` (CUDA devices if there are any), ``"cpu"``, ``"cuda"`` (all), or ``"cuda:0,1"``.
    jobs : int, optional
        Runs at a time. By default one a core on CPU, as far as memory goes, and one a device on CUDA.

    Raises
    ------
    InvalidInputError
        For a device that is not written like that, or is not there.
    """
    if jobs is not None and jobs < 1:
        raise InvalidInputError(f"--jobs {jobs} given; it takes a whole number of at least 1")
    cores = _cores()
    devices = _devices(device)
    if devices == ["cpu"]:
        affordable = max(1, psutil.virtual_memory().total // _BYTES_PER_CPU_RUN)
        count = jobs or min(len(cores), affordable)
    else:
        count = jobs or len(devices)
    shares = _shares(cores, count)
    return [Slot(index, devices[index % len(devices)], shares[index]) for index in range(count)]


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
