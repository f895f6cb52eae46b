"""Files that are damaged, forged or no files at all end in FormatError: nothing runs, nothing is believed unchecked."""

import json
import os
import struct
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

import nncore as nc

safetensors = pytest.importorskip("safetensors.numpy")


def build():
    return nc.Sequential(nc.Linear(3, 4), nc.Tanh(), nc.Linear(4, 2), seed=1, input=nc.Normalize(0.5, 2.0))


def trainer():
    made = nc.Trainer(build(), nc.CrossEntropyLoss(), nc.Adam(lr=nc.StepLR(0.1, 2)), batch_size=4)
    rng = np.random.default_rng(0)
    made.fit(rng.normal(size=(10, 3)), rng.integers(0, 2, 10), steps=5)
    return made


SAVED = {"model": (build, nc.load), "checkpoint": (trainer, nc.Trainer.resume)}


@pytest.fixture(params=SAVED)
def saved(request, tmp_path):
    """(path, content, read)"""
    make, read = SAVED[request.param]
    path = tmp_path / "file"
    make().save(path)
    return path, path.read_bytes(), read


def refuses(path, content, read):
    path.write_bytes(content)
    with pytest.raises(nc.FormatError) as error:
        read(path)
    assert str(path) in str(error.value)


def test_a_file_cut_off_anywhere_is_refused(saved):
    path, content, read = saved
    for length in range(0, len(content), 7):
        refuses(path, content[:length], read)
    refuses(path, content + b"\0", read)


@pytest.mark.parametrize("flip", [0xFF, 0x01, 0x80])
def test_a_changed_byte_anywhere_is_noticed(saved, flip):
    path, content, read = saved
    for at in range(flip % 3, len(content), 3):  # together, every byte
        if content[at : at + 1] != b" ":  # the header is filled up with blanks, which say nothing
            refuses(path, content[:at] + bytes([content[at] ^ flip]) + content[at + 1 :], read)


def split(content):
    length = struct.unpack("<Q", content[:8])[0]
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def forged(content, change):
    """The file with other facts and a checksum that fits them."""
    from nncore._support import tensor_file

    head, _ = split(content)
    facts = json.loads(head["__metadata__"]["nncore"])
    change(facts)
    arrays = safetensors.load(content)
    facts["checksum"] = tensor_file._checksum(facts, arrays)
    return safetensors.save(arrays, {"nncore": tensor_file._dumps(facts)})


def put(*keys, value):
    def change(facts):
        for key in keys[:-1]:
            facts = facts[key]
        facts[keys[-1]] = value

    return change


def drop(*keys):
    def change(facts):
        for key in keys[:-1]:
            facts = facts[key]
        del facts[keys[-1]]

    return change


LAYER = ("model", "layers", 0)
FORGED = {
    "unknown layer": put(*LAYER, "name", value="System"),
    "a layer's base": put(*LAYER, "name", value="Layer"),
    "a private name": put(*LAYER, "name", value="__init__"),
    "no name": drop(*LAYER, "name"),
    "a number as name": put(*LAYER, "name", value=3),
    "unknown argument": put(*LAYER, "args", "no_such", value=1),
    "wrong argument": put(*LAYER, "args", "in_features", value="x"),
    "negative argument": put(*LAYER, "args", "in_features", value=-3),
    "argument of another shape": put(*LAYER, "args", "out_features", value=5),
    "huge argument": put(*LAYER, "args", "out_features", value=2**31),
    "beyond 64 bits": put(*LAYER, "args", "out_features", value=10**400),
    "both huge": put(*LAYER, "args", value={"in_features": 2**31, "out_features": 2**31}),
    "another kind inside": put(*LAYER, "args", "weight_init", value={"kind": "optimizer", "name": "SGD", "args": {}}),
    "unknown kind inside": put(*LAYER, "args", "weight_init", value={"kind": "os", "name": "system", "args": {}}),
    "deep argument": put(*LAYER, "args", "weight_init", value=[[[[]]]] * 3),
    "layers no list": put("model", "layers", value={"a": 1}),
    "places out of range": put("model", "places", value=[["0", 99]]),
    "places negative": put("model", "places", value=[["0", -1]]),
    "places not pairs": put("model", "places", value=[1, 2]),
    "places twice": put("model", "places", value=[["0", 0], ["0", 1]]),
    "a name with a dot": put("model", "places", value=[["a.b", 0], ["1", 1], ["2", 2]]),
    "a place less": put("model", "places", value=[["0", 0], ["1", 1]]),
    "dtype": put("model", "dtype", value="float64"),
    "no dtype": put("model", "dtype", value="int8"),
    "seed": put("model", "seed", value=-1),
    "seed as text": put("model", "seed", value="1"),
    "calls": put("model", "calls", value=2**80),
    "link": put("model", "link", value="os.system"),
    "link a list": put("model", "link", value=[1]),
    "frozen a list": put("model", "frozen", value=[0]),
    "frozen beyond": put("model", "frozen", value={"9": [True, [True]]}),
    "frozen no flags": put("model", "frozen", value={"0": True}),
    "frozen one flag": put("model", "frozen", value={"0": [True]}),
    "frozen as numbers": put("model", "frozen", value={"0": [1, [0]]}),
    "frozen too many": put("model", "frozen", value={"0": [True, [True] * 3]}),
    "no model": drop("model"),
    "model a list": put("model", value=[]),
    "format 2": put("format", value=2),
    "format 0": put("format", value=0),
    "format true": put("format", value=True),
    "format as text": put("format", value="1"),
    "kind": put("kind", value="picture"),
    "kind a list": put("kind", value=["model"]),
}
FORGED_CHECKPOINTS = {
    "loss": put("loss", value={"kind": "loss", "name": "Linear", "args": {}}),
    "loss a layer": put("loss", value={"kind": "layer", "name": "Tanh", "args": {}}),
    "loss nothing": put("loss", value=None),
    "a layer by number": put("loss", value={"layer": 0}),
    "optimizer": put("optimizer", "args", "lr", value=-1),
    "another optimizer": put("optimizer", value={"kind": "optimizer", "name": "SGD", "args": {"momentum": 0.5}}),
    "options": put("options", "batch_size", value=-4),
    "unknown option": put("options", "no_such", value=1),
    "options a list": put("options", value=[]),
    "epoch": put("progress", "epoch", value=-1),
    "epoch beyond": put("progress", "epoch", value=2**40),
    "step a float": put("progress", "step", value=1.5),
    "hand steps": put("progress", "hand_steps", value=2**32),
    "loss sum": put("progress", "loss_sum", value="x"),
    "progress short": drop("progress", "seen"),
    "progress more": put("progress", "more", value=1),
    "step count": put("optimizer_state", "step", value=-1),
    "rate": put("optimizer_state", "lr", value="x"),
    "history": put("history", "epochs", value=["epoch"]),
    "history of nothing": put("history", "steps", value=["no such"]),
    "history a number": put("history", value=1),
    "stride": put("history", "stride", value=0),
    "no kernel set": drop("kernel_set"),
}


@pytest.mark.parametrize("change", FORGED.values(), ids=FORGED.keys())
def test_forged_facts_are_refused(saved, change):
    path, content, read = saved
    refuses(path, forged(content, change), read)


@pytest.mark.parametrize("change", FORGED_CHECKPOINTS.values(), ids=FORGED_CHECKPOINTS.keys())
def test_forged_facts_of_a_checkpoint_are_refused(change, tmp_path):
    path = tmp_path / "file"
    trainer().save(path)
    refuses(path, forged(path.read_bytes(), change), nc.Trainer.resume)


def test_a_file_with_a_forged_checksum_alone_is_taken(saved):
    """So that the tests above see the changes refused, and not the forging."""
    path, content, read = saved
    path.write_bytes(forged(content, lambda facts: None))
    read(path)


def raw(header, data=b"", length=None):
    header = header.encode() if isinstance(header, str) else header
    return struct.pack("<Q", len(header) if length is None else length) + header + data


NO_FILES = {
    "empty": b"",
    "seven bytes": b"1234567",
    "zeros": bytes(100),
    "length 2^63": raw("{}", length=2**63),
    "length 2^64 - 1": raw("{}", length=2**64 - 1),
    "length past the end": raw("{}", length=3),
    "no JSON": raw("nonsense"),
    "a list": raw("[]"),
    "no UTF-8": raw(b'{"a":"\xff\xfe"}'),
    "deep lists": raw('{"__metadata__":' + "[" * 100000 + "]" * 100000 + "}"),
    "deep lists in the facts": raw(json.dumps({"__metadata__": {"nncore": "[" * 50000 + "]" * 50000}})),
    "facts no JSON": raw(json.dumps({"__metadata__": {"nncore": "import os"}})),
    "facts NaN": raw(json.dumps({"__metadata__": {"nncore": '{"format": NaN}'}})),
    "facts a number": raw(json.dumps({"__metadata__": {"nncore": "1"}})),
    "a number of many digits": raw(json.dumps({"__metadata__": {"nncore": '{"format": ' + "9" * 10000 + "}"}})),
    "no facts": safetensors.save({"0.weight": np.zeros((2, 2), np.float32)}),
    "other facts": safetensors.save({"0.weight": np.zeros((2, 2), np.float32)}, {"format": "pt"}),
    "shape overflows": raw('{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}'),
    "shape of nothing": raw('{"a":{"dtype":"F32","shape":[4611686018427387904,0],"data_offsets":[0,0]}}'),
    "size NaN": raw('{"a":{"dtype":"F32","shape":[NaN],"data_offsets":[0,0]}}'),
    "negative size": raw('{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,0]}}'),
    "offsets backwards": raw('{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}', bytes(4)),
    "offsets past the end": raw('{"a":{"dtype":"F32","shape":[9],"data_offsets":[0,36]}}', bytes(4)),
    "a hole": raw('{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}', bytes(8)),
    "unknown dtype": raw('{"a":{"dtype":"X9","shape":[1],"data_offsets":[0,4]}}', bytes(4)),
    "bytes": safetensors.save({"a": np.zeros(3, np.uint8)}, {"nncore": '{"format":1,"kind":"model"}'}),
    "a pickle": b"\x80\x04\x95\x1b\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94.",
}


@pytest.mark.parametrize("content", NO_FILES.values(), ids=NO_FILES.keys())
@pytest.mark.parametrize("read", [nc.load, nc.Trainer.resume], ids=["load", "resume"])
def test_what_is_no_file_of_ours_is_refused(content, read, tmp_path):
    refuses(tmp_path / "file", content, read)


def test_a_model_is_no_checkpoint_but_a_checkpoint_holds_a_model(tmp_path):
    path, made = tmp_path / "file", trainer()
    made.model.save(path)
    with pytest.raises(nc.FormatError, match="expected a saved trainer, got 'model'"):
        nc.Trainer.resume(path)
    made.save(path)
    assert np.array_equal(nc.load(path).flat_parameters, made.model.flat_parameters)


@pytest.mark.parametrize("read", [nc.load, nc.Trainer.resume], ids=["load", "resume"])
def test_what_is_missing_is_an_oserror_and_what_is_no_file_a_formaterror(read, tmp_path):
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "missing")
    with pytest.raises(OSError, match=r"[Nn]ot a directory"):
        (tmp_path / "file").write_bytes(b"")
        read(tmp_path / "file" / "below")
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", "/dev/zero", "/dev/null"):
        with pytest.raises(nc.FormatError, match="expected a file, got something else"):
            read(path)


BOMBS = {
    "objects": '{"__metadata__":{"nncore":"' + "[" + "{}," * 300000 + "{}]" + '"}}',
    "lists": '{"__metadata__":{"nncore":"' + "[" + "[]," * 300000 + "[]]" + '"}}',
    "numbers": '{"__metadata__":{"nncore":"' + "[" + "1.5," * 300000 + "1]" + '"}}',
    "entries": json.dumps({"__metadata__": {"nncore": json.dumps({f"{i:x}": i for i in range(100000)})}}),
    "text": json.dumps({"__metadata__": {"nncore": json.dumps(["x" * 3_000_000])}}),
    "arrays": "{" + ",".join(f'"{i}":{{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}' for i in range(20000)) + "}",
    "layers": json.dumps({"__metadata__": {"nncore": json.dumps({"format": 1, "kind": "model", "model": {
        "layers": [{"name": "Tanh", "args": {}}] * 20000, "places": []}})}}),
}  # fmt: skip


@pytest.mark.parametrize("header", BOMBS.values(), ids=BOMBS.keys())
def test_reading_takes_no_more_memory_than_the_file_and_a_mebibyte(header, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(raw(header))
    nc.load(save_small(tmp_path))  # what is imported on first use is not counted
    tracemalloc.start()
    try:
        with pytest.raises(nc.FormatError):
            nc.load(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak <= path.stat().st_size + (1 << 20)


@pytest.mark.parametrize("levels", [30, 60])
@pytest.mark.parametrize("inside", [1, 2])
def test_layers_inside_each_other_do_not_multiply(levels, inside, tmp_path):
    """Each level holds the one below it twice: 2^30 layers from 30 lines; or once: deep."""
    path = tmp_path / "file"
    nc.Sequential(nc.Tanh(), seed=0).save(path)
    layers = [{"name": "Tanh", "args": {}}]
    for i in range(levels):
        layers.append({"name": "Residual", "args": {"layers": [{"layer": i}] * inside}})
    content = forged(path.read_bytes(),
                     put("model", value={"layers": layers, "places": [["0", levels]], "dtype": "float32",
                                                            "seed": 0, "link": None, "calls": 0}))  # fmt: skip
    if inside == 1 and levels < 50:
        path.write_bytes(content)
        assert len(nc.load(path)) == 1
    else:
        refuses(path, content, nc.load)


def save_small(folder):
    build().save(folder / "small")
    return folder / "small"


def test_claims_without_content_end_before_there_is_memory_for_them(tmp_path):
    """2^62 weights claimed, a few bytes there: in a child that may have 1 GB."""
    path = tmp_path / "file"
    build().save(path)
    for size in ({"in_features": 2**31, "out_features": 2**31}, {"in_features": 3, "out_features": 2**27}):
        path.write_bytes(forged(path.read_bytes(), put(*LAYER, "args", value=size)))
        code = (
            "import resource, nncore as nc; resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))\n"
            f"try: nc.load({str(path)!r})\nexcept nc.FormatError as error: print('refused')"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stdout) == (0, "refused\n"), done.stderr[-500:]


# ---- Graphs -------------------------------------------------------------------------------------------------------


def graph():
    x = nc.Input(3)
    return nc.Graph(x, nc.Linear(3, 2)(nc.Add()(x, nc.Tanh()(nc.Linear(3, 3)(x)))), seed=1)


FORGED = {
    "no list": {"reads": 7},
    "too few": {"reads": [[0]]},
    "from the future": {"reads": [[0], [3], [0, 2], [3]]},
    "of itself": {"reads": [[0], [2], [0, 2], [3]]},
    "negative": {"reads": [[0], [-1], [0, 2], [3]]},
    "no number": {"reads": [[0], [True], [0, 2], [3]]},
    "nothing": {"reads": [[0], [1], [], [3]]},
    "two for one": {"reads": [[0], [1], [0, 2], [3, 0]]},
    "not read": {"reads": [[0], [0], [0, 2], [3]]},
    "input not read": {"reads": [[0], [1], [0, 2], [2]]},
    "no shape": {"input_shape": None},
    "a wrong shape": {"input_shape": [-3]},
    "a shape that does not fit": {"input_shape": [4]},
    "a huge shape": {"input_shape": [2**61, 3]},
}


@pytest.mark.parametrize("how", FORGED)
def test_forged_graphs(how, tmp_path):
    path = tmp_path / "file"
    graph().save(path)
    content = path.read_bytes()
    path.write_bytes(forged(content, lambda facts: facts["model"].update(link=None)))
    assert repr(nc.load(path)) == repr(graph())
    refuses(path, forged(content, lambda facts: facts["model"].update(FORGED[how])), nc.load)


@pytest.mark.parametrize("names", [["a", "a.b"], ["a.b", "a.b.c"], [""], ["."], ["a."], ["a..b"], [".a"]])
@pytest.mark.parametrize("make", [build, graph], ids=["chain", "graph"])
def test_forged_names_of_layers(make, names, tmp_path):
    """Names with dots are those of layers inside a Sequential inside; a layer has nothing inside."""
    path = tmp_path / "file"
    make().save(path)

    def rename(facts):
        for place, name in zip(facts["model"]["places"], names, strict=False):
            place[0] = name

    refuses(path, forged(path.read_bytes(), rename), nc.load)
