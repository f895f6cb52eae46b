"""`nncore cifar-mlp`, `cifar-cnn` and `experiments E2` on a hundred images of noise and colour."""

import json

import numpy as np
import pytest

import nncore as nc
from nncore.cli import _cifar_cnn, _cifar_mlp, main
from nncore.cli.experiments import _e2
from nncore.cli.experiments._comparison import read_csv, reported


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Twenty images a file; label 0 is dark, 9 is bright."""
    folder = tmp_path / "data" / "cifar-10-batches-bin"
    folder.mkdir(parents=True)
    for i, name in enumerate([*(f"data_batch_{k}.bin" for k in range(1, 6)), "test_batch.bin"]):
        rng = np.random.default_rng(i)
        y = np.arange(20) % 10
        X = np.clip(25 * y[:, None] + rng.integers(0, 25, (20, 3072)), 0, 255).astype(np.uint8)
        (folder / name).write_bytes(b"".join(bytes([label]) + row.tobytes() for label, row in zip(y, X, strict=True)))
    monkeypatch.setenv("NNCORE_DATA", str(folder.parent))
    return folder.parent


def row_of(capsys, *command):
    assert main([*command, "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    return row


def test_the_split_keeps_order_and_counts(root):
    data = _cifar_mlp.load_split()
    X, _ = nc.datasets.load_cifar10("train")
    assert [len(part) for part in data] == [50, 50, 50, 50, 20, 20]  # half of so few; 1000 of all
    np.testing.assert_array_equal(np.concatenate([data.X, data.X_val]), X.reshape(100, 3072))


@pytest.mark.parametrize("flags", [[], ["--hidden", "8", "6", "--dropout", "0.2"]])
def test_cifar_mlp_reports_an_accuracy_for_each_epoch(root, capsys, flags):
    row = row_of(capsys, "cifar-mlp", "--epochs", "3", "--batch-size", "10", *flags)
    assert row["steps"] == 15 and len(row["test_accuracy"]) == len(row["val_accuracy"]) == 3
    assert row["result"] == f"test accuracy {row['test_accuracy'][-1]:.4f}, val accuracy {row['val_accuracy'][-1]:.4f}"
    again = row_of(capsys, "cifar-mlp", "--epochs", "3", "--batch-size", "10", *flags)
    assert again["loss"] == row["loss"]


def test_the_penalty_is_reg_times_the_sum_of_squares():
    net = _cifar_mlp.make_net([4], None, 0, n_in=3)
    setting = _e2.Setting(reg=0.25)
    X, y = np.ones((2, 3)), np.array([0, 1])
    weights = [p for p in net.parameters() if p.name.endswith("weight")]
    for p in weights:
        p.value = np.ones_like(p.value)
    plain = nc.CrossEntropyLoss().value(net(X), y)
    value = _e2.make_trainer(net, setting, 0).step(X, y)
    assert value == pytest.approx(plain + 0.25 * (3 * 4 + 4 * 10), rel=1e-6)


def test_mlp_layers_and_weights():
    net = _cifar_mlp.make_net([50, 20], None, 0, dropout=0.5)
    kinds = [type(layer).__name__ for layer in net]
    assert kinds == ["Linear", "ReLU", "Dropout", "Linear", "ReLU", "Dropout", "Linear"]
    first, bias = net.parameters()[:2]
    assert first.value.std() == pytest.approx(1e-4, rel=0.02) and not bias.value.any()


@pytest.mark.parametrize("flags", [[], ["--no-augment"]])
def test_cifar_cnn_trains(root, capsys, flags):
    row = row_of(capsys, "cifar-cnn", "--epochs", "1", "--batch-size", "20", "--width", "4", *flags)
    assert row["steps"] == 3 and len(row["test_accuracy"]) == 1


def test_cnn_shapes_and_colours():
    X = np.random.default_rng(0).integers(0, 256, (5, 3, 32, 32), dtype=np.uint8)
    norm = _cifar_cnn.colours(X)
    assert norm.mean.shape == (3, 32, 32)
    assert norm.mean[1, 3, 4] == pytest.approx(X[:, 1].mean()) and norm.std[2, 0, 0] == pytest.approx(X[:, 2].std())
    net = _cifar_cnn.make_net(8, norm, 0)
    assert net(X).shape == (5, 10)
    convolutions = 9 * (3 * 8 + 8 * 8 + 8 * 16 + 16 * 16 + 16 * 32 + 2 * 32 * 32)
    norms = 2 * (8 + 8 + 16 + 16 + 3 * 32)
    assert net.summary((3, 32, 32)).parameters == convolutions + norms + 32 * 10 + 10


@pytest.mark.parametrize("command", ["cifar-mlp", "cifar-cnn"])
@pytest.mark.parametrize("flags", [["--batch-size", "0"], ["--lr", "nan"], ["--epochs", "-1"]])
def test_wrong_flags_are_one_message(root, capsys, command, flags):
    assert main([command, *flags]) == 1
    assert capsys.readouterr().err.startswith("nncore: ConfigError")


def test_quick_e2_has_a_figure_for_every_reported_one(root, tmp_path, capsys):
    pytest.importorskip("sklearn")
    assert main(["experiments", "E2", "--quick", "--out", str(tmp_path)]) == 0
    rows = {(row.table, row.setting, row.metric): row for row in read_csv(tmp_path / "E2-quick.csv")}
    missing = [key for key in reported("E2") if key not in rows]
    assert all("iterations" in setting and table in ("iterations", "learning_rate") for table, setting, _ in missing)
    assert rows["toy", "last batch loss", "loss"].mean == pytest.approx(0.017149607938732, abs=1e-9)
    assert rows["gradcheck", "W1", "max_relative_error"].most < 1e-8


def test_a_setting_is_trained_once(root):
    train = _e2.Training(_cifar_mlp.load_split(), quick=True).train
    assert train(_e2.WIDE, 0) is train(_e2.Setting(hidden=(100,)), 0)
    assert train(_e2.WIDE, 0) is not train(_e2.WIDE, 1)
