from __future__ import annotations

from pathlib import Path

from bench.fingerprint import code_only, source_hash

CODE = '''
"""Module docstring."""

from ._shared import help_out


class A:
    """Class docstring
    over two lines."""

    text = "# no comment"  # a comment

    def f(self):
        """What f does."""
        return f"{self.text}"
'''


def test_docstrings_comments_and_blank_lines_do_not_count() -> None:
    assert code_only(CODE) == (
        "from ._shared import help_out\nclass A:\n"
        '    text = "# no comment"\n    def f(self):\n        return f"{self.text}"'
    )


def test_a_string_that_is_no_docstring_counts() -> None:
    assert code_only('x = """a\nb"""\n') != code_only('x = """a\nc"""\n')


def _write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_hash_follows_relative_imports_and_only_these(tmp_path: Path) -> None:
    main = _write(tmp_path, "main.py", "from ._shared import networks\nfrom ._one import f\nimport numpy\n")
    _write(tmp_path, "_one.py", "f = 1\n")
    _write(tmp_path, "_shared/__init__.py", "")
    network = _write(tmp_path, "_shared/networks.py", "from .layers import size\n")
    layers = _write(tmp_path, "_shared/layers.py", "size = 3\n")
    other = _write(tmp_path, "other.py", "x = 1\n")
    before = source_hash(main)

    other.write_text("x = 2\n")
    network.write_text("# a word\nfrom .layers import size\n")
    assert source_hash(main) == before
    layers.write_text("size = 4\n")
    assert source_hash(main) != before


def test_hash_does_not_depend_on_the_folder(tmp_path: Path) -> None:
    first = _write(tmp_path, "a/m.py", "x = 1\n")
    second = _write(tmp_path, "b/m.py", "x = 1\n")
    assert source_hash(first) == source_hash(second)
