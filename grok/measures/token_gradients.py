"""One network that predicts tokens: the losses and gradients of single tokens, also with changed weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.func import functional_call

from grok.models.model import Model
from grok.science.quanta.gradient_gram import gradient_rows, passed_layers, random_count_sketch
from grok.science.quanta.token_samples import TokenSamples
from grok.tasks.task import Task

BLOCK_TOKENS = 4096  # tokens of contexts that are computed at once
BLOCK_BYTES = 2.5e8  # of gradients in memory at once before they are sketched

Weights = Mapping[str, Tensor]


@dataclass(frozen=True)
class TokenNetwork:
    """One replica of a causal model, on examples [example, position]. A sample is one predicted token.

    Only the tokens before it are computed, and gradients are with respect to the linear maps of attention and MLPs:
    those of embeddings tell which tokens are there (Michaud et al. 2023 leave them out, and the norms).
    """

    model: Model
    task: Task
    parameters: Weights  # of the replica, with its axis if the model has one
    inputs: Int[Tensor, "example position"]
    targets: Int[Tensor, "example position"]

    @classmethod
    def of_replica(cls, model: Model, task: Task, replica: int, n_replicas: int, *examples: Tensor) -> TokenNetwork:
        """The network of one of the model's replicas."""
        parameters = {name: each.detach() for name, each in model.named_parameters()}
        if n_replicas > 1:
            parameters = {name: each[replica : replica + 1] for name, each in parameters.items()}
        return cls(model, task, parameters, *examples)

    @property
    def weights(self) -> Weights:
        """The parameters of the linear maps."""
        maps = {id(each) for module in self.model.linear_maps.values() for each in module.parameters()}
        return {name: self.parameters[name] for name, each in self.model.named_parameters() if id(each) in maps}

    def losses(self, samples: TokenSamples, weights: Weights | None = None) -> Float[Tensor, " sample"]:
        """The loss of each sample; with other weights for some parameters, if given."""
        examples, positions = (torch.from_numpy(each).to(self.inputs.device) for each in samples)
        contexts = self.inputs[examples, : int(positions.max()) + 1]
        given = {f"model.{name}": each for name, each in {**self.parameters, **(weights or {})}.items()}
        outputs = functional_call(_AtPositions(self.model), given, (contexts.unsqueeze(0), positions.unsqueeze(0)))[0]
        return self.task.example_loss(outputs, self.targets[examples, positions])

    def gradients(
        self, samples: TokenSamples, sketch: Callable[[Float[Tensor, "m parameter"]], Float[Tensor, "m kept"]] | None
    ) -> Float[Tensor, "sample kept"]:
        """The gradient of each sample, flat, or its sketch."""
        maps, rows, memory = self.model.linear_maps.values(), None, None
        for chosen in self._blocks(samples):
            layers = passed_layers(maps, lambda: self.losses(_take(samples, chosen)))  # noqa: B023 - called at once
            memory = memory if memory is not None and len(memory) >= len(chosen) else None
            gradients = gradient_rows(layers, memory)
            memory = gradients if memory is None else memory
            kept = gradients if sketch is None else sketch(gradients)
            rows = kept.new_empty(len(samples.examples), kept.shape[1]) if rows is None else rows
            rows[chosen] = kept
        assert rows is not None, "there are samples"
        return rows

    def count_sketch(self, n_kept: int) -> Callable[[Float[Tensor, "m parameter"]], Float[Tensor, "m kept"]]:
        """A sketch of its gradients, the same for all networks of its size."""
        n_parameters = sum(each.numel() for each in self.weights.values())
        generator = torch.Generator(self.inputs.device).manual_seed(0)
        return random_count_sketch(n_parameters, n_kept=n_kept, generator=generator)

    @torch.no_grad()
    def all_losses(self, samples: TokenSamples, weights: Weights | None = None) -> Float[Tensor, " sample"]:
        """The losses, computed in blocks."""
        losses = torch.empty(len(samples.examples), dtype=next(iter(self.parameters.values())).dtype)
        for chosen in self._blocks(samples):
            losses[chosen] = self.losses(_take(samples, chosen), weights).cpu()
        return losses

    @torch.enable_grad()
    def mean_gradient(self, samples: TokenSamples) -> dict[str, Tensor]:
        """The gradient of the samples' mean loss, by parameter."""
        weights = {name: each.clone().requires_grad_() for name, each in self.weights.items()}
        total = {name: torch.zeros_like(each) for name, each in weights.items()}
        for chosen in self._blocks(samples):
            loss = self.losses(_take(samples, chosen), weights).sum() / len(samples.examples)
            for name, gradient in zip(weights, torch.autograd.grad(loss, [*weights.values()]), strict=True):
                total[name] += gradient
        return total

    def _blocks(self, samples: TokenSamples) -> Iterator[Int[np.ndarray, " chosen"]]:
        """Indices of samples that are computed together: those with contexts of similar length."""
        order = np.argsort(samples.positions, kind="stable")
        row_bytes = sum(each.numel() * each.element_size() for each in self.weights.values())
        start = len(order)
        while start:  # from the longest context on
            longest = int(samples.positions[order[start - 1]]) + 1
            size = max(1, min(BLOCK_TOKENS // longest, int(BLOCK_BYTES / row_bytes)))
            yield order[max(0, start - size) : start]
            start = max(0, start - size)


class _AtPositions(nn.Module):
    """The model's `at_positions` as a module, for torch's `functional_call`."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, inputs: Int[Tensor, "replica example position"], positions: Int[Tensor, "replica example"]
    ) -> Float[Tensor, "replica example token"]:
        return self.model.at_positions(inputs, positions)


def _take(samples: TokenSamples, chosen: Int[np.ndarray, " chosen"]) -> TokenSamples:
    return TokenSamples(*(each[chosen] for each in samples))
