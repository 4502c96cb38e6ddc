"""Reads an adapter's metadata from its source, without running it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench.metadata import DataFile, DatasetInfo, MethodInfo

__all__ = ["Found", "read_adapters", "read_metrics"]

_CONSTRUCTORS: dict[str, type] = {"MethodInfo": MethodInfo, "DatasetInfo": DatasetInfo, "DataFile": DataFile}


@dataclass(frozen=True)
class Found:
    """A class with an ``info`` in a source file.

    ``problem`` says in one line why it cannot be used, or is empty; then ``info`` is None if it could not be read.
    """

    class_name: str
    info: MethodInfo | DatasetInfo | None
    problem: str = ""


def read_adapters(path: Path) -> list[Found]:
    """Find the adapters in a source file.

    Parameters
    ----------
    path : Path
        Python file.

    Returns
    -------
    list of Found
        One for each class with a literal ``info``; one with a ``problem`` for a file that is not Python.
    """
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError, OSError) as error:
        line = f" in line {error.lineno}" if isinstance(error, SyntaxError) else ""
        return [Found(path.stem, None, f"{path.name} cannot be read{line}: {getattr(error, 'msg', error)}")]
    missing = _missing_package(tree)
    return [_found(name, node, missing) for name, node in _infos(tree)]


def read_metrics(path: Path) -> list[str]:
    """Names of the functions of a source file that are decorated with ``@metric(...)``; none for one with faults."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError, OSError):
        return []
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    return [node.name for node in functions if any(map(_is_metric, node.decorator_list))]


def _is_metric(decorator: ast.expr) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return "metric" in (getattr(called, "id", ""), getattr(called, "attr", ""))


def _infos(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for node in tree.body:
        if not isinstance(node, ast.ClassDef):
            continue
        for statement in node.body:
            target = statement.targets[0] if isinstance(statement, ast.Assign) else getattr(statement, "target", None)
            value = getattr(statement, "value", None)
            if isinstance(target, ast.Name) and target.id == "info" and value is not None:
                yield node.name, value


def _found(class_name: str, node: ast.expr, missing: str) -> Found:
    try:
        info = _evaluate(node)
    except (ValueError, TypeError) as error:
        return Found(class_name, None, f"info of {class_name} is not a literal MethodInfo or DatasetInfo: {error}")
    needs = missing or next((name for name in getattr(info, "requires", ()) if find_spec(name) is None), "")
    return Found(class_name, info, f"needs the package {needs}, which is not installed" if needs else "")


def _evaluate(node: ast.expr) -> Any:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _CONSTRUCTORS:
        keywords = {keyword.arg: _evaluate(keyword.value) for keyword in node.keywords if keyword.arg}
        return _CONSTRUCTORS[node.func.id](*[_evaluate(argument) for argument in node.args], **keywords)
    if isinstance(node, ast.Tuple):
        return tuple(_evaluate(element) for element in node.elts)
    return ast.literal_eval(node)


def _missing_package(tree: ast.Module) -> str:
    for node in tree.body:
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names = [node.module]
        for name in names:
            root = name.partition(".")[0]
            if find_spec(root) is None:
                return root
    return ""
