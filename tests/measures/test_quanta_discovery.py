"""Quanta of a parity network from its gradients: their products, whose samples they are of, what the clusters are."""

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

import grok
from grok.measures.quanta_samples import learned_samples, perceptron
from grok.science.gradient_gram import gram, linear_gram
from grok.science.packed_bits import unpacked
from grok.science.parity_gradients import Perceptron, gradient_layers
from grok.science.quanta import zipf_frequencies
from grok.science.quanta_discovery import envelope_exponent
from grok.streams import Streams
from grok.tasks.sparse_parity import SparseParity
from grok.training.build import build
from tests.conftest import TINY, assert_drawn, composed, trained_in
from tests.training.test_replicas import trained

SMALL = (
    "task=sparse_parity",
    "task.n_subtasks=3",
    "task.n_bits=8",
    "task.k=2",
    "task.test_points=20",
    "model.width=64",
    "batch_size=300",
    "optimizer.lr=1e-2",
    "looks={per_decade:2,every:null}",
    "logger=none",
)
OURS = (
    "measure=[performance,quanta_discovery]",
    "measure.quanta_discovery.n_samples=300",
    "measure.quanta_discovery.counts=[2,3,6,12,24]",
    "measure.quanta_discovery.from_rank=2",
    "measure.quanta_discovery.to_rank=20",
)
EVERY_SAMPLE = "measure.quanta_discovery.below=100"


def test_products_are_those_of_gradients_by_all_parameters():
    training, data = build([composed(*SMALL, "precision=float64", f"seed={seed}") for seed in (0, 1)])
    inputs, targets = data[1].fresh(12, torch.Generator())
    rows = []
    for one in range(12):
        loss = training.task.example_loss(training.model(inputs[one].expand(2, 1, -1)), targets[one].expand(2, 1))
        found = torch.autograd.grad(loss[1, 0], [*training.model.parameters()])
        rows.append(torch.cat([each[1].flatten() for each in found]))
    subtasks, bits = inputs[:, 0], unpacked(inputs[:, 1:], 8, torch.float64)
    layers = gradient_layers(perceptron(training.model, 1), subtasks, bits, targets, training.task.example_loss)
    torch.testing.assert_close(linear_gram(layers, block=5), gram(torch.stack(rows)))


def test_a_well_trained_network_has_clusters_by_its_subtasks_bits_and_not_by_subtask():
    """Gradients of one subtask's two parities point away from one another, so that clusters cannot be subtasks."""
    found = trained(composed(*SMALL, *OURS, "steps=1500")).history.last
    assert found["quanta_samples"].item() == 300 and found["quanta_subtasks"].item() == 3
    subtask, parity, bits = found["quanta_agreement"][0, :, 2].tolist()  # of 6 clusters
    assert bits > 0.6 > 0.4 > subtask and parity > subtask
    assert found["quanta_similarity_gap"].item() > 0


def test_samples_are_as_frequent_as_in_training_and_shown_in_the_order_of_clusters():
    """Draws come in the order of subtasks."""
    overrides = (*SMALL, *OURS, EVERY_SAMPLE, "task.n_subtasks=4", "steps=1")
    found = {name: values[0].numpy() for name, values in trained(composed(*overrides)).history.last.items()}
    sizes = found["quanta_true_size"]
    assert sizes.sum() == 300 and chisquare(sizes[:4], 300 * zipf_frequencies(4, alpha=0.4)).pvalue > 0.01
    assert found["quanta_cluster_size"].sum(1).tolist() == [300] * 5  # few enough for every rank to be kept
    np.testing.assert_array_equal(found["quanta_envelope"], found["quanta_cluster_size"].max(0))
    clusters, subtasks = found["quanta_sample_cluster"], found["quanta_sample_subtask"]
    assert np.diff(clusters).min() == 0 and np.diff(subtasks)[np.diff(clusters) == 0].min() >= 0
    assert np.bincount(subtasks.astype(int))[1:].tolist() == sizes[:4].tolist()  # all 300 are shown
    similarity = found["quanta_similarity"].astype(float)
    np.testing.assert_allclose(np.diag(similarity), 1)
    np.testing.assert_allclose(similarity, similarity.T, atol=1e-3)
    assert found["quanta_true_exponent"] == -1.4


def test_the_controls_are_of_random_labels_and_of_subtasks_that_are_equally_frequent():
    found = {
        name: values[0].numpy()
        for name, values in trained(composed(*SMALL, *OURS, EVERY_SAMPLE, "steps=1")).history.last.items()
    }
    for name in ("null", "equal"):
        sizes = found[f"quanta_envelope_{name}"]
        assert 150 <= sizes[0] < 300 and np.diff(sizes).max() <= 0  # of the larger of two clusters
        expected = envelope_exponent(sizes.astype(int), from_rank=2, to_rank=20)
        assert found[f"quanta_envelope_{name}_exponent"] == pytest.approx(expected)


def test_samples_are_equally_frequent_where_that_is_asked_for_and_are_all_learned():
    task = SparseParity(n_subtasks=4, n_bits=8, k=2, alpha=2.0, n_train=None, test_points=2, thresholds=None)
    width = 3
    weights = (torch.zeros(4, width), torch.zeros(8, width), torch.zeros(1, width), torch.zeros(width, 2))
    says_odd = Perceptron(*(each.double() for each in (*weights, torch.tensor([[0.0, 9.0]]))))
    for equally, frequencies in ((False, zipf_frequencies(4, alpha=2.0)), (True, np.full(4, 0.25))):
        samples = learned_samples(says_odd, task, Streams(0), n=2000, below=0.1, equally=equally)
        assert chisquare(samples.subtasks.bincount(minlength=4), 2000 * frequencies).pvalue > 0.01
        own = samples.bits.gather(1, task.subsets(Streams(0))[samples.subtasks])
        assert (samples.targets == 1).all() and (own.sum(1) == 1).all()


def test_a_replica_among_two_has_the_quanta_of_the_replica_alone():
    configs = [
        composed(*SMALL, *OURS, EVERY_SAMPLE, "steps=5", "precision=float64", f"seed={seed}", f"task.alpha={alpha}")
        for seed, alpha in ((0, 0.4), (1, 0.8))
    ]
    together = trained(*configs).history.last
    for replica, config in enumerate(configs):
        for name, values in trained(config).history.last.items():
            torch.testing.assert_close(together[name][replica], values[0], atol=1e-3, rtol=1e-6)


def test_a_network_that_has_learned_too_little_has_no_clusters_and_leaves_its_files(tmp_path):
    folder = trained_in(tmp_path / "run", *SMALL, *OURS, "steps=2", "picture=[quanta_discovery]")
    record = grok.load(folder)
    assert record["quanta_samples"] < 300 and record["quanta_agreement"].isnull().all()
    assert record["quanta_envelope_exponent"].isnull() and record["quanta_envelope_null_exponent"].isnull()
    assert record["quanta_envelope_equal_exponent"].isnull() and (folder / "quanta_discovery.png").exists()


def test_the_study_draws_what_its_networks_quanta_are(command, tmp_path):
    code, _ = command("study=quanta_discovery", "scale=smoke", "logger=none", "hydra.sweep.dir=sweep")
    assert code == 0
    for name in ("figure.png", "0/quanta_discovery.png"):
        assert_drawn(tmp_path / "sweep" / name, drawn=0.01)


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (["task.n_train=600"], "measure=quanta_discovery: reads a controlled_mlp that learns sparse_parity from new"),
        (["measure.quanta_discovery.below=0"], "measure.quanta_discovery.below=0: must be a number above 0"),
        (["measure.quanta_discovery.n_samples=20"], "measure.quanta_discovery.counts=24: must be a whole number from"),
        (["measure.quanta_discovery.counts=[9,3]"], "measure.quanta_discovery.counts=[9, 3]: must be numbers of"),
        (["measure.quanta_discovery.counts=[]"], "measure.quanta_discovery.counts=[]: must be numbers of clusters"),
        (["measure.quanta_discovery.all_starts_to=0"], "measure.quanta_discovery.all_starts_to=0: must be a whole"),
        (["measure.quanta_discovery.to_rank=25"], "measure.quanta_discovery.to_rank=25: must be a whole number from"),
        (["measure.quanta_discovery.from_rank=20"], "measure.quanta_discovery.from_rank=20: must be a whole number"),
    ],
)
def test_mistakes_are_one_line(command, overrides, line):
    code, said = command(*SMALL, *OURS, *overrides)
    assert code == 2 and said.startswith(f"error: {line}") and said.count("\n") == 1


def test_another_task_is_refused_in_one_line(command):
    code, said = command(*TINY, "measure=[performance,quanta_discovery]")
    assert code == 2 and "not Mlp on TeacherStudent" in said and said.count("\n") == 1
