"""The table of faults in ``docs/reliability.md`` is whole, and the tests that it names are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

FAULTS = (
    "a run is killed",
    "a run crashes",
    "a run leaves without a word",
    "the method raises",
    "an infinite loop",
    "more memory than",
    "a run ignores SIGTERM",
    "GPU memory runs out",
    "`bench run` is killed",
    "Ctrl-C twice",
    "the disk is full",
    "the results folder is read-only",
    "a record is cut off",
    "MLflow's server is down at the start",
    "MLflow's server dies in the middle",
    "MLflow's database is locked for 30 s",
    "a Dask worker is killed",
    "the clock is set back",
    "2,000 runs of 10 ms",
    "50,000 records",
)


def rows() -> list[list[str]]:
    """The cells of each row: fault, what happens, status, tests."""
    lines = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8").splitlines()
    table = [line.strip("|").split("|") for line in lines if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in table[2:]]


def functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_fault_has_a_row() -> None:
    named = [row[0] for row in rows()]
    assert len(named) == len(FAULTS)
    assert [name for name, fault in zip(named, FAULTS, strict=True) if not name.startswith(fault)] == []


def test_every_test_that_is_named_is_there() -> None:
    for fault, _what, _status, tests in rows():
        named = re.findall(r"`([^`:]+)::([^`]+)`", tests)
        assert named, fault
        assert tests.count("::") == len(named), fault
        for path, function in named:
            assert function in functions(ROOT / path), f"{path}::{function}"
            assert function.startswith("test_")
