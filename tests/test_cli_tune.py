"""``bench tune``: choosing parameters where the labels cannot be seen."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from bench.data.prepared import Prepared
from bench.records import RecordStore


@pytest.fixture
def tune(cli, write_plugin, results: Path):
    folder = write_plugin(
        "shaky",
        '''
        import numpy as np
        from bench.adapters import Method
        from bench.metadata import MethodInfo

        class Shaky(Method):
            """Clusters by the sign of the first feature, with some samples at random."""

            info = MethodInfo(name="shaky", title="Shaky")

            def __init__(self, n_clusters=2, *, noise=0.5, mood="calm", random_state=None):
                self.n_clusters = n_clusters
                self.noise = noise
                self.mood = mood
                self.random_state = random_state

            def fit(self, X, *, sensitive_features):
                X, groups = self.check_input(X, sensitive_features)
                if self.mood == "angry":
                    raise RuntimeError("in a bad mood")
                self.log_epoch(0, 1, loss=0.0)
                rng = np.random.default_rng(self.random_state)
                at_random = rng.random(len(X)) < self.noise
                self.labels_ = np.where(at_random, rng.integers(2, size=len(X)), X[:, 0] > 0).astype(int)
                self.embedding_ = X
                return self
        ''',
    )

    def run(*arguments: object, method: str = "shaky"):
        shared = ("--plugins", folder, "--results", results, "--tracking-uri", "none", "--device", "cpu")
        return cli("tune", method, "--datasets", "blobs", "--set", "blobs.n=60", *arguments, *shared)

    run.plugins = folder
    return run


def test_scores_and_classes_play_no_part(tune, results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ("--grid", "shaky.noise=0.9,0.0", "--seeds", "0,1")
    first = tune(*command)
    assert first.code == 0, first.err
    assert "chosen: noise=0.0, by label_free (silhouette, information, stability) without labels over 2" in first.out
    assert "--set shaky.noise=0.0" in first.out
    assert not [word for word in ("acc", "nmi", "f_β", "mnce", "bal") if word in first.out.lower().split()]

    # All scores are turned over, the classes shuffled on disk, and whoever opens them fails.
    store = RecordStore(results)
    for record in store:
        turned = {name: None if value is None else 1 - value for name, value in record.metrics.items()}
        store.write(record.model_copy(update={"metrics": turned}))
    opened = []

    def sealed(self: Prepared) -> None:
        opened.append(self.folder)
        raise RuntimeError("the classes were opened")

    with monkeypatch.context() as patch:
        patch.setattr(Prepared, "y", sealed)
        again = tune(*command)
    assert not opened
    assert again.code == 0, again.err
    # Above it stands what was run, which is nothing the second time.
    assert first.out.endswith(again.out)
    assert again.out.startswith("shaky on blobs\n")


def test_other_classes_on_disk_change_nothing(tune) -> None:
    command = ("--grid", "shaky.noise=0.9,0.0", "--seeds", "0,1", "--quiet")
    first = tune(*command)
    paths = sorted(Path(os.environ["BENCH_CACHE"]).glob("prepared/blobs-*/y.npy"))
    assert paths
    kept = {path: path.read_bytes() for path in paths}
    for path in paths:
        np.save(path, np.zeros_like(np.load(path)))
    try:
        assert tune(*command).out == first.out
    finally:
        for path, content in kept.items():
            path.write_bytes(content)


def test_the_chosen_setting_is_run_and_marked(tune, cli, results: Path) -> None:
    done = tune("--grid", "shaky.noise=0.9,0.0", "--seeds", "0,1", "--run", "--run-seeds", "0-2")
    assert done.code == 0, done.err
    note = "parameters chosen by label_free (silhouette, information, stability) without labels over 2 settings"
    held = {(record.spec.method_params["noise"], record.spec.seed): record for record in RecordStore(results)}
    assert {place: record.tuned for place, record in held.items()} == {
        (0.0, 0): note,
        (0.0, 1): note,
        (0.0, 2): note,
        (0.9, 0): "",
        (0.9, 1): "",
    }
    shared = ("--results", results, "--plugins", tune.plugins)
    assert note in cli("table", *shared).out
    assert note in cli("explain", "shaky", "blobs", *shared).out
    # The keys are those of ordinary runs.
    again = cli(
        *("run", "--methods", "shaky", "--datasets", "blobs", "--set", "blobs.n=60", "--set", "shaky.noise=0.0"),
        *("--seeds", "0-2", "--tracking-uri", "none", *shared),
    )
    assert "nothing to do" in again.out


def test_a_setting_that_fails_is_listed_and_not_chosen(tune) -> None:
    done = tune("--grid", "shaky.mood=angry,calm", "--seeds", "0", "--objective", "silhouette")
    assert done.code == 0, done.err
    assert "chosen: mood=calm, by silhouette without labels over 2 settings" in done.out
    assert "error: RuntimeError: in a bad mood" in done.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--grid", "shaky.noice=0,1"], "unknown parameter of shaky 'noice'. Did you mean 'noise'?"),
        (["--grid", "shaky.noise=0.5"], "--grid makes one setting, and choosing takes two or more"),
        (["--grid", "shaky.noise=0.1,0.2", "--set", "shaky.noise=0"], "--grid makes one setting"),
        (["--grid", "kmeans.n_init=1,2"], "`bench tune shaky` varies parameters of shaky"),
        (["--grid", "blobs.n=30,60"], "`bench tune shaky` varies parameters of shaky"),
        (["--grid", "noise=0,1"], "it is written NAME.PARAMETER=VALUE"),
        (["--grid", "shaky.noise=0,1", "--objective", "acc"], "unknown objective 'acc'"),
        (["--grid", "shaky.noise=0,1", "--seeds", "x"], "seeds 'x' given"),
        (["--grid", "shaky.random_state=0,1"], "is set by the harness"),
    ],
)
def test_mistakes_end_with_one_line_before_anything_runs(tune, results: Path, arguments: list[str], said: str) -> None:
    done = tune(*arguments)
    assert done.code == 2
    assert said in done.err
    assert done.err.count("\n") == 1
    assert not list(RecordStore(results))


def test_what_cannot_be_tuned_at_all(cli, tune, results: Path) -> None:
    assert "unknown method 'truth'" in tune("--grid", "truth.x=0,1", method="truth").err
    done = cli("tune", "kmeans", "--grid", "kmeans.n_init=1,2", "--results", results)
    assert (done.code, done.err) == (2, "bench: nothing to tune on: --datasets is missing, or --data FILE\n")
    refused = cli(
        *("tune", "scfc", "--datasets", "blobs", "--set", "blobs.n_groups=3", "--grid", "scfc.n_init=1,2"),
        *("--results", results, "--tracking-uri", "none"),
    )
    assert "scfc cannot be tuned on blobs" in refused.err
