"""PyTorch, eager: fused optimizers, batches ready as tensors."""

from __future__ import annotations

import time
from typing import Any

import torch


def title() -> str:
    return f"PyTorch {torch.__version__} eager"


def limit_threads(n: int) -> None:
    torch.set_num_threads(n)


class _Net:
    def __init__(self, work: Any, weights: Any, X: Any, y: Any) -> None:
        layers: list[torch.nn.Module] = []
        for weight, bias in weights:
            linear = torch.nn.Linear(weight.shape[1], weight.shape[0])
            linear.weight.data.copy_(torch.from_numpy(weight))
            linear.bias.data.copy_(torch.from_numpy(bias))
            layers += [linear, getattr(torch.nn, work.activation)()]
        self._net = torch.nn.Sequential(*layers[:-1])
        self._optimizer = getattr(torch.optim, work.optimizer)(self._net.parameters(), lr=work.lr, fused=True)
        self._loss = torch.nn.CrossEntropyLoss()
        self._batches = list(
            zip(torch.from_numpy(X).split(work.batch), torch.from_numpy(y).split(work.batch), strict=True)
        )
        self._done = 0

    def run(self, steps: int) -> float:
        net, loss, optimizer, batches = self._net, self._loss, self._optimizer, self._batches
        start = time.perf_counter()
        for i in range(self._done, self._done + steps):
            x, y = batches[i % len(batches)]
            optimizer.zero_grad()
            loss(net(x), y).backward()
            optimizer.step()
        self._done += steps
        return time.perf_counter() - start

    def result(self) -> Any:
        linears = [layer for layer in self._net if isinstance(layer, torch.nn.Linear)]
        return [(layer.weight.detach().numpy(), layer.bias.detach().numpy()) for layer in linears]


class _Descent:
    def __init__(self, work: Any, start: Any) -> None:
        self._work, self._start = work, start

    def run(self, steps: int) -> float:
        x = torch.tensor(self._start, dtype=torch.float64, requires_grad=True)
        optimizer = getattr(torch.optim, self._work.optimizer)([x], fused=True, **self._work.settings)
        path = torch.empty(steps, 2, dtype=torch.float64)
        start = time.perf_counter()
        for i in range(steps):
            optimizer.zero_grad()
            ((1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2).backward()
            optimizer.step()
            path[i] = x.detach()
        seconds = time.perf_counter() - start
        self._end = path[-1].numpy()
        return seconds

    def result(self) -> Any:
        return self._end


net, descent = _Net, _Descent
