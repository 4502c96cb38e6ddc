"""Reading compressed files and arrays that may be damaged: one clear line, never a traceback."""

from __future__ import annotations

import bz2
import gzip
import io
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, is_zipfile

import numpy as np
from numpy.typing import NDArray

from bench.errors import MissingDataError

__all__ = ["damaged", "decompressed", "number_table", "read_arrays"]


def damaged(path: Path, why: str) -> MissingDataError:
    """The error for a data file that is there, and yet is not: its content is not what its name promises."""
    return MissingDataError(f"{path} cannot be used: {why}; delete it and fetch or make it again")


def decompressed(path: Path, max_bytes: int) -> bytes:
    """Content of a ``.gz`` or ``.bz2`` file.

    Parameters
    ----------
    path : Path
        File.
    max_bytes : int
        More than the content can have: a file made to fill the memory ends here.

    Raises
    ------
    MissingDataError
        If it is no such file, ends too early, fails its own checksum or is longer than `max_bytes`.
    """
    unpacker = bz2.open if path.suffix == ".bz2" else gzip.open
    try:
        with unpacker(path, "rb") as stream:
            content: bytes = stream.read(max_bytes + 1)
    except EOFError:
        raise damaged(path, "it ends too early") from None
    except (OSError, zlib.error) as error:
        raise damaged(path, _first_clause(error)) from None
    if len(content) > max_bytes:
        raise damaged(path, f"it holds more than {max_bytes} bytes")
    return content


def number_table(path: Path, text: bytes, columns: int) -> NDArray[np.float64]:
    """Numbers between blanks, one row a line.

    Parameters
    ----------
    path : Path
        Where `text` comes from, for the message.
    text : bytes
        The lines.
    columns : int
        Numbers in a line.

    Returns
    -------
    ndarray of shape (lines, columns), float64

    Raises
    ------
    MissingDataError
        No lines, lines of another length, something that is no finite number.
    """
    if not text.strip():
        raise damaged(path, "it is empty")
    try:
        table = np.loadtxt(io.BytesIO(text), ndmin=2, comments=None)
    except ValueError as error:
        raise damaged(path, _first_clause(error)) from None
    if table.shape[1] != columns:
        raise damaged(path, f"it has {table.shape[1]} columns instead of {columns}")
    if not np.isfinite(table).all():
        raise damaged(path, "it holds NaN or infinite values")
    return table


def read_arrays(path: Path, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Arrays called `names` from a NumPy archive; pickled objects are refused.

    Raises
    ------
    MissingDataError
        If it is no such archive, is damaged, lacks a name or holds pickled objects under it.
    """
    try:
        with path.open("rb") as stream:
            if not is_zipfile(stream):
                raise damaged(path, "it is no .npz archive, or not the whole of one")
            stream.seek(0)
            archive = np.load(stream, allow_pickle=False)
            missing = [name for name in names if name not in archive.files]
            if missing:
                raise damaged(path, f"it lacks {', '.join(missing)} (it has {', '.join(archive.files) or 'nothing'})")
            return {name: archive[name] for name in names}
    except (OSError, ValueError, EOFError, BadZipFile, zlib.error, MemoryError) as error:
        pickled = "allow_pickle" in str(error)
        raise damaged(path, "it holds pickled objects" if pickled else _first_clause(error)) from None


def _first_clause(error: Exception) -> str:
    return str(error).partition("\n")[0].partition(";")[0].rstrip(".")
