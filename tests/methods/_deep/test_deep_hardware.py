import numpy as np
import pytest
import torch
from bench.methods._deep import hardware
from bench.methods._deep.hardware import Hardware
from bench.methods._deep.parameters import check_at_least, check_choice, check_positive, seeds

from bench.errors import InvalidInputError


def test_auto_takes_the_first_gpu_in_bfloat16(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert Hardware.choose("auto", "auto") == Hardware(torch.device("cuda:0"), "bfloat16")
    assert Hardware.choose("cuda:1", "float32") == Hardware(torch.device("cuda:1"), "float32")
    assert Hardware.choose("cuda", "auto").device == torch.device("cuda:0")
    assert Hardware.choose("cpu", "float32").device == torch.device("cpu")


@pytest.mark.parametrize(
    ("flags", "precision"),
    [
        ("avx512f amx_bf16 amx_tile", "bfloat16"),
        ("avx512f avx512_bf16", "bfloat16"),
        ("avx512f avx2", "float32"),
        ("", "float32"),
    ],
)
def test_auto_precision_on_a_cpu_depends_on_its_instructions(monkeypatch, tmp_path, flags, precision):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(hardware, "CPU_INFO", tmp_path / "cpuinfo")
    (tmp_path / "cpuinfo").write_text(f"processor : 0\nflags : fpu {flags}\n")
    assert Hardware.choose("auto", "auto") == Hardware(torch.device("cpu"), precision)


def test_a_system_that_does_not_describe_its_processor_computes_in_float32(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(hardware, "CPU_INFO", tmp_path / "nowhere")
    assert Hardware.choose("auto", "auto").precision == "float32"


@pytest.mark.parametrize("device", ["cuda:3", "gpu", "tpu", "cuda:x", ""])
def test_a_device_that_is_not_there_is_refused_with_those_that_are(monkeypatch, device):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(InvalidInputError, match=f"device='{device}' given; this machine has cpu, cuda:0"):
        Hardware.choose(device, "auto")


def test_an_unknown_precision_is_refused():
    with pytest.raises(InvalidInputError, match="precision='half' given; it takes 'auto' or 'float32' or 'bfloat16'"):
        Hardware.choose("cpu", "half")


@pytest.mark.parametrize(("precision", "dtype"), [("float32", torch.float32), ("bfloat16", torch.bfloat16)])
def test_autocast_sets_the_arithmetic_of_products(precision, dtype):
    with Hardware.choose("cpu", precision).autocast():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == dtype


def test_seeds_are_reproducible_and_independent():
    assert seeds(7, 3) == seeds(7, 3)
    assert len({*seeds(7, 3), *seeds(8, 3)}) == 6
    assert seeds(None, 1) != seeds(None, 1)


def test_seeds_take_numpy_integers():
    assert seeds(np.int64(7), 2) == seeds(7, 2)


@pytest.mark.parametrize("random_state", [-1, 0.5, "0", True])
def test_other_random_states_are_refused(random_state):
    with pytest.raises(InvalidInputError, match=r"random_state=.* given; it takes a whole number of at least 0"):
        seeds(random_state, 1)


@pytest.mark.parametrize("value", [0, 1.0, "5", True, None])
def test_whole_numbers_below_the_least_are_refused(value):
    with pytest.raises(InvalidInputError, match=r"epochs=.* given; it takes a whole number of at least 1"):
        check_at_least(1, epochs=value)


@pytest.mark.parametrize("value", [0, -1.0, float("inf"), float("nan"), "1e-3", True])
def test_numbers_that_are_not_positive_are_refused(value):
    with pytest.raises(InvalidInputError, match=r"tau=.* given; it takes a finite number above 0"):
        check_positive(tau=value)


def test_sound_parameters_pass():
    check_at_least(1, epochs=1, batch_size=np.int32(8))
    check_positive(tau=0.1, learning_rate=1)
    check_choice("settings", "paper", ("official", "paper"))
