"""E1, document 001: the perceptron in four cases, a small net on moons, five batch sizes."""

from __future__ import annotations

from collections.abc import Callable

from nncore import SGD, CrossEntropyLoss, Linear, ReLU, Sequential, Trainer
from nncore.cli import _perceptron
from nncore.cli.experiments._runs import Outcome, Run, each, fit
from nncore.datasets import make_moons, train_test_split

TITLE = "the perceptron in four cases, a 2-20-2 net on moons, five batch sizes"
THREADS = False  # every fit uses all of them itself

CASES = (
    "case 1: means [2,2] [-2,-2] cov .5",
    "case 2: means [2,2] [2.5,2.5] cov .5",
    "case 3: means [2,2] [-2,-2] cov 8",
    "case 4: means [2,2] [2.5,2.5] cov 8",
)
#: batch size -> epochs whose figures match the source's: 1500 passes for 1 and all, 1500 updates for the others
BATCHES: dict[int | None, int] = {1: 1500, 16: 30, 64: 115, 256: 375, None: 1500}


def _perceptron_case(case: int) -> Callable[[int], Outcome]:
    def run(seed: int) -> Outcome:
        model, _, _, accuracy, _ = _perceptron.run_case(case, seed, "batch", 0.01, 100)
        figures = {"test_accuracy": accuracy, "epochs": model.n_epochs_, "converged": float(model.converged_)}
        return Outcome({CASES[case]: figures}, model.n_epochs_)

    return run


def _moons(batch_size: int | None, epochs: int, seed: int) -> tuple[float, dict[str, float], dict[str, float], int]:
    """First training loss, what evaluate says of both parts at the end, updates."""
    X, y = make_moons(1000, noise=0.2, seed=seed)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.2, seed=seed)
    net = Sequential(Linear(2, 20), ReLU(), Linear(20, 2), seed=seed)
    trainer = Trainer(net, CrossEntropyLoss(), SGD(lr=0.01), batch_size=batch_size, seed=seed)
    first = trainer.evaluate(X, y)["loss"]
    history = fit(trainer, X, y, epochs, metrics=())
    return first, trainer.evaluate(X, y), trainer.evaluate(X_test, y_test), history.n_steps


def _full_batch(steps: int) -> Callable[[int], Outcome]:
    def run(seed: int) -> Outcome:
        first, train, test, updates = _moons(None, steps, seed)
        values = {
            "full batch, 1500 steps, first loss": {"train_loss": first},
            "full batch, 1500 steps, last loss": {"test_loss": test["loss"]},
            "full batch, last loss": {"train_loss": train["loss"]},
            "full batch, 1500 steps": {"train_accuracy": train["accuracy"], "test_accuracy": test["accuracy"]},
        }
        return Outcome(values, updates)

    return run


def _batch(batch_size: int | None, epochs: int, suffix: str = "") -> Callable[[int], Outcome]:
    def run(seed: int) -> Outcome:
        _, train, test, updates = _moons(batch_size, epochs, seed)
        figures = {"train_accuracy": train["accuracy"], "test_accuracy": test["accuracy"], "updates": updates}
        return Outcome({f"batch {batch_size or 'full'}{suffix}": figures}, updates)

    return run


def runs(quick: bool, seed: int) -> tuple[list[Run], list[str]]:
    """100 seeds for each perceptron, 20 for the nets: one split of 200 test points is worth two points of accuracy."""
    part = 50 if quick else 1
    cases = [("perceptron", f"case {i + 1}", _perceptron_case(i)) for i in range(len(CASES))]
    nets = [("mlp", "full batch", _full_batch(1500 // part))]
    for size, epochs in BATCHES.items():
        nets.append(("batch_size", f"batch {size or 'full'}", _batch(size, max(1, epochs // part))))
    for size in BATCHES:
        label = f"batch {size or 'full'}"
        nets.append(("batch_size_1500_epochs", label, _batch(size, 1500 // part, ", 1500 epochs")))
    many, some = (5, 2) if quick else (100, 20)
    return each(cases, range(seed, seed + many)) + each(nets, range(seed, seed + some)), []
