"""The tracker of one invocation, and the mirroring of a whole results folder."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from bench.errors import ResultsError
from bench.record import Record
from bench.tracking.fields import (
    RunStatus,
    metrics,
    milliseconds,
    params,
    record_sha,
    run_status,
    tags,
    write_artifacts,
)
from bench.tracking.location import artifact_root, connect, failures, is_database, masked_uri, reason

__all__ = ["EXPERIMENT", "SyncResult", "Tracker", "sync"]

EXPERIMENT = "fair-clustering-bench"

# Set last, so that a run without it is one that was only half written.
COMPLETE = "bench.record_sha"

# MLflow takes 1000 metrics and 100 params a request, and 1000 of both together.
_METRICS_A_BATCH, _PARAMS_A_BATCH = 900, 100
_RUNS_A_PAGE = 200


@dataclass(frozen=True)
class SyncResult:
    """What :func:`sync` did, in numbers of records.

    Parameters
    ----------
    added : int
        Were not in MLflow.
    already : int
        Were there, and equal.
    updated : int
        Were there half written or with another content, and are replaced.
    """

    added: int
    already: int
    updated: int


class Tracker:
    """Mirrors the records of one invocation into MLflow; a context manager that never raises on MLflow's account.

    Parameters
    ----------
    uri : str or None
        As :func:`resolve_uri` returns it; None tracks nothing.
    results : Path
        The results folder, home of the artifacts unless a server keeps them.
    name : str
        Name of the parent run.
    tags : mapping of str to str, optional
        Tags of the parent run.

    Attributes
    ----------
    problem : str or None
        The first failure in one line. After it, :meth:`log` does nothing.
    """

    def __init__(self, uri: str | None, results: Path, *, name: str, tags: Mapping[str, str] | None = None) -> None:
        self.uri = uri
        self.results = results
        self.name = name
        self.tags = dict(tags or {})
        self.problem: str | None = None
        self._session: _Session | None = None
        # Slots finish in threads of their own.
        self._lock = threading.Lock()

    def open(self) -> Self:
        """Create the experiment, if need be, and start the parent run."""
        if self.uri is not None:
            self._attempt(self._start)
        return self

    def log(self, record: Record) -> None:
        """Mirror `record` as a child run; safe to call from several threads."""
        session = self._session
        if session is not None:
            self._attempt(lambda: session.supersede(record))

    def close(self, status: RunStatus = "FINISHED") -> None:
        """End the parent run; tried after a failure too, for a server that has come back."""
        session, self._session = self._session, None
        if session is not None:
            self._attempt(lambda: session.end(status), again=True)

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.close("KILLED" if issubclass(kind, KeyboardInterrupt) else "FAILED")

    def _start(self) -> None:
        self._session = _Session(str(self.uri), self.results, self.name, self.tags)
        self._session.parent()

    def _attempt(self, action: Callable[[], None], again: bool = False) -> None:
        with self._lock:
            if self.problem is not None and not again:
                return
            try:
                action()
            except failures() as error:
                self.problem = self.problem or (
                    f"MLflow at {masked_uri(str(self.uri))} cannot be used ({reason(error, str(self.uri))}); "
                    "the runs go on, their records are kept; `bench sync` mirrors them later"
                )


def sync(records: Iterable[Record], uri: str, results: Path) -> SyncResult:
    """Bring MLflow in line with `records`: afterwards it holds exactly one run for each. Doing it twice adds nothing.

    Parameters
    ----------
    records : iterable of Record
        For example a :class:`bench.records.RecordStore`.
    uri : str
        As :func:`resolve_uri` returns it.
    results : Path
        The results folder.

    Returns
    -------
    SyncResult

    Raises
    ------
    ResultsError
        When MLflow fails. What was mirrored until then stays.
    """
    wanted = {record.key: record for record in records}
    done = {"added": 0, "already": 0, "updated": 0}
    try:
        session = _Session(uri, results, "bench sync", {})
        status: RunStatus = "FAILED"
        try:
            present = session.present()
            for key, record in wanted.items():
                done[session.replace(record, present.get(key, []))] += 1
            status = "FINISHED"
        finally:
            session.end(status)
    except failures() as error:
        raise ResultsError(
            f"MLflow at {masked_uri(uri)} cannot be used ({reason(error, uri)}); {sum(done.values())} of "
            f"{len(wanted)} records are mirrored; run `bench sync` again when it answers"
        ) from None
    return SyncResult(**done)


class _Session:
    """The parent run of one invocation and its children. Every method may raise one of :func:`failures`."""

    def __init__(self, uri: str, results: Path, name: str, tags: Mapping[str, str]) -> None:
        self.client = connect(uri)
        # A server decides itself where artifacts go.
        self.experiment = _experiment(self.client, artifact_root(results) if is_database(uri) else None)
        self.name = name
        self.tags = {**tags, "mlflow.source.name": "bench", "mlflow.source.type": "LOCAL"}
        self._parent: str | None = None

    def parent(self) -> str:
        """Id of the parent run, which is started when it is first asked for."""
        if self._parent is None:
            run = self.client.create_run(self.experiment, tags=self.tags, run_name=self.name)
            self._parent = str(run.info.run_id)
        return self._parent

    def end(self, status: RunStatus) -> None:
        if self._parent is not None:
            self.client.set_terminated(self._parent, status)

    def add(self, record: Record) -> None:
        """Write `record` as a child run, :data:`COMPLETE` last."""
        start, end = milliseconds(record.started), milliseconds(record.ended)
        labels = {**tags(record), "mlflow.parentRunId": self.parent()}
        name = f"{record.spec.method} {record.spec.dataset} seed {record.spec.seed}"
        run = self.client.create_run(self.experiment, start_time=start or end, tags=labels, run_name=name)
        self._log_numbers(run.info.run_id, record, end or int(datetime.now(UTC).timestamp() * 1000))
        with tempfile.TemporaryDirectory() as folder:
            write_artifacts(record, Path(folder))
            self.client.log_artifacts(run.info.run_id, folder)
        self.client.set_terminated(run.info.run_id, run_status(record), end_time=end)
        self.client.set_tag(run.info.run_id, COMPLETE, record_sha(record))

    def _log_numbers(self, run_id: str, record: Record, time: int) -> None:
        from mlflow.entities import Metric, Param

        settings = [Param(name, value) for name, value in params(record).items()]
        numbers = [Metric(name, value, time, step) for name, value, step in metrics(record)]
        batches = zip_longest(_chunks(numbers, _METRICS_A_BATCH), _chunks(settings, _PARAMS_A_BATCH), fillvalue=())
        for some_numbers, some_settings in batches:
            self.client.log_batch(run_id, metrics=some_numbers, params=some_settings)

    def supersede(self, record: Record) -> None:
        """Write `record` in place of what an earlier invocation wrote under its key."""
        self.replace(record, self.present(record.key).get(record.key, []))

    def present(self, key: str | None = None) -> dict[str, list[tuple[str, str]]]:
        """Run ids with their :data:`COMPLETE` tags (empty if half written) by record key, of all or of one."""
        found: dict[str, list[tuple[str, str]]] = {}
        wanted = f"tags.`bench.key` = '{key}'" if key else ""
        token = None
        while True:
            page = self.client.search_runs(
                [self.experiment], filter_string=wanted, max_results=_RUNS_A_PAGE, page_token=token
            )
            for run in page:
                key = run.data.tags.get("bench.key")
                if key is not None:
                    found.setdefault(key, []).append((run.info.run_id, run.data.tags.get(COMPLETE, "")))
            token = page.token
            if not token:
                return found

    def replace(self, record: Record, runs: list[tuple[str, str]]) -> Literal["added", "already", "updated"]:
        """Leave one run for `record`: the equal one among `runs`, or a new one."""
        sha = record_sha(record)
        keep = next((run_id for run_id, held in runs if held == sha), None)
        if keep is None:
            self.add(record)
        for run_id, _ in runs:
            if run_id != keep:
                self.client.delete_run(run_id)
        if keep is not None:
            return "already"
        return "updated" if runs else "added"


def _experiment(client: Any, location: str | None) -> str:
    """Id of the experiment, which is created, or restored after somebody deleted it."""
    from mlflow.exceptions import MlflowException

    held = client.get_experiment_by_name(EXPERIMENT)
    if held is None:
        try:
            return str(client.create_experiment(EXPERIMENT, artifact_location=location))
        except MlflowException:
            # Another invocation may have been a moment faster.
            held = client.get_experiment_by_name(EXPERIMENT)
            if held is None:
                raise
    if held.lifecycle_stage != "active":
        client.restore_experiment(held.experiment_id)
    return str(held.experiment_id)


def _chunks(items: list[Any], size: int) -> Iterator[list[Any]]:
    return (items[start : start + size] for start in range(0, len(items), size))
