"""The command line, in process: what a user types and what comes back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

RUN = ("run", "--tracking-uri", "none")


@pytest.fixture
def ran(cli, plugins: Path, results: Path) -> Path:
    """A results folder with two methods on one data set."""
    done = cli(*RUN, "--methods", "kmeans,faulty", "--datasets", "blobs", "--plugins", plugins, "--results", results)
    assert done.code == 0, done.err
    return results


def test_help_names_every_command(cli) -> None:
    done = cli("--help")
    assert done.code == 0
    for command in ("run", "list", "info", "doctor", "status", "table", "export", "plot", "sync", "ui", "test"):
        assert command in done.out


def test_list_describes_methods_data_sets_and_suites(cli) -> None:
    listing = json.loads(cli("list", "--format", "json").out)
    methods = {row["name"]: row for row in listing["methods"]}
    assert methods["truth"]["origin"] == "the harness"
    assert methods["fcmi"]["status"] == "ready"
    datasets = {row["name"]: row for row in json.loads(cli("list", "datasets", "--format", "json").out)}
    assert datasets["mnist_optdigits"]["n"] == 6797
    assert "demo" in cli("list", "suites").out


def test_list_imports_neither_torch_nor_mlflow() -> None:
    code = (
        "import sys\nfrom bench.cli import main\ntry:\n    main(['list'])\nexcept SystemExit:\n    pass\n"
        "sys.exit(', '.join(m for m in ('torch', 'mlflow', 'sklearn', 'pandas') if m in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_adapter_that_cannot_load_is_listed_with_its_reason(cli, plugins: Path) -> None:
    (plugins / "broken.py").write_text("import not_installed_anywhere\nclass B:\n    info = MethodInfo('b', 'B')\n")
    rows = json.loads(cli("list", "methods", "--format", "json", "--plugins", plugins).out)
    (row,) = [row for row in rows if row["name"] == "b"]
    assert "not_installed_anywhere" in row["status"]


def test_info_of_a_method_and_of_a_data_set(cli) -> None:
    method = json.loads(cli("info", "FCMI", "--format", "json").out)
    assert method["parameters"]["epochs"] == 300
    data = json.loads(cli("info", "reverse-digits", "--format", "json").out)
    assert data["group sizes"] == {"original": 1797, "inverted": 1797}
    assert data["ceilings (true labels)"]["balance_ceiling"] == 1.0
    assert "Balance ceiling" in cli("info", "blobs").out


def test_doctor_looks_at_everything(cli, results: Path, plugins: Path) -> None:
    report = json.loads(cli("doctor", "--format", "json", "--results", results, "--plugins", plugins).out)
    assert report["versions"]["python"].startswith("3.")
    assert report["data"]["blobs"] == "ready"
    assert report["adapters that cannot be used"] == "none"
    assert "can be written" in report["results folder"]


def test_run_says_what_it_did_and_does_nothing_the_second_time(cli, plugins: Path, results: Path) -> None:
    command = (*RUN, "--methods", "kmeans", "--datasets", "blobs", "--seeds", "0-1", "--results", results)
    first = cli(*command)
    assert first.code == 0
    assert "2 runs on" in first.out
    assert "[2/2] ok" in first.out
    assert "\x1b" not in first.out
    second = cli(*command)
    assert second.code == 0
    assert "nothing to do" in second.out
    assert "2 requested runs have a record already: ok" in second.out


def test_names_may_be_repeated_and_hyphenated(cli, results: Path) -> None:
    arguments = ("--methods", "one-cluster", "--methods", "By_Group", "--datasets", "blobs")
    done = cli(*RUN, *arguments, "--results", results)
    assert done.code == 0
    assert json.loads(cli("status", "--results", results, "--format", "json").out)["counts"] == {"ok": 2}


def test_a_failed_run_is_no_failed_benchmark(cli, plugins: Path, results: Path) -> None:
    arguments = ("--methods", "faulty", "--datasets", "blobs", "--set", "faulty.how=raise", "--plugins", plugins)
    done = cli(*RUN, *arguments, "--results", results)
    assert done.code == 0
    assert "the method's own mistake" in done.out
    table = cli("table", "--results", results, "--plugins", plugins)
    assert "RuntimeError: the method's own mistake" in table.out
    status = cli("status", "--results", results)
    assert "error: faulty on blobs, seed 0: RuntimeError" in status.out


@pytest.mark.parametrize(
    ("how", "status", "reason"),
    [
        ("raise", "error", "RuntimeError: the method's own mistake"),
        ("killed", "error", "its process was killed by SIGKILL"),
        ("hang", "timeout", "took longer than its time-out of 2 s"),
        ("memory", "oom", "MemoryError: no room"),
    ],
)
def test_every_bad_end_is_one_record_and_a_reason_in_the_table(
    cli, plugins: Path, results: Path, how: str, status: str, reason: str
) -> None:
    arguments = ("--methods", "faulty", "--datasets", "blobs", "--set", f"faulty.how={how}", "--timeout", "2")
    assert cli(*RUN, *arguments, "--plugins", plugins, "--results", results).code == 0
    (record,) = [json.loads(path.read_text()) for path in (results / "records").iterdir()]
    assert record["status"] == status
    table = cli("table", "--results", results, "--plugins", plugins, "--format", "markdown").out
    assert f"{status}: {reason}" in table


def test_quiet_is_quiet(cli, results: Path) -> None:
    done = cli(*RUN, "--methods", "random", "--datasets", "blobs", "--quiet", "--results", results)
    assert (done.code, done.out, done.err) == (0, "", "")


def test_table_in_every_format(cli, ran: Path, plugins: Path, tmp_path: Path) -> None:
    def table(*arguments: object) -> str:
        done = cli("table", *arguments, "--results", ran, "--plugins", plugins)
        assert done.code == 0, done.err
        return done.out

    assert "k-means" in table()
    assert "| k-means" in table("--format", "markdown")
    assert table("--format", "latex").startswith(r"\documentclass")
    assert table("--format", "csv").splitlines()[0].startswith("method,")
    cells = json.loads(table("--format", "json", "--metrics", "acc,ari"))
    assert {cell["metric"] for cell in cells} == {"acc", "ari"}
    assert {cell["status"] for cell in cells} == {"ok"}
    assert set(cells[0]) >= {"method", "dataset", "metric", "mean", "std", "n", "published", "status"}
    assert "faulty" not in table("--format", "csv", "--methods", "kmeans")
    out = tmp_path / "new" / "table.md"
    assert table("--format", "markdown", "--out", out) == ""
    assert "k-means" in out.read_text()


def test_export_has_a_row_a_run(cli, ran: Path) -> None:
    header, *rows = cli("export", "--format", "csv", "--results", ran).out.strip().splitlines()
    assert header.startswith("key,method,dataset,seed,status")
    assert len(rows) == 2
    assert len(json.loads(cli("export", "--format", "json", "--results", ran).out)) == 2


def test_packed_records_make_the_same_table(cli, ran: Path, plugins: Path, tmp_path: Path) -> None:
    packed = tmp_path / "packed.jsonl"
    assert cli("pack", "--results", ran, "--out", packed).code == 0
    assert len(packed.read_text().splitlines()) == 2
    arguments = ("table", "--format", "markdown", "--plugins", plugins)
    assert cli(*arguments, "--results", packed).out == cli(*arguments, "--results", ran).out
    before = packed.read_bytes()
    assert cli("pack", "--results", ran, "--out", packed).code == 0
    assert packed.read_bytes() == before
    assert "no such records" in cli("pack", "--results", ran, "--out", packed, "--suite", "other").err


def test_plot_draws_what_runs_have_kept(cli, ran: Path, plugins: Path, tmp_path: Path) -> None:
    out = tmp_path / "embedding.png"
    arguments = ("plot", "embedding", "--dataset", "blobs", "--methods", "faulty", "--results", ran, "--out", out)
    assert cli(*arguments, "--plugins", plugins).code == 0
    assert out.read_bytes().startswith(b"\x89PNG")
    missing = cli("plot", "embedding", "--dataset", "blobs", "--methods", "kmeans", "--results", ran, "--out", out)
    assert missing.code == 2
    assert "has kept an embedding" in missing.err


def test_records_reach_mlflow_and_sync_adds_nothing(cli, results: Path) -> None:
    done = cli("run", "--methods", "random", "--datasets", "blobs", "--seeds", "0-1", "--results", results)
    assert (done.code, done.err) == (0, "")
    assert (results / "mlflow.db").exists()
    assert "0 added, 0 replaced, 2 there already" in cli("sync", "--results", results).out
    another = f"sqlite:///{results / 'another.db'}"
    assert "2 added" in cli("sync", "--results", results, "--tracking-uri", another).out


def test_a_dead_tracking_server_stops_nothing(cli, results: Path) -> None:
    arguments = ("run", "--methods", "random", "--datasets", "blobs", "--results", results)
    done = cli(*arguments, "--tracking-uri", "http://127.0.0.1:9")
    assert done.code == 0
    assert "`bench sync` mirrors them later" in done.err
    assert "1 added" in cli("sync", "--results", results).out


def test_conformance_of_a_method_and_of_a_broken_one(cli, plugins: Path) -> None:
    done = cli("test", "one_cluster")
    assert done.code == 0
    assert "failed" not in done.out
    broken = cli("test", "faulty", "--plugins", plugins)
    assert broken.code == 1
    assert "fit prints" in broken.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "--methods", "fmci", "--datasets", "blobs"), "Did you mean 'fcmi'"),
        (("run", "--methods", "kmeans", "--datasets", "blob"), "Did you mean 'blobs'"),
        (("run", "--methods", "kmeans"), "--datasets is missing"),
        (("run",), "nothing selected"),
        (("run", "--suite", "demmo"), "Did you mean 'demo'"),
        (("run", "--suite", "nowhere.toml"), "cannot be read"),
        (("run", "--methods", "kmeans", "--datasets", "blobs", "--seeds", "x"), "seeds 'x' given"),
        (("run", "--methods", "kmeans", "--datasets", "blobs", "--set", "kmeans.ninit=3"), "Did you mean 'n_init'"),
        (("run", "--methods", "kmeans", "--datasets", "blobs", "--set", "n_init=3"), "NAME.PARAMETER=VALUE"),
        (("run", "--methods", "kmeans", "--datasets", "blobs", "--set", "blobs.n=3"), "cannot show"),
        (("run", "--methods", "kmeans", "--datasets", "blobs", "--timeout", "soon"), "--timeout soon"),
        (("run", "--methods", "kmeans", "--datasets", "blobs", "--device", "gpu"), "--device gpu"),
        (("run", "--methods", "kmeans", "--datasets", "blobs", "--plugins", "nowhere"), "does not exist"),
        (("run", "--methods", "kmeans", "--datasets", "blobs", "--tracking-uri", "file:///x"), "sqlite"),
        (("info", "kmean"), "Did you mean 'kmeans'"),
        (("table",), "there are no records"),
        (("export",), "there are no records"),
        (("plot", "embedding", "--dataset", "blobs", "--methods", "kmeans", "--out", "x.png"), "bench run --methods"),
    ],
)
def test_a_mistake_is_one_clear_line_and_code_2(cli, results: Path, arguments: tuple, message: str) -> None:
    done = cli(*arguments, *([] if arguments[0] == "info" else ["--results", results]))
    assert done.code == 2
    assert message in done.err
    assert done.err.count("\n") == 1
    assert "Traceback" not in done.err


def test_a_metric_that_does_not_exist(cli, ran: Path, plugins: Path) -> None:
    done = cli("table", "--metrics", "mcne", "--results", ran, "--plugins", plugins)
    assert done.code == 2
    assert "Did you mean 'mnce'" in done.err


@pytest.mark.parametrize("flag", ["--methds", "--only=some"])
def test_options_that_do_not_exist_are_refused_by_the_parser(cli, flag: str) -> None:
    assert cli("run", flag).code == 2


def test_an_unwritable_results_folder(cli, tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("")
    done = cli(*RUN, "--methods", "random", "--datasets", "blobs", "--results", blocker / "results")
    assert done.code == 2
    assert "cannot be written" in done.err
    assert "--results DIR" in done.err


@pytest.mark.filterwarnings("default::bench.records.RecordWarning")
def test_a_corrupt_record_is_told_and_left(cli, ran: Path, plugins: Path) -> None:
    broken = ran / "records" / f"{'0' * 64}.json"
    broken.write_text("{")
    done = cli("table", "--results", ran, "--plugins", plugins)
    assert done.code == 0
    assert "cannot be read" in done.err
    assert broken.exists()


def test_the_console_script_is_installed() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("bench"), "--version"], capture_output=True, text=True, check=True,
        env={**os.environ, "COLUMNS": "80"},
    )  # fmt: skip
    assert done.stdout.startswith("bench 0.")
