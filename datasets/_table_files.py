"""Reads tables from CSV and Parquet files, and arrays from npz files; says in one line what is wrong with one."""

from __future__ import annotations

import csv
import difflib
import os
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.errors import InvalidInputError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ENDINGS", "existing", "listed", "missing_column", "read_arrays", "read_table"]

ENDINGS = (".csv", ".parquet", ".npz")

_MOST_LISTED = 20
_OTHER_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "bars"}


def existing(given: str | Path) -> Path:
    """The file that `given` names.

    Raises
    ------
    InvalidInputError
        If it is not there, may not be read, or ends in none of ``ENDINGS``.
    """
    path = Path(given).expanduser()
    if path.suffix.lower() not in ENDINGS:
        raise InvalidInputError(f"{path} given; a table of yours ends in {', '.join(ENDINGS)}")
    if not path.is_file():
        near = difflib.get_close_matches(path.name, _siblings(path), n=1)
        guess = f"; did you mean {path.parent / near[0]}?" if near else "; name a file that exists"
        raise InvalidInputError(f"{path} is not there{guess}")
    if not os.access(path, os.R_OK):
        raise InvalidInputError(f"{path} is there, but you may not read it; change its permissions")
    return path


def read_table(path: Path) -> pd.DataFrame:
    """All columns of a CSV or Parquet file, without an index that pandas may have stored with them.

    CSV is text in UTF-8, separated by commas, with column names in the first line. Spaces after a comma do not
    count, and an empty field, ``NA``, ``NaN``, ``None``, ``null`` and the like are missing values.

    Raises
    ------
    InvalidInputError
        If the file cannot be read so, or holds less than two columns, no rows, or a name twice.
    """
    table = _read_csv(path) if path.suffix.lower() == ".csv" else _read_parquet(path)
    _check_names(path, [str(name) for name in table.columns])
    if table.empty:
        raise InvalidInputError(f"{path.name} has column names but no rows; there is nothing to cluster")
    return table


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """All arrays of an npz file by key; nothing is unpickled.

    Raises
    ------
    InvalidInputError
        If it is no npz file, is cut short, or holds Python objects.
    """
    try:
        # NumPy leaves a file open that turns out to be no archive.
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
    except (OSError, EOFError, ValueError, AttributeError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise _no_npz(path, _first_line(error)) from None
    other = next((key for key, array in arrays.items() if not isinstance(array, np.ndarray)), None)
    if other is not None:
        raise _no_npz(path, f"{other} is no array")
    return arrays


def _no_npz(path: Path, reason: str) -> InvalidInputError:
    return InvalidInputError(
        f"{path.name} cannot be read as npz ({reason}); write it with np.savez, with arrays of numbers or text"
    )


def missing_column(path: Path, parameter: str, name: str, there: Iterable[str]) -> InvalidInputError:
    """The error for a column (or array) that `path` lacks, with the nearest one that it has."""
    names = list(there)
    by_lower = {known.lower(): known for known in names}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.5)
    guess = f" Did you mean '{by_lower[near[0]]}'?" if near else ""
    return InvalidInputError(f"{path.name} has no '{name}' ({parameter}).{guess} It has {listed(names)}.")


def listed(names: Sequence[str]) -> str:
    """`names` with commas, the first of them where they are many."""
    more = len(names) - _MOST_LISTED
    return ", ".join(names[:_MOST_LISTED]) + (f" and {more} more" if more > 0 else "")


def _read_csv(path: Path) -> pd.DataFrame:
    import pandas as pd

    # Before pandas renames what is there twice and what has no name.
    _check_names(path, _csv_header(path))
    try:
        with warnings.catch_warnings():
            # Rows longer than the header would lose their last fields.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            return pd.read_csv(path, encoding="utf-8-sig", index_col=False, skipinitialspace=True, low_memory=False)
    except pd.errors.ParserWarning:
        raise InvalidInputError(
            f"{path.name}: rows have more fields than the first line has names; repair it"
        ) from None
    except UnicodeDecodeError:
        raise _not_utf8(path) from None
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"{path.name} cannot be read as CSV ({_first_line(error)}); repair that line") from None


def _csv_header(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            lines = csv.reader(stream, skipinitialspace=True)
            header = next((line for line in lines if line), [])
    except UnicodeDecodeError:
        raise _not_utf8(path) from None
    except (OSError, csv.Error) as error:
        raise InvalidInputError(f"{path.name} cannot be read as CSV ({_first_line(error)})") from None
    if not header:
        raise InvalidInputError(f"{path.name} is empty; its first line names the columns")
    return header


def _read_parquet(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.read_parquet(path, engine="pyarrow").reset_index(drop=True)
    except ImportError:
        raise InvalidInputError(
            f"{path.name}: Parquet files need pyarrow, which is not installed; pip install pyarrow, or write CSV"
        ) from None
    except (OSError, ValueError) as error:
        raise InvalidInputError(
            f"{path.name} cannot be read as Parquet ({_first_line(error)}); write it again"
        ) from None


def _check_names(path: Path, names: list[str]) -> None:
    if len(names) == 1:
        other = next((word for mark, word in _OTHER_DELIMITERS.items() if mark in names[0]), "")
        seems = f"; it seems to be separated by {other}, write it with commas" if other else ""
        raise InvalidInputError(
            f"{path.name} has one column, '{names[0]}'{seems or '; it takes a sensitive column and a feature at least'}"
        )
    nameless = [str(place) for place, name in enumerate(names, start=1) if not name.strip()]
    if nameless:
        raise InvalidInputError(
            f"{path.name}: column {listed(nameless)} has no name; name it, or leave it out where it is an index "
            "(pandas: to_csv(index=False))"
        )
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise InvalidInputError(f"{path.name} names {listed(twice)} twice; give every column a name of its own")


def _not_utf8(path: Path) -> InvalidInputError:
    with path.open("rb") as stream:
        number = next((number for number, line in enumerate(stream, start=1) if not _is_utf8(line)), 1)
    return InvalidInputError(f"{path.name} is not text in UTF-8 (line {number}); save it as CSV in UTF-8")


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _siblings(path: Path) -> list[str]:
    try:
        return [other.name for other in path.parent.iterdir()]
    except OSError:
        return []


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
