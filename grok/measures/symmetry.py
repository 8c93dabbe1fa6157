"""Gradient symmetricity: whether a logit's gradients by its two operands agree (Clock or Pizza, Zhong et al. 2023)."""

from __future__ import annotations

import random
from functools import lru_cache

import torch
from jaxtyping import Float, Int
from torch import Tensor

from grok.measures.addition import transformer, validate_addition
from grok.measures.snapshot import Measure, Snapshot
from grok.models.model import Model
from grok.models.transformer import Transformer
from grok.records.history import History
from grok.records.quantity import Quantity
from grok.science.modular.symmetricity import gradient_symmetricity
from grok.tasks.task import Task

N_TRIPLES = 100  # sampled (a, b, c), as in the paper's code
MAX_SHUFFLED_P = 127  # the largest p whose p³ triples are shuffled, in 3 s; p = 59 and 113 are published


class Symmetry(Measure):
    """Only at the last evaluation: gradient symmetricity on the paper's triples.

    It distinguishes Clock from Pizza for addition. For subtraction both must reverse the ring of b, so the gradients by
    a and b differ for that reason alone.
    """

    def validate(self, task: Task, model: Model) -> None:
        validate_addition(task, model)

    def __call__(self, snapshot: Snapshot) -> dict[str, Quantity]:
        return {}

    def finalize(self, snapshot: Snapshot, history: History) -> dict[str, Quantity]:
        model = transformer(snapshot)
        triples = sample_triples(model.embedding.n_tokens).to(snapshot.train.indices.device)
        n_replicas = len(snapshot.train.indices)
        values = [gradient_symmetricity(*embedding_gradients(model, r, triples)) for r in range(n_replicas)]
        return {"gradient_symmetricity": Quantity(torch.stack(values), "gradient symmetricity")}


@lru_cache(maxsize=2)
def sample_triples(p: int) -> Int[Tensor, "triple 3"]:
    """`N_TRIPLES` of all (a, b, c): those of the paper's code, the first after a shuffle by `random.Random(42)`.

    For p above `MAX_SHUFFLED_P` they are sampled without replacement, without a list of all triples.
    """
    indices, generator = range(p**3), random.Random(42)
    if p <= MAX_SHUFFLED_P:
        order = [*indices]
        generator.shuffle(order)
        sampled = torch.tensor(order[:N_TRIPLES])
    else:
        sampled = torch.tensor(generator.sample(indices, N_TRIPLES))
    return torch.stack([sampled // p**2, sampled // p % p, sampled % p], 1)


@torch.enable_grad()
def embedding_gradients(
    model: Transformer, replica: int, triples: Int[Tensor, "triple 3"]
) -> tuple[Float[Tensor, "triple width"], Float[Tensor, "triple width"]]:
    """∂L_c / ∂E_a and ∂L_c / ∂E_b of one replica.

    Each triple gets its own copy of the embedding, with b's embedding moved to row a + 1. So the two gradients are
    separate even if a = b.
    """
    n, (a, b, c) = len(triples), triples.unbind(1)
    weights = {
        name: each[replica : replica + 1].detach().expand(n, *each.shape[1:])
        for name, each in (*model.named_parameters(), *model.named_buffers())
    }
    table = weights["embedding.tokens"].clone()
    index, b_row = torch.arange(n, device=a.device), (a + 1) % model.embedding.n_tokens
    table[index, b_row] = weights["embedding.tokens"][index, b]
    table.requires_grad_()
    inputs = torch.stack([a, b_row], 1).unsqueeze(1)
    logits = torch.func.functional_call(model, weights | {"embedding.tokens": table}, inputs)
    (gradients,) = torch.autograd.grad(logits[index, 0, c].sum(), table)
    return gradients[index, a], gradients[index, b_row]
