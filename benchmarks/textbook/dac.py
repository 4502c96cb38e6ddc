"""DAC, written plainly: pairs labelled by the samples, the loss on copies that are moved one at a time on the CPU."""

from __future__ import annotations

from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import affine_transform
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from benchmarks.textbook.data import endless

__all__ = ["DACLoop", "label_network"]


class Copies(Dataset[tuple[Tensor, Tensor]]):
    """An image and a random copy of it: rotated, shifted, zoomed and brightened, as image generators do it."""

    def __init__(self, images: NDArray[np.float32]) -> None:
        self.images = images
        self.rng = np.random.default_rng(0)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image = self.images[index]
        return torch.from_numpy(image), torch.from_numpy(self.copy(image))

    def copy(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """A new image."""
        side = image.shape[1]
        angle = np.radians(self.rng.uniform(-10, 10))
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        matrix = turn * self.rng.uniform(0.95, 1.05, size=2)
        middle = (side - 1) / 2
        offset = middle - matrix @ [middle, middle] + self.rng.uniform(-0.1, 0.1, size=2) * side
        moved = np.stack([affine_transform(plane, matrix, offset, order=1, mode="nearest") for plane in image])
        brighter = moved + self.rng.uniform(-0.05, 0.05) * (image.max() - image.min())
        return np.clip(brighter, image.min(), image.max()).astype(np.float32)


def label_network(n_clusters: int) -> nn.Module:
    """The network of the MNIST script, for images (B, 1, 28, 28); its output is a softmax."""
    layers: list[nn.Module] = []
    for inputs, outputs in ((1, 64), (64, 128)):
        for depth in range(3):
            layers += [nn.Conv2d(outputs if depth else inputs, outputs, 3, bias=False)]
            layers += [nn.BatchNorm2d(outputs), nn.ReLU()]
        layers += [nn.MaxPool2d(2), nn.BatchNorm2d(outputs)]
    layers += [nn.Conv2d(128, n_clusters, 1, bias=False), nn.BatchNorm2d(n_clusters), nn.ReLU()]
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.BatchNorm1d(n_clusters)]
    for _ in range(2):
        layers += [nn.Linear(n_clusters, n_clusters, bias=False), nn.BatchNorm1d(n_clusters), nn.ReLU()]
    return nn.Sequential(*layers, nn.Softmax(dim=1))


class DACLoop:
    """One object a training; :meth:`run` makes some steps."""

    def __init__(
        self, samples: NDArray[np.float32], groups: NDArray[np.int64], n_clusters: int, *, device: str = "cpu"
    ) -> None:
        self.device = device
        self.network = label_network(n_clusters).to(device).train()
        size = min(128, len(samples))
        self.batches = endless(DataLoader(Copies(samples), batch_size=size, shuffle=True, drop_last=True))
        self.optimiser = torch.optim.RMSprop(self.network.parameters(), lr=1e-3, alpha=0.9)
        self.upper, self.lower = 0.95, 0.455

    def run(self, steps: int) -> None:
        """Make `steps` steps."""
        for images, copies in islice(self.batches, steps):
            with torch.no_grad():
                similarities = self.similarities(images.to(self.device))
            same, different = similarities > self.upper, similarities < self.lower
            learnt = self.similarities(copies.to(self.device))
            attraction = -learnt.clamp(1e-10, 1).log()
            repulsion = -(1 - learnt).clamp(1e-10, 1).log()
            loss = (same * attraction + different * repulsion).mean()
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
            self.last_loss = loss.item()

    def similarities(self, images: Tensor) -> Tensor:
        """Cosines of all pairs of label features."""
        features = functional.normalize(self.network(images), dim=1)
        return features @ features.T
