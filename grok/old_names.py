"""Names that were changed on 2026-11-29. An old name is refused in one line with the new one; there are no aliases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from grok.checks import UserError

# Keys of configurations and of the command line.
KEYS = {
    "looks": "evaluate",
    "picture": "plot",
    "model.attention": "model.attention_coefficient",
    "task.corrupted": "task.label_noise",
    "task.k": "task.subset_size",
    "task.random_numbers": "task.rng",
    "task.split_seed_rule": "task.rng",
    "task.test_points": "task.n_test_per_subtask",
    "optimizer.clip_norm": "optimizer.transforms.clip_gradients.max_norm, with +optimizer/transform=clip_gradients",
    "optimizer.constrain_norm": "+optimizer/transform=norm_constraint (false: leave it out)",
    "optimizer.warmup": "optimizer.schedule.warmup",
    "optimizer.parts": "optimizer.param_groups",
    "measure.quanta_discovery.below": "measure.quanta_discovery.max_loss",
    "measure.quanta_discovery.counts": "measure.quanta_discovery.cluster_counts",
    "measure.quanta_discovery.all_starts_to": "measure.quanta_discovery.full_n_init_up_to",
    "hydra.launcher.unit": "hydra.launcher.job",
    "hydra.launcher.through": "hydra.launcher.dispatch_to",
    "study.now": "study.preset",
    "study.sizes": "study.scales",
    "study/sizes": "study/presets",
    "measure/sizes": "measure/presets",
}
# Old keys that no configuration of a user's own can have.
REFUSED_KEYS = ("looks", "picture", "optimizer.clip_norm", "optimizer.constrain_norm", "optimizer.warmup")
# Attributes of a record, its variables and dimensions, and fields of a sweep's list of runs.
ATTRIBUTES = {"sittings": "sessions", "side_by_side": "n_batched", "product_error": "matmul_relative_error"}
VARIABLES = {
    "cell": "run",
    "table_accuracy": "full_table_accuracy",
    "embedding_off_keys": "embedding_distance",
    "unembedding_off_keys": "unembedding_distance",
    "restricted_loss_by_own_keys": "restricted_loss_current_frequencies",
    "excluded_loss_by_own_keys": "excluded_loss_current_frequencies",
    "trigonometric_loss_by_own_keys": "trigonometric_loss_current_frequencies",
}
MANIFEST_FIELDS = {"cells": "runs"}
# Modules that a `_target_` can name.
MODULES = {
    "grok.reports.against": "grok.reports.panels.versus",
    "grok.reports.bits_lost": "grok.reports.quanta.bits_lost",
    "grok.reports.convergence": "grok.reports.quanta.convergence",
    "grok.reports.effective_theory": "grok.reports.effective_theory.theory_panels",
    "grok.reports.embedding_paths": "grok.reports.effective_theory.embedding_paths",
    "grok.reports.exponents": "grok.reports.quanta.exponents",
    "grok.reports.grid": "grok.reports.panels.grid",
    "grok.reports.heat_map": "grok.reports.panels.heat_map",
    "grok.reports.landscape": "grok.reports.landscape.landscape_panels",
    "grok.reports.learned": "grok.reports.quanta.learned_subtasks",
    "grok.reports.losses": "grok.reports.quanta.loss_panels",
    "grok.reports.lu_mechanism": "grok.reports.landscape.lu_mechanism",
    "grok.reports.maps": "grok.reports.modular.maps",
    "grok.reports.panels": "grok.reports.panels.curve_panels",
    "grok.reports.phase_diagram": "grok.reports.panels.phase_diagram",
    "grok.reports.progress": "grok.reports.modular.progress",
    "grok.reports.quanta_discovery": "grok.reports.quanta.discovery",
    "grok.reports.representation_curves": "grok.reports.effective_theory.representation_curves",
    "grok.reports.ring_gallery": "grok.reports.modular.ring_gallery",
    "grok.reports.scaling": "grok.reports.quanta.scaling",
    "grok.reports.spectrum": "grok.reports.modular.spectrum",
    "grok.reports.stacked": "grok.reports.panels.stacked_curves",
    "grok.reports.study": "grok.reports.study.study",
    "grok.reports.subtask_curves": "grok.reports.quanta.subtask_curves",
    "grok.science.against_laws": "grok.science.quanta.deviations",
    "grok.science.circuit_phases": "grok.science.modular.circuit_phases",
    "grok.science.comparisons": "grok.science.statistics.comparisons",
    "grok.science.curves": "grok.science.statistics.curves",
    "grok.science.effective_theory": "grok.science.effective_theory.effective_loss",
    "grok.science.landscape": "grok.science.landscape.reduced_landscape",
    "grok.science.phases": "grok.science.statistics.phases",
    "grok.science.power_law": "grok.science.statistics.power_law",
    "grok.science.quanta_discovery": "grok.science.quanta.discovery",
    "grok.science.subtask_losses": "grok.science.quanta.subtask_losses",
}

# Names in these modules that changed, too; a dotted name moved to another module.
NAMES = {
    "grok.reports.bits_lost": {"by_rank": "loss_by_rank", "by_times_seen": "mean_loss_by_exposure"},
    "grok.reports.convergence": {"against_frequency": "convergence_versus_frequency"},
    "grok.reports.effective_theory": {
        "accuracies": "accuracy_versus_prediction",
        "accuracies_by_fraction": "accuracy_by_fraction",
        "curves_of_seeds": "seed_curves",
        "determined": "representation_by_fraction",
        "rates": "slowest_rate_by_fraction",
        "steps": "steps_by_fraction",
        "steps_against_theory": "steps_versus_theory",
    },
    "grok.reports.exponents": {
        "by_stop": "exponent_by_stopping_step",
        "of_the_loss": "loss_exponents",
        "of_the_number": "learned_count_by_alpha",
    },
    "grok.reports.landscape": {"curves": "reduced_curves"},
    "grok.reports.learned": {"number_learned": "learned_count_with_law", "taken_by_each": "learning_cost_by_rank"},
    "grok.reports.lu_mechanism": {"predicted": "predicted_versus_measured"},
    "grok.reports.quanta_discovery": {"draw": "draw_discovery"},
    "grok.reports.scaling": {"Scaling": "ScalingFit"},
    "grok.reports.study": {"Claim": "grok.reports.study.claim.Claim"},
    "grok.science.against_laws": {
        "fall_less_predicted": "loss_exponent_minus_law",
        "farthest": "max_over_alpha",
        "gained": "difference_between_ticks",
        "rise_less_asymptotic": "count_exponent_minus_asymptote",
        "rise_less_predicted": "count_exponent_minus_law",
    },
    "grok.science.comparisons": {
        "advantage": "mean_difference",
        "at": "value_at_tick",
        "farthest_from": "max_abs_difference",
        "mean_distance": "mean_absolute_difference",
        "most_above": "max_excess",
        "share_without": "share_never_reached",
        "spread": "max_over_min",
        "steepest": "max_step_ratio",
        "typical_factor": "median_factor",
    },
    "grok.science.curves": {
        "highest": "maximum",
        "lowest": "minimum",
        "number": "scalar",
        "of_mean": "measure_of_mean_curve",
    },
    "grok.science.effective_theory": {"times_theory": "steps_over_prediction"},
    "grok.science.landscape": {
        "depth": "valley_depth",
        "fits_from": "fit_onset",
        "given_norm": "fixed_norm",
        "least_error": "min_error",
        "lowest_norm": "norm_of_lowest_loss",
        "middle_of_lowest": "middle_of_lowest_norms",
        "shrinking_slope": "shrinkage_slope",
    },
    "grok.science.phases": {
        "early_gained": "early_share_difference",
        "how_many": "n_phases",
        "median_reached": "median_finite_step",
        "nearer": "proximity_difference",
        "share_above": "phase_share_above_diagonal",
        "share_gained": "phase_share_difference",
        "share_of": "phase_share",
    },
    "grok.science.quanta_discovery": {"steeper_by": "exponent_difference"},
    "grok.science.subtask_losses": {
        "fall": "loss_exponent",
        "farthest_from_published": "max_deviation_from_published",
        "median_transition": "median_transition_width",
        "order": "learning_order",
        "shown_by_batch": "examples_ratio",
        "transition_by_fall": "relative_transition_width",
    },
}


def new_key(key: str) -> str | None:
    """The new name of a dotted key; None if the key is not an old name."""
    parts = key.split(".")
    for n in range(len(parts), 0, -1):
        if (head := ".".join(parts[:n])) in KEYS:
            return ".".join([KEYS[head], *parts[n:]])
    return None


def new_target(target: str) -> str | None:
    """The new name of a dotted `_target_`; None if the target is not an old name."""
    module, _, name = target.rpartition(".")
    if module not in MODULES:
        return None
    renamed = NAMES.get(module, {}).get(name, name)
    return renamed if "." in renamed else f"{MODULES[module]}.{renamed}"


def refuse_old_keys(config: Mapping[str, Any], *, source: str = "", advice: str = "") -> None:
    """Refuse a configuration with an old key; `source` names its file, `advice` says what to do.

    Raises:
        UserError: there is such a key.
    """
    for key in REFUSED_KEYS:
        *groups, name = key.split(".")
        inner = config.get(groups[0], {}) if groups else config
        if isinstance(inner, Mapping) and name in inner:
            raise UserError(f"{source}{key}: renamed to {KEYS[key]}{advice}")


def refuse_old_override(override: str) -> None:
    """Refuse an override, such as `+looks.every=5`, with an old key.

    Raises:
        UserError: it has one.
    """
    if new := new_key(override.split("=")[0].lstrip("+~")):
        raise UserError(f"{override}: renamed to {new}")


def refuse_old_record(attributes: Iterable[str], variables: Iterable[str], *, source: str) -> None:
    """Refuse a record by the names of its attributes and of its variables and dimensions, swept keys included.

    Raises:
        UserError: there is an old name.
    """
    renamed = {name: ATTRIBUTES.get(name) for name in attributes}
    _refuse({**renamed, **{name: VARIABLES.get(name) or new_key(name) for name in variables}}, source)


def refuse_old_manifest(manifest: Iterable[str], *, source: str) -> None:
    """Refuse a sweep's list of runs by the names of its fields.

    Raises:
        UserError: there is an old name.
    """
    _refuse({name: MANIFEST_FIELDS.get(name) for name in manifest}, source)


def _refuse(renamed: Mapping[str, str | None], source: str) -> None:
    for old, new in renamed.items():
        if new:
            raise UserError(f"{source}: written with old names ({old} is now {new}); train it again")
