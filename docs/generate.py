"""Pages that repeat what code and results say: one a method, and the tables of ``metrics.md`` and of the README.

``make docs`` writes them, from docstrings, metadata, committed records and tables; a test compares them byte for byte.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from bench.metadata import REFERENCE_INFO, MethodInfo
from bench.metrics import METRICS
from bench.records import RecordFile, latest
from bench.registry import Entry, Registry
from bench.reporting.cells import build_table
from bench.reporting.headers import printed
from bench.reporting.layout import DASH
from bench.reporting.protocol import protocol_notes

__all__ = ["pages", "write"]

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
CONTROLS_FROM = "results/records/demo.jsonl"

_LIST_ITEM = re.compile(r"(\*|\d+\.) ")
_MARKUP = re.compile(
    r"""
    :\w+:`~?(?P<role>[^`]+)`                                # :class:`FCMI`
    | ``(?P<literal>.+?)`` | `(?P<name>[^`]+)`              # code, and names of parameters
    | doi:(?P<doi>10\.\S+?)(?=[.,;)]*(?:\s|$))
    | arXiv:(?P<arxiv>\d{4}\.\d{4,5})
    | \[(?P<cited>\d+)\]_
    | (?P<special>[\\*\[\]<>|~$] | (?<!\w)_ | _(?!\w))      # taken literally
    """,
    re.VERBOSE,
)


def write() -> None:
    """Write all generated pages, and remove pages of methods that are no more."""
    made = pages()
    for path in (DOCS / "methods").glob("*.md"):
        if path not in made:
            path.unlink()
    for path, text in made.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


def pages() -> dict[Path, str]:
    """Text of every generated page by its path."""
    made = {DOCS / "methods" / f"{name}.md": _method_page(entry) for name, entry in _entries().items()}
    made[DOCS / "methods" / "README.md"] = _index()
    made[DOCS / "metrics.md"] = _with_tables(
        DOCS / "metrics.md", {"metrics": _metrics_table(), "controls": _controls_tables()}
    )
    made[ROOT / "README.md"] = _with_tables(
        ROOT / "README.md", {name: _committed(name) for name in ("demo", "table1-overview")}
    )
    return made


@cache
def _entries() -> dict[str, Entry]:
    """The methods of this checkout by the name of their page; plug-ins of installed packages have none."""
    found = Registry()
    every = {**found.methods, **{f"{name}_of": entry for name, entry in found.wrappers.items()}}
    return {name: entry for name, entry in sorted(every.items()) if entry.origin == "built in"}


def _info(entry: Entry) -> MethodInfo:
    if not isinstance(entry.info, MethodInfo):
        raise TypeError(f"{entry.path.name} cannot be read: {entry.problem}")
    return entry.info


def _index() -> str:
    rows = [
        (
            f"[`{_called(entry)}`]({name}.md)",
            _cell(_info(entry).title),
            _cell(_sections(entry.load())[""][0]),
            _info(entry).family,
            _groups(_info(entry)),
        )
        for name, entry in _entries().items()
    ]
    return "\n\n".join(
        [
            "<!-- Made by `make docs`: change the docstrings, not this page. -->\n# Methods",
            "One page each, made from the docstring and the metadata of its class. `bench list methods` says which of "
            "them can run on your machine, `bench info NAME` prints what is on the page.",
            _table(("name", "title", "what it is", "family", "groups"), rows),
            f"`{REFERENCE_INFO.name}` is no method: the harness scores the true labels as a reference. Any other "
            "clusterer in scikit-learn's style runs by the path of its class, such as "
            "`--methods sklearn.cluster.Birch`.\n",
        ]
    )


def _method_page(entry: Entry) -> str:
    info, method = _info(entry), entry.load()
    said = _sections(method)
    parts = [
        f"<!-- Made by `make docs` from {_source(entry)}: change the docstring there, not this page. -->\n"
        f"# {_inline(info.title)}{' (METHOD)' if info.wraps else ''}",
        _prose(said.pop("")),
        _table(("", ""), _facts(entry, info)),
        "## Parameters",
        _parameters(method, _documented(said.pop("Parameters", []))),
    ]
    notes = [*protocol_notes(info, ()), *info.notes]
    if notes:
        parts += ["## Footnotes in every table", "\n".join(f"* {_inline(note)}" for note in notes)]
    for title, lines in said.items():
        parts += [f"## {title}", _attributes(lines) if title == "Attributes" else _prose(lines)]
    return "\n\n".join(parts) + "\n"


def _facts(entry: Entry, info: MethodInfo) -> Iterable[tuple[str, str]]:
    yield "on the command line", f"`{_called(entry)}`"
    yield "family", info.family
    yield "takes", " and ".join(f"{kind}s" for kind in info.inputs)
    yield "number of groups", _groups(info)
    yield "true number of classes", "given" if info.needs_k else "not used"
    yield "sensitive attribute in training", "used" if info.uses_sensitive else "not used"
    yield "labels depend on the seed", "yes" if info.stochastic else "no"
    if info.family != "control":
        yield "standing", info.status
    if info.published_as:
        yield "row of the FCMI paper", _cell(info.published_as)
    if info.requires:
        yield "needs", ", ".join(f"`{name}`" for name in info.requires)
    if info.reference:
        yield "reference", f"{_cell(info.reference)}. {_identifier(info.doi)}".strip()
    yield "source", f"[`{_source(entry)}`](../../{_source(entry)})"


def _source(entry: Entry) -> str:
    return f"{entry.path.parent.name}/{entry.path.name}"


def _identifier(doi: str) -> str:
    return _cell(f"doi:{doi}" if doi.startswith("10.") else doi)


def _called(entry: Entry) -> str:
    return f"{entry.name}(METHOD)" if _info(entry).wraps else entry.name


def _groups(info: MethodInfo) -> str:
    if info.max_groups is None:
        return "any" if info.min_groups == 1 else f"{info.min_groups} or more"
    return str(info.max_groups) if info.min_groups == info.max_groups else f"{info.min_groups} to {info.max_groups}"


def _sections(method: type[Any]) -> dict[str, list[str]]:
    """Lines of a numpydoc docstring by the title above them, "" for what comes first."""
    if not method.__doc__:
        raise ValueError(f"{method.__name__} has no docstring; its page is made of one, in the numpydoc style")
    lines = inspect.cleandoc(method.__doc__).splitlines()
    found: dict[str, list[str]] = {"": []}
    title = ""
    for line, below in pairwise([*lines, ""]):
        if line and below == "-" * len(line):
            title = line
            found[title] = []
        elif line != "-" * len(title) or not title:
            found[title].append(line)
    return found


def _documented(lines: Sequence[str]) -> list[tuple[str, str, str]]:
    """Names, type and meaning of what a section lists."""
    found: list[tuple[str, str, str]] = []
    for line in filter(None, lines):
        if line.startswith(" "):
            names, kind, meaning = found.pop()
            found.append((names, kind, f"{meaning} {line.strip()}".strip()))
        else:
            names, _, kind = line.partition(" : ")
            found.append((names, kind, ""))
    return found


def _parameters(method: type[Any], documented: Sequence[tuple[str, str, str]]) -> str:
    defaults = {name: parameter.default for name, parameter in inspect.signature(method).parameters.items()}
    described = [name for names, _, _ in documented for name in names.split(", ")]
    if sorted(described) != sorted(defaults):
        different = ", ".join(sorted({*described} ^ {*defaults}))
        raise ValueError(
            f"the docstring of {method.__name__} and its __init__ differ in: {different}; add or remove it"
        )
    rows = []
    for names, kind, meaning in documented:
        each = names.split(", ")
        texts = [repr(defaults[name]) if len(each) == 1 else f"{name}={defaults[name]!r}" for name in each]
        rows.append((_codes(each), _codes(texts), _cell(kind), _cell(meaning)))
    return _table(("name", "default", "type", "meaning"), rows)


def _attributes(lines: Sequence[str]) -> str:
    rows = [(_codes(names.split(", ")), _cell(kind), _cell(meaning)) for names, kind, meaning in _documented(lines)]
    return _table(("name", "type", "meaning"), rows)


def _codes(texts: Iterable[str]) -> str:
    return ", ".join(_cell(f"``{text}``") for text in texts)


def _prose(lines: Sequence[str]) -> str:
    """Paragraphs and lists, one line each."""
    blocks: list[str] = []
    begin = True
    for line in lines:
        if not line.strip():
            begin = True
        elif begin or _LIST_ITEM.match(line):
            blocks.append(line)
            begin = False
        else:
            blocks[-1] += " " + line.strip()
    text = ""
    for previous, block in pairwise(["", *blocks]):
        mark = _LIST_ITEM.match(block)
        head = mark[0] if mark else ""
        between = "\n" if mark and _LIST_ITEM.match(previous) else "\n\n"
        text += (between if text else "") + head + _inline(block[len(head) :].strip())
    return text


def _inline(text: str) -> str:
    """One line of reStructuredText, as docstrings use it, in Markdown."""
    return _MARKUP.sub(_translated, " ".join(text.split()))


def _translated(found: re.Match[str]) -> str:
    kind, held = str(found.lastgroup), found[str(found.lastgroup)]
    if kind == "role":
        page = next((name for name, entry in _entries().items() if entry.class_name == held), "")
        return f"[`{held}`]({page}.md)" if page else f"`{held}`"
    return {
        "doi": f"[doi:{held}](https://doi.org/{held})",
        "arxiv": f"[arXiv:{held}](https://arxiv.org/abs/{held})",
        "cited": f"\\[{held}\\]",
        "special": f"\\{held}",
    }.get(kind, f"`{held}`")


def _cell(text: str) -> str:
    """`text` as :func:`_inline`, fit for a table, where code may not hold a bare bar either."""
    return re.sub(r"(?<!\\)\|", r"\\|", _inline(text))


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    # Not padded: one changed cell would change every line.
    lines = [" | ".join(cells) for cells in (heads, *rows)]
    return "\n".join(f"| {line} |" for line in (lines[0], " | ".join([":--"] * len(heads)), *lines[1:]))


def _metrics_table() -> str:
    better = {"higher": "higher", "lower": "lower", None: "neither"}
    rows = [
        (
            f"`{key}`",
            about.title,
            f"{about.range[0]:g} or more"
            if math.isinf(about.range[1])
            else f"{about.range[0]:g} to {about.range[1]:g}",
            better[about.direction],
            "in percent" if about.unit == "percent" else "as it is",
            "yes" if about.paper else "no",
        )
        for key, about in METRICS.items()
    ]
    return _table(("key", "column", "values", "better", "printed", "in the FCMI paper"), rows)


def _controls_tables() -> str:
    found = Registry()
    infos = {name: entry.info for name, entry in found.methods.items() if isinstance(entry.info, MethodInfo)}
    infos[REFERENCE_INFO.name] = REFERENCE_INFO
    controls = [
        record
        for record in latest(RecordFile(ROOT / CONTROLS_FROM).outlines())
        if record.spec.method in infos and infos[record.spec.method].family == "control"
    ]
    datasets: dict[str, Any] = {name: entry.info for name, entry in found.datasets.items() if entry.info}
    built = build_table(controls, methods=infos, datasets=datasets, metrics=tuple(METRICS))
    parts = [f"Means over the seeds in [`{CONTROLS_FROM}`](../{CONTROLS_FROM}), in percent; empty clusters counted."]
    for column in built.columns:
        rows = []
        for row in built.rows:
            means = (built.cells[row, column, header.key].mean for header in built.metrics)
            rows.append((f"`{row.name}`", *(DASH if mean is None else printed(mean) for mean in means)))
        parts.append(_table((column.label, *(header.title for header in built.metrics)), rows))
    return "\n\n".join(parts)


def _committed(name: str) -> str:
    return (ROOT / "results" / "tables" / f"{name}.md").read_text(encoding="utf-8").rstrip()


def _with_tables(page: Path, tables: Mapping[str, str]) -> str:
    """The page's text with what stands between the two marks of every generated table replaced."""
    text = page.read_text(encoding="utf-8")
    for name, table in tables.items():
        begin, end = f"<!-- begin {name}: made by `make docs` -->", f"<!-- end {name} -->"
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not (found and closed):
            raise ValueError(f"{page.name} lacks the lines '{begin}' and '{end}', between which a table is written")
        text = f"{before}{begin}\n\n{table}\n\n{end}{after}"
    return text


if __name__ == "__main__":
    write()
