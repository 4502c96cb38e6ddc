"""``bench compare`` as a user sees it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.plan import run_key
from bench.record import Record, RunSpec
from bench.records import RecordFile

DATA = ("har", "mtfl", "office31", "mnist_usps", "reverse_mnist")
# Mean F_beta by method; the second digit varies with data set and seed.
METHODS = {"fcmi": 0.8, "falg": 0.7, "kmeans": 0.3}


def made(method: str, dataset: str, seed: int, value: float, data_hash: str = "d") -> Record:
    spec = RunSpec(
        method=method,
        method_params={},
        method_source="m",
        dataset=dataset,
        dataset_params={},
        data_hash=data_hash,
        seed=seed,
        protocol=1,
    )
    return Record(key=run_key(spec), spec=spec, status="ok", metrics={"f_beta": value})


@pytest.fixture
def records(tmp_path: Path) -> Path:
    path = tmp_path / "packed.jsonl"
    RecordFile(path).write(
        made(method, dataset, seed, value + (3 * seed + i) % 5 / 100)
        for method, value in METHODS.items()
        for i, dataset in enumerate(DATA)
        for seed in range(4)
    )
    return path


def test_two_methods(cli, records: Path) -> None:
    done = cli("compare", "FCMI", "kmeans", "--results", records)
    assert (done.code, done.err) == (0, "")
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    assert done.out.startswith("FCMI against k-means: F_β, in percent, higher is better\n")
    # Seeds 0 to 3 add 0, 3, 1 and 4 to both.
    assert "HAR 82.0 32.0 +50.00 +50.00 to +50.00 4 win" in lines
    assert "FCMI: 5 wins, 0 ties, 0 losses." in lines


def test_the_other_way_round_as_json(cli, records: Path) -> None:
    there, back = (
        json.loads(cli("compare", *names, "--results", records, "--format", "json").out)
        for names in (("fcmi", "falg"), ("falg", "fcmi"))
    )
    assert (there["a"], there["b"]) == (back["b"], back["a"])
    for one, other in zip(there["datasets"], back["datasets"], strict=True):
        assert one["difference"]["mean"] == -other["difference"]["mean"]
        assert one["difference"]["low"] == -other["difference"]["high"]


def test_chosen_data_sets_as_markdown(cli, records: Path) -> None:
    done = cli("compare", "fcmi", "falg", "--datasets", "har,mtfl", "--results", records, "--format", "markdown")
    assert [line.split()[1] for line in done.out.splitlines() if line.startswith("| ")] == ["Data", "HAR", "MTFL"]


def test_three_methods_are_ranked_and_drawn(cli, records: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="figures need matplotlib, an optional extra")
    done = cli("compare", "--all", "--results", records, "--plot", tmp_path / "ranks")
    assert done.code == 0
    assert "Friedman: chi-squared 10.00 with 2 degrees of freedom, p = 0.0067, 3 methods on 5 data sets" in done.out
    assert (tmp_path / "ranks.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "ranks.pdf").exists()
    assert done.err.count("figure written to") == 2


def test_too_few_data_sets_are_a_sentence_and_no_diagram(cli, records: Path, tmp_path: Path) -> None:
    few = ("compare", "fcmi", "falg", "kmeans", "--datasets", "har,mtfl", "--results", records)
    done = cli(*few)
    assert done.code == 0
    assert "here are 3 methods, and 2 of 2 data sets are complete." in done.out
    asked = cli(*few, "--plot", tmp_path / "ranks.png")
    assert (asked.code, asked.err.count("\n")) == (2, 1)
    assert "no diagram drawn: Too few" in asked.err
    assert not (tmp_path / "ranks.png").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "no method given; name two methods or more, or --all instead"),
        (("fcmi",), "fcmi given; name two"),
        (("fcmi", "falg", "--all"), "fcmi, falg and --all given"),
        (("fcmi", "kmeanz"), "Did you mean 'kmeans'?"),
        (("fcmi", "falg", "--metric", "f_betta"), "Did you mean 'f_beta'?"),
        (("fcmi", "falg", "--datasets", "haar"), "Did you mean 'har'?"),
        (("fcmi", "falg", "--plot", "ranks.png"), "takes three methods or more"),
        (("--all", "--plot", "ranks.gif"), "name it .png or .pdf"),
    ],
)
def test_bad_input_is_one_line(cli, records: Path, arguments: tuple[str, ...], said: str) -> None:
    done = cli("compare", *arguments, "--results", records)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert said in done.err


def test_runs_on_other_data_are_refused(cli, records: Path) -> None:
    file = RecordFile(records)
    file.write([*file, made("dec", "har", 0, 0.5, data_hash="other")])
    done = cli("compare", "fcmi", "dec", "--results", records)
    assert done.code == 2
    assert "2 versions of the data" in done.err


def test_the_committed_records_compare(cli) -> None:
    packed = Path(__file__).resolve().parents[1] / "results" / "records" / "demo.jsonl"
    done = cli("compare", "fcmi", "ScFC", "--metric", "NMI", "--results", packed)
    assert (done.code, done.err) == (0, "")
    assert "FCMI: 2 wins" in done.out
