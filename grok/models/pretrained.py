"""A pretrained causal language model of transformers, from this machine, as one replica."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn
from torch.func import functional_call

from grok.checks import UserError
from grok.models.model import Model, position_of_each
from grok.models.spec import NextTokens, TokenSequences

GGUF = ".gguf"
MAX_PADDING = 512  # tokens of a vocabulary that no text has: the embeddings of Pythia have 27 to 411 more rows


class PretrainedLanguageModel(Model):
    """The language model at `source`: a folder with `config.json`, a GGUF file, or a name in the hub's cache.

    `revision` is a revision on the hub, such as step3000 of Pythia. Nothing is downloaded. The weights are float32, and
    the logits of tokens beyond the task's vocabulary, which no text has, are left out. Dropout is always off.
    """

    reads: ClassVar = (TokenSequences,)
    gives: ClassVar = (NextTokens,)
    batchable: ClassVar = False
    compilable: ClassVar = False

    def __init__(
        self,
        *,
        source: str | None,
        revision: str | None,
        inputs: TokenSequences,
        n_outputs: int,
        generators: Sequence[Generator],
    ) -> None:
        super().__init__()
        self.n_outputs = n_outputs
        self.network = _load(source, revision)
        self.ties = _add_replica_axis(self.network)
        self.tokenizer_file = _tokenizer_file(str(source), revision)
        _check_fit(str(source), self.network.config, inputs, has_tokenizer=self.tokenizer_file is not None)

    def forward(
        self, inputs: Int[Tensor, "replica example position"]
    ) -> Float[Tensor, "replica example position token"]:
        return self._logits(inputs)

    def at_positions(
        self, inputs: Int[Tensor, "replica example position"], positions: Int[Tensor, "replica example"]
    ) -> Float[Tensor, "replica example token"]:
        def keep_one(_: nn.Module, hidden: tuple[Float[Tensor, "example position width"]]) -> Tensor:
            return position_of_each(hidden[0].unsqueeze(0), positions)[0].unsqueeze(1)

        with self.network.get_output_embeddings().register_forward_pre_hook(keep_one):
            return self._logits(inputs).squeeze(-2)

    def _logits(self, inputs: Int[Tensor, "replica example position"]) -> Float[Tensor, "replica example place token"]:
        """The logits at the positions that are unembedded."""
        self.network.eval()  # train() of this module turns dropout on
        weights = {name: parameter[0] for name, parameter in self.network.named_parameters()}
        weights |= {name: weights[first] for name, first in self.ties.items()}
        arguments = {"input_ids": inputs[0], "use_cache": False}
        logits: Tensor = functional_call(self.network, weights, (), arguments).logits
        return logits[..., : self.n_outputs].unsqueeze(0)

    @property
    def param_groups(self) -> dict[str, str]:
        """The token embedding and, if it is not tied, the unembedding, by the prefix of their parameters' names."""
        parts = {"embedding": self.network.get_input_embeddings(), "last_layer": self.network.get_output_embeddings()}
        names = {id(each): name for name, each in self.network.named_modules()}
        untied = {group: each for group, each in parts.items() if each is not None and [*each.parameters()]}
        return {group: f"network.{names[id(each)]}." for group, each in untied.items()}

    @property
    def embedding_parameters(self) -> frozenset[str]:
        """The names of the parameters of embeddings, of positions, too, and of the unembedding."""
        modules = {name: each for name, each in self.network.named_modules() if isinstance(each, nn.Embedding)}
        return super().embedding_parameters | {
            f"network.{module}.{name}" for module, each in modules.items() for name, _ in each.named_parameters()
        }

    @property
    def linear_maps(self) -> dict[str, nn.Module]:
        """The linear maps of attention and MLPs, by the prefix of their parameters' names."""
        unembedding = self.network.get_output_embeddings()
        maps = {
            name: each for name, each in self.network.named_modules() if type(each).__name__ in ("Linear", "Conv1D")
        }
        return {f"network.{name}": each for name, each in maps.items() if each is not unembedding}


def _load(source: str | None, revision: str | None) -> Any:
    """The model of transformers at a source.

    Raises:
        UserError: transformers is not installed, there is no such model here, or its files cannot be read.
    """
    if not isinstance(source, str) or not source:
        raise UserError(
            f"model.source={source or 'null'}: must be a folder, a {GGUF} file, or a name such as EleutherAI/pythia-70m"
        )
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # the client must not wait for a network
    try:
        import transformers
    except ModuleNotFoundError as error:
        raise UserError(f"{error.name}: not installed; pip install -c constraints.txt -e '.[pretrained]'") from error
    place, options = _place(source, revision)
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    load = transformers.AutoModelForCausalLM.from_pretrained
    network, report = _read(source, lambda: load(place, **options, dtype=torch.float32, output_loading_info=True))
    if missing := sorted(report["missing_keys"]):
        raise UserError(
            f"model.source={source}: lacks {len(missing)} weights of {type(network).__name__}, such as {missing[0]}"
        )
    return network


def _place(source: str, revision: str | None) -> tuple[str, dict[str, Any]]:
    """The first argument and the options of transformers' `from_pretrained`.

    Raises:
        UserError: there is no such model on this machine.
    """
    options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    path = Path(source)
    is_file, is_folder = path.is_file() and path.suffix == GGUF, path.is_dir()
    if (is_file or is_folder) and revision is not None:
        raise UserError(f"model.revision={revision}: is only for names on a hub, not for model.source={source}")
    if is_file:
        return str(path.parent), {**options, "gguf_file": path.name}
    if is_folder:
        if not (path / "config.json").is_file():
            raise UserError(f"model.source={source}: this folder has no config.json, so it is no model of transformers")
        return source, options
    from transformers.utils.hub import cached_file

    name_like = source.count("/") <= 1 and not source.startswith((".", "/", "~")) and not source.endswith(GGUF)
    try:
        found = name_like and cached_file(source, "config.json", revision=revision, local_files_only=True)
    except (OSError, ValueError):
        found = None
    if not name_like:
        raise UserError(f"model.source={source}: no such folder or {GGUF} file")
    if not found:
        command = f"hf download {source}" + (f" --revision {revision}" if revision else "")
        raise UserError(f"model.source={source}: not on this machine; `{command}` fetches it")
    return source, {**options, "revision": revision or "main"}


def _read(source: str, read: Callable[[], Any]) -> Any:
    """What transformers reads; its errors in one line."""
    try:
        return read()
    except ImportError as error:
        line = (str(error).strip().splitlines() or [""])[0]
        raise UserError(f"model.source={source}: {line}; pip install -c constraints.txt -e '.[pretrained]'") from error
    except Exception as error:  # transformers raises many kinds, depending on the file
        raise UserError(f"model.source={source}: cannot be read ({_reason(error)})") from error


def _reason(error: Exception) -> str:
    """Why files cannot be read; some texts of transformers and torch name no reason, or advise to load unsafely."""
    text = " ".join(str(error).split())
    known = {
        "Weights only load failed": "its weights are a pickle with other objects than tensors, which could run code",
        "ignore_mismatched_sizes": "its weights have other shapes than its config.json says",
    }
    return next((reason for part, reason in known.items() if part in text), f"{type(error).__name__}: {text[:200]}")


def _add_replica_axis(network: nn.Module) -> Mapping[str, str]:
    """Give every parameter an axis for one replica; returns the names of tied parameters with that of the first.

    Buffers follow from the configuration, so they are not saved.
    """
    first_names: dict[int, str] = {}
    ties = {}
    for name, parameter in [*network.named_parameters(remove_duplicate=False)]:
        owner, _, own_name = name.rpartition(".")
        module = network.get_submodule(owner)
        if id(parameter) in first_names:
            ties[name] = first_names[id(parameter)]
            del module._parameters[own_name]
        else:
            first_names[id(parameter)] = name
            module._parameters[own_name] = nn.Parameter(parameter.detach().unsqueeze(0))
    for module in network.modules():
        for name, buffer in [*module.named_buffers(recurse=False)]:
            module.register_buffer(name, buffer, persistent=False)
    return ties


def _tokenizer_file(source: str, revision: str | None) -> Path | None:
    """The tokenizer.json beside a model's weights, or in the hub's cache; None if it is not there."""
    path = Path(source)
    if path.exists():
        return beside if (beside := path / "tokenizer.json").is_file() else None
    from transformers.utils.hub import cached_file

    try:
        found = cached_file(source, "tokenizer.json", revision=revision, local_files_only=True)
    except OSError:
        return None
    return Path(found) if found else None


def _check_fit(source: str, config: Any, inputs: TokenSequences, *, has_tokenizer: bool) -> None:
    """Require the model's vocabulary and a context that it can read."""
    n_rows = int(config.vocab_size)
    if not n_rows - MAX_PADDING <= inputs.n_tokens <= n_rows:
        raise UserError(
            f"model.source={source}: has a vocabulary of {n_rows:,} tokens, but the task has {inputs.n_tokens:,}; it "
            "needs the model's own tokenizer (task.tokenizer=<its tokenizer.json>)"
        )
    if not has_tokenizer and inputs.n_tokens != n_rows:
        print(
            f"warning: model.source={source}: has {n_rows:,} rows for {inputs.n_tokens:,} tokens, and no "
            "tokenizer.json to compare; check that task.tokenizer is the model's own",
            file=sys.stderr,
        )
    longest = getattr(config, "max_position_embeddings", None)
    if longest is not None and inputs.length > longest:
        raise UserError(
            f"task.length={inputs.length}: must be at most {longest:,}, the context of model.source={source}"
        )
