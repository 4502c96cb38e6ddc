"""What the metrics accept as classes, clusters and groups, and what they refuse."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from bench.errors import InvalidInputError
from bench.metrics import balance, ceilings, contingency, evaluate, f_measure


def test_labels_too_large_for_positions_are_ranked():
    counts = contingency([0, 0, 1], [10**12, 5, 5], [0, 0, 0])
    assert counts[:, :, 0].tolist() == [[1, 1], [1, 0]]
    assert contingency([0, 0], np.array([2**64 - 1, 7], dtype=np.uint64), None).shape == (1, 2, 1)
    assert contingency([0, 0, 1], [5, 5, 5], None, n_clusters=8).shape == (2, 8, 1)


@pytest.mark.parametrize(
    "sensitive",
    [
        [3, 3, -7, -7],
        [0, 0, 10**9, 10**9],
        [2**63 + 5, 2**63 + 5, 2**63 + 2, 2**63 + 2],
        ["x", "x", "a", "a"],
        np.array(["x", "x", "a", "a"]),
        [0.5, 0.5, -0.5, -0.5],
        [True, True, False, False],
        np.array([127, 127, -128, -128], dtype=np.int8),
        np.array(["2020-01-02", "2020-01-02", "2020-01-01", "2020-01-01"], dtype="datetime64[D]"),
        pd.Series(["x", "x", "a", "a"], index=[9, 8, 7, 6], dtype="category"),
    ],
    ids=str,
)
def test_any_values_are_groups(sensitive):
    assert balance([0, 0, 0, 1], sensitive) == 0.0
    assert balance([0, 1, 0, 1], sensitive) == 1.0
    assert contingency(sensitive, [0, 0, 0, 1], None).shape == (2, 2, 1)


GOOD = ([0, 1, 1], [0, 0, 1], [0, 1, 0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": [0.0, 1.0, 1.0]}, "labels are of type float64; they take whole numbers"),
        ({"labels": [True, False, True]}, "labels are of type bool"),
        ({"labels": ["a", "b", "c"]}, "labels are of type object"),
        ({"labels": [0, -1, -1]}, "labels hold 2 negative ids"),
        ({"labels": [[0], [1], [1]]}, r"labels has shape \(3, 1\)"),
        ({"labels": []}, "labels is empty"),
        ({"labels": [0, 1]}, "y_true has 3 values for 2 samples"),
        ({"sensitive": [0, 1]}, "sensitive has 2 values for 3 samples"),
        ({"sensitive": []}, "sensitive is empty"),
        ({"sensitive": [0.0, np.nan, 1.0]}, "sensitive lacks a value for 1 of 3"),
        ({"sensitive": ["f", None, None]}, "sensitive lacks a value for 2 of 3"),
        ({"sensitive": ["f", float("nan"), "m"]}, "sensitive lacks a value for 1 of 3"),
        ({"sensitive": ["f", pd.NA, "m"]}, r"sensitive mixes values .*NAType, str"),
        ({"sensitive": ["1", 1, 2]}, r"sensitive mixes values .*int, str"),
        ({"sensitive": np.array(["2020", "NaT", "2020"], dtype="datetime64[Y]")}, "sensitive lacks a value for 1"),
        ({"sensitive": [[1], [2, 3], [4]]}, "sensitive is nested"),
        ({"y_true": 3}, r"y_true has shape \(\)"),
        ({"y_true": [0, np.nan, 1]}, "y_true lacks a value for 1 of 3"),
        ({"beta": 0}, "beta=0 given; it takes a number above 0"),
        ({"beta": -1.0}, "beta=-1.0"),
        ({"beta": math.inf}, "beta=inf"),
        ({"beta": math.nan}, "beta=nan"),
        ({"n_clusters": 0}, "n_clusters=0 given"),
        ({"n_clusters": True}, "n_clusters=True given"),
        ({"n_clusters": 2.0}, "n_clusters=2.0 given"),
        ({"n_clusters": 10**12}, "give ids, not measurements"),
    ],
    ids=str,
)
def test_bad_input_is_refused_in_one_line(changes, message):
    arguments = {**dict(zip(("y_true", "labels", "sensitive"), GOOD, strict=True)), **changes}
    with pytest.raises(InvalidInputError, match=message) as caught:
        evaluate(**arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("y", "beta"), [([0, 1, 1], 0), (None, 0)])
def test_ceilings_refuse_what_evaluate_refuses(y, beta):
    with pytest.raises(InvalidInputError, match="beta=0"):
        ceilings(y, [0, 1, 0], beta=beta)
    with pytest.raises(InvalidInputError, match="sensitive is empty"):
        ceilings(y, [])
    with pytest.raises(InvalidInputError, match="sensitive lacks"):
        ceilings(y, [0, 1, np.nan])


def test_negative_metrics_are_refused_by_f_measure():
    with pytest.raises(InvalidInputError, match=r"nmi=-0.1 and mnce=0.5"):
        f_measure(-0.1, 0.5)


def test_inputs_are_left_untouched():
    arrays = [np.array([4, 9, 9]), np.array([2, 0, 2]), np.array([8, 8, 3])]
    copies = [array.copy() for array in arrays]
    for array in arrays:
        array.flags.writeable = False
    evaluate(*arrays)
    assert all(np.array_equal(array, copy) for array, copy in zip(arrays, copies, strict=True))
