"""How fast a step of the MNIST recipe is: against a bare loop, against the reference's way, and side by side.

    python -m tests.benchmarks.mnist [--segments 30] [--replicas 16]

Everything is timed in one process, and in turn: after each segment of ours its rivals train for a moment, so that a
machine whose speed drifts slows all alike. A ratio is the median over segments. Nothing here is asserted by a test.
"""

from __future__ import annotations

import argparse
import logging
import resource
import statistics
import time
import warnings
from collections.abc import Callable, Mapping

import numpy as np
import torch
from PIL import Image
from pytorch_lightning import Callback, LightningModule, Trainer
from rich.console import Console
from rich.table import Table
from torch.nn.functional import one_hot
from torch.utils.data import DataLoader, Dataset

from grok.training.build import build
from tests.conftest import composed

RECIPE = ("task=mnist_grok", "logger=none", "looks.every=null")
QUIET = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)


def perceptron(dtype: torch.dtype) -> torch.nn.Sequential:
    """The network of the recipe in plain torch."""
    torch.manual_seed(0)
    layers = [torch.nn.Linear(784, 200), torch.nn.ReLU(), torch.nn.Linear(200, 200), torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers, torch.nn.Linear(200, 10)).to(dtype)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(8.0)
    return model


class Images(Dataset):
    """Images as torchvision's MNIST gives them: a PIL image made, and turned into a tensor, at each access."""

    def __init__(self, pixels: np.ndarray, labels: list[int]) -> None:
        self.pixels, self.labels = pixels, labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        from torchvision.transforms.functional import to_tensor

        return to_tensor(Image.fromarray(self.pixels[index], mode="L")), self.labels[index]


class InTurn(Callback):
    """Times every segment under Lightning, all that is between two segments included, and its rivals in the breaks."""

    def __init__(self, rivals: Mapping[str, Callable[[], float]], segments: int) -> None:
        self.rivals, self.segments = rivals, segments
        self.times: list[dict[str, float]] = []  # seconds a step, by segment
        self.done = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.break_over = time.perf_counter()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        ours = (time.perf_counter() - self.break_over) / (pl_module.step - self.done)
        self.times.append({"ours": ours, **{name: rival() for name, rival in self.rivals.items()}})
        self.done = pl_module.step
        trainer.should_stop = len(self.times) > self.segments
        self.break_over = time.perf_counter()


def in_turn(n_replicas: int, rivals: Mapping[str, Callable[[], float]], segments: int) -> list[dict[str, float]]:
    """Seconds a step of our engine with so many replicas, and of its rivals, segment by segment; the first is left out.
    There is no look on the way, as there is none in the bare loop."""
    training, _ = build([composed(*RECIPE, f"seed={seed}") for seed in range(n_replicas)])
    training.looks = [10**9]
    training.steps = 10**9
    turns = InTurn(rivals, segments)
    Trainer(max_epochs=-1, accelerator="cpu", callbacks=[turns], **QUIET).fit(training)
    return turns.times[1:]


def alone(steps: int) -> Callable[[], float]:
    """Seconds a step of one replica by our parts, without Lightning around them."""
    training, _ = build([composed(*RECIPE)])
    optimizer = training.configure_optimizers()

    def measure() -> float:
        start = time.perf_counter()
        for step in range(steps):
            inputs, targets = training.feed.batch(step)
            loss = training.task.example_loss(training.model(inputs), targets).mean(1).sum()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        return (time.perf_counter() - start) / steps

    return measure


def bare(steps: int) -> Callable[[], float]:
    """Seconds a step of the same mathematics in plain torch: tensors in memory, fused AdamW, float32."""
    training, _ = build([composed(*RECIPE)])
    inputs, targets = (each[0] for each in training.tables["train"].gather(training.tables["train"].rows))
    labels = one_hot(targets, 10).float()
    model = perceptron(torch.float32)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01, fused=True)

    def measure() -> float:
        start = time.perf_counter()
        for step in range(steps):
            if step % 5 == 0:
                order = torch.randperm(1000)
            rows = order[step % 5 * 200 : step % 5 * 200 + 200]
            loss = (model(inputs.index_select(0, rows)) - labels.index_select(0, rows)).square().mean()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        return (time.perf_counter() - start) / steps

    return measure


def reference(steps: int) -> Callable[[], float]:
    """Seconds a step as the reference notebook takes it: float64, a DataLoader over PIL images, and every 667 steps an
    evaluation of loss and accuracy on train and test images by the same loader (its share of a step is added)."""
    training, _ = build([composed(*RECIPE)])
    datasets = []
    for tables in training.tables.values():
        inputs, targets = (each[0] for each in tables.gather(tables.rows))
        datasets.append(Images((inputs * 255).round().byte().view(-1, 28, 28).numpy(), targets.tolist()))
    model = perceptron(torch.float64)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
    targets_of = torch.eye(10, dtype=torch.float64)

    def evaluate(dataset: Images) -> None:
        """Loss and accuracy are computed in two passes, as the notebook's two functions do."""
        for _ in range(2):
            with torch.no_grad():
                for images, labels in DataLoader(dataset, batch_size=200, shuffle=True):
                    (model(images.flatten(1).double()) - targets_of[labels]).square().sum()

    def measure() -> float:
        start, step = time.perf_counter(), 0
        while step < steps:
            for images, labels in DataLoader(datasets[0], batch_size=200, shuffle=True):
                optimizer.zero_grad()
                loss = torch.nn.functional.mse_loss(model(images.flatten(1).double()), targets_of[labels])
                loss.backward()
                optimizer.step()
                step += 1
        training_seconds = (time.perf_counter() - start) / step
        start = time.perf_counter()
        for dataset in datasets:
            evaluate(dataset)
        return training_seconds + (time.perf_counter() - start) / 667

    return measure


def main() -> None:
    """Time all variants and print the ratios that the README's table shows."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("segments", 30), ("replicas", 16)):
        parser.add_argument(f"--{name}", type=int, default=default)
    arguments = parser.parse_args()
    n = arguments.replicas
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
    single = in_turn(1, {"bare": bare(100)}, arguments.segments)
    against_reference = in_turn(1, {"reference": reference(20)}, arguments.segments)
    many = in_turn(n, {"alone": alone(100)}, arguments.segments)
    rows = {
        "our step, ms": [1e3 * each["ours"] for each in single],
        "our step / bare loop": [each["ours"] / each["bare"] for each in single],
        "reference's way / our step": [each["reference"] / each["ours"] for each in against_reference],
        f"{n} runs in a row / {n} replicas side by side": [n * each["alone"] / each["ours"] for each in many],
    }
    table = Table(title=f"{torch.get_num_threads()} threads, torch {torch.__version__}, {arguments.segments} segments")
    for column in ("what", "median", "quartiles"):
        table.add_column(column)
    for name, values in rows.items():
        low, median, high = statistics.quantiles(values, n=4)
        table.add_row(name, f"{median:.2f}", f"{low:.2f} – {high:.2f}")
    Console().print(table)
    print(f"peak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GB")


if __name__ == "__main__":
    main()
