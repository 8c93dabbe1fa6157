"""A run in its folder: its network as a plain module, and its measures at the kept steps."""

import copy

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import save_file

import grok
from grok.analyze import main
from grok.checks import UserError
from grok.training.build import build
from tests.conftest import checkpoint, composed
from tests.test_configs import options, skipped_without_its_package, task_config


def keep(folder, step, weights):
    """Write a network's weights as those of a kept step."""
    (folder / "weights").mkdir(exist_ok=True)
    tensors = {name: values.contiguous() for name, values in weights.items()}
    save_file(tensors, folder / "weights" / f"step_{step:09}.safetensors", {"step": str(step)})


def keep_last(folder):
    """Keep the weights of the last checkpoint."""
    saved = checkpoint(folder)
    weights = {name.removeprefix("model."): values[0] for name, values in saved["state_dict"].items()}
    keep(folder, saved["grok"]["step"], weights)


@pytest.mark.parametrize("name", options("task"))
def test_every_task_gives_its_network_as_a_plain_module(name, tmp_path):
    config = task_config(name)
    with skipped_without_its_package():
        module, _ = build([config])
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    keep(tmp_path, 7, {each: values[0] for each, values in module.model.state_dict().items()})
    model = grok.load_model(tmp_path, step=7)
    assert {each: values.shape for each, values in model.named_parameters()} == {
        each: values.shape[1:] for each, values in module.model.named_parameters()
    }
    inputs, _ = next(iter(module.datasets["test"].chunks(20)))
    with torch.no_grad():
        outputs, expected = model(inputs[0]), module.model.eval()(inputs)[0]
    if outputs.dim() > expected.dim():
        outputs = outputs[:, -1, : expected.shape[1]]
    torch.testing.assert_close(outputs, expected, rtol=1e-4, atol=1e-5)


def test_without_a_step_the_network_is_that_of_the_last_checkpoint(run):
    model = grok.load_model(run("steps=3"))
    weights = checkpoint(run("steps=3"))["state_dict"]
    assert all(torch.equal(values, weights[f"model.{name}"][0]) for name, values in model.named_parameters())


def test_a_network_answers_at_every_position_and_trains_like_any_module(add):
    folder = add("plot=[]", "measure=[]", "steps=2")
    model, pairs = grok.load_model(folder), torch.tensor([[1, 2], [3, 4]])
    tokens = torch.tensor([[1, 2, 23], [3, 4, 23]])
    assert model(pairs).shape == (2, 3, 24) and torch.equal(model(pairs), model(tokens))
    assert not torch.equal(model(torch.tensor([[1, 2, 5]]))[:, -1], model(tokens[:1])[:, -1])
    double = copy.deepcopy(model).double()
    torch.testing.assert_close(double(tokens), model(tokens).double(), rtol=1e-4, atol=1e-5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    before, loss = model(tokens)[:, -1, 3].detach(), -model(tokens)[:, -1, 3].sum()
    loss.backward()
    optimizer.step()
    assert (model(tokens)[:, -1, 3] > before).all() and not torch.equal(model(tokens), double(tokens).float())


def test_the_measures_at_kept_steps_are_those_of_the_record(add, tmp_path, capsys):
    measures = "measure=[weight_norm,circuit,ring_coordinates,weight_sketch,maps,symmetry]"
    for steps in (10, 32):  # both are evaluation steps
        folder = add(measures, "plot=[]", "task.p=11", f"steps={steps}")
        keep_last(folder)
    record = grok.load(folder)
    final = {name for name, each in record.items() if "step" not in each.dims}
    progress = {f"{name}_loss" for name in ("restricted", "excluded", "trigonometric")}
    distances = {"embedding_distance", "unembedding_distance", "distance_to_end"}
    at_end = final | progress | distances  # these refer to the last step that is measured
    for arguments, steps in ((["--step", "10"], [10]), ([], [10, 32])):
        assert main([str(folder), *arguments, "--out", str(tmp_path / "out")]) == 0
        measured = grok.load(tmp_path / "out")
        assert [*measured["step"].values] == steps
        assert {"gradient_symmetricity", "anomaly_auroc", "contribution"} <= {*measured.data_vars}
        assert "distance_to_start" in record and "distance_to_start" not in measured  # step 0 was not kept
        for name in record.data_vars.keys() - {"distance_to_start", *(at_end if steps[-1] < 32 else ("phase_ends",))}:
            theirs = record[name] if name in final else record[name].sel(step=steps)
            np.testing.assert_allclose(measured[name].values, theirs.values, rtol=1e-3, atol=1e-5, err_msg=name)
    printed = capsys.readouterr().out
    assert "over steps" in printed and "at step 32" in printed
    assert (tmp_path / "out" / "rings.png").exists()


def test_a_run_of_another_task_without_kept_steps_is_measured_at_its_last_step(run, tmp_path, capsys):
    folder = run("steps=5")
    assert main([str(folder), "--out", str(tmp_path / "out")]) == 0
    record, measured = grok.load(folder), grok.load(tmp_path / "out")
    assert [*measured["step"].values] == [5] and "weight_sketch" in measured and "weight_sketch" not in record
    for name in record.data_vars:
        np.testing.assert_allclose(measured[name].values[0], record[name].values[-1], rtol=1e-5, err_msg=name)
    assert "test loss" in capsys.readouterr().out


def test_many_steps_are_a_short_table(add, capsys):
    folder = add("measure=[]", "plot=[]", "task.p=11", "steps=60", "keep_weights.every=2")
    (folder / "weights" / "step_000000060.safetensors").unlink()
    assert main([str(folder)]) == 0
    printed = capsys.readouterr().out
    table = printed[printed.index("over steps (20 of 31)") : printed.index("at step 60")]
    steps = [int(line.split()[1]) for line in table.splitlines() if line.startswith("│")]
    assert len(steps) == 20 and steps[0] == 0 and steps[-1] == 60


def test_a_network_with_dropout_trains(add):
    model = grok.load_model(add("measure=[]", "plot=[]", "task.p=11", "steps=2", "model.dropout=0.5"))
    pairs = torch.tensor([[1, 2], [3, 4]])
    assert torch.equal(model(pairs), model(pairs))
    assert not torch.equal(model.train()(pairs), model(pairs))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: [", "cannot be read (while parsing"),
        ("a: \x00", "cannot be read (unacceptable character"),
        (b"\xff\xfe\xfa", "cannot be read ('utf-8' codec"),
        ("- 1", "not the configuration of a run"),
        ("lr: 1e-3", "not the configuration of a run of this version (lr=1e-3: no such key"),
        ("task: {}\nmodel: {}", "not the configuration of a run of this version (optimizer=null: must be"),
    ],
)
def test_a_configuration_that_is_no_run_s_is_named_in_one_line(text, line, tmp_path):
    file = tmp_path / "config.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError) as caught:
        grok.load_model(tmp_path)
    assert str(caught.value).startswith(f"{file}: {line}") and "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["seed", "keep_weights", "optimizer.transforms", "optimizer.schedule"])
def test_a_configuration_without_a_key_is_named_in_one_line(key, tmp_path):
    config = composed("task=teacher_student")
    group, _, name = key.rpartition(".")
    del (config[group] if group else config)[name]
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    assert main([str(tmp_path)]) == 2
    with pytest.raises(UserError, match=rf"config\.yaml: .*{name}"):
        grok.load_model(tmp_path)


def test_a_mistake_is_one_line(run, tmp_path, capsys):
    folder = run("steps=5")
    for step in range(1, 12):
        keep_last(folder)
        (folder / "weights" / "step_000000005.safetensors").rename(
            folder / "weights" / f"step_{10 * step:09}.safetensors"
        )
    listed = "5, 10, 20, 30, 40, 50, 60, 70, …, 110"
    (folder / "weights" / "step_000000020.safetensors").write_bytes(b"x")
    lines = {
        (str(folder), "--step", "7"): f"step=7: {folder} has the weights of step {listed}",
        (str(folder), "--step", "20"): f"{folder}/weights/step_000000020.safetensors: cannot be read as .safetensors",
        (str(folder), "--no-causal"): "--causal: is only for weight files; a run folder already defines it",
        (str(tmp_path),): f"{tmp_path}/config.yaml: no such file; give the folder of a run",
    }
    for arguments, line in lines.items():
        assert main([*arguments]) == 2
        printed = capsys.readouterr().err
        assert printed.startswith(f"error: {line}") and printed.count("\n") == 1
    with pytest.raises(UserError, match="step=7: "):
        grok.load_model(folder, step=7)
