"""Gets the files of a data set together: from folders, by download, or made from the images they describe."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bench.data.store import Store, data_cache
from bench.errors import BenchError, InvalidInputError, MissingDataError

if TYPE_CHECKING:
    from bench.adapters import Dataset

__all__ = ["Fetched", "build", "fetch"]


@dataclass(frozen=True)
class Fetched:
    """What came of fetching one wanted file.

    Parameters
    ----------
    state : {"ready", "downloaded", "missing", "corrupt"}
        ``"ready"`` if it was there and sound before.
    text : str
        Where it is, or what is wrong and what to do.
    """

    state: Literal["ready", "downloaded", "missing", "corrupt"]
    text: str


def fetch(dataset: Dataset, store: Store) -> Iterator[Fetched]:
    """Verify the files of `dataset` and download those that are missing or have suffered in the cache.

    Parameters
    ----------
    dataset : Dataset
        With the parameters whose files are wanted.
    store : Store
        Where to look and where to download to.

    Yields
    ------
    Fetched
        For each wanted file one; for what does instead of it, one for each part.
    """
    for state in store.state(dataset.files()):
        try:
            located = store.locate(state.file)
        except MissingDataError as error:
            yield Fetched("corrupt" if state.state == "corrupt" else "missing", str(error))
            continue
        for path in located.paths:
            yield Fetched("ready" if state.state == "ready" else "downloaded", str(path))


def build(dataset: Dataset, images: Path) -> Path:
    """Let `dataset` make its file from a folder of images, and put it into the cache whole.

    Parameters
    ----------
    dataset : Dataset
        One that defines :meth:`bench.adapters.Dataset.build_from_images`.
    images : Path
        Folder of images.

    Returns
    -------
    Path
        The file made.

    Raises
    ------
    InvalidInputError
        If there is no such folder, or the data set is not made from images.
    BenchError
        If images cannot be read, or the cache cannot be written.
    """
    if not images.is_dir():
        raise InvalidInputError(f"--from-images {images} given; it takes the folder of images")
    cache, name = data_cache(), dataset.info.name
    if not dataset.files():
        raise InvalidInputError(f"'{name}' reads no files; leave out --from-images {images}")
    target = cache / dataset.files()[0].path
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache.parent, prefix=".built-") as folder:
            draft = Path(folder) / target.name
            dataset.build_from_images(images, draft)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(draft, target)  # noqa: PTH105
    except OSError as error:
        raise BenchError(
            f"the files of {name} cannot be made from {images} ({error}); "
            "they go to the cache, and BENCH_CACHE names another"
        ) from None
    return target
