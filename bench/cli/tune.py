"""``bench tune``: parameters chosen without true labels."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.app import DEFAULT_RESULTS, Plugins, ResultsFolder, app, complain, console, print_table, registry
from bench.cli.run import conclude, own_table, seconds, with_settings
from bench.errors import InvalidInputError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.data.prepared import Prepared
    from bench.invocation import Invocation
    from bench.plan import Plan, PlannedRun
    from bench.records import RecordStore
    from bench.registry import Registry
    from bench.suite import Settings
    from bench.tuning import Objective, Ranking

__all__ = ["tune"]


@app.command()
def tune(
    method: Annotated[str, typer.Argument(help="A method.")],
    grid: Annotated[
        list[str],
        typer.Option(help="Values of a parameter: fcmi.alpha=0.02,0.04; repeated, every combination is run."),
    ],
    datasets: Annotated[
        list[str] | None, typer.Option(help="Data sets: names with commas; parameters are chosen for each by itself.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="A table of your own: .csv, .parquet or .npz.", metavar="FILE")
    ] = None,
    sensitive: Annotated[str | None, typer.Option(help="Its column of the sensitive attribute.")] = None,
    label: Annotated[str | None, typer.Option(help="Its column of the classes, if it has one.")] = None,
    features: Annotated[str | None, typer.Option(help="Its columns to cluster by, with commas; all others.")] = None,
    k: Annotated[
        int | None, typer.Option("--k", help="Its number of clusters; by default that of its classes.")
    ] = None,
    objective: Annotated[
        str,
        typer.Option(help="silhouette, information, stability, or label_free: the mean rank by those that there are."),
    ] = "label_free",
    seeds: Annotated[str, typer.Option(help="Seeds of every setting, like 0-2.")] = "0-2",
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="A parameter that all settings share: fcmi.epochs=50.")
    ] = None,
    run: Annotated[bool, typer.Option("--run", help="Run the chosen setting and mark its records as tuned.")] = False,
    run_seeds: Annotated[str, typer.Option(help="Seeds of --run.")] = "0-4",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:0,1.")] = "auto",
    jobs: Annotated[int | None, typer.Option(help="Runs at a time; by default one a core, or one a GPU.")] = None,
    timeout: Annotated[str | None, typer.Option(help="Longest time of a run: seconds, or like 30m, 2h.")] = None,
    tracking_uri: Annotated[str | None, typer.Option(help="MLflow store; 'none' for no tracking.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    results: ResultsFolder = DEFAULT_RESULTS,
    plugins: Plugins = None,
) -> None:
    """Run a grid of parameters and choose among them without true labels; scores are neither read nor shown."""
    from bench.data.store import Store
    from bench.invocation import Invocation
    from bench.plan import Plan, make_plan
    from bench.records import RecordStore
    from bench.suite import Grid, Suite, parse_seeds
    from bench.tuning import known_objective, mark

    by = known_objective(objective)
    table = own_table(data, sensitive=sensitive, label=label, features=features, k=k)
    named = [*(datasets or ()), *table]
    if not named:
        raise InvalidInputError("nothing to tune on: --datasets is missing, or --data FILE")
    found, fixed, final_seeds = registry(plugins), with_settings(table, settings), parse_seeds(run_seeds)
    vary = _varied(method, grid, found)
    invocation = Invocation(device=device, jobs=jobs, timeout=seconds(timeout), tracking_uri=tracking_uri)
    records = RecordStore(results)
    records.prepare()

    def planned(on: list[str], numbers: list[int], suite: str, **params: Settings) -> Plan:
        one = Grid(methods=[method], datasets=on, seeds=numbers, **params)
        return make_plan(Suite(name=suite, grid=[one]), found, Store.default(), fixed)

    plan = planned(named, parse_seeds(seeds), "tune", vary=vary)
    prepared = _prepared(plan)
    _refuse_single(plan)
    _carry_out(invocation, plan, records, quiet)
    chosen: list[PlannedRun] = []
    for dataset, held in prepared.items():
        ranking = _ranking([one for one in plan.runs if one.spec.dataset == dataset], held, records, by)
        _show(method, dataset, ranking)
        best = planned([dataset], final_seeds, "tuned", set={method: ranking.chosen.params})
        chosen += [replace(one, tuned=f"parameters chosen {ranking.how}") for one in best.runs]
        if not run:
            given = [fixed, {method: ranking.chosen.params}]
            _say(f"to run it: {_command(method, dataset, run_seeds, given, results, plugins)}")
    if not run:
        _say("the same command with --run does so, and marks the records as tuned")
        return
    mark({one.key: one.tuned for one in chosen}, records)
    _carry_out(invocation, Plan(tuple(chosen)), records, quiet)


def _varied(method: str, texts: Sequence[str], found: Registry) -> Settings:
    """Values by method and parameter."""
    from bench.registry import kind_title
    from bench.suite import parse_settings

    entry = found.find("method", method)
    if entry is None:
        raise UnknownNameError(kind_title("method"), method, found.methods, "`bench list methods` describes them.")
    vary: Settings = {}
    for text in texts:
        name, parameter, values = parse_settings(text)
        if not entry.given({name: {parameter: values}}):
            raise InvalidInputError(f"--grid {text} given; `bench tune {method}` varies parameters of {entry.name}")
        vary.setdefault(name, {})[parameter] = values
    return vary


def _prepared(plan: Plan) -> dict[str, Prepared]:
    """The data by name; refuses those on which no run can start."""
    held: dict[str, Prepared] = {}
    for one in plan.runs:
        if one.decided is not None:
            raise InvalidInputError(f"{one.spec.method} cannot be tuned on {one.spec.dataset}: {one.decided[1]}")
        if one.prepared is not None:
            held[one.spec.dataset] = one.prepared
    return held


def _refuse_single(plan: Plan) -> None:
    from bench.record import canonical_json

    if len({canonical_json(one.spec.method_params) for one in plan.runs}) < 2:
        raise InvalidInputError(
            "--grid makes one setting, and choosing takes two or more: give a parameter that --set does not name "
            "several values, such as --grid fcmi.alpha=0.02,0.04"
        )


def _carry_out(invocation: Invocation, plan: Plan, records: RecordStore, quiet: bool) -> None:
    """Run what is missing, with no word about scores."""
    from bench.cli.bar import Bar

    view = None if quiet else Bar(console())
    summary = invocation.carry_out(plan, records, name="bench tune", tell=complain, view=view)
    conclude(summary, records, quiet)


def _ranking(runs: Sequence[PlannedRun], data: Prepared, records: RecordStore, by: Objective) -> Ranking:
    from bench.tuning import rank_settings

    held = [record for one in runs if (record := records.read(one.key)) is not None]
    return rank_settings(held, sensitive=data.sensitive(), embedding=records.embedding, objective=by)


def _show(method: str, dataset: str, ranking: Ranking) -> None:
    from bench.reporting.axes import parameter_text
    from bench.tuning import PRINTED_DIGITS

    rows = []
    for one in ranking.candidates:
        row = {name: parameter_text(value) for name, value in one.params.items()}
        row |= {name: _number(one.values.get(name), PRINTED_DIGITS) for name in ranking.chosen.values}
        row["rank"] = _number(one.rank, 2)
        row["seeds"] = str(one.n) if one.n == one.requested else f"{one.n}/{one.requested}"
        rows.append({**row, "": one.problem})
    print_table(f"{method} on {dataset}", rows)
    params = ", ".join(f"{name}={parameter_text(value)}" for name, value in ranking.chosen.params.items())
    ties = sum(one.rank == ranking.chosen.rank for one in ranking.candidates) - 1
    _say(f"chosen: {params}, {ranking.how}" + (f"; the first of {ties + 1} that tie" if ties else ""))


def _command(
    method: str,
    dataset: str,
    seeds: str,
    settings: Sequence[Settings],
    results: Path,
    plugins: Sequence[Path] | None,
) -> str:
    from bench.reporting.axes import parameter_text

    words = ["bench", "run", "--methods", method, "--datasets", dataset, "--seeds", seeds]
    for held in settings:
        for name, params in held.items():
            for parameter, value in params.items():
                words += ["--set", f"{name}.{parameter}={parameter_text(value)}"]
    if results != DEFAULT_RESULTS:
        words += ["--results", str(results)]
    for folder in plugins or ():
        words += ["--plugins", str(folder)]
    return shlex.join(words)


def _number(value: float | None, digits: int) -> str:
    from bench.reporting.layout import DASH

    return DASH if value is None else f"{value:.{digits}f}"


def _say(line: str) -> None:
    console().print(line, markup=False)
