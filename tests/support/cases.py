"""The registry of the core as test cases: every registered thing with every example in its schema."""

import numpy as np
import pytest

import nncore as nc
from support.philox import dropout_mask
from support.reference import namespace, reference_of

#: The Trainer's schemas are of its options and counters; all others are of classes made from them.
TRAINER_OPTIONS = next(s for s in nc._core.schemas() if s["kind"] == "trainer")
SCHEMAS = {(s["kind"], s["name"]): s for s in nc._core.schemas() if s["name"] != "Trainer"}
_HOME = {"initializer": nc.init, "objective": nc.objectives}


def names(kind):
    return [name for k, name in SCHEMAS if k == kind]


def class_of(kind, name):
    return getattr(_HOME.get(kind, nc), name)


def make(kind, name, args):
    return class_of(kind, name)(**args)


def arguments(kind, name, given):
    """All fields as a namespace: the defaults and what is given."""
    defaults = {f["name"]: f["default"] for f in SCHEMAS[kind, name]["fields"] if "default" in f}
    return namespace({**defaults, **given})


def examples(kind):
    """pytest parameters (name, args, sample shape) of all examples of a kind."""
    return [
        pytest.param(name, args, sample, id=f"{name}-{i}", marks=[pytest.mark.further_example] if i else [])
        for (k, name), schema in SCHEMAS.items()
        if k == kind
        for i, (args, sample) in enumerate(schema["examples"])
    ]


def traits(kind, name):
    return SCHEMAS[kind, name]["traits"]


def with_trait(trait):
    """{value of the trait: name} of the layers that have it."""
    return {traits("layer", name)[trait]: name for name in names("layer") if trait in traits("layer", name)}


def activations():
    """{its name in nc.functional and nc.mlp: layer} of the layers that are one function of each number."""
    return with_trait("activation")


def layer_reference(name, args, sample, n, seed=None):
    """The reference with its arguments, in training with a seed; Dropout gets the mask that (seed, layer "0") draws."""
    a = arguments("layer", name, args)
    a.training = seed is not None
    if traits("layer", name).get("stochastic"):
        a.mask = np.ones((n, *sample)) if seed is None else dropout_mask(a.p, seed, "0", (n, *sample))
    return reference_of("layer", name), a


def sample_input(rng, shape, dtype=np.float64):
    """Random numbers off the kinks at 0: at least 0.05 away."""
    x = rng.normal(size=shape)
    return (x + np.copysign(0.05, x)).astype(dtype)


def in_model(name, args, dtype, seed=3):
    return nc.Sequential(make("layer", name, args), dtype=dtype, seed=seed)


def values_of(model):
    """{name inside the layer: array} of a model of one layer."""
    return {p.name.split(".", 1)[-1]: p.value.copy() for p in model.parameters()}


def loss_case(name, args, sample, rng, n=8):
    """Outputs z and targets y that suit a loss's example: labels, -1 and 1, probabilities, counts, or values."""
    z = rng.normal(size=(n, *sample))
    fields = {f["name"] for f in SCHEMAS["loss", name]["fields"]}
    if traits("loss", name).get("signs") and sample == (1,):
        return z, rng.choice([-1, 1], size=n)
    if traits("loss", name).get("probabilities"):
        return z, rng.choice([0.0, 1.0, 0.3, 0.8], size=z.shape)
    if traits("loss", name).get("counts"):
        if not arguments("loss", name, args).log_input:
            z = np.abs(z) + 0.2  # rates
        return z, rng.integers(0, 6, size=z.shape).astype(np.float64)
    if "ignore_index" in fields or traits("loss", name).get("signs"):
        y = rng.integers(0, sample[0], size=n)
        y[0] = 0  # never all of them ignored
        return z, y
    return z, rng.normal(size=z.shape)
