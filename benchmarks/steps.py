"""One training step of the other deep methods, as they are fitted, against textbook loops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
import torch
from bench.methods.clustergan import ClusterGAN
from bench.methods.dac import DAC
from bench.methods.dec import DEC
from bench.methods.dfc import DFC
from bench.methods.dfdc import DFDC
from numpy.typing import NDArray
from torch import nn

from bench.adapters import Method
from benchmarks.arithmetic import TRAINING, adam_bytes, forward_flops
from benchmarks.ceiling import least_seconds
from benchmarks.rows import Row, compared
from benchmarks.setting import Setting
from benchmarks.synthetic import images
from benchmarks.textbook import clustergan, dac, dec, dfc, dfdc
from benchmarks.timing import Listener, alternate_with_fit, seconds

__all__ = ["measure"]

AGAINST = "DataLoader, float32, NCHW, loss.item() every step"
CLUSTERS = 10
# Seconds for the textbook steps of one row.
BUDGET = 25
# Steps are this many times shorter on a GPU.
FASTER = 10


class EndlessDEC(DEC):
    """DEC that takes a tolerance of 0: it goes on where no label changes."""

    def _check_parameters(self, recipe: object) -> None:
        """Nothing is refused."""


class Loop(Protocol):
    """A textbook loop."""

    def run(self, steps: int) -> None:
        """Make some steps."""


@dataclass(frozen=True)
class Case:
    """A method, its loop, and what they do between two rows of the method's history.

    Parameters
    ----------
    name : str
        Title and what a step is.
    method : callable
        Makes the method; takes the parameters that all deep methods have.
    loop : Loop
        Textbook loop on the same data.
    data : (ndarray, ndarray)
        Samples and groups.
    steps : int
        Steps between two rows.
    flops, moved : float
        Operations and bytes of all of them.
    phase : float, optional
        Phase of the history that the steps belong to.
    """

    name: str
    method: Callable[..., Method]
    loop: Loop
    data: tuple[NDArray[np.float32], NDArray[np.int64]]
    steps: int
    flops: float
    moved: float = 0
    phase: float | None = None


def measure(setting: Setting) -> list[Row]:
    """Time DEC, DAC, DFC's joint stage, DFDC before its fair labels, and ClusterGAN, on 28 x 28 images."""
    cases = (dec_case, dac_case, dfc_case, dfdc_case, clustergan_case)
    return [line for case in cases for line in measure_case(case(setting), setting)]


def measure_case(case: Case, setting: Setting) -> list[Row]:
    """A line for each precision of ours, in turn with the same loop."""
    baseline = partial(case.loop.run, case.steps)
    repeats = setting.repeats(seconds(baseline, setting.device), BUDGET)
    n, where = len(case.data[0]), setting.device
    rows = []
    for precision in ("float32", "bfloat16"):
        fit = partial(fit_case, case, where, precision)
        times = alternate_with_fit(fit, baseline, repeats=repeats, device=where, phase=case.phase)
        floor = least_seconds(setting, precision=precision, flops=case.flops, moved=case.moved)
        more: dict[str, Any] = {
            "device": where,
            "precision": precision,
            "floor": floor,
            "per": case.steps,
            "steps": case.steps,
        }
        rows.append(compared(case.name, n, times, AGAINST, **more))
    return rows


def fit_case(case: Case, device: str, precision: str, listener: Listener) -> None:
    """Fit until the listener has enough."""
    method = case.method(n_clusters=CLUSTERS, device=device, precision=precision, random_state=0)
    method.on_epoch = listener
    samples, groups = case.data
    method.fit(samples, sensitive_features=groups)


def dec_case(setting: Setting) -> Case:
    """Steps of the refinement, and a new target for them."""
    steps, data = count(setting, 20), two_groups(setting, 2048)
    batch = min(256, len(data[0]))
    loop = dec.DECLoop(*data, CLUSTERS, device=setting.device)
    method = partial(EndlessDEC, pretrain_epochs=1, n_init=1, update_interval=steps, max_iter=10**6, tol=0)
    through = per_image(loop.encoder)
    flops = steps * batch * TRAINING * through + len(data[0]) * through
    return Case(f"DEC step, a new target every {steps}", method, loop, data, steps, flops, phase=1)


def dac_case(setting: Setting) -> Case:
    """An epoch: labels of pairs from the images, the loss from their copies."""
    steps = count(setting, 5)
    data = two_groups(setting, 128 * steps)
    batch = min(128, len(data[0]))
    loop = dac.DACLoop(*data, CLUSTERS, device=setting.device)
    steps = len(data[0]) // batch
    flops = steps * batch * (1 + TRAINING) * per_image(loop.network)
    return Case("DAC step", DAC, loop, data, steps, flops)


def dfc_case(setting: Setting) -> Case:
    """Steps of the joint stage."""
    steps, data = count(setting, 4), two_groups(setting, 2048)
    batch = min(1024, len(data[0]))
    loop = dfc.DFCLoop(*data, CLUSTERS, device=setting.device)
    method = partial(DFC, vae_epochs=1, golden_iterations=0, n_init=1, log_interval=steps)
    flops = steps * batch * TRAINING * per_image(loop.model, side=32)
    return Case("DFC step of the joint stage", method, loop, data, steps, flops, steps * adam_bytes(loop.model), 3)


def dfdc_case(setting: Setting) -> Case:
    """An epoch without fair labels: a step, a power iteration and an adversarial step in one."""
    steps = count(setting, 10)
    data = two_groups(setting, 250 * steps)
    batch = min(250, len(data[0]))
    loop = dfdc.DFDCLoop(*data, CLUSTERS, device=setting.device)
    steps = len(data[0]) // batch
    # The power iteration goes forward, and back to the images alone.
    flops = steps * batch * (TRAINING + 2 + TRAINING) * per_image(loop.network)
    method = partial(DFDC, pretrain_epochs=50)
    moved = steps * adam_bytes(loop.network)
    return Case("DFDC step before the fair labels", method, loop, data, steps, flops, moved, 0)


def clustergan_case(setting: Setting) -> Case:
    """Five steps of the critic and one of generator and encoder."""
    steps, data = count(setting, 1), two_groups(setting, 2048)
    channels, batch = setting.size(64, 8), 64
    loop = clustergan.ClusterGANLoop(*data, CLUSTERS, channels=channels, device=setting.device)
    latent = torch.zeros(2, clustergan.LATENT + CLUSTERS, device=setting.device)
    making = forward_flops(loop.generator, latent)
    reading, judging = per_image(loop.encoder), per_image(loop.critic)
    # The penalty makes two products a layer and differentiates both; the critic's weights are not needed in the end.
    critic_step = making + 2 * TRAINING * judging + (2 + 4) * judging
    forward_step = TRAINING * (making + reading) + 2 * judging
    flops = steps * batch * (5 * critic_step + forward_step)
    moved = steps * (5 * adam_bytes(loop.critic) + adam_bytes(loop.generator) + adam_bytes(loop.encoder))
    # The method writes 100 rows, whatever the number of steps.
    method = partial(ClusterGAN, steps=100 * steps, channels=channels)
    return Case("ClusterGAN step and five of its critic", method, loop, data, steps, flops, moved)


def count(setting: Setting, full: int) -> int:
    """Steps between two rows."""
    return setting.size(full * FASTER if setting.device == "cuda" else full, 1)


def two_groups(setting: Setting, n: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """As many images of one group as of the other."""
    half = setting.size(n, 80) // 2
    return images((half, half), CLUSTERS)


def per_image(network: nn.Module, side: int = 28) -> float:
    """Operations for one image."""
    device = next(network.parameters()).device
    return forward_flops(network, torch.zeros(2, 1, side, side, device=device))
