"""Published tables in their own layout, filled with made-up runs of the suites that they name."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from functools import cache
from itertools import count
from typing import Any

import pytest
from pydantic import ValidationError

from bench.errors import NoRunsError, ResultsError, UnknownNameError
from bench.plan import resolve_params
from bench.record import Record
from bench.registry import Registry
from bench.reporting.arrange import arranged_table
from bench.reporting.model import Cell, Table
from bench.reporting.published import published_table
from bench.reporting.render import render
from bench.reporting.table_layouts import TableLayout, layout_names, table_layout
from bench.suite import load_suite

Make = Callable[..., Record]

LAYOUTS = [name for name in layout_names() if table_layout(name).row]


@cache
def registry() -> Registry:
    return Registry()


@cache
def resolved(kind: str, name: str, given: tuple[tuple[str, Any], ...]) -> dict[str, Any]:
    return resolve_params(registry().get(kind, name), dict(given))


def runs_of(suite: str, record: Make) -> Iterator[Record]:
    """A made-up run for every run of a suite, each with other figures."""
    number = count()
    for grid in load_suite(suite).grid:
        for variant in grid.variants():
            params = {name: tuple(given.items()) for name, given in variant.set.items()}
            for dataset in variant.datasets:
                for method in variant.methods:
                    for seed in variant.seeds:
                        n = next(number)
                        yield record(
                            method,
                            dataset,
                            seed,
                            params=resolved("method", method, params.get(method, ())),
                            data=resolved("dataset", dataset, params.get(dataset, ())),
                            **dict.fromkeys(("acc", "nmi", "balance", "mnce", "f_beta", "entropy"), n / 1000),
                        )


def table_from(name: str, records: list[Record], **options: Any) -> Table:
    infos = [{name: entry.info for name, entry in kind.items()} for kind in (registry().methods, registry().datasets)]
    return arranged_table(table_layout(name), records, methods=infos[0], datasets=infos[1], **options)


def cell_of(table: Table, row: str, column: str, metric: str) -> Cell:
    (found,) = [c for (r, d, key), c in table.cells.items() if (r.label, d.name, key) == (row, column, metric)]
    return found


def test_every_table_of_the_issue_has_a_layout() -> None:
    reports = [f"dfc_report_{n}" for n in (2, 3, 4, 5)]
    assert layout_names() == [*reports, "sensitivity", "table1", "table2"]


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_suite_of_a_layout_fills_all_its_places_and_each_seed_once(name: str, record: Make) -> None:
    table = table_from(name, list(runs_of(table_layout(name).suite, record)), allow_mixed=False)
    missing = {(row.label, column.name) for (row, column), entry in table.entries.items() if entry.n != 3}
    assert not missing
    assert {entry.requested for entry in table.entries.values()} == {3}
    assert [column.name for column in table.columns] == [column.dataset for column in table_layout(name).column]


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_published_number_has_its_place(name: str, record: Make) -> None:
    layout = table_layout(name)
    table = table_from(name, list(runs_of(layout.suite, record)))
    shown = sorted(round(cell.published, 1) for cell in table.cells.values() if cell.published is not None)
    if name == "sensitivity":
        assert shown == []
        return
    printed = [cell for cell in published_table(layout.table).cells if cell.unit is None]
    pairs = [cell.value for cell in published_table(layout.table).cells if cell.unit == "nats"]
    entropies = [
        round(50 * (first + second) / math.log(10), 1) for first, second in zip(pairs[::2], pairs[1::2], strict=True)
    ]
    assert shown == sorted([*(cell.value for cell in printed), *entropies])


def test_rows_hold_the_runs_with_their_parameters(record: Make) -> None:
    values = {(0.04, 0.20): 0.9, (0.04, 0.0): 0.8, (0.0, 0.20): 0.7, (0.0, 0.0): 0.6}
    runs = [
        record("fcmi", "mnist_usps", seed, params={"alpha": a, "beta": b, "epochs": 300}, acc=acc + seed / 100)
        for (a, b), acc in values.items()
        for seed in range(3)
    ]
    table = table_from("table2", runs, metrics=("acc",))
    means = {row.label: cell_of(table, row.label, "mnist_usps", "acc").mean for row in table.rows}
    assert means == {
        "L_clu and L_fair": pytest.approx(91.0),
        "L_clu": pytest.approx(81.0),
        "L_fair": pytest.approx(71.0),
        "neither": pytest.approx(61.0),
    }
    published = {row.label: cell_of(table, row.label, "mnist_usps", "acc").published for row in table.rows}
    assert published == {"L_clu and L_fair": 96.7, "L_clu": 95.2, "L_fair": 89.6, "neither": None}
    # Standard deviation 1, so that the interval is ± 4.97.
    assert cell_of(table, "L_clu and L_fair", "mnist_usps", "acc").verdict == "below"
    assert table.stub == "Losses"
    assert table.runs == ("MNIST-USPS: 3 seeds; epochs=300; cpu",)


def test_a_misprint_of_table_2_compares_with_nothing(record: Make) -> None:
    table = table_from("table2", list(runs_of("ablation", record)))
    cell = cell_of(table, "L_fair", "mnist_usps", "mnce")
    assert (cell.published, cell.verdict) == (86.1, "not comparable")
    assert cell_of(table, "L_fair", "mnist_usps", "nmi").verdict != "not comparable"


def test_the_entropies_of_the_groups_become_the_number_that_records_hold(record: Make) -> None:
    table = table_from("dfc_report_3", list(runs_of("dfc-report", record)))
    # (2.301 + 1.579) / 2 = 1.94 nats of ln 10 = 2.302585.
    assert cell_of(table, "KL-divergence", "mnist_usps", "entropy").published == 84.253


def test_a_column_never_mixes_budgets(record: Make) -> None:
    def run(alpha: float, epochs: int, acc: float, ended: str = "") -> Record:
        made = record("fcmi", "mnist_optdigits", params={"alpha": alpha, "beta": 0.2, "epochs": epochs}, acc=acc)
        return made.model_copy(update={"ended": ended})

    fuller = [run(0.04, 20, 0.5), run(0.0, 20, 0.4), run(0.04, 300, 0.9, "2026-02-01")]
    table = table_from("table2", fuller, metrics=("acc",))
    assert cell_of(table, "L_clu and L_fair", "mnist_optdigits", "acc").mean == 50.0
    newer = [run(0.04, 20, 0.5, "2026-01-01"), run(0.04, 300, 0.9, "2026-02-01")]
    table = table_from("table2", newer, metrics=("acc",))
    assert cell_of(table, "L_clu and L_fair", "mnist_optdigits", "acc").mean == 90.0
    assert cell_of(table, "L_fair", "mnist_optdigits", "acc").status == "not-run"


def test_data_sets_of_ours_are_left_out_where_they_were_not_run(record: Make) -> None:
    runs = [run for run in runs_of("ablation", record) if run.spec.dataset == "mnist_optdigits"]
    table = table_from("table2", runs)
    assert [column.name for column in table.columns] == ["mnist_usps", "mnist_optdigits"]
    cell = cell_of(table, "L_clu", "mnist_usps", "acc")
    assert (cell.status, cell.published, cell.verdict) == ("not-run", 95.2, None)
    assert all(cell.published is None for cell in table.cells.values() if cell.dataset == "mnist_optdigits")


def test_runs_on_padded_images_alone_stand_beside_the_report(record: Make) -> None:
    runs = list(runs_of("dfc-report", record))
    smaller = [
        run.model_copy(update={"spec": run.spec.model_copy(update={"dataset_params": {"size": 28}})})
        for run in runs
        if run.spec.dataset == "mnist_usps"
    ]
    table = table_from("dfc_report_5", [*smaller, *(run for run in runs if run.spec.dataset == "reverse_mnist")])
    assert cell_of(table, "Yes", "mnist_usps", "acc").status == "not-run"
    assert cell_of(table, "Yes", "reverse_mnist", "acc").n == 3


def test_corrupted_colours_compare_with_nothing_and_say_why(record: Make) -> None:
    runs = [
        run.model_copy(update={"spec": run.spec.model_copy(update={"data_hash": str(run.spec.dataset_params)})})
        for run in runs_of("dfc-report", record)
    ]
    # Each row is on data of its own, which is no mixture.
    table = table_from("dfc_report_4", runs, allow_mixed=False)
    judged = [cell for cell in table.cells.values() if cell.published is not None]
    assert {(cell.verdict, cell.verdict_reason) for cell in judged} == {
        ("not comparable", table_layout("dfc_report_4").obstacle)
    }
    assert len(judged) == 24
    assert "No verdict: the report scored its models on clean images" in table.caption


def test_a_column_on_two_versions_of_its_data_is_refused(record: Make) -> None:
    runs = list(runs_of("ablation", record))
    runs[0] = runs[0].model_copy(update={"spec": runs[0].spec.model_copy(update={"data_hash": "other"})})
    with pytest.raises(ResultsError, match="2 versions of the data"):
        table_from("table2", runs, allow_mixed=False)
    told = table_from("table2", runs)
    assert any("2 versions of the data" in note for note in told.footnotes)


def test_where_the_paper_marks_no_best_neither_do_we(record: Make) -> None:
    unmarked = table_from("dfc_report_3", list(runs_of("dfc-report", record)))
    assert {cell.rank for cell in unmarked.cells.values()} == {None}
    assert "bold" not in unmarked.caption
    marked = table_from("table2", list(runs_of("ablation", record)))
    assert {cell.rank for cell in marked.cells.values()} == {1, 2, None}


def test_the_head_says_how_from_what_and_when(record: Make) -> None:
    runs = [
        run.model_copy(update={"ended": f"2026-03-{1 + number % 9:02d}T10:00:00+00:00"})
        for number, run in enumerate(runs_of("ablation", record))
    ]
    made, source, verdicts = table_from("table2", runs).head
    assert made == "Made by: bench run --suite ablation; bench table table2"
    assert re.fullmatch(
        r"From 36 runs; the newest of 2026-03-09; code at commit 0123456789; cpu; "
        r"sha256 of keys, outcomes and metrics [0-9a-f]{16}",
        source,
    )
    assert verdicts.startswith("Of 15 published numbers beside ours, over all metrics: ")
    changed = [runs[0].model_copy(update={"metrics": {**runs[0].metrics, "acc": 0.123}}), *runs[1:]]
    assert table_from("table2", changed).head[1] != source
    assert table_from("table2", runs[::-1]).head[1] == source


def test_runs_that_two_rows_share_are_counted_once(record: Make) -> None:
    table = table_from("dfc_report_2", list(runs_of("dfc-report", record)))
    assert table.head[1].startswith("From 12 runs; ")
    assert {entry.n for entry in table.entries.values()} == {3}


def test_records_of_other_methods_and_suites_make_no_table(record: Make) -> None:
    with pytest.raises(NoRunsError, match="`bench run --suite ablation` makes them"):
        table_from("table2", [record("kmeans", acc=0.5)])


def test_an_unknown_table_offers_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'table2'"):
        table_layout("tabel2")


ROW = {"label": "x", "params": {"alpha": 1}}
LAYOUT = {
    "name": "mine",
    "title": "Mine",
    "suite": "demo",
    "table": "fcmi_table2",
    "method": "fcmi",
    "metrics": ["acc"],
    "row": [ROW],
    "column": [{"dataset": "blobs"}],
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"row": [ROW, {"label": "y", "params": {"beta": 1}}]}, "all rows name the same parameters"),
        ({"method": ""}, "go together"),
        ({"column": []}, "go together"),
        ({"colour": "red"}, "Extra inputs"),
        ({"row": [{**ROW, "vary": {"beta": []}}]}, "at least 1"),
    ],
)
def test_a_layout_that_makes_no_sense_is_refused(change: dict[str, Any], message: str) -> None:
    assert TableLayout.model_validate(LAYOUT).rows()
    with pytest.raises(ValidationError, match=message):
        TableLayout.model_validate({**LAYOUT, **change})


def test_varied_parameters_make_a_row_each() -> None:
    labels = [row.label for row in table_layout("sensitivity").rows()]
    assert len(set(labels)) == 25
    assert labels[:2] == ["alpha = 0.01, beta = 0.05", "alpha = 0.01, beta = 0.1"]


@pytest.mark.parametrize("name", LAYOUTS)
def test_latex_has_as_many_cells_a_line_as_columns(name: str, record: Make) -> None:
    text = render(table_from(name, list(runs_of(table_layout(name).suite, record))), "latex")
    bare = re.sub(r"\\[{}\\%&]", "", text)
    assert bare.count("{") == bare.count("}")
    for spec, body in re.findall(r"\\begin{tabular}{(l[r]*)}(.*?)\\end{tabular}", text, flags=re.DOTALL):
        lines = [line for line in body.splitlines() if line.endswith(r"\\") and "multicolumn" not in line]
        assert lines
        assert {line.replace(r"\&", "").count("&") + 1 for line in lines} == {len(spec)}
    assert r"\texttt{U+" not in text


@pytest.mark.parametrize("name", LAYOUTS)
def test_equal_records_give_equal_bytes(name: str, record: Make) -> None:
    runs = list(runs_of(table_layout(name).suite, record))
    for output in ("markdown", "latex", "csv"):
        assert render(table_from(name, runs), output) == render(table_from(name, runs[::-1]), output)
