"""The conformance checks, over everything that is registered."""

from __future__ import annotations

import pytest

from bench.conformance import DATASET_CHECKS, METHOD_CHECKS
from bench.registry import Registry

REGISTRY = Registry()


@pytest.mark.parametrize("check", METHOD_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", REGISTRY.methods)
def test_method_conforms(name: str, check) -> None:
    check(REGISTRY.methods[name])


@pytest.mark.parametrize("check", DATASET_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", REGISTRY.datasets)
def test_dataset_conforms(name: str, check) -> None:
    check(REGISTRY.datasets[name])
