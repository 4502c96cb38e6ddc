"""Virtual adversarial training: predictions should not change in the direction in which they change most.

Miyato, Maeda, Koyama and Ishii, "Virtual Adversarial Training", arXiv:1704.03976; radius and constants as in IMSAT (Hu
et al., "Learning Discrete Representations via Information Maximizing Self-Augmented Training", ICML 2017,
arXiv:1702.08720) and its official code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.functional import log_softmax

__all__ = [
    "adversarial_direction",
    "divergence",
    "frozen_statistics",
    "neighbour_distance",
    "virtual_adversarial_loss",
]

# Distances held at once.
BLOCK_ENTRIES = 1 << 25


def neighbour_distance(samples: Tensor, neighbours: int) -> Tensor:
    """Euclidean distance of every sample to its nearest, second nearest, ... other sample.

    Exact over all samples; distances are made in blocks of rows, so memory does not grow with n².

    Parameters
    ----------
    samples : Tensor of shape (n, ...), float32
        Samples; flattened.
    neighbours : int
        Which neighbour, 1 for the nearest. Of fewer other samples, the farthest is taken; of none, the distance is 0.

    Returns
    -------
    Tensor of shape (n,), float32
    """
    rows = samples.flatten(1)
    n = len(rows)
    rank = min(neighbours, n - 1)
    if rank == 0:
        return torch.zeros(n, device=rows.device)
    # The expansion of the square loses digits far from the origin.
    rows = rows - rows.mean(0)
    squares = rows.square().sum(1)
    found: list[Tensor] = []
    size = max(1, BLOCK_ENTRIES // n)
    for start in range(0, n, size):
        block = rows[start : start + size]
        distance = torch.addmm(squares, block, rows.T, alpha=-2)
        own = torch.arange(len(block), device=rows.device)
        distance[own, start + own] = torch.inf
        nearest = distance.topk(rank, dim=1, largest=False, sorted=False).values.amax(1)
        found.append((nearest + squares[start : start + size]).clamp_min(0).sqrt())
    return torch.cat(found)


def divergence(logits: Tensor, other: Tensor) -> Tensor:
    """KL(softmax(logits) ‖ softmax(other)) in nats, mean over the rows; both of shape (B, K)."""
    log_first, log_second = log_softmax(logits, dim=1), log_softmax(other, dim=1)
    return (log_first.exp() * (log_first - log_second)).sum(1).mean()


def adversarial_direction(
    forward: Callable[[Tensor], Tensor],
    samples: Tensor,
    logits: Tensor,
    start: Tensor,
    *,
    xi: float,
    iterations: int = 1,
) -> Tensor:
    """Unit direction in which the predictions of each sample change most, by power iteration.

    KL(y ‖ y(x + ξ d)) has its minimum at d = 0, so its gradient at ξ d is, for small ξ, its Hessian times d: every
    iteration takes d to the gradient's direction, which tends to the leading eigenvector.

    Parameters
    ----------
    forward : callable
        (B, ...) to logits (B, K), float32.
    samples : Tensor of shape (B, ...)
        Samples x.
    logits : Tensor of shape (B, K)
        ``forward(samples)``, taken as a constant.
    start : Tensor
        Random direction for every sample, in the shape of `samples`.
    xi : float
        Length ξ of the step at which the gradient is taken.
    iterations : int
        Power iterations.

    Returns
    -------
    Tensor
        In the shape of `samples`; length 1 for every sample, or 0 where the predictions do not change at all.
    """
    target = logits.detach()
    direction = unit(start)
    for _ in range(iterations):
        direction.requires_grad_()
        change = divergence(target, forward(samples + xi * direction))
        (gradient,) = torch.autograd.grad(change, direction)
        direction = unit(gradient)
    return direction


def virtual_adversarial_loss(
    forward: Callable[[Tensor], Tensor],
    samples: Tensor,
    logits: Tensor,
    radius: Tensor,
    start: Tensor,
    *,
    xi: float,
) -> Tensor:
    """KL(y ‖ y(x + t)) with t in the adversarial direction, mean over the batch; y is taken as a constant.

    Parameters
    ----------
    forward, samples, logits, start, xi
        As for :func:`adversarial_direction`.
    radius : Tensor of shape (B,)
        Length of t for every sample.

    Returns
    -------
    Tensor, scalar
        At least 0.
    """
    direction = adversarial_direction(forward, samples, logits, start, xi=xi)
    length = radius.reshape(-1, *[1] * (samples.ndim - 1))
    return divergence(logits.detach(), forward(samples + length * direction))


@contextmanager
def frozen_statistics(network: nn.Module) -> Iterator[None]:
    """Context in which batch normalisation uses the statistics of a batch, but its running ones stay as they are."""
    kinds = (nn.BatchNorm1d, nn.BatchNorm2d)
    layers = [layer for layer in network.modules() if isinstance(layer, kinds) and layer.track_running_stats]
    for layer in layers:
        layer.track_running_stats = False
    try:
        yield
    finally:
        for layer in layers:
            layer.track_running_stats = True


def unit(rows: Tensor) -> Tensor:
    """Every sample of `rows` scaled to length 1; zeros stay."""
    flat = rows.detach().flatten(1)
    tiny = torch.finfo(flat.dtype).tiny
    # Squares of a gradient of a certain prediction would round to 0.
    flat = flat / flat.abs().amax(1, keepdim=True).clamp_min(tiny)
    length = flat.square().sum(1, keepdim=True).sqrt()
    return (flat / length.clamp_min(tiny)).view_as(rows)
