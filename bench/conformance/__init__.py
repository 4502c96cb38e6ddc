"""What every adapter must do: the same checks for ours and a stranger's.

Each check is a function that raises :class:`ConformanceError` with one sentence: what is wrong, where to look.
``bench test NAME`` runs them, and so do our own tests over everything that is registered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from bench.conformance.datasets import DATASET_CHECKS
from bench.conformance.methods import METHOD_CHECKS
from bench.conformance.shared import CallError, ConformanceError, toy_data
from bench.errors import ADAPTER_FAULTS, BenchError, worded
from bench.registry import Entry

__all__ = [
    "DATASET_CHECKS",
    "METHOD_CHECKS",
    "Check",
    "ConformanceError",
    "Finding",
    "check",
    "checks_for",
    "title_of",
    "toy_data",
]

Check = Callable[[Entry], None]


@dataclass(frozen=True)
class Finding:
    """Result of one check.

    Parameters
    ----------
    check : str
        What was asked.
    problem : str
        What is wrong, in one sentence; empty if nothing is.
    checked : bool
        False for what could not be asked, for a problem that an earlier check has told.
    """

    check: str
    problem: str = ""
    checked: bool = True


def check(entry: Entry, checks: Sequence[Check] | None = None) -> Iterator[Finding]:
    """Run checks on an adapter, in this process; see :func:`bench.conformance.apart.check_apart` for strangers.

    Parameters
    ----------
    entry : Entry
        A method or a data set.
    checks : sequence of callable, optional
        By default all that fit it.

    Yields
    ------
    Finding
        One for each check.
    """
    usable = True
    for test in checks_for(entry) if checks is None else checks:
        name = title_of(test)
        if not usable:
            yield Finding(name, checked=False)
            continue
        try:
            test(entry)
        except BenchError as error:
            usable = not isinstance(error, CallError)
            yield Finding(name, str(error))
        except ADAPTER_FAULTS as error:
            yield Finding(name, f"the adapter raises {worded(error)}")
        else:
            yield Finding(name)


def checks_for(entry: Entry) -> tuple[Check, ...]:
    """The checks that fit a method, or a data set."""
    return METHOD_CHECKS if entry.kind == "method" else DATASET_CHECKS


def title_of(test: Check) -> str:
    """What a check asks, in words."""
    return (test.__doc__ or test.__name__).splitlines()[0].rstrip(".")
