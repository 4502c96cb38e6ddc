"""Renderers against golden files; `BENCH_GOLDEN=write pytest FILE` writes them anew, for a human to read."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from bench.errors import UnknownNameError
from bench.metadata import DatasetInfo, MethodInfo
from bench.record import Record
from bench.reporting.latex_text import escape
from bench.reporting.model import Table
from bench.reporting.render import FORMATS, render
from bench.reporting.terminal import terminal_table

GOLDEN = Path(__file__).parent / "golden"
HOSTILE = 'a_b & 50% #{}\\ ~^$ <x|y> [1] *2* "q" `c` --'
Build = Callable[..., Table]
Make = Callable[..., Record]


def check(name: str, text: str) -> None:
    path = GOLDEN / name
    if os.environ.get("BENCH_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def drawn(table: Table, width: int = 80, *, styled: bool = False) -> str:
    console = Console(
        file=io.StringIO(), width=width, force_terminal=styled, color_system="standard" if styled else None, record=True
    )
    console.print(terminal_table(table))
    return console.export_text(styles=styled)


def compile_latex(text: str, folder: Path) -> None:
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed")
    (folder / "table.tex").write_text(text, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "table.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=120)
    assert done.returncode == 0, done.stdout[-2000:]


def unescaped_braces(text: str) -> int:
    bare = re.sub(r"\\[{}\\%]", "", text)
    return bare.count("{") - bare.count("}")


@pytest.mark.parametrize(
    ("form", "ending"),
    [("markdown", "md"), ("overview", "overview.md"), ("latex", "tex"), ("csv", "csv"), ("json", "json")],
)
def test_written_forms(small_table: Table, form: str, ending: str) -> None:
    check(f"small.{ending}", render(small_table, form))


def test_terminal(small_table: Table) -> None:
    check("small.txt", drawn(small_table))


def test_terminal_marks_best_and_second(small_table: Table) -> None:
    text = drawn(small_table, styled=True)
    assert re.search(r"\x1b\[1m91\.0\x1b\[0m", text)
    assert re.search(r"\x1b\[4m40\.0\x1b\[0m", text)


def test_terminal_with_five_metrics_fits_eighty_columns(record: Make, table_of: Build) -> None:
    values = {"acc": 1.0, "nmi": 1.0, "balance": 1.0, "mnce": 1.0, "f_beta": 1.0}
    table = table_of(
        *(record("ae_kmeans", seed=seed, **{k: v * (0.5 + seed / 4) for k, v in values.items()}) for seed in range(3))
    )
    text = drawn(table)
    assert max(map(len, text.splitlines())) <= 80
    assert text.count("75.0 ±25.0") == 5


def test_equal_records_give_equal_bytes(record: Make, table_of: Build) -> None:
    records = [
        record(m, d, s, acc=0.1 * s, nmi=0.3) for m in ("fcmi", "kmeans") for d in ("har", "blobs") for s in range(3)
    ]
    for form in FORMATS:
        assert render(table_of(*records), form) == render(table_of(*reversed(records)), form)


def test_json_rows_have_the_documented_keys(small_table: Table) -> None:
    rows = json.loads(render(small_table, "json"))
    assert len(rows) == len(small_table.rows) * 2 * 2
    assert {"method", "dataset", "metric", "mean", "std", "n", "published", "status", "reason", "rank"} <= set(rows[0])
    (fcmi,) = [r for r in rows if (r["method"], r["dataset"], r["metric"]) == ("fcmi", "mnist_usps", "acc")]
    assert (fcmi["mean"], fcmi["std"], fcmi["n"], fcmi["published"], fcmi["rank"]) == (91.0, 1.0, 3, 96.7, 1)


def test_csv_says_the_same_as_json(small_table: Table) -> None:
    rows = list(csv.DictReader(io.StringIO(render(small_table, "csv"))))
    for row, expected in zip(rows, json.loads(render(small_table, "json")), strict=True):
        assert (row["method"], row["status"], row["reason"]) == (
            expected["method"],
            expected["status"],
            expected["reason"],
        )
        assert (float(row["mean"]) if row["mean"] else None) == expected["mean"]


def test_unknown_format_is_refused(small_table: Table) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'latex'"):
        render(small_table, "latx")


def hostile_table(record: Make, table_of: Build, text: str) -> Table:
    runs = [
        record("one", "data", params={"p": text}, acc=0.5),
        record("one", "data", params={"p": "plain"}, status="error", reason=text),
        record("two", "data", acc=0.5),
    ]
    methods = {name: MethodInfo(name, text, notes=(text,)) for name in ("one", "two")}
    datasets = {"data": DatasetInfo("data", text, "", "", notes=(f"note {text}",))}
    return table_of(*runs, methods=methods, datasets=datasets)


def test_hostile_names_are_escaped_in_latex(record: Make, table_of: Build) -> None:
    text = render(hostile_table(record, table_of, HOSTILE), "latex")
    assert HOSTILE not in text
    assert r"a\_b \& 50\% \#\{\}\textbackslash{} \textasciitilde{}\textasciicircum{}\$" in text
    assert unescaped_braces(text) == 0
    body = text.split(r"\midrule")[1]
    assert {line.replace(r"\&", "").count("&") for line in body.splitlines() if line.endswith(r"\\")} == {6}


def test_hostile_names_keep_markdown_tables_whole(record: Make, table_of: Build) -> None:
    text = render(hostile_table(record, table_of, HOSTILE), "markdown")
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1
    assert r"\<x\|y\> \[1\] \*2\*" in text


@pytest.mark.parametrize("environment", ["document", "center", "tabular"])
def test_latex_environments_are_balanced(small_table: Table, environment: str) -> None:
    text = render(small_table, "latex")
    begins, ends = text.count(rf"\begin{{{environment}}}"), text.count(rf"\end{{{environment}}}")
    assert begins == ends >= 1
    assert unescaped_braces(text) == 0


def test_wide_latex_tables_are_split_in_blocks_of_three(record: Make, table_of: Build) -> None:
    table = table_of(*(record(dataset=f"data{i}", acc=0.5) for i in range(7)))
    text = render(table, "latex")
    assert text.count(r"\begin{tabular}") == 3
    assert [len(re.findall("multicolumn", part)) for part in text.split(r"\begin{tabular}")[1:]] == [3, 3, 1]


def test_latex_compiles(small_table: Table, tmp_path: Path) -> None:
    compile_latex(render(small_table, "latex"), tmp_path)


def test_latex_of_hostile_names_compiles(record: Make, table_of: Build, tmp_path: Path) -> None:
    compile_latex(render(hostile_table(record, table_of, HOSTILE), "latex"), tmp_path)


def test_latex_of_any_character_compiles(record: Make, table_of: Build, tmp_path: Path) -> None:
    codes = [*range(0x20, 0x180), *range(0x370, 0x400), *range(0x2010, 0x2040), 0x6570, 0x1F600]
    # Every character starts a row once: what follows a line break may be read as its argument.
    titles = {f"m{code}": f"{chr(code)} x {chr(code)}{chr(code)}" for code in codes}
    methods = {name: MethodInfo(name, title) for name, title in titles.items()}
    for part in (codes[:300], codes[300:]):
        folder = tmp_path / str(part[0])
        folder.mkdir()
        table = table_of(*(record(f"m{code}", acc=0.5) for code in part), methods=methods, metrics=("acc",))
        compile_latex(render(table, "latex"), folder)


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("Gülçehre", r"G\"{u}l\c{c}ehre"),
        ("β", r"\ensuremath{\beta}"),
        ("数", r"\texttt{U+6570}"),
        ("--data", "-{}-data"),
        ("two\nlines", "two lines"),
    ],
)
def test_text_beyond_ascii(text: str, latex: str) -> None:
    assert escape(text) == latex
