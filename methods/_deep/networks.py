"""The auto-encoders of the deep methods: one encoder for all groups, one decoder branch for each.

Layer sizes are those of FCMI's official code (Zeng et al., CVPR 2023; the paper names only the kind of network).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize
from torch.nn.utils import convert_conv2d_weight_memory_format

from bench.errors import UnsupportedInputError

from .stacked import StackedBranches

__all__ = ["AutoEncoder", "GroupDecoder", "build_autoencoder", "image_size", "plain_autoencoder"]

CONV_CHANNELS = (16, 32, 32, 16)
CONV_STRIDES = (1, 2, 1, 2)
# Images whose largest maps fit into a processor's cache: 6 MB of 28 x 28 x 16 in either arithmetic.
PIECE = 128
PIECE_BFLOAT16 = 256
FC_WIDTHS = (1024, 1024, 512)
CODE_WIDTH = 256
# The symmetric network of the stacked auto-encoder baselines (Xie et al., ICML 2016): D-500-500-2000-10.
PLAIN_WIDTHS = (500, 500, 2000)


class AutoEncoder(nn.Module):
    """An encoder and a decoder that is told the group of every sample.

    Parameters
    ----------
    encoder : Module
        (B, ...) to (B, d).
    decoder : GroupDecoder
        (B, d) and group sizes to (B, ...).
    """

    def __init__(self, encoder: nn.Module, decoder: GroupDecoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder

    def forward(self, samples: Tensor, sizes: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Embedding (B, d) and reconstruction (B, ...) of samples sorted by group, `sizes` of each group."""
        hidden: Tensor = self.encoder(samples)
        return hidden, self.decoder(hidden, sizes)


class GroupDecoder(nn.Module):
    """Decoder with a common part and one branch a group: Φ(h_i) = φ_{g_i}(h_i) below Eq. 11 of the FCMI paper.

    Parameters
    ----------
    shared : Module
        Layers that all groups have in common.
    branches : sequence of Module
        The layers φ_t of every group t.

    Attributes
    ----------
    branches : ModuleList or StackedBranches
        Separate, or computed together after :meth:`stack`.
    """

    branches: nn.ModuleList | StackedBranches

    def __init__(self, shared: nn.Module, branches: Sequence[nn.Module]) -> None:
        super().__init__()
        self.shared = shared
        self.branches = nn.ModuleList(branches)

    def forward(self, hidden: Tensor, sizes: Sequence[int]) -> Tensor:
        """Reconstruct embeddings sorted by group: the first ``sizes[0]`` rows by branch 0, and so on."""
        common: Tensor = self.shared(hidden)
        if isinstance(self.branches, StackedBranches):
            rows: Tensor = self.branches(common, sizes)
            return rows
        parts = torch.split(common, list(sizes))
        return torch.cat([branch(part) for branch, part in zip(self.branches, parts, strict=True) if len(part)])

    def stack(self) -> None:
        """Compute fully connected branches together from here on; new parameters take over the present values.

        For a GPU, where many small products cost their launches: every branch is padded to the rows of the largest
        group. A CPU has no such cost, and separate branches are faster there.
        """
        if isinstance(self.branches, nn.ModuleList):
            self.branches = StackedBranches(list(self.branches))

    def separate(self) -> None:
        """Undo :meth:`stack`: separate branches with the present values."""
        if isinstance(self.branches, StackedBranches):
            self.branches = nn.ModuleList(self.branches.separate())


def build_autoencoder(
    shape: Sequence[int], embedding_dim: int, n_groups: int = 1, *, unit_norm: bool = False, stacked: bool = False
) -> AutoEncoder:
    """The matched backbone: convolutional for images, fully connected for vectors.

    Parameters
    ----------
    shape : (d,) or (channels, side, side)
        Shape of one sample.
    embedding_dim : int
        Size of the embedding.
    n_groups : int
        Number of decoder branches.
    unit_norm : bool
        Whether embeddings are scaled to length 1.
    stacked : bool
        Whether branches for vectors are computed together (:meth:`GroupDecoder.stack`); those for images never are.

    Returns
    -------
    AutoEncoder
        In the memory format the convolutions are fastest in, with torch's default initial weights.

    Raises
    ------
    UnsupportedInputError
        For images that are not square or whose side is not divisible by 4.
    """
    if len(shape) == 1:
        encoder, decoder = _fully_connected(shape[0], embedding_dim, n_groups)
        if stacked:
            decoder.stack()
    else:
        encoder, decoder = _convolutional(*image_size(shape), embedding_dim, n_groups)
    if unit_norm:
        encoder.append(UnitNorm())
    network = AutoEncoder(encoder, decoder)
    convert_conv2d_weight_memory_format(network, torch.channels_last)
    return network


def plain_autoencoder(n_features: int, embedding_dim: int) -> AutoEncoder:
    """Symmetric D-500-500-2000-d network, ReLU between, linear embedding and output; biases start at 0.

    Initial weights are uniform in ±sqrt(1 / fan-in), which is torch's default.
    """
    widths = (n_features, *PLAIN_WIDTHS, embedding_dim)
    network = AutoEncoder(_mlp(widths), GroupDecoder(nn.Identity(), [_mlp(widths[::-1])]))
    for module in network.modules():
        if isinstance(module, nn.Linear):
            nn.init.zeros_(module.bias)
    return network


class UnitNorm(nn.Module):
    """Scale rows to length 1, in float32."""

    def forward(self, rows: Tensor) -> Tensor:
        """(B, d) to (B, d)."""
        return normalize(rows.float(), dim=1)


class PairedBatchNorm(nn.BatchNorm1d):
    """Batch normalisation that trains on a single row by taking it twice, as the official code does."""

    def forward(self, rows: Tensor) -> Tensor:
        """(B, d) to (B, d)."""
        if self.training and len(rows) == 1:
            rows = rows.repeat(2, 1)
            return super().forward(rows)[:1]
        return super().forward(rows)


class PixelsToRow(nn.Module):
    """(B, c, h, w) to (B, h·w·c): the order in which channels-last memory lies, so nothing is copied."""

    def forward(self, maps: Tensor) -> Tensor:
        """Flatten."""
        return maps.permute(0, 2, 3, 1).flatten(1)


class RowToPixels(nn.Module):
    """(B, h·w·c) to (B, c, h, w): inverse of :class:`PixelsToRow`."""

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        self.size = (side, side, channels)

    def forward(self, rows: Tensor) -> Tensor:
        """Unflatten."""
        return rows.view(-1, *self.size).permute(0, 3, 1, 2)


class InPieces(nn.Sequential):
    """Layers through which a CPU takes a batch piece by piece, so that every map is still in the cache when it is read.

    Only for layers that treat samples one by one. A GPU takes the batch whole.
    """

    def forward(self, batch: Tensor) -> Tensor:
        """(B, ...) to (B, ...)."""
        size = PIECE_BFLOAT16 if torch.is_autocast_enabled("cpu") else PIECE
        if batch.device.type != "cpu" or len(batch) <= size:
            return self._through(batch)
        return torch.cat([self._through(piece) for piece in torch.split(batch, size)])

    def _through(self, rows: Tensor) -> Tensor:
        for layer in self:
            rows = layer(rows)
        return rows


def _convolutional(channels: int, side: int, dim: int, n_groups: int) -> tuple[nn.Sequential, GroupDecoder]:
    planes = (channels, *CONV_CHANNELS)
    layers: list[nn.Module] = []
    for (inputs, outputs), stride in zip(pairwise(planes), CONV_STRIDES, strict=True):
        layers += [nn.Conv2d(inputs, outputs, 3, stride, padding=1), nn.ReLU(inplace=True)]
    small, last = side // 4, CONV_CHANNELS[-1]
    code = small * small * last
    encoder = nn.Sequential(InPieces(*layers), PixelsToRow(), *_mlp((code, CODE_WIDTH, dim)))
    shared = nn.Sequential(*_mlp((dim, CODE_WIDTH, code)), nn.ReLU(inplace=True), RowToPixels(last, small))
    return encoder, GroupDecoder(shared, [_convolutional_branch(channels) for _ in range(n_groups)])


def _convolutional_branch(channels: int) -> nn.Sequential:
    planes = (*CONV_CHANNELS[::-1], channels)
    layers: list[nn.Module] = []
    for (inputs, outputs), stride in zip(pairwise(planes), CONV_STRIDES[::-1], strict=True):
        up = nn.ConvTranspose2d(inputs, outputs, 3, stride, padding=1, output_padding=stride - 1)
        layers += [up, nn.ReLU(inplace=True)]
    return InPieces(*layers[:-1], nn.Tanh())


def _fully_connected(features: int, dim: int, n_groups: int) -> tuple[nn.Sequential, GroupDecoder]:
    encoder = nn.Sequential(*_normalised_mlp((features, *FC_WIDTHS)), *_mlp((FC_WIDTHS[-1], CODE_WIDTH, dim)))
    shared = nn.Sequential(*_mlp((dim, CODE_WIDTH, FC_WIDTHS[-1])), nn.ReLU(inplace=True))
    return encoder, GroupDecoder(shared, [_fully_connected_branch(features) for _ in range(n_groups)])


def _fully_connected_branch(features: int) -> nn.Sequential:
    return nn.Sequential(*_normalised_mlp(FC_WIDTHS[::-1]), nn.Linear(FC_WIDTHS[0], features), nn.Tanh())


def _mlp(widths: Sequence[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers[:-1])


def _normalised_mlp(widths: Sequence[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), PairedBatchNorm(outputs), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


def image_size(shape: Sequence[int]) -> tuple[int, int]:
    """Channels and side of square images (channels, side, side) that can be halved twice.

    Raises
    ------
    UnsupportedInputError
        If they are not square, or their side is not divisible by 4.
    """
    channels, height, width = shape
    if height != width or height % 4:
        raise UnsupportedInputError(
            f"images are {height}x{width}; the convolutional network takes square ones with a side divisible by 4: "
            "pad, crop or resize them, or pass them as vectors"
        )
    return channels, height
