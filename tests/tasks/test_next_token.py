"""Tasks on sequences: which tokens count, how sequences are made, and evaluation in chunks of tokens."""

from itertools import pairwise, product

import pytest
import torch

from grok.checks import UserError
from grok.random_streams import RandomStreams
from grok.tasks.induction import Induction
from grok.tasks.markov_chains import MarkovChains
from grok.training.build import build
from tests.conftest import composed
from tests.training.test_replicas import trained

INDUCTION = dict(n_tokens=30, length=40, piece_length=6, n_occurrences=3, n_train=None, n_test=8)
MARKOV = dict(n_tokens=3, length=20, prior="dirichlet", n_train=None, n_test=8)
SMALL = (
    "task=induction",
    *(f"task.{key}={'null' if value is None else value}" for key, value in INDUCTION.items()),
    "model.width=12",
    "model.heads=2",
    "batch_size=6",
    "steps=20",
    "logger=none",
    "precision=float64",
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_only_tokens_that_followed_the_same_token_before_count():
    task = Induction(**INDUCTION)
    inputs, targets = task.sample(50, generator())
    known = task.mask(targets)
    assert known.sum(1).tolist() == [2 * 5] * 50
    assert torch.equal(targets[:, :-1][known[:, :-1]], inputs[:, 1:][known[:, :-1]])
    for example, position in known.nonzero().tolist():
        before = inputs[example, : position + 1].tolist()
        assert any(pair == (before[-1], targets[example, position]) for pair in pairwise(before))


def test_all_arrangements_of_the_piece_are_equally_likely():
    task = Induction(n_tokens=1000, length=5, piece_length=2, n_occurrences=2, n_train=None, n_test=1)
    starts = task._starts(6000, generator())
    allowed = [pair for pair in product(range(5), repeat=2) if pair[1] >= pair[0] + 2]
    counts = [(starts == torch.tensor(pair)).all(1).sum().item() for pair in allowed]
    assert sum(counts) == 6000 and all(abs(count - 1000) < 150 for count in counts)


def test_a_task_without_a_fixed_sample_has_new_sequences_in_every_step():
    for task in (Induction(**INDUCTION), MarkovChains(**MARKOV)):
        data = task.data(RandomStreams(0))
        first, second = data.sample(4, generator(1)), data.sample(4, generator(2))
        assert not torch.equal(first[0], second[0])
        assert torch.equal(first[0], data.sample(4, generator(1))[0])
        assert not torch.equal(data.train.inputs, data.test.inputs)
    fixed = Induction(**INDUCTION | dict(n_train=5)).data(RandomStreams(0))
    assert fixed.sample is None and len(fixed.train.indices) == 5 and len(fixed.test.indices) == 8


def test_the_targets_of_a_chain_are_its_next_tokens_and_all_count():
    task = MarkovChains(**MARKOV)
    inputs, targets = task.sample(9, generator())
    assert torch.equal(inputs[:, 1:], targets[:, :-1]) and task.mask(targets).all()


def test_the_loss_of_a_position_that_does_not_count_has_a_gradient_of_zero():
    module, _ = build([composed(*SMALL)])
    module.losses().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in module.model.parameters())
    _, targets = module.batches.batch(0)
    assert targets.shape == (1, 6, 40) and (targets < 0).any()


@pytest.mark.parametrize("limit", [{"EVALUATION_EXAMPLES": 120}, {"MAX_OUTPUTS": 120 * 30}])
def test_evaluation_holds_a_bounded_number_of_tokens_at_once(monkeypatch, limit):
    module, _ = build([composed(*SMALL, "task.n_test=20")])
    whole, seen = module.evaluate_on(module.datasets["test"]), []
    for name, value in {"MIN_EXAMPLES_PER_REPLICA": 1, **limit}.items():
        monkeypatch.setattr(f"grok.training.evaluation.{name}", value)
    module.model.register_forward_hook(lambda model, given, outputs: seen.append(outputs.shape[:3].numel()))
    chunked = module.evaluate_on(module.datasets["test"])
    assert seen == [120] * 6 + [80]
    torch.testing.assert_close(chunked.loss, whole.loss)
    assert whole.mean(whole.loss).item() == pytest.approx(whole.loss[whole.mask].mean().item())


def test_batched_decoders_train_as_if_alone():
    configs = [composed(*SMALL, "optimizer.lr=0.01", f"seed={seed}") for seed in range(3)]
    batched, alone = trained(*configs), [trained(config) for config in configs]
    for replica, single in enumerate(alone):
        for parameter, reference in zip(batched.model.parameters(), single.model.parameters(), strict=True):
            torch.testing.assert_close(parameter[replica], reference[0], rtol=1e-9, atol=1e-11)
        for name in ("test_loss", "prefix_matching"):
            together, own = batched.history.latest(name)[replica], single.history.latest(name)[0]
            torch.testing.assert_close(together, own, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (dict(length=16), r"^task\.length=16: must be at least 17, for task\.n_occurrences=3 of task\.piece_length=6$"),
        (dict(n_tokens=5), r"^task\.n_tokens=5: must be at least task\.piece_length=6, because the tokens"),
        (dict(n_occurrences=1), r"^task\.n_occurrences=1: must be an integer of at least 2$"),
        (dict(n_train=0), r"^task\.n_train=0: must be an integer of at least 1$"),
    ],
)
def test_wrong_values_of_induction_are_one_line(changes, line):
    with pytest.raises(UserError, match=line):
        Induction(**INDUCTION | changes)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (dict(n_tokens=1), r"^task\.n_tokens=1: must be an integer of at least 2$"),
        (dict(prior="flat"), r"^task\.prior=flat: must be one of dirichlet, doubly_stochastic$"),
        (
            dict(n_tokens=7, prior="doubly_stochastic"),
            r"^task\.n_tokens=7: must be at most 6 for task\.prior=doubly_stochastic$",
        ),
        (dict(length=1), r"^task\.length=1: must be an integer of at least 2$"),
    ],
)
def test_wrong_values_of_chains_are_one_line(changes, line):
    with pytest.raises(UserError, match=line):
        MarkovChains(**MARKOV | changes)
