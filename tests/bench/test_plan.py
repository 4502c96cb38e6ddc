from __future__ import annotations

from pathlib import Path

import pytest

from bench.data.store import Store
from bench.errors import InvalidInputError, UnknownNameError
from bench.plan import Plan, make_plan
from bench.registry import Registry
from bench.suite import Grid, Suite

NOWHERE = Store(())


def plan(*, plugins: Path | None = None, settings: dict | None = None, **grid: object) -> Plan:
    fields = {"methods": ["kmeans"], "datasets": ["blobs"], **grid}
    return make_plan(Suite(grid=[Grid(**fields)]), Registry([plugins] if plugins else ()), NOWHERE, settings)


def test_every_combination_is_planned_once() -> None:
    runs = plan(methods=["kmeans", "random,kmeans"], datasets=["blobs", "reverse_digits"], seeds="0-2").runs
    assert len(runs) == 2 * 2 * 3
    assert len({run.key for run in runs}) == 12


def test_key_depends_on_what_decides_the_outcome() -> None:
    base = plan().runs[0].key
    assert plan().runs[0].key == base
    changed = [
        plan(seeds=[1]),
        plan(methods=["random"]),
        plan(settings={"kmeans": {"n_init": 3}}),
        plan(settings={"kmeans": {"n_clusters": 3}}),
        plan(settings={"blobs": {"n": 700}}),
    ]
    assert len({base, *(other.runs[0].key for other in changed)}) == 6


def test_a_default_given_is_the_default() -> None:
    assert plan(settings={"kmeans": {"n_init": 10}}).runs[0].key == plan().runs[0].key


def test_the_command_line_overrides_the_suite() -> None:
    run = plan(set={"kmeans": {"n_init": 2, "max_iter": 7}}, settings={"kmeans": {"n_init": 3}}).runs[0]
    assert run.spec.method_params["n_init"] == 3
    assert run.spec.method_params["max_iter"] == 7


def test_parameters_of_the_machine_are_not_in_the_key() -> None:
    params = plan(methods=["fcmi"]).runs[0].spec.method_params
    assert "epochs" in params
    assert not {"device", "random_state", "n_jobs", "n_clusters"} & set(params)


@pytest.mark.parametrize("flag", ["device", "random_state"])
def test_what_the_harness_sets_is_refused(flag: str) -> None:
    with pytest.raises(InvalidInputError, match="set by the harness; use --"):
        plan(methods=["fcmi"], settings={"fcmi": {flag: 1}})


def test_all_means_all_that_can_be_used(plugins: Path) -> None:
    (plugins / "broken.py").write_text("import not_installed_anywhere\nclass A:\n    info = MethodInfo('a', 'A')\n")
    result = plan(plugins=plugins, methods=["all"])
    names = {run.spec.method for run in result.runs}
    assert {"truth", "faulty", "kmeans", "fcmi"} <= names
    assert [line for line in result.left_out if "not_installed_anywhere" in line]


def test_all_data_sets_leave_out_the_synthetic() -> None:
    assert "blobs" not in {run.spec.dataset for run in plan(datasets=["all"]).runs}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"methods": ["kmean"]}, "Did you mean 'kmeans'"),
        ({"datasets": ["blob"]}, "Did you mean 'blobs'"),
        ({"settings": {"kmeans": {"ninit": 3}}}, "Did you mean 'n_init'"),
        ({"settings": {"kmean": {"n_init": 3}}}, "Did you mean 'kmeans'"),
    ],
)
def test_unknown_names(changes: dict, message: str) -> None:
    with pytest.raises(UnknownNameError, match=message):
        plan(**changes)


def test_an_empty_selection_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="no method named"):
        plan(methods=[" , "])


def test_a_number_of_groups_that_is_not_supported_is_known_before(write_plugin) -> None:
    folder = write_plugin(
        "two",
        """
        from bench.adapters import Method
        from bench.metadata import MethodInfo

        class Two(Method):
            info = MethodInfo(name="two", title="Two", max_groups=2)

            def __init__(self, n_clusters=8, random_state=None):
                self.n_clusters = n_clusters
                self.random_state = random_state
        """,
    )
    run = plan(plugins=folder, methods=["two"], settings={"blobs": {"n_groups": 3}}).runs[0]
    assert run.decided == ("not-applicable", "Two is defined for at most 2 groups, the data have 3")


def test_missing_data_are_planned_with_their_reason(write_plugin) -> None:
    folder = write_plugin(
        "absent",
        """
        from bench.adapters import Dataset
        from bench.metadata import DataFile, DatasetInfo

        class Absent(Dataset):
            info = DatasetInfo(name="absent", title="Absent", target="t", sensitive="s",
                files=(DataFile("absent/x.npz", "https://example.org/x.npz", "sha256:00", 1),))

            def load(self, store):
                store.locate(self.info.files[0])
        """,
    )
    run = plan(plugins=folder, datasets=["absent"]).runs[0]
    assert run.decided is not None
    assert run.decided[0] == "missing-data"
    assert "example.org" in run.decided[1]
