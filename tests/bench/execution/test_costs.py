"""What runs will probably take, from what earlier ones took."""

from __future__ import annotations

import os
import warnings

import pytest

from bench.execution.costs import Costs, recent
from bench.execution.job import Cost
from bench.execution.memory import need_mb, typical_need_mb
from bench.record import Record, RunSpec, Status
from bench.records import RecordStore


def record_of(
    method: str = "m",
    seed: int = 0,
    status: Status = "ok",
    params: dict[str, object] | None = None,
    **measured: float | str | None,
) -> Record:
    spec = RunSpec(
        method=method,
        method_params=params or {},
        method_source="",
        dataset="d",
        dataset_params={},
        data_hash="",
        seed=seed,
        protocol=1,
    )
    return Record(key=f"{seed:064x}", spec=spec, status=status, **measured)


def test_another_seed_takes_what_the_latest_took() -> None:
    costs = Costs([record_of(fit_seconds=5.0, peak_rss_mb=100.0), record_of(fit_seconds=9.0, peak_gpu_mb=30.0)])
    assert costs.of(record_of(seed=7).spec) == Cost(5.0, 100.0, 30.0)
    assert costs.of(record_of("another").spec) == Cost()


def test_the_same_parameters_tell_more_than_others() -> None:
    costs = Costs([record_of(params={"epochs": 9}, fit_seconds=9.0), record_of(params={"epochs": 1}, fit_seconds=1.0)])
    assert costs.of(record_of(params={"epochs": 1}).spec).seconds == 1.0
    assert costs.of(record_of(params={"epochs": 5}).spec).seconds == 9.0


def test_a_time_out_tells_how_long_at_least_and_a_mistake_nothing() -> None:
    times = {"started": "2025-01-01T10:00:00.000+00:00", "ended": "2025-01-01T10:01:30.000+00:00"}
    assert Costs([record_of(status="timeout", **times)]).of(record_of().spec).seconds == 90.0
    assert Costs([record_of(status="error", fit_seconds=3.0, peak_rss_mb=9.0)]).of(record_of().spec) == Cost()


def test_a_clock_that_was_set_back_makes_no_negative_time() -> None:
    times = {"started": "2025-01-01T10:00:00.000+00:00", "ended": "2025-01-01T09:00:00.000+00:00"}
    assert Costs([record_of(status="timeout", **times)]).of(record_of().spec).seconds == 0.0


def test_the_latest_records_are_read_and_unreadable_ones_passed_over(results, monkeypatch: pytest.MonkeyPatch) -> None:
    store = RecordStore(results)
    store.prepare()
    for seed, second in enumerate((30, 10, 20)):
        os.utime(store.write(record_of(seed=seed)), (second, second))
    store.path("f" * 64).write_text("cut off")
    monkeypatch.setattr("bench.execution.costs._RECENT", 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [record.spec.seed for record in recent(store)] == [0, 2]


def test_a_need_has_room_to_spare() -> None:
    cost = Cost(rss_mb=100.0, gpu_mb=1000.0)
    assert 100 < need_mb(cost, "cpu") < 200
    assert need_mb(cost, "cuda:1") > 1000 + need_mb(Cost(gpu_mb=0.0), "cuda:1") / 2


def test_the_typical_need_is_the_middle_one() -> None:
    costs = [Cost(rss_mb=mb) for mb in (9000.0, 100.0, 300.0)]
    assert typical_need_mb(costs, "cpu") == need_mb(Cost(rss_mb=300.0), "cpu")
    assert typical_need_mb([], "cpu") == need_mb(Cost(), "cpu")
