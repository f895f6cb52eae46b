"""The peak memory of a process that trains mnist_cnn and predicts with it, nncore beside PyTorch, each in a process
of its own: `python tests/benchmarks/memory.py`. Batches of 50, two threads, float32; predictions in batches of 256.
"""

from __future__ import annotations

import resource
import subprocess
import sys

import numpy as np
from nets import course

N, BATCH, AT_ONCE, THREADS = 2000, 50, 256, 2


def ours(X: np.ndarray, y: np.ndarray, optimizer: str) -> None:
    """Trains for an epoch, then predicts."""
    import nncore as nc

    nc.set_num_threads(THREADS)
    net = nc.Sequential(*course(nc, 0.5), dtype="float32", seed=0)
    nc.Trainer(net, nc.CrossEntropyLoss(), getattr(nc, optimizer)(lr=1e-3), batch_size=BATCH).fit(X, y, progress=False)
    for first in range(0, N, AT_ONCE):
        net(X[first : first + AT_ONCE])


def theirs(X: np.ndarray, y: np.ndarray, optimizer: str) -> None:
    """The same with PyTorch."""
    import torch

    torch.set_num_threads(THREADS)
    net = torch.nn.Sequential(*course(torch.nn, 0.5)).to(memory_format=torch.channels_last)
    loss, step = torch.nn.CrossEntropyLoss(), getattr(torch.optim, optimizer)(net.parameters(), lr=1e-3, fused=True)
    x, t = torch.from_numpy(X).contiguous(memory_format=torch.channels_last), torch.from_numpy(y)
    for rows in torch.randperm(N).split(BATCH):
        step.zero_grad()
        loss(net(x[rows]), t[rows]).backward()
        step.step()
    with torch.inference_mode():
        for batch in x.split(AT_ONCE):
            net(batch)


def main() -> int:
    """The command; with a library and an optimizer: one of its processes, which prints kibibytes."""
    if len(sys.argv) == 3:
        rng = np.random.default_rng(0)
        X, y = rng.normal(size=(N, 1, 28, 28)).astype(np.float32), rng.integers(0, 10, N)
        {"nncore": ours, "PyTorch": theirs}[sys.argv[1]](X, y, sys.argv[2])
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        return 0
    for optimizer in ("SGD", "Adam"):
        peak = {
            library: int(
                subprocess.run(
                    [sys.executable, __file__, library, optimizer], check=True, stdout=subprocess.PIPE
                ).stdout
            )
            for library in ("PyTorch", "nncore")
        }
        megabytes = ", ".join(f"{library} {size / 1024:.0f} MB" for library, size in peak.items())
        print(f"mnist_cnn, {optimizer}: {megabytes}, {peak['PyTorch'] / peak['nncore']:.1f}x")
    return 0


if __name__ == "__main__":
    sys.exit(main())
