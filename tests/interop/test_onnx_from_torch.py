"""ONNX files as PyTorch 2.13 writes them: norms folded into convolutions, tied tensors, shapes worked out, weights in a
second file."""

import importlib.util
import warnings

import numpy as np
import pytest

import nncore as nc
from interop.onnx_runs import assert_same

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
nn = torch.nn


class Tied(nn.Module):
    """A layer that is used twice, and one that is not used at all."""

    def __init__(self):
        super().__init__()
        self.used, self.vanishes = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x):
        return self.used(torch.tanh(self.used(x)))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.gate = nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Linear(4, 4)

    def forward(self, x):
        y = torch.relu(x + self.norm(self.conv(x)))
        return y * torch.sigmoid(self.gate(y.mean((2, 3))))[:, :, None, None]


class Rows(nn.Module):
    def forward(self, x):
        return x.view(x.size(0), -1)


NETS = {
    "dense": (nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Dropout(), nn.Linear(7, 3), nn.Softmax(-1)), (5,)),
    "activations": (
        nn.Sequential(
            nn.Linear(5, 7), nn.GELU(), nn.GELU("tanh"), nn.SiLU(), nn.ELU(0.5), nn.LeakyReLU(0.2), nn.Softplus(2, 20),
            nn.Softplus(), nn.LayerNorm(7), nn.Tanh(), nn.Linear(7, 3), nn.LogSoftmax(-1),
        ),
        (5,),
    ),
    "images": (
        nn.Sequential(
            nn.Conv2d(2, 4, 3, padding="same"), nn.BatchNorm2d(4), nn.ReLU(), Block(), nn.MaxPool2d(2),
            nn.AvgPool2d(3, 2, 1, ceil_mode=True), Rows(), nn.Linear(64, 5),
        ),
        (2, 12, 12),
    ),
    "pooled": (
        nn.Sequential(nn.Conv2d(2, 4, 3, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5)),
        (2, 12, 12),
    ),
    "tied": (Tied(), (4,)),
}  # fmt: skip


def write(net, x, path, new):
    """By the exporter through torch.export, which needs onnxscript, or by the older one; any batch size."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if new:
            torch.onnx.export(net, (x,), path, dynamo=True, verbose=False, dynamic_shapes=({0: "batch"},))
        else:
            names = {"input_names": ["x"], "dynamic_axes": {"x": {0: "batch"}}}
            torch.onnx.export(net, (x,), path, dynamo=False, verbose=False, **names)


@pytest.mark.parametrize("new", [False, True], ids=["older exporter", "newer exporter"])
@pytest.mark.parametrize("name", NETS)
def test_files_of_pytorch(name, new, tmp_path):
    if new and importlib.util.find_spec("onnxscript") is None:
        pytest.skip("needs onnxscript")
    net, shape = NETS[name]
    net = net.eval()
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.uniform_(-1, 1)
                module.running_var.uniform_(0.5, 2)
    x = torch.randn(3, *shape)
    path = tmp_path / "net.onnx"
    write(net, x, str(path), new)
    again = nc.onnx.load(path)
    with torch.no_grad():
        assert_same(again(x.numpy()), net(x).numpy().astype(np.float32))
    if name == "tied":
        assert len(again.parameters()) == 2
    if new:
        assert (tmp_path / "net.onnx.data").exists() and path.stat().st_size < 50_000
