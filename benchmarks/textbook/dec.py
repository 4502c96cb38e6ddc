"""DEC's refinement, written plainly: assignments by Student's t, a sharpened target over all samples, KL divergence."""

from __future__ import annotations

from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.textbook.data import endless, loader
from benchmarks.textbook.fcmi import convolutional_encoder

__all__ = ["DECLoop"]


class DECLoop:
    """One object a training; :meth:`run` renews the target and makes some steps."""

    def __init__(
        self, samples: NDArray[np.float32], groups: NDArray[np.int64], n_clusters: int, *, device: str = "cpu"
    ) -> None:
        self.device = device
        self.encoder = convolutional_encoder(n_clusters).to(device)
        self.centres = nn.Parameter(torch.randn(n_clusters, n_clusters, device=device))
        self.test_loader = loader(samples, groups, 256, train=False)
        self.batches = endless(loader(samples, groups, 256, train=True))
        self.optimiser = torch.optim.SGD([*self.encoder.parameters(), self.centres], lr=0.01, momentum=0.9)

    def run(self, steps: int) -> None:
        """Renew the target, then `steps` steps."""
        target = self.target()
        for samples, _, index in islice(self.batches, steps):
            assigned = self.assign(samples.to(self.device))
            loss = functional.kl_div(assigned.log(), target[index].to(self.device), reduction="batchmean")
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
            self.last_loss = loss.item()

    def assign(self, samples: Tensor) -> Tensor:
        """Soft assignments q."""
        distance = (self.encoder(samples)[:, None] - self.centres).pow(2).sum(2)
        weight = 1 / (1 + distance)
        return weight / weight.sum(1, keepdim=True)

    def target(self) -> Tensor:
        """Target p of all samples."""
        with torch.no_grad():
            assigned = torch.cat([self.assign(samples.to(self.device)).cpu() for samples, _, _ in self.test_loader])
        weight = assigned**2 / assigned.sum(0)
        return weight / weight.sum(1, keepdim=True)
