"""Quanta discovery on networks that predict tokens: gradients, clusters, their texts, and changes along gradients."""

import re

import numpy as np
import pytest
import torch
from torch.func import functional_call, grad

import grok
from grok.measures.cluster_steps import STEP, changed_weights, loss_changes
from grok.measures.token_clusters import texts
from grok.measures.token_gradients import TokenNetwork
from grok.records.history import History
from grok.reports.quanta.token_clusters import as_text, clusters_of, context_of, token_of
from grok.science.quanta.token_samples import TokenSamples
from grok.tasks.language import Language
from grok.training.build import build
from tests.conftest import TINY, assert_drawn, composed, trained_in
from tests.measures.snapshots import snapshot_of

KEY = "measure.token_quanta"
SMALL = (
    "task=induction",
    "task.n_tokens=30",
    "task.length=24",
    "task.piece_length=6",
    "task.n_occurrences=3",
    "task.n_test=40",
    "model.width=16",
    "model.heads=2",
    "batch_size=6",
    "logger=none",
)
DISCOVERY = (
    "measure=[token_quanta]",
    f"{KEY}.n_samples=60",
    f"{KEY}.max_loss=100",
    f"{KEY}.n_clusters=8",
    f"{KEY}.n_seeds=3",
    f"{KEY}.cluster_counts=[2,4,8]",
    f"{KEY}.from_rank=1",
    f"{KEY}.to_rank=6",
)
SAMPLES = TokenSamples(np.array([3, 0, 7, 7, 20]), np.array([23, 4, 9, 10, 0]))


def built(*overrides: str):
    module, data = build([composed(*SMALL, *overrides, "precision=float64", f"seed={seed}") for seed in (0, 1)])
    return module, [each.test for each in data]


def network_of(module, tests, replica: int) -> TokenNetwork:
    examples = tests[replica].inputs, tests[replica].targets.clamp(min=0)
    return TokenNetwork.of_replica(module.model, module.task, replica, 2, *examples)


@pytest.mark.parametrize("positions", ["learned", "rotary"])
def test_gradients_of_tokens_equal_those_of_torch_func_on_whole_windows(positions):
    module, tests = built(f"model.positions={positions}", "model.d_mlp=20", "model.activation=relu")
    network = network_of(module, tests, 1)
    parameters = {name: each[1:].detach() for name, each in module.model.named_parameters()}
    maps = {name: each for name, each in parameters.items() if "attention" in name or "mlp" in name}
    maps = {name: each for name, each in maps.items() if "before" not in name and "relative" not in name}
    assert maps.keys() == network.weights.keys() and len(maps) == 2 * 2 * 4

    def loss(weights, example, position):
        outputs = functional_call(module.model, {**parameters, **weights}, network.inputs[None, example][None])
        return module.task.example_loss(outputs[0, 0, position], network.targets[example, position])

    expected = []
    for example, position in zip(*SAMPLES, strict=True):
        gradients = grad(loss)(maps, example, position)
        weight_first = [(name, gradients[name]) for name in network.weights]
        expected.append(
            torch.cat([(each[0].T if name.endswith("weight") else each).flatten() for name, each in weight_first])
        )
    rows = network.gradients(SAMPLES, None)
    torch.testing.assert_close(rows, torch.stack(expected), rtol=1e-9, atol=1e-12)
    mean = torch.cat(
        [
            (each[0].T if name.endswith("weight") else each).flatten()
            for name, each in network.mean_gradient(SAMPLES).items()
        ]
    )
    torch.testing.assert_close(rows.mean(0), mean)


def test_sketched_gradients_have_nearly_the_same_products():
    module, tests = built()
    network = network_of(module, tests, 0)
    exact, sketched = (network.gradients(SAMPLES, sketch) for sketch in (None, network.count_sketch(2000)))
    assert sketched.shape == (5, 2000)
    cosines = [torch.nn.functional.normalize(each) for each in (exact, sketched)]
    assert ((cosines[0] @ cosines[0].T) - (cosines[1] @ cosines[1].T)).abs().max() < 0.1


def test_a_step_along_the_mean_gradient_raises_its_loss_by_the_stated_amount_and_ablation_removes_it():
    module, tests = built()
    network = network_of(module, tests, 0)
    changed = changed_weights(network, SAMPLES)
    before = network.all_losses(SAMPLES)
    step = network.all_losses(SAMPLES, changed["step"]).mean() - before.mean()
    assert step.item() == pytest.approx(STEP, rel=0.2)
    gradient = network.mean_gradient(SAMPLES)
    left = sum((changed["ablation"][name] * each).sum() for name, each in gradient.items())
    assert abs(left) < 1e-9 * sum(each.square().sum() for each in gradient.values())


def test_changes_inside_are_those_of_other_samples_than_the_gradient(monkeypatch):
    module, tests = built()
    network, group, given = network_of(module, tests, 0), np.arange(3, 13), {}
    samples = TokenSamples(np.arange(20), 2 + np.arange(20))  # sample i is of example i
    for name, method in {each: getattr(TokenNetwork, each) for each in ("mean_gradient", "all_losses")}.items():

        def keep(network, samples, *weights, name=name, method=method):
            given.setdefault(name, {*samples.examples.tolist()})
            return method(network, samples, *weights)

        monkeypatch.setattr(TokenNetwork, name, keep)
    ((inside,), (outside,)), _ = loss_changes(network, samples, [group])
    half, rest = given["mean_gradient"], given["all_losses"] & {*group}
    assert len(half) == 5 and half | rest == {*group} and not half & rest
    assert given["all_losses"] - rest == {*range(20)} - {*group}
    changed = changed_weights(network, TokenSamples(*(each[[*half]] for each in samples)))["step"]
    difference = network.all_losses(samples, changed) - network.all_losses(samples)
    assert inside == pytest.approx(difference[[*rest]].mean().item())
    assert outside == pytest.approx(np.delete(difference.numpy(), group).mean())


@pytest.fixture(scope="module")
def final():
    module, _ = built(*DISCOVERY)
    with torch.no_grad():
        return module, module.measures[0].finalize(snapshot_of(module), History())


def test_clusters_are_recorded_in_the_order_of_coherence_with_their_texts(final):
    module, quantities = final
    values = {name: each.values[1].numpy() for name, each in quantities.items()}
    assert values["quanta_samples"] == 60 and values["quanta_sketch_length"] == 0
    clusters = values["quanta_sample_cluster"]
    assert (
        np.diff(clusters).min() == 0
        and np.bincount(clusters.astype(int))[1:].tolist() == values["quanta_shown_size"].tolist()
    )
    coherent = values["quanta_is_coherent"].astype(bool)
    assert (np.diff(values["quanta_coherence"][coherent]) <= 0).all() and not np.diff(coherent.astype(int)).max() > 0
    test = module.replicas[1][0].data(module.replicas[1][1]).test
    example, position = divmod(int(values["quanta_place"][0]), 24)
    text = bytes(values["quanta_context"][0]).rstrip(b"\0").decode()
    assert text == "".join(f" {token}" for token in test.inputs[example, : position + 1].tolist())
    assert bytes(values["quanta_token"][0]).rstrip(b"\0").decode() == f" {test.targets[example, position]}"
    assert np.isfinite(values["quanta_loss_change"][:, :, :, : int(coherent.sum())]).all()


def test_a_replica_alone_has_the_same_clusters(final):
    module, _ = build([composed(*SMALL, *DISCOVERY, "precision=float64", "seed=1")])
    with torch.no_grad():
        alone = module.measures[0].finalize(snapshot_of(module), History())
    for name, quantity in alone.items():
        torch.testing.assert_close(final[1][name].values[1:], quantity.values, equal_nan=True, rtol=1e-5, atol=1e-3)


def test_texts_are_readable_where_tokens_are_parts_of_characters(tmp_path):
    pytest.importorskip("tokenizers")
    (tmp_path / "texts").mkdir()
    for number in range(3):
        (tmp_path / "texts" / f"{number}.txt").write_text(f"{number}: the café was “nice”\n")
    keys = {"folder": str(tmp_path), "files": str(tmp_path / "texts"), "n_documents": None, "tokenizer": None}
    task = Language(**keys, n_tokens=257, length=8, n_test=1)
    tokens = task.corpus.held_out.tokens[None]
    samples = TokenSamples(np.zeros(tokens.size - 1, int), np.arange(tokens.size - 1))
    contexts, predicted = texts(samples, task, tokens)
    contexts, predicted = [context_of(row) for row in contexts], [token_of(row) for row in predicted]
    assert contexts[-1].endswith(": the café was “nice”") and predicted[-1] == "\n"
    assert r"\xc3 \xa9" in " ".join(predicted) and r"\xe2\x80 \x9c n i c e" in " ".join(predicted)
    assert contexts[predicted.index(r"\xa9")].endswith("the caf")


def test_a_run_shows_its_clusters_and_analyze_measures_them_again(tmp_path):
    folder = trained_in(tmp_path / "run", *SMALL, *DISCOVERY, "steps=2", "plot=[token_clusters]")
    record, page = grok.load(folder), (folder / "report.html").read_text()
    assert_drawn(folder / "token_clusters.png", min_share=0.01)
    shown = [each for each in clusters_of(record) if each.coherent]
    assert (folder / "token_clusters.txt").read_text() == as_text(shown, n_lines=12)
    token = bytes(record["quanta_token"].values[0]).rstrip(b"\0").decode()
    assert page.count('<details class="cluster">') == 8 and f"<mark>{token}</mark>" in page
    from grok.training.measure_run import measure_run

    again = measure_run(folder)
    np.testing.assert_array_equal(again["quanta_place"], record["quanta_place"])


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        ((f"{KEY}.max_loss=1e-9",), "No token has a loss below 1e-09 nats"),
        (("task.n_test=1",), r"Only \d tokens have a loss below 100 nats; 9 are needed"),
    ],
)
def test_a_network_with_too_few_learned_tokens_says_so_in_one_line(tmp_path, overrides, line):
    folder = trained_in(tmp_path / "run", *SMALL, *DISCOVERY, "steps=2", "plot=[token_clusters]", *overrides)
    assert re.search(line, (folder / "report.html").read_text()) and (folder / "token_clusters.png").exists()
    record = grok.load(folder)
    assert record["quanta_coherent"].isnull() and record["quanta_samples"] < 9


@pytest.mark.parametrize(
    ("override", "line"),
    [
        (f"{KEY}.n_clusters=60", f"{KEY}.n_clusters=60: must be an integer from 2 to 59"),
        (f"{KEY}.sketch_length=0", f"{KEY}.sketch_length=0: must be an integer"),
        (f"{KEY}.to_rank=9", f"{KEY}.to_rank=9: must be an integer from"),
    ],
)
def test_a_mistake_is_one_line(command, override, line):
    code, error = command(*SMALL, *DISCOVERY, override)
    assert code == 2 and error.count("\n") == 1 and line in error


def test_another_task_is_refused_in_one_line(command):
    code, error = command(*TINY, "measure=[token_quanta]")
    assert code == 2 and "not Mlp on TeacherStudent" in error and error.count("\n") == 1
