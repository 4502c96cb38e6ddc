"""Finds the files of data sets: in the user's folders, then in the cache."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from platformdirs import user_cache_path

from bench.errors import MissingDataError
from bench.metadata import DataFile, DatasetInfo

__all__ = ["Store", "cache_folder"]


def cache_folder() -> Path:
    """Where downloads and prepared arrays are kept: ``BENCH_CACHE``, else the user's cache folder."""
    named = os.environ.get("BENCH_CACHE")
    return Path(named).expanduser() if named else user_cache_path("fair-clustering-bench")


@dataclass(frozen=True)
class Store:
    """Folders to look into, in order.

    Parameters
    ----------
    folders : tuple of Path
        Folders that hold data files under the relative paths that data sets name.
    """

    folders: tuple[Path, ...]

    @classmethod
    def default(cls) -> Self:
        """Return the folders in ``BENCH_DATA`` (separated as in PATH), then the cache."""
        named = os.environ.get("BENCH_DATA", "")
        folders = [Path(part).expanduser() for part in named.split(os.pathsep) if part]
        return cls((*folders, cache_folder() / "files"))

    def find(self, file: DataFile) -> Path | None:
        """Return the first copy of `file`, or None; its content is not looked at."""
        return next((path for folder in self.folders if (path := folder / file.path).is_file()), None)

    def path(self, file: DataFile) -> Path:
        """Return a copy of `file` whose checksum is right.

        Raises
        ------
        MissingDataError
            If there is none, or the one there is another file.
        """
        path = self.find(file)
        if path is None:
            raise MissingDataError(
                f"{file.path} is not here; its owners offer it at {file.url}: put it under a folder named in BENCH_DATA"
            )
        kind, _, expected = file.checksum.partition(":")
        with path.open("rb") as stream:
            actual = hashlib.file_digest(stream, kind).hexdigest()
        if actual != expected:
            raise MissingDataError(
                f"{path} is not the file that was published ({kind} {actual[:12]}..., expected {expected[:12]}...); "
                f"replace it with {file.url}"
            )
        return path

    def missing(self, info: DatasetInfo) -> list[DataFile]:
        """Files of a data set that are nowhere."""
        return [file for file in info.files if self.find(file) is None]
