"""MTFL: faces with and without glasses, as features of a ResNet-50."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.adapters import Dataset, FairData
from bench.data.store import Store
from bench.errors import InvalidInputError
from bench.metadata import DataFile, DatasetInfo

from ._faces import draw_subset, read_annotations
from ._features import Scale, read_features, squash, unexpected_count, weights_note, write_features
from ._files import damaged
from ._resnet import Network, PixelScale, extract, imagenet_resnet50

_PIXELS = PixelScale(mean=(0.4951, 0.4064, 0.3579), std=(0.2868, 0.2594, 0.2545))
_PAPER = Scale(mean=0.3494997, std=0.3805956)
_CLASSES = ("female", "male")
_GROUPS = ("without glasses", "with glasses")
# Women and men in each of the two groups.
_CELL = (346, 654)
# All faces: women and men without glasses, women and men with.
_ANNOTATED = (5669, 5677, 346, 1303)


class Mtfl(Dataset):
    """2,000 faces as 2,048 features in (-1, 1), clustered by gender; glasses are the sensitive attribute.

    The subset is FCMI's: 346 women and 654 men with glasses, and as many without, so the true labels are
    perfectly balanced. Its paper does not say so, its code does.

    Parameters
    ----------
    scaling : {"data", "paper"}
        Features go through ``tanh((x - m) / s)``. "data": m and s are the mean and standard deviation of these
        features. "paper": 0.3494997 and 0.3805956 of FCMI's code, which suit its weights and its preparation of
        the images only.
    """

    info = DatasetInfo(
        name="mtfl",
        title="MTFL",
        target="gender",
        sensitive="glasses",
        kind="vector",
        n=2000,
        k=2,
        n_groups=2,
        reference="Zhang, Luo, Loy and Tang, Facial Landmark Detection by Deep Multi-task Learning, ECCV 2014",
        doi="10.1007/978-3-319-10599-4_7",
        licence="none stated: non-commercial research only",
        files=(
            DataFile(
                path="mtfl/mtfl_resnet50.npz",
                url="http://mmlab.ie.cuhk.edu.hk/projects/TCDCN.html",
                what="ResNet-50 features of MTFL",
                manual="get the images from http://mmlab.ie.cuhk.edu.hk/projects/TCDCN.html and make it with: "
                "bench fetch mtfl --from-images FOLDER",
            ),
        ),
        published_as="MTFL",
        notes=("MTFL: the subset of FCMI's code, with the same share of women in both groups.",),
    )

    def __init__(self, scaling: str = "data") -> None:
        self.scaling = scaling

    def load(self, store: Store) -> FairData:
        """Read the features, in the order of the file."""
        path = store.locate(self.files()[0]).paths[0]
        features = read_features(path, ("y", "glasses"))
        male, glasses = features.labels["y"], features.labels["glasses"]
        cells = 2 * glasses + male
        counts = [int(np.count_nonzero(cells == cell)) for cell in range(4)]
        # The last cell holds whatever is neither 0 nor 1.
        counts.append(len(cells) - sum(counts))
        wrong = unexpected_count("glasses and gender", counts, (*_CELL, *_CELL, 0))
        if wrong:
            raise damaged(path, wrong)
        return FairData.from_arrays(
            X=squash(features.X, self.scaling, _PAPER, "mtfl.scaling"),
            y=male,
            sensitive=glasses,
            class_names=_CLASSES,
            group_names=_GROUPS,
            note=weights_note(features.weights),
        )

    def build_from_images(self, images: Path, out: Path, network: Network | None = None) -> None:
        """Make the features file from the photographs.

        Parameters
        ----------
        images : Path
            The unpacked folder, with ``training.txt``, ``testing.txt`` and the images that these name.
        out : Path
            File to write, in the format of :mod:`bench.datasets._features`.
        network : Network, optional
            What makes the features; by default torchvision's ResNet-50.

        Raises
        ------
        InvalidInputError
            If annotations or images are missing or damaged.
        BenchError
            If torchvision or the weights are missing.
        """
        faces = read_annotations(images)
        male = np.array([face.male for face in faces])
        glasses = np.array([face.glasses for face in faces])
        wrong = unexpected_count(
            "glasses and gender", np.bincount(2 * glasses + male, minlength=4).tolist(), _ANNOTATED
        )
        if wrong:
            raise InvalidInputError(
                f"{images} does not hold the annotations of MTFL ({wrong}); unpack the archive again"
            )
        rows = draw_subset(male, glasses, _CELL)
        # As folders of groups, then classes, then file names would be read.
        rows = sorted(rows, key=lambda row: (glasses[row], male[row], faces[row].path.name))
        network = network or imagenet_resnet50()
        write_features(
            out,
            extract([faces[row].path for row in rows], network, _PIXELS),
            {"dataset": "MTFL", "weights": network.weights, "preprocessing": _PIXELS.in_words()},
            y=male[rows].astype(np.int8),
            glasses=glasses[rows].astype(np.int8),
            row=np.array(rows, dtype=np.int32),
        )
