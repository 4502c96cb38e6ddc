"""Runs that do not compare: on several versions of the data, or under several versions of the harness's rules."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from bench.errors import ResultsError
from bench.record import Record

if TYPE_CHECKING:
    from bench.reporting.axes import Axes

__all__ = ["mixed_note", "refuse_mixed"]

# Enough of a hash to tell versions apart.
_DIGITS = 8


def mixed_note(records: Sequence[Record]) -> str:
    """Footnote of a column that holds `records`; empty where all that ended well compare."""
    mixture = _mixture(records)
    return f"Holds runs {mixture}, which do not compare." if mixture else ""


def refuse_mixed(
    axes: Axes, *, remedy: str = "--methods leaves rows out, --allow-mixed shows them with a footnote"
) -> None:
    """Refuse a table in which a column holds runs that do not compare.

    Parameters
    ----------
    axes : Axes
        Rows, columns and their records.
    remedy : str
        What else can be done about it, as a clause.

    Raises
    ------
    ResultsError
        With the data set, which methods ran on which version, and what to do.
    """
    for column in axes.columns:
        mixture = _mixture(axes.in_column(column))
        if mixture:
            raise ResultsError(
                f"data set '{column.name}' has runs {mixture} in one column ({column.label}); "
                f"`bench run --datasets {column.name} --methods ...` runs them again on the same, {remedy}"
            )


def _mixture(records: Iterable[Record]) -> str:
    """What differs between the runs that ended well, others have no numbers to compare; empty if nothing does."""
    versions: dict[str, set[str]] = defaultdict(set)
    protocols: dict[str, set[str]] = defaultdict(set)
    for record in records:
        if record.status == "ok":
            versions[record.spec.data_hash[:_DIGITS]].add(record.spec.method)
            protocols[str(record.spec.protocol)].add(record.spec.method)
    parts = [("on", "versions of the data", versions), ("under", "protocol versions", protocols)]
    return " and ".join(
        f"{word} {len(found)} {what} ({_methods_text(found)})" for word, what, found in parts if len(found) > 1
    )


def _methods_text(methods_of: dict[str, set[str]]) -> str:
    return "; ".join(f"{version}: {', '.join(sorted(methods))}" for version, methods in sorted(methods_of.items()))
