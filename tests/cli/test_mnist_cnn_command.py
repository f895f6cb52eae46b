"""`nncore mnist-cnn` on a few small images in place of MNIST's files."""

import json

import numpy as np
import pytest

import nncore as nc
from nncore.cli import _mnist_cnn, main

FEW = ["--epochs", "1", "--batch-size", "10", "--json"]


def few_images(n, seed):
    """A bright bar whose row is the class."""
    y = np.random.default_rng(seed).integers(0, 10, n)
    X = np.zeros((n, 1, 28, 28), np.uint8)
    for image, label in zip(X, y, strict=True):
        image[0, 2 * label + 4 : 2 * label + 6] = 255
    return X, y


@pytest.fixture
def data(monkeypatch):
    monkeypatch.setattr(_mnist_cnn, "VALIDATION", 8)
    monkeypatch.setattr(
        _mnist_cnn, "load_mnist", lambda split, **_: few_images(48 if split == "train" else 12, len(split))
    )


def row_of(capsys):
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    return row


def test_the_row_says_what_was_trained(data, capsys):
    flags = [
        "--optimizer",
        "rmsprop",
        "--momentum",
        "0.5",
        "--activation",
        "leaky_relu",
        "--init",
        "xavier",
        "--lr",
        "1e-4",
    ]
    assert main(["mnist-cnn", *FEW, *flags]) == 0
    row = row_of(capsys)
    assert row["steps"] == 4  # 40 of 48 images, in batches of 10
    assert "leaky_relu" in row["task"] and "rmsprop" in row["task"]
    assert len(row["val_accuracy"]) == len(row["test_accuracy"]) == len(row["loss"]) == 1
    assert row["result"] == f"test accuracy {row['test_accuracy'][0]:.4f}"


def test_the_same_seed_gives_the_same_for_any_number_of_threads(data, capsys, restore_threads):
    losses = []
    for flags in (["--threads", "1"], ["--threads", "2"], ["--seed", "1"]):
        assert main(["mnist-cnn", *FEW, "--samples", "20", *flags]) == 0
        losses.append(row_of(capsys)["loss"])
    assert losses[0] == losses[1] != losses[2]


def test_figures(data, tmp_path, capsys):
    assert main(["mnist-cnn", *FEW, "--samples", "10", "--out", str(tmp_path)]) == 0
    names = ("history", "filters", "confusion", "misclassified")
    assert {path.name for path in tmp_path.iterdir()} == {f"mnist_cnn_{name}.png" for name in names}


@pytest.mark.parametrize("flags", [["--samples", "41"], ["--samples", "0"], ["--init", "kaming"], ["--dropout", "2"]])
def test_wrong_values_are_named(flags, data, capsys):
    assert main(["mnist-cnn", *FEW, *flags]) == 1
    assert "ConfigError" in capsys.readouterr().err


def test_the_flags_make_the_optimizer_they_name():
    parser = _mnist_cnn.argparse.ArgumentParser()
    _mnist_cnn.add_arguments(parser)
    plain = parser.parse_args([])
    assert (plain.optimizer, plain.activation, plain.init, plain.epochs, plain.batch_size) == (
        "adam",
        "relu",
        "kaiming",
        8,
        50,
    )
    given = parser.parse_args(["--optimizer", "sgd", "--momentum", "0.9", "--lr", "0.01", "--weight-decay", "0.1"])
    optimizer = _mnist_cnn.make_optimizer(given)
    assert isinstance(optimizer, nc.SGD)
    assert (optimizer.lr, optimizer.config["momentum"], optimizer.config["weight_decay"]) == (0.01, 0.9, 0.1)
