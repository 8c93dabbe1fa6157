"""Progress measures of Nanda et al. 2023 (Sec. 5.1): the loss with only the mechanism, and the loss without it.

The mechanism reads the pair through one residue s (a + b mod p, or a − b). The directions cos w_k s and sin w_k s over
all p² pairs are therefore constant where s is constant. Each residue has p of the p² pairs. A projection of the logits
L onto these directions thus needs only their mean over the pairs of each residue, a matrix M[s, c] of p × p numbers:

    (2/p²) cos(w_k s_i) Σ_j cos(w_k s_j) L[j, c]  =  (2/p) cos(w_k s_i) Σ_s cos(w_k s) M[s, c].

Losses are per example, by a log-softmax in float64: in float32 a loss below 1e-7 is 0.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Float64, Int
from torch import Tensor

from grok.science.losses import cross_entropy
from grok.science.modular import fourier

UNDERFLOW_BOUND = 1e-260  # only terms below 1e-307 underflow, so a larger sum is exact to float64's precision


def mean_by_residue(
    logits: Float[Tensor, "*batch pair classes"], residue: Int[Tensor, " pair"]
) -> Float64[Tensor, "*batch classes classes"]:
    """M[s, c]: mean logits of the pairs with residue s. It needs all p² pairs, and one class per residue."""
    p = logits.shape[-1]
    total = logits.new_zeros(*logits.shape[:-2], p, p).index_add_(-2, residue, logits)
    return total.double() / torch.bincount(residue, minlength=p).unsqueeze(-1)


def restricted_loss(
    table: Float[Tensor, "*batch residue classes"],
    keys: Bool[Tensor, "*#batch frequency"],
    residue: Int[Tensor, "*#batch example"],
    labels: Int[Tensor, "*#batch example"],
) -> Float64[Tensor, "*batch example"]:
    """Loss of each example, from the mean logits and their projection onto the key frequencies' cosines and sines.

    `table` is M of `mean_by_residue`. Each frequency has two directions, cos w_k s and sin w_k s: ten for five keys.
    The paper's text also mentions the 2 × 2 products of cosines and sines of a and b (20); its curves use these ten.
    """
    projected = fourier.project_onto_frequencies(table.double(), keys, keep_mean=True)
    loss = -torch.log_softmax(projected, -1).flatten(-2)
    index = residue * table.shape[-1] + labels
    return loss.gather(-1, index.expand(*loss.shape[:-1], -1))


def excluded_loss(
    logits: Float[Tensor, "*batch example classes"],
    residue: Int[Tensor, "*#batch example"],
    labels: Int[Tensor, "*#batch example"],
    *,
    table: Float[Tensor, "*batch residue classes"],
    keys: Bool[Tensor, "*#batch frequency"],
) -> Float64[Tensor, "*batch example"]:
    """Loss of each example after subtracting the projection onto the key frequencies.

    The projection is over all pairs (`table` is M of `mean_by_residue`). The examples can be any of the pairs; the
    paper uses the training set.
    """
    removed = fourier.project_onto_frequencies(table.double(), keys, keep_mean=False)
    remaining = logits.double() - _gather_residues(removed, residue.expand(logits.shape[:-1]))
    return cross_entropy(remaining, labels.expand(logits.shape[:-1]))


def excluded_loss_by_frequency(
    logits: Float[Tensor, "*batch example classes"],
    residue: Int[Tensor, "*#batch example"],
    labels: Int[Tensor, "*#batch example"],
    *,
    table: Float[Tensor, "*batch residue classes"],
) -> Float64[Tensor, "*batch frequency example"]:
    """`excluded_loss` of each frequency alone (Nanda et al. 2023, Fig. 15).

    P_k[s, c] is the projection onto frequency k. Among the examples of one residue, Σ_c exp(L[i, c] − P_k[s_i, c]) is a
    product of the matrices exp(L) and exp(−P). The exponentials are thus computed once, not once per frequency. If a
    sum is so small that some of its terms may have underflowed, the loss is computed by `excluded_loss` instead. This
    happens when logits differ by hundreds, as with a large initialization.
    """
    batch, (n, p) = logits.shape[:-2], logits.shape[-2:]
    residue, labels = (x.expand(*batch, n).reshape(-1, n) for x in (residue, labels))
    flat = logits.double().reshape(-1, n, p)
    top = flat.amax(-1, keepdim=True)
    removed = _projections(table.double()).reshape(-1, p, p, (p - 1) // 2)  # [replica, s, c, k]
    lift = removed.amin(-2, keepdim=True)
    group = residue + p * torch.arange(flat.shape[0], device=residue.device).unsqueeze(-1)
    total = _grouped_product((flat - top).exp().flatten(0, 1), (lift - removed).exp().flatten(0, 1), group.flatten())
    index = group * p + labels
    target = flat.gather(-1, labels.unsqueeze(-1)) - removed.flatten(0, 2)[index]
    loss = (total.log().view(target.shape) + top - lift.flatten(0, 2)[group] - target).mT
    underflowed = (total < UNDERFLOW_BOUND).view(target.shape).mT
    for k in underflowed.any(-1).any(0).nonzero().flatten().tolist():
        remaining = flat - _gather_residues(removed[..., k], residue)
        loss[:, k] = torch.where(underflowed[:, k], cross_entropy(remaining, labels), loss[:, k])
    return loss.reshape(*batch, -1, n)


def _projections(table: Float[Tensor, "*batch p classes"]) -> Float[Tensor, "*batch p classes frequency"]:
    """P_k[s, c]: projection of each column onto each frequency."""
    wave = fourier.basis(table.shape[-2], like=table)[1:].unflatten(0, (-1, 2))
    return torch.einsum("kxs,...kxc->...sck", wave, (wave.flatten(0, 1) @ table).unflatten(-2, (-1, 2)))


def _gather_residues(
    table: Float[Tensor, "*batch residue d"], residue: Int[Tensor, "*batch example"]
) -> Float[Tensor, "*batch example d"]:
    """The row of each example's residue in the matrix of its replica."""
    n = table.shape[-2]
    first = n * torch.arange(table.shape[:-2].numel(), device=residue.device).view(*table.shape[:-2], 1)
    return table.flatten(0, -2)[residue + first]


def _grouped_product(
    left: Float[Tensor, "example c"], right: Float[Tensor, "group c k"], group: Int[Tensor, " example"]
) -> Float[Tensor, "example k"]:
    """left[i] @ right[group[i]], as one batched product with all groups padded to the size of the largest."""
    order = group.argsort()
    size = torch.bincount(group, minlength=right.shape[0])
    rank = torch.arange(group.numel(), device=group.device) - (size.cumsum(0) - size)[group[order]]
    widest = int(size.max())
    slot = torch.empty_like(group).index_copy_(0, order, group[order] * widest + rank)
    padded = left.new_zeros(right.shape[0] * widest, left.shape[-1]).index_copy_(0, slot, left)
    return (padded.view(right.shape[0], widest, -1) @ right).flatten(0, 1)[slot]
