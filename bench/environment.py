"""What a record says about the machine and the code: enough to explain a figure, nothing that names the machine."""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["Environment", "code_version", "cpu_model", "environment", "package_versions"]

_PACKAGES = ("numpy", "scipy", "scikit-learn", "torch", "pulp", "mlflow", "fair-clustering-bench")


@dataclass(frozen=True)
class Environment:
    """What a machine brings to a run: processor, versions and code, see :class:`bench.record.Record`."""

    cpu: str
    versions: dict[str, str]
    commit: str
    dirty: bool


def environment() -> Environment:
    """What this machine brings to a run."""
    return Environment(cpu_model(), package_versions(), *code_version())


@cache
def package_versions() -> dict[str, str]:
    """Versions of Python and of the packages that results depend on."""
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


@cache
def cpu_model() -> str:
    """Model name of the processor and the number of cores one may use."""
    name = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                name = line.partition(":")[2].strip()
                break
    except OSError:
        pass
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{name}, {cores} cores"


@cache
def code_version() -> tuple[str, bool]:
    """Commit of the checkout this code lies in and whether it has uncommitted changes; empty outside a checkout."""
    root = Path(__file__).resolve().parents[1]
    if not (root / ".git").exists():
        return "", False
    commit = _git(root, "rev-parse", "HEAD")
    return commit, bool(_git(root, "status", "--porcelain", "--untracked-files=no"))


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip()
