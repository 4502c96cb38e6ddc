"""Finds the files of data sets: in the user's folders, then in the cache, then where their owners offer them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from platformdirs import user_cache_path

from bench.data.checksums import digest, split_checksum
from bench.errors import MissingDataError
from bench.metadata import DataFile

__all__ = ["FileState", "Located", "Store", "cache_folder", "data_cache", "file_digest"]


def cache_folder() -> Path:
    """Where downloads and prepared arrays are kept: ``BENCH_CACHE``, else the user's cache folder."""
    named = os.environ.get("BENCH_CACHE")
    return Path(named).expanduser() if named else user_cache_path("fair-clustering-bench")


def data_cache() -> Path:
    """The data folder inside the cache, where downloads go."""
    return cache_folder() / "files"


def file_digest(path: Path, kind: str = "sha256") -> str:
    """Digest of a file, remembered in the cache, see :func:`bench.data.checksums.digest`."""
    return digest(path, kind, cache_folder() / "checksums.json")


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
class FileState:
    """Whether a wanted file can be used.

    Parameters
    ----------
    file : DataFile
        The wanted file.
    state : {"ready", "missing", "corrupt"}
        A file is corrupt if its content is not what was published.
    located : Located or None
        What stands for it; None if it is missing.
    problem : str
        What is wrong and what to do, in one line; empty if it is ready.
    """

    file: DataFile
    state: Literal["ready", "missing", "corrupt"]
    located: Located | None = None
    problem: str = ""


@dataclass(frozen=True)
class Store:
    """Folders to look into, in order, and where downloads go.

    Parameters
    ----------
    folders : tuple of Path
        Folders that hold data files under the relative paths that data sets name.
    downloads : Path, optional
        The one of `folders` that takes what is downloaded; without it nothing is.
    """

    folders: tuple[Path, ...]
    downloads: Path | None = None

    @classmethod
    def default(cls, *, download: bool = True) -> Self:
        """Return the folders in ``BENCH_DATA`` (separated as in PATH), then the cache.

        Parameters
        ----------
        download : bool
            Whether what is in none of them may be downloaded; never if ``BENCH_OFFLINE`` is set.
        """
        named = os.environ.get("BENCH_DATA", "")
        folders = [Path(part).expanduser() for part in named.split(os.pathsep) if part]
        return cls((*folders, data_cache()), data_cache() if download and not _offline() else None)

    def find(self, file: DataFile) -> Located | None:
        """Return the files that stand for `file` where they are all there, or None; their content is not looked at."""
        for files in _choices(file):
            paths = [self._first(wanted) for wanted in files]
            if None not in paths:
                return Located(files, tuple(path for path in paths if path))
        return None

    def locate(self, file: DataFile) -> Located:
        """Return the files that stand for `file`, with their checksums verified, downloaded if need be.

        Raises
        ------
        MissingDataError
            If they are neither there nor to be had, or one is another file than was published.
        """
        located = self.find(file) or self._fetch(file)
        for wanted, path in located.pairs():
            self._make_sound(wanted, path)
        return located

    def missing(self, files: Iterable[DataFile]) -> list[DataFile]:
        """Those of `files` that are nowhere, nor anything that does instead; nothing is downloaded."""
        return [file for file in files if self.find(file) is None]

    def state(self, files: Iterable[DataFile], *, verify: bool = True) -> list[FileState]:
        """Whether each of `files` can be used as it is; nothing is downloaded.

        Parameters
        ----------
        files : iterable of DataFile
            Wanted files.
        verify : bool
            Whether to look at their content; without it, a file that is there counts as ready.
        """
        return [self._state(file, verify) for file in files]

    def _state(self, file: DataFile, verify: bool) -> FileState:
        located = self.find(file)
        if located is None:
            return FileState(file, "missing", problem=missing_line(file))
        for wanted, path in located.pairs():
            if verify and (problem := _corruption(wanted, path)):
                return FileState(file, "corrupt", located, problem)
        return FileState(file, "ready", located)

    def _first(self, file: DataFile) -> Path | None:
        return next((path for folder in self.folders if _is_file(path := folder / file.path)), None)

    def _fetch(self, file: DataFile) -> Located:
        """Download `file`, or else what does instead."""
        causes = []
        for files in _choices(file):
            try:
                return Located(files, tuple(self._first(wanted) or self._download(wanted) for wanted in files))
            except _CannotDownloadError as error:
                causes.append(str(error))
        raise MissingDataError(missing_line(file, "; ".join(dict.fromkeys(filter(None, causes)))))

    def _download(self, file: DataFile) -> Path:
        from bench.data.download import DownloadError, can_download, download

        if not can_download(file):
            raise _CannotDownloadError
        if self.downloads is None:
            raise _CannotDownloadError("BENCH_OFFLINE is set" if _offline() else "")
        try:
            return download(file, self.downloads)
        except DownloadError as error:
            raise _CannotDownloadError(str(error)) from None

    def _make_sound(self, file: DataFile, path: Path) -> None:
        """Verify a file; what the cache holds is downloaded again if it has suffered."""
        problem = _corruption(file, path)
        if problem and self.downloads is not None and path == self.downloads / file.path:
            try:
                self._download(file)
            except _CannotDownloadError as error:
                raise MissingDataError(_with_cause(problem, str(error))) from None
            problem = _corruption(file, path)
        if problem:
            raise MissingDataError(problem)


class _CannotDownloadError(Exception):
    """Why a file cannot be downloaded; empty if nobody would expect it to be."""


def missing_line(file: DataFile, cause: str = "") -> str:
    """Say in one line what `file` is, where its owners offer it, what to name it and where to put it.

    Parameters
    ----------
    file : DataFile
        A file that is not there.
    cause : str, optional
        Why it could not be downloaded.
    """
    what = f" ({file.what})" if file.what else ""
    get = file.manual or (f"its owners offer it at {file.url}" if file.url else "get it from whoever has made it")
    line = f"{file.path}{what} is not here; {get}; put it under that name into a folder named in BENCH_DATA"
    if file.instead:
        line += f" (or instead of it: {', or '.join(map(_in_short, file.instead))})"
    return _with_cause(line, cause)


def _in_short(files: tuple[DataFile, ...]) -> str:
    paths = [file.path for file in files]
    return " and ".join(paths if len(paths) < 3 else [paths[0], f"{len(paths) - 1} more"])


def _with_cause(line: str, cause: str) -> str:
    return f"{line}; it was not downloaded: {cause}" if cause else line


def _choices(file: DataFile) -> tuple[tuple[DataFile, ...], ...]:
    return ((file,), *file.instead)


def _offline() -> bool:
    return os.environ.get("BENCH_OFFLINE", "") not in ("", "0")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        # A folder that we may not look into.
        return False


def _corruption(file: DataFile, path: Path) -> str:
    """What is wrong with the content of `path`; empty if nothing is, or nothing was published to compare it with."""
    if not file.checksum:
        return ""
    kind, expected = split_checksum(file.checksum)
    try:
        actual, size = file_digest(path, kind), path.stat().st_size
    except OSError as error:
        return f"{path} cannot be read ({error.strerror or error}); replace it: {file.manual or file.url}"
    if actual == expected:
        return ""
    found = f"{kind} {actual[:12]}..., expected {expected[:12]}..."
    if file.bytes and size != file.bytes:
        found = f"{size} bytes, expected {file.bytes}"
    return f"{path} is not the file that was published ({found}); replace it: {file.manual or file.url}"
