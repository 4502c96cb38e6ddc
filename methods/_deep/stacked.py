"""The branches of a vector decoder, one a group, as one batched product a layer."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self, TypeVar, cast

import torch
from torch import Tensor, nn

__all__ = ["Padding", "StackedBatchNorm", "StackedBranches", "StackedLinear"]

# Tensor cores take rows of a whole number of 16 bytes.
ALIGNED = 8

Layer = TypeVar("Layer", bound=nn.Module)


@dataclass(frozen=True)
class Padding:
    """Places of rows sorted by group in a block (T, m, width), m being the size of the largest group rounded up.

    Parameters
    ----------
    slots : Tensor of shape (B,), int64
        Place of every row in the block, groups one after the other.
    share : Tensor of shape (T, m, 1), float32
        Weight of every place in the mean of its group: 1 / size where there is a row, 0 elsewhere.
    sizes : Tensor of shape (T, 1), int64
        Rows of every group.
    """

    slots: Tensor
    share: Tensor
    sizes: Tensor

    @classmethod
    def of(cls, sizes: Sequence[int], device: torch.device) -> Self:
        """Places for groups of these sizes, 0 allowed; the host does not wait for the device."""
        counts = torch.tensor(sizes)
        length = -(-max(sizes) // ALIGNED) * ALIGNED
        shift = torch.arange(len(counts)) * length - (counts.cumsum(0) - counts)
        slots = _upload(torch.arange(sum(sizes)) + shift.repeat_interleave(counts), device)
        rows = _upload(counts, device)[:, None]
        filled = torch.arange(length, device=device) < rows
        return cls(slots, (filled / rows.clamp(min=1))[..., None], rows)

    def pad(self, rows: Tensor) -> Tensor:
        """(B, d) to (T, m, d), with zeros where there is no row."""
        n_groups, length, _ = self.share.shape
        block = rows.new_zeros(n_groups * length, rows.shape[1]).index_copy(0, self.slots, rows)
        return block.view(n_groups, length, -1)

    def rows(self, block: Tensor) -> Tensor:
        """(T, m, d) to (B, d): inverse of :meth:`pad`."""
        return block.flatten(0, 1).index_select(0, self.slots)


class StackedLinear(nn.Module):
    """Linear layers of T branches as one product.

    Parameters
    ----------
    layers : sequence of Linear
        One a branch, all of one size; their values are copied into ``weight`` (T, out, in) and ``bias`` (T, out).
    """

    def __init__(self, layers: Sequence[nn.Linear]) -> None:
        super().__init__()
        self.weight = nn.Parameter(_stack(layer.weight for layer in layers))
        self.bias = nn.Parameter(_stack(layer.bias for layer in layers))

    def forward(self, block: Tensor) -> Tensor:
        """(T, m, in) to (T, m, out)."""
        # With the weight on the left its gradient has its own layout, and is not copied.
        return torch.baddbmm(self.bias[..., None], self.weight, block.mT).mT

    def branch(self, group: int) -> nn.Linear:
        """The layer of one branch, its values copied."""
        _, outputs, inputs = self.weight.shape
        return _filled(nn.Linear(inputs, outputs, device="meta"), self, group)


class StackedBatchNorm(nn.Module):
    """Batch normalisation of T branches, each over the rows of its own group.

    As :class:`BatchNorm1d`: the biased variance normalises, the unbiased one goes into the running variance. A group of
    one row counts as two equal rows, as in :class:`PairedBatchNorm`; an absent group keeps its running statistics.

    Parameters
    ----------
    layers : sequence of BatchNorm1d
        One a branch, all of one width w; their values are copied into tensors of shape (T, w).

    Raises
    ------
    TypeError
        If they average over all batches, which is ``momentum=None``.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, layers: Sequence[nn.BatchNorm1d]) -> None:
        super().__init__()
        first = layers[0]
        if first.momentum is None:
            raise TypeError("running statistics with a momentum are stacked, not cumulative ones")
        self.kind, self.eps, self.momentum = type(first), first.eps, first.momentum
        self.weight = nn.Parameter(_stack(layer.weight for layer in layers))
        self.bias = nn.Parameter(_stack(layer.bias for layer in layers))
        for name in ("running_mean", "running_var", "num_batches_tracked"):
            self.register_buffer(name, _stack(getattr(layer, name) for layer in layers))

    def forward(self, block: Tensor, padding: Padding) -> Tensor:
        """(T, m, w) to (T, m, w), computed in float32 whatever the type; empty places hold no meaning."""
        values = block.float()
        if self.training:
            mean = (values * padding.share).sum(1, keepdim=True)
            centred = values - mean
            variance = (centred.square() * padding.share).sum(1, keepdim=True)
            self._track(mean.detach()[:, 0], variance.detach()[:, 0], padding.sizes)
        else:
            centred, variance = values - self.running_mean[:, None], self.running_var[:, None]
        scale = (variance + self.eps).rsqrt() * self.weight[:, None]
        return torch.addcmul(self.bias[:, None], centred, scale).to(block.dtype)

    def _track(self, mean: Tensor, variance: Tensor, sizes: Tensor) -> None:
        momentum = self.momentum * (sizes > 0)
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(variance * (sizes / (sizes - 1).clamp(min=1)), momentum)
        self.num_batches_tracked += sizes[:, 0] > 0

    def branch(self, group: int) -> nn.BatchNorm1d:
        """The layer of one branch, its values copied."""
        layer = self.kind(self.weight.shape[1], eps=self.eps, momentum=self.momentum, device="meta")
        return _filled(layer, self, group)


class StackedBranches(nn.Module):
    """Branches of equal form, computed together: what T separate branches compute, up to rounding.

    A separate branch whose group is absent from a batch has no gradient, and Adam passes it over: its weights, moments
    and count of steps stay. Here its gradient is zero: the moments decay, the weights still move by what is left of
    the first one, and the count of steps, one for all branches, goes on. So weights trained in the two forms part at
    the first batch that lacks a group.

    Parameters
    ----------
    branches : sequence of Module
        One a group: Sequential, of Linear, BatchNorm1d and layers without parameters. Their values are copied.

    Raises
    ------
    TypeError
        For other layers with parameters.
    """

    def __init__(self, branches: Sequence[nn.Module]) -> None:
        super().__init__()
        self.n_groups = len(branches)
        self.layers = nn.ModuleList(
            _stacked(layers) for layers in zip(*(branch.children() for branch in branches), strict=True)
        )

    def __len__(self) -> int:
        """Number of branches T."""
        return self.n_groups

    def forward(self, rows: Tensor, sizes: Sequence[int]) -> Tensor:
        """(B, d) to (B, out): rows sorted by group, the first ``sizes[0]`` through branch 0, and so on."""
        padding = Padding.of(sizes, rows.device)
        block = padding.pad(rows)
        for layer in self.layers:
            block = layer(block, padding) if isinstance(layer, StackedBatchNorm) else layer(block)
        return padding.rows(block)

    def separate(self) -> list[nn.Sequential]:
        """Separate branches with copies of the present values."""
        return [
            nn.Sequential(*(_branch(layer, group) for layer in self.layers)).train(self.training)
            for group in range(self.n_groups)
        ]


def _stacked(layers: Sequence[nn.Module]) -> nn.Module:
    first = layers[0]
    if isinstance(first, nn.Linear):
        return StackedLinear(cast(Sequence[nn.Linear], layers))
    if isinstance(first, nn.BatchNorm1d):
        return StackedBatchNorm(cast(Sequence[nn.BatchNorm1d], layers))
    if any(True for _ in first.parameters()):
        raise TypeError(f"{type(first).__name__} is not stacked; branches take Linear and BatchNorm1d")
    return first


def _branch(layer: nn.Module, group: int) -> nn.Module:
    return layer.branch(group) if isinstance(layer, StackedLinear | StackedBatchNorm) else copy.deepcopy(layer)


def _stack(tensors: Iterable[Tensor]) -> Tensor:
    return torch.stack([tensor.detach() for tensor in tensors])


def _filled(layer: Layer, stacked: StackedLinear | StackedBatchNorm, group: int) -> Layer:
    # Built without values, the layer took none from the random generator.
    layer.to_empty(device=stacked.weight.device)
    layer.load_state_dict({name: values[group] for name, values in stacked.state_dict().items()})
    return layer


def _upload(tensor: Tensor, device: torch.device) -> Tensor:
    # From pageable memory the copy would make the host wait for all that the device has yet to do.
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor
