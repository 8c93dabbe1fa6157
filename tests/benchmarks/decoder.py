"""Tokens per second of the decoder, of torch's layers, and of GPT-NeoX in transformers:
`python -m tests.benchmarks.decoder [--rounds 8]`.

All train with fused AdamW on batches of 8 sequences of 128 tokens of a vocabulary of 2,048, with layer norms and GELU.
Sizes are those of `conf/size`. Ours has learned positions as torch's, or rotary ones as GPT-NeoX. They take turns in
one process. Only ratios count.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.nn import functional
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

from grok.models.decoder import Decoder
from grok.models.spec import TokenSequences
from grok.training.products import choose_products
from tests.conftest import composed

N_TOKENS, LENGTH, BATCH, STEPS = 2048, 128, 8, 4
SIZES = ("s0", "s1", "s2", "s3", "s4")  # of conf/size


class TorchDecoder(nn.Module):
    """torch's TransformerEncoderLayer with a causal mask."""

    def __init__(self, depth: int, width: int, heads: int) -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(N_TOKENS, width), nn.Parameter(torch.zeros(LENGTH, width))
        options = {"dropout": 0.0, "activation": "gelu", "batch_first": True, "norm_first": True}
        layers = (nn.TransformerEncoderLayer(width, heads, 4 * width, **options) for _ in range(depth))
        self.blocks, self.norm = nn.ModuleList(layers), nn.LayerNorm(width)
        self.unembedding = nn.Linear(width, N_TOKENS, bias=False)
        self.mask = nn.Transformer.generate_square_subsequent_mask(LENGTH)

    def forward(self, inputs: Tensor) -> Tensor:
        x = self.tokens(inputs[0]) + self.positions
        for block in self.blocks:
            x = block(x, src_mask=self.mask, is_causal=True)
        return self.unembedding(self.norm(x)).unsqueeze(0)


class GptNeoX(nn.Module):
    """The decoder of Pythia, with its blocks one after the other and all dimensions of a head rotated."""

    def __init__(self, depth: int, width: int, heads: int) -> None:
        super().__init__()
        config = GPTNeoXConfig(
            vocab_size=N_TOKENS,
            hidden_size=width,
            num_hidden_layers=depth,
            num_attention_heads=heads,
            intermediate_size=4 * width,
            max_position_embeddings=LENGTH,
            use_parallel_residual=False,
            rope_parameters={"rope_type": "default", "rope_theta": 10_000.0, "partial_rotary_factor": 1.0},
        )
        self.network = GPTNeoXForCausalLM(config)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.network(inputs[0], use_cache=False).logits.unsqueeze(0)


def our_decoder(depth: int, width: int, heads: int, positions: str) -> Decoder:
    """The decoder of the suite with the same mathematics."""
    return Decoder(
        depth=depth,
        width=width,
        heads=heads,
        d_mlp=4 * width,
        activation="gelu",
        layer_norm=True,
        positions=positions,
        tied=False,
        inputs=TokenSequences(N_TOKENS, LENGTH),
        n_outputs=N_TOKENS,
        generators=[torch.Generator()],
    ).float()


def training_step(model: nn.Module) -> Callable[[], None]:
    """A function that takes one training step on a fixed batch."""
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    inputs, targets = torch.randint(N_TOKENS, (2, 1, BATCH, LENGTH))

    def step() -> None:
        optimizer.zero_grad()
        functional.cross_entropy(model(inputs).flatten(0, 2), targets.flatten()).backward()
        optimizer.step()

    return step


def seconds(step: Callable[[], None]) -> float:
    """Seconds per step."""
    start = time.perf_counter()
    for _ in range(STEPS):
        step()
    return (time.perf_counter() - start) / STEPS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=8)
    rounds = parser.parse_args().rounds
    columns = ("learned positions, tokens/s", "torch's layers / ours", "rotary, tokens/s", "GPT-NeoX / ours")
    title = f"times, median of {rounds} rounds, {torch.get_num_threads()} threads"
    table = Table("size", "depth × width, heads", *columns, title=title)
    with choose_products("auto", "float32", torch.device("cpu")).active():
        for size in SIZES:
            keys = composed("task=language", f"size={size}")["model"]
            shape = depth, width, heads = [keys[key] for key in ("depth", "width", "heads")]
            ours = [our_decoder(*shape, positions) for positions in ("learned", "rotary")]
            models = (ours[0], TorchDecoder(*shape), ours[1], GptNeoX(*shape))
            steps = [training_step(model) for model in models]
            times = torch.tensor([[seconds(step) for step in steps] for _ in range(rounds + 1)])[1:]
            learned, torchs, rotary, neox = times.unbind(1)
            row = []
            for own, other in ((learned, torchs), (rotary, neox)):
                row += [f"{BATCH * LENGTH / own.median():,.0f}", f"{(other / own).median():.2f}"]
            table.add_row(size, f"{depth} × {width}, {heads}", *row)
    Console().print(table)


if __name__ == "__main__":
    main()
