from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.adapters import FairData, Method, encode
from bench.errors import InvalidInputError, UnsupportedInputError
from bench.metadata import MethodInfo

X = np.arange(12, dtype=float).reshape(6, 2)
Y = [0, 0, 1, 1, 2, 2]
G = [0, 1, 0, 1, 0, 1]


class TwoOrThree(Method):
    info = MethodInfo(name="two_or_three", title="Two or three", min_groups=2, max_groups=3)

    def __init__(self, n_clusters: int = 2) -> None:
        self.n_clusters = n_clusters


def test_groups_of_any_kind_become_ids() -> None:
    data = FairData.from_arrays(X, ["b", "b", "a", "a", "c", "c"], [30, 7, 30, 7, 30, 7])
    assert data.y.tolist() == [1, 1, 0, 0, 2, 2]
    assert data.sensitive.tolist() == [1, 0, 1, 0, 1, 0]
    assert data.class_names == ("a", "b", "c")
    assert data.group_names == ("7", "30")
    assert (data.n, data.k, data.n_groups) == (6, 3, 2)
    assert data.X.dtype == np.float32


def test_names_by_position() -> None:
    data = FairData.from_arrays(X, Y, G, group_names=["women", "men"], class_names=["x", "y", "z"])
    assert data.group_names == ("women", "men")


@given(st.lists(st.sampled_from(["x", "yy", "z", "ä"]), min_size=1, max_size=30))
def test_encoding_is_undone_by_its_values(values: list[str]) -> None:
    ids, distinct = encode(values, len(values), "g")
    assert distinct[ids].tolist() == values


@pytest.mark.parametrize(
    ("values", "missing"),
    [([1.0, np.nan, 2.0], 1), (["a", None, "b"], 1), (["a", float("nan"), None], 2), (np.array(["a", None, "b"]), 1)],
)
def test_missing_values_are_refused(values: list, missing: int) -> None:
    with pytest.raises(InvalidInputError, match=f"lacks a value for {missing} samples"):
        encode(values, 3, "sensitive_features")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"X": [[np.nan, 1.0]] * 6}, "6 NaN or infinite"),
        ({"X": [[np.inf, 1.0]] * 6}, "6 NaN or infinite"),
        ({"X": [["a", "b"]] * 6}, "not numeric"),
        ({"X": [1.0, 2.0]}, r"shape \(2,\)"),
        ({"X": np.zeros((0, 2))}, "nothing to cluster"),
        ({"y": [0, 1]}, r"y has shape \(2,\)"),
        ({"sensitive": [0]}, "one value for each of the 6"),
        ({"y": None}, "say how many clusters"),
    ],
)
def test_bad_data_are_refused_in_one_line(changes: dict, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message) as refused:
        FairData.from_arrays(**{"X": X, "y": Y, "sensitive": G, **changes})
    assert "\n" not in str(refused.value)


def test_content_hash_sees_every_array() -> None:
    base = FairData.from_arrays(X, Y, G)
    others = [
        FairData.from_arrays(X + 1, Y, G),
        FairData.from_arrays(X, Y[::-1], G),
        FairData.from_arrays(X, Y, G[::-1]),
        FairData.from_arrays(X, Y, G, k=4),
        FairData.from_arrays(X, None, G, k=3),
        FairData.from_arrays(X.reshape(3, 4)[[0, 1, 2, 0, 1, 2]], Y, G),
    ]
    assert len({data.content_hash() for data in (base, *others)}) == 7
    assert FairData.from_arrays(X.copy(), Y, G).content_hash() == base.content_hash()


def test_check_input_encodes_and_does_not_copy() -> None:
    samples = X.astype(np.float32)
    method = TwoOrThree()
    checked, groups = method.check_input(samples, ["b", "a", "b", "a", "b", "a"])
    assert np.shares_memory(checked, samples)
    assert groups.tolist() == [1, 0, 1, 0, 1, 0]
    assert method.groups_.tolist() == ["a", "b"]


def test_images_are_flattened_for_a_method_that_takes_vectors() -> None:
    assert TwoOrThree().check_input(np.zeros((6, 1, 4, 4)), G)[0].shape == (6, 16)


@pytest.mark.parametrize(("groups", "message"), [([0] * 6, "at least 2 groups"), ([0, 1, 2, 3, 0, 1], "at most 3")])
def test_unsupported_numbers_of_groups_are_refused(groups: list[int], message: str) -> None:
    with pytest.raises(UnsupportedInputError, match=message):
        TwoOrThree().check_input(X, groups)


@pytest.mark.parametrize(("k", "message"), [(0, "at least 1"), (7, "6 samples cannot form"), (2.0, "whole number")])
def test_a_wrong_number_of_clusters_is_refused(k: object, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        TwoOrThree(k).check_input(X, G)


def test_epochs_are_remembered_and_told() -> None:
    method, heard = TwoOrThree(), []
    method.check_input(X, G)
    method.on_epoch = lambda row, total: heard.append((row["loss"], total))
    method.log_epoch(0, 2, loss=0.5)
    method.log_epoch(1, 2, loss=np.float32(0.25))
    assert method.history_ == [{"epoch": 0.0, "loss": 0.5}, {"epoch": 1.0, "loss": 0.25}]
    assert heard == [(0.5, 2), (0.25, 2)]
