"""Progress measures of Nanda et al. 2023 (Sec. 5.1): the loss with only the mechanism, and the loss without it.

The mechanism reads the pair through one residue s (a + b mod p, or a − b), so the directions cos w_k s and sin w_k s
over all p² pairs are constant where s is: a projection of the logits L on them needs only the mean over the pairs of
equal residue, a table M[s, c] of p × p numbers, as long as every residue comes equally often (p times in p² pairs):

    (2/p²) cos(w_k s_i) Σ_j cos(w_k s_j) L[j, c]  =  (2/p) cos(w_k s_i) Σ_s cos(w_k s) M[s, c].

Losses are those of each example, by a log-softmax in float64: in float32 a loss below 1e-7 is 0.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Float64, Int
from torch import Tensor

from grok.science import fourier
from grok.science.losses import cross_entropy

LEAST = 1e-260  # every lost term is below 1e-307: a sum above this has lost nothing that float64 tells


def mean_by_residue(
    logits: Float[Tensor, "*batch pair classes"], residue: Int[Tensor, " pair"]
) -> Float64[Tensor, "*batch classes classes"]:
    """M[s, c]: the mean logits of all pairs with residue s. The pairs are all p², with as many classes as residues."""
    p = logits.shape[-1]
    total = logits.new_zeros(*logits.shape[:-2], p, p).index_add_(-2, residue, logits)
    return total.double() / torch.bincount(residue, minlength=p).unsqueeze(-1)


def restricted_loss(
    table: Float[Tensor, "*batch residue classes"],
    keys: Bool[Tensor, "*#batch frequency"],
    residue: Int[Tensor, "*#batch example"],
    labels: Int[Tensor, "*#batch example"],
) -> Float64[Tensor, "*batch example"]:
    """The loss of each example from the mean logits and their projection on the key frequencies' cosines and sines.

    `table` is M of `mean_by_residue`. Two directions a frequency, cos w_k s and sin w_k s: ten for five keys. The
    paper's text also speaks of the 2 × 2 products of cosines and sines of a and b (20), its curves are of these.
    """
    kept = fourier.onto_frequencies(table.double(), keys, keep_mean=True)
    loss = -torch.log_softmax(kept, -1).flatten(-2)
    place = residue * table.shape[-1] + labels
    return loss.gather(-1, place.expand(*loss.shape[:-1], -1))


def excluded_loss(
    logits: Float[Tensor, "*batch example classes"],
    residue: Int[Tensor, "*#batch example"],
    labels: Int[Tensor, "*#batch example"],
    *,
    table: Float[Tensor, "*batch residue classes"],
    keys: Bool[Tensor, "*#batch frequency"],
) -> Float64[Tensor, "*batch example"]:
    """The loss of each example without the projection on the key frequencies; the paper takes the training examples.

    The projection is that over all pairs (`table` is M of `mean_by_residue`), the examples may be any of them.
    """
    removed = fourier.onto_frequencies(table.double(), keys, keep_mean=False)
    left = logits.double() - _rows(removed, residue.expand(logits.shape[:-1]))
    return cross_entropy(left, labels.expand(logits.shape[:-1]))


def excluded_loss_by_frequency(
    logits: Float[Tensor, "*batch example classes"],
    residue: Int[Tensor, "*#batch example"],
    labels: Int[Tensor, "*#batch example"],
    *,
    table: Float[Tensor, "*batch residue classes"],
) -> Float64[Tensor, "*batch frequency example"]:
    """`excluded_loss` without one frequency at a time, for all of them (Nanda et al. 2023, Fig. 15).

    With P_k[s, c] the projection on frequency k, Σ_c exp(L[i, c] − P_k[s_i, c]) is, among the examples of a residue, a
    product of the matrices exp(L) and exp(−P): the exponentials are taken once, not once for each frequency. Where an
    example's sum is so small that terms of it may have been lost on the way (logits that are hundreds apart, as at a
    large initialisation), its loss is that of `excluded_loss`.
    """
    batch, (n, p) = logits.shape[:-2], logits.shape[-2:]
    residue, labels = (x.expand(*batch, n).reshape(-1, n) for x in (residue, labels))
    flat = logits.double().reshape(-1, n, p)
    top = flat.amax(-1, keepdim=True)
    removed = _frequency_parts(table.double()).reshape(-1, p, p, (p - 1) // 2)  # [replica, s, c, k]
    lift = removed.amin(-2, keepdim=True)
    group = residue + p * torch.arange(flat.shape[0], device=residue.device).unsqueeze(-1)
    total = _grouped_product((flat - top).exp().flatten(0, 1), (lift - removed).exp().flatten(0, 1), group.flatten())
    place = group * p + labels
    target = flat.gather(-1, labels.unsqueeze(-1)) - removed.flatten(0, 2)[place]
    loss = (total.log().view(target.shape) + top - lift.flatten(0, 2)[group] - target).mT
    lost = (total < LEAST).view(target.shape).mT
    for k in lost.any(-1).any(0).nonzero().flatten().tolist():
        left = flat - _rows(removed[..., k], residue)
        loss[:, k] = torch.where(lost[:, k], cross_entropy(left, labels), loss[:, k])
    return loss.reshape(*batch, -1, n)


def _frequency_parts(table: Float[Tensor, "*batch p classes"]) -> Float[Tensor, "*batch p classes frequency"]:
    """P_k[s, c]: the projection of each column on each frequency."""
    wave = fourier.basis(table.shape[-2], like=table)[1:].unflatten(0, (-1, 2))
    return torch.einsum("kxs,...kxc->...sck", wave, (wave.flatten(0, 1) @ table).unflatten(-2, (-1, 2)))


def _rows(
    table: Float[Tensor, "*batch row d"], row: Int[Tensor, "*batch example"]
) -> Float[Tensor, "*batch example d"]:
    """The rows of each batch's own table."""
    n = table.shape[-2]
    first = n * torch.arange(table.shape[:-2].numel(), device=row.device).view(*table.shape[:-2], 1)
    return table.flatten(0, -2)[row + first]


def _grouped_product(
    left: Float[Tensor, "example c"], right: Float[Tensor, "group c k"], group: Int[Tensor, " example"]
) -> Float[Tensor, "example k"]:
    """left[i] @ right[group[i]], as one batched product of groups that are padded to the size of the largest."""
    order = group.argsort()
    size = torch.bincount(group, minlength=right.shape[0])
    rank = torch.arange(group.numel(), device=group.device) - (size.cumsum(0) - size)[group[order]]
    widest = int(size.max())
    slot = torch.empty_like(group).index_copy_(0, order, group[order] * widest + rank)
    padded = left.new_zeros(right.shape[0] * widest, left.shape[-1]).index_copy_(0, slot, left)
    return (padded.view(right.shape[0], widest, -1) @ right).flatten(0, 1)[slot]
