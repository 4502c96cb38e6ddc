"""``falg(dec)``: one method that starts from the clusters of another."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import bench
from bench.adapters import Method
from bench.composition import PostProcessing, compose
from bench.conformance import METHOD_CHECKS, toy_data
from bench.data.store import Store
from bench.errors import InvalidInputError, UnknownNameError, UnsupportedInputError
from bench.metadata import MethodInfo
from bench.plan import Plan, make_plan
from bench.registry import Registry, normalise
from bench.suite import Grid, Suite

TOY = toy_data()
RUN = ("run", "--tracking-uri", "none")

FAIR = '''
import numpy as np
from bench.composition import PostProcessing
from bench.metadata import MethodInfo


class Reversed(PostProcessing):
    """The clusters of another method in reverse order."""

    info = MethodInfo(name="reversed", title="Reversed", wraps=True, stochastic=False)

    def __init__(self, n_clusters=8, *, by=1):
        self.n_clusters = n_clusters
        self.by = by

    def fit(self, X, *, sensitive_features):
        X, groups = self.check_input(X, sensitive_features)
        self.labels_ = self.n_clusters - self.by - self.fit_base(X, groups).labels_
        return self
'''


def plan(methods: str, settings: dict | None = None, plugins: tuple[Path, ...] = (), **grid: object) -> Plan:
    suite = Suite(grid=[Grid(methods=[methods], datasets=["blobs"], **grid)])
    return make_plan(suite, Registry(plugins), Store(()), settings)


@pytest.mark.parametrize("check", METHOD_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", ["falg(gaussian_mixture)", "falg(falg)"])
def test_compositions_conform(name: str, check) -> None:
    check(Registry().get("method", name))


def test_metadata_are_those_of_both() -> None:
    info = Registry().get("method", "FAlg(DFC)").info
    assert (info.name, info.title) == ("falg(dfc)", "FAlg (DFC)")
    assert (info.min_groups, info.max_groups) == (2, 2)
    assert (info.family, info.uses_sensitive, info.requires) == ("deep", True, ("torch",))
    assert info.published_as is None


def test_names_are_spelled_alike() -> None:
    assert normalise(" FAlg( AE-kmeans )") == "falg(ae_kmeans)"
    assert normalise("falg(my.Module:Class)") == "falg(my.Module.Class)"
    assert Registry().get("method", "FAlg(AE-kmeans)").name == "falg(ae_kmeans)"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("falg(deec)", "Did you mean 'dec'"),
        ("flag(dec)", "Did you mean 'falg'"),
        ("kmeans(dec)", "starts from the clusters of another 'kmeans'"),
        ("falg(truth)", "unknown method 'truth'"),
    ],
)
def test_unknown_names(name: str, message: str) -> None:
    with pytest.raises(UnknownNameError, match=message):
        Registry().get("method", name)


@pytest.mark.parametrize("name", ["falg(dec", "falg()", "(dec)", "falg(dec)x"])
def test_brackets_that_do_not_match(name: str) -> None:
    with pytest.raises(InvalidInputError, match=r"written like falg\(dec\)"):
        Registry().get("method", name)


def test_wrappers_are_no_methods_by_themselves() -> None:
    registry = Registry()
    assert registry.methods["falg"].info.wraps is False
    assert registry.wrappers["falg"].info.wraps is True
    assert not [run for run in plan("all").runs if "(" in run.spec.method]


def test_settings_of_both_are_settable() -> None:
    settings = {"dec": {"max_iter": 100}, "falg(dec)": {"delta": 0.1, "base_tol": 0.5}}
    inner, outer = plan("dec,falg(dec)", settings).runs
    assert inner.spec.method_params["max_iter"] == 100
    assert inner.spec.method_params["tol"] == 1e-3
    params = outer.spec.method_params
    assert (params["delta"], params["base_max_iter"], params["base_tol"]) == (0.1, 100, 0.5)
    assert not {"n_clusters", "base_n_clusters", "random_state", "base_device", "device"} & set(params)
    assert plan("falg(dec)", {"dec": {"n_clusters": 3}}).runs[0].spec.method_params["n_clusters"] == 3


def test_the_command_line_overrides_the_suite_for_either_spelling() -> None:
    run = plan("falg(dec)", {"dec": {"max_iter": 7}}, set={"falg(dec)": {"base_max_iter": 5, "delta": 0.3}}).runs[0]
    assert (run.spec.method_params["base_max_iter"], run.spec.method_params["delta"]) == (7, 0.3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"falg(dec)": {"dleta": 0.1}}, "Did you mean 'delta'"),
        ({"dec": {"max_itr": 1}}, "Did you mean 'base_max_iter'"),
        ({"falg(deec)": {"delta": 0.1}}, "Did you mean 'dec'"),
        ({"dec": {"random_state": 1}}, "set by the harness; use --seeds"),
    ],
)
def test_settings_that_do_not_exist(settings: dict, message: str) -> None:
    with pytest.raises((UnknownNameError, InvalidInputError), match=message):
        plan("falg(dec)", settings)


def test_the_key_depends_on_the_code_of_both(tmp_path: Path) -> None:
    def key(number: int, by: str, text: str) -> str:
        folder = tmp_path / f"{number}"
        folder.mkdir()
        (folder / "outer.py").write_text(FAIR.replace("by=1", by))
        inner = FAIR.replace("wraps=True, ", "").replace('"reversed"', '"inner"').replace("PostProcessing", "Method")
        (folder / "inner.py").write_text(inner.replace("bench.composition", "bench.adapters") + text)
        (run,) = plan("reversed(inner)", {"reversed(inner)": {"by": 1}}, (folder,)).runs
        return run.key

    same = key(1, "by=1", "")
    assert key(2, "by=1", "# a comment\n") == same
    assert key(3, "by=2", "") != same
    assert key(4, "by=1", "ANSWER = 42\n") != same


def test_groups_refused_by_the_inner_method_are_refused() -> None:
    (run,) = plan("falg(dfc)", {"blobs": {"n_groups": 3}}).runs
    assert run.decided == ("not-applicable", "FAlg (DFC) is defined for at most 2 groups, the data have 3")
    data = toy_data(3)
    with pytest.raises(UnsupportedInputError, match="at most 2 groups"):
        bench.get_method("falg(dfc)")(3).fit(data.X, sensitive_features=data.sensitive)


class Counting(Method):
    """Logs three epochs and returns what it was built with."""

    info = MethodInfo(name="counting", title="Counting")

    def __init__(self, n_clusters: int = 8, *, depth: int = 1, device: str = "auto", random_state: int | None = None):
        self.n_clusters = n_clusters
        self.depth = depth
        self.device = device
        self.random_state = random_state

    def fit(self, X, *, sensitive_features):
        self.check_input(X, sensitive_features)
        for epoch in (0, 10, 20):
            self.log_epoch(epoch, 21, loss=1.0)
        self.labels_ = np.zeros(len(X), dtype=int)
        self.precision_ = "bfloat16"
        return self


class Passing(PostProcessing):
    """Keeps the fitted inner method."""

    info = MethodInfo(name="passing", title="Passing", wraps=True)

    def __init__(self, n_clusters: int = 8, *, depth: int = 2) -> None:
        self.n_clusters = n_clusters
        self.depth = depth

    def fit(self, X, *, sensitive_features):
        self.check_input(X, sensitive_features)
        self.inner_ = self.fit_base(X, sensitive_features)
        return self


def test_the_inner_method_is_given_its_parameters_and_the_shared_ones() -> None:
    method = compose(Passing, Counting)(4, depth=5, base_depth=6, device="cpu", random_state=7)
    method.fit(TOY.X, sensitive_features=TOY.sensitive)
    assert method.inner_.get_params() == {"n_clusters": 4, "depth": 6, "device": "cpu", "random_state": 7}
    assert method.depth == 5
    assert method.precision_ == "bfloat16"
    assert method.info.title == "Passing (Counting)"


def test_epochs_of_the_inner_method_are_forwarded() -> None:
    seen = []
    method = compose(Passing, Counting)(4)
    method.on_epoch = lambda row, n_epochs: seen.append((row["epoch"], row["loss"], n_epochs))
    method.fit(TOY.X, sensitive_features=TOY.sensitive)
    assert seen == [(0, 1.0, 22), (10, 1.0, 22), (20, 1.0, 22)]
    assert [row["epoch"] for row in method.history_] == [0, 10, 20]


def test_from_the_command_line_to_the_table(cli, results: Path) -> None:
    arguments = ("--datasets", "blobs", "--set", "blobs.n=60", "--results", results)
    settings = ("--set", "falg(gaussian_mixture).delta=0", "--set", "gaussian_mixture.n_init=1")
    done = cli(*RUN, "--methods", "FAlg(gaussian-mixture),falg(random)", *arguments, *settings)
    assert done.code == 0, done.err
    records = {r["spec"]["method"]: r for r in (json.loads(p.read_text()) for p in (results / "records").iterdir())}
    record = records["falg(gaussian_mixture)"]
    assert (record["status"], record["spec"]["method_params"]["base_n_init"]) == ("ok", 1)
    assert "log_likelihood" in record["history"][0]
    assert "duality_gap" in record["history"][1]
    assert (results / "embeddings" / f"{record['key']}.npy").exists()
    assert records["falg(random)"]["status"] == "not-applicable"
    assert records["falg(random)"]["reason"].startswith("Random has no embedding, no centres and no soft labels")
    table = cli("table", "--results", results, "--format", "markdown").out
    assert "| FAlg (Gaussian mixture)" in table
    assert "FAlg (Gaussian mixture): base_n_init=1, delta=0; seed 0" in table
    assert cli("explain", "falg(gaussian-mixture)", "blobs", "--results", results).code == 0


def test_outer_and_inner_from_folders_of_their_own(cli, write_plugin, plugins: Path, results: Path) -> None:
    folder = write_plugin("reversed", FAIR)
    arguments = ("--datasets", "blobs", "--results", results, "--plugins", folder, "--plugins", plugins)
    done = cli(*RUN, "--methods", "reversed(faulty),faulty", *arguments)
    assert done.code == 0, done.err
    assert "[2/2] ok" in done.out
    rows = json.loads(cli("list", "methods", "--format", "json", "--plugins", folder).out)
    assert {"falg(METHOD)", "reversed(METHOD)"} <= {row["name"] for row in rows}
    assert "Reversed (Faulty)" in cli("table", "--results", results, "--plugins", folder, "--plugins", plugins).out


def test_info_describes_both(cli) -> None:
    card = json.loads(cli("info", "falg(dec)", "--format", "json").out)
    assert {"delta", "base_max_iter", "n_clusters"} <= set(card["parameters"])
    assert "Xie, Girshick and Farhadi" in card["reference"]
