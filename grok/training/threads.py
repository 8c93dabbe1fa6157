"""How torch's threads wait for one another. To be set before torch is imported."""

from __future__ import annotations

import os

# Turns of a waiting loop before a thread sleeps. Without a limit, threads that wait for one whose core is taken by
# another program keep the other cores busy for nothing. With 10,000 an idle machine is about as fast as without a
# limit (see tests/benchmarks/README.md).
SPIN_COUNT = "10000"
SETTINGS = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")


def limit_spinning() -> None:
    """Bound how long torch's threads spin at a barrier, unless the user has chosen how they wait."""
    if not any(name in os.environ for name in SETTINGS):
        os.environ["GOMP_SPINCOUNT"] = SPIN_COUNT


def wait_setting() -> str:
    """How the threads of this process wait, as it is set in the environment."""
    return ", ".join(f"{name}={os.environ[name]}" for name in SETTINGS if name in os.environ) or "as torch's"
