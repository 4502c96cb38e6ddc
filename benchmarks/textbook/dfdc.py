"""DFDC's first phase (IMSAT), written plainly: mutual information and virtual adversarial training."""

from __future__ import annotations

from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.textbook.data import endless, loader

__all__ = ["DFDCLoop", "discriminative_network"]


def discriminative_network(n_clusters: int) -> nn.Module:
    """Images (B, 1, 28, 28) to logits."""
    return nn.Sequential(
        *(nn.Conv2d(1, 32, 3, padding=1), nn.MaxPool2d(2), nn.BatchNorm2d(32), nn.ReLU()),
        *(nn.Conv2d(32, 64, 3, padding=1), nn.MaxPool2d(2), nn.BatchNorm2d(64), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(3136, 256), nn.BatchNorm1d(256), nn.ReLU(), nn.Linear(256, n_clusters)),
    )


def kl(first: Tensor, second: Tensor) -> Tensor:
    """KL divergence of two sets of logits, mean over the rows."""
    p, q = torch.softmax(first, dim=1), torch.softmax(second, dim=1)
    return (p * ((p + 1e-8).log() - (q + 1e-8).log())).sum(1).mean()


def unit(images: Tensor) -> Tensor:
    """Every image scaled to length 1."""
    return functional.normalize(images.flatten(1), dim=1).view_as(images)


class DFDCLoop:
    """One object a training; :meth:`run` makes some steps."""

    def __init__(
        self, samples: NDArray[np.float32], groups: NDArray[np.int64], n_clusters: int, *, device: str = "cpu"
    ) -> None:
        self.device = device
        self.network = discriminative_network(n_clusters).to(device).train()
        self.batches = endless(loader(samples, groups, 250, train=True))
        self.optimiser = torch.optim.Adam(self.network.parameters(), lr=2e-3)
        self.radius = torch.full((len(samples), 1, 1, 1), 2.0)

    def run(self, steps: int) -> None:
        """Make `steps` steps."""
        for images, _, index in islice(self.batches, steps):
            loss = self.loss(images.to(self.device), self.radius[index].to(self.device))
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
            self.last_loss = loss.item()

    def loss(self, images: Tensor, radius: Tensor) -> Tensor:
        """H(Y|X) - 4 H(Y) + 10 times the adversarial change."""
        logits = self.network(images)
        soft = torch.softmax(logits, dim=1)
        certainty = -(soft * (soft + 1e-8).log()).sum(1).mean()
        mean = soft.mean(0)
        balance = -(mean * (mean + 1e-8).log()).sum()
        return certainty - 4 * balance + 10 * self.adversarial_change(images, logits.detach(), radius)

    def adversarial_change(self, images: Tensor, logits: Tensor, radius: Tensor) -> Tensor:
        """KL divergence to the prediction at the worst place nearby."""
        direction = unit(torch.randn_like(images)).requires_grad_()
        change = kl(logits, self.network(images + 10 * direction))
        worst = unit(torch.autograd.grad(change, direction)[0])
        return kl(logits, self.network(images + radius * worst))
