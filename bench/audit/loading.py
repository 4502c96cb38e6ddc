"""Tables to audit: ours by name, anybody's by path."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

from pydantic import ValidationError

from bench.errors import InvalidInputError, UnknownNameError
from bench.record import canonical_json
from bench.reporting.published import PublishedTable, published_names, published_table

__all__ = ["open_table"]

_MANUAL = "`bench audit --help` shows the format"


def open_table(name: str) -> PublishedTable:
    """Read a published table.

    Parameters
    ----------
    name : str
        One of :func:`bench.reporting.published.published_names`, or the path of a JSON file of that format.

    Raises
    ------
    UnknownNameError
        If it is neither a name nor a file.
    InvalidInputError
        If the file is not a published table: unreadable, other keys, a cell outside the rows and columns or there
        twice, a number that is not finite, groups without samples.
    """
    path = Path(name)
    if name in published_names():
        return published_table(name)
    if path.suffix != ".json" and not path.is_file():
        raise UnknownNameError("published table", name, published_names(), "A file ends in .json.")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InvalidInputError(f"table {path} cannot be read ({error.strerror}); name another file") from None
    try:
        table = PublishedTable.model_validate_json(content)
    except ValidationError as error:
        raise InvalidInputError(f"{path} is not a published table: {_fault(error)}; {_MANUAL}") from None
    problem = _problem(table)
    if problem:
        raise InvalidInputError(f"{path} is not a published table: {problem}; {_MANUAL}")
    return table


def _fault(error: ValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}" if place else first["msg"]


def _problem(table: PublishedTable) -> str:
    """What is wrong with a table whose keys and types are right; empty if nothing is."""
    for what, names, allowed in (
        ("method", [cell.method for cell in table.cells], table.rows),
        ("dataset", [cell.dataset for cell in table.cells], table.columns),
        ("metric", [cell.metric for cell in table.cells], table.metrics),
        ("dataset", list(table.group_sizes), table.columns),
    ):
        for name in names:
            if name not in allowed:
                return f"{what} '{name}' is not among those that the table lists ({', '.join(allowed)})"
    places = Counter((c.method, canonical_json(c.settings), c.dataset, c.metric) for c in table.cells)
    for (method, _, dataset, metric), times in places.items():
        if times > 1:
            return f"{times} cells for {metric} of {method} on {dataset}; settings tell rows of one method apart"
    for cell in table.cells:
        if cell.value is not None and not math.isfinite(cell.value):
            return f"{cell.metric} of {cell.method} on {cell.dataset} is {cell.value}; a dash is null"
    return _group_problem(table.group_sizes)


def _group_problem(sizes_of: dict[str, tuple[int, ...]]) -> str:
    for dataset, sizes in sizes_of.items():
        if len(sizes) < 2 or min(sizes) < 1:
            return f"group_sizes of {dataset} are {list(sizes)}; there are at least two groups, none of them empty"
    return ""
