"""The MLP on embeddings equals torch's modules with the same weights. A sum of operands loses their order."""

import pytest
import torch

from grok.models.embedded_mlp import EmbeddedMlp
from grok.models.spec import TokenPairs
from grok.random_streams import RandomStreams
from grok.training.build import build
from tests.conftest import TINY, composed

SMALL = dict(d_embedding=4, depth=2, width=6, activation="relu", inputs=TokenPairs(7), n_outputs=7)
ADDITION = ("task=modular_addition", "model=embedded_mlp", "task.p=7", "measure=[weight_norm]")
INPUTS = torch.randint(7, (2, 9, 2), generator=torch.Generator().manual_seed(0))


def network(combine: str, *seeds: int) -> EmbeddedMlp:
    generators = [RandomStreams(seed).generator("init") for seed in seeds]
    return EmbeddedMlp(**SMALL, combine=combine, generators=generators)


@pytest.mark.parametrize("combine", ["sum", "concatenate"])
def test_it_computes_the_same_outputs_as_torchs_layers(combine):
    model = network(combine, 0, 1)
    for replica in (0, 1):
        operands = torch.nn.functional.embedding(INPUTS[replica], model.embedding.weight[replica])
        hidden = operands.sum(1) if combine == "sum" else operands.flatten(1)
        first, last = ((layer.weight[replica], layer.bias[replica]) for layer in model.mlp.layers)
        expected = (hidden @ first[0] + first[1]).relu() @ last[0] + last[1]
        torch.testing.assert_close(model(INPUTS)[replica], expected, rtol=1e-12, atol=1e-12)


def test_a_sum_does_not_depend_on_the_order_of_the_operands():
    for combine, is_symmetric in (("sum", True), ("concatenate", False)):
        model = network(combine, 0, 1)
        assert torch.allclose(model(INPUTS), model(INPUTS.flip(2))) == is_symmetric


def test_a_batched_replica_equals_that_replica_alone():
    batched, alone = network("concatenate", 0, 1, 2), network("concatenate", 1)
    for parameter, single in zip(batched.parameters(), alone.parameters(), strict=True):
        assert torch.equal(parameter[1], single[0])
    torch.testing.assert_close(batched(INPUTS[:1].expand(3, -1, -1))[1], alone(INPUTS[:1])[0])


def test_a_circle_in_its_embedding_is_the_ring_of_that_frequency():
    module, _ = build([composed(*ADDITION, "measure=[ring_coordinates]")])
    angle = 2 * torch.pi * 3 * torch.arange(7) / 7
    circle = torch.stack([angle.cos(), angle.sin()], 1)
    with torch.no_grad():
        module.model.embedding.weight.zero_()[0, :, :2] = circle
        module.evaluate()
    torch.testing.assert_close(module.history.latest("ring")[0, 2].float(), circle, rtol=0, atol=2e-3)


@pytest.mark.parametrize("overrides", [(*ADDITION, "task.operation=compose_s5"), (*ADDITION, "task.p=22"), TINY])
def test_rings_of_a_network_without_embedded_residues_are_a_one_line_error(command, overrides):
    code, stderr = command(*overrides, "measure=[ring_coordinates]", "logger=none")
    assert code == 2 and stderr.startswith("error: measure=ring_coordinates: reads") and stderr.count("\n") == 1


def test_its_embedding_can_have_its_own_hyperparameters_in_a_task_on_pairs():
    module, _ = build([composed(*ADDITION, "+optimizer.param_groups.embedding.lr=0.1")])
    rest, embedding = module.configure_optimizers().param_groups
    assert [each.shape for each in embedding["params"]] == [(1, 7, 128)] and embedding["lr"] == 0.1
    assert rest["lr"] == 1e-3
