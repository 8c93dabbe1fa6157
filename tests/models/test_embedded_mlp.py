"""A perceptron on embeddings: torch's own modules on the same weights, and what adding the operands loses."""

import pytest
import torch

from grok.models.embedded_mlp import EmbeddedMlp
from grok.streams import Streams
from grok.training.build import build
from tests.conftest import TINY, composed

SMALL = dict(d_embedding=4, depth=2, width=6, activation="relu", n_tokens=7, n_outputs=7)


def network(combine: str, *seeds: int) -> EmbeddedMlp:
    generators = [Streams(seed).generator("init") for seed in seeds]
    return EmbeddedMlp(**SMALL, combine=combine, generators=generators)


ADDED = ("task=modular_addition", "model=embedded_mlp", "task.p=7", "measure=[performance,weight_norm]")
INPUTS = torch.randint(7, (2, 9, 2), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("combine", ["sum", "concatenate"])
def test_it_computes_what_torchs_layers_compute(combine):
    ours = network(combine, 0, 1)
    for replica in (0, 1):
        operands = torch.nn.functional.embedding(INPUTS[replica], ours.embedding.weight[replica])
        hidden = operands.sum(1) if combine == "sum" else operands.flatten(1)
        first, last = ((layer.weight[replica], layer.bias[replica]) for layer in ours.mlp.layers)
        expected = (hidden @ first[0] + first[1]).relu() @ last[0] + last[1]
        torch.testing.assert_close(ours(INPUTS)[replica], expected, rtol=1e-12, atol=1e-12)


def test_a_sum_cannot_tell_the_operands_order():
    for combine, same in (("sum", True), ("concatenate", False)):
        model = network(combine, 0, 1)
        assert torch.allclose(model(INPUTS), model(INPUTS.flip(2))) == same


def test_a_replica_among_others_is_that_replica_alone():
    together, alone = network("concatenate", 0, 1, 2), network("concatenate", 1)
    for ours, single in zip(together.parameters(), alone.parameters(), strict=True):
        assert torch.equal(ours[1], single[0])
    torch.testing.assert_close(together(INPUTS[:1].expand(3, -1, -1))[1], alone(INPUTS[:1])[0])


def test_its_embedding_has_rings():
    """A circle in the embedding's plane is the ring of its frequency, whatever is behind it."""
    training, _ = build([composed(*ADDED, "measure=[performance,ring_coordinates]")])
    angle = 2 * torch.pi * 3 * torch.arange(7) / 7
    circle = torch.stack([angle.cos(), angle.sin()], 1)
    with torch.no_grad():
        training.model.embedding.weight.zero_()[0, :, :2] = circle
        training.look()
    torch.testing.assert_close(training.history.latest("ring")[0, 2].float(), circle, rtol=0, atol=2e-3)


@pytest.mark.parametrize("given", [(*ADDED, "task.operation=compose_s5"), (*ADDED, "task.p=22"), TINY])
def test_what_embeds_no_residues_has_no_rings_and_is_one_line(command, given):
    code, said = command(*given, "measure=[performance,ring_coordinates]", "logger=none")
    assert code == 2 and said.startswith("error: measure=ring_coordinates: reads") and said.count("\n") == 1


def test_a_task_of_pairs_takes_it_and_its_parts_have_rates_of_their_own():
    config = composed(*ADDED, "+optimizer.parts.embedding.lr=0.1")
    training, _ = build([config])
    embedding, rest = training.configure_optimizers().param_groups[1], training.configure_optimizers().param_groups[0]
    assert [each.shape for each in embedding["params"]] == [(1, 7, 128)] and embedding["lr"] == 0.1
    assert rest["lr"] == 1e-3
