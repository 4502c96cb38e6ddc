"""The smallest real data set: for tests and first tries, in seconds."""

from __future__ import annotations

import numpy as np

from bench.adapters import Dataset, FairData
from bench.data.store import Store
from bench.metadata import DatasetInfo

from ._images import with_inverted_copies


class ReverseDigits(Dataset):
    """1,797 UCI digits of 8 x 8 pixels and their inverted copies, as vectors of 64 values in [-1, 1]."""

    info = DatasetInfo(
        name="reverse_digits",
        title="Reverse Digits",
        target="digit",
        sensitive="colour",
        kind="vector",
        n=3594,
        k=10,
        n_groups=2,
        reference="Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998 (in scikit-learn)",
        doi="10.24432/C50P49",
        licence="CC BY 4.0",
    )

    def load(self, store: Store) -> FairData:
        """Originals, then inverted copies in the same order."""
        from sklearn.datasets import load_digits

        digits = load_digits()
        signed = (digits.data / 8.0 - 1.0).astype(np.float32)
        return with_inverted_copies(signed, digits.target)
