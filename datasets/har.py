"""Human activity recognition with smartphones: six activities of thirty people."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from bench.adapters import Dataset, FairData
from bench.data.archives import extract_member
from bench.data.store import Located, Store
from bench.metadata import DataFile, DatasetInfo

from ._files import damaged, decompressed, number_table

_ACTIVITIES = ("WALKING", "WALKING_UPSTAIRS", "WALKING_DOWNSTAIRS", "SITTING", "STANDING", "LAYING")
_N_FEATURES = 561
# The longest text has 66 MB.
_MAX_BYTES = 2**27
# md5 of the original texts: UCI's archive has no published checksum, and may be packed anew.
_MD5 = {
    "X_train": "8fac6d9d9463c7a7e3620fc9c5b85e46",
    "y_train": "03cde39e4f847aea23d3b106428b67d5",
    "subject_train": "890ee3bca62ef477e218f241ae84c898",
    "X_test": "360f04607a5dccb14cc183999ec15dfb",
    "y_test": "c7d8b43fbf9500662a3fadc8286f6f85",
    "subject_test": "7e5b62d345490918cd5ed4aeacc74673",
}


class Har(Dataset):
    """10,299 windows of motion signals, 561 features in [-1, 1] as published; the person is the sensitive attribute.

    The training part, then the test part, each in its order.
    """

    info = DatasetInfo(
        name="har",
        title="HAR",
        target="activity",
        sensitive="person",
        kind="vector",
        n=10299,
        k=6,
        n_groups=30,
        reference="Anguita, Ghio, Oneto, Parra and Reyes-Ortiz, A Public Domain Dataset for Human Activity Recognition "
        "Using Smartphones, ESANN 2013",
        doi="10.24432/C54S4K",
        licence="CC BY 4.0 (UCI's page); the data's own README asks to cite and prohibits commercial use",
        files=(
            DataFile(
                path="har/human+activity+recognition+using+smartphones.zip",
                url="https://archive.ics.uci.edu/static/public/240/human+activity+recognition+using+smartphones.zip",
                what="HAR, as distributed by UCI",
                instead=(
                    (
                        DataFile(
                            path="har/X_train.txt.gz",
                            url="https://archive.ics.uci.edu/dataset/240",
                            checksum="sha256:54e67d0d2a924605bdbbb99c104196dde48bc3a2a4c9c2fdb8b559d305f13cd3",
                            bytes=19364942,
                            what="HAR training features",
                            manual="it is X_train.txt of UCI's archive, packed with gzip -9 -n",
                        ),
                        DataFile(
                            path="har/y_train.txt.gz",
                            url="https://archive.ics.uci.edu/dataset/240",
                            checksum="sha256:aaf87bd71bdf73ac95133f15ee61ea7779cd6d9bf4c46cf93a06f796df43404b",
                            bytes=390,
                            what="HAR training activities",
                            manual="it is y_train.txt of UCI's archive, packed with gzip -9 -n",
                        ),
                        DataFile(
                            path="har/subject_train.txt.gz",
                            url="https://archive.ics.uci.edu/dataset/240",
                            checksum="sha256:d42f7bfbc3ea3029f1c19b6071246051efb0ad42374aa12848134edea4c248c6",
                            bytes=104,
                            what="HAR training persons",
                            manual="it is subject_train.txt of UCI's archive, packed with gzip -9 -n",
                        ),
                        DataFile(
                            path="har/X_test.txt.gz",
                            url="https://archive.ics.uci.edu/dataset/240",
                            checksum="sha256:b4dc0c4e6c5d70ca836d5bfb8c96d3f4e112b87ce2bf6b9c4bbbd896d7191b40",
                            bytes=7801953,
                            what="HAR test features",
                            manual="it is X_test.txt of UCI's archive, packed with gzip -9 -n",
                        ),
                        DataFile(
                            path="har/y_test.txt.gz",
                            url="https://archive.ics.uci.edu/dataset/240",
                            checksum="sha256:17bc6588bd4faea64558b0697197e8094fbdbba7be31d5b6d872525ca3d14b83",
                            bytes=200,
                            what="HAR test activities",
                            manual="it is y_test.txt of UCI's archive, packed with gzip -9 -n",
                        ),
                        DataFile(
                            path="har/subject_test.txt.gz",
                            url="https://archive.ics.uci.edu/dataset/240",
                            checksum="sha256:0a4718381415fbbac5fd6fa65a376fcc23239e06625d76a37e72f147c3392276",
                            bytes=69,
                            what="HAR test persons",
                            manual="it is subject_test.txt of UCI's archive, packed with gzip -9 -n",
                        ),
                    ),
                ),
            ),
        ),
        published_as="HAR",
        notes=("HAR: training and test part together, features as published.",),
    )

    def load(self, store: Store) -> FairData:
        """Read the training part, then the test part."""
        located = store.locate(self.files()[0])
        X, activities, persons = (
            _both_parts(located, *column) for column in (("X", _N_FEATURES), ("y", 1), ("subject", 1))
        )
        return FairData.from_arrays(
            X=X.astype(np.float32),
            y=activities[:, 0].astype(np.int64) - 1,
            sensitive=persons[:, 0].astype(np.int64),
            class_names=_ACTIVITIES,
        )


def _both_parts(located: Located, name: str, columns: int) -> NDArray[np.float64]:
    """Rows of ``name_train.txt``, then those of ``name_test.txt``."""
    parts = [_table(located, f"{name}_{part}", part, columns) for part in ("train", "test")]
    return np.concatenate(parts)


def _table(located: Located, name: str, part: str, columns: int) -> NDArray[np.float64]:
    """One of the original texts, from UCI's archive or from a file of its own."""
    if len(located.paths) == 1:
        path = located.paths[0]
        text = extract_member(path, "UCI HAR Dataset.zip", f"UCI HAR Dataset/{part}/{name}.txt", limit=_MAX_BYTES)
    else:
        path = next(path for path in located.paths if path.name == f"{name}.txt.gz")
        text = decompressed(path, _MAX_BYTES)
    found = hashlib.md5(text, usedforsecurity=False).hexdigest()
    if found != _MD5[name]:
        raise damaged(path, f"{name}.txt in it is not the published one (md5 {found[:12]}, expected {_MD5[name][:12]})")
    return number_table(path, text, columns)
