"""Which library computes matrix products: torch's own, or oneDNN where its error is that of float32.

On a CPU, torch computes float32 products by MKL, which reaches half its speed on AMD processors. With
`set_float32_matmul_precision("medium")` it leaves them to oneDNN, which may round the factors to bfloat16. Whether it
does depends on the processor, so its error is measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import torch

from grok.science.numerics.tanh import torch_tanh

TORCH, ONEDNN, ROUNDED = "torch", "onednn", "rounded"  # rounded: by oneDNN or the device, with any error
MAX_ERROR = 3e-7  # relative, of products that count as float32
SHAPES = ((1, 128, 128, 128), (16, 50, 100, 100), (3, 30, 30, 30))  # replicas, rows, inner, columns
MODES = {TORCH: "highest", ONEDNN: "medium", ROUNDED: "medium"}


@dataclass(frozen=True)
class Products:
    """The library of a session's products, its largest relative error over `SHAPES`, and whether tanh is torch's."""

    library: str
    error: float
    reference: bool

    @contextmanager
    def active(self) -> Iterator[None]:
        """Compute products and tanh this way."""
        with _library(self.library), torch_tanh() if self.reference else nullcontext():
            yield


def choose_products(setting: str, precision: str, device: torch.device) -> Products:
    """The products of a run: torch's for `products=reference` and in float64, rounded ones in bfloat16, and otherwise
    oneDNN's if they are exact enough."""
    if precision == "bfloat16":
        return Products(ROUNDED, relative_error(ROUNDED, torch.float32, device), setting == "reference")
    if setting != "reference" and precision == "float32" and device.type == "cpu":
        error = relative_error(ONEDNN, torch.float32, device)
        if error <= MAX_ERROR:
            return Products(ONEDNN, error, False)
    return torch_products(setting, precision, device)


def torch_products(setting: str, precision: str, device: torch.device) -> Products:
    """torch's own products."""
    dtype = torch.float64 if precision == "float64" else torch.float32
    return Products(TORCH, relative_error(TORCH, dtype, device), setting == "reference")


def relative_error(library: str, dtype: torch.dtype, device: torch.device) -> float:
    """The largest relative error of a library's products. It is about 2e-7 for float32, 2e-3 for bfloat16 and 3e-4 for
    TensorFloat-32."""
    errors = []
    with _library(library):
        for replicas, rows, inner, columns in SHAPES:
            generator = torch.Generator().manual_seed(0)
            left, right = (
                torch.randn(replicas, *shape, generator=generator, dtype=torch.float64).to(dtype)
                for shape in ((rows, inner), (inner, columns))
            )
            exact = left.double() @ right.double()
            found = torch.bmm(left.to(device), right.to(device)).cpu().double()
            errors.append(float((found - exact).norm() / exact.norm()))
    return max(errors)


@contextmanager
def _library(name: str) -> Iterator[None]:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(MODES[name])
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
