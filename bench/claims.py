"""Who runs what now: several invocations share one results folder without doing any run twice.

A claim is a file under a lock of the operating system, which ends with the process that holds it, however that dies.
Beside it lies a note for people, with what runs and how far it is.
"""

from __future__ import annotations

import errno
import fcntl
import os
import platform
import tempfile
import time
import uuid
import warnings
import weakref
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, TypeAdapter, ValidationError

from bench.errors import ResultsError
from bench.records import RecordStore, write_whole

__all__ = ["ClaimWarning", "Claims", "Held"]

_SECONDS_BETWEEN_NOTES = 1.0

# What file systems answer that have no locks.
_WITHOUT_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})

# Run keys, and when the records were written that they had when they were announced, in nanoseconds.
_Plan = TypeAdapter(dict[str, int | None])


class ClaimWarning(UserWarning):
    """A results folder that several invocations cannot share."""


class Held(BaseModel):
    """A run that a process works on now.

    Parameters
    ----------
    key : str
        Run key.
    name : str
        The run as people name it.
    pid : int
        The process that holds it.
    host : str
        The machine of that process.
    since, seen : datetime
        When it was taken and when the note was last written, in UTC.
    epoch, n_epochs : int or None
        Epochs done, and in all; None before the first, or for a method that logs none.
    """

    model_config = ConfigDict(extra="forbid")

    key: str
    name: str
    pid: int
    host: str
    since: AwareDatetime
    seen: AwareDatetime
    epoch: int | None = None
    n_epochs: int | None = None


@dataclass
class _Mine:
    descriptor: int
    note: Held
    noted: float


class Claims:
    """The runs that this process has taken in a results folder, and a look at those of all others.

    A context manager: entering it makes the folder of the claims, leaving it gives back what is left. Only
    :meth:`held` and :meth:`to_do` work without. Methods may be called from several threads.

    Parameters
    ----------
    folder : Path
        The results folder; claims lie in its subfolder ``claims`` as long as they last. Machines that share it share
        claims if its file system carries locks between them, as NFS does unless it is mounted otherwise.

    Warns
    -----
    ClaimWarning
        On entering, where the file system has no locks: every claim is granted then.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder) / "claims"
        self._records = RecordStore(folder)
        self._mine: dict[str, _Mine] = {}
        self._plans: dict[Path, int] = {}

    def __enter__(self) -> Self:
        """Make the folder and prove that files in it can be written and locked.

        Raises
        ------
        ResultsError
            If they cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.folder) as probe:
                fcntl.flock(probe, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in _WITHOUT_LOCKS:
                raise self._unwritable(error) from None
            warnings.warn(
                f"files in {self.folder} cannot be locked ({error.strerror}); "
                "start no second `bench run` on this results folder, it would do the same runs",
                ClaimWarning,
                stacklevel=2,
            )
        _ENTERED.add(self)
        return self

    def __exit__(self, *_error: object) -> None:
        """Give back what is left."""
        for key in list(self._mine):
            self.give_back(key)
        for path, descriptor in self._plans.items():
            _discard(path, descriptor)
        self._plans.clear()
        _ENTERED.discard(self)

    def take(self, key: str, name: str) -> bool:
        """Claim the run of `key`, without waiting.

        Another invocation may have ended the run since its record was last looked for: look again after this.

        Parameters
        ----------
        key : str
            Run key.
        name : str
            The run as people name it.

        Returns
        -------
        bool
            False if a process that lives holds it, be it this one.

        Raises
        ------
        ResultsError
            If the claim cannot be written.
        """
        try:
            descriptor = _open_locked(self._lock_path(key))
        except OSError as error:
            raise self._unwritable(error) from None
        if descriptor is None:
            return False
        now = _utc_now()
        note = Held(key=key, name=name, pid=os.getpid(), host=platform.node(), since=now, seen=now)
        self._mine[key] = _Mine(descriptor, note, time.monotonic())
        try:
            self._write(note)
        except ResultsError:
            self.give_back(key)
            raise
        return True

    def note(self, key: str, *, epoch: int, n_epochs: int) -> None:
        """Tell readers how far a run is; written at most once a second, and not at all if the disk is full.

        Parameters
        ----------
        key : str
            A key that was taken; any other is ignored.
        epoch, n_epochs : int
            Epochs done, and in all.
        """
        mine = self._mine.get(key)
        now = time.monotonic()
        if mine is None or now - mine.noted < _SECONDS_BETWEEN_NOTES:
            return
        mine.noted = now
        mine.note = mine.note.model_copy(update={"epoch": epoch, "n_epochs": n_epochs, "seen": _utc_now()})
        with suppress(ResultsError):
            self._write(mine.note)

    def give_back(self, key: str) -> None:
        """Let others take `key` again; nothing happens if it was not taken."""
        mine = self._mine.pop(key, None)
        if mine is not None:
            _discard(self._note_path(key), mine.descriptor)

    def announce(self, keys: Iterable[str], stamps: Mapping[str, int] | None = None) -> None:
        """Tell readers what this process will run, for :meth:`to_do`.

        Parameters
        ----------
        keys : iterable of str
            Run keys, before the first of them is taken.
        stamps : mapping of str to int, optional
            When the records were written that some of them have already, in nanoseconds by run key: they are
            asked for again, and have ended when there is another record.

        Raises
        ------
        ResultsError
            If it cannot be written.
        """
        path = self.folder / f"{uuid.uuid4().hex}.plan"
        self._remove_plans_of_the_dead()
        try:
            descriptor = _open_locked(path.with_suffix(".lock"))
        except OSError as error:
            raise self._unwritable(error) from None
        if descriptor is None:
            return
        self._plans[path] = descriptor
        before = stamps or {}
        plan = _Plan.dump_json({key: before.get(key) for key in keys})
        write_whole(path, lambda stream: stream.write(plan), durable=False)

    def held(self) -> list[Held]:
        """What processes that live work on now, on this machine or on others, in the order in which they began.

        Where files cannot be locked, the runs of processes that died are among them.
        """
        notes = [note for path in _held_files(self.folder, "*.json") if (note := _read_note(path))]
        return sorted(notes, key=lambda note: (note.since, note.name))

    def to_do(self) -> int | None:
        """How many runs that were announced have neither begun nor ended; None if no process that lives has any."""
        plans = [plan for path in _held_files(self.folder, "*.plan") if (plan := _read_plan(path)) is not None]
        if not plans:
            return None
        # Several may have announced the same run. Stamps are only told apart, since clocks may be wrong.
        waiting = {key for plan in plans for key, before in plan.items() if self._record_time(key) == before}
        return len(waiting - {note.key for note in self.held()})

    def _lock_path(self, key: str) -> Path:
        return self.folder / f"{key}.lock"

    def _note_path(self, key: str) -> Path:
        return self.folder / f"{key}.json"

    def _write(self, note: Held) -> None:
        text = note.model_dump_json()
        write_whole(self._note_path(note.key), lambda stream: stream.write(text.encode()), durable=False)

    def _record_time(self, key: str) -> int | None:
        try:
            return self._records.path(key).stat().st_mtime_ns
        except OSError:
            return None

    def _remove_plans_of_the_dead(self) -> None:
        # A plan is written when it is locked, so that none is taken for dead before it lives.
        for path in self.folder.glob("*.plan"):
            with suppress(OSError):
                descriptor = _open_locked(path.with_suffix(".lock"))
                if descriptor is not None:
                    _discard(path, descriptor)

    def _unwritable(self, error: OSError) -> ResultsError:
        return ResultsError(
            f"the results folder {self.folder.parent} cannot be written ({error.strerror}); "
            "name another with --results DIR"
        )

    def _leave_to_parent(self) -> None:
        for descriptor in (*(mine.descriptor for mine in self._mine.values()), *self._plans.values()):
            os.close(descriptor)
        self._mine.clear()
        self._plans.clear()


_ENTERED: weakref.WeakSet[Claims] = weakref.WeakSet()


def _after_fork() -> None:
    """A forked child has its parent's locks too; kept open, they would outlive the parent."""
    for claims in list(_ENTERED):
        claims._leave_to_parent()
    _ENTERED.clear()


os.register_at_fork(after_in_child=_after_fork)


def _open_locked(path: Path) -> int | None:
    """Open the file at `path` under an exclusive lock; None if another process has it."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        ours = False
        try:
            if _lock(descriptor, fcntl.LOCK_EX):
                # Who gave the claim back may have deleted the file after we opened it.
                ours = _is_at(descriptor, path)
                if ours:
                    return descriptor
            elif not _lock(descriptor, fcntl.LOCK_SH):
                return None
            # It was only somebody's look at the claim of a dead process, see `_held_files`.
        finally:
            if not ours:
                os.close(descriptor)


def _discard(note: Path, descriptor: int) -> None:
    """Delete a claim and let go of its lock, in the order in which nobody else can be in between."""
    # On a file system that has become read-only the lock is let go of all the same.
    with suppress(OSError):
        note.unlink(missing_ok=True)
        note.with_suffix(".lock").unlink(missing_ok=True)
    os.close(descriptor)


def _lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _WITHOUT_LOCKS:
            raise
    return True


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        # Deleted; some network file systems say so of the open file too.
        return False


def _held_files(folder: Path, pattern: str) -> Iterator[Path]:
    """Files of claims that a living process holds."""
    for path in folder.glob(pattern):
        try:
            descriptor = os.open(path.with_suffix(".lock"), os.O_RDONLY)
        except OSError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            # Somebody has it, or nobody knows, where there are no locks.
            yield path
        finally:
            os.close(descriptor)


def _read_note(path: Path) -> Held | None:
    try:
        return Held.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def _read_plan(path: Path) -> dict[str, int | None] | None:
    try:
        return _Plan.validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def _utc_now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
