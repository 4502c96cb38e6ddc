"""Reads members out of archives. Nothing is unpacked to disk, so no path in an archive can lead anywhere."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, cast

from bench.errors import MissingDataError

__all__ = ["extract_member"]

# What a broken archive makes the standard library raise.
_BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
)

_GIB = 1 << 30
_MOST_IN_TAR = 16 * _GIB
# Long names and remarks; the files themselves come later.
_MOST_IN_HEADER = 1 << 20


def extract_member(archive: Path, member: str, *inner: str, limit: int = _GIB) -> bytes:
    """Content of a file inside a zip or tar archive.

    Parameters
    ----------
    archive : Path
        Zip archive, or tar archive, plain or compressed with gzip, bzip2 or xz.
    member : str
        Name inside the archive, with forward slashes.
    *inner : str
        Where `member` is itself an archive: the member of that one, and so on.
    limit : int
        Most bytes that a member may unpack to.

    Returns
    -------
    bytes

    Raises
    ------
    MissingDataError
        If `archive` is no archive, is broken, lacks the member, or holds what a published archive does not: absolute
        paths, paths that lead upwards, links in place of files, a member larger than `limit`.
    """
    trail = archive.name
    content: bytes | None = None
    for name in (member, *inner):
        try:
            with archive.open("rb") if content is None else io.BytesIO(content) as stream:
                content = _read(stream, name, limit)
        except _RefusedError as error:
            raise _refusal(archive, f"{trail} {error}") from None
        except _BROKEN as error:
            raise _refusal(archive, f"{trail} is no zip or tar archive, or a broken one ({_told(error)})") from None
        trail = f"{name} in {trail}"
    return content or b""


class _RefusedError(Exception):
    """What an archive holds or lacks, as a clause."""


def _refusal(archive: Path, what: str) -> MissingDataError:
    return MissingDataError(f"{archive} is not the archive that was published: {what}; replace it")


def _read(stream: IO[bytes], name: str, limit: int) -> bytes:
    # By its beginning, since a tar archive of zip files ends like a zip archive.
    is_zip = stream.read(4) in (b"PK\3\4", b"PK\5\6")
    stream.seek(0)
    return (_read_zip if is_zip else _read_tar)(stream, name, limit)


def _read_zip(stream: IO[bytes], name: str, limit: int) -> bytes:
    with zipfile.ZipFile(stream) as archive:
        found = {_plain(info.filename): info for info in archive.infolist()}
        info = found.get(name)
        if info is None or info.is_dir():
            raise _RefusedError(_lacks(name, found))
        if stat.S_ISLNK(info.external_attr >> 16):
            raise _RefusedError(f"holds a link in place of the file {name}")
        with archive.open(info) as content:
            return _limited(content, name, limit)


def _read_tar(stream: IO[bytes], name: str, limit: int) -> bytes:
    measured = _Measured(_unpacked(stream), _MOST_IN_HEADER)
    with measured.stream, tarfile.open(fileobj=measured, mode="r:") as archive:
        found: dict[str, tarfile.TarInfo] = {}
        total = 0
        for info in archive:
            found[_plain(info.name)] = info
            # To get to the next member, this one has to be unpacked.
            total += info.size
            if info.size < 0 or total > _MOST_IN_TAR:
                raise _RefusedError(f"unpacks to more than {_MOST_IN_TAR} bytes, or to less than none")
        measured.most = max(limit + 1, _MOST_IN_HEADER)
        wanted = found.get(name)
        if wanted is None or wanted.isdir():
            raise _RefusedError(_lacks(name, found))
        content = archive.extractfile(wanted) if wanted.isreg() else None
        if content is None:
            raise _RefusedError(f"holds a link in place of the file {name}")
        with content:
            return _limited(content, name, limit)


def _unpacked(stream: IO[bytes]) -> IO[bytes]:
    """`stream`, decompressed where it is compressed."""
    beginning = stream.read(3)
    stream.seek(0)
    for mark, unpacker in ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7z", lzma.open)):
        if beginning.startswith(mark):
            return cast("IO[bytes]", unpacker(stream))
    return stream


class _Measured(io.BufferedIOBase):
    """A stream of which at most so many bytes are read at once: tarfile believes what a header says of its size."""

    def __init__(self, stream: IO[bytes], most: int) -> None:
        self.stream = stream
        self.most = most

    def read(self, size: int | None = -1, /) -> bytes:
        """Read `size` bytes, refused if they are too many."""
        if size is None or not 0 <= size <= self.most:
            raise _RefusedError(f"holds a header of {size} bytes")
        return self.stream.read(size)

    def seek(self, place: int, whence: int = io.SEEK_SET, /) -> int:
        """Go on at `place`."""
        return self.stream.seek(place, whence)

    def tell(self) -> int:
        """Where it is."""
        return self.stream.tell()


def _plain(name: str) -> str:
    """`name` without idle parts; refused if it leads out of the archive, which no honest archiver writes."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or PureWindowsPath(name).drive or ".." in path.parts:
        raise _RefusedError(f"holds the path {name!r}, which leads out of it")
    return str(path)


def _limited(content: IO[bytes], name: str, limit: int) -> bytes:
    # What the header says of the size may be wrong; what comes out counts.
    read = content.read(limit + 1)
    if len(read) > limit:
        raise _RefusedError(f"holds {name} with more than {limit} bytes")
    return read


def _lacks(name: str, found: Iterable[str]) -> str:
    some = ", ".join(sorted(found)[:3])
    return f"holds no {name}" + (f" (it holds {some}, ...)" if some else "")


def _told(error: Exception) -> str:
    return str(error).partition("\n")[0].rstrip(":") or type(error).__name__
