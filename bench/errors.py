"""What can go wrong, told in one line: what was given, what is allowed, what to do next.

Every error that a user can cause derives from :class:`BenchError`; the command line prints its message and
exits with code 2. Anything else is a defect of ours and keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "ADAPTER_FAULTS",
    "BenchError",
    "InvalidInputError",
    "MissingDataError",
    "NoRunsError",
    "ResultsError",
    "SuiteError",
    "UnknownNameError",
    "UnsupportedInputError",
    "worded",
]


# What an adapter, which may be anybody's, can raise where its failure is reported instead of ending the program.
ADAPTER_FAULTS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BufferError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    NameError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)


class BenchError(Exception):
    """A user's mistake or a fault of the surroundings, worded for the person who reads it."""


class InvalidInputError(BenchError, ValueError):
    """Arrays, parameters or options that no method could work with."""


class UnsupportedInputError(BenchError):
    """Sound input that this one method cannot take: the run is not applicable."""


class MissingDataError(BenchError):
    """A data set whose files are not on this machine."""


class ResultsError(BenchError):
    """A results folder that cannot be read or written."""


class NoRunsError(ResultsError):
    """Records that hold none of the runs that were asked for."""


class SuiteError(BenchError):
    """A suite file that does not say what to run."""


class UnknownNameError(BenchError, KeyError):
    """A name that nothing is registered under, with the nearest one that exists.

    Parameters
    ----------
    what : str
        The kind of thing looked for, for example ``"method"``.
    given : str
        The name as the user wrote it.
    allowed : iterable of str
        The names that exist.
    hint : str, optional
        What to do next, as a clause.
    """

    def __init__(self, what: str, given: str, allowed: Iterable[str], hint: str = "") -> None:
        names = sorted(allowed)
        spelled = {name.lower(): name for name in names}
        near = difflib.get_close_matches(given.lower().replace("-", "_"), spelled, n=1, cutoff=0.5)
        guess = f" Did you mean '{spelled[near[0]]}'?" if near else ""
        self.message = f"unknown {what} '{given}'.{guess} Known: {', '.join(names) or 'none'}."
        if hint:
            self.message += f" {hint}"
        super().__init__(self.message)

    def __str__(self) -> str:
        # KeyError's own str() would put the message in quotes.
        return self.message


def worded(error: Exception) -> str:
    """Type and first line of an error."""
    # The name of a file may hold bytes that are no text, and records are UTF-8.
    text = str(error).strip().encode(errors="backslashreplace").decode()
    return f"{type(error).__name__}: {text.splitlines()[0]}" if text else type(error).__name__
