"""Color Reverse MNIST: every digit once light on dark, once dark on light."""

from __future__ import annotations

import numpy as np

from bench.adapters import Dataset, FairData
from bench.data.store import Store
from bench.metadata import DataFile, DatasetInfo

from ._corruption import check_corruption, corrupt_colours
from ._images import blank, check_size, paste
from ._mnist import read_mnist


class ReverseMnist(Dataset):
    """60,000 MNIST images and their inverted copies in the same order, in [-1, 1].

    Parameters
    ----------
    corruption : float
        Share of background pixels that are flipped to the other colour, at least 0 and below 1. Table 4 of the
        reproducibility report of DFC has 0.1 and 0.4.
    corrupt : {"mnist", "reverse", "both"}
        The group in which they are: the originals, the inverted copies, or both.
    size : {28, 32}
        Height and width. 32: padded with 2 pixels of each group's own background, as in the report.
    seed : int
        Seed of the flipped pixels; part of the data set, not of a run.

    Notes
    -----
    Background is every pixel whose value is exactly the background's: -1 in an original, +1 in an inverted copy.
    This includes the padding and the inside of loops, and leaves out the grey rim of strokes. Every background
    pixel is flipped on its own, so the share holds on average. The report's code does the same, but draws again
    whenever it shows an image, and raises grey pixels of strokes to full contrast where it hits them. Here the
    pixels are drawn once: methods train on the same images that are evaluated.
    """

    info = DatasetInfo(
        name="reverse_mnist",
        title="Color Reverse MNIST",
        target="digit",
        sensitive="colour",
        kind="image",
        n=120000,
        k=10,
        n_groups=2,
        reference="LeCun, Bottou, Bengio and Haffner, Gradient-based learning applied to document recognition, "
        "Proc. IEEE 86(11), 1998",
        doi="10.1109/5.726791",
        licence="CC BY-SA 3.0",
        files=(
            DataFile(
                path="mnist/train-images-idx3-ubyte.gz",
                url="https://ossci-datasets.s3.amazonaws.com/mnist/train-images-idx3-ubyte.gz",
                checksum="sha256:440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                bytes=9912422,
                what="MNIST training images",
            ),
            DataFile(
                path="mnist/train-labels-idx1-ubyte.gz",
                url="https://ossci-datasets.s3.amazonaws.com/mnist/train-labels-idx1-ubyte.gz",
                checksum="sha256:3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                bytes=28881,
                what="MNIST training labels",
            ),
        ),
        published_as="Color Reverse MNIST",
        notes=("Color Reverse MNIST: MNIST's training part and its inverted copy.",),
    )

    def __init__(self, corruption: float = 0.0, corrupt: str = "both", size: int = 28, seed: int = 0) -> None:
        self.corruption = corruption
        self.corrupt = corrupt
        self.size = size
        self.seed = seed

    def load(self, store: Store) -> FairData:
        """Originals, then inverted copies in the same order."""
        check_corruption("reverse_mnist", self.corruption, self.corrupt, self.seed)
        check_size("reverse_mnist.size", self.size)
        images, labels = self.files()
        pixels, digits = read_mnist(store, images, labels)
        n = len(pixels)
        X = blank(2 * n, self.size)
        paste(pixels, X[:n])
        np.negative(X[:n], out=X[n:])
        corrupt_colours(X, self.corruption, self.corrupt, self.seed)
        return FairData.from_arrays(
            X=X,
            y=np.tile(digits, 2),
            sensitive=np.repeat(np.arange(2), n),
            group_names=["original", "inverted"],
        )
