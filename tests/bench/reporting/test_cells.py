from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bench.errors import ResultsError, UnknownNameError
from bench.metadata import MethodInfo
from bench.record import Record
from bench.reporting.model import Cell, Table

Build = Callable[..., Table]
Make = Callable[..., Record]


def cell_of(table: Table, label: str, metric: str = "acc", column: str = "Digits") -> Cell:
    (found,) = [
        cell
        for (row, place, key), cell in table.cells.items()
        if (row.label, place.label, key) == (label, column, metric)
    ]
    return found


def labels(table: Table) -> list[str]:
    return [row.label for row in table.rows]


def notes(table: Table, numbers: tuple[int, ...]) -> list[str]:
    return [table.footnotes[number - 1] for number in numbers]


def test_mean_and_sample_standard_deviation_are_percent(record: Make, table_of: Build) -> None:
    table = table_of(*(record(seed=i, acc=value) for i, value in enumerate((0.2, 0.4, 0.9))))
    cell = cell_of(table, "k-means")
    # Deviations -30, -10, 40 from the mean 50: variance 2600 / 2.
    assert (cell.mean, cell.std, cell.n) == (pytest.approx(50.0), pytest.approx(1300**0.5), 3)
    assert (cell.status, cell.reason) == ("ok", "")


def test_one_seed_has_no_standard_deviation(record: Make, table_of: Build) -> None:
    cell = cell_of(table_of(record(acc=0.3)), "k-means")
    assert (cell.mean, cell.std, cell.n) == (30.0, None, 1)


def test_counts_are_not_percent_and_fewer_is_better(record: Make, table_of: Build) -> None:
    table = table_of(record(empty_clusters=2.0), record("fcmi", empty_clusters=1.0), metrics=("empty_clusters",))
    assert cell_of(table, "k-means", "empty_clusters").mean == 2.0
    assert cell_of(table, "FCMI", "empty_clusters").rank == 1
    assert cell_of(table, "k-means", "empty_clusters").rank == 2
    assert "percent" not in table.caption


def test_failed_seeds_are_left_out_of_the_mean_and_told(record: Make, table_of: Build) -> None:
    table = table_of(
        *(record(seed=seed, acc=0.5 + 0.1 * seed) for seed in range(3)),
        *(record(seed=seed, status="timeout", reason="no end after 60 s") for seed in (3, 4)),
    )
    cell = cell_of(table, "k-means")
    assert (cell.mean, cell.n, cell.requested) == (pytest.approx(60.0), 3, 5)
    assert cell.status == "partial"
    assert cell.reason == "3 of 5 seeds; 2 timeout: no end after 60 s"
    (entry,) = table.entries.values()
    assert notes(table, entry.footnotes) == [cell.reason]


def test_no_good_run_is_a_dash_with_its_reason(record: Make, table_of: Build) -> None:
    table = table_of(*(record(seed=seed, status="oom", reason="killed at 4 GB") for seed in range(2)))
    cell = cell_of(table, "k-means")
    assert (cell.mean, cell.std, cell.n, cell.status, cell.rank) == (None, None, 0, "oom", None)
    assert notes(table, cell.footnotes) == ["oom: killed at 4 GB"]


def test_different_failures_are_all_told(record: Make, table_of: Build) -> None:
    table = table_of(
        record(seed=0, status="error", reason="ValueError: bad"),
        record(seed=1, status="timeout", reason="no end after 60 s"),
        record(seed=2, status="timeout", reason="no end after 60 s"),
    )
    cell = cell_of(table, "k-means")
    assert (cell.status, cell.reason) == ("timeout", "2 timeout: no end after 60 s; 1 error: ValueError: bad")


def test_place_without_records_says_not_run(record: Make, table_of: Build) -> None:
    table = table_of(record(acc=0.5), record("fcmi", "blobs", acc=0.5))
    cell = cell_of(table, "FCMI")
    assert (cell.status, cell.n, cell.requested) == ("not-run", 0, 0)
    assert notes(table, cell.footnotes) == ["not run"]


def test_equal_reasons_share_one_footnote(record: Make, table_of: Build) -> None:
    why = {"status": "missing-data", "reason": "har is not here"}
    table = table_of(record("scfc", **why), record("fcmi", **why), record("fcmi", "blobs", **why))
    numbers = {cell.footnotes for cell in table.cells.values() if cell.status == "missing-data"}
    assert len(numbers) == 1
    assert table.footnotes.count("missing-data: har is not here") == 1


def test_a_reason_of_several_lines_becomes_one(record: Make, table_of: Build) -> None:
    table = table_of(record(status="error", reason="first\nsecond"))
    assert table.footnotes[-1] == "error: first second"


@pytest.mark.parametrize(
    ("metrics", "metric", "reason"),
    [
        ({"nmi": 0.5, "mnce": None, "f_beta": None}, "mnce", "undefined for one group"),
        ({"nmi": 0.5, "mnce": None, "f_beta": None}, "f_beta", "undefined for one group"),
        ({"acc": None, "nmi": None, "f_beta": None}, "acc", "no true labels"),
        ({"acc": None, "nmi": None, "f_beta": None}, "f_beta", "no true labels"),
        ({"acc": 0.5}, "nmi", "nmi is not in the record: `bench rescore` computes it from the stored labels"),
        ({"acc": float("nan")}, "acc", "no true labels"),
    ],
)
def test_undefined_metric_is_a_dash_with_its_reason(
    record: Make, table_of: Build, metrics: dict[str, Any], metric: str, reason: str
) -> None:
    table = table_of(record(**metrics), metrics=(metric,))
    cell = cell_of(table, "k-means", metric)
    assert (cell.mean, cell.n, cell.status, cell.reason) == (None, 0, "undefined", reason)
    assert notes(table, cell.footnotes) == [reason]


def test_ties_at_the_printed_digit_are_joint(record: Make, table_of: Build) -> None:
    table = table_of(
        record("kmeans", acc=0.90041),
        record("fcmi", acc=0.89961),
        record("scfc", acc=0.8994),
        record("dfdc", acc=0.5),
    )
    ranks = {row: cell_of(table, row).rank for row in labels(table)}
    assert ranks == {"k-means": 1, "FCMI": 1, "ScFC": 2, "DFDC": None}


def test_controls_and_the_reference_are_never_ranked(record: Make, table_of: Build) -> None:
    table = table_of(
        record("truth", acc=1.0), record("by_group", acc=0.9), record("fcmi", acc=0.2), record("kmeans", acc=0.1)
    )
    assert labels(table) == ["k-means", "FCMI", "True labels (reference)", "By group"]
    assert [row.ranked for row in table.rows] == [True, True, False, False]
    assert [cell_of(table, row).rank for row in labels(table)] == [2, 1, None, None]


def test_rows_follow_the_paper_and_others_come_first(record: Make, table_of: Build) -> None:
    names = ("fcmi", "scfc", "another", "ae_kmeans", "dfdc", "kmeans", "unknown_plugin")
    table = table_of(*(record(name, acc=0.5) for name in names))
    assert labels(table) == ["k-means", "Another", "unknown_plugin", "AE + k-means", "ScFC", "DFDC", "FCMI"]


def test_columns_follow_the_paper_and_others_come_last(record: Make, table_of: Build) -> None:
    names = ("digits", "har", "gone", "mnist_usps", "blobs")
    table = table_of(*(record(dataset=name, acc=0.5) for name in names))
    assert [column.label for column in table.columns] == ["MNIST-USPS", "HAR", "Blobs", "Digits", "gone"]


def test_order_of_the_records_plays_no_part(record: Make, table_of: Build) -> None:
    records = [record(m, d, s, acc=0.1 * s) for m in ("fcmi", "kmeans") for d in ("har", "blobs") for s in range(3)]
    assert table_of(*records) == table_of(*reversed(records))


def test_parameters_that_differ_on_one_data_set_make_rows(record: Make, table_of: Build) -> None:
    table = table_of(
        record("scfc", params={"features": "raw", "k": 9}, acc=0.1),
        record("scfc", params={"features": "ae", "k": 9}, acc=0.2),
        record("scfc", "blobs", params={"features": "ae", "k": 9}, acc=0.3),
    )
    assert labels(table) == ["ScFC (features=ae)", "ScFC (features=raw)"]
    assert cell_of(table, "ScFC (features=ae)", column="Blobs").mean == 30.0
    assert cell_of(table, "ScFC (features=raw)", column="Blobs").status == "not-run"


def test_variants_are_in_the_order_of_their_numbers(record: Make, table_of: Build) -> None:
    table = table_of(*(record("fcmi", params={"epochs": n}, acc=0.5) for n in (100, 9, 30)))
    assert labels(table) == ["FCMI (epochs=9)", "FCMI (epochs=30)", "FCMI (epochs=100)"]


def test_a_parameter_of_one_data_set_alone_is_a_footnote(record: Make, table_of: Build) -> None:
    table = table_of(
        record("fcmi", "digits", params={"beta": 0.2}, acc=0.5),
        record("fcmi", "blobs", params={"beta": 0.2}, acc=0.5),
        record("fcmi", "har", params={"beta": 0.0}, acc=0.5),
    )
    assert labels(table) == ["FCMI"]
    said = {column.label: notes(table, entry.footnotes) for (_, column), entry in table.entries.items()}
    assert said == {"Digits": [], "Blobs": [], "HAR": ["run with beta=0.0"]}


def test_data_sets_with_other_parameters_are_columns(record: Make, table_of: Build) -> None:
    table = table_of(
        record(dataset="blobs", data={"n": 900}, acc=0.1), record(dataset="blobs", data={"n": 1000}, acc=0.2)
    )
    assert [column.label for column in table.columns] == ["Blobs (n=900)", "Blobs (n=1000)"]
    assert [cell.mean for cell in table.cells.values() if cell.metric == "acc"] == [10.0, 20.0]


def test_equal_titles_are_told_apart_by_name(record: Make, table_of: Build) -> None:
    methods = {name: MethodInfo(name, "Same") for name in ("one", "two")}
    table = table_of(record("one", acc=0.1), record("two", acc=0.2), methods=methods)
    assert labels(table) == ["Same [one]", "Same [two]"]


def test_published_value_stands_beside_the_papers_data_only(record: Make, table_of: Build) -> None:
    table = table_of(
        record("fcmi", "mnist_usps", acc=0.9),
        record("fcmi", "digits", acc=0.9),
        record("kmeans", "mnist_usps", acc=0.9),
        record("scfc", "har", status="not-applicable", reason="two groups only"),
    )
    assert cell_of(table, "FCMI", "acc", "MNIST-USPS").published == 96.7
    assert cell_of(table, "FCMI", "acc", "Digits").published is None
    assert cell_of(table, "k-means", "acc", "MNIST-USPS").published is None
    assert cell_of(table, "ScFC", "acc", "HAR").published is None
    assert "CVPR 2023" in table.source


def test_known_misprint_is_a_footnote_of_the_published_value(record: Make, table_of: Build) -> None:
    table = table_of(record("fcmi", "mnist_usps", mnce=0.9))
    cell = cell_of(table, "FCMI", "mnce", "MNIST-USPS")
    assert cell.published == 94.5
    assert "Misprint of 92.3" in notes(table, cell.published_footnotes)[0]


def test_changed_data_are_not_the_papers(record: Make, table_of: Build) -> None:
    subset = record("fcmi", "mnist_usps", data={"subset": 500}, acc=0.9)
    default = {"mnist_usps": {"subset": None}}
    whole = record("fcmi", "mnist_usps", data={"subset": None}, acc=0.9)
    assert cell_of(table_of(subset, dataset_defaults=default), "FCMI", column="MNIST-USPS").published is None
    assert cell_of(table_of(whole, dataset_defaults=default), "FCMI", column="MNIST-USPS").published == 96.7


def test_notes_of_shown_methods_and_data_sets_are_footnotes(record: Make, table_of: Build) -> None:
    table = table_of(record("scfc", "har", acc=0.5))
    assert notes(table, table.columns[0].footnotes) == ["Train and test parts joined."]
    assert notes(table, table.rows[0].footnotes) == [
        "Given the true number of classes.",
        "Fairlets of one sample a group.",
    ]


def test_unknown_metric_is_refused_and_a_recorded_one_is_not(record: Make, table_of: Build) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown metric 'f_bta'\. Did you mean 'f_beta'"):
        table_of(record(acc=0.5), metrics=("f_bta",))
    table = table_of(record(acc=0.5, novelty=0.25), metrics=("novelty",))
    assert (table.metrics[0].title, cell_of(table, "k-means", "novelty").mean) == ("NOVELTY", 25.0)
    assert cell_of(table, "k-means", "novelty").rank is None


def test_no_records_say_what_to_do(table_of: Build) -> None:
    with pytest.raises(ResultsError, match="bench run"):
        table_of()
