"""FCMI's epoch, written plainly: embed all, k-means, then one pass with a decoder branch a mask."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.textbook.data import loader

__all__ = ["FCMILoop", "convolutional_encoder"]


def convolutional_encoder(dim: int) -> nn.Module:
    """Images (B, 1, 28, 28) to embeddings (B, dim), not yet of length 1."""
    return nn.Sequential(
        *(nn.Conv2d(1, 16, 3, 1, 1), nn.ReLU()),
        *(nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU()),
        *(nn.Conv2d(32, 32, 3, 1, 1), nn.ReLU()),
        *(nn.Conv2d(32, 16, 3, 2, 1), nn.ReLU()),
        nn.Flatten(),
        *(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, dim)),
    )


def convolutional_branch() -> nn.Module:
    """Maps (B, 16, 7, 7) to images."""
    return nn.Sequential(
        *(nn.ConvTranspose2d(16, 32, 3, 2, 1, 1), nn.ReLU()),
        *(nn.ConvTranspose2d(32, 32, 3, 1, 1), nn.ReLU()),
        *(nn.ConvTranspose2d(32, 16, 3, 2, 1, 1), nn.ReLU()),
        *(nn.ConvTranspose2d(16, 1, 3, 1, 1), nn.Tanh()),
    )


def dense(*widths: int) -> list[nn.Module]:
    """Linear layers, each with batch normalisation and ReLU."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.ReLU()]
    return layers


class Network(nn.Module):
    """Encoder, common decoder layers, and a branch for every group."""

    def __init__(self, shape: tuple[int, ...], dim: int, n_groups: int) -> None:
        super().__init__()
        if len(shape) == 3:
            self.encoder = convolutional_encoder(dim)
            shared: list[nn.Module] = [nn.Linear(dim, 256), nn.ReLU(), nn.Linear(256, 784), nn.ReLU()]
            shared.append(nn.Unflatten(1, (16, 7, 7)))
            branches = [convolutional_branch() for _ in range(n_groups)]
        else:
            d = shape[0]
            self.encoder = nn.Sequential(
                *dense(d, 1024, 1024, 512), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, dim)
            )
            shared = [nn.Linear(dim, 256), nn.ReLU(), nn.Linear(256, 512), nn.ReLU()]
            branches = [nn.Sequential(*dense(512, 1024, 1024), nn.Linear(1024, d), nn.Tanh()) for _ in range(n_groups)]
        self.shared = nn.Sequential(*shared)
        self.branches = nn.ModuleList(branches)

    def forward(self, samples: Tensor, groups: Tensor) -> tuple[Tensor, Tensor]:
        """Unit embeddings, and reconstructions by the branch of each sample's group."""
        hidden = functional.normalize(self.encoder(samples), dim=1)
        common = self.shared(hidden)
        output = torch.zeros_like(samples)
        for group, branch in enumerate(self.branches):
            mask = groups == group
            if mask.sum() == 1:
                output[mask] = branch(common[mask].repeat(2, *[1] * (common.ndim - 1)))[:1]
            elif mask.any():
                output[mask] = branch(common[mask])
        return hidden, output


class FCMILoop:
    """One object a training; :meth:`epoch` makes one epoch."""

    def __init__(
        self, samples: NDArray[np.float32], groups: NDArray[np.int64], n_clusters: int, *, device: str = "cpu"
    ) -> None:
        self.device = device
        self.n_clusters = n_clusters
        self.n_groups = int(groups.max()) + 1
        self.train_loader = loader(samples, groups, 512, train=True)
        self.test_loader = loader(samples, groups, 512, train=False)
        self.network = Network(samples.shape[1:], n_clusters, self.n_groups).to(device)
        self.optimiser = torch.optim.Adam(self.network.parameters(), 1e-3)

    def epoch(self) -> None:
        """Embed, centre, train."""
        centres = self.centres(self.embed())
        self.network.train()
        losses = [self.step(samples, groups, centres) for samples, groups, _ in self.train_loader]
        self.mean_loss = sum(losses) / len(losses)

    def embed(self) -> NDArray[np.float32]:
        """Unit embeddings of all samples in their order."""
        self.network.eval()
        with torch.no_grad():
            parts = [
                functional.normalize(self.network.encoder(batch.to(self.device)), dim=1).cpu()
                for batch, _, _ in self.test_loader
            ]
        return torch.cat(parts).numpy()

    def centres(self, hidden: NDArray[np.float32]) -> Tensor:
        """Unit centres by k-means on at most 1000 samples a cluster."""
        chosen = np.random.default_rng().permutation(len(hidden))[: 1000 * self.n_clusters]
        means = KMeans(self.n_clusters, n_init=10, max_iter=300).fit(hidden[chosen]).cluster_centers_
        return functional.normalize(torch.from_numpy(means).float(), dim=1).to(self.device)

    def step(self, samples: Tensor, groups: Tensor, centres: Tensor) -> float:
        """One step of the optimiser; the loss before it."""
        loss = self.loss(samples.to(self.device), groups.to(self.device), centres)
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        return loss.item()

    def loss(self, samples: Tensor, groups: Tensor, centres: Tensor) -> Tensor:
        """L = L_rec + 0.04 L_clu + 0.2 L_fair."""
        hidden, output = self.network(samples, groups)
        soft = torch.softmax(hidden @ centres.T / 0.1, dim=1)
        counts = torch.stack([soft[groups == group].sum(0) for group in range(self.n_groups)])
        counts = torch.where(counts > 0, counts, counts[counts > 0].min().detach() / 10)
        joint = counts / counts.sum()
        clusters, shares = joint.sum(0), joint.sum(1)
        balance = (clusters * clusters.log()).sum()
        compactness = -(soft * (soft + 1e-8).log()).sum(1).mean()
        fairness = (joint * (joint / (clusters * shares[:, None])).log()).sum()
        return functional.mse_loss(output, samples) + 0.04 * (balance + compactness) + 0.2 * fairness
