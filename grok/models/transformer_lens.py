"""Networks for TransformerLens (Nanda & Bloom 2022): weights with its names, and its configuration."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from grok.checks import UserError
from grok.models.network import Network
from grok.models.transformer import Transformer
from grok.models.transformer_block import Block
from grok.models.weight_layouts import to_transformer_lens as to_their_layout


def to_transformer_lens(model: Network) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The state dict and the configuration of a `HookedTransformer` that computes the same logits at every position.

    weights, config = grok.to_transformer_lens(grok.load_model("runs/modular_addition/<time>"))
    lens = transformer_lens.HookedTransformer(config)  # of TransformerLens before 4.0
    lens.load_state_dict(weights)

    Raises:
        UserError: the model is no transformer, or its attention is not a softmax alone.
    """
    transformer = model.model
    if not isinstance(transformer, Transformer):
        raise UserError(f"only transformers can be exported, not {type(transformer).__name__}")
    block, *_ = transformer.blocks
    assert isinstance(block, Block)
    attention = block.attention
    if (coefficient := attention.coefficient.item()) != 1:
        raise UserError(
            f"model.attention_coefficient={coefficient:g}: must be 1; TransformerLens has only softmax attention"
        )
    weights = to_their_layout(model.state_dict(), attention.heads)
    vocabulary, width = weights["embed.W_E"].shape
    config = {
        "n_layers": len(transformer.blocks),
        "d_model": width,
        "n_ctx": len(weights["pos_embed.W_pos"]),
        "d_head": attention.d_head,
        "n_heads": attention.heads,
        "d_mlp": len(weights["blocks.0.mlp.b_in"]),
        "d_vocab": vocabulary,
        "d_vocab_out": weights["unembed.W_U"].shape[1],
        "act_fn": transformer.activation,
        "attention_dir": "causal" if attention.causal else "bidirectional",
        "normalization_type": "LN" if transformer.before_unembedding else None,
        "dtype": weights["embed.W_E"].dtype,
        "device": str(weights["embed.W_E"].device),
    }
    return weights | _constants(config), config


def _constants(config: dict[str, Any]) -> dict[str, Tensor]:
    """The arrays of TransformerLens that our networks lack: biases of 0, and the mask."""
    heads, n_positions = config["n_heads"], config["n_ctx"]
    kind = {"dtype": config["dtype"], "device": config["device"]}
    constants = {"unembed.b_U": torch.zeros(config["d_vocab_out"], **kind)}
    for block in (f"blocks.{layer}.attn" for layer in range(config["n_layers"])):
        constants |= {f"{block}.b_{name}": torch.zeros(heads, config["d_head"], **kind) for name in "KQV"}
        constants[f"{block}.b_O"] = torch.zeros(config["d_model"], **kind)
        constants[f"{block}.mask"] = torch.ones(n_positions, n_positions, dtype=torch.bool).tril()
        constants[f"{block}.IGNORE"] = torch.tensor(-torch.inf)
    return constants
