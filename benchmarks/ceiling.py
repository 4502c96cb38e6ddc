"""What the machine can do: the rate of a large matrix product and of a large copy, measured once a process."""

from __future__ import annotations

from functools import cache

import torch

from benchmarks.rows import Row, row
from benchmarks.setting import Setting
from benchmarks.timing import seconds

__all__ = ["least_seconds", "measure"]

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
REPEATS = 5
# A product this long has all threads awake.
LONG = 0.2
SMALLEST_SIDE, LARGEST_SIDE = 128, 16384


def measure(setting: Setting) -> list[Row]:
    """Time products and a copy."""
    rows = []
    for precision in DTYPES:
        side, taken = product(setting, precision)
        name = f"matrix product, {precision}"
        rate = 2 * side**3 / taken
        rows.append(row(name, side, taken, device=setting.device, precision=precision, rate=rate, unit="flop/s"))
    size, taken = copy(setting)
    rows.append(row("copy", size, taken, device=setting.device, rate=2 * size / taken, unit="bytes/s"))
    return rows


def least_seconds(setting: Setting, *, precision: str = "float32", flops: float = 0, moved: float = 0) -> float:
    """Seconds below which the machine cannot do this many operations and move this many bytes, at the same time."""
    side, product_s = product(setting, precision)
    size, copy_s = copy(setting)
    return max(flops * product_s / (2 * side**3), moved * copy_s / (2 * size))


@cache
def product(setting: Setting, precision: str) -> tuple[int, float]:
    """Side and best time of a square product that lasts long enough."""
    side = SMALLEST_SIDE
    taken = best_product(side, setting.device, precision)
    while taken < LONG and side < setting.size(LARGEST_SIDE, SMALLEST_SIDE):
        side *= 2
        taken = best_product(side, setting.device, precision)
    return side, taken


def best_product(side: int, device: str, precision: str) -> float:
    """Seconds of a square product."""
    a, b = (torch.rand(side, side, device=device).to(DTYPES[precision]) for _ in range(2))
    return min(seconds(lambda: a @ b, device) for _ in range(REPEATS))


@cache
def copy(setting: Setting) -> tuple[int, float]:
    """Bytes and best time of a copy: so many are read, and as many written."""
    source = torch.rand(setting.size(2**26, 2**18), device=setting.device)
    target = torch.empty_like(source)
    target.copy_(source)
    taken = min(seconds(lambda: target.copy_(source), setting.device) for _ in range(REPEATS))
    return source.numel() * source.element_size(), taken
