"""ClusterGAN, written plainly: five steps of the critic on batches from a loader, then generator and encoder."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.textbook.data import endless, loader

__all__ = ["ClusterGANLoop", "generator", "reader"]

LATENT = 30


def generator(latent: int, channels: int) -> nn.Module:
    """Latent variables to images (B, 1, 28, 28)."""
    c = channels
    return nn.Sequential(
        *(nn.Linear(latent, 16 * c, bias=False), nn.BatchNorm1d(16 * c), nn.ReLU()),
        *(nn.Linear(16 * c, 98 * c, bias=False), nn.Unflatten(1, (2 * c, 7, 7)), nn.BatchNorm2d(2 * c), nn.ReLU()),
        *(nn.ConvTranspose2d(2 * c, c, 4, 2, 1, bias=False), nn.BatchNorm2d(c), nn.ReLU()),
        *(nn.ConvTranspose2d(c, 1, 4, 2, 1), nn.Sigmoid()),
    )


def reader(outputs: int, channels: int) -> nn.Module:
    """Images to outputs: encoder and critic."""
    c = channels
    return nn.Sequential(
        *(nn.Conv2d(1, c, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(c, 2 * c, 4, 2, 1), nn.LeakyReLU(0.2)),
        *(nn.Flatten(), nn.Linear(98 * c, 16 * c), nn.LeakyReLU(0.2), nn.Linear(16 * c, outputs)),
    )


class ClusterGANLoop:
    """One object a training; :meth:`run` makes some steps, each with five of the critic before."""

    def __init__(
        self,
        samples: NDArray[np.float32],
        groups: NDArray[np.int64],
        n_clusters: int,
        *,
        channels: int = 64,
        device: str = "cpu",
    ) -> None:
        self.device = device
        self.n_clusters = n_clusters
        self.batches = endless(loader((samples + np.float32(1)) / np.float32(2), groups, 64, train=True))
        self.generator = generator(LATENT + n_clusters, channels).to(device)
        self.encoder = reader(LATENT + n_clusters, channels).to(device)
        self.critic = reader(1, channels).to(device)
        both = [*self.generator.parameters(), *self.encoder.parameters()]
        self.forward_optimiser = torch.optim.Adam(both, lr=1e-4, betas=(0.5, 0.9))
        self.critic_optimiser = torch.optim.Adam(self.critic.parameters(), lr=1e-4, betas=(0.5, 0.9))

    def run(self, steps: int) -> None:
        """Make `steps` steps."""
        for _ in range(steps):
            for _ in range(5):
                self.critic_step(next(self.batches)[0].to(self.device))
            self.forward_step(64)

    def draw(self, size: int) -> tuple[Tensor, Tensor, Tensor]:
        """Noise, clusters, and both as the generator takes them."""
        noise = 0.1 * torch.randn(size, LATENT)
        clusters = torch.randint(self.n_clusters, (size,))
        code = torch.cat([noise, functional.one_hot(clusters, self.n_clusters).float()], dim=1)
        return noise.to(self.device), clusters.to(self.device), code.to(self.device)

    def critic_step(self, real: Tensor) -> None:
        """Tell real samples from made ones."""
        fake = self.generator(self.draw(len(real))[2]).detach()
        mix = torch.rand(len(real), 1, 1, 1, device=self.device)
        points = (mix * real + (1 - mix) * fake).requires_grad_()
        scores = self.critic(points)
        slope = torch.autograd.grad(scores, points, torch.ones_like(scores), create_graph=True)[0]
        penalty = ((slope.flatten(1).norm(2, dim=1) - 1) ** 2).mean()
        loss = self.critic(real).mean() - self.critic(fake).mean() + 10 * penalty
        self.critic_optimiser.zero_grad()
        loss.backward()
        self.critic_optimiser.step()
        self.last_critic_loss = loss.item()

    def forward_step(self, size: int) -> None:
        """Deceive the critic, and find the latent variables again."""
        noise, clusters, code = self.draw(size)
        fake = self.generator(code)
        found = self.encoder(fake)
        loss = self.critic(fake).mean() + 10 * functional.mse_loss(found[:, :LATENT], noise)
        loss = loss + 10 * functional.cross_entropy(found[:, LATENT:], clusters)
        self.forward_optimiser.zero_grad()
        loss.backward()
        self.forward_optimiser.step()
        self.last_loss = loss.item()
