"""``bench plot``: the figures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from bench.cli.app import DEFAULT_RESULTS, Plugins, ResultsFolder, app, console, registry
from bench.cli.plot_inputs import (
    catalogue_of,
    embedding_panels,
    recorded_runs,
    run_of_seed,
    runs_of_method,
    whole_numbers,
)
from bench.cli.results import Names, Source, split_names
from bench.errors import InvalidInputError, ResultsError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["plots"]

plots = typer.Typer(
    help="Draw a figure, as .png, .pdf or both.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(plots, name="plot")

Out = Annotated[Path, typer.Option("--out", "-o", help="File: .png, .pdf, or both without an ending.", metavar="FILE")]
Dataset = Annotated[str, typer.Option(help="Data set.")]
Method = Annotated[str, typer.Option(help="Method.")]
Columns = Annotated[list[str], typer.Option(help="Methods, a column each, left to right.")]
Seed = Annotated[int, typer.Option(help="Seed of the runs.")]


@plots.command()
def embedding(
    dataset: Dataset,
    methods: Columns,
    out: Out,
    seed: Seed = 0,
    epochs: Annotated[
        str | None,
        typer.Option(help="Numbers with commas, a column each: runs that trained so long (--set METHOD.epochs=N)."),
    ] = None,
    projection: Annotated[
        Literal["tsne", "umap"], typer.Option(help="How to come to two dimensions; umap is an extra.")
    ] = "tsne",
    results: ResultsFolder = DEFAULT_RESULTS,
    plugins: Plugins = None,
) -> None:
    """What methods learned of a data set: by class above, by group below."""
    from bench.records import RecordStore
    from bench.reporting.canvas import figure_files
    from bench.reporting.figures import embedding_figure

    figure_files(out)
    found, store = registry(plugins), RecordStore(results)
    entry = found.get("dataset", dataset)
    names = [found.get("method", name).name for name in split_names(methods) or ()]
    drawn = [embedding_panels(found, store, name, entry, seed, whole_numbers(epochs)) for name in names]
    files = embedding_figure(
        [panel for panels, _ in drawn for panel in panels],
        out,
        title=f"Embedding of {entry.info.title if entry.info else entry.name}",
        budget="\n".join(budget for _, budget in drawn),
        projection=projection,
        seed=seed,
    )
    _tell(files)


@plots.command()
def reconstructions(
    dataset: Dataset,
    method: Method,
    out: Out,
    seed: Seed = 0,
    device: Annotated[str, typer.Option(help="Where to train: auto, cpu, cuda or cuda:1.")] = "auto",
    results: Source = DEFAULT_RESULTS,
    plugins: Plugins = None,
) -> None:
    """Images decoded as of their own group and as of another; trains once more what the record tells of."""
    from bench.reporting.canvas import figure_files
    from bench.reporting.plots.reconstructions import one_of_each, reconstructions_figure
    from bench.retraining import retrain, same_labels

    figure_files(out)
    found = registry(plugins)
    entry = found.get("method", method)
    if not hasattr(entry.load(), "reconstruct"):
        raise InvalidInputError(f"method '{entry.name}' has no reconstruct(X, sensitive_features=...), as fcmi has")
    record, data = run_of_seed(found, results, entry.name, dataset, seed)
    if len(data.facts["shape"]) != 4:
        raise InvalidInputError(f"data set '{record.spec.dataset}' holds vectors; reconstructions are of images")
    console(stderr=True).print(f"training {entry.name} on {record.spec.dataset} once more, seed {seed}", markup=False)
    fitted: Any = retrain(record, entry, data, device=device)
    chosen = one_of_each(data.y(), data.sensitive(), seed=seed)
    catalogue = catalogue_of(found, [record])
    files = reconstructions_figure(
        data.X()[chosen],
        data.sensitive()[chosen],
        lambda images, groups: fitted.reconstruct(images, sensitive_features=groups),
        out,
        group_names=data.facts["group_names"],
        subject=f"{catalogue.subject([record])}: reconstructions by the decoder of each group",
        budget=catalogue.budget([record]),
    )
    _tell(files)
    share = same_labels(record, fitted)
    console().print(f"trained once more: {share:.1%} of the labels are those of the record")


@plots.command()
def composition(
    dataset: Dataset,
    methods: Columns,
    out: Out,
    seed: Seed = 0,
    results: Source = DEFAULT_RESULTS,
    plugins: Plugins = None,
) -> None:
    """Which groups every cluster is made of."""
    from bench.record import unpack_labels
    from bench.reporting.plots.composition import Clustering, composition_figure

    found = registry(plugins)
    runs = [run_of_seed(found, results, name, dataset, seed) for name in split_names(methods) or ()]
    if len({data.content_hash for _, data in runs}) > 1:
        raise InvalidInputError(f"the runs on '{dataset}' are on several versions of its data; draw them one by one")
    records, data = [record for record, _ in runs], runs[0][1]
    catalogue = catalogue_of(found, records)
    title = catalogue.dataset(records[0].spec.dataset)
    files = composition_figure(
        [Clustering(catalogue.method(record.spec.method), unpack_labels(record.labels)) for record in records],
        data.sensitive(),
        out,
        group_names=data.facts["group_names"],
        subject=f"Groups in every cluster of {title}",
        budget="\n".join(f"{catalogue.method(run.spec.method)}: {catalogue.budget([run])}" for run in records),
    )
    _tell(files)


@plots.command()
def tradeoff(
    out: Out,
    quality: Annotated[str, typer.Option(help="Metric upwards.")] = "nmi",
    fairness: Annotated[str, typer.Option(help="Metric to the right.")] = "mnce",
    published: Annotated[bool, typer.Option("--published", help="Show the FCMI paper's values as well.")] = False,
    methods: Names = None,
    datasets: Names = None,
    results: Source = DEFAULT_RESULTS,
    plugins: Plugins = None,
) -> None:
    """Clustering quality against fairness, with the Pareto front and the controls, a panel for every data set."""
    from bench.reporting.plots.tradeoff import tradeoff_figure

    records, catalogue = recorded_runs(results, plugins, methods, datasets)
    keys = {"quality": quality.lower(), "fairness": fairness.lower()}
    _tell(tradeoff_figure(records, out, catalogue=catalogue, published=published, **keys))


@plots.command()
def beta(
    out: Out, methods: Names = None, datasets: Names = None, results: Source = DEFAULT_RESULTS, plugins: Plugins = None
) -> None:
    """F_beta of every method over beta, a panel for every data set."""
    from bench.reporting.plots.beta import beta_figure

    records, catalogue = recorded_runs(results, plugins, methods, datasets)
    _tell(beta_figure(records, out, catalogue=catalogue))


@plots.command()
def sensitivity(
    dataset: Dataset,
    method: Method,
    out: Out,
    parameters: Annotated[str, typer.Option(help="One name, or two with a comma.")] = "alpha,beta",
    metrics: Annotated[str, typer.Option(help="Names with commas, a panel each.")] = "acc,mnce",
    results: Source = DEFAULT_RESULTS,
    plugins: Plugins = None,
) -> None:
    """Metrics over one or two parameters of a method, from runs with several values of them."""
    from bench.reporting.plots.sensitivity import sensitivity_figure

    runs, catalogue = runs_of_method(results, plugins, method, dataset)
    names, keys = split_names([parameters]) or (), split_names([metrics]) or ()
    _tell(sensitivity_figure(runs, out, catalogue=catalogue, parameters=names, metrics=keys))


@plots.command()
def information(
    dataset: Dataset, method: Method, out: Out, results: Source = DEFAULT_RESULTS, plugins: Plugins = None
) -> None:
    """I(X;C|G) and I(G;C) over training with each loss removed, from runs with the weights alpha and beta at 0."""
    from bench.reporting.plots.information import information_figure, missing_ablations

    runs, catalogue = runs_of_method(results, plugins, method, dataset)
    _tell(information_figure(runs, out, catalogue=catalogue))
    for command in missing_ablations(runs, catalogue):
        console(stderr=True).print(f"not run: {command}", markup=False)


@plots.command()
def selection(
    dataset: Dataset, method: Method, out: Out, results: Source = DEFAULT_RESULTS, plugins: Plugins = None
) -> None:
    """ACC, NMI and F_β of the seeds of a method over signs that need no labels, and what choosing by them is worth."""
    from bench.reporting.plots.selection import selection_figure

    runs, catalogue = runs_of_method(results, plugins, method, dataset)
    _tell(selection_figure(runs, out, catalogue=catalogue))


@plots.command("all")
def all_figures(
    records: Annotated[
        Path, typer.Option(help="Folder of packed records, a file for every suite.", metavar="DIR")
    ] = Path("results/records"),
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write to.", metavar="DIR")] = Path(
        "results/figures"
    ),
    plugins: Plugins = None,
) -> None:
    """Every figure that packed records alone can make, as .png and .pdf."""
    from bench.records import RecordFile
    from bench.reporting.plots.rebuild import figures_of

    found, files = registry(plugins), sorted(records.glob("*.jsonl"))
    if not files:
        raise ResultsError(f"there are no packed records in {records}; `bench pack` makes some")
    for file in files:
        runs = RecordFile(file).current()
        for name, draw in figures_of(file.stem, runs, catalogue_of(found, runs)).items():
            _tell(draw(out / name))


def _tell(files: Iterable[Path]) -> None:
    for file in files:
        console().print(f"written to {file}", markup=False)
