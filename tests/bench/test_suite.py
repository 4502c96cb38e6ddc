from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import InvalidInputError, SuiteError, UnknownNameError
from bench.reporting.published import TABLE_1, published_table
from bench.suite import Grid, Suite, load_suite, parse_seeds, parse_setting, suite_names


@pytest.mark.parametrize(
    ("text", "seeds"), [("0-4", [0, 1, 2, 3, 4]), ("9116", [9116]), ("0,3, 5-6,3", [0, 3, 5, 6]), ([1, 2], [1, 2])]
)
def test_seeds(text: str, seeds: list[int]) -> None:
    assert parse_seeds(text) == seeds


@given(st.integers(0, 50), st.integers(0, 20))
def test_a_range_holds_both_ends(first: int, more: int) -> None:
    assert parse_seeds(f"{first}-{first + more}") == list(range(first, first + more + 1))


@pytest.mark.parametrize("text", ["4-0", "a", "", "1;2", "-3", "1.5", "4294967296"])
def test_other_seeds_are_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="seed"):
        parse_seeds(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("fcmi.epochs=50", 50),
        ("fcmi.tau = 0.5", 0.5),
        ("fcmi.final_kmeans=true", True),
        ("fcmi.settings=paper", "paper"),
        ("fcmi.x=[1, 2]", [1, 2]),
        ("fcmi.x=a=b", "a=b"),
    ],
)
def test_setting(text: str, value: object) -> None:
    assert parse_setting(text)[2] == value


@pytest.mark.parametrize("text", ["epochs=50", "fcmi.epochs", "=3"])
def test_other_settings_are_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match=r"NAME\.PARAMETER=VALUE"):
        parse_setting(text)


def test_every_shipped_suite_loads() -> None:
    assert "demo" in suite_names()
    for name in suite_names():
        assert load_suite(name).grid
        assert load_suite(name).title


def test_all_settings_of_shipped_suites_name_what_there_is() -> None:
    from bench.data.store import Store
    from bench.plan import make_plan
    from bench.registry import Registry

    for name in suite_names():
        assert make_plan(load_suite(name), Registry(), Store(())).runs


@pytest.mark.parametrize(
    ("suite", "rows"),
    [
        ("card", {"AE", "DEC", "ScFC", "FAlg", "DFC", "FCMI"}),
        ("paper", set(published_table(TABLE_1).rows)),
    ],
)
def test_the_comparisons_hold_their_rows_on_all_columns(suite: str, rows: set[str]) -> None:
    from bench.registry import Registry

    registry = Registry()
    asked = {
        (registry.get("method", method).info.published_as, registry.get("dataset", dataset).info.published_as)
        for grid in load_suite(suite).grid
        for method in grid.methods
        if method != "truth"
        for dataset in grid.datasets
        if grid.seeds == [0, 1, 2, 3, 4]
    }
    assert {pair for pair in asked if pair[0]} == set(product(rows, published_table(TABLE_1).columns))


def test_unknown_suite_offers_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'demo'"):
        load_suite("demmo")


SUITE = """title = "mine"

[[grid]]
methods = ["kmeans"]
datasets = ["blobs"]

[[grid]]
methods = ["fcmi"]
datasets = ["blobs"]
seeds = "0-1"
set.fcmi.epochs = 3
"""


def _load(tmp_path: Path, text: str) -> Suite:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    return load_suite(str(path))


def test_a_file_is_a_suite(tmp_path: Path) -> None:
    suite = _load(tmp_path, SUITE)
    assert suite.name == "mine"
    assert [grid.seeds for grid in suite.grid] == [[0], [0, 1]]
    assert suite.grid[1].set == {"fcmi": {"epochs": 3}}


VARIED = """
[[grid]]
methods = ["fcmi"]
datasets = ["blobs", "reverse-digits"]
seeds = "0-1"
set.fcmi.epochs = 3
vary.fcmi.alpha = [0.04, 0.0]
vary.fcmi.beta = [0.2, 0.0]
vary.blobs.n = [60, 90]

[[grid]]
methods = ["kmeans,fcmi"]
datasets = ["har"]
"""


def test_every_combination_of_varied_parameters_is_a_grid(tmp_path: Path) -> None:
    varied, plain = _load(tmp_path, VARIED).grid
    variants = varied.variants()
    assert [grid.set["fcmi"] | grid.set["blobs"] for grid in variants] == [
        {"epochs": 3, "alpha": alpha, "beta": beta, "n": n}
        for alpha, beta, n in product([0.04, 0.0], [0.2, 0.0], [60, 90])
    ]
    assert all(grid.seeds == [0, 1] and not grid.vary for grid in variants)
    assert varied.set == {"fcmi": {"epochs": 3}}
    assert plain.variants() == [plain]


def test_varied_parameters_make_runs_of_their_own() -> None:
    from bench.data.store import Store
    from bench.plan import make_plan
    from bench.registry import Registry

    grid = Grid(methods=["kmeans"], datasets=["blobs"], set={"blobs": {"n": 60}}, vary={"kmeans": {"n_init": [1, 2]}})
    runs = make_plan(Suite(grid=[grid]), Registry(), Store(())).runs
    assert [run.spec.method_params["n_init"] for run in runs] == [1, 2]
    assert {run.spec.dataset_params["n"] for run in runs} == {60}


@pytest.mark.parametrize(
    ("methods", "datasets", "expected"),
    [
        ((), (), [(["fcmi"], ["blobs", "reverse-digits"]), (["kmeans,fcmi"], ["har"])]),
        ((), ("har",), [(["kmeans,fcmi"], ["har"])]),
        ((), ("reverse_digits",), [(["fcmi"], ["reverse_digits"])]),
        ((), ("blobs,har",), [(["fcmi"], ["blobs"]), (["kmeans,fcmi"], ["har"])]),
        # What no grid has is run by all of them.
        ((), ("mtfl",), [(["fcmi"], ["mtfl"]), (["kmeans,fcmi"], ["mtfl"])]),
        ((), ("all",), [(["fcmi"], ["all"]), (["kmeans,fcmi"], ["all"])]),
        (("kmeans",), (), [(["kmeans"], ["har"])]),
        (("fcmi",), (), [(["fcmi"], ["blobs", "reverse-digits"]), (["fcmi"], ["har"])]),
        (("kmeans",), ("blobs",), [(["kmeans"], ["blobs"])]),
    ],
)
def test_a_suite_is_narrowed_to_the_grids_that_have_what_is_named(
    tmp_path: Path, methods: tuple[str, ...], datasets: tuple[str, ...], expected: list[tuple[list[str], list[str]]]
) -> None:
    narrowed = _load(tmp_path, VARIED).narrowed(methods, datasets)
    assert [(grid.methods, grid.datasets) for grid in narrowed.grid] == expected


def test_a_grid_of_all_data_sets_has_each() -> None:
    suite = Suite(grid=[Grid(methods=["kmeans"], datasets=["all"]), Grid(methods=["fcmi"], datasets=["har"])])
    assert [grid.datasets for grid in suite.narrowed(datasets=["har"]).grid] == [["har"], ["har"]]
    assert [grid.datasets for grid in suite.narrowed(datasets=["blobs"]).grid] == [["blobs"], ["blobs"]]


@pytest.mark.parametrize(
    ("name", "small", "runs"),
    [
        ("ablation", ["mnist_optdigits"], 12),
        ("sensitivity", ["mnist_optdigits"], 75),
        ("dfc-report", ["mnist_optdigits", "reverse_mnist_5k"], 42),
    ],
)
def test_the_part_for_processors_can_be_run_alone(name: str, small: list[str], runs: int) -> None:
    variants = [variant for grid in load_suite(name).narrowed(datasets=small).grid for variant in grid.variants()]
    counts = [len(v.methods) * len(v.datasets) * len(v.seeds) for v in variants]
    assert sum(counts) == runs
    budgets = [v.set[v.methods[0]]["batch_size"] for v in variants]
    assert set(budgets) == {128}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('methods = ["fcmi"]', 'methods = ["fcmi"]\nmetods = 3', r"mine.toml, line 9: unknown key 'metods'.*'methods'"),
        ('title = "mine"', 'titel = "mine"', r"line 1: unknown key 'titel'.*'title'"),
        ('seeds = "0-1"', 'seeds = "x"', r"line 10: .*seeds 'x' given"),
        ('methods = ["fcmi"]', "methods = []", r"line 8: grid.1.methods: .*at least 1"),
        ('title = "mine"', "title = ", r"is not TOML.*line 1"),
        ("set.fcmi.epochs = 3", "set.fcmi = 3", r"line 11: .*valid dictionary"),
        ("set.fcmi.epochs = 3", "vary.fcmi.epochs = 3", r"line 11: .*valid list"),
        ("set.fcmi.epochs = 3", "vary.fcmi.epochs = []", r"line 11: .*at least 1"),
        (
            "set.fcmi.epochs = 3",
            "set.fcmi.epochs = 3\nvary.fcmi.epochs = [3]",
            r"line 7: .*fcmi.epochs is both set and varied",
        ),
    ],
)
def test_a_wrong_file_is_refused_with_the_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(SuiteError, match=message):
        _load(tmp_path, SUITE.replace(old, new))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match=r"nowhere\.toml cannot be read"):
        load_suite(str(tmp_path / "nowhere.toml"))
