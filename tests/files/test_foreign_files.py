"""nc.load and Trainer.resume of files that other libraries wrote: what they are, and what to do."""

import pickle
import zipfile

import numpy as np
import pytest

import nncore as nc

pytest.importorskip("safetensors")


def zipped(name):
    def write(path):
        with zipfile.ZipFile(path, "w") as file:
            file.writestr(name, b"0" * 100)

    return write


def start(content):
    return lambda path: path.write_bytes(content + b"\x00\xff" * 40)


FILES = {
    "x.pt": (zipped("x/data.pkl"), "PyTorch.*torch.load"),
    "weights.bin": (zipped("x/data.pkl"), "PyTorch.*torch.load"),
    "x.h5": (start(b"\x89HDF\r\n\x1a\n"), "HDF5.*h5py"),
    "x.keras": (zipped("config.json"), "Keras"),
    "x.onnx": (start(b"\x08\x07\x12\x04"), "ONNX.*initializer"),
    "x.npz": (lambda path: np.savez(path, a=np.zeros(9)), r"load_state_dict\(dict\(np.load"),
    "x.npy": (lambda path: np.save(path, np.zeros(9)), "np.load"),
    "x.pkl": (lambda path: path.write_bytes(pickle.dumps(list(range(50)))), "pickle.load"),
    "model": (lambda path: path.write_bytes(pickle.dumps(list(range(50)))), "pickle.load"),
    "x.tflite": (start(b"\x1c\x00\x00\x00TFL3"), "TensorFlow"),
    "x.json": (lambda path: path.write_text('{"a": 1}' * 10), "text file"),
}


@pytest.mark.parametrize("read", [nc.load, nc.Trainer.resume])
@pytest.mark.parametrize("name", FILES)
def test_what_the_file_is(name, read, tmp_path):
    write, wanted = FILES[name]
    write(tmp_path / name)
    with pytest.raises(nc.FormatError, match=rf"\[load\] .*{name}: expected a safetensors file, got .*{wanted}"):
        read(tmp_path / name)


def test_a_file_that_is_cut_off_is_told_as_before(tmp_path):
    net = nc.Sequential(nc.Linear(2, 2), seed=0)
    net.save(tmp_path / "net.safetensors")
    content = (tmp_path / "net.safetensors").read_bytes()
    for length in (0, 5, 60):
        (tmp_path / "cut.safetensors").write_bytes(content[:length])
        with pytest.raises(nc.FormatError, match="one that is cut off or something else"):
            nc.load(tmp_path / "cut.safetensors")


def test_the_ending_alone_says_nothing_of_a_good_file(tmp_path):
    net = nc.Sequential(nc.Linear(2, 2), seed=0)
    net.save(tmp_path / "net.pt")
    assert np.array_equal(nc.load(tmp_path / "net.pt").flat_parameters, net.flat_parameters)
