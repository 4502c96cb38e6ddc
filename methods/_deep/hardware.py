"""Where and in which arithmetic a network runs, and initial weights that leave torch's random state alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from bench.errors import InvalidInputError

from .parameters import check_choice

__all__ = ["Hardware", "seeded_weights"]

CPU_INFO = Path("/proc/cpuinfo")
BFLOAT16_FLAGS = {"amx_bf16", "avx512_bf16"}

Precision = Literal["float32", "bfloat16"]


@dataclass(frozen=True)
class Hardware:
    """Device and arithmetic of one fit.

    Parameters
    ----------
    device : torch.device
        Where data and network lie.
    precision : {"float32", "bfloat16"}
        Arithmetic of matrix products and convolutions. Weights, embeddings and losses are float32 either way.
    """

    device: torch.device
    precision: Precision

    @classmethod
    def choose(cls, device: str, precision: str) -> Hardware:
        """Resolve the parameters ``device`` and ``precision`` of a method.

        Parameters
        ----------
        device : str
            ``"auto"`` (the first GPU if there is one), ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.
        precision : {"auto", "float32", "bfloat16"}
            ``"auto"`` takes bfloat16 on a GPU and on a CPU with instructions for it (AMX or AVX-512), float32
            elsewhere.

        Raises
        ------
        InvalidInputError
            For an unknown name, or a device that is not there.
        """
        chosen = _device(device)
        check_choice("precision", precision, ("auto", "float32", "bfloat16"))
        if precision == "auto":
            fast = chosen.type == "cuda" or _has_bfloat16()
            return cls(chosen, "bfloat16" if fast else "float32")
        return cls(chosen, "bfloat16" if precision == "bfloat16" else "float32")

    def autocast(self) -> torch.autocast:
        """Context in which a network computes in this precision."""
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.precision == "bfloat16")


@contextmanager
def seeded_weights(seed: int) -> Iterator[None]:
    """Context in which layers built on the CPU get the initial weights of `seed`.

    The state of torch's global generator is the same after it as before, and no GPU generator is touched.
    """
    # torch.manual_seed would reseed every GPU as well.
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


def _device(name: str) -> torch.device:
    available = ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
    wanted = {"auto": available[1] if len(available) > 1 else "cpu", "cuda": "cuda:0"}.get(name, name)
    if wanted not in available:
        raise InvalidInputError(f"device={name!r} given; this machine has {', '.join(available)}, or take 'auto'")
    return torch.device(wanted)


def _has_bfloat16() -> bool:
    try:
        flags = set(CPU_INFO.read_text(encoding="utf-8").split())
    except OSError:
        return False
    return not flags.isdisjoint(BFLOAT16_FLAGS)
