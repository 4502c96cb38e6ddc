"""Methods without a file: any clusterer in scikit-learn's style, named by the path of its class."""

from __future__ import annotations

import doctest
import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.cluster import MiniBatchKMeans
from sklearn.mixture import GaussianMixture

import bench
from bench import constructors, estimators, registry
from bench.conformance import METHOD_CHECKS, toy_data
from bench.conformance.shared import torch_stays_out
from bench.data.store import Store
from bench.errors import BenchError, InvalidInputError, UnknownNameError
from bench.labels import clusters_of
from bench.plan import make_plan
from bench.registry import Registry
from bench.suite import Grid, Suite, parse_setting

MINI = "sklearn.cluster.MiniBatchKMeans"
TOY = toy_data()
RUN = ("run", "--tracking-uri", "none")

STRANGERS = '''
import math
import numpy as np
from bench.adapters import Method
from bench.metadata import MethodInfo
from sklearn.base import BaseEstimator, ClusterMixin
from ._depth import DEPTH


class Halves(ClusterMixin, BaseEstimator):
    """Two clusters by the first feature, nothing between them."""

    def __init__(self, margin=0.0, reach=math.inf, needed=None):
        self.margin, self.reach, self.needed = margin, reach, needed

    def fit(self, X, y=None):
        assert self.reach == math.inf
        first = X[:, 0]
        self.labels_ = np.where(first > self.margin, 7, np.where(first < -self.margin, 3, -1))
        return self


class ByGroup:
    def fit_predict(self, X, sensitive_features):
        return np.asarray(sensitive_features)


class Floats(ClusterMixin, BaseEstimator):
    def fit(self, X, y=None):
        self.labels_ = np.zeros(len(X))
        return self


class Pairs(Method):
    info = MethodInfo(name="pairs", title="Pairs", min_groups=2, max_groups=2)

    def __init__(self, n_clusters=8, *, depth=DEPTH):
        self.n_clusters = n_clusters
        self.depth = depth

    def fit(self, X, *, sensitive_features):
        X, groups = self.check_input(X, sensitive_features)
        self.labels_ = groups % self.n_clusters
        return self


class Bare(Method):
    pass


def function():
    pass
'''


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of an importable package of a user's own; another one for every test."""
    name = f"strangers_{tmp_path.name}"
    folder = tmp_path / "site" / name
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "_depth.py").write_text("DEPTH = 3\n")
    (folder / "module.py").write_text(STRANGERS)
    (folder / "broken.py").write_text("import not_installed_anywhere\n")
    (folder / "wrong.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return name


def fitted(name: str, data=TOY, **params: object):
    return bench.get_method(name)(data.k, **params).fit(data.X, sensitive_features=data.sensitive)


def params_of(name: str, **settings: object) -> dict[str, object]:
    suite = Suite(grid=[Grid(methods=[name], datasets=["blobs"])])
    (run,) = make_plan(suite, Registry(), Store(()), {name: settings} if settings else None).runs
    return run.spec.method_params


@pytest.mark.parametrize("module", [constructors, estimators, registry])
def test_examples_in_the_documentation_hold(module) -> None:
    assert doctest.testmod(importlib.import_module(module.__name__)).failed == 0


# That scikit-learn does not import torch is checked for every adapter that imports it.
@pytest.mark.parametrize("check", [c for c in METHOD_CHECKS if c is not torch_stays_out], ids=lambda c: c.__name__)
@pytest.mark.parametrize("name", [MINI, "sklearn.mixture.GaussianMixture", "sklearn.cluster:DBSCAN"])
def test_classes_conform(name: str, check) -> None:
    check(Registry().get("method", name))


def test_labels_are_those_of_the_class() -> None:
    expected = MiniBatchKMeans(3, random_state=5, batch_size=256).fit(TOY.X).labels_
    method = fitted(MINI, random_state=5, batch_size=256)
    assert np.array_equal(method.labels_, np.unique(expected, return_inverse=True)[1])
    assert method.cluster_centers_.shape == (3, 16)


def test_a_mixture_is_given_k_as_its_components() -> None:
    method = fitted("sklearn.mixture.GaussianMixture", random_state=1)
    expected = GaussianMixture(3, random_state=1).fit(TOY.X)
    assert method.n_clusters_ == 3
    assert method.soft_labels_ == pytest.approx(expected.predict_proba(TOY.X))
    assert "n_components" not in method.get_params()


def test_images_are_flattened() -> None:
    images = toy_data(image=True)
    flat = images.X.reshape(len(images.X), -1)
    expected = bench.get_method(MINI)(3, random_state=0).fit(flat, sensitive_features=images.sensitive).labels_
    assert np.array_equal(fitted(MINI, images, random_state=0).labels_, expected)


def test_parameters_round_trip_and_unknown_ones_are_refused() -> None:
    method = clone(bench.get_method(MINI)(4, batch_size=9)).set_params(max_iter=2)
    assert (method.n_clusters, method.batch_size, method.max_iter, method.random_state) == (4, 9, 2, None)
    with pytest.raises(TypeError, match=r"MiniBatchKMeans: .*batchsize"):
        bench.get_method(MINI)(4, batchsize=9)


def test_without_a_seed_no_global_state_is_drawn_from() -> None:
    before = np.random.get_state(legacy=False)["state"]["pos"]  # noqa: NPY002
    fitted(MINI)
    assert np.random.get_state(legacy=False)["state"]["pos"] == before  # noqa: NPY002


def test_noise_is_a_cluster_of_its_own_and_the_last_one(package: str) -> None:
    X = np.array([[5.0], [-5.0], [0.0], [6.0], [0.5]])
    method = bench.get_method(f"{package}.module:Halves")(2, margin=1.0).fit(X, sensitive_features=[0, 1, 0, 1, 0])
    assert method.labels_.tolist() == [1, 0, 2, 1, 2]
    assert method.n_clusters_ == clusters_of(method, 2) == 3


def test_defaults_that_json_cannot_write_are_left_to_the_class(package: str) -> None:
    # The class asserts that it still has them.
    assert params_of(f"{package}.module.Halves") == {"margin": 0.0, "reach": None, "needed": None}
    assert params_of("sklearn.cluster.OPTICS")["max_eps"] is None


def test_a_class_that_takes_the_attribute_is_given_it(package: str) -> None:
    method = fitted(f"{package}.module:ByGroup")
    assert np.array_equal(method.labels_, TOY.sensitive)
    assert method.info.uses_sensitive


def test_a_method_by_its_path_keeps_its_metadata(package: str) -> None:
    entry = Registry().get("method", f"{package}.module:Pairs")
    assert entry.name == entry.info.name == entry.info.title == f"{package}.module.Pairs"
    assert entry.info.max_groups == 2
    assert params_of(entry.name) == {"depth": 3}


def test_settings_are_split_at_the_last_dot() -> None:
    assert parse_setting(f"{MINI}.batch_size=256") == (MINI, "batch_size", 256)
    assert parse_setting("my.module:Class.path=a.b=c") == ("my.module:Class", "path", "a.b=c")
    assert parse_setting("falg(dec).delta=0.1") == ("falg(dec)", "delta", 0.1)
    assert params_of(MINI, batch_size=256)["batch_size"] == 256


def test_the_number_of_clusters_may_be_set() -> None:
    assert params_of("sklearn.mixture.GaussianMixture", n_clusters=5)["n_clusters"] == 5


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sklearn.cluster.MiniBatchKMean", "Did you mean 'MiniBatchKMeans'"),
        ("sklearn.cluster.minibatchkmeans", "Did you mean 'MiniBatchKMeans'"),
        ("sklearn.clutser.KMeans", "no module 'sklearn.clutser' here. Did you mean 'sklearn.cluster'"),
        ("skleran.cluster.KMeans", "no module 'skleran' here. Did you mean 'sklearn'"),
        ("sklearn.cluster.KMeans.deep", "no module 'sklearn.cluster.KMeans'"),
        ("sklearn.linear_model.LogisticRegression", "is no clusterer"),
        ("sklearn.cluster.FeatureAgglomeration", "is no clusterer"),
        ("sklearn.ensemble.IsolationForest", "looks for outliers"),
        ("sklearn.cluster.k_means", "is no class"),
        ("sklearn..KMeans", "written like sklearn.cluster.KMeans"),
        ("../../etc.passwd", "written like sklearn.cluster.KMeans"),
        ("PACKAGE.module:Nobody", "Known: ByGroup, Floats, Halves, Pairs."),
        ("PACKAGE.module:Bare", "has no info"),
        ("PACKAGE.module:function", "is no class"),
        ("PACKAGE.broken:Class", "cannot be imported: No module named 'not_installed_anywhere'"),
        ("PACKAGE.wrong:Class", "cannot be imported: ZeroDivisionError: division by zero"),
        ("PACKAGE.modle:Class", "Did you mean 'PACKAGE.module'"),
    ],
)
def test_a_mistake_is_one_clear_line(cli, package: str, results: Path, name: str, message: str) -> None:
    name = name.replace("PACKAGE", package)
    done = cli(*RUN, "--methods", name, "--datasets", "blobs", "--results", results)
    assert done.code == 2
    assert message.replace("PACKAGE", package) in done.err
    assert done.err.count("\n") == 1
    assert "Traceback" not in done.err


def test_an_unknown_parameter_offers_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'batch_size'"):
        params_of(MINI, batchsize=3)
    with pytest.raises(InvalidInputError, match="set by the harness; use --seeds"):
        params_of(MINI, random_state=3)
    with pytest.raises(BenchError, match=r"Did you mean 'sklearn\.cluster'"):
        make_plan(
            Suite(grid=[Grid(methods=["kmeans"], datasets=["blobs"])]),
            Registry(),
            Store(()),
            {"sklearn.clutser.KMeans": {"n_init": 1}},
        )


def test_the_key_depends_on_the_code_of_the_users_whole_package(package: str, tmp_path: Path) -> None:
    def source(text: str) -> str:
        (tmp_path / "site" / package / "_depth.py").write_text(text)
        return Registry().get("method", f"{package}.module.Pairs").source()

    first = source("DEPTH = 3\n")
    assert source("DEPTH = 3  # a comment\n") == first
    assert source("DEPTH = 4\n") != first


def test_the_key_depends_on_the_version_of_an_installed_package(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = Registry().get("method", MINI)
    ours = entry.source()
    assert entry.source() == ours != Registry().get("method", "sklearn.cluster.DBSCAN").source()
    monkeypatch.setattr(estimators, "version", lambda name: "0.0")
    assert entry.source() != ours


def test_from_the_command_line_to_the_table(cli, package: str, results: Path) -> None:
    names = f"{MINI},{package}.module:Halves"
    arguments = ("--datasets", "blobs", "--set", "blobs.n=60", "--results", results)
    done = cli(*RUN, "--methods", names, *arguments, "--set", f"{MINI}.batch_size=256")
    assert done.code == 0, done.err
    records = [json.loads(path.read_text()) for path in (results / "records").iterdir()]
    assert {record["spec"]["method"] for record in records} == {MINI, f"{package}.module.Halves"}
    assert {record["status"] for record in records} == {"ok"}
    (mini,) = [record for record in records if record["spec"]["method"] == MINI]
    assert mini["spec"]["method_params"]["batch_size"] == 256
    again = cli(*RUN, "--methods", names, *arguments, "--set", f"{MINI}.batch_size=256")
    assert "nothing to do" in again.out
    table = cli("table", "--results", results, "--format", "markdown").out
    assert f"| {MINI}" in table
    assert f"{MINI}: batch_size=256; seed 0" in table
    assert "samples that it leaves without a cluster (label -1) form one of their own" in table
    chosen = cli("table", "--results", results, "--format", "csv", "--methods", f"{package}.module:Halves").out
    assert f"{package}.module.Halves,blobs" in chosen
    assert MINI not in chosen
    assert cli("explain", MINI, "blobs", "--results", results).code == 0


def test_labels_that_are_none_are_an_error_of_the_run(cli, package: str, results: Path) -> None:
    done = cli(*RUN, "--methods", f"{package}.module:Floats", "--datasets", "blobs", "--results", results)
    assert done.code == 0
    assert "labels_ has dtype float64" in done.out


def test_a_table_imports_no_class_that_a_record_names(package: str, tmp_path: Path) -> None:
    known = Registry().recorded_methods(
        ["kmeans", MINI, f"{package}.module.Halves", "falg(nothing)", "sklearn.no.Such", "f(" * 9999 + ")" * 9999]
    )
    assert f"{package}.module" not in sys.modules
    assert known[MINI].problem == ""
    assert "not imported" in known[f"{package}.module.Halves"].problem
    assert "no module 'sklearn.no'" in known["sklearn.no.Such"].problem
    assert "falg(nothing)" not in known


def test_info_describes_a_class(cli) -> None:
    card = json.loads(cli("info", MINI, "--format", "json").out)
    assert card["parameters"]["batch_size"] == 1024
    assert card["needs_k"]
    assert "Mini-Batch K-Means" in card["description"]
