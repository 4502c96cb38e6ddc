"""One epoch of FCMI against its textbook loop: all samples embedded, k-means, and a pass over the batches."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from bench.methods.fcmi import FCMI
from numpy.typing import NDArray

from benchmarks.arithmetic import TRAINING, adam_bytes, forward_flops
from benchmarks.ceiling import least_seconds
from benchmarks.rows import Row, compared
from benchmarks.setting import Setting
from benchmarks.synthetic import images, vectors
from benchmarks.textbook.fcmi import FCMILoop
from benchmarks.timing import Listener, alternate_with_fit, clock

__all__ = ["measure"]

AGAINST = "DataLoader, float32, NCHW, a mask a group, loss.item() every step"
BATCH = 512
# Seconds for the textbook epochs of one row.
BUDGET = 120
WARM_UP_STEPS = 3


class Case(NamedTuple):
    """A data set in the size of a real one."""

    name: str
    data: tuple[NDArray[np.float32], NDArray[np.int64]]
    n_clusters: int


def measure(setting: Setting) -> list[Row]:
    """Time epochs at the sizes of MNIST-USPS, of MNIST and Optdigits, and of HAR."""
    makers: list[Callable[[Setting], Case]] = [mnist_usps, mnist_optdigits, har]
    return [line for maker in makers for line in measure_case(maker(setting), setting)]


def mnist_usps(setting: Setting) -> Case:
    """67,291 images of 2 groups."""
    sizes = (setting.size(60_000, 70), setting.size(7_291, 30))
    return Case("FCMI epoch, 28 x 28, MNIST-USPS", images(sizes), 10)


def mnist_optdigits(setting: Setting) -> Case:
    """6,797 images of 2 groups."""
    sizes = (setting.size(5_000, 40), setting.size(1_797, 20))
    return Case("FCMI epoch, 28 x 28, MNIST and Optdigits", images(sizes), 10)


def har(setting: Setting) -> Case:
    """10,299 vectors of 30 groups."""
    data = vectors(setting.size(10_299, 120), setting.size(561, 20), setting.size(30, 3), 6)
    return Case("FCMI epoch, 561 features and 30 groups, HAR", data, 6)


def measure_case(case: Case, setting: Setting) -> list[Row]:
    """A line for each precision of ours, in turn with the same loop."""
    samples, groups = case.data
    loop = FCMILoop(samples, groups, case.n_clusters, device=setting.device)
    repeats = setting.repeats(warm_up(loop), BUDGET)
    n, where = len(samples), setting.device
    rows = []
    for precision in ("float32", "bfloat16"):
        fit = partial(fit_fcmi, case, setting.device, precision)
        times = alternate_with_fit(fit, loop.epoch, repeats=repeats, device=where)
        floor = epoch_floor(loop, samples, setting, precision)
        rows.append(compared(case.name, n, times, AGAINST, device=where, precision=precision, floor=floor))
    return rows


def fit_fcmi(case: Case, device: str, precision: str, listener: Listener) -> None:
    """Train on the full loss from the first epoch on."""
    method = FCMI(case.n_clusters, warmup_epochs=0, batch_size=BATCH, device=device, precision=precision)
    method.random_state = 0
    method.on_epoch = listener
    samples, groups = case.data
    method.fit(samples, sensitive_features=groups)


def warm_up(loop: FCMILoop) -> float:
    """A few steps, and the seconds that an epoch should take by them."""
    centres = torch.nn.functional.normalize(torch.rand(loop.n_clusters, loop.n_clusters), dim=1).to(loop.device)
    loop.network.train()
    steps = 0
    for samples, groups, _ in islice(loop.train_loader, 1 + WARM_UP_STEPS):
        if steps <= 1:
            start = clock(loop.device)
        loop.step(samples, groups, centres)
        steps += 1
    taken = clock(loop.device) - start
    # A third more for the embedding of all samples.
    return taken / max(steps - 1, 1) * len(loop.train_loader) * (1 + 1 / TRAINING)


def epoch_floor(loop: FCMILoop, samples: NDArray[np.float32], setting: Setting, precision: str) -> float:
    """Least seconds for the arithmetic and for the optimiser's memory, k-means left out."""
    some = torch.from_numpy(samples[:2]).to(loop.device)
    through_all = forward_flops(loop.network, some, torch.zeros(len(some), dtype=torch.int64, device=loop.device))
    through_encoder = forward_flops(loop.network.encoder, some)
    steps = len(loop.train_loader)
    trained = steps * min(BATCH, len(samples))
    return least_seconds(
        setting,
        precision=precision,
        flops=TRAINING * through_all * trained + through_encoder * len(samples),
        moved=steps * adam_bytes(loop.network),
    )
