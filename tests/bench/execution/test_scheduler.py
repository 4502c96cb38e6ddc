"""What starts where: fake devices, a fake clock, every order of ends."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from bench.execution.job import MEMORY_LIMIT, Cost, Finished, Job, Outcome, Policy, Slot, Work
from bench.execution.memory import need_mb
from bench.execution.scheduler import OVERTAKEN_AT_MOST, Scheduler
from bench.record import RunSpec

OK = Finished("ok")
ERROR = Finished("error", "a mistake", "ValueError")
CRASH = Finished("error", "killed", "SIGSEGV", crashed=True)
OOM = Finished("oom", "no room", "OutOfMemoryError")
OVER_THE_LIMIT = Finished("oom", "over the limit", MEMORY_LIMIT)


def work_of(method: str, seed: int = 0, *, seconds=None, mb=None, family="shallow", gpu: bool = True) -> Work:
    spec = RunSpec(
        method=method,
        method_params={},
        method_source="",
        dataset="d",
        dataset_params={},
        data_hash="",
        seed=seed,
        protocol=1,
    )
    cost = Cost(seconds, gpu_mb=mb) if gpu else Cost(seconds, rss_mb=mb)
    job = Job("m", "C", Path(), {}, seed, Path(), Path())
    return Work(f"{method}/{seed}", f"{method}, seed {seed}", spec, job, family=family, cost=cost)


def slots_of(*devices: str) -> list[Slot]:
    return [Slot(index, device, (0,)) for index, device in enumerate(devices)]


def started(scheduler: Scheduler, now: float = 0.0) -> list[str]:
    """Start all that fits; the keys, in order."""
    keys = []
    while decision := scheduler.next(now):
        keys.append(decision[0].key)
    return keys


def ran_in_order(works: list[Work], slots: list[Slot] | None = None) -> list[str]:
    """Keys in the order in which they start on one slot, each ending well."""
    scheduler = Scheduler(works, slots or slots_of("cpu"), {})
    keys = []
    while decision := scheduler.next(0.0):
        keys.append(decision[0].key)
        assert scheduler.ended(*decision, Outcome(OK)) == Outcome(OK)
    assert scheduler.done
    return keys


def test_long_runs_start_first() -> None:
    works = [work_of("short", seconds=1.0), work_of("long", seconds=900.0), work_of("middle", seconds=30.0)]
    assert ran_in_order(works) == ["long/0", "middle/0", "short/0"]


def test_of_runs_that_were_never_measured_deep_ones_start_first() -> None:
    works = [work_of("c", family="control"), work_of("s"), work_of("d", family="deep"), work_of("s", 1)]
    assert ran_in_order(works) == ["d/0", "s/0", "s/1", "c/0"]


def test_equally_long_runs_start_as_they_were_asked_for() -> None:
    works = [work_of(name, seed) for name in ("b", "a") for seed in (1, 0)]
    assert ran_in_order(works) == ["b/1", "b/0", "a/1", "a/0"]


def test_runs_go_where_the_fewest_others_run() -> None:
    scheduler = Scheduler([work_of("m", seed) for seed in range(4)], slots_of(*["cuda:0", "cuda:1"] * 2), {})
    assert [scheduler.next(0.0)[1].device for _run in range(4)] == ["cuda:0", "cuda:1", "cuda:0", "cuda:1"]
    assert scheduler.next(0.0) is None


def test_memory_keeps_runs_apart_that_do_not_fit_beside_each_other() -> None:
    works = [work_of("large", seconds=9.0, mb=1000.0), work_of("small", seconds=1.0, mb=100.0)]
    large, small = (need_mb(work.cost, "cuda:0") for work in works)
    assert started(Scheduler(works, slots_of("cuda:0", "cuda:0"), {"cuda:0": large + small})) == ["large/0", "small/0"]
    assert started(Scheduler(works, slots_of("cuda:0", "cuda:0"), {"cuda:0": large + small - 1})) == ["large/0"]


def test_on_a_processor_the_memory_of_the_host_counts() -> None:
    works = [work_of("m", seed, mb=1000.0, gpu=False) for seed in range(3)]
    assert len(started(Scheduler(works, slots_of("cpu", "cpu", "cpu"), {"cpu": 2500.0}))) == 2


def test_a_run_that_needs_more_than_there_is_runs_alone() -> None:
    scheduler = Scheduler([work_of("huge", mb=9e9), work_of("m")], slots_of("cuda:0", "cuda:0"), {"cuda:0": 8000.0})
    assert started(scheduler) == ["huge/0"]


def test_unmeasured_runs_fill_the_slots_that_were_asked_for() -> None:
    works = [work_of("m", seed) for seed in range(6)]
    assert len(started(Scheduler(works, slots_of(*["cuda:0"] * 6), {"cuda:0": 6000.0}))) == 6


def test_the_first_run_of_a_kind_tells_what_the_others_need() -> None:
    scheduler = Scheduler([work_of("m", seed) for seed in range(5)], slots_of(*["cuda:0"] * 2), {"cuda:0": 6000.0})
    first, second = scheduler.next(0.0), scheduler.next(0.0)
    for decision in (first, second):
        scheduler.ended(*decision, Outcome(Finished("ok", peak_gpu_mb=4000.0)))
    assert len(started(scheduler)) == 1


def overtakers(scheduler: Scheduler, now: float) -> int:
    """How many small runs start, each ending well, before nothing does any more."""
    number = 0
    while decision := scheduler.next(now):
        assert decision[0].spec.method == "small"
        number += 1
        scheduler.ended(*decision, Outcome(OK))
    return number


def test_a_large_run_is_overtaken_so_often_and_then_has_its_turn() -> None:
    works = [work_of("first", seconds=99.0, mb=3000.0)]
    works += [work_of("large", seed, seconds=50.0, mb=9000.0) for seed in range(2)]
    works += [work_of("small", seed, seconds=1.0, mb=100.0) for seed in range(100)]
    scheduler = Scheduler(works, slots_of("cuda:0", "cuda:0"), {"cuda:0": 11500.0})
    first = scheduler.next(0.0)
    assert overtakers(scheduler, 0.0) == OVERTAKEN_AT_MOST
    scheduler.ended(*first, Outcome(OK))
    large = scheduler.next(0.0)
    assert large[0].key == "large/0"
    scheduler.ended(*large, Outcome(OK))
    # The second one comes when another small run has begun, and is overtaken as often.
    scheduler.defer(*scheduler.next(0.0), until=2.0)
    small = scheduler.next(1.0)
    assert overtakers(scheduler, 2.0) == OVERTAKEN_AT_MOST
    scheduler.ended(*small, Outcome(OK))
    assert scheduler.next(2.0)[0].key == "large/1"


def test_out_of_memory_beside_others_is_tried_once_more_alone() -> None:
    works = [work_of("m", seed, seconds=50.0) for seed in range(2)] + [work_of("s", seed) for seed in range(2)]
    scheduler = Scheduler(works, slots_of("cuda:0", "cuda:0"), {})
    first, second = scheduler.next(0.0), scheduler.next(0.0)
    assert scheduler.ended(*first, Outcome(OOM)) is None
    third = scheduler.next(0.0)
    assert third[0].key == "s/0"
    scheduler.ended(*second, Outcome(OK))
    scheduler.ended(*third, Outcome(OK))
    again = scheduler.next(0.0)
    assert again[0].key == "m/0"
    assert scheduler.next(0.0) is None
    final = scheduler.ended(*again, Outcome(OOM))
    assert final.finished.status == "oom"
    assert final.finished.reason == "no room; tried 2 times, at last alone on its device"
    assert started(scheduler) == ["s/1"]


def test_out_of_memory_with_the_device_to_itself_is_final() -> None:
    scheduler = Scheduler([work_of("m")], slots_of("cuda:0", "cuda:0"), {})
    assert scheduler.ended(*scheduler.next(0.0), Outcome(OOM)) == Outcome(OOM)


def test_a_run_over_its_own_limit_is_not_tried_again() -> None:
    scheduler = Scheduler([work_of("m", seed) for seed in range(2)], slots_of("cpu", "cpu"), {})
    first, _second = scheduler.next(0.0), scheduler.next(0.0)
    assert scheduler.ended(*first, Outcome(OVER_THE_LIMIT)) == Outcome(OVER_THE_LIMIT)


def test_crashes_are_tried_again_as_often_as_the_policy_says() -> None:
    scheduler = Scheduler([work_of("m")], slots_of("cpu"), {}, Policy(retries=2))
    assert scheduler.ended(*scheduler.next(0.0), Outcome(CRASH)) is None
    assert scheduler.ended(*scheduler.next(0.0), Outcome(CRASH)) is None
    assert scheduler.ended(*scheduler.next(0.0), Outcome(CRASH)).finished.reason == "killed; tried 3 times"
    assert scheduler.done
    assert scheduler.failures == 1


def test_an_exception_is_no_crash() -> None:
    scheduler = Scheduler([work_of("m")], slots_of("cpu"), {}, Policy(retries=2))
    assert scheduler.ended(*scheduler.next(0.0), Outcome(ERROR)) == Outcome(ERROR)


def test_after_so_many_failures_nothing_starts() -> None:
    works = [work_of("m", seed) for seed in range(9)]
    scheduler = Scheduler(works, slots_of("cpu", "cpu"), {}, Policy(max_failures=2))
    first, second = scheduler.next(0.0), scheduler.next(0.0)
    scheduler.ended(*first, Outcome(ERROR))
    third = scheduler.next(0.0)
    assert not scheduler.gave_up
    scheduler.ended(*second, Outcome(ERROR))
    assert scheduler.gave_up
    assert scheduler.next(0.0) is None
    assert scheduler.withdraw() == [(work, None) for work in works[3:]]
    assert not scheduler.done
    scheduler.ended(*third, Outcome(OK))
    assert scheduler.done


def test_a_run_that_was_to_be_tried_again_keeps_its_failure_when_nothing_starts_any_more() -> None:
    scheduler = Scheduler(
        [work_of("m", seed) for seed in range(2)], slots_of("cpu", "cpu"), {}, Policy(retries=1, max_failures=1)
    )
    first, second = scheduler.next(0.0), scheduler.next(0.0)
    assert scheduler.ended(*first, Outcome(CRASH)) is None
    scheduler.ended(*second, Outcome(ERROR))
    assert scheduler.withdraw() == [(first[0], Outcome(CRASH))]


def test_a_crash_is_final_when_nothing_starts_any_more() -> None:
    scheduler = Scheduler(
        [work_of("m", seed) for seed in range(2)], slots_of("cpu", "cpu"), {}, Policy(retries=1, max_failures=1)
    )
    first, second = scheduler.next(0.0), scheduler.next(0.0)
    scheduler.ended(*first, Outcome(ERROR))
    assert scheduler.ended(*second, Outcome(CRASH)) == Outcome(CRASH)
    assert scheduler.done


def test_a_deferred_run_waits_for_its_time() -> None:
    scheduler = Scheduler([work_of("m")], slots_of("cpu"), {})
    assert scheduler.pause(5.0) is None
    scheduler.defer(*scheduler.next(5.0), until=6.0)
    assert scheduler.next(5.5) is None
    assert scheduler.pause(5.5) == 0.5
    assert not scheduler.done
    decision = scheduler.next(6.0)
    scheduler.drop(*decision)
    assert scheduler.done


@dataclass
class World:
    """Devices that do what a scheduler says, and note what it must not say."""

    slots: list[Slot]
    memory: dict[str, float]
    scheduler: Scheduler
    now: float = 0.0
    begun: int = 0
    ends: list[tuple[float, int, Work, Slot, Finished]] = field(default_factory=list)
    running: dict[str, dict[str, tuple[Work, bool]]] = field(default_factory=lambda: defaultdict(dict))
    ended: Counter[str] = field(default_factory=Counter)
    attempts: dict[str, list[Finished]] = field(default_factory=lambda: defaultdict(list))

    def begin(self, work: Work, slot: Slot, seconds: float, finished: Finished, *, alone: bool = False) -> None:
        beside = self.running[slot.device]
        assert len(beside) < sum(other.device == slot.device for other in self.slots)
        assert slot not in [entry[3] for entry in self.ends]
        if beside:
            assert not alone
            assert not any(other_alone for _work, other_alone in beside.values())
            needs = sum(need_mb(other.cost, slot.device) for other in [work, *(entry[0] for entry in beside.values())])
            assert needs <= self.memory[slot.device]
        beside[work.key] = (work, alone)
        self.begun += 1
        heapq.heappush(self.ends, (self.now + seconds, self.begun, work, slot, finished))

    def first_end(self) -> tuple[Work, Slot, Finished]:
        self.now, _number, work, slot, finished = heapq.heappop(self.ends)
        del self.running[slot.device][work.key]
        self.attempts[work.key].append(finished)
        return work, slot, finished


ENDS = st.sampled_from([OK] * 6 + [ERROR, CRASH, OOM])


@st.composite
def works_to_do(draw: st.DrawFn, most_seeds: int) -> list[Work]:
    kinds = draw(st.lists(st.tuples(st.floats(100, 20000), st.floats(0.1, 99)), min_size=1, max_size=6))
    return [
        work_of(f"m{number}", seed, seconds=seconds, mb=mb)
        for number, (mb, seconds) in enumerate(kinds)
        for seed in range(draw(st.integers(1, most_seeds)))
    ]


@st.composite
def worlds(draw: st.DrawFn, works: list[Work], policy: Policy) -> World:
    n_slots = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    slots = slots_of(*[f"cuda:{number}" for number, several in enumerate(n_slots) for _slot in range(several)])
    memory = {slot.device: draw(st.floats(1000, 30000)) for slot in slots}
    return World(slots, memory, Scheduler(works, slots, memory, policy))


@given(data=st.data(), works=works_to_do(most_seeds=6), retries=st.integers(0, 2))
def test_whatever_happens_devices_hold_and_every_run_ends_once(data, works, retries) -> None:
    world = data.draw(worlds(works, Policy(retries=retries)))
    scheduler = world.scheduler
    deferred: Counter[str] = Counter()
    while not scheduler.done:
        while decision := scheduler.next(world.now):
            work, slot = decision
            if deferred[work.key] < 2 and data.draw(st.integers(0, 9)) == 0:
                deferred[work.key] += 1
                scheduler.defer(work, slot, world.now + 1)
                continue
            tries = world.attempts[work.key]
            alone = any(finished is OOM for finished in tries)
            world.begin(work, slot, data.draw(st.floats(0.1, 9)), data.draw(ENDS), alone=alone)
        if not world.ends:
            # Nothing runs, so that something must be waiting for its time.
            world.now += scheduler.pause(world.now)
            continue
        work, slot, finished = world.first_end()
        if scheduler.ended(work, slot, Outcome(finished)) is not None:
            world.ended[work.key] += 1
    assert world.ended == {work.key: 1 for work in works}
    for tries in world.attempts.values():
        assert sum(finished is CRASH for finished in tries) <= retries + 1
        assert sum(finished is OOM for finished in tries) <= 2
        assert all(finished in (CRASH, OOM) for finished in tries[:-1])


@given(data=st.data(), works=works_to_do(most_seeds=40))
def test_nothing_is_overtaken_for_ever(data, works) -> None:
    world = data.draw(worlds(works, Policy()))
    scheduler, devices = world.scheduler, {slot.device for slot in world.slots}
    seconds = {work.spec.method: work.cost.seconds for work in works}
    waiting = Counter(work.spec.method for work in works)
    overtaken: dict[str, list[str]] = defaultdict(list)
    while not scheduler.done:
        while decision := scheduler.next(world.now):
            work, slot = decision
            waiting[work.spec.method] -= 1
            overtaken[work.spec.method].clear()
            for method in waiting:
                if waiting[method] and seconds[method] > work.cost.seconds:
                    overtaken[method].append(slot.device)
                    # Others that were overtaken as often may have their turn first; then one device takes nobody else.
                    assert set(overtaken[method][OVERTAKEN_AT_MOST + len(devices) :]) < devices
            world.begin(work, slot, data.draw(st.floats(0.1, 9)), OK)
        work, slot, finished = world.first_end()
        scheduler.ended(work, slot, Outcome(finished))
    assert not any(waiting.values())
