"""``bench plot``: every figure from the command line, and what it says of runs that are not there."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("matplotlib", reason="figures need matplotlib, an optional extra")

DEMO = Path(__file__).resolve().parents[1] / "results" / "records" / "demo.jsonl"

MIRROR = '''
    import numpy as np
    from bench.adapters import Method
    from bench.metadata import MethodInfo

    class Mirror(Method):
        """Tells images by their first pixel, and turns those of another group around."""

        info = MethodInfo(name="mirror", title="Mirror", inputs=("image",))

        def __init__(self, n_clusters=8, *, epochs=1, random_state=None):
            self.n_clusters = n_clusters
            self.epochs = epochs
            self.random_state = random_state

        def fit(self, X, *, sensitive_features):
            X, groups = self.check_input(X, sensitive_features)
            self.labels_ = (X[:, 0, 0, 0] > 0).astype(int)
            self.embedding_ = X.reshape(len(X), -1) * self.epochs
            return self

        def reconstruct(self, X, *, sensitive_features):
            return X * np.where(sensitive_features, -1, 1)[:, None, None, None].astype("f4")
'''

PICTURES = '''
    import numpy as np
    from bench.adapters import Dataset, FairData
    from bench.metadata import DatasetInfo

    class Pictures(Dataset):
        """Small random images."""

        info = DatasetInfo("pictures", "Pictures", "sign", "half", kind="image", synthetic=True)

        def load(self, store):
            X = np.random.default_rng(0).uniform(-1, 1, (40, 1, 4, 4)).astype("f4")
            return FairData.from_arrays(X, X[:, 0, 0, 0] > 0, np.arange(40) % 2)
'''


@pytest.fixture
def adapters(write_plugin) -> Path:
    write_plugin("mirror", MIRROR)
    return write_plugin("pictures", PICTURES)


@pytest.fixture
def pictures(cli, adapters: Path, results: Path) -> Path:
    for epochs in (1, 2):
        done = cli(
            *("run", "--methods", "mirror", "--datasets", "pictures", "--plugins", adapters, "--results", results),
            *("--set", f"mirror.epochs={epochs}", "--tracking-uri", "none"),
        )
        assert done.code == 0, done.err
    return results


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("tradeoff", ("--published", "--datasets", "mnist-optdigits")),
        ("tradeoff", ("--quality", "acc", "--fairness", "balance", "--methods", "FCMI,dfc")),
        ("beta", ()),
        ("selection", ("--method", "fcmi", "--dataset", "reverse_digits")),
    ],
)
def test_figures_from_the_committed_records(cli, tmp_path: Path, name: str, options: tuple[str, ...]) -> None:
    done = cli("plot", name, *options, "--results", DEMO, "--out", tmp_path / "new" / name)
    assert (done.code, done.err) == (0, "")
    assert [path.name for path in sorted((tmp_path / "new").iterdir())] == [f"{name}.pdf", f"{name}.png"]
    assert done.out.count("written to") == 2


def test_information_names_the_ablations_that_were_not_run(cli, tmp_path: Path) -> None:
    out = tmp_path / "a.png"
    done = cli(
        "plot", "information", "--dataset", "reverse_digits", "--method", "fcmi", "--results", DEMO, "--out", out
    )
    assert done.code == 0
    assert out.exists()
    assert done.err.count("not run: bench run --methods fcmi --datasets reverse_digits --seeds 0,1,2") == 3


def test_composition_of_labels_that_were_kept(cli, tmp_path: Path) -> None:
    out = tmp_path / "a.png"
    arguments = ("plot", "composition", "--dataset", "reverse_digits", "--results", DEMO, "--out", out)
    assert cli(*arguments, "--methods", "kmeans,fcmi", "--seed", "1").code == 0
    assert out.read_bytes().startswith(b"\x89PNG")
    missing = cli(*arguments, "--methods", "kmeans", "--seed", "7")
    assert missing.code == 2
    assert "`bench run --methods kmeans --datasets reverse_digits --seeds 7` makes one" in missing.err


def test_reconstructions_train_once_more(cli, pictures: Path, adapters: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.png"
    arguments = ("plot", "reconstructions", "--dataset", "pictures", "--results", pictures, "--plugins", adapters)
    done = cli(*arguments, "--method", "mirror", "--out", out)
    assert done.code == 0, done.err
    assert "100.0% of the labels are those of the record" in done.out
    assert "training mirror on pictures once more" in done.err
    assert out.exists()


def test_an_embedding_has_a_column_for_every_number_of_epochs(
    cli, pictures: Path, adapters: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bench.reporting import figures

    titles: list[list[str]] = []
    draw = figures.draw_panels
    monkeypatch.setattr(
        figures,
        "draw_panels",
        lambda figure, drawn, seed: (titles.append([p.title for p in drawn]), draw(figure, drawn, seed)),
    )
    arguments = ("plot", "embedding", "--dataset", "pictures", "--methods", "mirror", "--results", pictures)
    done = cli(*arguments, "--plugins", adapters, "--epochs", "2,1", "--out", tmp_path / "a.png")
    assert done.code == 0, done.err
    assert titles == [["Mirror, epochs=2", "Mirror, epochs=1"]]
    missing = cli(*arguments, "--plugins", adapters, "--epochs", "1,300", "--out", tmp_path / "b.png")
    assert missing.code == 2
    assert "`bench run --methods mirror --datasets pictures --seeds 0 --set mirror.epochs=300` makes one" in missing.err
    assert not (tmp_path / "b.png").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("tradeoff", "--out", "a.svg"), "name it .png or .pdf"),
        (("tradeoff", "--out", "a", "--quality", "nmii"), "Did you mean 'nmi'"),
        (("beta", "--out", "a", "--datasets", "reverse_digit"), "Did you mean 'reverse_digits'"),
        (("information", "--out", "a", "--method", "fmci", "--dataset", "har"), "Did you mean 'fcmi'"),
        (
            ("information", "--out", "a", "--method", "fcmi", "--dataset", "har"),
            "`bench run --methods fcmi --datasets har`",
        ),
        (
            ("information", "--out", "a", "--method", "kmeans", "--dataset", "reverse_digits"),
            "no parameters alpha and beta",
        ),
        (("sensitivity", "--out", "a", "--method", "fcmi", "--dataset", "reverse_digits"), "fcmi.alpha=...` runs it"),
        (
            ("selection", "--out", "a", "--method", "spfc", "--dataset", "har"),
            "`bench run --methods spfc --datasets har`",
        ),
        (("reconstructions", "--out", "a", "--method", "dfc", "--dataset", "mnist_optdigits"), "has no reconstruct"),
        (("reconstructions", "--out", "a.gif", "--method", "fcmi", "--dataset", "mnist_optdigits"), "name it .png"),
        (
            ("embedding", "--out", "a", "--methods", "fcmi", "--dataset", "blobs", "--epochs", "0,1"),
            "--epochs 0,1 given",
        ),
        (
            ("embedding", "--out", "a", "--methods", "fcmi", "--dataset", "blobs", "--epochs", "ten"),
            "--epochs ten given",
        ),
    ],
)
def test_a_mistake_is_one_clear_line(cli, tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    name, _, out, *rest = arguments
    done = cli("plot", name, "--out", tmp_path / out, *rest, "--results", DEMO)
    assert done.code == 2
    assert message in done.err
    assert done.err.count("\n") == 1
    assert not list(tmp_path.glob("a*"))


def test_the_figures_are_listed(cli) -> None:
    listed = cli("plot", "--help").out
    for name in (
        "embedding",
        "reconstructions",
        "composition",
        "tradeoff",
        "beta",
        "sensitivity",
        "information",
        "selection",
    ):
        assert name in listed


def test_all_draws_what_packed_records_can_make(cli, tmp_path: Path) -> None:
    folder = tmp_path / "records"
    folder.mkdir()
    kept = [line for line in DEMO.read_text().splitlines() if '"dataset":"reverse_digits"' in line]
    (folder / "small.jsonl").write_text("\n".join(kept) + "\n")
    done = cli("plot", "all", "--records", folder, "--out", tmp_path / "figures")
    assert (done.code, done.err) == (0, "")
    names = sorted(path.name for path in (tmp_path / "figures").iterdir())
    assert names == ["small-beta.pdf", "small-beta.png", "small-tradeoff.pdf", "small-tradeoff.png"]
    nothing = cli("plot", "all", "--records", tmp_path, "--out", tmp_path / "figures")
    assert nothing.code == 2
    assert "`bench pack` makes some" in nothing.err


def test_the_committed_figures_are_those_of_the_committed_records() -> None:
    from bench.cli.plot_inputs import catalogue_of
    from bench.records import RecordFile
    from bench.registry import Registry
    from bench.reporting.plots.rebuild import figures_of

    found = Registry()
    # Three pictures of the README need an embedding or a network, which packed records do not hold.
    expected = {"embedding", "embedding-reverse_mnist", "reconstructions"}
    for file in DEMO.parent.glob("*.jsonl"):
        records = RecordFile(file).current()
        expected |= figures_of(file.stem, records, catalogue_of(found, records)).keys()
    assert {path.stem for path in (DEMO.parents[1] / "figures").iterdir()} == expected, "run `make figures`"
