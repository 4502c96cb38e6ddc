"""From columns of numbers and of categories to samples in [-1, 1], and from a column to ids with names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.errors import InvalidInputError

from ._table_files import listed

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Encoded", "Features", "encode_column", "make_features", "make_pipeline"]

_Kind = Literal["numeric", "categorical"]

# As pandas calls what a column holds.
_KINDS: dict[str, _Kind] = {
    "integer": "numeric",
    "floating": "numeric",
    "mixed-integer-float": "numeric",
    "decimal": "numeric",
    "string": "categorical",
    "boolean": "categorical",
    "categorical": "categorical",
    # Refused in a moment, with all other gaps.
    "empty": "categorical",
}

# One column of X for every category: more of them than this are names or codes, not categories.
_MOST_CATEGORIES = 100
# A number with more distinct values than this is a measurement, and each value of it no group.
_MOST_VALUES = 50


class Features(NamedTuple):
    """Samples, and which columns of the table went into them.

    `X` has shape (n, d), float32, with values in [-1, 1].
    """

    X: NDArray[np.float32]
    numeric: list[str]
    categorical: list[str]
    constant: list[str]


class Encoded(NamedTuple):
    """Ids 0 .. m - 1 of shape (n,), int64, and the m names by id, in sorted order of the values."""

    ids: NDArray[np.int64]
    names: list[str]


def make_pipeline(numeric: list[str], categorical: list[str]) -> Any:
    """The preprocessing of a table, as a scikit-learn ColumnTransformer.

    Numbers are standardised column by column and squashed by tanh, as the FCMI paper does with features: they end
    in (-1, 1), where a network whose output is a tanh can follow, and outliers lose their weight. Categories are
    one-hot encoded with 0 and 1.

    Parameters
    ----------
    numeric, categorical : list of str
        Names of the columns.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

    squash = Pipeline([("standardise", StandardScaler()), ("tanh", FunctionTransformer(_tanh))])
    one_hot = OneHotEncoder(sparse_output=False, dtype=np.float32)
    return ColumnTransformer([("numbers", squash, numeric), ("categories", one_hot, categorical)])


def make_features(table: pd.DataFrame, source: str) -> Features:
    """Samples from all columns of `table`; constant ones are left out.

    Parameters
    ----------
    table : DataFrame of shape (n, m)
        Columns of numbers, text, truth values or categories.
    source : str
        Name of the file, for errors.

    Raises
    ------
    InvalidInputError
        Missing or infinite values, text among numbers, more than 100 categories in a column, values of another
        kind, or nothing but constant columns.
    """
    kinds = {str(name): _kind(table[name], source) for name in table}
    _refuse_gaps(table, kinds, source)
    varying = [name for name in kinds if (table[name] != table[name].iloc[0]).any()]
    if not varying:
        raise InvalidInputError(f"{source}: every feature is constant ({listed(list(kinds))}); name others")
    numeric = [name for name in varying if kinds[name] == "numeric"]
    categorical = [name for name in varying if kinds[name] == "categorical"]
    for name in categorical:
        _refuse_unlike_categories(table[name], source)
    chosen = table[varying].astype(dict.fromkeys(numeric, np.float64) | dict.fromkeys(categorical, str))
    X = np.asarray(make_pipeline(numeric, categorical).fit_transform(chosen), dtype=np.float32)
    return Features(X, numeric, categorical, [name for name in kinds if name not in varying])


def encode_column(column: pd.Series[Any], role: Literal["sensitive", "label"], source: str) -> Encoded:
    """Ids and names of the distinct values of the sensitive attribute or of the classes.

    Raises
    ------
    InvalidInputError
        Missing values; a measurement in place of groups or classes.
    """
    import pandas as pd

    missing = int(column.isna().sum())
    if missing:
        raise InvalidInputError(
            f"{source}: {role} '{column.name}' lacks a value in {missing} of {len(column)} rows; "
            "drop these rows, or give them a value of their own such as 'unknown'"
        )
    try:
        ids, values = pd.factorize(column.to_numpy(), sort=True)
    except TypeError as error:
        raise InvalidInputError(f"{source}: {role} '{column.name}' cannot be told apart ({error})") from None
    _refuse_measurements(column, values, role, source)
    return Encoded(ids.astype(np.int64), [str(value) for value in values])


def _tanh(standardised: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.tanh(standardised).astype(np.float32)


def _kind(column: pd.Series[Any], source: str) -> _Kind:
    from pandas.api.types import infer_dtype

    found = infer_dtype(column, skipna=True)
    if found not in _KINDS:
        raise InvalidInputError(
            f"{source}: column '{column.name}' holds values of kind {found}; turn it into numbers or text, "
            "or leave it out with --features"
        )
    return _KINDS[found]


def _refuse_gaps(table: pd.DataFrame, kinds: dict[str, _Kind], source: str) -> None:
    missing = {name: int(table[name].isna().sum()) for name in kinds}
    infinite = {name: _infinite(table[name]) for name, kind in kinds.items() if kind == "numeric" and not missing[name]}
    for what, counts in (("missing values", missing), ("infinite values", infinite)):
        found = [f"{name} ({count} of {len(table)} rows)" for name, count in counts.items() if count]
        if found:
            raise InvalidInputError(
                f"{source}: {what} in {listed(found)}; nothing is filled in here: drop these rows, fill the gaps, "
                "or leave the columns out with --features"
            )


def _infinite(column: pd.Series[Any]) -> int:
    """How many values a 32-bit float, which X is made of, cannot hold."""
    with np.errstate(over="ignore"):
        values = column.to_numpy(dtype=np.float64).astype(np.float32)
    return int(np.count_nonzero(~np.isfinite(values)))


def _refuse_unlike_categories(column: pd.Series[Any], source: str) -> None:
    import pandas as pd

    values = pd.Series(column.unique()).astype(str)
    is_number = pd.to_numeric(values, errors="coerce").notna()
    if is_number.mean() >= 0.5 and not is_number.all():
        odd = values[~is_number].iloc[0]
        row = int((column.astype(str) == odd).to_numpy().argmax()) + 1
        raise InvalidInputError(
            f"{source}: column '{column.name}' mixes numbers and text ('{odd}' in row {row}); "
            "clean it, or leave it out with --features"
        )
    if len(values) > _MOST_CATEGORIES:
        raise InvalidInputError(
            f"{source}: column '{column.name}' has {len(values)} categories, each of which would be a column of X; "
            f"{_MOST_CATEGORIES} are allowed: merge them, or leave it out with --features"
        )


def _refuse_measurements(column: pd.Series[Any], values: Any, role: str, source: str) -> None:
    """Refuse values that are no groups or classes: numbers on a scale, or one of its own for almost every row."""
    from pandas.api.types import infer_dtype

    what = "group" if role == "sensitive" else "class"
    kind = infer_dtype(column)
    # Numbered classes may be many; ages, scores and amounts are no groups even where they are whole.
    on_a_scale = (kind == "floating" and bool(np.any(np.mod(values, 1)))) or (kind == "integer" and role == "sensitive")
    if on_a_scale and len(values) > _MOST_VALUES:
        raise InvalidInputError(
            f"{source}: {role} '{column.name}' is a number with {len(values)} distinct values, each of which would "
            f"be a {what}; bin it first (codes of {what}s are told from numbers when they are written as text)"
        )
    if len(values) > max(len(column) / 2, _MOST_VALUES):
        raise InvalidInputError(
            f"{source}: {role} '{column.name}' has {len(values)} distinct values in {len(column)} rows: "
            f"hardly two rows share a {what}; name another column"
        )
