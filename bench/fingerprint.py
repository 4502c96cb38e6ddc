"""A hash of the code that defines an adapter, blind to comments, docstrings and blank lines.

Rewording a docstring must not make hours of finished runs look unfinished; changing what a method computes must.
"""

from __future__ import annotations

import ast
import hashlib
import io
import tokenize
from pathlib import Path

__all__ = ["source_hash"]


def source_hash(path: Path) -> str:
    """Hash the file of an adapter and every sibling module that it imports, directly or not.

    Parameters
    ----------
    path : Path
        Source file of the adapter. Relative imports are followed within its folder; absolute imports (the
        harness, installed packages) are not part of the hash.

    Returns
    -------
    str
        sha256, hexadecimal.
    """
    root = path.parent
    digest = hashlib.sha256()
    for file in sorted(_closure(path)):
        digest.update(file.relative_to(root).as_posix().encode())
        digest.update(b"\0" + code_only(file.read_text(encoding="utf-8")).encode() + b"\0")
    return digest.hexdigest()


def code_only(source: str) -> str:
    """`source` without comments, docstrings, blank lines and trailing spaces."""
    lines = source.splitlines(keepends=True)
    for row, column in sorted(_comments(source), reverse=True):
        lines[row] = lines[row][:column] + "\n"
    for first, last in _docstrings(ast.parse(source)):
        lines[first : last + 1] = [""] * (last - first + 1)
    return "\n".join(line.rstrip() for line in lines if line.strip())


def _comments(source: str) -> list[tuple[int, int]]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return [(token.start[0] - 1, token.start[1]) for token in tokens if token.type == tokenize.COMMENT]


def _docstrings(tree: ast.Module) -> list[tuple[int, int]]:
    spans = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) or not node.body:
            continue
        first = node.body[0]
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            spans.append((first.lineno - 1, (first.end_lineno or first.lineno) - 1))
    return spans


def _closure(path: Path) -> set[Path]:
    found: set[Path] = set()
    waiting = [path]
    while waiting:
        file = waiting.pop()
        if file in found:
            continue
        found.add(file)
        waiting.extend(_relative_imports(file))
    return found


def _relative_imports(file: Path) -> list[Path]:
    modules: list[Path] = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom) or node.level == 0:
            continue
        base = file.parents[node.level - 1].joinpath(*(node.module or "").split("."))
        # `from ._deep import networks` names a module of the package, `from ._deep.networks import Encoder` does not.
        modules.extend(base / alias.name for alias in node.names)
        if node.module:
            modules.append(base)
    candidates = [module.with_suffix(".py") for module in modules] + [module / "__init__.py" for module in modules]
    return [candidate for candidate in candidates if candidate.is_file()]
