"""The user's own table: what becomes of its columns, and what is said of one that cannot be used."""

from __future__ import annotations

import math
import re
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bench.datasets._tabular import make_features
from bench.datasets.file import TableWarning
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

import bench
from bench.adapters import FairData
from bench.errors import InvalidInputError, MissingDataError

TABLE = """age,job,member,sex,outcome
1,clerk,True,f,yes
3,craft,False,m,no
1,craft,True,f,no
3,clerk,False,m,yes
"""


def load(path: Path, **params: object) -> FairData:
    return bench.load_dataset("file", **{"path": str(path), "sensitive": "sex", "label": "outcome", **params})


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    path.write_text(TABLE)
    return path


def written(folder: Path, text: str | bytes, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_numbers_are_standardised_and_squashed_categories_one_hot(table: Path) -> None:
    data = load(table)
    high = math.tanh(1.0)  # 1 and 3 have mean 2 and standard deviation 1
    expected = [
        # age, clerk, craft, not a member, member
        [-high, 1, 0, 0, 1],
        [high, 0, 1, 1, 0],
        [-high, 0, 1, 0, 1],
        [high, 1, 0, 1, 0],
    ]
    assert_allclose(data.X, expected, rtol=1e-6)
    assert data.X.dtype == np.float32
    assert (data.class_names, data.group_names, data.k) == (("no", "yes"), ("f", "m"), 2)
    assert data.y is not None
    assert data.y.tolist() == [1, 0, 0, 1]
    assert data.sensitive.tolist() == [0, 1, 0, 1]
    assert data.note.startswith("people.csv: groups 'sex', classes 'outcome'")


@pytest.mark.parametrize(("column", "shuffled"), [("sex", "mfmf"), ("outcome", ["b", "b", "a", "a"])])
def test_neither_sensitive_attribute_nor_label_enters_x(table: Path, column: str, shuffled: object) -> None:
    before = load(table).X
    frame = pd.read_csv(table)
    frame[column] = list(shuffled)
    frame.to_csv(table, index=False)
    assert np.array_equal(load(table).X, before)


def test_the_sensitive_attribute_enters_x_when_asked_to(table: Path) -> None:
    plain, asked = load(table), load(table, include_sensitive=True)
    assert asked.X.shape[1] == plain.X.shape[1] + 2
    assert_allclose(asked.X[:, -2:], np.eye(2)[plain.sensitive])
    assert np.array_equal(load(table, features="age", include_sensitive=True).X[:, 1:], asked.X[:, -2:])


@pytest.mark.parametrize("features", ["age, member", ("age", "member"), ["age", "member", "age"]])
def test_features_are_named_with_commas_or_as_a_sequence(table: Path, features: object) -> None:
    assert np.array_equal(load(table, features=features).X, load(table).X[:, [0, 3, 4]])


def test_without_a_label_the_number_of_clusters_is_given(table: Path) -> None:
    data = load(table, label=None, k=3, features="age")
    assert (data.y, data.class_names, data.k) == (None, (), 3)
    assert "no classes" in data.note


def test_parquet_says_what_csv_says(table: Path) -> None:
    frame = pd.read_csv(table)
    other = table.with_suffix(".parquet")
    # An index is no column, and neither are its names.
    frame.set_index(pd.Index([9, 8, 7, 6], name="id")).to_parquet(other)
    first, second = load(table), load(other)
    assert np.array_equal(first.X, second.X)
    assert np.array_equal(first.y, second.y)
    assert first.group_names == second.group_names


def test_parquet_categories_and_decimals_are_read_as_what_they_are(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    path = tmp_path / "t.parquet"
    frame = pd.DataFrame(
        {
            "kind": pd.Categorical(["b", "a", "a", "b"], categories=["a", "b", "never"]),
            "code": ["01", "02", "01", "02"],
            "count": pd.array([1, 3, 1, 3], dtype="Int64"),
            "sex": [1, 2, 1, 2],
            "outcome": [True, False, False, True],
        }
    )
    frame.to_parquet(path)
    data = load(path)
    high = math.tanh(1.0)
    assert_allclose(data.X[:2], [[-high, 0, 1, 1, 0], [high, 1, 0, 0, 1]], rtol=1e-6)
    assert (data.group_names, data.class_names) == (("1", "2"), ("False", "True"))


def test_csv_with_byte_order_mark_spaces_and_blank_lines(table: Path) -> None:
    expected = load(table)
    table.write_bytes(b"\xef\xbb\xbf\n" + TABLE.replace(",", ", ").encode())
    assert np.array_equal(load(table).X, expected.X)
    assert load(table).group_names == ("f", "m")


@pytest.mark.parametrize(
    ("values", "names"),
    [
        (["x", "z", "x", "y"], ("x", "y", "z")),
        ([7, 2, 7, 40], ("2", "7", "40")),
        ([0.5, 2.5, 0.5, 9], ("0.5", "2.5", "9.0")),
    ],
)
def test_groups_are_any_values(table: Path, values: list[object], names: tuple[str, ...]) -> None:
    frame = pd.read_csv(table).assign(sex=values)
    frame.to_csv(table, index=False)
    data = load(table)
    assert data.group_names == names
    assert [data.group_names[t] for t in data.sensitive] == [str(v) for v in frame["sex"].to_numpy().tolist()]


def test_constant_columns_are_left_out_and_told(table: Path) -> None:
    before = load(table)
    pd.read_csv(table).assign(flag=1, country="X").to_csv(table, index=False)
    with pytest.warns(TableWarning, match="people.csv: constant columns are left out: flag, country"):
        data = load(table)
    assert np.array_equal(data.X, before.X)
    assert "left out as constant: flag, country" in data.note


def test_one_group_is_allowed_and_told(table: Path) -> None:
    pd.read_csv(table).assign(sex="f").to_csv(table, index=False)
    with pytest.warns(TableWarning, match="one group only, 'f': MNCE and F_beta are undefined"):
        assert load(table).n_groups == 1


@settings(max_examples=60)
@given(
    st.lists(
        st.one_of(st.floats(-1e30, 1e30), st.floats(-1, 1), st.integers(-3, 3).map(float)), min_size=4, max_size=30
    ).filter(lambda values: len(set(values)) > 1)
)
def test_any_finite_numbers_end_in_the_reach_of_a_tanh(values: list[float]) -> None:
    made = make_features(pd.DataFrame({"a": values}), "t.csv")
    assert made.X.shape == (len(values), 1)
    assert np.abs(made.X).max() <= 1
    # Squashing keeps the order.
    order = np.argsort(values, kind="stable")
    assert (np.diff(made.X[order, 0]) >= 0).all()


def test_a_hundred_thousand_rows(tmp_path: Path) -> None:
    n = 100_000
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(n, 4)), columns=list("abcd"))
    frame = frame.assign(
        job=rng.choice(["x", "y", "z"], n), sex=rng.choice(["f", "m"], n), outcome=rng.integers(3, size=n)
    )
    path = tmp_path / "many.csv"
    frame.to_csv(path, index=False)
    data = load(path)
    assert data.X.shape == (n, 7)
    assert np.bincount(data.sensitive).tolist() == frame["sex"].value_counts()[["f", "m"]].tolist()


LONG = "".join(f"{i / 7},{i % 3},{i % 2}\n" for i in range(200))
WORDS = "".join(f"w{i},{i % 3},{i % 2}\n" for i in range(200))


@pytest.mark.parametrize(
    ("text", "params", "message"),
    [
        ("", {}, "t.csv is empty"),
        ("\n\n", {}, "t.csv is empty"),
        ("age,sex,outcome\n", {}, "column names but no rows"),
        ("age;sex;outcome\n1;f;0\n", {}, "has one column, 'age;sex;outcome'; it seems to be separated by semicolons"),
        ("age\tsex\toutcome\n1\tf\t0\n", {}, "separated by tabs"),
        ("age\n1\n", {}, "has one column, 'age'; it takes a sensitive column and a feature"),
        ("age,sex,sex,outcome\n1,f,f,0\n", {}, "names sex twice"),
        (",age,sex,outcome\n0,1,f,0\n", {}, r"column 1 has no name.*to_csv\(index=False\)"),
        ("age,sex,outcome\n1,f,0\n2,m,1,9\n", {}, "cannot be read as CSV .*line 3, saw 4"),
        ("age,sex,outcome\n1,f,0,9\n2,m,1,9\n", {}, "more fields than the first line has names"),
        ('age,sex,outcome\n1,"f,0\n', {}, "cannot be read as CSV .*EOF inside string"),
        ("age,sex,outcome\n1,f,0\n2,m,1\n3,é,1\n".encode("latin-1"), {}, r"not text in UTF-8 \(line 4\)"),
        ("âge,sex,outcome\n1,f,0\n".encode("utf-16"), {}, r"not text in UTF-8 \(line 1\)"),
        (b"PK\x03\x04\x00\xff\xfe", {}, "not text in UTF-8"),
        (TABLE, {"sensitive": "Sexx"}, r"has no 'Sexx' \(file.sensitive\). Did you mean 'sex'\? It has age, job"),
        (TABLE, {"label": "outcom"}, "Did you mean 'outcome'"),
        (TABLE, {"features": "age,jobs"}, r"'jobs' \(file.features\). Did you mean 'job'"),
        (TABLE, {"sensitive": None}, "name the sensitive column with --sensitive; it has age, job, member, sex"),
        (TABLE, {"features": " , "}, "no features are left"),
        (TABLE, {"features": "age,sex"}, "names 'sex', the sensitive attribute; leave it out, or set file.include_s"),
        (TABLE, {"features": "age,outcome"}, "names 'outcome', the label, which no method may see; leave it out$"),
        (TABLE, {"label": "sex"}, "'sex' given as sensitive and as label"),
        (TABLE, {"label": None}, "neither classes nor their number given; name a column with --label, or give --k"),
        (TABLE, {"k": 5}, "has 4 rows, which cannot form file.k=5"),
        (TABLE, {"k": 0}, "file.k=0 given"),
        (TABLE, {"k": "3"}, "file.k='3' given"),
        (TABLE.replace("clerk", ""), {}, r"missing values in job \(2 of 4 rows\); nothing is filled in here"),
        (TABLE.replace("\n1,", "\nNA,").replace("True", ""), {}, r"in age \(2 of 4 rows\), member \(2 of 4 rows\)"),
        (TABLE.replace("\n1,", "\ninf,"), {}, r"infinite values in age \(2 of 4 rows\)"),
        (TABLE.replace("\n1,", "\n1e300,"), {}, "infinite values in age"),
        (TABLE.replace(",f,", ",,"), {}, "sensitive 'sex' lacks a value in 2 of 4 rows"),
        (TABLE.replace("yes", ""), {}, "label 'outcome' lacks a value in 2 of 4 rows"),
        (TABLE.replace("yes", "no"), {}, "the label has one value only, 'no'"),
        (TABLE.replace("\n3,", "\n1,"), {"features": "age"}, r"every feature is constant \(age\)"),
        ("a,sex,outcome\n1,f,0\n2,m,1\nx,f,0\n4,m,1\n", {}, r"'a' mixes numbers and text \('x' in row 3\)"),
        ("a,sex,outcome\n" + WORDS, {}, "column 'a' has 200 categories"),
        ("sex,a,outcome\n" + LONG, {}, "sensitive 'sex' is a number with 200 distinct values.*bin it first"),
        ("outcome,a,sex\n" + LONG, {}, "label 'outcome' is a number with 200 distinct values.*would be a class"),
        ("sex,a,outcome\n" + WORDS, {}, "200 distinct values in 200 rows: hardly two rows share a group"),
    ],
)
def test_a_table_that_cannot_be_used_is_told_in_one_line(
    tmp_path: Path, text: str | bytes, params: dict[str, object], message: str
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(InvalidInputError, match=message) as caught:
        load(path, **params)
    assert "\n" not in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize("role", ["sensitive", "label"])
def test_ages_are_no_groups_but_numbered_classes_may_be_many(tmp_path: Path, role: str) -> None:
    frame = pd.DataFrame({"a": np.arange(600) % 7, "many": np.arange(600) % 60, "few": np.arange(600) // 300})
    frame.to_csv(tmp_path / "t.csv", index=False)
    other = "label" if role == "sensitive" else "sensitive"
    params = {role: "many", other: "few", "features": "a"}
    if role == "label":
        assert load(tmp_path / "t.csv", **params).k == 60
    else:
        with pytest.raises(InvalidInputError, match="'many' is a number with 60 distinct values"):
            load(tmp_path / "t.csv", **params)


def test_dates_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"day": pd.to_datetime(["2020-01-01", "2020-01-02"]), "sex": ["f", "m"], "outcome": [0, 1]})
    frame.to_parquet(tmp_path / "t.parquet")
    with pytest.raises(InvalidInputError, match="column 'day' holds values of kind datetime64"):
        load(tmp_path / "t.parquet")


def test_files_that_are_not_there_or_of_another_kind(table: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="no file is named"):
        bench.load_dataset("file")
    with pytest.raises(InvalidInputError, match=r"peple.csv is not there; did you mean .*people.csv\?"):
        load(tmp_path / "peple.csv")
    with pytest.raises(InvalidInputError, match=r"ends in \.csv, \.parquet, \.npz"):
        load(tmp_path / "people.xlsx")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(InvalidInputError, match="is not there"):
        load(tmp_path / "folder.csv")
    with pytest.raises(InvalidInputError, match="cannot be read as Parquet"):
        load(written(tmp_path, TABLE, "t.parquet"))


def test_parquet_without_pyarrow_says_what_to_do(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = table.with_suffix(".parquet")
    path.write_bytes(b"PAR1")
    for name in [name for name in sys.modules if name.partition(".")[0] == "pyarrow"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InvalidInputError, match="need pyarrow, which is not installed; pip install pyarrow"):
        load(path)


def arrays(folder: Path, name: str = "a.npz", **content: object) -> Path:
    np.savez(folder / name, **{key: np.asarray(value) for key, value in content.items()})
    return folder / name


X = np.linspace(-1, 1, 12).reshape(6, 2)
GROUPS, CLASSES = ["f", "m"] * 3, [3, 3, 3, 8, 8, 8]


def test_npz_arrays_are_taken_as_they_are(tmp_path: Path) -> None:
    data = bench.load_dataset("file", path=str(arrays(tmp_path, X=X, sensitive=GROUPS, y=CLASSES)))
    assert_allclose(data.X, X, rtol=1e-6)
    assert (data.class_names, data.group_names, data.k) == (("3", "8"), ("f", "m"), 2)
    named = arrays(tmp_path, "b.npz", X=X.reshape(6, 1, 1, 2), where=GROUPS, what=CLASSES)
    images = bench.load_dataset("file", path=str(named), sensitive="where", label="what")
    assert images.X.shape == (6, 1, 1, 2)
    assert np.array_equal(images.y, data.y)
    assert bench.load_dataset("file", path=str(arrays(tmp_path, X=X, sensitive=GROUPS)), k=2).y is None


def test_npz_beyond_the_reach_of_a_tanh_is_told(tmp_path: Path) -> None:
    with pytest.warns(TableWarning, match=r"X has values outside \[-1, 1\]"):
        bench.load_dataset("file", path=str(arrays(tmp_path, X=2 * X, sensitive=GROUPS, y=CLASSES)))


@pytest.mark.parametrize(
    ("content", "params", "message"),
    [
        ({"x": X, "sensitive": GROUPS}, {"k": 2}, r"has no 'X' \(file.X\). Did you mean 'x'"),
        ({"X": X, "sensitiv": GROUPS}, {"k": 2}, r"has no 'sensitive' \(file.sensitive\). Did you mean 'sensitiv'"),
        ({"X": X, "sensitive": GROUPS}, {}, "neither classes nor their number"),
        ({"X": X, "sensitive": GROUPS, "y": CLASSES[:4]}, {}, r"'y' has shape \(4,\); it takes one value for each"),
        ({"X": X, "sensitive": GROUPS, "y": [np.nan] * 6}, {}, "label 'y' lacks a value in 6 of 6"),
        ({"X": X * np.nan, "sensitive": GROUPS, "y": CLASSES}, {}, "12 NaN or infinite"),
        ({"X": X[:, 0], "sensitive": GROUPS, "y": CLASSES}, {}, r"X has shape \(6,\)"),
        ({"X": 1.0, "sensitive": GROUPS, "y": CLASSES}, {}, "X has shape"),
        ({"X": X, "sensitive": GROUPS, "y": CLASSES}, {"features": "a"}, "are for tables"),
        ({"X": X.astype(object), "sensitive": GROUPS, "y": CLASSES}, {}, "cannot be read as npz"),
    ],
)
def test_npz_that_cannot_be_used(tmp_path: Path, content: dict, params: dict, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        bench.load_dataset("file", path=str(arrays(tmp_path, **content)), **params)


@pytest.mark.parametrize("damage", ["cut", "text", "zip", "npy"])
def test_what_only_ends_in_npz(tmp_path: Path, damage: str) -> None:
    path = arrays(tmp_path, X=X, sensitive=GROUPS, y=CLASSES)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-40])
    elif damage == "text":
        path.write_text(TABLE)
    elif damage == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("X.npy", b"no array")
    else:
        with path.open("wb") as stream:
            np.save(stream, X)
    with pytest.raises(InvalidInputError, match=re.escape("a.npz")):
        bench.load_dataset("file", path=str(path))
