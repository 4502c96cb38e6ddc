"""What ``pip install`` gives: one package, with the folders mounted inside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_the_wheel_holds_one_package(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names if ".dist-info" not in name} == {"bench"}
    for wanted in (
        "bench/methods/fcmi.py",
        "bench/methods/_deep/networks.py",
        "bench/datasets/blobs.py",
        "bench/published/fcmi_table1.json",
        "bench/suites/demo.toml",
        "bench/reporting/templates/table.tex",
        "bench/py.typed",
        "bench/templates/method.py.txt",
    ):
        assert wanted in names


def test_every_source_file_is_in_the_wheel(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    mounted = {"bench": "bench", "methods": "bench/methods", "datasets": "bench/datasets"}
    for folder, mount in mounted.items():
        for path in (ROOT / folder).rglob("*.py"):
            assert f"{mount}/{path.relative_to(ROOT / folder).as_posix()}" in names, f"list {path.parent} in pyproject"


def test_it_works_without_the_checkout(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = (
        "import sys; site = sys.argv.pop(1); sys.path.insert(0, site); import bench;"
        "assert bench.__file__.startswith(site); from bench.cli import main; main()"
    )
    environment = {**os.environ, "PYTHONSAFEPATH": "1"}

    def bench(*arguments: str) -> str:
        command = [sys.executable, "-c", code, str(tmp_path / "site"), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path, env=environment)
        return done.stdout

    assert "fcmi" in {row["name"] for row in json.loads(bench("list", "methods", "--format", "json"))}
    bench("run", "--methods", "kmeans", "--datasets", "blobs", "--tracking-uri", "none")
    assert "k-means" in bench("table", "--format", "markdown")
    assert (tmp_path / "results" / "local" / "records").is_dir()
