"""MNIST-USPS: the same ten digits, written for two sources."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.adapters import Dataset, FairData
from bench.data.store import Store
from bench.errors import InvalidInputError
from bench.metadata import DataFile, DatasetInfo

from ._images import blank, check_size, package_versions, paste, resize_grey
from ._mnist import read_mnist
from ._usps import grey_levels, read_esl, read_libsvm, read_served, smoothed

_ESL = DataFile(
    path="usps/zip.train.gz",
    url="https://hastie.su.domains/ElemStatLearn/datasets/zip.train.gz",
    checksum="sha256:66ebf231ab51f2cf6ac1a892d0f98ccffee1079d7a5db638c1f11f366046ca16",
    bytes=1829071,
    what="USPS training images, as distributed with The Elements of Statistical Learning",
)


class MnistUsps(Dataset):
    """The training images of MNIST and of USPS, in [-1, 1]; the source is the sensitive attribute.

    Parameters
    ----------
    usps : {"libsvm", "esl"}
        The smoothed USPS images of LIBSVM's page, which torchvision serves and the papers' codes use, or the
        unsmoothed ones of "The Elements of Statistical Learning". Both are cut to grey levels as torchvision does.
    size : {28, 32}
        Height and width. 28: USPS resized from 16 (bilinear, on grey levels), as in FCMI's code. 32: both padded
        with background, MNIST by 2 and USPS by 8 pixels, as in the reproducibility report of DFC; USPS digits are
        then half as large as MNIST's.

    Notes
    -----
    Where LIBSVM's file is missing, its images are taken from an archive of the grey levels that torchvision
    serves, or computed from the unsmoothed file, see :func:`bench.datasets._usps.smoothed`. The data set's note
    says so; the two differ in about ten of 1.9 million pixels, by one grey level each.
    """

    info = DatasetInfo(
        name="mnist_usps",
        title="MNIST-USPS",
        target="digit",
        sensitive="source",
        kind="image",
        n=67291,
        k=10,
        n_groups=2,
        reference="LeCun, Bottou, Bengio and Haffner, Gradient-based learning applied to document recognition, "
        "Proc. IEEE 86(11), 1998; Hull, A database for handwritten text recognition research, "
        "IEEE TPAMI 16(5), 1994",
        doi="10.1109/5.726791; 10.1109/34.291440",
        licence="CC BY-SA 3.0 (MNIST); none stated, customarily free for research (USPS)",
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
            DataFile(
                path="usps/usps.bz2",
                url="https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass/usps.bz2",
                checksum="md5:ec16c51db3855ca6c91edd34d0e9b197",
                what="USPS training images, as distributed with LIBSVM",
                instead=(
                    (
                        DataFile(
                            path="usps/usps_torchvision_uint8.npz",
                            url="https://hastie.su.domains/ElemStatLearn/datasets/zip.train.gz",
                            checksum="sha256:927ab9d17e812a06865fd14e7c066d126bd42190b7663ceb02998878fcee8d56",
                            bytes=1697371,
                            what="USPS as torchvision serves it, computed from the unsmoothed images",
                            manual="it was computed from zip.train.gz, which does as well",
                        ),
                    ),
                    (
                        DataFile(
                            path="usps/zip.train.gz",
                            url="https://hastie.su.domains/ElemStatLearn/datasets/zip.train.gz",
                            checksum="sha256:66ebf231ab51f2cf6ac1a892d0f98ccffee1079d7a5db638c1f11f366046ca16",
                            bytes=1829071,
                            what="USPS training images, as distributed with The Elements of Statistical Learning",
                        ),
                    ),
                ),
            ),
        ),
        published_as="MNIST-USPS",
        notes=("MNIST-USPS: the training parts of both.",),
    )

    def __init__(self, usps: str = "libsvm", size: int = 28) -> None:
        self.usps = usps
        self.size = size

    def files(self) -> tuple[DataFile, ...]:
        """MNIST's images and labels, and the form of USPS that was asked for."""
        images, labels, libsvm = self.info.files
        return images, labels, _ESL if self.usps == "esl" else libsvm

    def load(self, store: Store) -> FairData:
        """Read both sources, MNIST first."""
        if self.usps not in ("libsvm", "esl"):
            raise InvalidInputError(f"mnist_usps.usps={self.usps!r} given; it takes libsvm or esl")
        check_size("mnist_usps.size", self.size)
        images, labels, _ = self.files()
        mnist, mnist_digits = read_mnist(store, images, labels)
        usps, usps_digits, note = self._usps(store)
        if self.size == 28:
            usps = resize_grey(usps, 28)
        X = blank(len(mnist) + len(usps), self.size)
        paste(mnist, X[: len(mnist)])
        paste(usps, X[len(mnist) :])
        return FairData.from_arrays(
            X=X,
            y=np.concatenate([mnist_digits, usps_digits]),
            sensitive=np.repeat([0, 1], [len(mnist), len(usps)]),
            group_names=["MNIST", "USPS"],
            note=f"{note}, " + ("resized to 28 x 28" if self.size == 28 else "padded to 32 x 32"),
        )

    def origin(self) -> dict[str, str]:
        """The package that resizes."""
        return package_versions("pillow")

    def _usps(self, store: Store) -> tuple[NDArray[np.uint8], NDArray[np.int64], str]:
        """Grey levels, digits, and the name of what was read."""
        path = store.locate(self.files()[2]).paths[0]
        if self.usps == "esl":
            values, digits = read_esl(path)
            return grey_levels(values), digits, "USPS (ESL)"
        if path.suffix == ".bz2":
            values, digits = read_libsvm(path)
            return grey_levels(values), digits, "USPS (LIBSVM)"
        derived = "USPS (LIBSVM/torchvision, train part re-derived)"
        if path.suffix == ".npz":
            return *read_served(path), derived
        values, digits = read_esl(path)
        return grey_levels(smoothed(values)), digits, derived
