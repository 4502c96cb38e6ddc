"""What another terminal sees of a benchmark that goes on."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench import claims as module
from bench.claims import Claims

SLOW = """
    import os, time
    import numpy as np
    from bench.adapters import Method
    from bench.metadata import MethodInfo

    class Slow(Method):
        "Waits for a file to appear."

        info = MethodInfo(name="slow", title="Slow", inputs=("vector",))

        def __init__(self, n_clusters=8, *, until="", random_state=None):
            self.n_clusters = n_clusters
            self.until = until
            self.random_state = random_state

        def fit(self, X, *, sensitive_features):
            X, groups = self.check_input(X, sensitive_features)
            epoch = 0
            while not os.path.exists(self.until):
                self.log_epoch(min(epoch, 98), 100, loss=1.0)
                time.sleep(0.05)
                epoch += 1
            self.labels_ = np.zeros(len(X), dtype=int)
            return self
"""


def test_status_names_what_runs_and_counts_what_is_left(cli, results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SECONDS_BETWEEN_NOTES", 0.0)
    with Claims(results) as claims:
        claims.announce(["a", "b", "c"])
        claims.take("a", "fcmi on blobs, seed 3")
        first = cli("status", "--results", results)
        assert "1 running now, 2 still to do" in first.out
        assert "running: fcmi on blobs, seed 3: since 20" in first.out
        claims.note("a", epoch=12, n_epochs=300)
        second = cli("status", "--results", results)
        assert "running: fcmi on blobs, seed 3: epoch 12/300, since 20" in second.out
        report = json.loads(cli("status", "--results", results, "--format", "json").out)
    assert report["to_do"] == 2
    (row,) = report["running"]
    assert (row["key"], row["name"], row["epoch"], row["n_epochs"]) == ("a", "fcmi on blobs, seed 3", 12, 300)
    assert {"pid", "host", "since", "seen"} < set(row)
    after = cli("status", "--results", results)
    assert after.out == f"0 runs in {results}\n"
    report = json.loads(cli("status", "--results", results, "--format", "json").out)
    assert (report["running"], report["to_do"]) == ([], None)


def test_status_beside_a_benchmark_that_goes_on(cli, write_plugin, results: Path, tmp_path: Path) -> None:
    plugins, go = write_plugin("slow", SLOW), tmp_path / "go"
    chosen = ["--methods", "slow,kmeans", "--datasets", "blobs", "--seeds", "0-2", "--set", f"slow.until={go}"]
    command = ["run", *chosen, "--jobs", "1", "--device", "cpu", "--tracking-uri", "none"]
    arguments = [*command, "--plugins", str(plugins), "--results", str(results)]
    code = f"from bench.cli import main; main({arguments!r})"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        try:
            seen = _status_with_an_epoch(cli, results)
            (row,) = seen["running"]
            assert row["pid"] == process.pid
            assert row["name"].startswith("slow on blobs, seed ")
            assert 0 < row["epoch"] <= row["n_epochs"] == 100
            assert seen["to_do"] + sum(seen["counts"].values()) == 5
        finally:
            go.touch()
            out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "6 runs on 1 slots" in out
    report = json.loads(cli("status", "--results", results, "--format", "json").out)
    assert (report["counts"], report["running"], report["to_do"]) == ({"ok": 6}, [], None)
    assert list((results / "claims").iterdir()) == []


def test_claims_that_cannot_be_written_end_the_benchmark_with_one_line(cli, results: Path) -> None:
    results.mkdir()
    (results / "claims").write_text("in the way")
    done = cli("run", "--methods", "random", "--datasets", "blobs", "--tracking-uri", "none", "--results", results)
    assert done.code == 2
    assert f"bench: the results folder {results} cannot be written" in done.err
    assert "name another with --results DIR" in done.err
    assert list((results / "records").iterdir()) == []


def _status_with_an_epoch(cli, results: Path) -> dict:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        report = json.loads(cli("status", "--results", results, "--format", "json").out)
        if any(row["epoch"] for row in report["running"]):
            return report
        time.sleep(0.1)
    raise TimeoutError("status never showed a run with an epoch")
