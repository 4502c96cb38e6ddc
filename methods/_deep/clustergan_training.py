"""ClusterGAN's training: some steps of the critic, then one of generator and encoder together.

Mukherjee et al., "ClusterGAN: Latent Space Clustering in Generative Adversarial Networks", AAAI 2019,
doi:10.1609/aaai.v33i01.33014610.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from math import isfinite

import torch
from torch import Tensor, nn
from torch.optim import Adam

from bench.errors import InvalidInputError

from .generative import Latent, Networks, draw_latents, encoder_errors
from .training import ResidentData
from .wasserstein import critic_gap, gradient_penalty, interpolate

__all__ = ["Adversaries", "Draw", "Weights", "draw_steps", "train"]

# Steps whose random numbers are drawn at once: a few calls for all of them, some megabytes.
BLOCK = 100
ADAM_BETAS = (0.5, 0.9)


@dataclass(frozen=True)
class Weights:
    """Weights of the loss terms: β_n, β_c, and λ of the gradient penalty."""

    beta_n: float
    beta_c: float
    penalty: float


@dataclass(frozen=True)
class Draw:
    """Random numbers of one step of generator and encoder, with its C critic steps before.

    Parameters
    ----------
    index : Tensor of shape (C, B), int64
        Real samples, drawn with replacement.
    mix : Tensor of shape (C, B)
        ε of the gradient penalty, uniform in [0, 1).
    latent : Latent
        z_n (C + 1, B, d_n) and z_c (C + 1, B, K): the last is for generator and encoder.
    """

    index: Tensor
    mix: Tensor
    latent: Latent

    def critic_turns(self) -> Iterator[tuple[Tensor, Tensor, Latent]]:
        """Index (B,), mix (B,) and latent variables of every critic step."""
        for turn in range(len(self.index)):
            yield self.index[turn], self.mix[turn], self.latent[turn]


def draw_steps(
    n: int, batch: tuple[int, int], latent_sizes: tuple[int, int], generator: torch.Generator
) -> Iterator[Draw]:
    """Random numbers of one step after the other, without end.

    Parameters
    ----------
    n : int
        Number of real samples.
    batch : (int, int)
        Critic steps C, and samples a step B.
    latent_sizes : (int, int)
        d_n and K.
    generator : torch.Generator
        Source of randomness, on the device of the networks.
    """
    critic_steps, size = batch
    device = generator.device
    while True:
        index = torch.randint(n, (BLOCK, critic_steps, size), generator=generator, device=device)
        mix = torch.rand(BLOCK, critic_steps, size, generator=generator, device=device)
        latent = draw_latents((BLOCK, critic_steps + 1, size), *latent_sizes, generator)
        for step in range(BLOCK):
            yield Draw(index[step], mix[step], latent[step])


class Adversaries:
    """Networks, optimisers and losses.

    Parameters
    ----------
    networks : Networks
        On the device of `data`.
    data : ResidentData
        Real samples.
    weights : Weights
        Of the loss terms.
    learning_rate : float
        Step size of both Adam optimisers.
    """

    def __init__(self, networks: Networks, data: ResidentData, weights: Weights, learning_rate: float) -> None:
        self.networks = networks
        self.data = data
        self.weights = weights
        self._critic = _adam([networks.critic], learning_rate)
        self._generator = _adam([networks.generator, networks.encoder], learning_rate)

    def critic_step(self, index: Tensor, mix: Tensor, latent: Latent) -> Tensor:
        """Lower L_D = E D(x) - E D(G(z)) + λ E (‖∇D(x̂)‖ - 1)² by one step of the critic.

        Returns
        -------
        Tensor of shape (2,)
            Estimated Wasserstein distance E D(G(z)) - E D(x), and the penalty without λ, before the step.
        """
        networks, real = self.networks, self.data.samples[index]
        with torch.no_grad(), self.data.hardware.autocast():
            fake = networks.generator(latent.joined()).float()
        with self.data.hardware.autocast():
            scores = networks.critic(torch.cat([real, fake])).float()
            penalty = gradient_penalty(networks.critic, interpolate(real, fake, mix))
        gap = critic_gap(*scores.chunk(2))
        _step(self._critic, gap + self.weights.penalty * penalty)
        return torch.stack([-gap, penalty]).detach()

    def generator_step(self, latent: Latent) -> Tensor:
        """Lower L_GE = E D(G(z)) + β_n E (z_n - E_n(G(z)))² + β_c CE(z_c, E_c(G(z))) by one step of both.

        Returns
        -------
        Tensor of shape (3,)
            The loss, its second term without β_n and its third without β_c, before the step.
        """
        networks = self.networks
        with self.data.hardware.autocast():
            fake = networks.generator(latent.joined())
            scores, outputs = networks.critic(fake).float(), networks.encoder(fake).float()
        noise_error, cluster_error = encoder_errors(outputs, latent)
        loss = scores.mean() + self.weights.beta_n * noise_error + self.weights.beta_c * cluster_error
        _step(self._generator, loss)
        return torch.stack([loss, noise_error, cluster_error]).detach()


def train(adversaries: Adversaries, draws: Iterator[Draw], *, steps: int, rows: int, log: Callable[..., None]) -> None:
    """Train for a fixed number of steps.

    Parameters
    ----------
    adversaries : Adversaries
        What to train.
    draws : iterator of Draw
        Random numbers.
    steps : int
        Steps of generator and encoder.
    rows : int
        How many times to tell `log`, at most `steps`. The host waits for the device this often and no more.
    log : callable
        Told ``(row, step=..., loss=..., noise_error=..., cluster_error=..., wasserstein=..., penalty=...)``: steps made
        by then, and means since the row before.

    Raises
    ------
    InvalidInputError
        If training diverges.
    """
    done = 0
    for row in range(rows):
        end = steps * (row + 1) // rows
        means = _train_some(adversaries, islice(draws, end - done))
        if not all(isfinite(mean) for mean in means.values()):
            raise InvalidInputError(
                f"the losses became NaN or infinite by step {end}: training diverged; lower learning_rate, or scale X "
                "to [-1, 1]"
            )
        done = end
        log(row, step=done, **means)


def _train_some(adversaries: Adversaries, draws: Iterable[Draw]) -> dict[str, float]:
    """One step for every one of `draws`; means of the terms by name."""
    critic_terms: list[Tensor] = []
    generator_terms: list[Tensor] = []
    for draw in draws:
        critic_terms += [adversaries.critic_step(*turn) for turn in draw.critic_turns()]
        generator_terms.append(adversaries.generator_step(draw.latent[-1]))
    means = torch.cat([torch.stack(terms).mean(0) for terms in (generator_terms, critic_terms)])
    names = ("loss", "noise_error", "cluster_error", "wasserstein", "penalty")
    return dict(zip(names, means.tolist(), strict=True))


def _adam(networks: list[nn.Module], learning_rate: float) -> Adam:
    parameters = [parameter for network in networks for parameter in network.parameters() if parameter.requires_grad]
    return Adam(parameters, learning_rate, betas=ADAM_BETAS, fused=True)


def _step(optimiser: Adam, loss: Tensor) -> None:
    parameters = optimiser.param_groups[0]["params"]
    optimiser.zero_grad()
    # Named, so that no gradient is computed for the opponent's weights.
    torch.autograd.backward(loss, inputs=parameters)
    optimiser.step()
