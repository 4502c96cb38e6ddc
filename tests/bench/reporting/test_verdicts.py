from __future__ import annotations

import math
import statistics
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.metadata import MethodInfo
from bench.record import Record
from bench.reporting.comparison import impossible_cells
from bench.reporting.model import Cell, Table
from bench.reporting.verdicts import LEGEND, MARKS, judge, prediction_interval

Build = Callable[..., Table]
Make = Callable[..., Record]

percent = st.floats(0, 100)
spread = st.floats(0, 40)
seeds = st.integers(3, 30)


def test_the_interval_by_hand() -> None:
    # 80, 84, 88: mean 84, s = 4; t with 2 degrees of freedom is 4.3027 in every table; sqrt(4/3) = 1.1547.
    low, high = prediction_interval(84.0, 4.0, 3)
    assert (low, high) == (pytest.approx(84 - 19.873, abs=0.01), pytest.approx(84 + 19.873, abs=0.01))
    # Five runs, s = 2: t = 2.7764, sqrt(6/5) = 1.0954.
    assert prediction_interval(50.0, 2.0, 5)[1] == pytest.approx(50 + 6.083, abs=0.01)


def test_the_interval_is_never_narrower_than_a_point_either_way() -> None:
    assert prediction_interval(50.0, 0.01, 5) == (49.0, 51.0)
    assert prediction_interval(50.0, 0.0, 1) == (49.0, 51.0)


@pytest.mark.parametrize(
    ("mean", "std", "n", "published", "verdict"),
    [
        (84.0, 4.0, 3, 96.7, "reproduced"),
        (84.0, 4.0, 3, 64.2, "reproduced"),
        (84.0, 4.0, 3, 64.0, "above"),
        (50.0, 2.0, 5, 56.2, "below"),
        (50.0, 2.0, 5, 56.0, "reproduced"),
        (50.0, 0.0, 5, 51.0, "reproduced"),
        (50.0, 0.0, 5, 51.1, "below"),
        (0.0, 0.0, 5, 0.0, "reproduced"),
        (50.0, 0.0, 2, 50.5, "reproduced"),
    ],
)
def test_verdicts_by_hand(mean: float, std: float, n: int, published: float, verdict: str) -> None:
    assert judge(mean, std, n, published) == (verdict, "")


def test_two_seeds_that_differ_say_too_little() -> None:
    assert judge(50.0, 0.1, 2, 50.0) == ("not comparable", "2 of at least 3 seeds")
    assert judge(50.0, None, 1, 50.0) == ("not comparable", "1 of at least 3 seeds")


def test_one_run_of_a_method_without_chance_is_enough() -> None:
    assert judge(50.0, None, 1, 50.9, deterministic=True).verdict == "reproduced"
    assert judge(50.0, None, 1, 51.1, deterministic=True).verdict == "below"


def test_other_data_and_impossible_numbers_come_before_the_figures() -> None:
    assert judge(50.0, 1.0, 5, 50.0, other_data=True) == ("not comparable", "other data than the paper's")
    judged = judge(50.0, 1.0, 5, 50.0, shortened=True)
    assert judged == ("not comparable", "shorter training than by default")
    judged = judge(50.0, 1.0, 5, 50.0, other_data=True, impossible=True)
    assert judged == ("not comparable", "the published number cannot be true")


@given(percent, spread, seeds, percent)
def test_a_verdict_says_on_which_side_ours_is(mean: float, std: float, n: int, published: float) -> None:
    low, high = prediction_interval(mean, std, n)
    verdict = judge(mean, std, n, published).verdict
    assert (verdict == "above") == (published < low)
    assert (verdict == "below") == (published > high)
    assert verdict != "not comparable"


@given(percent, spread, seeds, percent)
def test_mirrored_figures_have_mirrored_verdicts(mean: float, std: float, n: int, published: float) -> None:
    mirrored = {"above": "below", "below": "above"}
    there, back = judge(mean, std, n, published).verdict, judge(-mean, std, n, -published).verdict
    assert back == mirrored.get(there, there)


@given(percent, spread, spread, seeds)
def test_the_interval_grows_with_the_scatter_and_shrinks_with_the_seeds(
    mean: float, one: float, other: float, n: int
) -> None:
    small, large = sorted((one, other))
    inner, outer = prediction_interval(mean, small, n), prediction_interval(mean, large, n)
    assert outer[0] <= inner[0] <= inner[1] <= outer[1]
    more = prediction_interval(mean, large, n + 1)
    assert outer[0] <= more[0] <= more[1] <= outer[1]


@given(st.lists(percent, min_size=3, max_size=10))
def test_the_mean_itself_is_always_reproduced(values: list[float]) -> None:
    mean, std = statistics.fmean(values), statistics.stdev(values)
    assert judge(mean, std, len(values), mean).verdict == "reproduced"


def test_the_interval_holds_one_more_run_as_often_as_it_says() -> None:
    import numpy as np

    draws = np.random.default_rng(0).normal(50, 10, size=(4000, 5))
    inside = 0
    for *seen, fresh in draws.tolist():
        low, high = prediction_interval(statistics.fmean(seen), statistics.stdev(seen), len(seen))
        inside += low <= fresh <= high
    # Three standard errors of a share of 0.95 over 4,000 draws are 0.0103.
    assert math.isclose(inside / len(draws), 0.95, abs_tol=0.0104)


def test_every_verdict_has_a_mark_that_the_legend_explains() -> None:
    assert len(set(MARKS.values())) == len(MARKS)
    assert all(len(mark) == 1 and f"{mark} " in LEGEND for mark in MARKS.values())


def test_the_audit_decides_what_cannot_be_true() -> None:
    table_1 = impossible_cells("fcmi_table1")
    assert ("FCMI", "MNIST-USPS", (), "mnce") in table_1
    assert ("FCMI", "MNIST-USPS", (), "acc") not in table_1
    # Cut off instead of rounded is no contradiction.
    assert ("DFC", "MTFL", (), "mnce") not in table_1
    assert ("FCMI", "MNIST-USPS", (("L_clu", False), ("L_fair", True)), "mnce") in impossible_cells("fcmi_table2")


def _cell(table: Table, metric: str = "acc") -> Cell:
    (found,) = [cell for (_, _, key), cell in table.cells.items() if key == metric]
    return found


def test_cells_carry_verdicts_where_both_numbers_are(record: Make, table_of: Build) -> None:
    # Published: 96.7.
    table = table_of(*(record("fcmi", "mnist_usps", seed, acc=0.96) for seed in range(3)), metrics=("acc",))
    assert (_cell(table).verdict, _cell(table).verdict_reason) == ("reproduced", "")
    assert table.head[-1] == "Of 1 published numbers beside ours, over all metrics: 1 reproduced"
    assert _cell(table_of(record("fcmi", "digits", acc=0.9), metrics=("acc",))).verdict is None
    failed = record("fcmi", "mnist_usps", status="oom", reason="killed")
    assert _cell(table_of(failed, metrics=("acc",))).verdict is None


def test_a_number_that_cannot_be_true_compares_with_nothing(record: Make, table_of: Build) -> None:
    table = table_of(*(record("fcmi", "mnist_usps", seed, mnce=0.945) for seed in range(3)), metrics=("mnce",))
    cell = _cell(table, "mnce")
    assert (cell.verdict, cell.verdict_reason) == ("not comparable", "the published number cannot be true")


def test_features_of_other_weights_are_other_data(record: Make, table_of: Build) -> None:
    from bench.datasets._features import weights_note

    def verdict(weights: str) -> str | None:
        runs = [record("fcmi", "har", seed, acc=0.882) for seed in range(3)]
        noted = [run.model_copy(update={"data_note": weights_note(weights)}) for run in runs]
        return _cell(table_of(*noted, metrics=("acc",))).verdict

    assert verdict("resnet50-f237e2540d8f.pth") == "not comparable"
    assert verdict("resnet50-0676ba61.pth") == "reproduced"


def test_a_method_without_chance_needs_one_run(record: Make, table_of: Build) -> None:
    methods = {"fcmi": MethodInfo("fcmi", "FCMI", published_as="FCMI", stochastic=False)}
    run = record("fcmi", "har", acc=0.882)
    assert _cell(table_of(run, methods=methods, metrics=("acc",))).verdict == "reproduced"
    assert _cell(table_of(run, metrics=("acc",))).verdict == "not comparable"
