"""Office-31: objects photographed for a shop and with a webcam, as features of a ResNet-50."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.adapters import Dataset, FairData
from bench.data.store import Store
from bench.errors import InvalidInputError
from bench.metadata import DataFile, DatasetInfo

from ._features import Features, Scale, read_features, squash, unexpected_count, weights_note, write_features
from ._files import damaged
from ._resnet import Network, PixelScale, extract, imagenet_resnet50

_PIXELS = PixelScale(mean=(0.7076, 0.7034, 0.7021), std=(0.3249, 0.3261, 0.3275))
_PAPER = Scale(mean=0.3970964, std=0.4306060)
_DOMAINS = ("amazon", "webcam")
_SUFFIXES = (".jpg", ".jpeg", ".png")
# Images of each class, in the order of the class names: 2,817 and 795.
# fmt: off
_CLASS_SIZES = {
    "amazon": (
        92, 82, 72, 82, 36, 94, 91, 97, 97, 81, 99, 100, 100, 98, 100, 99,
        100, 94, 96, 95, 93, 100, 98, 98, 90, 75, 100, 99, 99, 96, 64,
    ),
    "webcam": (
        29, 21, 28, 12, 16, 31, 40, 18, 21, 19, 27, 27, 30, 19, 30, 43,
        30, 27, 28, 32, 16, 20, 30, 27, 40, 11, 25, 30, 24, 23, 21,
    ),
}
# fmt: on


class Office31(Dataset):
    """3,612 images of 31 objects as 2,048 features in (-1, 1); Amazon or webcam is the sensitive attribute.

    The third domain, DSLR, is left out as in the papers.

    Parameters
    ----------
    scaling : {"data", "paper"}
        Features go through ``tanh((x - m) / s)``. "data": m and s are the mean and standard deviation of these
        features. "paper": 0.3970964 and 0.4306060 of FCMI's code, which suit its weights and its preparation of
        the images only.
    """

    info = DatasetInfo(
        name="office31",
        title="Office-31",
        target="object",
        sensitive="domain",
        kind="vector",
        n=3612,
        k=31,
        n_groups=2,
        reference="Saenko, Kulis, Fritz and Darrell, Adapting Visual Category Models to New Domains, ECCV 2010",
        doi="10.1007/978-3-642-15561-1_16",
        licence="research use, no formal licence; features of PQF weights: non-commercial research only",
        files=(
            DataFile(
                path="office31/office31_resnet50.npz",
                url="https://faculty.cc.gatech.edu/~judy/domainadapt/",
                what="ResNet-50 features of Office-31",
                manual="get the images from https://faculty.cc.gatech.edu/~judy/domainadapt/ and make it with: "
                "bench fetch office31 --from-images FOLDER",
            ),
        ),
        published_as="Office-31",
    )

    def __init__(self, scaling: str = "data") -> None:
        self.scaling = scaling

    def load(self, store: Store) -> FairData:
        """Read the features: Amazon and webcam in the order of the file."""
        path = store.locate(self.files()[0]).paths[0]
        features = read_features(path, ("y", "domain"), ("class_names", "domain_names"))
        domains = _domains(path, features)
        kept = np.isin(features.labels["domain"], domains)
        classes, groups = features.labels["y"][kept], features.labels["domain"][kept]
        for name, domain in zip(_DOMAINS, domains, strict=True):
            counts = np.bincount(classes[groups == domain], minlength=len(_CLASS_SIZES[name]))
            wrong = unexpected_count(f"{name} class", counts.tolist(), _CLASS_SIZES[name])
            if wrong:
                raise damaged(path, wrong)
        return FairData.from_arrays(
            X=squash(features.X[kept], self.scaling, _PAPER, "office31.scaling"),
            y=classes,
            sensitive=(groups == domains[1]).astype(np.int64),
            class_names=features.names["class_names"],
            group_names=_DOMAINS,
            note=weights_note(features.weights),
        )

    def build_from_images(self, images: Path, out: Path, network: Network | None = None) -> None:
        """Make the features file from the photographs.

        Parameters
        ----------
        images : Path
            Folder with ``amazon`` and ``webcam`` in it, each with a folder a class, or ``images`` above these as
            in the original archive.
        out : Path
            File to write, in the format of :mod:`bench.datasets._features`.
        network : Network, optional
            What makes the features; by default torchvision's ResNet-50.

        Raises
        ------
        InvalidInputError
            If images are missing or damaged, or there are more.
        BenchError
            If torchvision or the weights are missing.
        """
        found = [_class_folders(images, domain) for domain in _DOMAINS]
        rows = [
            (domain, label, path)
            for domain, folders in enumerate(found)
            for label, paths in enumerate(folders.values())
            for path in paths
        ]
        network = network or imagenet_resnet50()
        names = [f"{_DOMAINS[domain]}/{path.parent.name}/{path.name}" for domain, _, path in rows]
        write_features(
            out,
            extract([path for _, _, path in rows], network, _PIXELS),
            {"dataset": "Office-31", "weights": network.weights, "preprocessing": _PIXELS.in_words()},
            y=np.array([label for _, label, _ in rows], dtype=np.int16),
            domain=np.array([domain for domain, _, _ in rows], dtype=np.int8),
            class_names=np.array(list(found[0])),
            domain_names=np.array(_DOMAINS),
            files=np.array(names),
        )


def _domains(path: Path, features: Features) -> list[int]:
    """Ids of Amazon and webcam."""
    names = features.names["domain_names"]
    missing = [name for name in _DOMAINS if name not in names]
    if missing:
        raise damaged(path, f"it has no domain {missing[0]}; its domain_names are {', '.join(names)}")
    y, k = features.labels["y"], len(features.names["class_names"])
    if k != len(_CLASS_SIZES["amazon"]) or y.min() < 0 or y.max() >= k:
        raise damaged(path, f"it has {k} class_names and classes {y.min()} to {y.max()}; Office-31 has 31")
    return [names.index(name) for name in _DOMAINS]


def _class_folders(images: Path, domain: str) -> dict[str, list[Path]]:
    """Images of a domain by class, both in the order of their names."""
    folder = next((path for path in (images / domain / "images", images / domain) if path.is_dir()), None)
    if folder is None:
        raise InvalidInputError(f"{images} has no folder {domain}; give the folder with amazon and webcam in it")
    found = {
        path.name: sorted(file for file in path.iterdir() if file.suffix.lower() in _SUFFIXES)
        for path in sorted(folder.iterdir())
        if path.is_dir()
    }
    wrong = unexpected_count("class", [len(files) for files in found.values()], _CLASS_SIZES[domain])
    if wrong:
        raise InvalidInputError(f"{folder} does not hold the images of Office-31 ({wrong}); unpack the archive again")
    return found
