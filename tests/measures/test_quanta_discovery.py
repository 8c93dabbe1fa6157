"""Quanta discovery on a parity network: gradient products, samples, clusters and controls."""

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

import grok
from grok.measures.quanta_samples import learned_samples, network_weights
from grok.random_streams import RandomStreams
from grok.science.numerics.packed_bits import unpack_bits
from grok.science.quanta.discovery import envelope_exponent
from grok.science.quanta.gradient_gram import gram, linear_gram
from grok.science.quanta.parity_gradients import TwoLayerWeights, gradient_layers
from grok.science.quanta.quantization_model import zipf_frequencies
from grok.tasks.sparse_parity import SparseParity
from grok.training.build import build
from tests.conftest import TINY, assert_drawn, composed, trained_in
from tests.training.test_replicas import trained

SMALL = (
    "task=sparse_parity",
    "task.n_subtasks=3",
    "task.n_bits=8",
    "task.subset_size=2",
    "task.n_test_per_subtask=20",
    "model.width=64",
    "batch_size=300",
    "optimizer.lr=1e-2",
    "evaluate={per_decade:2,every:null}",
    "logger=none",
)
DISCOVERY = (
    "measure=[quanta_discovery]",
    "measure.quanta_discovery.n_samples=300",
    "measure.quanta_discovery.cluster_counts=[2,3,6,12,24]",
    "measure.quanta_discovery.from_rank=2",
    "measure.quanta_discovery.to_rank=20",
)
KEY = "measure.quanta_discovery"
ANY_LOSS = f"{KEY}.max_loss=100"  # every sample counts as learned


def test_gradient_products_equal_those_of_autograd_over_all_parameters():
    module, data = build([composed(*SMALL, "precision=float64", f"seed={seed}") for seed in (0, 1)])
    inputs, targets = data[1].sample(12, torch.Generator())
    rows = []
    for one in range(12):
        outputs = module.model(inputs[one].expand(2, 1, -1))
        loss = module.task.example_loss(outputs, targets[one].expand(2, 1))
        gradients = torch.autograd.grad(loss[1, 0], [*module.model.parameters()])
        rows.append(torch.cat([each[1].flatten() for each in gradients]))
    subtasks, bits = inputs[:, 0], unpack_bits(inputs[:, 1:], 8, torch.float64)
    layers = gradient_layers(network_weights(module.model, 1), subtasks, bits, targets, module.task.example_loss)
    torch.testing.assert_close(linear_gram(layers, block=5), gram(torch.stack(rows)))


def final_values(*overrides: str) -> dict[str, np.ndarray]:
    """The final quantities of a small run with more overrides."""
    final = trained(composed(*SMALL, *DISCOVERY, *overrides)).history.final
    return {name: values[0].numpy() for name, values in final.items()}


def test_a_well_trained_network_has_clusters_by_the_bits_of_its_subtasks_and_not_by_subtask():
    """The gradients of a subtask's two parities point in opposite directions, so clusters cannot be subtasks."""
    values = final_values("steps=1500")
    assert values["quanta_samples"] == 300 and values["quanta_subtasks"] == 3
    subtask, parity, bits = values["quanta_agreement"][:, 2].tolist()  # of 6 clusters
    assert bits > 0.6 > 0.4 > subtask and parity > subtask
    assert values["quanta_similarity_gap"] > 0
    f1 = values["quanta_matched_f1"]  # [clusters or atoms, true or shuffled subtasks]
    assert (f1[:, 0] > f1[:, 1]).all()
    assert values["quanta_atom_agreement"][0] > values["quanta_agreement_at_subtasks"][0]  # an atom has either sign


def test_samples_are_as_frequent_as_in_training_and_recorded_in_the_order_of_clusters():
    """The task itself samples in the order of subtasks."""
    values = final_values(ANY_LOSS, "task.n_subtasks=4", "steps=1")
    sizes = values["quanta_true_size"]
    assert sizes.sum() == 300 and chisquare(sizes[:4], 300 * zipf_frequencies(4, alpha=0.4)).pvalue > 0.01
    assert values["quanta_cluster_size"].sum(1).tolist() == [300] * 5  # few enough clusters to record every rank
    np.testing.assert_array_equal(values["quanta_envelope"], values["quanta_cluster_size"].max(0))
    clusters, subtasks = values["quanta_sample_cluster"], values["quanta_sample_subtask"]
    assert np.diff(clusters).min() == 0 and np.diff(subtasks)[np.diff(clusters) == 0].min() >= 0
    assert np.bincount(subtasks.astype(int))[1:].tolist() == sizes[:4].tolist()  # all 300 are in the matrix
    similarity = values["quanta_similarity"].astype(float)
    np.testing.assert_allclose(np.diag(similarity), 1)
    np.testing.assert_allclose(similarity, similarity.T, atol=1e-3)
    assert values["quanta_true_exponent"] == -1.4


def test_the_controls_are_random_clusters_and_equally_frequent_subtasks():
    values = final_values(ANY_LOSS, "steps=1")
    for name in ("null", "equal"):
        sizes = values[f"quanta_envelope_{name}"]
        assert 150 <= sizes[0] < 300 and np.diff(sizes).max() <= 0  # the larger of two clusters
        expected = envelope_exponent(sizes.astype(int), from_rank=2, to_rank=20)
        assert values[f"quanta_envelope_{name}_exponent"] == pytest.approx(expected)


def test_samples_are_all_learned_and_can_be_equally_frequent():
    task = SparseParity(
        n_subtasks=4, n_bits=8, subset_size=2, alpha=2.0, n_train=None, n_test_per_subtask=2, thresholds=None
    )
    width = 3
    weights = (torch.zeros(4, width), torch.zeros(8, width), torch.zeros(1, width), torch.zeros(width, 2))
    always_odd = TwoLayerWeights(*(each.double() for each in (*weights, torch.tensor([[0.0, 9.0]]))))
    for equally, frequencies in ((False, zipf_frequencies(4, alpha=2.0)), (True, np.full(4, 0.25))):
        samples = learned_samples(always_odd, task, RandomStreams(0), n=2000, max_loss=0.1, equally=equally)
        assert chisquare(samples.subtasks.bincount(minlength=4), 2000 * frequencies).pvalue > 0.01
        subset_bits = samples.bits.gather(1, task.subsets(RandomStreams(0))[samples.subtasks])
        assert (samples.targets == 1).all() and (subset_bits.sum(1) == 1).all()


def test_the_quanta_of_a_batched_replica_equal_those_of_the_replica_alone():
    configs = [
        composed(*SMALL, *DISCOVERY, ANY_LOSS, "steps=5", "precision=float64", f"seed={seed}", f"task.alpha={alpha}")
        for seed, alpha in ((0, 0.4), (1, 0.8))
    ]
    batched = trained(*configs).history.final
    for replica, config in enumerate(configs):
        for name, values in trained(config).history.final.items():
            torch.testing.assert_close(batched[name][replica], values[0], atol=1e-3, rtol=1e-6)


def test_a_network_with_too_few_learned_samples_has_no_clusters_and_still_writes_its_files(tmp_path):
    folder = trained_in(tmp_path / "run", *SMALL, *DISCOVERY, "steps=2", "plot=[quanta_discovery]")
    record = grok.load(folder)
    assert record["quanta_samples"] < 300 and record["quanta_agreement"].isnull().all()
    assert record["quanta_envelope_exponent"].isnull() and record["quanta_envelope_null_exponent"].isnull()
    assert record["quanta_envelope_equal_exponent"].isnull() and (folder / "quanta_discovery.png").exists()


@pytest.mark.slow
def test_the_study_draws_the_quanta_of_its_networks(command, tmp_path):
    code, _ = command("study=quanta_discovery", "scale=smoke", "logger=none", "hydra.sweep.dir=sweep")
    assert code == 0
    for name in ("figure.png", "0/quanta_discovery.png"):
        assert_drawn(tmp_path / "sweep" / name, min_share=0.01)


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("task.n_train=600", "measure=quanta_discovery: reads a controlled_mlp that learns sparse_parity from new"),
        (f"{KEY}.max_loss=0", f"{KEY}.max_loss=0: must be a number above 0"),
        (f"{KEY}.n_samples=20", f"{KEY}.cluster_counts=24: must be an integer from"),
        (f"{KEY}.cluster_counts=[9,3]", f"{KEY}.cluster_counts=[9, 3]: must be a list of increasing"),
        (f"{KEY}.cluster_counts=[]", f"{KEY}.cluster_counts=[]: must be a list of increasing integers"),
        (f"{KEY}.full_n_init_up_to=0", f"{KEY}.full_n_init_up_to=0: must be an integer"),
        (f"{KEY}.to_rank=25", f"{KEY}.to_rank=25: must be an integer from"),
        (f"{KEY}.from_rank=20", f"{KEY}.from_rank=20: must be an integer"),
    ],
)
def test_a_mistake_is_one_line(command, override, line):
    code, error = command(*SMALL, *DISCOVERY, override)
    assert code == 2 and error.startswith(f"error: {line}") and error.count("\n") == 1


def test_another_task_is_refused_in_one_line(command):
    code, error = command(*TINY, "measure=[quanta_discovery]")
    assert code == 2 and "not Mlp on TeacherStudent" in error and error.count("\n") == 1
