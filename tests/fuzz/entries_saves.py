"""What is written reads back the same, or is not written at all; folders of finished runs with hostile files in
them."""

import json
import os
import warnings
from pathlib import Path

import numpy as np
import values
from entries import construct, entry, example, kinds
from entries_model import X, small_net
from entries_train import Y
from verdict import REFUSALS, Wrong, equal

import nncore as nc
from files import place, spoil
from support.cases import SCHEMAS, activations, class_of

WITHOUT_PARAMETERS = sorted([*activations().values(), "Dropout", "Softmax"])  # of any shape


def _made(draw, kind, name):
    """A registered thing from hostile arguments that it takes, or from right ones."""
    try:
        return construct(draw, kind, name, SCHEMAS[kind, name])
    except REFUSALS:
        return class_of(kind, name)(**example(draw, SCHEMAS[kind, name])[0])


def _net(draw):
    """A model whose layers, names, arrays and normalisation may be strange."""
    net = small_net(draw)
    layers = dict(enumerate(net))
    for _ in range(draw.choice([0, 1, 3])):
        name = draw.choice(WITHOUT_PARAMETERS)
        layers[len(layers)] = _made(draw, "layer", name)
    if draw.chance(0.3):
        start = _made(draw, "initializer", draw.choice(kinds("initializer"))[0])
        layers[len(layers)] = nc.Residual(nc.Linear(2, 2, weight_init=start, bias_init="zeros"))
    named = {draw.choice(values.TEXTS) if draw.chance(0.3) else str(key): layer for key, layer in layers.items()}
    made = nc.Sequential(named, dtype=net.dtype, seed=draw.choice([0, 2**64 - 1]), input=net.input)
    if draw.chance(0.2):
        with np.errstate(over="ignore"):
            made.flat_parameters[draw.randrange(len(made.flat_parameters))] = draw.choice(values.FLOATS)
    return made


def _written(draw, save):
    """The path it was saved at; what was there before is whole when it was not, and nothing else lies about."""
    path = os.path.join(draw.folder(), "inner", "file")
    place(draw, path, b"what was there")
    there = os.path.isfile(path) and os.path.getsize(path) < 100
    names = os.listdir(os.path.dirname(path))
    try:
        save(path)
    except (*REFUSALS, OSError) as error:
        if os.listdir(os.path.dirname(path)) != names:
            raise Wrong(f"a refused save left {os.listdir(os.path.dirname(path))}") from error
        if there and Path(path).read_bytes() != b"what was there":
            raise Wrong("a refused save changed the file") from error
        raise
    return path


def _read(read, path):
    try:
        return read(path)
    except REFUSALS as error:
        raise Wrong(f"what was saved cannot be read: {error}") from error


def _same_nets(got, want):
    equal(got.state_dict(), want.state_dict(), "state")
    equal([repr(got), got.seed, got.dtype], [repr(want), want.seed, want.dtype], "model")
    equal(got(X), want(X), "outputs")
    equal(got.forward(X, True, 5), want.forward(X, True, 5), "outputs in training")


@entry("save", files=True)
def save(draw):
    net = _net(draw)
    path = _written(draw, net.save)
    _same_nets(_read(nc.load, path), net)
    return "the same"


def _trainer(draw):
    """A trainer of any loss, optimizer, schedule and options that suit, and its targets."""
    net = small_net(draw)
    regression = [nc.MSELoss(), nc.L1Loss("sum"), nc.SmoothL1Loss(0.5), nc.HuberLoss(2.0)]
    loss = draw.choice([nc.CrossEntropyLoss([1.0, 2.0], label_smoothing=0.1), nc.HingeLoss(), *regression])
    name, schema = draw.choice(kinds("optimizer"))
    args, _ = example(draw, schema)
    if draw.chance(0.6):
        rate, rates = draw.choice(
            [pair for pair in kinds("schedule") if pair[0] != "Schedule"]
        )  # which holds a function
        args["lr"] = class_of("schedule", rate)(**example(draw, rates)[0])
    own = class_of("optimizer", name)(**args)
    options = {
        "l2": 0.01,
        "l1": 0.01,
        "clip_grad_norm": 0.5,
        "clip_grad_value": 0.1,
        "drop_last": True,
        "shuffle": False,
    }
    options |= {"seed": 2**64 - 1, "num_threads": 2, "on_nonfinite": "ignore", "batch_size": draw.choice([1, None, 3])}
    chosen = {key: options[key] for key in options if draw.chance(0.3)}
    return nc.Trainer(net, loss, own, **chosen), X[:, :2] if loss in regression else Y


def _goes_on(trainer, y):
    """What two more epochs and a step give, without the seconds they took."""
    try:
        trainer.fit(X, y, epochs=2, progress=False, validation_data=(X, y))
        value = trainer.step(X, y)
    except nc.NumericError as error:
        value = str(error)
    history = {key: column for key, column in trainer.history.epochs.items() if key != "seconds"}
    return [value, trainer.model.state_dict(), trainer.optimizer.state_dict(), history, dict(trainer.history.steps)]


@entry("Trainer.save", files=True)
def save_trainer(draw):
    trainer, y = _trainer(draw)
    done = {"epochs": draw.choice([0, 1])} if draw.chance(0.5) else {"steps": draw.choice([1, 2, 5])}
    trainer.fit(X, y, **done, progress=False, validation_data=(X, y))
    if draw.chance(0.2):
        trainer.optimizer.lr = draw.choice([0.5, values.scalar(draw)])
    path = _written(draw, trainer.save)
    again = _read(nc.Trainer.resume, path)
    equal(_goes_on(again, y), _goes_on(trainer, y), "training goes on")
    _same_nets(again.model, trainer.model)
    return "the same"


def _build(lr, seed):
    net = nc.Sequential(nc.Linear(3, 2), seed=seed)
    return nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=lr), batch_size=2, seed=seed)


STRANGE = [
    None,
    True,
    -1,
    1e308,
    10**400,
    "",
    "loss",
    [],
    {},
    {"loss": 1.0},
    {"loss": "x"},
    {"loss": None},
    values.deep(600),
]


def _falsify(draw, content):
    """Another fact in a file of JSON."""
    facts = json.loads(content)
    for _ in range(draw.choice([1, 1, 3])):
        where = facts
        while True:
            key = draw.choice(list(where) if isinstance(where, dict) else range(len(where)))
            if not isinstance(where[key], (dict, list)) or not where[key] or draw.chance(0.4):
                break
            where = where[key]
        draw.note(key)
        if draw.chance(0.2):
            del where[key]
            if not facts:
                break
        else:
            where[key] = draw.choice(STRANGE)
    return json.dumps(facts).encode()


def _spoil_file(draw, path):
    """A file of JSON, made hostile."""
    content = path.read_bytes()
    path.unlink()
    deep = b"[" * draw.choice([2, 10**5])
    place(draw, str(path), draw.choice([lambda: _falsify(draw, content), lambda: spoil(draw, content), lambda: deep])())


@entry("sweep folder", files=True)
def sweep_folder(draw):
    folder = Path(draw.folder(), "runs")
    point = {"lr": [0.1, 1e38 if draw.chance(0.2) else 0.2]}
    if draw.chance(0.2):
        point["lr"].append(values.anything(draw))

    def run():
        options = {"epochs": 1, "seeds": [0], "folder": folder, "progress": False, "on_error": "raise"}
        return nc.sweep(_build, point, X, Y, **options)

    first = run()
    files = sorted(folder.glob("*.json"))
    for path in draw.sample(files, draw.randrange(len(files) + 1)):
        _spoil_file(draw, path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # that a run is done again, or left out
        repr(nc.SweepTable.load(folder))
        again = run()
    repr(again), again._repr_html_()
    for got, want in zip(again, first, strict=True):
        if not isinstance(got["loss"], float) or got["status"] not in ("ok", "diverged") or got["lr"] != want["lr"]:
            raise Wrong(f"a hostile file became the row {got}")
    return "ran"


@entry("experiments folder", files=True)
def experiments_folder(draw):
    """Results that an interrupted list of runs goes on from."""
    from nncore.cli.experiments._runs import Outcome, Records, Run

    path = Path(draw.folder(), "E0.json")
    runs = [
        Run("table", "label", seed, lambda seed: Outcome({"a": {"loss": 1.0}}, 3, {"loss": [1.0]})) for seed in (0, 1)
    ]
    first = Records("E0", path, seed=0, quick=True, resume=False)
    first.run(runs[: draw.choice([1, 2])])
    first.save()
    _spoil_file(draw, path)
    again = Records("E0", path, seed=0, quick=True, resume=True)
    again.run(runs)
    again.summary(), again.save()
    if [run["seed"] for run in json.loads(path.read_text(encoding="utf-8"))["runs"]] != [0, 1]:
        raise Wrong("other runs than those asked for")
    return "ran"
