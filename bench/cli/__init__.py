"""The command line: what a user types, nothing that computes."""

from __future__ import annotations

import gc
import sys

from bench.cli.app import app
from bench.errors import BenchError
from bench.harmless import for_terminal

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; a user's mistake ends with one line and exit code 2.

    Parameters
    ----------
    arguments : list of str, optional
        In place of the process's own.
    """
    # They register their commands.
    from bench.cli import (  # noqa: F401
        audit,
        compare,
        describe,
        explain,
        fetch,
        health,
        listing,
        merging,
        new,
        plot,
        report,
        results,
        run,
        tables,
        tune,
    )

    # What is read holds no cycles, and looking for some after every few hundred objects takes longer than the work.
    gc.set_threshold(100_000)
    try:
        app(args=arguments, prog_name="bench")
    except BenchError as error:
        sys.stderr.write(for_terminal(f"bench: {error}\n"))
        sys.exit(2)
    except BrokenPipeError:
        # Whoever read our output has closed it, as `head` does.
        sys.stderr.close()
        sys.exit(141)
