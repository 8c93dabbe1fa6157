"""Whether a logit's gradients by its two operands agree: Clock or Pizza (Zhong et al. 2023)."""

from __future__ import annotations

import random
from functools import lru_cache

import torch
from jaxtyping import Float, Int
from torch import Tensor

from grok.measures.addition import adds_by_transformer, transformer
from grok.measures.look import Look
from grok.models.transformer import Transformer
from grok.records.history import History
from grok.records.labelled import Labelled
from grok.science.symmetricity import gradient_symmetricity

TRIPLES = 100  # (a, b, c) that are sampled, as in the paper's code
SHUFFLED = 127  # the largest p whose p³ triples are shuffled for it: 3 s; published are p = 59 and 113


class Symmetry:
    """At the last look alone: gradient symmetricity, on the paper's triples.

    It tells Clock from Pizza where a network adds. To subtract, either must turn b's ring round, and the gradients by a
    and b differ by that.
    """

    check = staticmethod(adds_by_transformer)

    def __call__(self, look: Look) -> dict[str, Labelled]:
        return {}

    def last(self, look: Look, history: History) -> dict[str, Labelled]:
        model = transformer(look)
        triples = sampled(model.embedding.n_tokens).to(look.train.rows.device)
        found = [gradient_symmetricity(*gradients(model, r, triples)) for r in range(len(look.train.rows))]
        return {"gradient_symmetricity": Labelled(torch.stack(found), "gradient symmetricity")}


@lru_cache(maxsize=2)
def sampled(p: int) -> Int[Tensor, "triple 3"]:
    """The first of all (a, b, c) in their order, shuffled by `random.Random(42)`: those of the paper's code; beyond
    `SHUFFLED`, as many that are drawn from all of them without laying them out."""
    every, generator = range(p**3), random.Random(42)
    if p <= SHUFFLED:
        order = [*every]
        generator.shuffle(order)
        triple = torch.tensor(order[:TRIPLES])
    else:
        triple = torch.tensor(generator.sample(every, TRIPLES))
    return torch.stack([triple // p**2, triple // p % p, triple % p], 1)


@torch.enable_grad()
def gradients(
    model: Transformer, replica: int, triples: Int[Tensor, "triple 3"]
) -> tuple[Float[Tensor, "triple width"], Float[Tensor, "triple width"]]:
    """∂L_c / ∂E_a and ∂L_c / ∂E_b of one replica.

    Each triple is a replica with an embedding of its own, in which b is moved to a row that is not a's: so the two
    gradients are told apart where a = b.
    """
    n, (a, b, c) = len(triples), triples.unbind(1)
    weights = {
        name: each[replica : replica + 1].detach().expand(n, *each.shape[1:])
        for name, each in (*model.named_parameters(), *model.named_buffers())
    }
    table = weights["embedding.tokens"].clone()
    each, beside = torch.arange(n, device=a.device), (a + 1) % model.embedding.n_tokens
    table[each, beside] = weights["embedding.tokens"][each, b]
    table.requires_grad_()
    inputs = torch.stack([a, beside], 1).unsqueeze(1)
    logits = torch.func.functional_call(model, weights | {"embedding.tokens": table}, inputs)
    (found,) = torch.autograd.grad(logits[each, 0, c].sum(), table)
    return found[each, a], found[each, beside]
