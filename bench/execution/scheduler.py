"""What starts next and where, decided from what runs need and what devices have.

Runs of the same kind (method and data set with their parameters) wait in one lane, since they take about as long and
as much memory. A decision looks at lanes, so that it costs the same however many seeds there are.
"""

from __future__ import annotations

import heapq
from bisect import insort
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from bench.execution.job import FAILURES, MEMORY_LIMIT, Cost, Finished, Outcome, Policy, Slot, Work
from bench.execution.memory import need_mb, peak_mb
from bench.metadata import Family

__all__ = ["OVERTAKEN_AT_MOST", "Scheduler"]

# Guesses where nothing was measured. Only their order matters.
_SECONDS: dict[Family, float] = {"deep": 600.0, "shallow": 10.0, "control": 1.0}

# How many others may start before a run that its device has no room for; then the device is kept free for it.
OVERTAKEN_AT_MOST = 8

# How many lanes without room are passed over while something runs: a decision among thousands stays cheap.
_LOOK_AHEAD = 200


@dataclass(eq=False)
class _Lane:
    """Runs of one kind that wait, in the order asked for.

    Parameters
    ----------
    rank : tuple
        Lanes go by it: the longest first, then in the order asked for.
    alone : bool
        Whether its runs need a device to themselves.
    overtaken : int
        Others that started since one of its runs did, although these could not.
    """

    kind: tuple[str, ...]
    rank: tuple[float, int]
    alone: bool = False
    works: deque[Work] = field(default_factory=deque)
    overtaken: int = 0


@dataclass
class _Running:
    lane: _Lane
    slot: Slot
    shared: bool = False


@dataclass
class _Device:
    """A device with its slots; ``memory_mb`` is None where it is not known, and then not counted."""

    name: str
    memory_mb: float | None
    n_slots: int = 0
    free: list[Slot] = field(default_factory=list)
    running: dict[str, _Running] = field(default_factory=dict)
    kept_for: _Lane | None = None


class Scheduler:
    """Decides; starts nothing, and has no clock of its own.

    Long runs go first, each where the fewest others run, never more than a device has slots and memory for. A run
    that needs more memory than is free lets others pass, but not more than ``OVERTAKEN_AT_MOST``, then its device is
    kept free for it. One that needs more than the device has runs alone on it.

    Parameters
    ----------
    works : sequence of Work
        In the order asked for.
    slots : sequence of Slot
        At least one; their devices are the devices.
    memory : mapping of str to float
        Memory in MiB by device; that of a device which is not named is not counted.
    policy : Policy
        What to do about failures.

    Attributes
    ----------
    failures : int
        Runs that ended in one of ``FAILURES`` for good.
    """

    def __init__(
        self, works: Sequence[Work], slots: Sequence[Slot], memory: Mapping[str, float], policy: Policy | None = None
    ) -> None:
        self.policy = policy or Policy()
        self.failures = 0
        self._devices: dict[str, _Device] = {}
        for slot in slots:
            device = self._devices.setdefault(slot.device, _Device(slot.device, memory.get(slot.device)))
            device.n_slots += 1
            device.free.append(slot)
        self._costs: dict[tuple[str, ...], Cost] = {}
        self._tried: dict[str, list[Outcome]] = {}
        self._deferred: list[tuple[float, int, Work, _Lane]] = []
        self._n_deferred = 0
        lanes: dict[tuple[str, ...], _Lane] = {}
        for number, work in enumerate(works):
            if work.kind not in lanes:
                seconds = _SECONDS[work.family] if work.cost.seconds is None else work.cost.seconds
                lanes[work.kind] = _Lane(work.kind, (-seconds, number))
                self._costs[work.kind] = work.cost
            lanes[work.kind].works.append(work)
        self._lanes = sorted(lanes.values(), key=_rank)

    @property
    def done(self) -> bool:
        """Whether nothing waits and nothing runs."""
        return not (self._lanes or self._deferred or self._busy)

    @property
    def gave_up(self) -> bool:
        """Whether so many runs failed that nothing new starts."""
        return self.policy.max_failures is not None and self.failures >= self.policy.max_failures

    def next(self, now: float) -> tuple[Work, Slot] | None:
        """Decide what starts next; it counts as running from here on.

        Parameters
        ----------
        now : float
            Seconds on any clock that is never set back.

        Returns
        -------
        tuple of (Work, Slot) or None
            None where nothing fits, until something has ended or a deferred run is due.
        """
        while self._deferred and self._deferred[0][0] <= now:
            _due, _number, work, lane = heapq.heappop(self._deferred)
            self._put(lane, work)
        if self.gave_up or not any(device.free for device in self._devices.values()):
            return None
        passed: list[_Lane] = []
        for lane in self._lanes:
            device = self._place(lane)
            if device is not None:
                for overtaken in passed:
                    overtaken.overtaken += 1
                return self._start(lane, device)
            if lane.overtaken >= OVERTAKEN_AT_MOST:
                self._keep_a_device_for(lane)
            passed.append(lane)
            if len(passed) == _LOOK_AHEAD and self._busy:
                break
        return None

    def pause(self, now: float) -> float | None:
        """Seconds until the first deferred run is due; None if none is deferred."""
        return max(0.0, self._deferred[0][0] - now) if self._deferred else None

    def defer(self, work: Work, slot: Slot, until: float) -> None:
        """Take a decision back: `work` cannot start before `until`."""
        running = self._leave(work, slot)
        self._n_deferred += 1
        heapq.heappush(self._deferred, (until, self._n_deferred, work, running.lane))

    def drop(self, work: Work, slot: Slot) -> None:
        """Take a decision back: `work` need not be run."""
        self._leave(work, slot)

    def ended(self, work: Work, slot: Slot, outcome: Outcome) -> Outcome | None:
        """Note how an attempt ended.

        Returns
        -------
        Outcome or None
            How the run ended, with the number of attempts in its reason; None if it is tried again.
        """
        running = self._leave(work, slot)
        self._measure(work, slot, outcome.finished)
        tried = self._tried.get(work.key, [])
        lane = self._lane_to_try_again(running, tried, outcome.finished)
        if lane is not None and not self.gave_up:
            self._tried[work.key] = [*tried, outcome]
            self._put(lane, work)
            return None
        self._tried.pop(work.key, None)
        if outcome.finished.status not in FAILURES:
            return outcome
        self.failures += 1
        return _with_attempts(outcome, len(tried) + 1, running.lane.alone)

    def withdraw(self) -> list[tuple[Work, Outcome | None]]:
        """Take out all that waits: nothing new will start.

        Returns
        -------
        list of (Work, Outcome or None)
            With the outcome of the last attempt, for a run that was to be tried again.
        """
        waiting = [work for lane in self._lanes for work in lane.works]
        waiting += [work for _due, _number, work, _lane in sorted(self._deferred, key=lambda entry: entry[:2])]
        self._lanes.clear()
        self._deferred.clear()
        return [(work, self._tried[work.key][-1] if work.key in self._tried else None) for work in waiting]

    @property
    def _busy(self) -> bool:
        return any(device.running for device in self._devices.values())

    def _place(self, lane: _Lane) -> _Device | None:
        """The device for the next run of `lane`; None if none has room."""
        fitting = [device for device in self._devices.values() if self._fits(lane, device)]
        return min(fitting, key=lambda device: len(device.running), default=None)

    def _fits(self, lane: _Lane, device: _Device) -> bool:
        if not device.free or device.kept_for not in (None, lane):
            return False
        if not device.running:
            return True
        if lane.alone or any(running.lane.alone for running in device.running.values()):
            return False
        if device.memory_mb is None:
            return True
        taken = sum(self._need(running.lane, device) for running in device.running.values())
        return taken + self._need(lane, device) <= device.memory_mb

    def _need(self, lane: _Lane, device: _Device) -> float:
        cost = self._costs[lane.kind]
        need = need_mb(cost, device.name)
        if device.memory_mb is not None and peak_mb(cost, device.name) is None:
            # Whoever asks for many slots expects that so many runs fit.
            return min(need, device.memory_mb / device.n_slots)
        return need

    def _keep_a_device_for(self, lane: _Lane) -> None:
        devices = list(self._devices.values())
        if any(device.kept_for is lane for device in devices):
            return
        free = [device for device in devices if device.kept_for is None]
        if free:
            min(free, key=lambda device: len(device.running)).kept_for = lane

    def _start(self, lane: _Lane, device: _Device) -> tuple[Work, Slot]:
        work = lane.works.popleft()
        lane.overtaken = 0
        if not lane.works:
            self._lanes.remove(lane)
        for other in self._devices.values():
            if other.kept_for is lane:
                other.kept_for = None
        slot = min(device.free, key=lambda slot: slot.index)
        device.free.remove(slot)
        device.running[work.key] = _Running(lane, slot)
        if len(device.running) > 1:
            for running in device.running.values():
                running.shared = True
        return work, slot

    def _leave(self, work: Work, slot: Slot) -> _Running:
        device = self._devices[slot.device]
        device.free.append(slot)
        return device.running.pop(work.key)

    def _put(self, lane: _Lane, work: Work) -> None:
        lane.works.appendleft(work)
        if len(lane.works) == 1:
            insort(self._lanes, lane, key=_rank)

    def _measure(self, work: Work, slot: Slot, finished: Finished) -> None:
        """Let the others of its kind know what a run took."""
        if finished.status == "ok":
            known = self._costs[work.kind]
            self._costs[work.kind] = replace(
                known,
                rss_mb=max(filter(None, (known.rss_mb, finished.peak_rss_mb)), default=None),
                gpu_mb=max(filter(None, (known.gpu_mb, finished.peak_gpu_mb)), default=None),
            )

    def _lane_to_try_again(self, running: _Running, tried: list[Outcome], finished: Finished) -> _Lane | None:
        if finished.status == "oom" and finished.error_type != MEMORY_LIMIT and running.shared:
            # What it lacked another run may have had. Alone it cannot be `shared` again.
            return _Lane(running.lane.kind, running.lane.rank, alone=True)
        crashes = sum(outcome.finished.crashed for outcome in tried)
        return running.lane if finished.crashed and crashes < self.policy.retries else None


def _rank(lane: _Lane) -> tuple[float, int]:
    return lane.rank


def _with_attempts(outcome: Outcome, n: int, alone: bool) -> Outcome:
    if n == 1:
        return outcome
    text = f"{outcome.finished.reason}; tried {n} times" + (", at last alone on its device" if alone else "")
    return replace(outcome, finished=replace(outcome.finished, reason=text))
