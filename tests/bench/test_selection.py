"""Signs by which a restart could be chosen without labels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from bench.errors import InvalidInputError
from bench.plan import run_key
from bench.record import Record, RunSpec, pack_labels
from bench.selection import CRITERIA, RunCriteria, kept_restarts, run_criteria


def run(seed: int, labels: list[int], *, loss: float | None = 0.0, **spec: Any) -> Record:
    fields = {
        "method": "fcmi",
        "method_params": {},
        "method_source": "s",
        "dataset": "har",
        "dataset_params": {},
        "data_hash": "d",
        "protocol": 1,
    }
    made = RunSpec(seed=seed, **{**fields, **spec})
    early = {"epoch": 0.0, "loss": 9.0, "mi_xc_given_g": 9.0, "mi_gc": 9.0}
    last = {"epoch": 1.0, "loss": loss, "mi_xc_given_g": 1.5, "mi_gc": 0.25}
    return Record(key=run_key(made), spec=made, status="ok", labels=pack_labels(labels), history=[early, last])


def test_signs_of_a_case_worked_by_hand() -> None:
    # The first two agree up to the names of the clusters, the third is independent of both.
    found = run_criteria([run(3, [0, 0, 1, 1], loss=-0.5), run(4, [1, 1, 0, 0]), run(5, [0, 1, 0, 1])])
    assert found[0] == RunCriteria(seed=3, objective=0.5, information=1.25, agreement=0.5)
    assert [one.agreement for one in found] == [0.5, 0.5, 0.0]
    assert set(CRITERIA) < set(RunCriteria.__dataclass_fields__)


def test_what_a_history_does_not_hold_is_nan() -> None:
    rng = np.random.default_rng(0)
    runs = [run(seed, rng.integers(3, size=20).tolist(), loss=None) for seed in range(2)]
    first, second = run_criteria([runs[0], runs[1].model_copy(update={"history": []})])
    assert math.isnan(first.objective)
    assert first.information == 1.25
    assert math.isnan(second.information)
    assert first.agreement == second.agreement


@pytest.mark.parametrize(
    ("records", "match"),
    [
        ([run(0, [0, 1])], "at least two"),
        ([run(0, [0, 1]), run(1, [0, 1]).model_copy(update={"status": "error"})], "ended well"),
        ([run(0, [0, 1]), run(1, [0, 1], method_params={"alpha": 1})], "differ in more than their seed"),
        ([run(0, [0, 1]), run(1, [0, 1], data_hash="other")], "differ in more than their seed"),
    ],
)
def test_runs_that_are_no_restarts_are_refused(records: list[Record], match: str) -> None:
    with pytest.raises(InvalidInputError, match=match):
        run_criteria(records)


def test_kept_restarts_by_hand() -> None:
    # Runs 0 and 1 agree, as do 2 and 3; the loss falls from run to run. Choices: 012, 013, 023, 123.
    pairs = ([0, 0, 1, 1], [1, 1, 0, 0], [0, 1, 0, 1], [1, 0, 1, 0])
    runs = [run(seed, labels, loss=-float(seed)) for seed, labels in enumerate(pairs)]
    assert kept_restarts(runs, 3) == {
        "agreement": [0, 0, 2, 2],
        "objective": [2, 3, 3, 3],
        # The same for all runs: the first is kept.
        "information": [0, 0, 0, 1],
    }
    assert set(kept_restarts([one.model_copy(update={"history": []}) for one in runs], 3)) == {"agreement"}


@pytest.mark.parametrize("n_restarts", [1, 3])
def test_no_other_number_of_restarts_is_taken(n_restarts: int) -> None:
    with pytest.raises(InvalidInputError, match=f"n_restarts={n_restarts} given for 2 runs"):
        kept_restarts([run(0, [0, 1]), run(1, [0, 1])], n_restarts)
