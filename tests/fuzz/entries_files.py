"""Models and checkpoints in files: bytes that were changed, and facts that lie under a right checksum."""

import json
import os

import entries_model
import numpy as np
import values
from entries import TABLE, entry
from entries_model import X, small_net
from entries_train import Y, optimizer, trainer
from verdict import REFUSALS, Untouched, Wrong

import nncore as nc
from files import place, spoil

READERS = {"model": nc.load, "trainer": nc.Trainer.resume} if hasattr(nc, "load") else {}


def _saved(draw, kind):
    """The bytes of a right file."""
    path = os.path.join(draw.folder(), "good")
    if kind == "model":
        net = small_net(draw)
        while any(isinstance(layer, entries_model.PythonLayer) for layer in net):  # files hold no code
            net = small_net(draw)
        net.save(path)
    else:
        net = nc.Sequential(nc.Linear(3, 3), nc.Residual(nc.Linear(3, 3), nc.ReLU()), nc.Linear(3, 2), seed=0)
        made = nc.Trainer(net, nc.CrossEntropyLoss(), optimizer(draw), batch_size=2)
        made.fit(X, Y, epochs=1, progress=False)
        made.save(path)
    with open(path, "rb") as file:
        return file.read()


def _falsify(draw, content):
    """The same file with other facts or arrays under a checksum that fits."""
    from safetensors.numpy import load, save

    from nncore._support import tensor_file

    length = int.from_bytes(content[:8], "little")
    facts = json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["nncore"])
    arrays = load(content)
    for _ in range(draw.choice([1, 1, 2, 4])):
        if draw.chance(0.25):
            name = draw.choice(list(arrays))
            shape = arrays[name].shape
            arrays[draw.choice([name, name, "x", "input.mean", "0.weight"])] = draw.choice(
                [np.zeros(0), np.full(shape, np.nan), np.zeros((*shape, 2)), np.zeros(shape, np.int64), np.zeros(3)]
            )
        else:
            _change(draw, facts)
    facts["checksum"] = tensor_file._checksum(facts, arrays)
    return save(arrays, {"nncore": json.dumps(facts)})


NUMBERS = [
    0,
    1,
    2,
    3,
    -1,
    2**31,
    2**62,
    2**63,
    10**30,
    0.5,
    -1e308,
    True,
    None,
    "",
    "Linear",
    "x" * 999,
    [],
    {},
    [0, 0],
    [[]],
]
NUMBERS += [
    {"layer": 0},
    {"layer": 10**9},
    {"number": "nan"},
    {"number": "x"},
    {"kind": "loss", "name": "MSELoss", "args": {}},
]
NUMBERS += [
    {"dict": {"a": 1}},
    values.deep(40),
    {"name": "Residual", "args": {"layers": [{"layer": 0}] * 3}},
    {"name": "Conv2d"},
]


def _change(draw, facts):
    """Somewhere in the facts, something else."""
    where = facts
    while True:
        keys = list(where) if isinstance(where, dict) else list(range(len(where)))
        if draw.chance(0.95):
            keys = [key for key in keys if key not in ("format", "kind", "checksum")]
        if not keys:
            break
        key = draw.choice(keys)
        inner = where[key]
        if isinstance(inner, (dict, list)) and inner and draw.chance(0.85):
            where = inner
            continue
        how = draw.choice(["replace", "replace", "replace", "drop", "twice"])
        draw.note(f"{how} {key}")
        if how == "replace":
            where[key] = draw.choice(NUMBERS)
        elif how == "drop":
            del where[key]
        elif isinstance(where, list):
            where.extend(where * draw.choice([1, 50]))
        else:
            where["x"] = inner
        break


def _falsify_arrays(draw, content):
    """The same file with other facts in the header of the format itself."""
    length = int.from_bytes(content[:8], "little")
    head = json.loads(content[8 : 8 + length])
    for _ in range(draw.choice([1, 1, 3])):
        _change(draw, head)
    text = json.dumps(head).encode()
    text += b" " * draw.choice([0, -len(text) % 8])
    claimed = len(text) + draw.choice([0] * 8 + [1, -1, 8, 2**31, 2**62, 2**64 - 1 - len(text)])
    return claimed.to_bytes(8, "little") + text + content[8 + length :]


def _read(draw, kind):
    content = _saved(draw, kind)
    content = draw.choice([_falsify, _falsify, _falsify_arrays, spoil])(draw, content)
    path = os.path.join(draw.folder(), "hostile")
    place(draw, path, content)
    read = draw.choice([nc.load, READERS[kind]])
    try:
        made = read(path)
    except REFUSALS as error:
        if not isinstance(error, (nc.FormatError, MemoryError)):
            raise Wrong(f"a file ends in {type(error).__name__}: {error}") from error
        raise
    except RuntimeWarning:  # another kernel set
        return "warned"
    net = made.model if isinstance(made, nc.Trainer) else made
    repr(made), repr(net), net.state_dict()
    try:
        net(X)
        if isinstance(made, nc.Trainer):
            made.step(X, Y)
    except REFUSALS:  # whatever it is, it was what the file says
        pass
    return "read"


if READERS:
    entry("load", files=True)(lambda draw: _read(draw, "model"))
    entry("Trainer.resume", files=True)(lambda draw: _read(draw, "trainer"))


def _paths(draw):
    made = trainer(draw)
    net = made.model
    path = draw.choice(["x", "no/x", ".", "\ud800", "a" * 300, "", "a\0b", b"bytes", "/dev/null/x"])
    path = (
        values.anything(draw)
        if draw.chance(0.3)
        else path
        if isinstance(path, bytes)
        else os.path.join(draw.folder(), path)
    )
    with Untouched(net, X):
        save = draw.choice([net.save, made.save])
        read = nc.load if draw.chance(0.5) else nc.Trainer.resume
        if draw.chance(0.3):
            return read(path) and "read"
        save(path)
    np.testing.assert_array_equal(nc.load(path).flat_parameters, net.flat_parameters)


if READERS:
    entry("save and load paths", files=True)(_paths)


@entry("Trainer.state")
def trainer_state(draw):
    made = trainer(draw)
    made.fit(X, Y, epochs=1, progress=False)
    state = made.state_dict()
    with Untouched(made.model, X):
        where = state
        while draw.chance(0.8):
            inner = where[draw.choice(list(where))] if where else None
            if not isinstance(inner, dict) or not inner:
                break
            where = inner
        key = draw.choice(list(where)) if where and draw.chance(0.9) else draw.choice(values.TEXTS)
        draw.note(key)
        where[key] = values.anything(draw)
        made.load_state_dict(state if draw.chance(0.9) else values.anything(draw))
    try:
        made.fit(X, Y, epochs=1, progress=False)
    except REFUSALS:
        pass


@entry("Schedule in schedules")
def schedules(draw):
    """A schedule that follows a schedule that follows …, and one from a hostile function."""
    inner = nc.StepLR(0.1, 2)
    for _ in range(draw.choice([1, 40, 70, 20_000])):
        inner = nc.LinearWarmup(0.1, 1, then=inner)
    inner(3), repr(inner)


@entry("Schedule of a function")
def function(draw):
    fn = draw.choice(
        [lambda i: values.anything(draw), lambda i: values.scalar(draw), values.anything(draw), lambda i: net(X)]
    )
    net = small_net(draw)
    made = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=nc.Schedule(0.1, fn, per=draw.choice(["step", "epoch"]))))
    with Untouched(net, X, gradients=False):
        made.fit(X, Y, epochs=1, progress=False)


if not hasattr(nc, "LinearWarmup"):
    del TABLE["Schedule in schedules"], TABLE["Schedule of a function"]


@entry("callbacks in fit", files=True)
def callbacks(draw):
    """Callbacks that were made well or not, at paths that are good or not."""
    made = trainer(draw)
    folder = draw.folder()
    name = draw.choice(
        ["x", "no/x", ".", "{epoch}", "{loss:.3f}", "{epoch.real}", "{epoch.no}", "{0}", "{no}", "{", "{epoch:x}"]
    )
    path = os.path.join(folder, draw.choice([name, "{loss:999999999999}", "{epoch!z}", "\ud800", "a" * 300]))
    path = os.fsencode(path) if draw.chance(0.1) and "\ud800" not in path else path
    if draw.chance(0.3):
        spoilt = spoil(
            draw,
            draw.choice([b"epoch,loss,accuracy,lr,seconds\r\n1,2,3,4,5\r\n", b'"' + b"x" * 200_000, b"\xff\xfe,\0\n"]),
        )
        with open(os.path.join(folder, "x"), "wb") as file:
            file.write(spoilt)
    monitor = draw.choice(["loss", "val_loss", "accuracy", values.scalar(draw)])
    monitored = {} if draw.chance(0.4) else {"monitor": monitor}
    callback = draw.choice(
        [
            lambda: nc.CSVLogger(path),
            lambda: nc.ModelCheckpoint(path, **monitored),
            lambda: nc.EarlyStopping(**monitored, patience=draw.choice([1, values.scalar(draw)])),
            lambda: nc.LambdaCallback(*[values.anything(draw) for _ in range(draw.randrange(4))]),
        ]
    )()
    if draw.chance(0.3):
        setattr(callback, draw.choice(["monitor", "patience", "path"]), values.anything(draw))
    if draw.chance(0.3):
        made.fit(X, Y, epochs=1, progress=False)
    made.fit(X, Y, epochs=2, progress=False, callbacks=[callback], validation_data=draw.choice([None, (X, Y)]))
    made.step(X, Y)
