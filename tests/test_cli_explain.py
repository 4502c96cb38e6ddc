"""``bench explain`` as a user sees it."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from bench.cli import explain as command
from bench.lineage import explain
from bench.lineage_model import Lineage
from bench.registry import Registry

PACKED = Path(__file__).resolve().parents[1] / "results" / "records" / "paper.jsonl"
KEY = "d2a9c0dd0d9b6db5db68dae248d9c929fcf787c52d80a47eccdebfc71d8e2fdb"


def drawn(found: Lineage, console: Console, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(command, "console", lambda: console)
    command._Page().lineage(found)
    return console.file.getvalue()


@pytest.fixture(scope="module")
def falg() -> Lineage:
    return explain(PACKED, "falg", "mtfl", Registry())


def test_a_cell_of_the_committed_records(cli) -> None:
    done = cli("explain", "FAlg", "mtfl", "--results", PACKED)
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == "FAlg on MTFL: 5 of 5 seeds ended well"
    for said in (
        ["ACC", "70.5", "0.2", "5", "63.2", "+7.3", "not", "comparable"],
        ["2", "ok", "70.4", "13.2", "75.9", "98.6", "23.3", "0.60"],
        ["0", "cpu", "\N{EN DASH}", "2", "d6b18ee06b", "2026-11-21", "22:39Z", "AMD", "EPYC,", "2", "cores"],
        ["seed", "0", "key", KEY],
    ):
        assert said in [line.split() for line in lines]
    assert any(line.startswith("  ACC, Bal, F_β: Published FAlg on MTFL: with two equal groups") for line in lines)
    assert "  all at their defaults" in lines
    assert "\x1b" not in done.out


def test_one_metric_and_all_variants(cli) -> None:
    done = cli("explain", "vfc", "har", "NMI", "--results", PACKED)
    heads = [line for line in done.out.splitlines() if "ended well" in line]
    assert heads == [
        "VFC (fairness_weight=50.0) on HAR: 5 of 5 seeds ended well",
        "VFC (fairness_weight=null) on HAR: 5 of 5 seeds ended well",
    ]
    assert "fairness_weight=50.0 (default null)" in done.out
    assert "MNCE" not in done.out


def test_json_holds_what_the_text_says(cli) -> None:
    found = json.loads(cli("explain", "falg", "mtfl", "acc", "--results", PACKED, "--format", "json").out)
    (variant,) = found["variants"]
    (figure,) = variant["figures"]
    assert figure["mean"] == pytest.approx(70.55)
    assert variant["runs"][0]["key"] == KEY
    assert variant["runs"][0]["metrics"] == {"acc": pytest.approx(70.3)}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("falk", "mtfl"), "Did you mean 'falg'?"),
        (("falg", "mtfk"), "Did you mean 'mtfl'?"),
        (("falg", "mtfl", "ac"), "Did you mean 'acc'?"),
        (("vfc", "pbmc2-tech"), "`bench run --methods vfc --datasets pbmc2_tech` makes some"),
    ],
)
def test_what_is_not_there_is_one_line(cli, arguments: tuple[str, ...], said: str) -> None:
    done = cli("explain", *arguments, "--results", PACKED)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert said in done.err


def test_a_run_of_ones_own_with_its_reason_and_its_log(cli, plugins: Path, results: Path) -> None:
    common = ("--plugins", plugins, "--results", results)
    run = ("run", "--tracking-uri", "none", "--methods", "faulty", "--datasets", "blobs", *common)
    assert cli(*run, "--set", "faulty.how=raise", "--seeds", "0-1").code == 0
    done = cli("explain", "faulty", "blobs", *common)
    assert done.code == 0, done.err
    assert "Faulty (how=" not in done.out
    assert "how=raise (default well)" in done.out
    assert "seed 0, seed 1: error: RuntimeError: the method's own mistake" in done.out
    logs = [line.split()[1] for line in done.out.splitlines() if line.split()[:1] == ["log"]]
    assert ["the method's own mistake" in Path(log).read_text() for log in logs] == [True, True]


def test_eighty_columns_hold_the_tables_and_keys_stay_whole(falg: Lineage, monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None, soft_wrap=True)
    lines = drawn(falg, console, monkeypatch).splitlines()
    assert max(map(len, lines)) <= 80
    assert any(KEY in line for line in lines)


def test_a_pipe_gets_every_note_on_one_line(falg: Lineage, monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(file=io.StringIO(), width=200, soft_wrap=True)
    (variant,) = falg.variants
    long = replace(variant, remarks=("word " * 100 + "end",))
    lines = drawn(replace(falg, variants=(long,)), console, monkeypatch).splitlines()
    assert "  " + "word " * 100 + "end" in lines


def test_records_cannot_steer_the_terminal(falg: Lineage, monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(file=io.StringIO(), width=200, soft_wrap=True)
    (variant,) = falg.variants
    run = replace(variant.runs[0], status="error", reason="[bold]a\x1b[2Jb\nc", cpu="[red]\x1b]0;x\x07")
    text = drawn(replace(falg, variants=(replace(variant, runs=(run,)),)), console, monkeypatch)
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "seed 0: error: [bold]a [2Jb c" in text
    assert "[red] ]0;x" in text


def test_an_unexplained_gap_and_a_metric_without_values_are_said(
    falg: Lineage, monkeypatch: pytest.MonkeyPatch
) -> None:
    console = Console(file=io.StringIO(), width=200, soft_wrap=True)
    (variant,) = falg.variants
    acc, nmi, *_ = variant.figures
    figures = (
        replace(acc, explanation="", doubts=()),
        replace(nmi, mean=None, std=None, status="undefined", reason="no true labels"),
    )
    text = drawn(replace(falg, variants=(replace(variant, figures=figures),)), console, monkeypatch)
    assert "ACC: more than 5 points from the published value, and nothing explains it yet" in text
    assert "NMI: no true labels" in text
