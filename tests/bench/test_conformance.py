"""A checker must fail what is broken, and say what."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.conformance import check
from bench.registry import Registry

METHOD = '''
import random
import numpy as np
from bench.adapters import Method
from bench.metadata import MethodInfo

class Subject(Method):
    """Sound, but for one thing."""

    info = MethodInfo(name="subject", title="Subject", max_groups=3{info})

    def __init__(self, n_clusters=8, *, random_state=None):
        self.n_clusters = n_clusters
        self.random_state = random_state
        {init}

    def fit(self, X, *, sensitive_features):
        X, groups = self.check_input(X, sensitive_features)
        rng = np.random.default_rng(self.random_state)
        self.labels_ = rng.integers(self.n_clusters, size=len(X))
        {fit}
        return self
'''


def problems(write: Callable[[str, str], Path], *, info: str = "", init: str = "pass", fit: str = "pass") -> list[str]:
    folder = write("subject", METHOD.format(info=info, init=init, fit=fit))
    entry = Registry([folder]).methods["subject"]
    return [finding.problem for finding in check(entry) if finding.problem]


def test_a_sound_method_passes(write_plugin) -> None:
    assert problems(write_plugin) == []


@pytest.mark.parametrize(
    ("part", "text", "message"),
    [
        ("fit", "self.labels_ = self.labels_ * 1.0", "integer type"),
        ("fit", "self.labels_ = self.labels_[:-1]", "shape"),
        ("fit", "self.labels_ = self.labels_ + self.n_clusters", "must lie in 0"),
        ("fit", "del self.labels_", "set no labels_"),
        ("fit", "X *= 2", "changes its input"),
        ("fit", "print('done')", "fit prints"),
        ("fit", "np.random.seed(0)", "numpy.random"),
        ("fit", "random.random()", "state of random"),
        ("fit", "self.labels_ = np.random.default_rng().integers(3, size=len(X))", "random_state differ"),
        ("fit", "self.log_epoch(0, 1, loss=1.0); self.log_epoch(0, 1, loss=1.0)", "log every epoch once"),
        ("fit", "self.log_epoch(0, 1, loss=float('nan'))", "no finite loss"),
        ("fit", "self.labels_ = (np.asarray(sensitive_features) == 0).astype(int)", "other names for the groups"),
        ("init", "self.n_clusters = int(n_clusters) + 0.5", "__init__ changes|clone"),
        ("init", "self.extra = 1", "extra, which is no parameter"),
        ("info", ", stochastic=False", "stochastic=False"),
    ],
)
def test_one_fault_is_one_clear_sentence(write_plugin, part: str, text: str, message: str) -> None:
    found = problems(write_plugin, **{part: text})
    assert found
    assert any(re.search(message, problem) for problem in found), found
    assert all("\n" not in problem for problem in found)


def test_a_method_that_checks_nothing_is_told_where_to_begin(write_plugin) -> None:
    body = METHOD.replace("X, groups = self.check_input(X, sensitive_features)", "X = np.asarray(X)")
    folder = write_plugin("subject", body.format(info="", init="pass", fit="pass"))
    found = [finding.problem for finding in check(Registry([folder]).methods["subject"]) if finding.problem]
    assert len([problem for problem in found if "check_input" in problem]) == 2


def test_a_data_set_that_lies_about_its_size(write_plugin) -> None:
    folder = write_plugin(
        "liar",
        """
        import numpy as np
        from bench.adapters import Dataset, FairData
        from bench.metadata import DatasetInfo

        class Liar(Dataset):
            info = DatasetInfo(name="liar", title="Liar", target="t", sensitive="s", n=5, k=2, n_groups=2)

            def load(self, store):
                return FairData.from_arrays(np.random.rand(4, 2), [0, 1, 0, 1], [0, 0, 1, 1])
        """,
    )
    found = [finding.problem for finding in check(Registry([folder]).datasets["liar"]) if finding.problem]
    assert any("n=5, the data have 4" in problem for problem in found)
    assert any("two loads differ" in problem for problem in found)
