from __future__ import annotations

import pytest

from bench.errors import UnknownNameError
from bench.reporting.published import lookup, published_cell, published_names, published_table


@pytest.mark.parametrize(
    ("row", "column", "metric", "value"),
    [
        ("AE", "MNIST-USPS", "acc", 76.3),
        ("DEC", "HAR", "mnce", 93.7),
        ("DAC", "Mouse Atlas", "f_beta", 54.9),
        ("ClGAN", "MTFL", "acc", 72.9),
        ("ScFC", "Color Reverse MNIST", "balance", 100.0),
        ("SpFC", "MTFL", "nmi", 0.1),
        ("VFC", "HAR", "f_beta", 79.3),
        ("FAlg", "Office-31", "f_beta", 77.8),
        ("Towards", "HAR", "balance", 16.6),
        ("DFC", "MNIST-USPS", "mnce", 68.2),
        ("DFDC", "HAR", "nmi", 84.5),
        ("FCMI", "MNIST-USPS", "mnce", 94.5),
        ("FCMI", "Mouse Atlas", "f_beta", 75.0),
        ("ScFC", "HAR", "acc", None),
        ("DFDC", "MNIST-USPS", "mnce", None),
        ("FCMI", "Digits", "acc", None),
        ("FCMI", "HAR", "ari", None),
        ("Mine", "HAR", "acc", None),
    ],
)
def test_table_1_holds_what_the_paper_prints(row: str, column: str, metric: str, value: float | None) -> None:
    assert lookup(row, column, metric) == value


def test_rows_and_columns_stand_in_the_papers_order() -> None:
    table = published_table("fcmi_table1")
    assert " ".join(table.rows) == "AE DEC DAC ClGAN ScFC SpFC VFC FAlg Towards DFC DFDC FCMI"
    assert table.columns == ("MNIST-USPS", "Color Reverse MNIST", "HAR", "Office-31", "MTFL", "Mouse Atlas")
    assert table.metrics == ("acc", "nmi", "balance", "mnce", "f_beta")
    assert table.copied_rows == ("Towards", "DFDC")
    assert len(table.cells) == 12 * 6 * 5


def test_dashes_are_told_from_rows_that_were_not_printed() -> None:
    printed_dash = published_cell("DFDC", "HAR", "mnce")
    absent_row = published_cell("DFDC", "MTFL", "mnce")
    assert printed_dash
    assert absent_row
    assert (printed_dash.printed_as, absent_row.printed_as) == ("-", "")


def test_marks_agree_with_the_numbers_of_table_1() -> None:
    table = published_table("fcmi_table1")
    for column in table.columns:
        for metric in table.metrics:
            cells = [c for c in table.cells if (c.dataset, c.metric) == (column, metric) and c.value is not None]
            podium = sorted({cell.value for cell in cells if cell.value is not None}, reverse=True)
            assert {cell.value for cell in cells if cell.mark == "best"} == {podium[0]}
            assert {cell.value for cell in cells if cell.mark == "second"} == {podium[1]}


def test_misprint_of_the_headline_number_is_noted() -> None:
    cell = published_cell("FCMI", "MNIST-USPS", "mnce")
    assert cell
    assert "92.3" in cell.note


@pytest.mark.parametrize("name", published_names())
def test_every_table_is_complete(name: str) -> None:
    table = published_table(name)
    keys = [(c.method, tuple(sorted(c.settings.items())), c.dataset, c.metric) for c in table.cells]
    assert len(keys) == len(set(keys))
    assert {cell.method for cell in table.cells} == set(table.rows)
    assert {cell.dataset for cell in table.cells} == set(table.columns)
    assert {cell.metric for cell in table.cells} == set(table.metrics)
    assert table.source
    assert table.doi or table.url


@pytest.mark.parametrize("name", published_names())
def test_percentages_agree_with_printed_fractions(name: str) -> None:
    for cell in published_table(name).cells:
        if cell.printed_as and cell.value is not None:
            assert cell.value == pytest.approx(100 * float(cell.printed_as))
        if cell.value is not None and cell.unit is None and published_table(name).unit == "percent":
            assert 0 <= cell.value <= 100


def test_report_on_dfc_gives_fractions_as_percent_and_entropies_as_printed() -> None:
    cells = {(c.dataset, c.method, c.metric): c for c in published_table("dfc_report_table2").cells}
    balance = cells["Color Reverse MNIST", "reproduced", "balance"]
    assert (balance.value, balance.printed_as) == (78.3, "0.783")
    entropy = cells["MNIST-USPS", "reproduced", "entropy_group1"]
    assert (entropy.value, entropy.unit) == (1.579, "nats")


def test_ablation_rows_differ_by_their_settings() -> None:
    rows = {
        (cell.settings["L_clu"], cell.settings["L_fair"]): cell.value
        for cell in published_table("fcmi_table2").cells
        if cell.metric == "f_beta"
    }
    assert rows == {(True, True): 92.0, (True, False): 83.5, (False, True): 81.1}


def test_label_counts_of_the_report_add_up() -> None:
    cells = published_table("dfc_report_table1").cells
    for dataset in published_table("dfc_report_table1").columns:
        values = {cell.method: cell.value or 0 for cell in cells if cell.dataset == dataset}
        assert values.pop("total") == sum(values.values())


def test_unknown_table_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'fcmi_table1'"):
        published_table("fcmi_table_1")
