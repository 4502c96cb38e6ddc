"""The records, mirrored into MLflow: a parent run for every invocation, a child run for every record.

The records are the truth and MLflow is a view of them, so a tracker never stops a run: the first failure is kept
as :attr:`Tracker.problem`, and :func:`sync` brings in later what is missing. MLflow is imported only where it is
used, because that takes a second.
"""

from __future__ import annotations

from bench.tracking.fields import RunStatus
from bench.tracking.location import default_uri, masked_uri, reachable, resolve_uri, serve_command
from bench.tracking.mirror import EXPERIMENT, SyncResult, Tracker, sync

__all__ = [
    "EXPERIMENT",
    "RunStatus",
    "SyncResult",
    "Tracker",
    "default_uri",
    "masked_uri",
    "reachable",
    "resolve_uri",
    "serve_command",
    "sync",
]
