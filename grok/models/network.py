"""One network as a plain module, without the replica axis."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.func import functional_call

from grok.checks import UserError
from grok.models.model import Model


class Network(nn.Module):
    """A single network, in evaluation mode. Parameters, inputs and outputs have no replica axis.

    Its submodules and the names of its parameters are those of the model, which computes it as a batch of one. Hooks on
    submodules therefore see activations with a replica axis of size one.
    """

    def __init__(self, model: Model) -> None:
        """The first replica of the model, which is not to be used afterwards."""
        super().__init__()
        for name, parameter in [*model.named_parameters()]:
            owner, _, own_name = name.rpartition(".")
            setattr(model.get_submodule(owner), own_name, nn.Parameter(parameter.detach()[0].clone()))
        self._modules, self._parameters, self._buffers = model._modules, model._parameters, model._buffers
        self.__dict__["_computed"] = _AtEveryPosition(model)  # not a submodule: it would have the same parameters again
        self.eval()

    @property
    def model(self) -> Model:
        """The model that computes the network."""
        model: Model = self.__dict__["_computed"].model
        return model

    def forward(self, inputs: Tensor) -> Tensor:
        """The outputs for the inputs [example, …] of the task's spec: [example, output].

        A transformer on pairs of tokens also takes (a, b, "="), and answers with the logits of all tokens at every
        position: [example, position, token].
        """
        weights = {f"model.{name}": parameter.unsqueeze(0) for name, parameter in self.named_parameters()}
        outputs: Tensor = functional_call(self.__dict__["_computed"], weights, (inputs.unsqueeze(0),))
        return outputs.squeeze(0)


def load_network(model: Model, weights: Mapping[str, Tensor], *, source: object, replica: int = 0) -> None:
    """Load the weights of one network, without the replica axis, into a replica of the model.

    Raises:
        UserError: a name or a shape differs between `source`, where the weights are from, and the model.
    """
    own = {name: [*values.shape[1:]] for name, values in model.state_dict().items()}
    found = {name: [*values.shape] for name, values in weights.items()}
    for name in sorted(own.keys() ^ found.keys()):
        there, here = (source, "this model") if name in found else ("this model", source)
        raise UserError(f"{name} is in {there} but not in {here}")
    for name in sorted(own):
        if own[name] != found[name]:
            raise UserError(f"{name} has shape {found[name]} in {source} but {own[name]} in this model")
    with torch.no_grad():
        for name, values in model.state_dict().items():
            values[replica] = weights[name]


class _AtEveryPosition(nn.Module):
    """A model's outputs at every position, as a module."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = self.model.at_every_position(inputs)
        return outputs
