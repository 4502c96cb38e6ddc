"""Finds the files of data sets: in the user's folders, then in the cache."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from platformdirs import user_cache_path

from bench.errors import MissingDataError
from bench.metadata import DataFile

__all__ = ["Located", "Store", "cache_folder"]


def cache_folder() -> Path:
    """Where downloads and prepared arrays are kept: ``BENCH_CACHE``, else the user's cache folder."""
    named = os.environ.get("BENCH_CACHE")
    return Path(named).expanduser() if named else user_cache_path("fair-clustering-bench")


@dataclass(frozen=True)
class Located:
    """The files that stand for a wanted one.

    Parameters
    ----------
    files : tuple of DataFile
        The wanted file alone, or the first complete set of those that do instead.
    paths : tuple of Path
        Where each of them is.
    """

    files: tuple[DataFile, ...]
    paths: tuple[Path, ...]

    def pairs(self) -> Iterator[tuple[DataFile, Path]]:
        """Each file with its path."""
        return zip(self.files, self.paths, strict=True)


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

    def find(self, file: DataFile) -> Located | None:
        """Return the files that stand for `file` where they are all there, or None; their content is not looked at."""
        for files in ((file,), *file.instead):
            paths = [self._first(wanted) for wanted in files]
            if None not in paths:
                return Located(files, tuple(path for path in paths if path))
        return None

    def locate(self, file: DataFile) -> Located:
        """Return the files that stand for `file`, with their checksums verified.

        Raises
        ------
        MissingDataError
            If they are not there, or one is another file than was published.
        """
        located = self.find(file)
        if located is None:
            raise MissingDataError(missing_line(file))
        for wanted, path in located.pairs():
            _verify(wanted, path)
        return located

    def missing(self, files: Iterable[DataFile]) -> list[DataFile]:
        """Those of `files` that are nowhere, nor anything that does instead."""
        return [file for file in files if self.find(file) is None]

    def _first(self, file: DataFile) -> Path | None:
        return next((path for folder in self.folders if (path := folder / file.path).is_file()), None)


def missing_line(file: DataFile) -> str:
    """Say in one line what `file` is, where its owners offer it, what to name it and where to put it."""
    what = f" ({file.what})" if file.what else ""
    get = file.manual or f"its owners offer it at {file.url}"
    return f"{file.path}{what} is not here; {get}; put it under that name into a folder named in BENCH_DATA"


def _verify(file: DataFile, path: Path) -> None:
    if not file.checksum:
        return
    kind, _, expected = file.checksum.partition(":")
    with path.open("rb") as stream:
        actual = hashlib.file_digest(stream, kind).hexdigest()
    if actual != expected:
        raise MissingDataError(
            f"{path} is not the file that was published ({kind} {actual[:12]}..., expected {expected[:12]}...); "
            f"replace it: {file.manual or file.url}"
        )
