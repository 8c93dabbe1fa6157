"""Speed of a step of the MNIST recipe, compared with a bare loop, with the reference's way, and batched.

    python -m tests.benchmarks.mnist [--segments 30] [--replicas 16]

Everything is timed alternately in one process: after each of our segments a baseline trains for a moment, so a drift of
the machine's speed affects both alike. A ratio is the median over segments. No test asserts these numbers.
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
from grok.training.products import choose_products
from tests.conftest import composed

RECIPE = ("task=mnist_grok", "logger=none", "evaluate.every=null")
QUIET = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)


def plain_mlp(dtype: torch.dtype) -> torch.nn.Sequential:
    """The network of the recipe in plain torch."""
    torch.manual_seed(0)
    layers = [torch.nn.Linear(784, 200), torch.nn.ReLU(), torch.nn.Linear(200, 200), torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers, torch.nn.Linear(200, 10)).to(dtype)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(8.0)
    return model


class Images(Dataset):
    """Images as in torchvision's MNIST: each access makes a PIL image and converts it to a tensor."""

    def __init__(self, pixels: np.ndarray, labels: list[int]) -> None:
        self.pixels, self.labels = pixels, labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        from torchvision.transforms.functional import to_tensor

        return to_tensor(Image.fromarray(self.pixels[index], mode="L")), self.labels[index]


class AlternatingTimer(Callback):
    """Times every segment under Lightning, including the overhead between segments, then the baselines."""

    def __init__(self, baselines: Mapping[str, Callable[[], float]], segments: int) -> None:
        self.baselines, self.segments = baselines, segments
        self.times: list[dict[str, float]] = []  # seconds per step, by segment
        self.last_step = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.segment_start = time.perf_counter()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        ours = (time.perf_counter() - self.segment_start) / (pl_module.step - self.last_step)
        self.times.append({"ours": ours, **{name: baseline() for name, baseline in self.baselines.items()}})
        self.last_step = pl_module.step
        trainer.should_stop = len(self.times) > self.segments
        self.segment_start = time.perf_counter()


def time_alternately(
    n_replicas: int, baselines: Mapping[str, Callable[[], float]], segments: int
) -> list[dict[str, float]]:
    """Seconds per step of our engine with `n_replicas` replicas, and of its baselines, for each segment but the first.

    Our steps are compiled, as in a run of 100,000 steps. There are no evaluations, as in the bare loop.
    """
    module, _ = build([composed(*RECIPE, f"seed={seed}") for seed in range(n_replicas)])
    module.compile_gradients(torch.device("cpu"))
    module.evaluation_steps = [10**9]
    module.steps = 10**9
    timer = AlternatingTimer(baselines, segments)
    Trainer(max_epochs=-1, accelerator="cpu", callbacks=[timer], **QUIET).fit(module)
    return timer.times[1:]


def without_lightning(steps: int, *overrides: str) -> Callable[[], float]:
    """Measures the seconds per step of one replica in our engine without Lightning."""
    module, _ = build([composed(*RECIPE, *overrides)])
    optimizer = module.configure_optimizers()

    def measure() -> float:
        start = time.perf_counter()
        for step in range(steps):
            inputs, targets = module.batches.batch(step)
            loss = module.task.example_loss(module.model(inputs), targets).mean(1).sum()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        return (time.perf_counter() - start) / steps

    return measure


def bare_loop(steps: int) -> Callable[[], float]:
    """Measures the seconds per step of the same computation in plain torch: tensors in memory, fused AdamW, float32."""
    module, _ = build([composed(*RECIPE)])
    dataset = module.datasets["train"]
    inputs, targets = (each[0] for each in dataset.gather(dataset.indices))
    inputs, labels = inputs.flatten(1), one_hot(targets, 10).float()
    model = plain_mlp(torch.float32)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01, fused=True)

    def measure() -> float:
        start = time.perf_counter()
        for step in range(steps):
            if step % 5 == 0:
                order = torch.randperm(1000)
            batch = order[step % 5 * 200 : step % 5 * 200 + 200]
            loss = (model(inputs.index_select(0, batch)) - labels.index_select(0, batch)).square().mean()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        return (time.perf_counter() - start) / steps

    return measure


def reference(steps: int) -> Callable[[], float]:
    """Measures the seconds per step of the reference notebook: float64, and a DataLoader over PIL images.

    Every 667 steps it evaluates loss and accuracy on train and test images with the same loader; the time per step
    includes that share.
    """
    module, _ = build([composed(*RECIPE)])
    datasets = []
    for dataset in module.datasets.values():
        inputs, targets = (each[0] for each in dataset.gather(dataset.indices))
        datasets.append(Images((inputs * 255).round().byte().view(-1, 28, 28).numpy(), targets.tolist()))
    model = plain_mlp(torch.float64)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
    one_hot_targets = torch.eye(10, dtype=torch.float64)

    def evaluate(dataset: Images) -> None:
        """Loss and accuracy in two passes, as in the notebook's two functions."""
        for _ in range(2):
            with torch.no_grad():
                for images, labels in DataLoader(dataset, batch_size=200, shuffle=True):
                    (model(images.flatten(1).double()) - one_hot_targets[labels]).square().sum()

    def measure() -> float:
        start, step = time.perf_counter(), 0
        while step < steps:
            for images, labels in DataLoader(datasets[0], batch_size=200, shuffle=True):
                optimizer.zero_grad()
                loss = torch.nn.functional.mse_loss(model(images.flatten(1).double()), one_hot_targets[labels])
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
    """Time all variants and print the ratios of the page's table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("segments", 30), ("replicas", 16)):
        parser.add_argument(f"--{name}", type=int, default=default)
    arguments = parser.parse_args()
    n = arguments.replicas
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
    baselines = {"bare": bare_loop(100), "cnn": without_lightning(100, "model=cnn")}
    with choose_products("auto", "float32", torch.device("cpu")).active():  # as in a run; the reference is in float64
        single = time_alternately(1, baselines, arguments.segments)
        versus_reference = time_alternately(1, {"reference": reference(20)}, arguments.segments)
        batched = time_alternately(n, {"alone": without_lightning(100)}, arguments.segments)
    rows = {
        "our step, ms": [1e3 * each["ours"] for each in single],
        "our step / bare loop": [each["ours"] / each["bare"] for each in single],
        "step with model=cnn / our step": [each["cnn"] / each["ours"] for each in single],
        "reference's way / our step": [each["reference"] / each["ours"] for each in versus_reference],
        f"{n} runs one after another / {n} batched replicas": [n * each["alone"] / each["ours"] for each in batched],
    }
    table = Table(title=f"{torch.get_num_threads()} threads, torch {torch.__version__}, {arguments.segments} segments")
    for column in ("quantity", "median", "quartiles"):
        table.add_column(column)
    for name, values in rows.items():
        low, median, high = statistics.quantiles(values, n=4)
        table.add_row(name, f"{median:.2f}", f"{low:.2f} – {high:.2f}")
    Console().print(table)
    print(f"peak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GB")


if __name__ == "__main__":
    main()
