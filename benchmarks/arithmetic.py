"""Operations counted from the shapes of layers, and bytes from the number of weights."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

__all__ = ["TRAINING", "adam_bytes", "forward_flops"]

# The backward pass makes two products, by inputs and by weights, for every one of the forward pass.
TRAINING = 3
# Adam reads weight, gradient and two moments, and writes all but the gradient.
ADAM_ACCESSES = 7
FLOAT_BYTES = 4


def forward_flops(network: nn.Module, *inputs: Tensor) -> float:
    """Floating point operations for one sample in convolutions and linear layers; a multiply-add counts as two.

    Parameters
    ----------
    network : Module
        Left in the mode it is in.
    *inputs : Tensor of shape (B, ...)
        What it takes; B samples that all go the same way.
    """
    total = 0

    def count(layer: nn.Module, given: tuple[Tensor, ...], result: Tensor) -> None:
        nonlocal total
        if isinstance(layer, nn.ConvTranspose2d):
            total += 2 * given[0].numel() * math.prod(layer.weight.shape[1:])
        elif isinstance(layer, nn.Conv2d | nn.Linear):
            total += 2 * result.numel() * math.prod(layer.weight.shape[1:])

    hooks = [layer.register_forward_hook(count) for layer in network.modules()]
    training = network.training
    try:
        with torch.no_grad():
            network.eval()(*inputs)
    finally:
        network.train(training)
        for hook in hooks:
            hook.remove()
    return total / len(inputs[0])


def adam_bytes(network: nn.Module) -> int:
    """Bytes that one step of Adam moves."""
    return ADAM_ACCESSES * FLOAT_BYTES * sum(weight.numel() for weight in network.parameters())
