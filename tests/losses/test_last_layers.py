"""Every loss with every last layer: refused with the reason, or accuracy, predict and probabilities agree."""

import numpy as np
import pytest

import nncore as nc
from nncore._registry.registered import CLASSES
from support.cases import activations, examples, make

#: The arguments of a loss's first example, by its name.
LOSSES = {case.values[0]: case.values[1] for case in reversed(examples("loss"))}
ENDS = sorted({*activations().values(), "Identity", "Softmax", "LogSoftmax"})
#: Layers that pass numbers on in inference, Dropout in training not; none.
BETWEEN = {
    "": (),
    "Identity": (nc.Identity,),
    "Flatten": (nc.Flatten,),
    "Dropout": (nc.Dropout,),
    "two": (nc.Dropout, nc.Identity),
}
PROBABILITIES = {"Sigmoid", "Softmax"}
#: Kind of the last numbers that a link can read, for compiled losses and for those of one's own.
KIND = dict.fromkeys(ENDS, "raw") | dict.fromkeys(PROBABILITIES, "probabilities") | {"LogSoftmax": "log_probabilities"}
COMPILED = {
    "softmax": {"raw"},
    "log_softmax": {"log_probabilities"},
    "sigmoid": {"raw"},
    "sign": {"raw"},
    "identity": {"raw", "probabilities", "log_probabilities"},
}
OWN = COMPILED | dict.fromkeys(("softmax", "log_softmax", None), COMPILED["identity"])
OWN["sigmoid"] = {"raw", "probabilities"}


def loss_of(name):
    return make("loss", name, LOSSES[name])


def targets_for(link, labels, outputs):
    """Targets of 40 samples."""
    if link in ("softmax", "log_softmax"):
        return labels % outputs
    if link == "sign":
        return np.where(labels % 2, 1, -1)
    return (labels[:, None] % (2 + np.arange(outputs)) == 0).astype(float)


def test_all_layers_that_pass_numbers_on_are_tried():
    through = {
        cls
        for (kind, _), cls in CLASSES.items()
        if kind == "layer" and {"same_numbers", "same_in_inference"} & {*cls._traits}
    }
    assert through == {layer for layers in BETWEEN.values() for layer in layers}
    assert {cls for (kind, _), cls in CLASSES.items() if kind == "layer" and "stochastic" in cls._traits} == {
        nc.Dropout
    }


@pytest.mark.parametrize("through", BETWEEN)
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("name", sorted(LOSSES))
def test_compiled_losses(name, end, through, rng):
    loss, X, labels = loss_of(name), rng.normal(size=(40, 3)), rng.integers(0, 6, 40)
    for outputs in (1, 2, 3):
        if (loss.link in ("softmax", "log_softmax") and outputs == 1) or (loss.link == "sign" and outputs > 1):
            continue
        behind = [layer() for layer in BETWEEN[through]]
        net = nc.Sequential(nc.Linear(3, outputs), make("layer", end, {}), *behind, seed=0)
        dropped = loss.link == "log_softmax" and nc.Dropout in BETWEEN[through]  # such numbers are no log-probabilities
        if KIND[end] not in COMPILED[loss.link] or dropped:
            last = type(net[-1]).__name__
            with pytest.raises(nc.ConfigError, match=rf"\[Trainer\] model: .* for {name}, got .* that ends in {last} "):
                nc.Trainer(net, loss, nc.SGD())
            continue
        y = targets_for(loss.link, labels, outputs)
        try:
            trainer = nc.Trainer(net, loss, nc.SGD(lr=0.1), num_threads=1)
            trainer.fit(X, y, epochs=3)
        except (nc.ShapeError, nc.ConfigError):  # class weights for another number of classes
            assert "weight" in loss.config or "pos_weight" in loss.config
            continue
        agree(trainer, X, y)


def agree(trainer, X, y):
    """The accuracy is that of predict; what predict says is what is more probable."""
    net, loss = trainer.model, trainer.loss
    said, z, measured = net.predict(X), net(X), trainer.evaluate(X, y)
    assert "accuracy" in measured or loss.link in ("identity", None)
    if loss.link in ("identity", None):
        assert np.array_equal(said, z)
        return
    wanted = y if y.ndim == said.ndim else y.reshape(said.shape) if y.size == said.size else y.argmax(axis=1)
    ignored = loss.config.get("ignore_index", -100) if hasattr(loss, "config") else -100
    counted = wanted != ignored if loss.link in ("softmax", "log_softmax") else np.ones(wanted.shape, bool)
    assert measured["accuracy"] == pytest.approx((said == wanted)[counted].mean())
    if loss.link == "sign":
        assert set(np.unique(said)) <= {-1, 1}
        return
    p = net.predict_proba(X)
    assert np.all((p >= 0) & (p <= 1 + 1e-6))
    likely = p.argmax(axis=1) if said.ndim == 1 and p.shape[1] > 1 else (p >= 0.5).reshape(said.shape)
    assert np.array_equal(likely, said)


def own(link_name):
    class Own(nc.Loss):
        link = link_name

        def __call__(self, z, y):
            return float((z**2).mean()), (2 * z / z.size).astype(z.dtype)

    return Own()


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("link", sorted(filter(None, OWN)) + [None])
@pytest.mark.parametrize("outputs", [1, 2, 3])
@pytest.mark.parametrize("through", BETWEEN)
def test_losses_of_ones_own(through, link, end, outputs, rng):
    X, labels = rng.normal(size=(40, 3)), rng.integers(0, 6, 40)
    net = nc.Sequential(nc.Linear(3, outputs), make("layer", end, {}), *(layer() for layer in BETWEEN[through]), seed=1)
    if KIND[end] not in OWN[link]:
        last = type(net[-1]).__name__
        with pytest.raises(nc.ConfigError, match=rf"\[Trainer\] model: .* for Own, got a model that ends in {last}"):
            nc.Trainer(net, own(link), nc.SGD())
        return
    if link in ("softmax", "log_softmax", "sign") and (outputs == 1) == (link != "sign"):
        return
    if link in ("softmax", "log_softmax") and end == "Sigmoid":
        return  # its rows are no distributions; the largest is the label all the same
    y = targets_for(link, labels, outputs)
    trainer = nc.Trainer(net, own(link), nc.SGD(lr=0.01))
    trainer.fit(X, y, epochs=1)
    agree(trainer, X, y)


def test_the_loss_that_every_course_writes_first():
    """Binary cross-entropy on the probabilities of a last Sigmoid."""

    class BCE(nc.Loss):
        link = "sigmoid"

        def __call__(self, p, y):
            p, y = np.clip(p, 1e-7, 1 - 1e-7), y.reshape(p.shape)
            value = -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean()
            return float(value), ((p - y) / (p * (1 - p)) / p.size).astype(p.dtype)

    X = np.random.default_rng(0).normal(size=(200, 2))
    y = (X > 0.8).astype(float)
    for outputs in (1, 2):
        net = nc.Sequential(nc.Linear(2, outputs), nc.Sigmoid(), seed=0)
        trainer, wanted = nc.Trainer(net, BCE(), nc.SGD(lr=1.0)), y[:, :outputs]
        history = trainer.fit(X, wanted, epochs=100, validation_data=(X, wanted))
        right = (net.predict(X).reshape(wanted.shape) == wanted).mean()
        assert trainer.evaluate(X, wanted)["accuracy"] == history["val_accuracy"][-1] == pytest.approx(right)
        assert right > 0.9 and np.array_equal(net.predict(X).reshape(wanted.shape), net(X) >= 0.5)
        assert history["accuracy"][-1] > 0.9


@pytest.mark.parametrize("between", [nc.Identity, nc.Flatten])
def test_layers_that_hand_numbers_on_are_looked_through(between):
    end = nc.Sequential(nc.Linear(2, 3), nc.LogSoftmax(), between(), seed=0)
    nc.Trainer(end, nc.NLLLoss(), nc.SGD())
    with pytest.raises(nc.ConfigError, match="raw outputs for CrossEntropyLoss"):
        nc.Trainer(end, nc.CrossEntropyLoss(), nc.SGD())
    with pytest.raises(nc.ConfigError, match="log-probabilities for NLLLoss, got a model that ends in Residual"):
        nc.Trainer(nc.Sequential(nc.Residual(nc.Linear(3, 3), nc.LogSoftmax())), nc.NLLLoss(), nc.SGD())

    class Unknown(nc.Layer):
        def forward(self, x, training):
            return x

        def backward(self, dy):
            return dy

    nc.Trainer(nc.Sequential(nc.Linear(2, 3), Unknown()), nc.NLLLoss(), nc.SGD())  # it may compute them


def test_a_layer_that_is_appended_is_looked_at():
    net = nc.Sequential(nc.Linear(2, 2), seed=0)
    trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD())
    net.append(nc.Softmax())
    with pytest.raises(nc.ConfigError, match="got a model that ends in Softmax"):
        trainer.fit(np.ones((4, 2)), np.array([0, 1, 0, 1]))


@pytest.mark.parametrize("link", ["logits", "", 3, ["softmax"]])
def test_a_wrong_link_is_found_at_once(link):
    with pytest.raises(nc.ConfigError, match=r"\[Own\] link: expected 'identity', .* or None, got"):
        nc.Trainer(nc.Sequential(nc.Linear(2, 2)), own(link), nc.SGD())


def test_a_slice_reads_its_outputs_as_the_whole_if_they_are_the_same(rng):
    X = rng.normal(size=(20, 3))
    for loss, y in ((nc.MSELoss(), X[:, :2]), (nc.BCEWithLogitsLoss(), (X[:, :2] > 0).astype(float))):
        net = nc.Sequential(nc.Linear(3, 4), nc.Tanh(), nc.Linear(4, 2), seed=0)
        nc.Trainer(net, loss, nc.SGD()).fit(X, y, epochs=1)
        hidden = net[:2](X)
        for part, given in ((net[:], X), (net[0:], X), (net[2:], hidden), (net[1:], net[:1](X))):
            np.testing.assert_array_equal(part.predict(given), net.predict(X))
    assert net[:2].predict(X).shape == (20,)  # hidden units are not outputs: as in a net that was never trained


def test_all_losses_and_ends_are_tried():
    assert {name for kind, name in CLASSES if kind == "loss"} == set(LOSSES)
    ends = {name for (kind, name), cls in CLASSES.items() if kind == "layer" and cls._traits.get("outputs")}
    assert ends == PROBABILITIES | {"LogSoftmax"} and ends <= set(ENDS)
