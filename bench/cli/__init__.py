"""The command line: what a user types, nothing that computes."""

from __future__ import annotations

import sys

from bench.cli.app import app
from bench.errors import BenchError

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; a user's mistake ends with one line and exit code 2.

    Parameters
    ----------
    arguments : list of str, optional
        In place of the process's own.
    """
    from bench.cli import describe, fetch, health, listing, results, run  # noqa: F401 -- they register their commands

    try:
        app(args=arguments, prog_name="bench")
    except BenchError as error:
        sys.stderr.write(f"bench: {error}\n")
        sys.exit(2)
    except BrokenPipeError:
        # Whoever read our output has closed it, as `head` does.
        sys.stderr.close()
        sys.exit(141)
