"""Key frequencies of a network: a boolean mask over the frequencies 1 … (p − 1) / 2, by one of three named rules.

The published rules disagree. A network of Nanda et al. with weight decay 0.1 has 5 key frequencies by its neuron–logit
map and 10 by its embedding. A measure of key frequencies must therefore name its rule.
"""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor

from grok.science.modular import fourier, neurons

SHARE_OF_LARGEST = 0.25  # from TransformerLens' grokking demo


def large_frequencies(norms: Float[Tensor, "*batch frequency"]) -> Bool[Tensor, "*batch frequency"]:
    """The frequencies with a norm above a quarter of the largest norm."""
    return norms > SHARE_OF_LARGEST * norms.amax(-1, keepdim=True)


def of_neuron_logit_map(weights: Float[Tensor, "*batch p neuron"]) -> Bool[Tensor, "*batch frequency"]:
    """Rule "neuron_logit", the stable one: large in W_L = W_U W_out, the map from the neurons to the class logits."""
    return large_frequencies(fourier.norm_by_frequency(weights))


def of_embedding(weights: Float[Tensor, "*batch p d"]) -> Bool[Tensor, "*batch frequency"]:
    """Rule "embedding": large in W_E, with one row per residue (without the row of "=")."""
    return large_frequencies(fourier.norm_by_frequency(weights))


def of_neurons(shares: Float[Tensor, "*batch frequency neuron"]) -> Bool[Tensor, "*batch frequency"]:
    """Rule "neuron": explains more than .85 of a neuron, and explains it best (`neurons.share_by_frequency`)."""
    return neurons.count_by_frequency(shares) > 0
