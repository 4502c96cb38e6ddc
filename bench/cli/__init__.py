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
    # They register their commands.
    from bench.cli import describe, explain, fetch, health, listing, merging, results, run  # noqa: F401

    try:
        app(args=arguments, prog_name="bench")
    except BenchError as error:
        sys.stderr.write(f"bench: {error}\n")
        sys.exit(2)
    except BrokenPipeError:
        # Whoever read our output has closed it, as `head` does.
        sys.stderr.close()
        sys.exit(141)
