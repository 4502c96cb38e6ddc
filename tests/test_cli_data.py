"""`bench run --data` and `bench info` of a data set, in process."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.data.prepared import prepare
from bench.data.store import Store
from bench.errors import InvalidInputError
from bench.plan import Plan, make_plan
from bench.records import RecordStore
from bench.registry import Registry
from bench.suite import Grid, Suite

FILE = Registry().datasets["file"]
NOWHERE = Store(())


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Two well separated classes; the group depends on neither."""
    rng = np.random.default_rng(0)
    outcome = np.repeat([0, 1], 60)
    frame = pd.DataFrame(
        {
            "age": rng.normal(size=120) + 10 * outcome,
            "hours": rng.normal(size=120) - 10 * outcome,
            "sex": np.tile(["f", "m"], 60),
            "outcome": np.where(outcome, "yes", "no"),
        }
    )
    path = tmp_path / "home" / "people.csv"
    path.parent.mkdir()
    frame.to_csv(path, index=False)
    return path


@pytest.fixture
def run(cli, results: Path):
    def with_defaults(*arguments: object):
        return cli("run", "--tracking-uri", "none", "--results", results, *arguments)

    return with_defaults


def plan(path: Path, *datasets: str, **params: object) -> Plan:
    grid = Grid(methods=["random"], datasets=datasets or ["file"])
    settings = {"file": {"path": str(path), "sensitive": "sex", "label": "outcome", **params}}
    return make_plan(Suite(grid=[grid]), Registry(), NOWHERE, settings)


def test_a_table_is_a_data_set(run, cli, people: Path, results: Path) -> None:
    columns = ("--data", people, "--sensitive", "sex", "--label", "outcome")
    done = run(*columns, "--methods", "kmeans,truth,by_group")
    assert done.code == 0, done.err
    scores = {record.spec.method: record.metrics for record in RecordStore(results)}
    assert scores["kmeans"]["acc"] == scores["truth"]["acc"] == 1.0
    assert scores["kmeans"]["balance"] == 1.0
    assert scores["by_group"]["mnce"] == 0.0
    assert "nothing to do" in run(*columns, "--methods", "kmeans,truth,by_group").out
    table = cli("table", "--results", results).out
    assert "people.csv: groups 'sex', classes 'outcome'; columns: 2 numeric" in table
    assert "path=people.csv" in table


def test_results_carry_no_path_of_the_machine(run, cli, people: Path, results: Path, tmp_path: Path) -> None:
    assert run("--data", people, "--sensitive", "sex", "--label", "outcome", "--methods", "random").code == 0
    texts = [path.read_text() for path in (results / "records").iterdir()]
    texts += [cli("table", "--results", results, "--format", output).out for output in ("json", "latex", "markdown")]
    assert any("people.csv" in text for text in texts)
    assert not [text for text in texts if str(tmp_path) in text]


def test_without_a_label_quality_is_a_dash(run, cli, people: Path, results: Path) -> None:
    arguments = ("--data", people, "--sensitive", "sex", "--features", "age,hours", "--k", 3)
    assert run(*arguments, "--methods", "kmeans,truth").code == 0
    cells = json.loads(cli("table", "--results", results, "--format", "json").out)
    by_metric = {cell["metric"]: cell for cell in cells if cell["method"] == "kmeans"}
    assert [by_metric[name]["mean"] for name in ("acc", "nmi", "f_beta")] == [None] * 3
    assert by_metric["acc"]["reason"] == "no true labels"
    assert by_metric["balance"]["mean"] is not None
    assert {cell["reason"] for cell in cells if cell["method"] == "truth"} == {
        "not-applicable: the data have no true labels"
    }


def test_one_group_has_no_fairness_to_measure(run, cli, people: Path, results: Path) -> None:
    pd.read_csv(people).assign(sex="f").to_csv(people, index=False)
    with pytest.warns(UserWarning, match="one group only"):
        plan(people)
    assert run("--data", people, "--sensitive", "sex", "--label", "outcome", "--methods", "kmeans").code == 0
    cells = {cell["metric"]: cell for cell in json.loads(cli("table", "--results", results, "--format", "json").out)}
    assert (cells["mnce"]["mean"], cells["mnce"]["reason"]) == (None, "undefined for one group")
    assert cells["acc"]["mean"] == 100.0


@pytest.mark.filterwarnings("default::bench.datasets.file.TableWarning")
def test_what_is_left_out_is_told_on_the_command_line(run, people: Path) -> None:
    pd.read_csv(people).assign(country="X").to_csv(people, index=False)
    done = run("--data", people, "--sensitive", "sex", "--label", "outcome", "--methods", "random")
    assert done.code == 0
    assert done.err == "bench: people.csv: constant columns are left out: country\n"


def test_content_and_name_are_the_key_and_the_folder_is_not(people: Path, tmp_path: Path) -> None:
    (there,) = plan(people).runs
    moved = tmp_path / "elsewhere" / people.name
    moved.parent.mkdir()
    shutil.copy(people, moved)
    (moved_run,) = plan(moved).runs
    assert moved_run.key == there.key
    assert there.spec.dataset_params["path"] == "people.csv"
    assert moved_run.prepared == there.prepared
    moved.write_text(moved.read_text().replace(",f,", ",x,"))
    (edited,) = plan(moved).runs
    assert edited.key != there.key
    assert edited.prepared != there.prepared


def test_prepared_arrays_follow_the_content(people: Path) -> None:
    params = {"path": str(people), "sensitive": "sex", "label": "outcome"}
    first = prepare(FILE, params, NOWHERE)
    assert prepare(FILE, params, NOWHERE).folder == first.folder
    people.write_text(people.read_text() + "0.5,0.5,f,yes\n")
    second = prepare(FILE, params, NOWHERE)
    assert (len(first.X()), len(second.X())) == (120, 121)


def test_all_means_all_but_the_users_own(people: Path) -> None:
    assert {run.spec.dataset for run in plan(people, "all").runs}.isdisjoint({"file"})
    assert "file" in {run.spec.dataset for run in plan(people, "all", "file").runs}
    with pytest.raises(InvalidInputError, match=r"reads a file of yours, file\.path='' names none"):
        make_plan(Suite(grid=[Grid(methods=["random"], datasets=["file"])]), Registry(), NOWHERE)


COLUMNS = ("--sensitive", "sex", "--label", "outcome")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--data", "{}", "--sensitive", "sexx"), "Did you mean 'sex'"),
        (("--data", "{}"), "name the sensitive column with --sensitive; it has age, hours, sex, outcome"),
        (("--data", "{}", "--sensitive", "sex"), "or give --k"),
        (("--data", "{}", "--sensitive", "age", "--label", "outcome"), "bin it first"),
        (("--data", "{}", *COLUMNS, "--features", "hour"), "Did you mean 'hours'"),
        (("--data", "{}", *COLUMNS, "--k", "0"), "file.k=0"),
        (("--data", "{}.csv", *COLUMNS), "is not there"),
        (("--data", "table.xls", *COLUMNS), "ends in .csv, .parquet, .npz"),
        (("--data", "{}", *COLUMNS, "--set", "file.labels=x"), "Did you mean 'label'"),
        (COLUMNS, "--sensitive describes a table of yours; name that with --data FILE"),
        (("--datasets", "file"), "reads a file of yours"),
    ],
)
def test_a_mistake_is_one_clear_line_and_code_2(run, people: Path, arguments: tuple[str, ...], message: str) -> None:
    done = run("--methods", "random", *(argument.format(people) for argument in arguments))
    assert done.code == 2
    assert message in done.err
    assert done.err.count("\n") == 1


def test_a_suite_can_be_run_on_a_table(run, people: Path, results: Path, tmp_path: Path) -> None:
    suite = tmp_path / "mine.toml"
    suite.write_text('[[grid]]\nmethods = ["random", "one_cluster"]\ndatasets = ["blobs"]\n')
    assert run("--suite", suite, "--data", people, *COLUMNS).code == 0
    assert {(r.spec.method, r.spec.dataset) for r in RecordStore(results)} == {
        ("random", "file"),
        ("one_cluster", "file"),
    }


def test_the_card_of_a_table(cli, people: Path, tmp_path: Path) -> None:
    settings = [
        f"file.{name}={value}" for name, value in (("path", people), ("sensitive", "sex"), ("label", "outcome"))
    ]
    arguments = [part for setting in settings for part in ("--set", setting)]
    card = json.loads(cli("info", "file", *arguments, "--format", "json").out)
    assert card["class x group"] == {"no": [30, 30], "yes": [30, 30]}
    assert card["parameters"]["path"] == "people.csv"
    assert card["k-means on the input"]["acc"] == 1.0


def test_the_card_of_no_table_says_how_to_name_one(cli) -> None:
    done = cli("info", "file")
    assert done.code == 0
    assert "bench run --data FILE" in done.out


def test_the_card_takes_parameters_and_draws(cli, tmp_path: Path) -> None:
    out = tmp_path / "new" / "card.png"
    done = cli("info", "blobs", "--set", "blobs.n=100", "--set", "blobs.n_groups=3", "--plot", out)
    assert done.code == 0, done.err
    assert "n = 100 samples of 8 features, K = 3 clusters, T = 3 groups" in done.out
    assert out.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("blobs", "--set", "blobs.m=3"), "unknown parameter of blobs 'm'"),
        (("blobs", "--set", "har.m=3"), "here it begins with blobs."),
        (("blobs", "--set", "blobs.n=1"), "cannot show"),
        (("blobs", "--plot", "card.gif"), "name it .png or .pdf"),
        (("kmeans", "--plot", "card.png"), "'kmeans' is a method; --set and --plot are for data sets"),
        (("kmeans", "--set", "kmeans.n_init=2"), "are for data sets"),
    ],
)
def test_a_card_that_cannot_be_made(cli, arguments: tuple[str, ...], message: str) -> None:
    done = cli("info", *arguments)
    assert done.code == 2
    assert message in done.err
    assert done.err.count("\n") == 1
