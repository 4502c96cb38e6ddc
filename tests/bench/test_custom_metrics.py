"""The user's own metric: one function with a decorator in a plug-in folder."""

from __future__ import annotations

import doctest
import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bench.errors import BenchError, InvalidInputError
from bench.metrics import custom, metric
from bench.metrics.custom import CustomMetric, MetricWarning, custom_metric_of, measure
from bench.registry import Registry

RUN = ("run", "--tracking-uri", "none")
Y, LABELS, GROUPS = np.array([0, 0, 1, 1]), np.array([0, 0, 0, 2]), np.array([0, 1, 0, 1])

GAP = '''
from bench.metrics import metric

@metric(name="gap", title="Size gap", range=(0, 1), higher_is_better=False)
def gap(counts):
    """Largest minus smallest cluster, as a share of the samples."""
    sizes = counts.sum(axis=(0, 2))
    return (sizes.max() - sizes.min()) / sizes.sum()
'''

FAULTY = """
from bench import metrics

@metrics.metric(name="raises", title="Raises", range=(0, 1))
def raises(labels):
    return 1 / 0

@metrics.metric(name="leaves", title="Leaves", range=(0, 1))
def leaves(labels):
    return 1.5
"""


def made(function: Callable[..., object], **changes: object) -> CustomMetric:
    found = custom_metric_of(metric(**{"name": "mine", "title": "Mine", "range": (0, 1), **changes})(function))
    assert found is not None
    return found


def value(function: Callable[..., object], *, y: np.ndarray | None = Y, **changes: object) -> float:
    return measure([made(function, **changes)], y=y, labels=LABELS, groups=GROUPS, n_clusters=3)["mine"]


def test_the_manual_holds() -> None:
    assert doctest.testmod(custom).failed == 0


def test_a_function_is_given_what_its_parameters_name() -> None:
    seen: dict[str, object] = {}

    def all_of_it(n_clusters, groups, y, labels, counts):
        seen.update(locals())
        return 0.25

    assert value(all_of_it) == 0.25
    assert seen["n_clusters"] == 3
    assert np.array_equal(seen["y"], Y)
    assert np.array_equal(seen["labels"], LABELS)
    assert np.array_equal(seen["groups"], GROUPS)
    # By class, cluster and group; nobody is in cluster 1.
    assert seen["counts"].tolist() == [[[1, 1], [0, 0], [0, 0]], [[1, 0], [0, 0], [0, 1]]]


def test_the_decorated_function_stays_a_function() -> None:
    def double(labels):
        return 2 * labels

    decorated = metric(name="mine", title="Mine", range=(0, 1))(double)
    assert decorated is double
    assert decorated(3) == 6


@pytest.mark.parametrize(
    ("changes", "direction", "unit"),
    [
        ({}, "higher", "percent"),
        ({"higher_is_better": False}, "lower", "percent"),
        ({"higher_is_better": None, "range": (-1, 1)}, None, "percent"),
        ({"range": (0, math.inf)}, "higher", "count"),
        ({"range": (0, 2), "unit": "percent"}, "higher", "percent"),
    ],
)
def test_how_it_is_printed_and_read(changes: dict, direction: str | None, unit: str) -> None:
    about = made(lambda labels: 0.0, **changes).about
    assert (about.direction, about.unit) == (direction, unit)


def test_without_ground_truth_a_metric_of_the_classes_is_undefined() -> None:
    assert math.isnan(value(lambda y: 1 / 0, y=None))
    assert math.isnan(value(lambda counts: 1 / 0, y=None, needs_classes=True))
    assert value(lambda counts: len(counts), y=None) == 1.0
    assert value(lambda y: 1.0, y=None, needs_classes=False) == 1.0


def test_nan_is_undefined_and_no_fault() -> None:
    assert math.isnan(value(lambda labels: math.nan))


def test_rounding_at_the_end_of_the_range_is_no_fault() -> None:
    assert value(lambda labels: 1 + 1e-12) == 1.0
    assert value(lambda labels: np.float32(0.5)) == 0.5


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda labels: 1 / 0, "metric 'mine' raised ZeroDivisionError: division by zero; it has no value"),
        (lambda labels: 1.5, "returned 1.5, which is no number from 0 to 1"),
        (lambda labels: -math.inf, "returned -inf"),
        (lambda labels: "much", "raised ValueError"),
        (lambda labels: None, "raised TypeError"),
        (lambda labels: labels.sort(), "raised ValueError: sort array is read-only"),
    ],
)
def test_a_fault_is_a_warning_and_no_value(function: Callable[..., object], message: str) -> None:
    with pytest.warns(MetricWarning, match=message):
        assert math.isnan(value(function))
    assert LABELS.tolist() == [0, 0, 0, 2]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "acc"}, "'acc' is taken"),
        ({"name": "seed"}, "'seed' is taken"),
        ({"name": "fit_seconds"}, "'fit_seconds' is taken"),
        ({"name": "My metric"}, "lower case"),
        ({"range": (1, 0)}, "the smaller one first"),
        ({"range": 1}, "two numbers"),
        ({"range": (0, math.nan)}, "two numbers"),
    ],
)
def test_a_description_that_is_none(changes: dict, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        made(lambda labels: 0.0, **changes)


@pytest.mark.parametrize("function", [lambda y_true: 0.0, lambda: 0.0, lambda labels, *rest: 0.0])
def test_a_function_with_other_parameters(function: Callable[..., object]) -> None:
    with pytest.raises(InvalidInputError, match="its parameters are any of counts, labels, y, groups, n_clusters"):
        made(function)


def test_metrics_are_found_in_plugin_folders(write_plugin) -> None:
    write_plugin("_hidden", GAP.replace("gap", "hidden"))
    write_plugin("unreadable", "def f(:\n")
    write_plugin("not_ours", "def metric(f):\n    return f\n\n@metric\ndef plain(labels):\n    return 0\n")
    folder = write_plugin("gap", GAP)
    found = Registry([folder]).metrics
    assert list(found) == ["gap"]
    assert found["gap"].about.title == "Size gap"
    assert Registry().metrics == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GAP.replace('"gap"', '"acc"'), "broken.py cannot be imported: InvalidInputError: metric name 'acc' is taken"),
        ("import not_installed_anywhere\n" + GAP, "broken.py cannot be imported: ModuleNotFoundError"),
        (GAP + GAP.replace("def gap", "def twice"), "metric called 'gap', and so has another"),
    ],
)
def test_a_metric_that_cannot_be_used_is_one_clear_line(cli, write_plugin, text: str, message: str) -> None:
    folder = write_plugin("broken", text)
    with pytest.raises(BenchError, match=message):
        _ = Registry([folder]).metrics
    done = cli(*RUN, "--methods", "random", "--datasets", "blobs", "--plugins", folder)
    assert done.code == 2
    assert done.err.count("\n") == 1


def records(results: Path) -> list[dict]:
    return [json.loads(path.read_text()) for path in sorted((results / "records").iterdir())]


def test_in_records_tables_exports_and_mlflow(cli, write_plugin, results: Path) -> None:
    folder = write_plugin("gap", GAP)
    where = ("--results", results, "--plugins", folder)
    done = cli("run", "--methods", "one_cluster,kmeans,truth", "--datasets", "blobs", *where)
    assert (done.code, done.err) == (0, "")
    values = {record["spec"]["method"]: record["metrics"]["gap"] for record in records(results)}
    assert values["one_cluster"] == 1.0
    assert 0 <= values["truth"] < 0.5
    table = json.loads(cli("table", "--format", "json", "--metrics", "acc,gap", *where).out)
    (cell,) = [cell for cell in table if (cell["method"], cell["metric"]) == ("one_cluster", "gap")]
    assert (cell["mean"], cell["unit"]) == (100.0, "percent")
    # The lower of the ranked rows is best; that of k-means is the only one.
    (ranked,) = [cell for cell in table if (cell["method"], cell["metric"]) == ("kmeans", "gap")]
    assert ranked["rank"] == 1
    assert "Size gap" in cli("table", "--metrics", "gap", *where).out
    assert "gap" in cli("export", "--results", results).out.splitlines()[0].split(",")

    import mlflow

    client = mlflow.MlflowClient(f"sqlite:///{results / 'mlflow.db'}")
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    logged = [run.data.metrics["gap"] for run in client.search_runs(experiments) if "gap" in run.data.metrics]
    assert sorted(logged) == pytest.approx(sorted(values.values()))


def test_rescore_fills_in_what_records_lack_and_keeps_what_it_cannot_compute(cli, write_plugin, results: Path) -> None:
    folder = write_plugin("gap", GAP)
    where = ("--results", results)
    assert cli(*RUN, "--methods", "one_cluster", "--datasets", "blobs", *where).code == 0
    assert "gap" not in records(results)[0]["metrics"]
    lacking = cli("table", "--metrics", "gap", "--plugins", folder, *where).out
    assert "`bench rescore --plugins DIR` computes it" in lacking
    assert "1 changed, 0 same" in cli("rescore", "--plugins", folder, *where).out
    assert records(results)[0]["metrics"]["gap"] == 1.0
    assert "0 changed, 1 same" in cli("rescore", "--plugins", folder, *where).out
    assert "0 changed, 1 same" in cli("rescore", *where).out
    assert records(results)[0]["metrics"]["gap"] == 1.0
    # Without its folder nothing is known of it but its name.
    assert "GAP" in cli("table", "--metrics", "gap", *where).out


@pytest.mark.filterwarnings("default::bench.metrics.custom.MetricWarning")
def test_a_faulty_metric_costs_a_line_and_nothing_else(cli, write_plugin, results: Path) -> None:
    folder = write_plugin("faulty_metrics", FAULTY)
    names, where = ("--methods", "one_cluster", "--datasets", "blobs"), ("--plugins", folder, "--results", results)
    done = cli(*RUN, *names, *where)
    assert done.code == 0
    assert sorted(done.err.splitlines()) == [
        "bench: metric 'leaves' returned 1.5, which is no number from 0 to 1; it has no value in this record",
        "bench: metric 'raises' raised ZeroDivisionError: division by zero; it has no value in this record",
    ]
    (record,) = records(results)
    assert record["status"] == "ok"
    assert (record["metrics"]["raises"], record["metrics"]["leaves"]) == (None, None)
    assert record["metrics"]["balance"] is not None


def test_compared_by_its_direction(cli, write_plugin, results: Path) -> None:
    folder = write_plugin("gap", GAP)
    where = ("--results", results, "--plugins", folder)
    assert cli(*RUN, "--methods", "spectral,kmeans", "--datasets", "blobs", "--seeds", "0-1", *where).code == 0
    done = cli("compare", "spectral", "kmeans", "--metric", "gap", *where)
    assert done.code == 0, done.err
    assert "Size gap" in done.out
