"""Loads .keras files that are wrong, in a process with limits; each has to end in FormatError or ConfigError."""

import io
import json
import os
import random
import resource
import signal
import sys
import tempfile
import zipfile
from pathlib import Path

import h5py
import numpy as np

import nncore as nc
from support.programs import run_case

SLACK = 64 << 20


# ---- Files -------------------------------------------------------------------------------------------------------


def entry(kind, name, **config):
    return {"module": "keras.layers", "class_name": kind, "config": {"name": name, "dtype": "float32", **config}}


def layers():
    """Convolution, norm and two dense layers."""
    image = {"kernel_size": [2, 2], "strides": [1, 1], "padding": "valid", "data_format": "channels_last"}
    return [
        {"module": "keras.layers", "class_name": "InputLayer",
         "config": {"name": "input", "batch_shape": [None, 4, 4, 2]}},
        entry("Conv2D", "c", filters=3, groups=1, dilation_rate=[1, 1], activation="relu", use_bias=True, **image),
        entry("BatchNormalization", "b", axis=-1, momentum=0.99, epsilon=1e-3, center=True, scale=True),
        entry("Flatten", "f", data_format="channels_last"),
        entry("Dense", "d", units=4, activation="tanh", use_bias=True),
        entry("Dense", "e", units=2, activation="linear", use_bias=True),
    ]  # fmt: skip


SHAPES = {
    "conv2d": [(2, 2, 2, 3), (3,)],
    "batch_normalization": [(3,)] * 4,
    "flatten": [],
    "dense": [(27, 4), (4,)],
    "dense_1": [(4, 2), (2,)],
}


def config(given=None):
    return {"module": "keras", "class_name": "Sequential", "config": {"name": "s", "layers": given or layers()}}


def weights(change=None):
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for name, shapes in SHAPES.items():
            group = file.create_group(f"layers/{name}/vars")
            for i, shape in enumerate(shapes):
                group.create_dataset(str(i), data=np.full(shape, 0.5, np.float32))
        if change is not None:
            change(file)
    return buffer.getvalue()


def packed(members, compression=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def file(given=None, change=None, compression=zipfile.ZIP_STORED):
    text = given if isinstance(given, (str, bytes)) else json.dumps(given or config())
    return packed({"metadata.json": "{}", "config.json": text, "model.weights.h5": weights(change)}, compression)


def changed(index, **settings):
    given = layers()
    given[index]["config"].update(settings)
    return file(config(given))


def dataset(path, **given):
    """A file in which a dataset is made anew."""

    def change(opened):
        del opened[path]
        opened.create_dataset(path, **given)

    return file(change=change)


def linked(path, link):
    def change(opened):
        del opened[path]
        opened[path] = link

    return file(change=change)


def amplified():
    """A hundred layers whose weights are one dataset, by links within the file."""
    size, count = 500, 200
    dense = [entry("Dense", f"d{i}", units=size, activation="linear", use_bias=False) for i in range(count)]
    start = {"module": "keras.layers", "class_name": "InputLayer", "config": {"name": "i", "batch_shape": [None, size]}}

    def change(opened):
        opened.create_dataset("one", data=np.zeros((size, size), np.float32))
        for i in range(count):
            name = f"layers/dense_{i}" if i else "layers/dense"
            if name in opened:
                del opened[name]
            opened.create_group(f"{name}/vars")["0"] = opened["one"]

    return file(config([start, *dense]), change)


def circle():
    tensor = {"class_name": "__keras_tensor__", "config": {"shape": [None, 2], "keras_history": ["d", 0, 0]}}
    dense = {**entry("Dense", "d", units=2, activation="linear", use_bias=False)}
    dense |= {"name": "d", "inbound_nodes": [{"args": [tensor], "kwargs": {}}]}
    ends = {"input_layers": ["i", 0, 0], "output_layers": ["d", 0, 0]}
    start = {"module": "keras.layers", "class_name": "InputLayer", "config": {"name": "i", "batch_shape": [None, 2]}}
    return file(
        {"module": "keras", "class_name": "Functional", "config": {"name": "f", "layers": [start, dense], **ends}}
    )


def nested(depth):
    inner = json.dumps(layers()[0])
    for _ in range(depth):
        inner = f'{{"module":"keras","class_name":"Sequential","config":{{"name":"s","layers":[{inner}]}}}}'
    return file(inner)


def many_members():
    return packed({f"{i:x}": "" for i in range(30000)})


def wrong_end():
    content = bytearray(file())
    content[-10:-6] = (2**32 - 1).to_bytes(4, "little")
    return bytes(content)


HUGE = 2**31 - 1
CASES = {
    "empty": lambda: b"",
    "text": lambda: b"not a zip at all" * 10,
    "a zip without anything": lambda: packed({}),
    "no configuration": lambda: packed({"model.weights.h5": weights()}),
    "no weights": lambda: packed({"config.json": json.dumps(config())}),
    "weights that are no HDF5": lambda: packed({"config.json": json.dumps(config()), "model.weights.h5": b"x" * 999}),
    "no JSON": lambda: file("{"),
    "other JSON": lambda: file("[1, 2]"),
    "a number": lambda: file("1e999"),
    "JSON too deep": lambda: file("[" * 200000),
    "JSON too long": lambda: file("[" + "{}," * (1 << 20) + "{}]", compression=zipfile.ZIP_DEFLATED),
    "a bomb": lambda: file(" " * (1 << 28), compression=zipfile.ZIP_DEFLATED),
    "models in models": lambda: nested(5000),
    "models in models, as deep as JSON goes": lambda: nested(120),
    "many members": many_members,
    "a wrong end": wrong_end,
    "no layers": lambda: file({"module": "keras", "class_name": "Sequential", "config": {"name": "s"}}),
    "layers that are none": lambda: file(config([1, None, "x"])),
    "names twice": lambda: file(config([*layers(), layers()[4]])),
    "a layer of one's own": lambda: file(config([*layers()[:1], {**layers()[4], "module": "evil", "config": {}}])),
    "a huge input": lambda: changed(0, batch_shape=[None, 2**40]),
    "a huge image": lambda: changed(0, batch_shape=[None, HUGE, HUGE, HUGE]),
    "a huge dense layer": lambda: changed(4, units=HUGE),
    "a dense layer of another size": lambda: changed(4, units=5),
    "units of another kind": lambda: changed(4, units="many"),
    "units below 0": lambda: changed(4, units=-4),
    "huge kernels": lambda: changed(1, kernel_size=[HUGE, HUGE]),
    "kernels below 0": lambda: changed(1, kernel_size=[-1, 2]),
    "strides of 0": lambda: changed(1, strides=[0, 1]),
    "a huge dilation": lambda: changed(1, dilation_rate=[HUGE, 1]),
    "groups of 0": lambda: changed(1, groups=0),
    "an axis beyond": lambda: changed(2, axis=9),
    "an epsilon that is none": lambda: changed(2, epsilon=float("nan")),
    "a momentum beyond": lambda: changed(2, momentum=7),
    "many layers": lambda: file(config([layers()[0]] + [entry("Dropout", f"x{i}", rate=0.1) for i in range(9000)])),
    "a norm of a huge axis": lambda: file(config([
        {**layers()[0], "config": {"name": "i", "batch_shape": [None, HUGE]}},
        entry("LayerNormalization", "l", axis=[-1], epsilon=1e-3, center=False, scale=False)]),
        lambda opened: opened.create_group("layers/layer_normalization/vars")),
    "many small objects": lambda: file("[" + "{}," * (600 << 10) + "{}]"),
    "an array missing": lambda: file(change=lambda opened: opened.__delitem__("layers/dense/vars/0")),
    "a group missing": lambda: file(change=lambda opened: opened.__delitem__("layers/dense_1")),
    "a group for an array": lambda: file(change=lambda opened: (
        opened.__delitem__("layers/dense/vars/0"), opened.create_group("layers/dense/vars/0"))),
    "another layer's name": lambda: file(change=lambda opened: (
        opened["layers/dense/vars"].attrs.__setitem__("name", "e"))),
    "an array that was never written": lambda: dataset("layers/dense/vars/0", shape=(27, 4), dtype="f4"),
    "a huge array that was never written": lambda: dataset("layers/dense/vars/0", shape=(2**20, 2**20), dtype="f4"),
    "a huge compressed array": lambda: dataset(
        "layers/dense/vars/0", data=np.zeros((27, 2**18), "f4"), compression="gzip", chunks=(27, 2**18)),
    "text for numbers": lambda: dataset("layers/dense/vars/0", data=["a", "b"], dtype=h5py.string_dtype()),
    "complex numbers": lambda: dataset("layers/dense/vars/0", data=np.zeros((27, 4), complex)),
    "an array outside": lambda: dataset(
        "layers/dense/vars/0", shape=(27, 4), dtype="f4", external=[(os.environ["BESIDE"], 0, 432)]),
    "a link outside": lambda: linked("layers/dense", h5py.ExternalLink(os.environ["BESIDE"], "/layers/dense")),
    "a soft link": lambda: linked("layers/dense/vars", h5py.SoftLink("/layers/dense_1/vars")),
    "one array for many layers": amplified,
    "a circle": circle,
}  # fmt: skip


# ---- Loading -----------------------------------------------------------------------------------------------------


def limits():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))


def memory(field):
    """Bytes of /proc/self/status: VmRSS, or VmHWM, the most since it was reset."""
    text = Path("/proc/self/status").read_text()
    return int(text.split(f"{field}:")[1].split()[0]) << 10


def load(path, content):
    """The name of the error, or "" for a model; fails for any other error, for too much memory and time."""
    Path(path).write_bytes(content)
    size = len(content)
    del content
    Path("/proc/self/clear_refs").write_text("5")  # VmHWM begins anew
    before = memory("VmRSS")
    signal.alarm(20)
    try:
        net = nc.load_keras(path)
    except (nc.FormatError, nc.ConfigError, nc.ShapeError) as error:
        assert str(error).startswith("[load_keras]"), error
        return type(error).__name__
    finally:
        signal.alarm(0)
        taken = memory("VmHWM") - before
        assert taken <= size + SLACK, f"{taken >> 20} MB for {size} bytes"
    assert net.dtype in ("float32", "float64")
    return ""


def crafted():
    """Each case of the table, and the file that all are made from."""
    limits()
    with tempfile.TemporaryDirectory() as folder:
        path, beside = f"{folder}/model.keras", f"{folder}/beside.h5"
        os.environ["BESIDE"] = beside
        Path(beside).write_bytes(weights())
        assert load(path, file()) == ""
        assert load(path, file(compression=zipfile.ZIP_DEFLATED)) == ""
        for name, make in CASES.items():
            assert load(path, make()) in ("FormatError", "ConfigError"), name
        os.unlink(path)
        os.mkfifo(path)
        for wrong in (path, "/dev/zero"):
            try:
                nc.load_keras(wrong)
                raise AssertionError(wrong)
            except nc.FormatError:
                pass
    print(len(CASES))


def mutated(seed, count):
    """Files with changed, cut, moved or repeated bytes, in the zip, its parts and the text of the configuration."""
    limits()
    rng, seen = random.Random(int(seed)), {}
    whole, inner, text = file(), weights(), json.dumps(config())
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(int(count)):
            kind = rng.randrange(3)
            if kind == 0:
                content = spoilt(rng, whole)
            elif kind == 1:
                content = packed({"config.json": text, "model.weights.h5": spoilt(rng, inner)})
            else:
                content = packed({"config.json": spoilt(rng, text.encode()), "model.weights.h5": inner})
            result = load(f"{folder}/model.keras", content)
            seen[result] = seen.get(result, 0) + 1
    print(*(f"{name or 'loaded'}={count}" for name, count in sorted(seen.items())))


def spoilt(rng, content):
    content = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 5, 20])):
        at = rng.randrange(len(content))
        kind = rng.randrange(5)
        if kind == 0:
            content[at] = rng.randrange(256)
        elif kind == 1:
            content[at] ^= 1 << rng.randrange(8)
        elif kind == 2:
            content[at : at + 8] = rng.choice([b"\xff" * 8, b"\0" * 8, b"\x7f" + b"\xff" * 7, rng.randbytes(8)])
        elif kind == 3 and len(content) > 100:
            del content[at : at + rng.choice([1, 4, 64])]
        else:
            content[at:at] = content[at : at + rng.choice([1, 16])]
    return bytes(content[: rng.randrange(len(content))] if rng.random() < 0.05 else content)


if __name__ == "__main__":
    run_case(globals())
    sys.exit()
