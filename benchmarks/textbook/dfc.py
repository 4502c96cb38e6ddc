"""DFC's joint stage, written plainly: a loader a group, frozen encoders of the groups run along, a critic."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.textbook.data import endless, loader

__all__ = ["DFCLoop", "Encoder"]


class Encoder(nn.Module):
    """Images (B, 1, 32, 32) to draws from a latent space of 64 dimensions."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs, stride in ((1, 16, 1), (16, 32, 2), (32, 32, 1), (32, 16, 2)):
            layers += [nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
        self.trunk = nn.Sequential(*layers, nn.Flatten(), nn.Linear(1024, 512), nn.BatchNorm1d(512), nn.ReLU())
        self.mean = nn.Linear(512, 64)
        self.log_variance = nn.Linear(512, 64)

    def forward(self, images: Tensor) -> Tensor:
        """Draws while training, means otherwise."""
        code = self.trunk(images)
        mean, log_variance = self.mean(code), self.log_variance(code)
        return mean + (log_variance / 2).exp() * torch.randn_like(mean) if self.training else mean


class Assignment(nn.Module):
    """Soft assignment by Student's t."""

    def __init__(self, n_clusters: int) -> None:
        super().__init__()
        self.centres = nn.Parameter(nn.init.xavier_uniform_(torch.empty(n_clusters, 64)))

    def forward(self, latent: Tensor) -> Tensor:
        """(B, 64) to (B, K)."""
        weight = 1 / (1 + (latent[:, None] - self.centres).pow(2).sum(2))
        return weight / weight.sum(1, keepdim=True)


class Reversal(torch.autograd.Function):
    """The identity, with gradients reversed."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, coefficient: float) -> Tensor:
        """Nothing happens."""
        ctx.coefficient = coefficient
        return values.view_as(values)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """Gradients change sign."""
        return -ctx.coefficient * gradient, None


def critic(n_clusters: int) -> nn.Module:
    """Guesses the group from the assignment."""
    hidden = [nn.Linear(n_clusters, 32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, 32), nn.ReLU(), nn.Dropout(0.5)]
    return nn.Sequential(*hidden, nn.Linear(32, 1), nn.Sigmoid())


class DFCLoop:
    """One object a training; :meth:`run` makes some steps."""

    def __init__(
        self, samples: NDArray[np.float32], groups: NDArray[np.int64], n_clusters: int, *, device: str = "cpu"
    ) -> None:
        self.device = device
        padded = np.pad((samples + 1) / 2, ((0, 0), (0, 0), (2, 2), (2, 2)), mode="edge").astype(np.float32)
        self.loaders = [endless(loader(padded[groups == g], groups[groups == g], 512, train=True)) for g in (0, 1)]
        self.model = nn.Sequential(Encoder(), Assignment(n_clusters)).to(device).train()
        self.golden = [nn.Sequential(Encoder(), Assignment(n_clusters)).to(device).eval() for _ in (0, 1)]
        self.critic = critic(n_clusters).to(device).train()
        parts = [{"params": self.model.parameters(), "lr": 1e-2}, {"params": self.critic.parameters(), "lr": 1e-1}]
        self.optimiser = torch.optim.Adam(parts, weight_decay=5e-4)
        self.done, self.iterations = 0, 20_000

    def run(self, steps: int) -> None:
        """Make `steps` steps."""
        for _ in range(steps):
            batches = [next(batches)[0].to(self.device) for batches in self.loaders]
            loss = self.loss(batches)
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
            self.last_loss = loss.item()
            self.done += 1

    def loss(self, batches: list[Tensor]) -> Tensor:
        """Clustering, structure and fairness."""
        progress = self.done / self.iterations
        assigned = self.model(torch.cat(batches))
        clustering = structure = torch.zeros((), device=self.device)
        for soft, images, golden in zip(assigned.chunk(2), batches, self.golden, strict=True):
            with torch.no_grad():
                expected = golden(images)
                weight = soft**2 / soft.sum(0)
                target = weight / weight.sum(1, keepdim=True)
            clustering = clustering + functional.kl_div(soft.log(), target, reduction="sum") / 2
            structure = structure + (soft @ soft.T - expected @ expected.T).pow(2).sum() / 2
        guess = self.critic(Reversal.apply(assigned, 2 / (1 + math.exp(-10 * progress)) - 1))[:, 0]
        first = torch.cat([torch.ones(len(batches[0])), torch.zeros(len(batches[1]))]).to(self.device)
        for group, rate in zip(self.optimiser.param_groups, (1e-2, 1e-1), strict=True):
            group["lr"] = rate * (1 + 10 * progress) ** -0.75
        return clustering + structure + functional.binary_cross_entropy(guess, first)
