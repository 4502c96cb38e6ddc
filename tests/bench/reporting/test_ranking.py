from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.reporting.headers import printed
from bench.reporting.ranking import ranks

VALUES = st.dictionaries(st.integers(0, 9), st.floats(-50, 100).map(lambda v: round(v, 2)), max_size=8)


@pytest.mark.parametrize(
    ("values", "direction", "expected"),
    [
        ({"a": 3.0, "b": 2.0, "c": 1.0}, "higher", {"a": 1, "b": 2}),
        ({"a": 3.0, "b": 2.0, "c": 1.0}, "lower", {"c": 1, "b": 2}),
        ({"a": 2.04, "b": 2.01, "c": 1.96}, "higher", {"a": 1, "b": 1, "c": 1}),
        ({"a": 2.0, "b": 2.0, "c": 1.0, "d": 1.0, "e": 0.0}, "higher", {"a": 1, "b": 1, "c": 2, "d": 2}),
        ({"a": 2.0, "b": 1.0}, None, {}),
        ({"a": 2.0}, "higher", {"a": 1}),
        ({}, "higher", {}),
    ],
)
def test_hand_worked_podiums(values: dict[str, float], direction: str | None, expected: dict[str, int]) -> None:
    assert ranks(values, direction) == expected  # type: ignore[arg-type]


@given(VALUES)
def test_marks_agree_with_the_printed_digits(values: dict[int, float]) -> None:
    found = ranks(values, "higher")
    for key, value in values.items():
        better = {printed(other) for other in values.values() if float(printed(other)) > float(printed(value))}
        assert found.get(key) == (len(better) + 1 if len(better) < 2 else None)


@given(VALUES)
def test_lower_is_the_mirror_of_higher(values: dict[int, float]) -> None:
    assert ranks(values, "lower") == ranks({key: -value for key, value in values.items()}, "higher")


@pytest.mark.parametrize(("value", "text"), [(96.66, "96.7"), (100.0, "100.0"), (-0.04, "0.0"), (-1.25, "-1.2")])
def test_values_are_printed_with_one_decimal(value: float, text: str) -> None:
    assert printed(value) == text
