"""A GGUF file gives the network that was written into it."""

from pathlib import Path

import numpy as np
import pytest
import torch

from grok.models.spec import TokenSequences
from tests.models.test_pretrained import N_TOKENS, SIZES, PretrainedLanguageModel

gguf = pytest.importorskip("gguf")
transformers = pytest.importorskip("transformers")


def save_gguf(network, path: Path) -> None:
    """A Llama as a GGUF file, whose queries and keys have the rotated pairs side by side."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_vocab_size(N_TOKENS)
    writer.add_context_length(32)
    writer.add_embedding_length(SIZES["hidden_size"])
    writer.add_block_count(SIZES["num_hidden_layers"])
    writer.add_feed_forward_length(SIZES["intermediate_size"])
    writer.add_head_count(SIZES["num_attention_heads"])
    writer.add_head_count_kv(SIZES["num_attention_heads"])
    writer.add_layer_norm_rms_eps(1e-5)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, SIZES["num_hidden_layers"])
    for name, weight in network.state_dict().items():
        if "q_proj" in name or "k_proj" in name:
            halves = weight.unflatten(0, (SIZES["num_attention_heads"], 2, -1))
            weight = halves.transpose(1, 2).flatten(0, 2)
        writer.add_tensor(names.get_name(name, try_suffixes=(".weight",)), np.ascontiguousarray(weight.numpy()))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def test_a_gguf_file_gives_the_logits_of_its_network(tmp_path):
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=N_TOKENS, max_position_embeddings=32, rms_norm_eps=1e-5, initializer_range=0.3, **SIZES
    )
    original = transformers.LlamaForCausalLM(config).eval()
    save_gguf(original, tmp_path / "network.gguf")
    found = PretrainedLanguageModel(
        source=str(tmp_path / "network.gguf"),
        revision=None,
        inputs=TokenSequences(N_TOKENS, 16),
        n_outputs=N_TOKENS,
        generators=[torch.Generator()],
    )
    tokens = torch.randint(N_TOKENS, (3, 16), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = original(tokens).logits
        torch.testing.assert_close(found(tokens[None]), expected[None], rtol=0, atol=1e-6)
    assert expected.std() > 0.1
