"""A checker must fail what is broken, and say what."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from bench.conformance import METHOD_CHECKS, Finding, check, checks_for
from bench.conformance.apart import check_apart
from bench.conformance.methods import fit_ends, fit_is_quiet, labels_are_valid
from bench.conformance.shared import torch_stays_out
from bench.registry import Entry, Registry

# One starts an interpreter, which takes longer than all the others.
QUICK = [test for test in METHOD_CHECKS if test is not torch_stays_out]

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
    entry = written(write, METHOD.format(info=info, init=init, fit=fit))
    return told(check(entry, QUICK))


def written(write: Callable[[str, str], Path], text: str) -> Entry:
    return Registry([write("subject", text)]).methods["subject"]


def told(findings: Iterable[Finding]) -> list[str]:
    return [finding.problem for finding in findings if finding.problem]


def test_a_sound_method_passes(write_plugin) -> None:
    findings = list(check(written(write_plugin, METHOD.format(info="", init="pass", fit="pass"))))
    assert len(findings) == len(METHOD_CHECKS)
    assert told(findings) == []
    assert all(finding.checked for finding in findings)


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


SEED_IGNORED = METHOD.replace("default_rng(self.random_state)", "default_rng(7)")
SEES_CLASSES = METHOD.replace("def fit(self, X, *,", "def fit(self, X, y=None, *,")
RAISES = METHOD.replace("{fit}", "self.labels_ = self.labels_[[[0]] * 4 + [[1, 2]]]")
KEEPS_STATE = METHOD.replace(
    "{fit}", "self.kept_ = getattr(self, 'kept_', len(X) % self.n_clusters); self.labels_[:] = self.kept_"
)
LOADS_CLASSES = METHOD.replace("import random\n", "import random\nfrom bench import load_dataset\n")
SOFT = "self.soft_labels_ = np.full((len(X), self.n_clusters), 1 / self.n_clusters); self.soft_labels_[3]"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            METHOD.replace("{fit}", "self.labels_ = self.labels_[:, None]"),
            r"shape \(120, 1\) for 120 samples; it must be",
        ),
        (
            METHOD.replace("{fit}", "self.labels_ = self.labels_[:5]"),
            r"shape \(5,\) for 120 samples; it must be \(120,\)",
        ),
        (METHOD.replace("{fit}", "self.labels_ = self.labels_.astype(float)"), "dtype float64; it must be an integer"),
        (
            METHOD.replace("{fit}", "self.labels_ = np.where(X[:, 0] > 0, 0, np.nan)"),
            "holds .* NaN; it must be an integer",
        ),
        (METHOD.replace("{fit}", "self.embedding_ = X * np.inf"), "embedding_ holds .* NaN or infinite values; look"),
        (METHOD.replace("{fit}", "self.embedding_ = X[:5]"), r"embedding_ has shape \(5, 16\) for 120 samples"),
        (METHOD.replace("{fit}", f"{SOFT} = np.nan"), "soft_labels_ holds 3 NaN or infinite values; look"),
        (METHOD.replace("{fit}", f"{SOFT} = 0.5"), "soft_labels_ has rows that are no probabilities"),
        (
            METHOD.replace("{fit}", "self.soft_labels_ = np.ones((len(X), 1))"),
            "soft_labels_ has 1 columns for 3 clusters",
        ),
        (
            METHOD.replace("default_rng(self.random_state)", "default_rng()"),
            "two fits with the same random_state differ",
        ),
        (SEED_IGNORED, "fit never reads random_state, but info says stochastic=True"),
        (METHOD.replace("{fit}", "X += 1"), "fit changes its input in place; work on a copy"),
        (METHOD.replace("{fit}", "sensitive_features[:] = 0"), "fit changes its input in place; work on a copy"),
        (METHOD.replace("{fit}", "print('done')"), "fit prints, beginning with 'done'; report progress"),
        (METHOD.replace("{fit}", "import sys; print('10%|#', file=sys.stderr)"), "fit prints, beginning with '10%|#'"),
        (METHOD.replace("{fit}", "raise ValueError('no\\nway')"), "fit raises ValueError: no; see subject.py, line 21"),
        (
            METHOD.replace("{fit}", "raise type('Own', (Exception,), {{}})('way')"),
            "fit raises Own: way; see subject.py",
        ),
        (METHOD.replace("{fit}", "del self.labels_"), "fit set no labels_; it must set an integer array"),
        (METHOD.replace("{fit}", "from bench.errors import BenchError; raise BenchError('not today')"), "^not today$"),
        (KEEPS_STATE, "a fit after a fit on other samples gives other labels"),
        (SEES_CLASSES, "take out y: true labels never reach a method"),
        (LOADS_CLASSES, "line 3 imports bench.load_dataset, a way to the true labels"),
        (METHOD.replace("n_clusters=8", "n_clusters"), "__init__ has no default for n_clusters"),
        (METHOD.replace("{init}", "raise OSError('no licence')"), "__init__ raises OSError: no licence"),
        ("import no_such_package\n" + METHOD, "needs the package no_such_package, which is not installed"),
    ],
)
def test_each_fault_has_one_sentence_and_no_other(write_plugin, text: str, sentence: str) -> None:
    (problem,) = told(check(written(write_plugin, text.format(info="", init="pass", fit="pass")), QUICK))
    assert re.search(sentence, problem), problem
    assert "\n" not in problem


def test_what_comes_of_a_fault_is_open_not_failed(write_plugin) -> None:
    raises = METHOD.format(info="", init="pass", fit="raise ValueError('no')")
    findings = list(check(written(write_plugin, raises), [fit_ends, labels_are_valid, fit_is_quiet]))
    assert [finding.checked for finding in findings] == [True, False, False]


@pytest.mark.parametrize(
    ("fit", "sentence"),
    [
        ("import time; time.sleep(600)", "it does not end within 3 s and was stopped; look for a loop"),
        ("import os; os.abort()", r"it ends the whole process \(SIGABRT\)"),
        ("import os; os._exit(3)", r"it ends the whole process \(exit code 3\)"),
        ("raise SystemExit(4)", r"it ends the whole process \(exit code 4\)"),
    ],
)
def test_a_method_that_hangs_or_dies_is_told_so(write_plugin, fit: str, sentence: str) -> None:
    entry = written(write_plugin, METHOD.format(info="", init="pass", fit=fit))
    first, second = check_apart(entry, [fit_ends, fit_is_quiet], timeout=3)
    assert re.match(sentence, first.problem), first
    assert not second.checked


def test_faults_do_not_hide_one_another(write_plugin, cli) -> None:
    fit = "X += 1; print('done'); self.embedding_ = X * np.nan; self.labels_ = self.labels_ / 2"
    folder = write_plugin("subject", METHOD.format(info="", init="pass", fit=fit))
    done = cli("test", "subject", "--plugins", folder)
    assert done.code == 1
    assert done.out.startswith(f"method 'subject' in {folder / 'subject.py'}\n")
    for sentence in ("fit changes its input", "fit prints", "embedding_ holds", "labels_ has dtype float64"):
        assert done.out.count(sentence) == 1
    assert f"{len(METHOD_CHECKS) - 4} of {len(METHOD_CHECKS)} checks passed" in done.out


def test_a_method_that_checks_nothing_is_told_where_to_begin(write_plugin) -> None:
    body = METHOD.replace("X, groups = self.check_input(X, sensitive_features)", "X = np.asarray(X)")
    found = told(check(written(write_plugin, body.format(info="", init="pass", fit="pass")), QUICK))
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
    found = told(check(Registry([folder]).datasets["liar"]))
    assert any("n=5, the data have 4" in problem for problem in found)
    assert any("two loads differ" in problem for problem in found)


DATASET = """
import numpy as np
from bench.adapters import Dataset, FairData
from bench.metadata import DatasetInfo

class Subject(Dataset):
    info = DatasetInfo(name="subject", title="Subject", target="t", sensitive="s", n=4, k=2, n_groups=2)

    def load(self, store):
        X = np.zeros((4, 2))
        {load}
        return FairData.from_arrays(X, [0, 1, 0, 1], [0, 0, 1, 1])
"""


@pytest.mark.parametrize(
    ("load", "sentence"),
    [
        ("X[0] = np.nan", "X holds 2 NaN or infinite values"),
        ("X = X[:, 0]", r"X has shape \(4,\)"),
        ("return X", r"load returns a ndarray; it must return what FairData.from_arrays gives"),
        ("return X[7]", "load raises IndexError: .*; see subject.py, line 11"),
        ("X += np.random.rand()", "two loads differ"),
        ("X = X.reshape(4, 1, 1, 2)", "info says kind='vector', X has shape"),
    ],
)
def test_each_fault_of_a_data_set_has_one_sentence(write_plugin, load: str, sentence: str) -> None:
    entry = Registry([write_plugin("subject", DATASET.format(load=load))]).datasets["subject"]
    problems = set(told(check(entry, [test for test in checks_for(entry) if test is not torch_stays_out])))
    assert len(problems) == 1
    assert re.search(sentence, problems.pop())
