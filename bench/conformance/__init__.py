"""What every adapter must do: the same checks for ours and a stranger's.

Each check is a function that raises :class:`ConformanceError` with one sentence: what is wrong, where to look.
``bench test NAME`` runs them, and so do our own tests over everything that is registered.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bench.conformance.datasets import DATASET_CHECKS
from bench.conformance.methods import METHOD_CHECKS
from bench.conformance.shared import ConformanceError, toy_data
from bench.errors import BenchError
from bench.registry import Entry

__all__ = ["DATASET_CHECKS", "METHOD_CHECKS", "ConformanceError", "Finding", "check", "toy_data"]


@dataclass(frozen=True)
class Finding:
    """Result of one check: passed if `problem` is empty."""

    check: str
    problem: str = ""


def check(entry: Entry) -> Iterator[Finding]:
    """Run every check that fits the adapter.

    Parameters
    ----------
    entry : Entry
        A method or a data set.

    Yields
    ------
    Finding
        One for each check.
    """
    checks = METHOD_CHECKS if entry.kind == "method" else DATASET_CHECKS
    for test in checks:
        name = (test.__doc__ or test.__name__).splitlines()[0].rstrip(".")
        try:
            test(entry)
        except BenchError as error:
            yield Finding(name, str(error))
        else:
            yield Finding(name)
