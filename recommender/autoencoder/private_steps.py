"""One step of DP-SGD as Opacus takes it, with noise that is exact: Opacus clips and sums, integers get the noise.

Opacus draws its noise in floating point; its secure mode makes Mironov's attack of 2012 on the last bits dear, and does
not end it (and it needs a library that current versions of torch no longer load). Here the summed, clipped gradients
are rounded to a grid that is fixed beforehand, and the noise is a discrete Gaussian on that grid, as in a release.
"""

from collections.abc import Iterator

import numpy as np
import torch
from opacus import GradSampleModuleFastGradientClipping
from opacus.optimizers import DPOptimizerFastGradientClipping
from opacus.utils.fast_gradient_clipping_utils import DPTensorFastGradientClipping
from torch import nn

from recommender.autoencoder.mechanism import GRADIENT_BITS, DeepMechanism
from recommender.noise import NoiseSource


class ExactNoiseOptimizer(DPOptimizerFastGradientClipping):  # type: ignore[misc]  # Opacus has no types
    """Opacus' optimizer for ghost clipping, with discrete Gaussian noise on integers in place of its own.

    Guarantees:
        - what is added to the rounded sum has standard deviation ``mechanism.noise_scale`` on the grid
          max_grad_norm · 2^-26, independently for each trained number
    """

    def __init__(self, optimizer: torch.optim.Optimizer, mechanism: DeepMechanism, noise: NoiseSource) -> None:
        super().__init__(
            optimizer,
            noise_multiplier=mechanism.noise_multiplier,
            max_grad_norm=mechanism.max_grad_norm,
            expected_batch_size=None,
            loss_reduction="sum",
        )
        self.grid = mechanism.max_grad_norm / 2**GRADIENT_BITS
        self.noise_scale = mechanism.noise_scale
        self.noise = noise

    def add_noise(self) -> None:
        """Replace each sum of clipped gradients by its noisy version."""
        for trained in self.params:
            exact = np.rint(trained.summed_grad.numpy() / self.grid).astype(np.int64)
            noisy = exact + self.noise.draw(exact.size, self.noise_scale).reshape(exact.shape)
            trained.grad = torch.from_numpy(noisy * self.grid)
            trained.summed_grad = None  # a second step on the same sum would be an unpaid one


def private(layer: nn.Linear, mechanism: DeepMechanism) -> GradSampleModuleFastGradientClipping:
    """The layer, watched by Opacus: norms of each subject's gradient without the gradients (ghost clipping)."""
    return GradSampleModuleFastGradientClipping(
        layer, loss_reduction="sum", max_grad_norm=mechanism.max_grad_norm, use_ghost_clipping=True
    )


def take_step(
    layer: GradSampleModuleFastGradientClipping,
    optimizer: DPOptimizerFastGradientClipping,
    chunks: Iterator[tuple[torch.Tensor, torch.Tensor]],
) -> None:
    """One private step over a batch that comes in chunks of (input, target), one subject a row; an empty one is fine.

    Guarantees:
        - one subject moves the summed gradient by at most ``max_grad_norm`` in L2
        - noise is added once, after the last chunk, also when nobody is in the batch
    """
    present: tuple[torch.Tensor, torch.Tensor] | None = next(chunks)
    while present is not None:
        following = next(chunks, None)
        given, wanted = present
        each = (layer(given) - wanted).square().sum(dim=1) / 2
        DPTensorFastGradientClipping(layer, optimizer, each, loss_reduction="sum").backward()
        optimizer.signal_skip_step(do_skip=following is not None)
        optimizer.step()
        optimizer.zero_grad()
        present = following
