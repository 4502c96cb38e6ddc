"""What ``bench new`` writes runs, is clean, and stands in nobody's way."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bench
from bench.conformance import checks_for
from bench.conformance.shared import torch_stays_out
from bench.errors import InvalidInputError
from bench.registry import Registry
from bench.scaffold import draft, home

ROOT = Path(__file__).resolve().parents[2]
LONGEST = "a_rather_long_name_of_a_method"


def commands(out: str) -> list[list[str]]:
    return [shlex.split(line) for line in out.splitlines() if line.startswith("  bench ")]


@pytest.fixture(scope="module")
def assign(tmp_path_factory: pytest.TempPathFactory):
    """The assignment step of the method that is written."""
    folder = tmp_path_factory.mktemp("template")
    draft("method", "mine", folder).write()
    method = Registry([folder]).get("method", "mine").load()
    return sys.modules[method.__module__].assign_within_shares


def test_a_new_data_set_passes_and_runs_by_the_commands_that_are_printed(cli, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = cli("new", "dataset", "Two-Moons", "--plugins", "my data")
    assert made.code == 0
    assert (tmp_path / "my data" / "two_moons.py").is_file()
    test, run, table = commands(made.out)
    assert "6 of 6 checks passed" in cli(*test[1:]).out
    assert "2 ok" in cli(*run[1:], "--tracking-uri", "none").out
    assert "Two moons" in cli(*table[1:]).out


def test_a_new_method_prints_commands_that_fit_it(cli, tmp_path) -> None:
    made = cli("new", "method", "mine", "--plugins", tmp_path)
    test, run, table = commands(made.out)
    assert test == ["bench", "test", "mine", "--plugins", str(tmp_path)]
    assert run[:6] == ["bench", "run", "--methods", "mine,kmeans", "--datasets", "mnist_optdigits"]
    assert table == ["bench", "table", "--plugins", str(tmp_path)]


@pytest.mark.parametrize("kind", ["method", "dataset"])
def test_what_is_written_does_all_that_is_checked(kind, tmp_path) -> None:
    draft(kind, LONGEST, tmp_path / "new").write()
    entry = Registry([tmp_path / "new"]).get(kind, LONGEST)
    for check in checks_for(entry):
        if check is not torch_stays_out:
            check(entry)


@pytest.mark.parametrize("name", ["m", LONGEST, "method", "dataset", "fair_data", "self"])
@pytest.mark.parametrize("kind", ["method", "dataset"])
def test_what_is_written_is_clean_under_any_name(kind, name, tmp_path) -> None:
    pytest.importorskip("ruff")
    made = draft(kind, name, tmp_path)
    made.write()
    for command in (["check"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--no-cache", "--config", ROOT / "pyproject.toml"]
        done = subprocess.run([*ruff, made.path], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_what_is_written_is_typed(tmp_path) -> None:
    pytest.importorskip("mypy")
    paths = []
    for kind in ("method", "dataset"):
        made = draft(kind, f"new_{kind}", tmp_path)
        made.write()
        paths.append(made.path)
    command = [sys.executable, "-m", "mypy", "--config-file", ROOT / "pyproject.toml", "--follow-imports", "silent"]
    done = subprocess.run([*command, *paths], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("kmeans", "taken by a method (built in); `bench new method kmeans_2` is free"),
        ("blobs", "taken by a data set (built in)"),
        ("truth", "taken by the reference; `bench new method truth_2` is free"),
        ("class", "no word of Python's own"),
        ("3d-means", "a name begins with a letter, has letters, digits and underscores"),
        ("my method!", "'my_method' would do"),
        ("../mine", "'mine' would do"),
        ("naïve", "cannot name a method"),
        ("", "cannot name a method"),
    ],
)
def test_names_that_cannot_be_are_refused(cli, tmp_path, name: str, words: str) -> None:
    done = cli("new", "method", name, "--plugins", tmp_path)
    assert done.code == 2
    assert words in done.err
    assert done.err.count("\n") == 1


def test_an_existing_file_is_left_as_it_is(cli, tmp_path) -> None:
    (tmp_path / "mine.py").write_text("# precious\n")
    assert "exists already" in cli("new", "method", "mine", "--plugins", tmp_path).err
    made = draft("method", "other", tmp_path)
    made.path.write_text("# come up meanwhile\n")
    with pytest.raises(InvalidInputError, match="exists already"):
        made.write()
    assert [path.read_text() for path in sorted(tmp_path.glob("*.py"))] == ["# precious\n", "# come up meanwhile\n"]


def test_a_folder_that_cannot_be_is_told(cli, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    done = cli("new", "method", "mine", "--plugins", tmp_path / "file")
    assert done.code == 2
    assert "name another folder" in done.err or "exists already" in done.err


def test_outside_a_checkout_a_folder_has_to_be_named(cli, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = cli("new", "dataset", "mine")
    assert done.code == 2
    assert "`bench new dataset mine --plugins my_datasets`" in done.err


def test_inside_a_checkout_it_goes_where_ours_are(tmp_path) -> None:
    mounted = Path(bench.get_method("kmeans").__init__.__code__.co_filename).parent
    if mounted != ROOT / "methods":
        pytest.skip("the package that is tested is not this checkout")
    assert home("method", ROOT / "tests") == ROOT / "methods"
    assert home("dataset", ROOT) == ROOT / "datasets"
    assert home("method", tmp_path) is None


@given(
    n_groups=st.integers(1, 4),
    k=st.integers(1, 5),
    slack=st.sampled_from([0.0, 0.1, 2.0]),
    n=st.integers(8, 60),
    seed=st.integers(0, 2**16),
)
def test_the_method_that_is_written_keeps_its_promise(assign, n_groups, k, slack, n, seed) -> None:
    rng = np.random.default_rng(seed)
    groups = np.concatenate([np.arange(n_groups), rng.integers(n_groups, size=n)])
    cost = rng.random((len(groups), k))
    labels = assign(cost, groups, slack)
    sizes = np.bincount(groups)
    nearest = np.array([np.bincount(cost[groups == t].argmin(axis=1), minlength=k) for t in range(n_groups)])
    found = np.array([np.bincount(labels[groups == t], minlength=k) for t in range(n_groups)])
    assert labels.min() >= 0
    assert (found <= np.ceil((1 + slack) * (nearest / sizes[:, None]).mean(axis=0) * sizes[:, None])).all()


def test_without_limits_everybody_goes_to_the_nearest(assign) -> None:
    cost = np.random.default_rng(0).random((40, 3))
    groups = np.arange(40) % 2
    assert np.array_equal(assign(cost, groups, 1e9), cost.argmin(axis=1))
