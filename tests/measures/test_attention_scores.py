"""A hand-built induction circuit has scores of one and copies; other models and tasks are refused."""

import pytest
import torch

from grok.checks import UserError
from grok.measures.attention_scores import AttentionScores
from grok.measures.kl_to_predictors import KlToPredictors
from grok.models.decoder import Decoder
from grok.records.history import History
from grok.science.language.markov_chains import bigram_predictor
from grok.training.build import build
from tests.conftest import ADDITION, composed
from tests.measures.snapshots import snapshot_of

N_TOKENS, LENGTH = 6, 12
HAND_BUILT = (
    "task=induction",
    f"task.n_tokens={N_TOKENS}",
    f"task.length={LENGTH}",
    "task.piece_length=4",
    "task.n_occurrences=2",
    "task.n_test=30",
    f"model.width={3 * N_TOKENS + LENGTH}",
    "model.heads=1",
    "precision=float64",
)
CHAINS = ("task=markov_chains", "task.n_test=20", "task.length=10", "precision=float64")


def build_induction_circuit(model: Decoder) -> None:
    """Weights of an induction circuit on the subspaces token, position, previous token, and copy.

    Block 1 attends to the previous position and writes its token to `previous`. Block 2 compares its own token with
    `previous` and copies the token there. Position 0, which has no previous token, is repelled.
    """
    large, eye = 200.0, torch.eye(N_TOKENS, dtype=torch.float64)
    token, position = slice(0, N_TOKENS), slice(N_TOKENS, N_TOKENS + LENGTH)
    previous, copy = (slice(N_TOKENS * n + LENGTH, N_TOKENS * (n + 1) + LENGTH) for n in (1, 2))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model.embedding.tokens[0, :, token] = eye
        model.embedding.positions[0, :, position] = torch.eye(LENGTH, dtype=torch.float64)
        for block, written in zip(model.blocks, (previous, copy), strict=True):
            queries, keys, values = block.attention.qkv.weight[0].chunk(3, dim=1)
            if written == previous:
                queries[position, position] = large * torch.eye(LENGTH, dtype=torch.float64).roll(-1, 1)
                keys[position, position] = torch.eye(LENGTH, dtype=torch.float64)
            else:
                queries[token, token] = large * eye
                keys[previous, token] = eye
                keys[position.start, token] = -1
            values[token, token] = eye
            block.attention.outputs.weight[0, token, written] = eye
        model.unembedding.weight[0, copy] = large * eye


def test_an_induction_circuit_has_scores_of_one_and_copies():
    module, _ = build([composed(*HAND_BUILT)])
    build_induction_circuit(module.model)
    snapshot = snapshot_of(module)
    scores = AttentionScores()(snapshot)
    assert scores["prefix_matching"].values[0, 1, 0].item() == pytest.approx(1, abs=1e-4)
    assert scores["previous_token"].values[0, 0, 0].item() == pytest.approx(1, abs=1e-4)
    assert scores["best_prefix_matching"].values.item() == scores["prefix_matching"].values.max().item()
    inputs = snapshot.test.targets.new_tensor([[[0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5]]])
    assert module.model(inputs).argmax(-1)[0, 0, 6:-1].tolist() == [1, 2, 3, 4, 5]
    drawn = AttentionScores().finalize(snapshot, History())["repeated_attention"]
    assert drawn.values.shape == (1, 2, 1, LENGTH, LENGTH) and drawn.values.float().sum(-1).allclose(
        torch.ones(1), atol=1e-3
    )


def test_a_random_network_has_the_scores_of_uniform_attention():
    module, _ = build([composed(*HAND_BUILT, f"seed={seed}") for seed in (0, 1)])
    with torch.no_grad():
        for block in module.model.blocks:
            block.attention.qkv.weight.zero_()
    scores = AttentionScores()(snapshot_of(module))
    mean = sum(1 / (query + 1) for query in range(1, LENGTH)) / (LENGTH - 1)
    torch.testing.assert_close(scores["previous_token"].values, torch.full((2, 2, 1), mean, dtype=torch.float64))


def test_a_network_that_predicts_as_bigrams_has_no_divergence_from_them(monkeypatch):
    module, data = build([composed(*CHAINS, f"seed={seed}") for seed in (0, 1)])
    predicted = torch.stack([torch.from_numpy(bigram_predictor(each.test.inputs.numpy(), 3)) for each in data])
    monkeypatch.setattr(module.model, "forward", lambda inputs: (predicted.log() + 3)[:, :, : inputs.shape[2]])
    monkeypatch.setattr("grok.training.evaluation.EVALUATION_EXAMPLES", 1000)
    snapshot, measure = snapshot_of(module), KlToPredictors()
    found, final = measure(snapshot), measure.finalize(snapshot, History())
    assert found["kl_to_bigram"].values.abs().max() < 1e-12
    assert (found["kl_to_unigram"].values > 0.02).all() and (found["kl_to_uniform"].values > 0.02).all()
    torch.testing.assert_close(final["bigram_loss"].values, snapshot.test.mean(snapshot.test.loss))
    expected = (predicted * (predicted * 3).log()).sum(-1).mean((1, 2))
    torch.testing.assert_close(found["kl_to_uniform"].values, expected)
    assert final["uniform_loss"].values.tolist() == pytest.approx([1.0986123] * 2)


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        ((*ADDITION, "measure=[attention_scores]"), "measure=attention_scores: reads the attention of model=decoder"),
        ((*HAND_BUILT, "measure=[kl_to_predictors]"), "measure=kl_to_predictors: needs task=markov_chains, not Induct"),
    ],
)
def test_what_a_measure_cannot_read_is_one_line(overrides, line):
    with pytest.raises(UserError, match=line):
        build([composed(*overrides)])
