"""E0, document 000: a net with one hidden layer on moons, deeper ones on three sets, a convolutional one on MNIST."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from nncore import SGD, CrossEntropyLoss, Linear, ReLU, Sequential, Sigmoid, Tanh, Trainer
from nncore.cli.experiments import _dcn
from nncore.cli.experiments._runs import Outcome, Run, Watch, each, fit
from nncore.datasets import make_blobs, make_circles, make_moons
from nncore.layers import Layer

TITLE = "activation and width on moons; depth and width on moons, circles and blobs; five convolutional nets on MNIST"
THREADS = True  # runs go side by side, each in a thread of its own

ACTIVATIONS: dict[str, type[Layer]] = {"tanh": Tanh, "sigmoid": Sigmoid, "relu": ReLU}
WIDTHS = (3, 10, 50)
DEPTHS = (2, 3, 4)  # layers with weights
L2 = 1e-3


def make_data(name: str, n: int, seed: int) -> tuple[Any, Any]:
    """n points of moons, circles or blobs, noisy enough that classes touch."""
    if name == "moons":
        return make_moons(n, noise=0.20, seed=seed)
    if name == "circles":
        return make_circles(n, noise=0.10, factor=0.5, seed=seed)
    return make_blobs(n, centers=[[-2.0, 0.0], [2.0, 0.0], [0.0, 3.0]], cluster_std=1.0, seed=seed)


def make_net(sizes: list[int], activation: str, seed: int) -> Sequential:
    """Linear layers with an activation between them."""
    layers: list[Layer] = [Linear(sizes[0], sizes[1])]
    for n_in, n_out in itertools.pairwise(sizes[1:]):
        layers += [ACTIVATIONS[activation](), Linear(n_in, n_out)]
    return Sequential(*layers, seed=seed)


def _train(name: str, hidden: list[int], activation: str, l2: float, steps: int) -> Callable[[int], Outcome]:
    """Full-batch gradient descent on 200 points, judged on them and on 2000 new ones."""

    def run(seed: int) -> Outcome:
        X, y = make_data(name, 200, seed)
        net = make_net([2, *hidden, int(y.max()) + 1], activation, seed)
        trainer = Trainer(net, CrossEntropyLoss(), SGD(lr=0.5), batch_size=None, l2=l2, seed=seed, num_threads=1)
        history = fit(trainer, X, y, steps, metrics=())
        seen, new = trainer.evaluate(X, y), trainer.evaluate(*make_data(name, 2000, seed + 1_000_000))
        figures = {
            "train_loss": seen["loss"],
            "train_accuracy": seen["accuracy"],
            "new_loss": new["loss"],
            "new_accuracy": new["accuracy"],
        }
        return Outcome({_label(name, hidden, activation, y): figures}, history.n_steps)

    return run


def _label(name: str, hidden: list[int], activation: str, y: Any) -> str:
    return f"{name} {'-'.join(map(str, [2, *hidden, int(y.max()) + 1]))} {activation}"


def runs(quick: bool, seed: int, watch: Watch) -> tuple[list[Run], list[str]]:
    """Nine nets of one hidden layer, 27 of two to four layers with an L2 penalty, five convolutional ones."""
    seeds = range(seed, seed + (1 if quick else 5))
    shallow = [
        (
            "activation_width",
            f"{activation} {width}",
            _train("moons", [width], activation, 0.0, 500 if quick else 10_000),
        )
        for activation in ACTIVATIONS
        for width in WIDTHS
    ]
    deep = [
        (
            "n_layer",
            f"{name} {depth} x {width}",
            _train(name, [width] * (depth - 1), "tanh", L2, 200 if quick else 5000),
        )
        for name in ("moons", "circles", "blobs")
        for depth in DEPTHS
        for width in WIDTHS
    ]
    images, notes = _dcn.runs(quick, seed, watch)
    return each(shallow + deep, seeds) + images, notes
