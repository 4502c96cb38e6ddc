"""``bench tables`` and ``bench table NAME``, on packed records of runs that took seconds."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

BLOBS = ("--datasets", "blobs", "--set", "blobs.n=60", "--tracking-uri", "none", "-q")


@pytest.fixture
def packed(cli, results: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "packed"
    assert cli("run", "--methods", "kmeans", *BLOBS, "--results", results).code == 0
    for name in ("paper", "mine"):
        assert cli("pack", "--results", results, "--out", folder / f"{name}.jsonl").code == 0
    return folder


def test_tables_are_written_where_there_are_records_and_skipped_where_not(cli, packed: Path, tmp_path: Path) -> None:
    out = tmp_path / "tables"
    done = cli("tables", "--records", packed, "--out", out)
    assert done.code == 0
    assert {path.name for path in out.iterdir()} == {
        f"{name}{ending}" for name in ("table1", "mine") for ending in (".md", "-overview.md", ".tex", ".csv")
    }
    assert "table2 skipped: `bench run --suite ablation` and `bench pack --suite ablation" in done.err
    assert done.err.count("skipped") == 6


def test_every_file_says_above_how_it_was_made(cli, packed: Path, tmp_path: Path) -> None:
    out = tmp_path / "tables"
    cli("tables", "--records", packed, "--out", out)
    markdown, latex, data = ((out / f"table1.{ending}").read_text() for ending in ("md", "tex", "csv"))
    for text, mark in ((markdown, ""), (data, "# ")):
        assert text.startswith(f"{mark}Made by: bench run --suite paper; bench table table1")
        assert text.splitlines()[1].startswith(f"{mark}From 1 run; the newest of 20")
    assert latex.index("Made by: bench run") < latex.index(r"\begin{tabular}")
    assert (out / "mine.md").read_text().startswith("Made by: bench run --suite mine; bench tables")
    rows = list(csv.DictReader(line for line in data.splitlines() if not line.startswith("# ")))
    assert {row["verdict"] for row in rows} == {""}
    # Twelve published methods, run or not, and six data sets beside the one that was.
    assert len({row["dataset"] for row in rows}) == 7
    assert len({row["method"] for row in rows}) == 13


def test_tables_without_records_say_what_makes_them(cli, tmp_path: Path) -> None:
    done = cli("tables", "--records", tmp_path, "--out", tmp_path / "tables")
    assert done.code == 2
    assert "there are no .jsonl files" in done.err
    assert "`bench pack" in done.err


def test_a_published_table_by_name(cli, tmp_path: Path) -> None:
    from bench.record import Record, RunSpec
    from bench.records import RecordFile

    params = {"alpha": 0.0, "beta": 0.2}
    spec = RunSpec(
        method="fcmi",
        method_params=params,
        method_source="",
        dataset="mnist_optdigits",
        dataset_params={},
        data_hash="",
        seed=0,
        protocol=1,
    )
    run = Record(key="0" * 64, spec=spec, status="ok", metrics={"acc": 0.5})
    path = RecordFile(tmp_path / "made-up.jsonl").write([run])
    shown = cli("table", "table2", "--results", path, "--format", "markdown").out
    lines = [line.split("|") for line in shown.splitlines() if line.startswith("| L_fair")]
    assert [line[2].strip() for line in lines] == ["\N{EN DASH}<sup>2</sup>", "**50.0**"]
    assert [line[-2].strip() for line in lines] == ["0", "1"]
    assert "<sub>89.6</sub>" in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("table", "tabel2"), "Did you mean 'table2'"),
        (("table", "table2"), "there are no runs for 'table2'; `bench run --suite ablation` makes them"),
    ],
)
def test_mistakes_are_told_in_a_line(cli, packed: Path, arguments: tuple[str, ...], message: str) -> None:
    done = cli(*arguments, "--results", packed / "mine.jsonl")
    assert done.code == 2
    assert message in done.err
    assert done.err.count("\n") == 1
