"""nc.mnist_cnn: what it builds, its 3 274 634 parameters, that it learns, and what it refuses."""

import numpy as np
import pytest

import nncore as nc


def kinds(net):
    return [type(layer).__name__ for layer in net]


def test_layers_shapes_and_parameters():
    net = nc.mnist_cnn(seed=0)
    block = ["Conv2d", "ReLU", "MaxPool2d"]
    assert kinds(net) == [*block, *block, "Flatten", "Linear", "ReLU", "Dropout", "Linear"]
    summary = net.summary((1, 28, 28))
    assert summary.parameters == 3274634 == sum(p.value.size for p in net.parameters())
    assert [row.output_shape for row in summary.rows] == [
        (32, 28, 28), (32, 28, 28), (32, 14, 14), (64, 14, 14), (64, 14, 14), (64, 7, 7), (3136,), (1024,), (1024,),
        (1024,), (10,),
    ]  # fmt: skip
    assert [p.shape for p in net.parameters()] == [
        (32, 1, 5, 5), (32,), (64, 32, 5, 5), (64,), (1024, 3136), (1024,), (10, 1024), (10,),
    ]  # fmt: skip


def test_activation_dropout_and_init():
    net = nc.mnist_cnn("tanh", init="kaiming", dropout=0.0, dtype="float64", seed=1, input=nc.Normalize(0.0, 255.0))
    assert "Dropout" not in kinds(net) and kinds(net).count("Tanh") == 3
    assert net.dtype == "float64" and net.seed == 1 and net.input is not None
    for p in net.parameters():
        assert np.all(p.value == 0) == p.name.endswith("bias")
    assert nc.mnist_cnn(dropout=0.25, seed=0)[-2].config == {"p": 0.25}


def test_it_learns_stripes(rng):
    y = rng.integers(0, 2, 60)
    X = rng.normal(scale=0.3, size=(60, 1, 28, 28))
    X[y == 0, :, ::2, :] += 1
    X[y == 1, :, :, ::2] += 1
    net = nc.mnist_cnn(init="kaiming", seed=0)
    history = nc.Trainer(net, nc.CrossEntropyLoss(), nc.Adam(lr=1e-3), batch_size=20).fit(X, y, epochs=3)
    assert history["accuracy"][-1] > 0.9 and np.mean(net.predict(X) == y) == 1


def test_bytes_are_normalised_on_the_way():
    X = np.random.default_rng(0).integers(0, 256, size=(5, 1, 28, 28), dtype=np.uint8)
    net = nc.mnist_cnn(seed=0, input=nc.Normalize.from_data(X, "scale"))
    plain = nc.mnist_cnn(seed=0)
    np.testing.assert_allclose(net(X), plain(X / 255.0), rtol=1e-4, atol=1e-5)
    with pytest.raises(nc.ConfigError, match="Normalize"):
        plain(X)


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ({"activation": "no such"}, r"\[mnist_cnn\] activation: expected one of"),
        ({"dropout": 1.0}, r"\[mnist_cnn\] dropout: expected a number in \[0, 1\), got 1\.0"),
        ({"dropout": "x"}, r"\[mnist_cnn\] dropout"),
        ({"init": 3}, r"\[mnist_cnn\] init: expected an initialiser"),
        ({"init": "no such"}, r"weight_init: expected an initialiser"),
        ({"dtype": "float16"}, "dtype"),
        ({"seed": -1}, "seed"),
    ],
)
def test_what_is_refused(args, text):
    with pytest.raises(nc.ConfigError, match=text):
        nc.mnist_cnn(**args)


def test_images_of_another_shape_are_explained():
    net = nc.mnist_cnn(seed=0)
    with pytest.raises(nc.ShapeError, match=r"x\[:, None\]"):
        net(np.zeros((5, 28, 28)))
    with pytest.raises(nc.ShapeError, match=r'\[Linear "7"\] x: expected \(N, 3136\)'):
        net(np.zeros((5, 1, 32, 32)))
