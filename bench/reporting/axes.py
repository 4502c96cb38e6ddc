"""Which rows and columns the records form: one for every method and data set, and more where parameters differ."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.metadata import REFERENCE_INFO, DatasetInfo, MethodInfo
from bench.record import Record, canonical_json
from bench.reporting.footnotes import Footnotes
from bench.reporting.mixing import mixed_note
from bench.reporting.model import Column, Row
from bench.reporting.protocol import protocol_notes
from bench.reporting.published import TABLE_1, published_table

__all__ = ["Axes", "make_axes", "parameter_text"]

# Names with text values of the parameters that tell one row from another of the same adapter.
Choice = tuple[tuple[str, str], ...]
Key = tuple[str, Choice]


@dataclass(frozen=True)
class Axes:
    """Rows and columns in table order, and the records at every place that has any, by seed."""

    rows: tuple[Row, ...]
    columns: tuple[Column, ...]
    records: Mapping[tuple[Row, Column], tuple[Record, ...]]

    def in_row(self, row: Row) -> dict[Column, tuple[Record, ...]]:
        """Records of `row` by column, where there are any."""
        return {column: self.records[row, column] for column in self.columns if (row, column) in self.records}

    def in_column(self, column: Column) -> list[Record]:
        """All records of `column`."""
        return [record for row in self.rows for record in self.records.get((row, column), ())]


def make_axes(
    records: Sequence[Record],
    methods: Mapping[str, MethodInfo],
    datasets: Mapping[str, DatasetInfo],
    footnotes: Footnotes,
    *,
    complete: bool = False,
) -> Axes:
    """Sort `records` into rows and columns.

    A data set has a column for every choice of its parameters. A method has a row for every choice of those
    parameters that differ within a column; a parameter set for one data set alone leaves the row whole.

    Parameters
    ----------
    records : sequence of Record
        One for every method, data set and seed.
    methods, datasets : mapping of str to MethodInfo or DatasetInfo
        Metadata by registry name; a name that is missing is shown as it is.
    footnotes : Footnotes
        Takes the notes of the metadata.
    complete : bool
        Whether there is a row for every method and a column for every data set of the FCMI paper's Table 1, run or
        not.
    """
    keys = _keys(records)
    data_notes: dict[Key, set[str]] = defaultdict(set)
    backbones: dict[Key, set[str]] = defaultdict(set)
    in_column: dict[Key, list[Record]] = defaultdict(list)
    for record, (row, column) in zip(records, keys, strict=True):
        data_notes[column].add(record.data_note)
        in_column[column].append(record)
        params = record.spec.method_params
        backbones[row].update(str(params[name]) for name in ("backbone", "base_backbone") if name in params)
    for column, found in in_column.items():
        data_notes[column].add(mixed_note(found))
    if complete:
        for missing in _unseen(methods, {name for name, _ in backbones}):
            backbones[missing, ()] = set()
        for missing in _unseen(datasets, {name for name, _ in data_notes}):
            data_notes[missing, ()] = set()
    columns = _columns(data_notes, datasets, footnotes)
    rows = _rows(backbones, methods, footnotes)
    held: dict[tuple[Row, Column], list[Record]] = defaultdict(list)
    for record, (row, column) in zip(records, keys, strict=True):
        held[rows[row], columns[column]].append(record)
    by_seed = {place: tuple(sorted(found, key=lambda record: record.spec.seed)) for place, found in held.items()}
    return Axes(tuple(rows.values()), tuple(columns.values()), by_seed)


def parameter_text(value: Any) -> str:
    """A parameter as tables print it: text as it is, everything else as JSON."""
    return value if isinstance(value, str) else canonical_json(value)


def _unseen(infos: Mapping[str, MethodInfo | DatasetInfo], seen: set[str]) -> list[str]:
    """Names of adapters for the published rows or columns that none of those seen stands for, one for each."""
    covered = {infos[name].published_as for name in seen if name in infos}
    missing: dict[str, str] = {}
    for name, info in infos.items():
        if info.published_as and info.published_as not in covered:
            missing.setdefault(info.published_as, name)
    return list(missing.values())


def _keys(records: Sequence[Record]) -> list[tuple[Key, Key]]:
    # Once for all seeds of a setting.
    settings = [str((s.method, s.method_params, s.dataset, s.dataset_params)) for s in (r.spec for r in records)]
    specs = dict(zip(settings, (record.spec for record in records), strict=True))
    in_column = _varying(
        (s.method, canonical_json([s.dataset, s.dataset_params]), s.method_params) for s in specs.values()
    )
    anywhere = _varying((s.dataset, "", s.dataset_params) for s in specs.values())
    keys = {
        setting: (
            (s.method, _choice(s.method_params, in_column[s.method])),
            (s.dataset, _choice(s.dataset_params, anywhere[s.dataset])),
        )
        for setting, s in specs.items()
    }
    return [keys[setting] for setting in settings]


def _varying(settings: Iterable[tuple[str, str, Mapping[str, Any]]]) -> dict[str, set[str]]:
    """Names of the parameters that differ within one place, by adapter; from (adapter, place, parameters)."""
    seen: dict[str, dict[str, list[Mapping[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for adapter, place, params in settings:
        seen[adapter][place].append(params)
    return {adapter: set().union(*map(_differing, places.values())) for adapter, places in seen.items()}


def _differing(settings: Sequence[Mapping[str, Any]]) -> set[str]:
    texts: dict[str, set[str]] = defaultdict(set)
    for params in settings:
        for name, value in params.items():
            texts[name].add(canonical_json(value))
    return {name for name in texts if len(texts[name]) > 1 or any(name not in params for params in settings)}


def _choice(params: Mapping[str, Any], names: Iterable[str]) -> Choice:
    return tuple((name, parameter_text(params[name])) for name in sorted(names) if name in params)


def _columns(
    data_notes: Mapping[Key, set[str]], datasets: Mapping[str, DatasetInfo], footnotes: Footnotes
) -> dict[Key, Column]:
    infos = {name: datasets.get(name) for name, _ in data_notes}
    titles = _unique_titles({name: info.title if info else name for name, info in infos.items()})
    order = published_table(TABLE_1).columns

    def place(key: Key) -> tuple[Any, ...]:
        info = infos[key[0]]
        rank = order.index(info.published_as) if info and info.published_as in order else len(order)
        return (rank, titles[key[0]].casefold(), key[0], _natural(key[1]))

    columns = {}
    for key in sorted(data_notes, key=place):
        name, choice = key
        info = infos[name]
        columns[key] = Column(
            name=name,
            label=_label(titles[name], choice),
            published_as=info.published_as if info else None,
            params=choice,
            footnotes=footnotes.number([*(info.notes if info else ()), *sorted(data_notes[key])]),
        )
    return columns


def _rows(backbones: Mapping[Key, set[str]], methods: Mapping[str, MethodInfo], footnotes: Footnotes) -> dict[Key, Row]:
    infos = {name: methods.get(name) for name, _ in backbones}
    titles = {name: info.title if info else name for name, info in infos.items()}
    titles = _unique_titles(
        {**titles, **({REFERENCE_INFO.name: REFERENCE_INFO.title} if REFERENCE_INFO.name in titles else {})}
    )
    order = tuple(published_table(TABLE_1).rows)

    def ranked(name: str) -> bool:
        info = infos[name]
        return name != REFERENCE_INFO.name and (info is None or info.family != "control")

    def place(key: Key) -> tuple[Any, ...]:
        name, choice = key
        info = infos[name]
        rank = order.index(info.published_as) if info and info.published_as in order else -1
        # What the paper does not have comes before its rows, plain k-means first of all.
        later = name not in ("kmeans", REFERENCE_INFO.name)
        return (not ranked(name), rank, later, titles[name].casefold(), name, _natural(choice))

    rows = {}
    for key in sorted(backbones, key=place):
        name, choice = key
        info = infos[name]
        rows[key] = Row(
            name=name,
            label=_label(titles[name], choice),
            ranked=ranked(name),
            published_as=info.published_as if info else None,
            params=choice,
            footnotes=footnotes.number([*protocol_notes(info, backbones[key]), *info.notes] if info else ()),
        )
    return rows


def _unique_titles(titles: Mapping[str, str]) -> dict[str, str]:
    """Titles by name; those that several names share carry the name."""
    given = [" ".join(title.split()) for title in titles.values()]
    return {
        name: f"{title} [{name}]" if given.count(title) > 1 else title
        for name, title in zip(titles, given, strict=True)
    }


def _label(title: str, choice: Choice) -> str:
    return f"{title} ({', '.join(f'{name}={value}' for name, value in choice)})" if choice else title


def _natural(choice: Choice) -> list[tuple[str, bool, float, str]]:
    """Sort key that puts 9 before 10."""
    return [(name, *_number_first(text)) for name, text in choice]


def _number_first(text: str) -> tuple[bool, float, str]:
    try:
        return (False, float(text), text)
    except ValueError:
        return (True, 0.0, text)
