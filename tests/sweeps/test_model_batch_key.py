"""Which trainers of a sweep train as one batch of models: sizes and kinds decide, and the core says so."""

import numpy as np
import pytest

import nncore as nc
from nncore.sweeps._model_batch import batch_key
from support.cases import activations, examples, make

ACTIVATIONS = {"ReLU", "LeakyReLU", "Tanh", "Sigmoid"}
LOSSES = {"CrossEntropyLoss", "MSELoss", "BCEWithLogitsLoss"}
#: Arguments of a loss that its kernel does not know.
WITHOUT_KERNEL = {"weight", "label_smoothing", "pos_weight"}
PER_MODEL = {
    "SGD": {"lr": 0.3, "momentum": 0.6, "dampening": 0.2, "weight_decay": 0.1},
    "Adam": {"lr": 0.3, "betas": (0.5, 0.6), "eps": 1e-3, "weight_decay": 0.1, "bias_correction": False},
    "AdamW": {"lr": 0.3, "betas": (0.5, 0.6), "eps": 1e-3, "weight_decay": 0.1, "bias_correction": False},
}


def key(layers=None, loss=None, optimizer=None, *, samples=30, metrics=("accuracy",), model=None, **options):
    layers = [nc.Linear(2, 10), nc.Tanh(), nc.Linear(10, 3)] if layers is None else layers
    net = nc.Sequential(*layers, seed=0, **(model or {}))
    trainer = nc.Trainer(net, loss or nc.CrossEntropyLoss(), optimizer or nc.SGD(lr=0.1), **options)
    return batch_key(trainer, samples, metrics)


@pytest.mark.parametrize("name", sorted({*activations().values(), "Identity"}))
def test_activations(name):
    found = key([nc.Linear(2, 10), make("layer", name, {}), nc.Linear(10, 3)])
    assert (found is not None) == (name in ACTIVATIONS)
    assert found is None or found != key([nc.Linear(2, 10), nc.Linear(10, 3)])


@pytest.mark.parametrize(("name", "args", "sample"), examples("loss"))
def test_losses(name, args, sample):
    layers = [nc.Linear(2, 10), nc.Tanh(), nc.Linear(10, 3)] + ([nc.LogSoftmax()] if name == "NLLLoss" else [])
    found = key(layers, make("loss", name, args))
    assert (found is not None) == (name in LOSSES and not WITHOUT_KERNEL & set(args))


@pytest.mark.parametrize(("name", "args", "sample"), examples("optimizer"))
def test_optimizers(name, args, sample):
    given = {"lr": 0.02, **args}
    own = PER_MODEL.get(name, {})
    first = key(optimizer=make("optimizer", name, given))
    assert first is not None and first == key(optimizer=make("optimizer", name, given))
    assert (first == key(optimizer=make("optimizer", name, {**given, "lr": 0.0123}))) == ("lr" in own)
    if "momentum" in own and "momentum" not in args:  # without momentum there is no state
        own = {**own, "momentum": 0.0}
    if args.get("nesterov"):
        own = {**own, "dampening": 0.0}
    assert not own or first == key(optimizer=make("optimizer", name, {**given, **own}))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (nc.SGD(0.1), nc.SGD(0.1, momentum=0.9)),
        (nc.SGD(0.1, momentum=0.9), nc.SGD(0.1, momentum=0.9, nesterov=True)),
        (nc.Adam(0.1), nc.Adam(0.1, amsgrad=True)),
        (nc.Adam(0.1), nc.Adam(0.1, eps_inside_sqrt=True)),
        (nc.Adam(0.1), nc.AdamW(0.1)),
        (nc.RMSprop(0.1), nc.RMSprop(0.1, alpha=0.5)),
    ],
    ids=repr,
)
def test_optimizers_that_update_differently_have_different_keys(one, other):
    keys = key(optimizer=one), key(optimizer=other)
    assert None not in keys and keys[0] != keys[1]


@pytest.mark.parametrize(("hidden", "outputs", "weights"), [(102, 2, 512), (128, 1, 513), (103, 2, 517)])
def test_up_to_512_weights(hidden, outputs, weights):
    assert 3 * hidden + (hidden + 1) * outputs == weights
    for bias in (True, False):  # counted with the biases they do not have
        layers = [nc.Linear(2, hidden, bias=bias), nc.ReLU(), nc.Linear(hidden, outputs, bias=bias)]
        assert (key(layers, nc.MSELoss()) is not None) == (weights <= 512)


@pytest.mark.parametrize("samples", [0, 1, 2, 31, 32, 33, 1000])
@pytest.mark.parametrize("batch", [None, 1, 2, 31, 32, 33])
def test_two_to_32_samples_a_step(samples, batch):
    assert (key(samples=samples, batch_size=batch) is not None) == (2 <= min(batch or samples, samples) <= 32)


def test_options_of_which_each_model_has_its_own():
    assert key() == key(seed=5) == key(num_threads=1)
    assert key(l1=0.1) == key(l2=0.3) == key(l1=0.2, l2=0.1) != key()
    for other in ({"batch_size": 16}, {"shuffle": False}, {"drop_last": True}):
        assert key(**other) not in (None, key())
    for alone in (
        {"on_nonfinite": "stop"},
        {"on_nonfinite": "ignore"},
        {"clip_grad_norm": 1.0},
        {"clip_grad_value": 1.0},
    ):
        assert key(**alone) is None
    assert key(augment=nc.Augment()) is None


def test_models_of_one_batch_have_one_shape_type_and_input():
    assert key() != key([nc.Linear(2, 9), nc.Tanh(), nc.Linear(9, 3)])
    assert key() != key([nc.Linear(2, 10, bias=False), nc.Tanh(), nc.Linear(10, 3)])
    assert key() == key([nc.Linear(2, 10, weight_init="zeros"), nc.Tanh(), nc.Linear(10, 3)])
    leaky = [key([nc.Linear(2, 10), nc.LeakyReLU(slope), nc.Linear(10, 3)]) for slope in (0.1, 0.1, 0.2)]
    assert leaky[0] == leaky[1] != leaky[2]
    assert key() != key(model={"dtype": "float64"})
    inputs = [
        key(model={"input": nc.Normalize(mean, std)}) for mean, std in ((0.0, 1.0), (0.0, 1.0), (0.5, 1.0), (0.0, 2.0))
    ]
    assert inputs[0] == inputs[1] and len({key(), *inputs}) == 4


def test_other_nets_train_alone():
    tied, twice = nc.Linear(2, 2), nc.Tanh()
    for layers in (
        [nc.Tanh(), nc.Linear(2, 2)],
        [nc.Linear(2, 4), nc.Tanh(), nc.Tanh(), nc.Linear(4, 2)],
        [nc.Linear(2, 4), nc.Dropout(0.5), nc.Linear(4, 2)],
        [nc.Linear(2, 4), nc.Softmax()],
        [nc.Flatten(), nc.Linear(2, 2)],
        [nc.Residual(nc.Linear(2, 2))],
        [nc.Linear(2, 2), twice, nc.Linear(2, 2), twice],
        [tied, nc.Tanh(), tied],
    ):
        assert key(layers, nc.MSELoss()) is None


def test_what_python_adds_trains_alone():
    class Scaled(nc.Layer):
        def build(self, shape):
            return shape

        def forward(self, x, training):
            return 2 * x

        def backward(self, dy):
            return 2 * dy

    class Patient(nc.Trainer):
        pass

    assert key([nc.Linear(2, 3), Scaled()]) is None
    assert key(metrics=("top5", lambda y, z: 0.0)) is None and key(metrics=("top5",)) is not None
    net = nc.Sequential(nc.Linear(2, 3), seed=0)
    assert batch_key(Patient(net, nc.CrossEntropyLoss(), nc.SGD()), 30, ()) is None


def test_trainers_that_have_begun_or_follow_a_schedule_train_alone():
    assert key(optimizer=nc.SGD(lr=nc.StepLR(0.1, 3))) is None
    net = nc.Sequential(nc.Linear(2, 3), seed=0)
    trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.1))
    assert batch_key(trainer, 30, ()) is not None
    trainer.step(np.zeros((4, 2)), np.array([0, 1, 2, 0]))
    assert batch_key(trainer, 30, ()) is None
