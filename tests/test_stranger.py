"""Somebody who has the wheel and the docs, and nothing else of ours."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def commands(page: str) -> list[str]:
    """The lines with a dollar sign in a page's console blocks, but for a block that says why it is not run."""
    text = (ROOT / "docs" / page).read_text()
    blocks = re.findall(r"(?<!-->\n)^```console\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines() if line.startswith("$ ")]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_page_on_methods_leads_to_a_row_in_the_table(wheel, installed, tmp_path) -> None:
    shell = installed(wheel)
    said = {line: shell(line) for line in commands("adding-a-method.md")}
    assert str(tmp_path / "site") in shell("python -c 'import bench; print(bench.__file__)'")

    def answer(command: str) -> str:
        return next(out for line, out in said.items() if line.startswith(command))

    assert "bench test mine --plugins my_methods" in answer("bench new method mine")
    assert re.search(r"^(\d+) of \1 checks passed$", answer("bench test mine"), flags=re.MULTILINE)
    assert "2 ok" in answer("bench run --methods mine,kmeans")
    assert re.search(r"^ Mine.* \d", answer("bench table"), flags=re.MULTILINE)
    results = tmp_path / "empty" / "results" / "local"
    assert "Mine" in (results / "report.html").read_text()
    with sqlite3.connect(results / "mlflow.db") as database:
        tracked = database.execute("SELECT value FROM params WHERE key = 'method'").fetchall()
    database.close()
    assert sorted(tracked) == [("kmeans",), ("mine",), ("mine",)]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_page_on_data_sets_leads_to_a_column_of_the_table(wheel, installed, tmp_path) -> None:
    shell = installed(wheel)
    said = [shell(line) for line in commands("adding-a-dataset.md")]
    assert len(said) == 5
    assert "2 ok" in said[2]
    assert "Toy" in said[3]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_example_package_brings_its_method(build_wheel, installed, tmp_path) -> None:
    source = tmp_path / "source"
    shutil.copytree(ROOT / "examples" / "plugin-package", source)
    shell = installed(build_wheel(source))
    listed = {row["name"]: row for row in json.loads(shell("bench list methods --format json"))}
    assert listed["group_centred"]["origin"] == "package group-centred"
    assert listed["group_centred"]["status"] == "ready"
    looking = (
        "import sys; from bench.registry import Registry; Registry().methods; print('group_centred' in sys.modules)"
    )
    assert shell(f'python -c "{looking}"') == "False\n"
    assert "could not" not in shell("bench test group_centred")
    assert "1 ok" in shell("bench run --methods group_centred --datasets blobs --tracking-uri none")
    assert "Group-centred k-means" in shell("bench table")
