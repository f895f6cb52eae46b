"""Arrays that outlive what gave them; each case prints "alive" at its end."""

import gc

import numpy as np

import nncore as nc
from support.programs import run_case


def check(kept, numbers):
    """Nothing else has taken the memory of the arrays, and it can be written."""
    gc.collect()
    noise = [np.random.default_rng(0).normal(size=600 * 600) for _ in range(8)]
    assert len(noise) == 8 and all(np.array_equal(a, b) for a, b in zip(kept, numbers, strict=True))
    for a in kept:
        a[...] = 1.0
    print("alive")


def joins_another_model_for_a_while(net):
    layer = net[0]
    del net
    nc.Sequential(layer, seed=0)


CHANGES = {
    "goes away": lambda net: None,
    "changes its dtype": lambda net: net.to("float64"),
    "grows": lambda net: net.append(nc.ReLU()),
    "joins another model for a while": joins_another_model_for_a_while,
}


def of_a_model_that(change):
    net = nc.Sequential(nc.Linear(600, 600), seed=0)
    kept = [net.parameters()[0].value, net.parameters()[0].grad, net.flat_parameters]
    numbers = [a.copy() for a in kept]
    CHANGES[change](net)
    if change not in ("changes its dtype", "grows"):
        del net
    check(kept, numbers)


def of_a_layer_that_joins_a_model():
    layer = nc.Linear(600, 600)
    kept = [p.value for p in layer.parameters()]
    numbers = [a.copy() for a in kept]
    net = nc.Sequential(layer, dtype="float32", seed=0)
    check(kept, numbers)
    assert net.dtype == "float32"


def changed_inside_a_callback():
    net = nc.Sequential(nc.Linear(600, 600), seed=0)
    trainer = nc.Trainer(net, nc.MSELoss(), nc.SGD(0.01))

    def change(record):
        try:
            net.to("float64")
            net.append(nc.Tanh())
        except nc.StateError:
            pass

    trainer.fit(np.zeros((64, 600)), np.zeros((64, 600)), epochs=3, callbacks=[change])
    assert np.isfinite(net.flat_parameters).all()
    print("alive")


if __name__ == "__main__":
    run_case(globals())
