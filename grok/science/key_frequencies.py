"""Which frequencies a network uses: a boolean mask over the frequencies 1 … (p − 1) / 2, by a rule that has a name.

The rules in circulation disagree (a network of Nanda et al. with weight decay 0.1 has 5 key frequencies by its
neuron–logit map and 10 by its embedding), so whoever prints a measure of key frequencies says by which rule.
"""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor

from grok.science import fourier, neurons

SHARE_OF_LARGEST = 0.25  # of TransformerLens' grokking demo


def large(norms: Float[Tensor, "*batch frequency"]) -> Bool[Tensor, "*batch frequency"]:
    """The frequencies with a norm of more than a quarter of the largest."""
    return norms > SHARE_OF_LARGEST * norms.amax(-1, keepdim=True)


def of_neuron_logit_map(weights: Float[Tensor, "*batch p neuron"]) -> Bool[Tensor, "*batch frequency"]:
    """Rule "neuron_logit", the stable one: large in W_L = W_U W_out, from the neurons to the logits of the classes."""
    return large(fourier.norm_by_frequency(weights))


def of_embedding(weights: Float[Tensor, "*batch p d"]) -> Bool[Tensor, "*batch frequency"]:
    """Rule "embedding": large in W_E, whose rows are the residues (without that of "=")."""
    return large(fourier.norm_by_frequency(weights))


def of_neurons(shares: Float[Tensor, "*batch frequency neuron"]) -> Bool[Tensor, "*batch frequency"]:
    """Rule "neuron": the best of a neuron that it explains by more than .85 (`neurons.share_by_frequency`)."""
    return neurons.per_frequency(shares) > 0
