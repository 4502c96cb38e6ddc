"""The user's own table: CSV, Parquet, or arrays in an npz file."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Collection, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.adapters import Dataset, FairData
from bench.data.store import Store
from bench.errors import InvalidInputError, MissingDataError
from bench.metadata import DatasetInfo

from ._table_files import existing, listed, missing_column, read_arrays, read_table
from ._tabular import Encoded, Features, encode_column, make_features

Role = Literal["sensitive", "label", "features", "X"]


class TableWarning(UserWarning):
    """Something about a table that its owner should know, and that stops nothing."""


class File(Dataset):
    """A table of the user's, one row a sample.

    CSV (UTF-8, commas, names in the first line) and Parquet: columns of numbers are standardised and squashed by
    tanh, columns of text, truth values and categories are one-hot encoded, constant columns are left out. Missing
    and infinite values are refused: nothing is imputed. The sensitive column is no feature unless asked for, the
    label never is.

    npz: `X` of shape (n, d), or (n, channels, height, width) for images, is taken as it is; keep it in [-1, 1], as
    the outputs of the deep methods' networks. `sensitive` and, where there are classes, `y` have shape (n,).

    One group only is allowed: Balance is then 1 by definition, MNCE and F_beta are undefined.

    Parameters
    ----------
    path : str
        The file; ends in ``.csv``, ``.parquet`` or ``.npz``. Records hold its name and the hash of its content.
    sensitive : str
        Column of the sensitive attribute: any values with at most 50 distinct numbers. For npz a key, by default
        ``sensitive``.
    label : str, optional
        Column of the classes, for evaluation only. For npz a key, by default ``y`` where there is one. Without
        classes ACC and NMI are undefined.
    features : str or sequence of str, optional
        Columns that make X, as a sequence or with commas; by default all but the sensitive one and the label.
    k : int, optional
        Number of clusters; by default the number of classes.
    include_sensitive : bool
        Whether the sensitive column is a feature too.
    """

    info = DatasetInfo(
        name="file",
        title="Your file",
        target="label column",
        sensitive="sensitive column",
        kind="vector",
        licence="as its owner says",
        own_file=True,
    )
    local_params: ClassVar[tuple[str, ...]] = ("path",)

    def __init__(
        self,
        path: str = "",
        sensitive: str | None = None,
        label: str | None = None,
        features: str | Sequence[str] | None = None,
        k: int | None = None,
        include_sensitive: bool = False,
    ) -> None:
        self.path = path
        self.sensitive = sensitive
        self.label = label
        self.features = features
        self.k = k
        self.include_sensitive = include_sensitive

    def load(self, store: Store) -> FairData:
        """Read the file and encode its columns.

        Raises
        ------
        MissingDataError
            If no file is named.
        InvalidInputError
            If it cannot be read, or its content cannot be used as these parameters say.
        """
        path = self._file()
        if self.k is not None and (isinstance(self.k, bool) or not isinstance(self.k, int) or self.k < 1):
            raise InvalidInputError(f"file.k={self.k!r} given; it takes a whole number of clusters, at least 1")
        data = self._arrays(path) if path.suffix.lower() == ".npz" else self._table(path)
        if data.k > data.n:
            raise InvalidInputError(f"{path.name} has {data.n} rows, which cannot form file.k={data.k} clusters")
        if data.n_groups == 1:
            _warn(f"{path.name} has one group only, '{data.group_names[0]}': MNCE and F_beta are undefined for it")
        return data

    def origin(self) -> dict[str, str]:
        """Hash of the file's content, and the packages that read and encode it."""
        with self._file().open("rb") as stream:
            content = hashlib.file_digest(stream, "sha256").hexdigest()
        return {"sha256": content, **{name: version(name) for name in ("pandas", "scikit-learn")}}

    def _file(self) -> Path:
        if not self.path:
            raise MissingDataError(
                "no file is named: `bench run --data FILE --sensitive COLUMN` takes a table of yours "
                "(elsewhere: --set file.path=FILE --set file.sensitive=COLUMN)"
            )
        return existing(self.path)

    def _table(self, path: Path) -> FairData:
        table = read_table(path)
        table.columns = table.columns.map(str)
        columns = list(table.columns)
        sensitive = _found(path, "sensitive", self.sensitive, columns)
        label = None if self.label is None else _found(path, "label", self.label, columns)
        if sensitive == label:
            raise InvalidInputError(f"{path.name}: '{label}' given as sensitive and as label; name two columns")
        features = self._features(path, columns, sensitive, label)
        groups = encode_column(table[sensitive], "sensitive", path.name)
        classes = None if label is None else encode_column(table[label], "label", path.name)
        self._check_classes(path, classes)
        made = make_features(table[features], path.name)
        if made.constant:
            _warn(f"{path.name}: constant columns are left out: {listed(made.constant)}")
        return self._data(made.X, groups, classes, _said(path, sensitive, label, made))

    def _features(self, path: Path, columns: list[str], sensitive: str, label: str | None) -> list[str]:
        """Names of the columns that make X."""
        kept_out = {label} if self.include_sensitive else {label, sensitive}
        if self.features is None:
            features = [name for name in columns if name not in kept_out]
        else:
            wanted = _split(self.features)
            features = list(dict.fromkeys(_found(path, "features", name, columns) for name in wanted))
            refused = [name for name in features if name in kept_out]
            if refused:
                what = "the label, which no method may see" if refused[0] == label else "the sensitive attribute"
                way = "" if refused[0] == label else ", or set file.include_sensitive=true"
                raise InvalidInputError(f"file.features names '{refused[0]}', {what}; leave it out{way}")
            features += [sensitive] if self.include_sensitive and sensitive not in features else []
        if not features:
            raise InvalidInputError(f"{path.name}: no features are left; it has {listed(columns)}")
        return features

    def _arrays(self, path: Path) -> FairData:
        if self.features is not None or self.include_sensitive:
            raise InvalidInputError(
                f"{path.name}: file.features and file.include_sensitive are for tables; X of an npz is taken as it is"
            )
        arrays = read_arrays(path)
        label = self.label or ("y" if "y" in arrays else None)
        X = arrays[_found(path, "X", "X", arrays)]
        if X.ndim not in (2, 4):
            raise InvalidInputError(
                f"{path.name}: X has shape {X.shape}; it takes (n, d), or (n, channels, height, width) for images"
            )
        groups = _encoded(path, "sensitive", arrays, self.sensitive or "sensitive", len(X))
        classes = None if label is None else _encoded(path, "label", arrays, label, len(X))
        self._check_classes(path, classes)
        data = self._data(X, groups, classes, f"{path.name}: X as the file has it")
        if np.abs(data.X).max() > 1:
            _warn(f"{path.name}: X has values outside [-1, 1], which the deep methods' networks cannot reach; scale it")
        return data

    def _check_classes(self, path: Path, classes: Encoded | None) -> None:
        if self.k is not None:
            return
        if classes is None:
            raise InvalidInputError(
                f"{path.name}: neither classes nor their number given; name a column with --label, or give --k"
            )
        if len(classes.names) == 1:
            raise InvalidInputError(
                f"{path.name}: the label has one value only, '{classes.names[0]}'; name another column, or give --k"
            )

    def _data(self, X: ArrayLike, groups: Encoded, classes: Encoded | None, note: str) -> FairData:
        return FairData.from_arrays(
            X,
            None if classes is None else classes.ids,
            groups.ids,
            class_names=None if classes is None else classes.names,
            group_names=groups.names,
            k=self.k,
            note=note,
        )


def _split(features: str | Sequence[str]) -> list[str]:
    # TOML reads a column called 2020 as a number.
    names = map(str, features) if isinstance(features, list | tuple) else str(features).split(",")
    return [name.strip() for name in names if name.strip()]


def _found(path: Path, parameter: Role, name: str | None, there: Collection[str]) -> str:
    """`name`, which has to be among the columns or arrays `there`."""
    if name is None or name == "":
        raise InvalidInputError(
            f"{path.name}: name the {parameter} column with --{parameter}; it has {listed([*there])}"
        )
    if str(name) not in there:
        raise missing_column(path, f"file.{parameter}", str(name), there)
    return str(name)


def _encoded(
    path: Path, role: Literal["sensitive", "label"], arrays: Mapping[str, NDArray[Any]], key: str, n: int
) -> Encoded:
    import pandas as pd

    array = arrays[_found(path, role, key, arrays)]
    if array.shape != (n,):
        raise InvalidInputError(
            f"{path.name}: '{key}' has shape {array.shape}; it takes one value for each of {n} samples"
        )
    return encode_column(pd.Series(array, name=key), role, path.name)


def _said(path: Path, sensitive: str, label: str | None, made: Features) -> str:
    """Where the samples come from, for the tables' footnote."""
    kinds = (("numeric (standardised, tanh)", made.numeric), ("categorical (one-hot)", made.categorical))
    columns = ", ".join(f"{len(names)} {kind}" for kind, names in kinds if names)
    roles = f"groups '{sensitive}'" + (f", classes '{label}'" if label else ", no classes")
    constant = f"; left out as constant: {listed(made.constant)}" if made.constant else ""
    return f"{path.name}: {roles}; columns: {columns}{constant}"


def _warn(message: str) -> None:
    warnings.warn(message, TableWarning, stacklevel=2)
