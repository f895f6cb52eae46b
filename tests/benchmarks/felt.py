"""What people wait for: a cross-validation, the label of one row, five thousand nets. One thread; the best of --rounds.

    python tests/benchmarks/felt.py [--rounds 5] [--nets 5000]

The cross-validation is that of scikit-learn's MLPClassifier on its breast cancer data, with its own settings.
"""

import argparse
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import nncore as nc

EPOCHS = 30


def cross_validated() -> float:
    """Mean accuracy of 5 folds: 30-50-2, Adam, batches of 32."""
    X, y = load_breast_cancer(return_X_y=True)
    accuracies = []
    for train, test in StratifiedKFold(5).split(X, y):
        net = nc.mlp([30, 50, 2], seed=0)
        net.input = nc.Normalize.from_data(X[train])
        trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.Adam(lr=1e-3), batch_size=32)
        trainer.fit(X[train], y[train], epochs=EPOCHS, metrics=(), progress=False)
        accuracies.append(float(np.mean(net.predict(X[test]) == y[test])))
    return float(np.mean(accuracies))


def cross_validated_by_sklearn() -> float:
    """The same with MLPClassifier."""
    X, y = load_breast_cancer(return_X_y=True)
    net = MLPClassifier((50,), batch_size=32, max_iter=EPOCHS, alpha=0.0, n_iter_no_change=EPOCHS, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it has not converged
        return float(np.mean(cross_val_score(make_pipeline(StandardScaler(), net), X, y, cv=StratifiedKFold(5))))


def many(nets: int) -> float:
    """Nets 2-h-2 of five widths and five rates with validation, EPOCHS epochs each; the best accuracy of a mean."""
    X, y = nc.datasets.make_moons(200, noise=0.2, seed=0)

    def build(hidden: int, lr: float, seed: int) -> nc.Trainer:
        return nc.Trainer(nc.mlp([2, hidden, 2], seed=seed), nc.CrossEntropyLoss(), nc.SGD(lr=lr), batch_size=32)

    grid = {"hidden": [4, 8, 16, 24, 32], "lr": [0.01, 0.03, 0.1, 0.3, 1.0]}
    held = nc.datasets.make_moons(200, noise=0.2, seed=1)
    table = nc.sweep(build, grid, X, y, epochs=EPOCHS, seeds=nets // 25, validation_data=held, progress=False)
    return float(max(row["val_accuracy"] for row in table))


def row() -> Callable[[], Any]:
    """The label of one row of 30 numbers."""
    X, _ = load_breast_cancer(return_X_y=True)
    net = nc.mlp([30, 50, 2], seed=0)
    net.input = nc.Normalize.from_data(X)
    return lambda: net.predict(X[:1])


def seconds(call: Callable[[], Any], calls: int = 1) -> float:
    """Of one call."""
    start = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - start) / calls


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--nets", type=int, default=5000)
    args = parser.parse_args()
    nc.set_num_threads(1)
    print(f"accuracies: {cross_validated():.4f}, scikit-learn {cross_validated_by_sklearn():.4f}")
    ours = min(seconds(cross_validated) for _ in range(args.rounds))
    theirs = min(seconds(cross_validated_by_sklearn) for _ in range(args.rounds))
    print(f"5-fold cross-validation: {1e3 * ours:.0f} ms, scikit-learn {1e3 * theirs:.0f} ms, {theirs / ours:.0f}x")
    predict = row()
    print(f"the label of one row: {1e6 * min(seconds(predict, 2000) for _ in range(args.rounds)):.1f} µs")
    print(
        f"{args.nets} nets, {EPOCHS} epochs: {min(seconds(lambda: many(args.nets)) for _ in range(args.rounds)):.2f} s"
    )


if __name__ == "__main__":
    main()
