"""Sparse codes of gradients beside clusters: each gradient is a combination of a few atoms (cf. Braun et al. 2025).

An atom counts with either sign, while gradients of opposite signs are far apart for a clustering (arXiv:2501.14926).
"""

from __future__ import annotations

import warnings

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment
from sklearn.decomposition import MiniBatchDictionaryLearning
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics.cluster import contingency_matrix
from sklearn.utils.extmath import randomized_svd

METHODS, LABELS = ("clusters", "atoms"), ("true", "shuffled")  # of the matched F1 of quanta discovery
N_EPOCHS = 20  # passes over the gradients in which the atoms are learned


def unit_gradients(
    similarity: Float[np.ndarray, "n n"], *, n_components: int, seed: int
) -> Float[np.ndarray, "n component"]:
    """Gradients of length 1 from their angular similarities, in the coordinates of their principal components.

    Parts of a gradient outside the first components are lost. Single precision: 400 MB for 10,000 samples.
    """
    cosines = np.subtract(1, similarity, dtype=np.float32)
    np.cos(np.multiply(cosines, np.pi, out=cosines), out=cosines)
    vectors, values, _ = randomized_svd(cosines, min(n_components, len(cosines)), random_state=seed)
    projected: np.ndarray = vectors * np.sqrt(values)
    return projected


def strongest_atoms(
    gradients: Float[np.ndarray, "n d"], *, n_atoms: int, penalty: float, seed: int
) -> Int[np.ndarray, " n"]:
    """The atom with the largest absolute coefficient in each gradient's sparse code.

    The atoms and codes minimize |g − D c|² / 2 + penalty · |c|₁ (Mairal et al. 2009).
    """
    learner = MiniBatchDictionaryLearning(
        n_atoms,
        alpha=penalty,
        fit_algorithm="cd",
        transform_algorithm="lasso_cd",
        transform_alpha=penalty,
        batch_size=256,
        max_iter=N_EPOCHS,
        random_state=seed,
    )
    with warnings.catch_warnings():  # its tolerance is below what single precision can reach
        warnings.simplefilter("ignore", ConvergenceWarning)
        codes = np.abs(learner.fit_transform(gradients))
    strongest: np.ndarray = codes.argmax(1)
    return strongest


def matched_f1(found: Int[np.ndarray, " n"], truth: Int[np.ndarray, " n"]) -> float:
    """Mean F1 of the true clusters and the found ones that match them best, one to one; weighted by their samples.

    A true cluster without a match has 0.
    """
    counts = contingency_matrix(truth, found).astype(float)
    f1 = 2 * counts / (counts.sum(1, keepdims=True) + counts.sum(0))
    weights = counts.sum(1) / counts.sum()
    true, matched = linear_sum_assignment(f1 * weights[:, None], maximize=True)
    return float((f1[true, matched] * weights[true]).sum())


def excess_difference(methods: np.ndarray, labels: np.ndarray, f1: Float[np.ndarray, "method label"]) -> float:
    """Atoms' excess minus clusters' excess; an excess is the F1 with the true labels minus that with shuffled ones."""
    true, shuffled = (f1[:, labels == name] for name in LABELS)
    clusters, atoms = ((true - shuffled)[methods == name].item() for name in METHODS)
    return float(atoms - clusters)
