"""Every layer of images behind a convolution in a plan, where images are channel-blocked: loss and update as layer by
layer. A layer that is lowered must say for which layouts; one that is not gets the images batch-major."""

import numpy as np
import pytest

import nncore as nc
from support import cases

C, SIZE, N = 5, 6, 4  # five channels fill no register


def layer_args(name):
    """Arguments that suit images of C channels, SIZE x SIZE; None: the layer takes none, or drops by chance."""
    given = {
        "Add": {},
        "BatchNorm2d": {"num_features": C},
        "Concat": {},
        "Conv2d": {"in_channels": C, "out_channels": 3, "kernel_size": 3},
        "LayerNorm": {"normalized_shape": SIZE},
        "Linear": {"in_features": SIZE, "out_features": 4},
        "Multiply": {},
        "Residual": {"layers": [nc.Conv2d(C, C, 3, padding=1), nc.Linear(SIZE, SIZE)]},
    }
    pools = {"MaxPool2d": {"kernel_size": 2}, "AvgPool2d": {"kernel_size": 2}}
    if name in given or name in pools:
        return {**given, **pools}[name]
    if cases.traits("layer", name).get("stochastic"):
        return None
    required = [f for f in cases.SCHEMAS["layer", name]["fields"] if "default" not in f]
    return None if required else {}


IMAGE_LAYERS = [name for name in cases.names("layer") if layer_args(name) is not None]


def build(name, seed=0):
    args = layer_args(name)
    layer = nc.Residual(*args["layers"]) if name == "Residual" else cases.make("layer", name, args)
    first = [nc.Conv2d(2, C, 3, padding=1), layer]
    features = nc.Sequential(*first, nc.Flatten(), dtype="float64", seed=seed)(np.zeros((1, 2, SIZE, SIZE))).shape[1]
    return nc.Sequential(*first, nc.Flatten(), nc.Linear(features, 3), dtype="float64", seed=seed)


def test_nearly_every_layer_is_here():
    """BatchNorm1d takes vectors alone; Dropout's mask in a fit is another one than layer by layer."""
    assert set(cases.names("layer")) - set(IMAGE_LAYERS) == {"BatchNorm1d", "Dropout"}


@pytest.mark.parametrize("name", IMAGE_LAYERS)
def test_a_step_as_layer_by_layer(name, rng):
    X, y = rng.normal(size=(N, 2, SIZE, SIZE)), rng.integers(0, 3, N)
    planned, layerwise = build(name), build(name)
    layerwise.load_state_dict(planned.state_dict())
    loss = nc.CrossEntropyLoss()
    value = nc.Trainer(planned, loss, nc.SGD(lr=0.1), batch_size=N).step(X, y)
    expected, dz = loss(layerwise.forward(X, training=True), y)
    layerwise.zero_grad()
    layerwise.backward(dz)
    nc.SGD(lr=0.1).step(layerwise)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    for key, array in layerwise.state_dict().items():
        np.testing.assert_allclose(planned.state_dict()[key], array, rtol=1e-9, atol=1e-12, err_msg=key)
