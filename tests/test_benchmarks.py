"""The benchmarks run, their loops compute what our methods compute, and their figures are what they are called."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

ROOT = Path(__file__).resolve().parents[1]
# The folder is no part of the package.
# ruff: noqa: E402
sys.path.insert(0, str(ROOT))

from benchmarks import __main__ as command
from benchmarks import growth, steps
from benchmarks.arithmetic import adam_bytes, forward_flops
from benchmarks.ceiling import least_seconds
from benchmarks.rows import compared, row
from benchmarks.setting import Setting
from benchmarks.synthetic import images, vectors
from benchmarks.textbook import clustergan, dac, dfc, dfdc
from benchmarks.textbook.fcmi import FCMILoop
from benchmarks.textbook.metrics import all_metrics
from benchmarks.timing import Times, alternate_with_fit, in_turn

QUICK = Setting(quick=True)
KEYS = {"name", "device", "n", "ours_s", "baseline_s", "baseline", "ratio", "ceiling_fraction", "machine"}
MACHINE = {"cpu", "cores", "threads", "torch", "precision"}


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict]]:
    """The lines of every room in tiny sizes, from the files that were written."""
    folder = tmp_path_factory.mktemp("perf")
    arguments = ["-W", "error", "-m", "benchmarks", "--quick", "--results", str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stderr
    assert "ratio" in done.stdout
    return {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}


@pytest.mark.slow
class TestAllRooms:
    def test_every_room_writes_lines_of_one_schema(self, measured) -> None:
        assert set(measured) == set(command.ROOMS)
        for line in (line for lines in measured.values() for line in lines):
            assert line.keys() >= KEYS
            assert line["machine"].keys() >= MACHINE
            assert line["device"] == "cpu"
            assert isinstance(line["n"], int)
            assert line["ours_s"] > 0

    def test_what_has_a_baseline_has_its_name_ratio_and_repeats(self, measured) -> None:
        lines = [line for lines in measured.values() for line in lines if line["baseline_s"] is not None]
        assert {line["name"].split()[0] for line in lines} >= {"FCMI", "DEC", "DAC", "DFC", "DFDC", "ClusterGAN"}
        for line in lines:
            assert line["ratio"] == pytest.approx(line["baseline_s"] / line["ours_s"])
            assert line["baseline"]
            assert line["repeats"] >= 1
            # A whole fit has no ceiling of its own.
            assert line["ceiling_fraction"] is None or line["ceiling_fraction"] > 0

    def test_training_is_measured_in_both_precisions(self, measured) -> None:
        for room in ("training", "steps"):
            by_name: dict[str, list[str]] = {}
            for line in measured[room]:
                by_name.setdefault(line["name"], []).append(line["machine"]["precision"])
            assert all(found == ["float32", "bfloat16"] for found in by_name.values())

    def test_the_fair_program_is_solved_exactly_and_cbc_agrees(self, measured) -> None:
        assert all(line["gap"] < 1e-9 for line in measured["assignment"])
        assert measured["assignment"][0]["objective_difference"] < 1e-9


def test_files_keep_the_lines_of_the_other_device(tmp_path: Path) -> None:
    path = tmp_path / "room.json"
    command.write(path, [row("a", 1, 1.0), row("b", 1, 1.0)], "cpu")
    command.write(path, [row("a", 1, 0.5) | {"device": "cuda"}], "cuda")
    command.write(path, [row("a", 1, 2.0)], "cpu")
    assert [(line["device"], line["ours_s"]) for line in json.loads(path.read_text())] == [("cuda", 0.5), ("cpu", 2.0)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--only", "kitchen"], "no room 'kitchen' on cpu"), (["--device", "cuda", "--only", "metrics"], "on cuda")],
)
def test_rooms_that_are_not_there_are_refused(arguments, message, capsys) -> None:
    with pytest.raises(SystemExit):
        command.main(arguments)
    assert message in capsys.readouterr().err


def given_our_weights(loop: FCMILoop, network: torch.nn.Module) -> None:
    """Load our weights into the textbook network, whose rows of pixels run channel by channel."""
    state = {name.removeprefix("decoder."): values.clone() for name, values in network.state_dict().items()}
    if "encoder.0.0.weight" in state:
        state = {in_one_row(name): values for name, values in state.items()}
        small, maps = 7, 16
        weight = state["encoder.9.weight"].view(-1, small, small, maps)
        state["encoder.9.weight"] = weight.permute(0, 3, 1, 2).flatten(1)
        weight = state["shared.2.weight"].view(small, small, maps, -1)
        state["shared.2.weight"] = weight.permute(2, 0, 1, 3).flatten(0, 2)
        state["shared.2.bias"] = state["shared.2.bias"].view(small, small, maps).permute(2, 0, 1).flatten()
    loop.network.load_state_dict(state)


def in_one_row(name: str) -> str:
    """``encoder.0.2.bias`` and ``encoder.2.bias`` as ``encoder.2.bias`` and ``encoder.9.bias``: eight layers inline."""
    place = re.fullmatch(r"encoder\.(\d+)(?:\.(\d+))?\.(\w+)", name)
    if place is None:
        return name
    outer, inner, tensor = place.groups()
    return f"encoder.{inner or int(outer) + 7}.{tensor}"


@pytest.mark.parametrize(
    "data", [images((50, 30)), vectors(90, 20, 4, 6), vectors(9, 20, 8, 6)], ids=["images", "vectors", "lone samples"]
)
def test_the_textbook_loop_computes_fcmis_loss_and_gradient(data) -> None:
    from bench.methods._deep.hardware import Hardware
    from bench.methods._deep.networks import build_autoencoder
    from bench.methods._deep.objective import FairObjective
    from bench.methods._deep.training import ResidentData

    samples, groups = data
    k, n_groups = 6, int(groups.max()) + 1
    network = build_autoencoder(samples.shape[1:], k, n_groups, unit_norm=True).train()
    loop = FCMILoop(samples, groups, k)
    given_our_weights(loop, network)
    centres = torch.nn.functional.normalize(torch.randn(k, k, generator=torch.Generator().manual_seed(0)), dim=1)

    resident = ResidentData(samples, groups, n_groups, Hardware.choose("cpu", "float32"))
    (batch,) = resident.batches(len(samples), np.random.default_rng(0))
    objective = FairObjective(alpha=0.04, beta=0.2, balance_weight=1.0, tau=0.1, squared_norm=False)
    ours = objective.terms(network, resident, batch, centres, warm=False)["loss"]
    loop.network.train()
    theirs = loop.loss(torch.from_numpy(samples)[batch.index], torch.from_numpy(groups)[batch.index], centres)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)

    torch.autograd.backward([ours, theirs])
    first = next(layer for layer in network.encoder.modules() if hasattr(layer, "bias"))
    torch.testing.assert_close(first.bias.grad, loop.network.encoder[0].bias.grad, rtol=1e-3, atol=1e-6)


def test_textbook_networks_are_as_large_as_ours() -> None:
    from bench.methods._deep.discriminative import discriminative_network
    from bench.methods._deep.generative import build_networks
    from bench.methods._deep.label_features import build_label_network
    from bench.methods._deep.networks import build_autoencoder
    from bench.methods._deep.variational import build_variational

    image = torch.zeros(2, 1, 28, 28)
    gan = build_networks((1, 28, 28), 40, channels=8, bounded=True)
    pairs = [
        (build_autoencoder((1, 28, 28), 10).encoder, steps.dec.convolutional_encoder(10), image),
        (build_label_network((1, 28, 28), 10, "original"), dac.label_network(10), image),
        (discriminative_network((1, 28, 28), 10), dfdc.discriminative_network(10), image),
        (build_variational((1, 32, 32), 64).encoder.trunk, dfc.Encoder().trunk, torch.zeros(2, 1, 32, 32)),
        (gan.generator, clustergan.generator(40, 8), torch.zeros(2, 40)),
        (gan.encoder, clustergan.reader(40, 8), image),
        (gan.critic, clustergan.reader(1, 8), image),
    ]
    for ours, theirs, given in pairs:
        assert forward_flops(ours, given) == forward_flops(theirs, given) > 0


@pytest.mark.parametrize(
    "loop", [steps.dec.DECLoop, dac.DACLoop, dfc.DFCLoop, dfdc.DFDCLoop, clustergan.ClusterGANLoop]
)
def test_textbook_loops_train(loop) -> None:
    training = loop(*images((70, 70)), 4, **({"channels": 8} if loop is clustergan.ClusterGANLoop else {}))
    model = next(value for value in vars(training).values() if isinstance(value, torch.nn.Module))
    before = [values.clone() for values in model.parameters()]
    training.run(2)
    assert np.isfinite(training.last_loss)
    assert all(values.isfinite().all() for values in model.parameters())
    assert any((old != new).any() for old, new in zip(before, model.parameters(), strict=True))


def test_the_textbook_dec_assigns_and_aims_as_ours() -> None:
    from bench.methods._deep.student import student_assignment, target_distribution

    samples, groups = images((40, 30))
    loop = steps.dec.DECLoop(samples, groups, 5)
    with torch.no_grad():
        embedding = loop.encoder(torch.from_numpy(samples))
        soft = student_assignment(embedding, loop.centres)
        torch.testing.assert_close(loop.assign(torch.from_numpy(samples)), soft)
    torch.testing.assert_close(loop.target(), target_distribution(soft))


def test_operations_are_counted_from_shapes() -> None:
    network = torch.nn.Sequential(
        torch.nn.Conv2d(2, 3, 3, stride=2, padding=1),  # 4 x 4 x 3 outputs of 2 x 3 x 3 products
        torch.nn.ConvTranspose2d(3, 5, 2, stride=2),  # 4 x 4 x 3 inputs to 5 x 2 x 2 places
        torch.nn.Flatten(),
        torch.nn.Linear(320, 7),
    )
    expected = 2 * (4 * 4 * 3 * 2 * 9 + 4 * 4 * 3 * 5 * 4 + 320 * 7)
    assert forward_flops(network, torch.zeros(6, 2, 8, 8)) == expected
    assert adam_bytes(torch.nn.Linear(3, 2)) == 8 * 4 * 7


def test_the_ceiling_is_the_slower_of_arithmetic_and_memory() -> None:
    flops, moved = least_seconds(QUICK, flops=1e9), least_seconds(QUICK, moved=1e9)
    assert least_seconds(QUICK, flops=1e9, moved=1e9) == max(flops, moved)
    assert least_seconds(QUICK, flops=2e9) == pytest.approx(2 * flops)


def test_loops_over_samples_give_the_metrics() -> None:
    from bench.metrics import evaluate

    rng = np.random.default_rng(0)
    y, labels, groups = rng.integers(4, size=300), rng.integers(4, size=300), rng.integers(3, size=300)
    ours = evaluate(y, labels, groups)
    for name, value in all_metrics(y, labels, groups).items():
        assert value == pytest.approx(ours[name])


class TestTiming:
    def test_preparation_and_other_phases_are_not_timed(self) -> None:
        calls = []

        def fit(listener) -> None:
            for phase in (0, 0, 1, 1, 1, 1, 1):
                calls.append("epoch")
                listener({"phase": phase}, 7)

        times = alternate_with_fit(fit, lambda: calls.append("baseline"), repeats=3, device="cpu", phase=1)
        assert calls == ["epoch"] * 3 + ["epoch", "baseline"] * 3
        assert len(times.ours) == len(times.baseline) == 3

    def test_a_fit_that_ends_too_soon_is_an_error(self) -> None:
        with pytest.raises(RuntimeError, match="before an epoch was timed"):
            alternate_with_fit(lambda listener: listener({}, 1), lambda: None, repeats=1, device="cpu")

    def test_both_run_in_turn_after_a_warm_up(self) -> None:
        calls = []
        times = in_turn(lambda: calls.append("ours"), lambda: calls.append("baseline"), Setting())
        assert calls == ["ours", "baseline"] * 6
        assert len(times.ours) == len(times.baseline) == 5

    def test_repeats_fit_into_the_budget(self) -> None:
        assert [Setting().repeats(seconds, 60) for seconds in (1, 12, 20, 61)] == [5, 5, 3, 1]

    def test_a_line_holds_medians_per_unit(self) -> None:
        line = compared("x", 3, Times([2.0, 4.0, 60.0], [8.0, 80.0, 12.0]), "loop", per=2, floor=1.0)
        assert (line["ours_s"], line["baseline_s"], line["ratio"], line["ceiling_fraction"]) == (2, 6, 3, 0.25)


class TestGrowth:
    def test_the_exponent_is_that_of_a_power(self) -> None:
        assert growth.exponent({n: 3e-6 * n**1.3 for n in (10, 100, 1000)}) == pytest.approx(1.3)
        assert growth.exponent({10: 1.0}) is None

    def test_sizes_above_the_cap_are_named_and_left_out(self, monkeypatch) -> None:
        measured = growth.point

        def quadratic(name: str, n: int, expected_s: float) -> tuple[float | None, str]:
            if expected_s > 2 * growth.CAP:
                return measured(name, n, expected_s)
            return 1e-8 * n**2, ""

        monkeypatch.setattr(growth, "point", quadratic)
        lines = growth.grown("spfc", Setting())
        assert [line["n"] for line in lines] == list(growth.SIZES)
        assert [line["ours_s"] is None for line in lines] == [False] * 5 + [True] * 2
        assert all(line["exponent"] == pytest.approx(2) for line in lines[:5])
        assert "would take about 900 s" in lines[5]["left_out"]

    def test_a_process_that_fails_tells_its_last_line(self, monkeypatch) -> None:
        monkeypatch.chdir(ROOT)
        taken, why = growth.point("metrics", -1, 0)
        assert taken is None
        assert "negative dimensions" in why
