"""The work of `tests.benchmarks.peers` in JAX, as its users write it: vmap over replicas, 100 steps scanned under jit,
and optax's AdamW."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

STEPS, LONG_STEPS = 100, 20  # of a scan; of one whose steps take 0.1 s (also in peers.py, which needs no JAX)
Segment = Callable[[], None]


def scanned(
    loss: Callable[..., Any],
    params: Any,
    batches: Callable[[Any], Any],
    *,
    optimizer: Any,
    n: int,
    steps: int = STEPS,
) -> Segment:
    """A function that trains `steps` steps. `batches(key)` has the arguments of the loss of a step. With n > 1, the
    first axis of parameters and batch is the replica."""

    def one(params: Any, state: Any, *batch: Any) -> Any:
        updates, state = optimizer.update(jax.grad(loss)(params, *batch), state, params)
        return optax.apply_updates(params, updates), state

    update, init = (jax.vmap(one), jax.vmap(optimizer.init)) if n > 1 else (one, optimizer.init)

    @jax.jit
    def segment(params: Any, state: Any, key: Any) -> Any:
        def step(carry: Any, key: Any) -> Any:
            return update(*carry, *batches(key)), None

        return jax.lax.scan(step, (params, state), jax.random.split(key, steps))[0]

    carry, keys = (params, init(params)), iter(range(10**9))

    def train() -> None:
        nonlocal carry
        carry = jax.block_until_ready(segment(*carry, jax.random.key(next(keys))))

    return train


def layers(key: Any, *widths: int) -> list[tuple[Any, Any]]:
    """The initial weights and biases of an MLP."""
    keys = jax.random.split(key, len(widths))
    return [
        (jax.random.uniform(each, (a, b), minval=-1, maxval=1) / math.sqrt(a), jnp.zeros(b))
        for each, a, b in zip(keys, widths, widths[1:], strict=False)
    ]


def mlp(params: Any, x: Any, activation: Callable[[Any], Any]) -> Any:
    """The outputs of an MLP."""
    for weight, bias in params[:-1]:
        x = activation(x @ weight + bias)
    return x @ params[-1][0] + params[-1][1]


def mnist() -> Segment:
    """An MLP on 1,000 images, in shuffled batches of 200."""
    images = jax.random.uniform(jax.random.key(0), (1000, 784))
    targets = jax.nn.one_hot(jnp.arange(1000) % 10, 10)
    optimizer = optax.adamw(1e-3, weight_decay=0.01)

    def step(carry: Any, index: Any) -> Any:
        params, state = carry
        loss = lambda params: jnp.square(mlp(params, images[index], jax.nn.relu) - targets[index]).mean()  # noqa: E731
        updates, state = optimizer.update(jax.grad(loss)(params), state, params)
        return (optax.apply_updates(params, updates), state), None

    @jax.jit
    def segment(params: Any, state: Any, key: Any) -> Any:
        epochs = [jax.random.permutation(each, 1000) for each in jax.random.split(key, STEPS // 5)]
        return jax.lax.scan(step, (params, state), jnp.concatenate(epochs).reshape(STEPS, 200))[0]

    params = layers(jax.random.key(1), 784, 200, 200, 10)
    carry, keys = (params, optimizer.init(params)), iter(range(10**9))

    def train() -> None:
        nonlocal carry
        carry = jax.block_until_ready(segment(*carry, jax.random.key(next(keys))))

    return train


def teacher_student(n: int = 100) -> Segment:
    """Replicas of teacher–student regression on their full batches."""
    x, y = jax.random.normal(jax.random.key(0), (2, n, 100, 5))
    params = jax.vmap(lambda key: layers(key, 5, 100, 100, 5))(jax.random.split(jax.random.key(1), n))

    def loss(params: Any, x: Any, y: Any) -> Any:
        return jnp.square(mlp(params, x, jnp.tanh) - y).mean()

    return scanned(loss, params, lambda key: (x, y), optimizer=optax.adamw(3e-4, weight_decay=0.05), n=n)


def toy(n: int = 110) -> Segment:
    """Replicas of the effective theory's toy addition on their full batches."""
    pairs = jax.random.randint(jax.random.key(0), (n, 45, 2), 0, 10)
    y = jax.random.normal(jax.random.key(1), (n, 45, 30))
    decoders = jax.vmap(lambda key: layers(key, 1, 200, 200, 30))(jax.random.split(jax.random.key(2), n))
    params = (jax.random.uniform(jax.random.key(3), (n, 10, 1)) - 0.5, decoders)

    def loss(params: Any, pairs: Any, y: Any) -> Any:
        return jnp.square(mlp(params[1], params[0][pairs].sum(1), jnp.tanh) - y).mean()

    return scanned(loss, params, lambda key: (pairs, y), optimizer=optax.adamw(1e-3, weight_decay=0.0), n=n)


def modular_addition(p: int = 113, width: int = 128, heads: int = 4, d_mlp: int = 512) -> Segment:
    """The one-layer transformer of Nanda et al. on 30 % of the table: all positions, logits at the last one."""
    keys = iter(jax.random.split(jax.random.key(0), 12))
    table = jnp.stack(jnp.meshgrid(jnp.arange(p), jnp.arange(p)), -1).reshape(-1, 2)
    pairs = jax.random.permutation(next(keys), table)[: int(0.3 * p * p)]
    tokens = jnp.concatenate([pairs, jnp.full((len(pairs), 1), p)], 1)
    labels, mask, size = pairs.sum(1) % p, jnp.tril(jnp.ones((3, 3), bool)), width // heads

    def normal(*shape: int) -> Any:
        return jax.random.normal(next(keys), shape) / math.sqrt(width)

    names = {"embed": (p + 1, width), "positions": (3, width), "out": (width, width), "unembed": (width, p)}
    names |= dict.fromkeys("qkv", (width, heads, size)) | {"into": (width, d_mlp), "back": (d_mlp, width)}
    params = {name: normal(*shape) for name, shape in names.items()}

    def loss(params: Any, tokens: Any, labels: Any) -> Any:
        x = params["embed"][tokens] + params["positions"]
        q, k, v = (jnp.einsum("bpd,dhs->bhps", x, params[each]) for each in "qkv")
        scores = jnp.where(mask, jnp.einsum("bhps,bhts->bhpt", q, k) / math.sqrt(size), -jnp.inf)
        z = jnp.einsum("bhpt,bhts->bphs", jax.nn.softmax(scores), v).reshape(*x.shape)
        x = x + z @ params["out"]
        x = x + jax.nn.relu(x @ params["into"]) @ params["back"]
        logits = x[:, -1] @ params["unembed"]
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

    optimizer = optax.adamw(optax.linear_schedule(0.0, 1e-3, 10), b2=0.98, weight_decay=1.0)
    return scanned(loss, params, lambda key: (tokens, labels), optimizer=optimizer, n=1)


def parity(width: int, *, drawing: bool, batch: int = 20_000, n_subtasks: int = 500, n_bits: int = 100) -> Segment:
    """Sparse parity of the published size; a new batch is drawn in each step, or one batch is used in all."""
    subsets = jax.random.randint(jax.random.key(0), (n_subtasks, 3), 0, n_bits)
    logits = -1.4 * jnp.log(jnp.arange(1, n_subtasks + 1))

    def draw(key: Any) -> Any:
        one, other = jax.random.split(key)
        subtask = jax.random.categorical(one, logits, shape=(batch,))
        bits = jax.random.bernoulli(other, 0.5, (batch, n_bits)).astype(jnp.float32)
        labels = jnp.take_along_axis(bits, subsets[subtask], 1).sum(1).astype(int) % 2
        return jnp.concatenate([jax.nn.one_hot(subtask, n_subtasks), bits], 1), labels

    def loss(params: Any, x: Any, labels: Any) -> Any:
        return optax.softmax_cross_entropy_with_integer_labels(mlp(params, x, jax.nn.relu), labels).mean()

    fixed = jax.jit(draw)(jax.random.key(1))
    params = layers(jax.random.key(2), n_subtasks + n_bits, width, 2)
    batches = draw if drawing else lambda key: fixed
    return scanned(loss, params, batches, optimizer=optax.adamw(1e-3, weight_decay=0.0), n=1, steps=LONG_STEPS)
