"""``python -m benchmarks``: measure room by room, print one table, write ``results/perf/ROOM.json``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from tabulate import tabulate

from benchmarks import assignment, ceiling, centres, growth, harness, metrics, precision, steps, training
from benchmarks.rows import Row
from benchmarks.setting import Setting

__all__ = ["ROOMS", "main"]

ROOMS: dict[str, Callable[[Setting], list[Row]]] = {
    "ceiling": ceiling.measure,
    "harness": harness.measure,
    "metrics": metrics.measure,
    "centres": centres.measure,
    "assignment": assignment.measure,
    "steps": steps.measure,
    "training": training.measure,
    "growth": growth.measure,
    "precision": precision.measure,
}
# The others compute on the CPU, whatever the device.
ON_GPU = ("ceiling", "centres", "steps", "training")
FOLDER = Path("results/perf")
# Seconds of tiny sizes mean nothing and are not to be committed.
QUICK_FOLDER = Path("results/local/perf")
FIGURES = ("exponent", "gap", "inertia_ratio", "rate")
COLUMNS = ("name", "device", "precision", "n", "ours_s", "baseline_s", "ratio", "ceiling_fraction", "repeats", "note")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what the command line asks for."""
    options = parse(arguments)
    setting = Setting(options.device, options.quick)
    folder = options.results or (QUICK_FOLDER if options.quick else FOLDER)
    folder.mkdir(parents=True, exist_ok=True)
    measured: list[Row] = []
    for room in options.only:
        print(f"{room} ...", flush=True)
        rows = ROOMS[room](setting)
        write(folder / f"{room}.json", rows, options.device)
        measured += rows
    lines = [[shown(line).get(column) for column in COLUMNS] for line in measured]
    print(tabulate(lines, headers=COLUMNS, floatfmt=".4g"))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Options, checked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where networks lie")
    parser.add_argument("--only", default="", metavar="ROOM,...", help=", ".join(ROOMS))
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that everything runs")
    parser.add_argument("--results", type=Path, metavar="FOLDER", help=f"default: {FOLDER}, {QUICK_FOLDER} if quick")
    options = parser.parse_args(arguments)
    possible = tuple(ROOMS) if options.device == "cpu" else ON_GPU
    options.only = options.only.split(",") if options.only else list(possible)
    for room in options.only:
        if room not in possible:
            parser.error(f"no room {room!r} on {options.device}; there are {', '.join(possible)}")
    if options.device == "cuda" and not torch.cuda.is_available():
        parser.error("this machine has no GPU")
    return options


def write(path: Path, rows: list[Row], device: str) -> None:
    """Replace the lines of one device; those of the other stay."""
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    kept = [line for line in kept if line["device"] != device]
    path.write_text(json.dumps(kept + rows, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def shown(line: Row) -> Row:
    """A line with what the table says besides the columns' own figures."""
    facts = line["machine"]
    precision = facts["precision"] if isinstance(facts, dict) else ""
    figures = [f"{name} {line[name]:.3g}" for name in FIGURES if line.get(name) is not None]
    notes = [line.get("left_out"), line.get("baseline"), *figures, line.get("unit")]
    return line | {"precision": precision, "note": ", ".join(str(note) for note in notes if note)}


if __name__ == "__main__":
    main()
