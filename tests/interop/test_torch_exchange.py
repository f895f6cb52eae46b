"""Models from PyTorch and to it: the same numbers, the same training, and by its path what has no counterpart."""

import copy
import sys
from collections import OrderedDict

import numpy as np
import pytest

import nncore as nc
from nncore.interop._torch_layers import SETTINGS
from support.cases import examples, make
from support.random_chains import RandomChain
from support.random_graphs import RandomGraph

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
TOLERANCE = {"float32": 1e-6, "float64": 1e-12}


def close(a, b, dtype, factor=10):
    np.testing.assert_allclose(a, b, rtol=factor * TOLERANCE[dtype], atol=factor * TOLERANCE[dtype])


def numbers(torch, module, x, training=False):
    with torch.no_grad():
        return module.train(training)(torch.tensor(x)).numpy()


def step_here(net, x, y):
    optimizer = nc.SGD(lr=0.05, momentum=0.9)
    for _ in range(3):
        _, dz = nc.MSELoss()(net.forward(x, training=True), y)
        net.zero_grad()
        net.backward(dz)
        optimizer.step(net)


def step_there(torch, module, x, y):
    """As a user would, with the modules in the mode that they have."""
    optimizer = torch.optim.SGD([p for p in module.parameters() if p.requires_grad], lr=0.05, momentum=0.9)
    for _ in range(3):
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(module(torch.tensor(x)), torch.tensor(y, dtype=torch.tensor(x).dtype)).backward()
        optimizer.step()


def check_training(torch, net, module, x, y):
    step_here(net, x, y)
    if any(p.requires_grad for p in module.parameters()):
        step_there(torch, module, x, y)
    theirs = module.state_dict(keep_vars=False)
    for key, value in net.state_dict().items():
        close(theirs[key].numpy(), value, net.dtype, 30)


def chain(seed, dtype):
    """A random net without Dropout's random numbers."""
    made = RandomChain(seed, dtype, residual=bool(seed % 2))
    for layer in made.net:
        if isinstance(layer, nc.Dropout):
            layer.p = 0.0
    return made


# ---- The same numbers and the same training ----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "args", "sample"), examples("layer"))
def test_every_layer_there_and_back(torch, name, args, sample, dtype, rng):
    net = nc.Sequential(make("layer", name, args), dtype=dtype, seed=4)
    module = nc.to_torch(net)
    assert isinstance(module, torch.nn.Sequential) and module.training
    x = rng.normal(size=(6, *sample)).astype(dtype)
    close(numbers(torch, module, x), net(x), dtype)
    back = nc.from_torch(module, dtype=dtype)
    assert type(back[0]) is type(net[0])
    for setting in SETTINGS.get(name, ()):
        wanted = getattr(net[0], setting)
        if wanted is None and setting == "stride":
            wanted = net[0].kernel_size
        np.testing.assert_array_equal(getattr(back[0], setting), wanted)
    close(back(x), net(x), dtype)
    assert list(module.state_dict()) == list(net.state_dict()) == list(back.state_dict())


@pytest.mark.parametrize("seed", range(40))
def test_random_nets_from_pytorch(torch, seed):
    """Written in PyTorch, trained here and there."""
    dtype = ("float32", "float64")[seed % 2]
    torch.manual_seed(seed)
    made = chain(seed, dtype)
    module = copy.deepcopy(nc.to_torch(made.net))
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    net, x = nc.from_torch(module), made.samples(8)
    assert net.dtype == dtype
    close(net(x), numbers(torch, module, x), dtype)
    check_training(torch, net, module.train(), x, made.labels(8))


@pytest.mark.parametrize("seed", range(40, 80))
def test_random_nets_to_pytorch(torch, seed):
    dtype = ("float32", "float64")[seed % 2]
    if seed % 4 == 3:
        made = RandomGraph(seed, dtype)
        net, x = made.net, made.data(8)[0]
        y = np.random.default_rng(seed).normal(size=(8, 3))
    else:
        made = chain(seed, dtype)
        net, x, y = made.net, made.samples(8), made.labels(8)
    module = nc.to_torch(net)
    close(numbers(torch, module, x), net(x), dtype)
    back = nc.from_torch(module)
    assert back.state_dict().keys() == net.state_dict().keys() and type(back) is type(net)
    np.testing.assert_array_equal(back(x), net(x))
    check_training(torch, net, module.train(), x, y)


def test_numbers_are_copies(torch):
    module = torch.nn.Sequential(torch.nn.Linear(2, 2))
    net = nc.from_torch(module)
    net[0].weight = np.zeros((2, 2))
    assert float(module[0].weight.detach().abs().sum()) > 0
    other = nc.to_torch(net)
    torch.nn.init.ones_(other[0].weight)
    assert float(net[0].weight.sum()) == 0


def test_names_and_nesting(torch):
    inner = torch.nn.Sequential(OrderedDict(fc=torch.nn.Linear(3, 3), act=torch.nn.ReLU(inplace=True)))
    module = torch.nn.Sequential(
        OrderedDict(body=torch.nn.Sequential(inner, torch.nn.Tanh()), head=torch.nn.Linear(3, 1))
    )
    net = nc.from_torch(module)
    assert list(net.state_dict()) == list(module.state_dict()) and "body.0.fc.weight" in net.state_dict()
    again = nc.to_torch(net)
    assert str(again) == str(module).replace("ReLU(inplace=True)", "ReLU()")
    assert net.save is not None and nc.from_torch(torch.nn.Linear(3, 1)).state_dict().keys() == {"0.weight", "0.bias"}


def test_the_random_numbers_of_pytorch_stay_as_they_were(torch):
    net = nc.Sequential(nc.Linear(3, 4), nc.BatchNorm1d(4), seed=0)
    torch.manual_seed(0)
    wanted = torch.rand(3)
    torch.manual_seed(0)
    nc.from_torch(nc.to_torch(net))
    assert torch.equal(torch.rand(3), wanted)


# ---- Flags, sharing, settings ------------------------------------------------------------------------------------


def test_frozen_parameters_both_ways(torch, rng):
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2)).double()
    module[0].requires_grad_(False)
    module[2].bias.requires_grad_(False)
    net = nc.from_torch(module)
    assert [p.requires_grad for p in net.parameters()] == [p.requires_grad for p in module.parameters()]
    assert net[0].frozen and not net[1].frozen and not net[2].frozen
    again = nc.to_torch(net)
    assert [p.requires_grad for p in again.parameters()] == [p.requires_grad for p in module.parameters()]
    x, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    check_training(torch, net, module, x, y)


@pytest.mark.parametrize("affine", [True, False])
def test_a_frozen_norm_keeps_its_statistics(torch, rng, affine):
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4, affine=affine)).double()
    numbers(torch, module, rng.normal(size=(5, 3)), training=True)
    module[1].requires_grad_(False).eval()
    net = nc.from_torch(module)
    assert net[1].frozen
    again = nc.to_torch(net)
    assert again.training and not again[1].training
    before = module[1].running_mean.clone()
    check_training(torch, net, module, rng.normal(size=(6, 3)), rng.normal(size=(6, 4)))
    assert torch.equal(module[1].running_mean, before)
    np.testing.assert_array_equal(net[1].running_mean, before.numpy())


def test_a_norm_with_frozen_parameters_goes_on_with_its_statistics(torch, rng):
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4)).double()
    module[1].requires_grad_(False)
    net = nc.from_torch(module)
    assert not net[1].frozen and not any(p.requires_grad for p in net[1].parameters())
    check_training(torch, net, module, rng.normal(size=(6, 3)), rng.normal(size=(6, 4)))
    assert nc.to_torch(net)[1].training


def test_a_module_in_evaluation_learns_here_as_any_model(torch):
    module = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2), torch.nn.Dropout(0.3)).eval()
    net = nc.from_torch(module)
    assert net[2].p == 0.3 and not net[1].frozen


def test_a_module_in_two_places(torch, rng):
    shared = torch.nn.Linear(3, 3)
    module = torch.nn.Sequential(shared, torch.nn.Tanh(), shared).double()
    net = nc.from_torch(module)
    assert net[0] is net[2] and len(net.parameters()) == 2
    again = nc.to_torch(net)
    assert again[0] is again[2]
    x, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 3))
    step_here(net, x, y)
    step_there(torch, module, x, y)
    close(net[0].weight, shared.weight.detach().numpy(), "float64")


def test_pooling_of_whole_images(torch, rng):
    pooled = [torch.nn.AdaptiveAvgPool2d((1, 1)), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(3, 2)]
    module = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3), *pooled)
    x = rng.normal(size=(4, 2, 5, 6)).astype("float32")
    close(nc.from_torch(module)(x), numbers(torch, module, x), "float32")
    for end in ([], [torch.nn.Conv2d(3, 3, 1), torch.nn.Flatten()]):
        with pytest.raises(nc.ConfigError, match='AdaptiveAvgPool2d "1": expected a Flatten behind it'):
            nc.from_torch(torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3), torch.nn.AdaptiveAvgPool2d(1), *end))


@pytest.mark.parametrize("given", [{"elementwise_affine": False}, {"bias": False}])
def test_layer_norms_without_weight_or_bias(torch, rng, given):
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.LayerNorm(4, eps=0.01, **given)).double()
    net, x, y = nc.from_torch(module), rng.normal(size=(5, 3)), rng.normal(size=(5, 4))
    close(net(x), numbers(torch, module, x), "float64")
    step_here(net, x, y)
    step_there(torch, module, x, y)
    close(net(x), numbers(torch, module, x), "float64")


def test_a_normalisation_of_the_inputs(torch, rng):
    net = nc.Sequential(nc.Flatten(), nc.Linear(4, 2), input=nc.Normalize(128.0, 64.0), seed=0)
    x = rng.integers(0, 256, (3, 1, 2, 2)).astype(np.uint8)
    module = nc.to_torch(net)
    assert module.state_dict().keys() == net.state_dict().keys()
    close(numbers(torch, module, x), net(x), "float32")
    back = nc.from_torch(module)
    assert back.input.mean == 128.0 and back.input.std == 64.0
    np.testing.assert_array_equal(back(x), net(x))
    with pytest.raises(nc.ConfigError, match=r'"1": expected .* got Normalize'):
        nc.from_torch(torch.nn.Sequential(torch.nn.ReLU(), module[0]))
    graph_input = nc.Input(3)
    joined = nc.Add()(graph_input, nc.Linear(3, 3)(graph_input))
    graph = nc.Graph(graph_input, joined, input=nc.Normalize(1.0, 2.0), seed=1)
    z = rng.normal(size=(4, 3)).astype("float32")
    close(numbers(torch, nc.to_torch(graph), z), graph(z), "float32")
    np.testing.assert_array_equal(nc.from_torch(nc.to_torch(graph))(z), graph(z))


def test_modules_of_nncore_can_be_copied_and_kept(torch, tmp_path, rng):
    net = nc.Sequential(nc.Residual(nc.Linear(3, 3), nc.ReLU()), nc.Linear(3, 2), seed=0)
    module = nc.to_torch(net)
    torch.save(module, tmp_path / "module.pt")
    x = rng.normal(size=(4, 3)).astype("float32")
    loaded = torch.load(tmp_path / "module.pt", weights_only=False)
    np.testing.assert_array_equal(numbers(torch, loaded, x), numbers(torch, copy.deepcopy(module), x))


# ---- What is refused, by its path --------------------------------------------------------------------------------


def named(torch, module, message):
    with pytest.raises(nc.ConfigError, match=message):
        nc.from_torch(torch.nn.Sequential(torch.nn.Identity(), torch.nn.Sequential(torch.nn.ReLU(), module)))


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("ConvTranspose2d", (1, 1, 1)),
        ("Conv3d", (1, 1, 1)),
        ("Dropout2d", ()),
        ("AlphaDropout", ()),
        ("Hardtanh", ()),
        ("ReLU6", ()),
        ("PReLU", ()),
        ("GroupNorm", (1, 2)),
        ("InstanceNorm2d", (2,)),
        ("SyncBatchNorm", (2,)),
        ("BatchNorm3d", (2,)),
        ("AdaptiveAvgPool2d", (2,)),
        ("AdaptiveMaxPool2d", (1,)),
        ("Unflatten", (1, (1, 2))),
        ("LSTM", (2, 2)),
        ("MultiheadAttention", (2, 1)),
        ("ModuleList", ()),
        ("ZeroPad2d", (1,)),
    ],
)
def test_modules_without_a_layer(torch, name, given):
    named(torch, getattr(torch.nn, name)(*given), rf'\[from_torch\] "1\.1": expected .*, got {name}')


@pytest.mark.parametrize(
    ("name", "given", "options", "message"),
    [
        ("Conv2d", (1, 1, 3), {"padding_mode": "reflect"}, "expected padding_mode='zeros', got 'reflect'"),
        ("Conv2d", (1, 1, 3), {"padding_mode": "replicate"}, "got 'replicate'"),
        ("Conv2d", (1, 1, 3), {"padding_mode": "circular"}, "got 'circular'"),
        ("MaxPool2d", (2,), {"dilation": 2}, "expected dilation=.*, got 2"),
        ("MaxPool2d", (2,), {"return_indices": True}, "return_indices=False, got True"),
        ("AvgPool2d", (2,), {"divisor_override": 3}, "divisor_override=None, got 3"),
        ("Flatten", (), {"start_dim": 2}, "start_dim=1, got 2"),
        ("Flatten", (), {"start_dim": 0}, "start_dim=1, got 0"),
        ("Flatten", (), {"end_dim": 2}, "end_dim=-1, got 2"),
        ("Softmax", (), {"dim": None}, "dim: expected an integer"),
        ("LogSoftmax", (), {"dim": -2}, "dim: expected an integer"),
        ("Softplus", (), {"beta": -1}, "beta: expected"),
        ("LazyLinear", (3,), {}, "expected numbers, got none yet"),
        ("Linear", (2, 2), {"dtype": "float16"}, "expected float32 or float64, got float16"),
        ("Linear", (2, 2), {"dtype": "bfloat16"}, "got bfloat16"),
        ("Linear", (2, 2), {"dtype": "complex64"}, "got complex64"),
        ("Linear", (2, 2), {"device": "meta"}, "expected numbers in memory, got meta"),
    ],
)
def test_settings_without_a_counterpart(torch, name, given, options, message):
    if "dtype" in options:
        options = {"dtype": getattr(torch, options["dtype"])}
    named(torch, getattr(torch.nn, name)(*given, **options), rf'\[from_torch\] .*"1\.1.*{message}')


def test_what_changes_a_module_from_outside(torch):
    hooked = torch.nn.Linear(2, 2)
    hooked.register_forward_hook(lambda module, x, y: 2 * y)
    named(torch, hooked, r'"1\.1": expected no hooks')
    named(
        torch, torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(2, 2)), r'"1\.1": expected plain parameters'
    )
    other = torch.nn.ReLU()
    other.forward = lambda x: x
    named(torch, other, r'"1\.1": expected the forward of its class')

    class Twice(torch.nn.Linear):
        def forward(self, x):
            return 2 * super().forward(x)

    named(torch, Twice(2, 2), r'"1\.1": expected .* got Twice')

    class Around(torch.nn.Sequential):
        def forward(self, x):
            return x

    named(torch, Around(torch.nn.ReLU()), r'"1\.1": expected .* got Around')


def test_shared_parameters_of_two_modules(torch):
    module = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
    module[1].weight = module[0].weight
    with pytest.raises(nc.ConfigError, match=r'"1\.weight": expected parameters of its own, got those of "0\.weight"'):
        nc.from_torch(module)
    module[1].weight = torch.nn.Parameter(module[0].weight.data)
    with pytest.raises(nc.ConfigError, match="expected parameters of its own"):
        nc.from_torch(module)


def test_mixed_modes_and_types(torch):
    module = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2), torch.nn.Dropout())
    module[2].eval()
    with pytest.raises(nc.ConfigError, match='Dropout "2": expected the mode of the whole module, training, got eval'):
        nc.from_torch(module)
    module.eval()[1].train()
    with pytest.raises(nc.ConfigError, match='BatchNorm1d "1": expected the mode of the whole module, evaluation'):
        nc.from_torch(module)
    module.train()[1].eval()
    with pytest.raises(nc.ConfigError, match='BatchNorm1d "1"'):
        nc.from_torch(module)
    module.train()[1].double()
    with pytest.raises(nc.ConfigError, match=r'"1\.weight": expected float32, as "0\.weight" has, got float64'):
        nc.from_torch(module)


def test_what_is_no_module_or_model(torch):
    for given in (None, 3, torch.zeros(2), nc.Sequential(nc.ReLU()), torch.nn.Linear):
        with pytest.raises(nc.ConfigError, match=r"\[from_torch\] module: expected a torch.nn.Module, got"):
            nc.from_torch(given)
    for given in (None, torch.nn.ReLU(), nc.ReLU()):
        with pytest.raises(nc.ConfigError, match=r"\[to_torch\] model: expected a Sequential or a Graph, got"):
            nc.to_torch(given)

    class Own(nc.Layer):
        def forward(self, x, training):
            return x

    net = nc.Sequential(nc.Linear(2, 2), nc.Residual(nc.ReLU(), Own()))
    with pytest.raises(
        nc.ConfigError, match=r'\[to_torch\] layer "1\.1": expected layers of nncore, got Own, which is'
    ):
        nc.to_torch(net)


@pytest.mark.parametrize("call", [lambda: nc.from_torch(1), lambda: nc.to_torch(nc.Sequential(nc.ReLU()))])
def test_without_pytorch(monkeypatch, call):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match=r"needs torch: pip install nncore\[torch\]"):
        call()
