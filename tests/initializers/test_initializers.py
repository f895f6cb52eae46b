"""Initialisers: distributions, bounds, orthogonality, and the numbers of a seed."""

import numpy as np
import pytest
from scipy import stats

import nncore as nc
from support.cases import SCHEMAS, examples, make
from support.philox import Stream

OUT, IN = 400, 300
SHAPE = (OUT, IN)


def uniform(bound):
    return stats.uniform(-bound, 2 * bound)


DISTRIBUTIONS = [
    (nc.init.uniform(), stats.uniform(0, 1)),
    (nc.init.uniform(-0.5, 0.25), stats.uniform(-0.5, 0.75)),
    (nc.init.normal(), stats.norm(0, 1)),
    (nc.init.normal(1.0, 0.01), stats.norm(1.0, 0.01)),
    (nc.init.fan_in_uniform(), uniform(1 / np.sqrt(IN))),
    (nc.init.xavier_uniform(), uniform(np.sqrt(6 / (IN + OUT)))),
    (nc.init.xavier_uniform(gain=5 / 3), uniform(5 / 3 * np.sqrt(6 / (IN + OUT)))),
    (nc.init.xavier_normal(), stats.norm(0, np.sqrt(2 / (IN + OUT)))),
    (nc.init.xavier_normal(gain=2.0), stats.norm(0, 2 * np.sqrt(2 / (IN + OUT)))),
    (nc.init.kaiming_uniform(), uniform(np.sqrt(6 / IN))),
    (nc.init.kaiming_uniform(a=1.0), uniform(np.sqrt(3 / IN))),
    (nc.init.kaiming_uniform(mode="fan_out"), uniform(np.sqrt(6 / OUT))),
    (nc.init.kaiming_uniform(nonlinearity="tanh"), uniform(5 / 3 * np.sqrt(3 / IN))),
    (nc.init.kaiming_normal(nonlinearity="relu"), stats.norm(0, np.sqrt(2 / IN))),
    (nc.init.kaiming_normal(a=0.5), stats.norm(0, np.sqrt(2 / 1.25 / IN))),
    (nc.init.kaiming_normal(nonlinearity="selu"), stats.norm(0, 0.75 / np.sqrt(IN))),
    (nc.init.kaiming_uniform(nonlinearity="conv2d"), uniform(np.sqrt(3 / IN))),
    (nc.init.lecun_normal(), stats.norm(0, np.sqrt(1 / IN))),
    (nc.init.kaiming_normal(nonlinearity="linear"), stats.norm(0, np.sqrt(1 / IN))),
    (nc.init.kaiming_normal(mode="fan_out", nonlinearity="sigmoid"), stats.norm(0, np.sqrt(1 / OUT))),
]


@pytest.mark.parametrize(("init", "law"), DISTRIBUTIONS, ids=lambda x: repr(x) if "scipy" not in repr(x) else "")
def test_numbers_follow_the_law_of_the_formula(init, law):
    w = init(SHAPE, seed=3)
    assert w.shape == SHAPE and w.dtype == np.float64
    assert stats.kstest(w.ravel(), law.cdf).pvalue > 1e-3
    assert w.mean() == pytest.approx(law.mean(), abs=5 * law.std() / np.sqrt(w.size))
    assert w.std() == pytest.approx(law.std(), rel=0.01)
    low, high = law.support()
    assert low <= w.min() and w.max() <= high
    flat = w.ravel()
    assert abs(np.corrcoef(flat[:-1], flat[1:])[0, 1]) < 0.015, "neighbours depend on each other"


def test_constants():
    assert np.array_equal(nc.init.zeros()((2, 3)), np.zeros((2, 3)))
    assert np.array_equal(nc.init.ones()((2, 3)), np.ones((2, 3)))
    assert np.array_equal(nc.init.constant(0.25)((2, 3)), np.full((2, 3), 0.25))


@pytest.mark.parametrize("shape", [(5, 5), (5, 12), (12, 5), (1, 7), (7, 1), (6, 2, 3), (100, 80)])
@pytest.mark.parametrize("gain", [1.0, 2.0])
def test_orthogonal_has_orthonormal_rows_or_columns(shape, gain):
    w = nc.init.orthogonal(gain=gain)(shape, seed=1).reshape(shape[0], -1)
    gram = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    np.testing.assert_allclose(gram, gain**2 * np.eye(len(gram)), atol=1e-13)


def test_orthogonal_is_the_q_of_qr_with_a_positive_diagonal():
    normal = nc.init.normal()((6, 4), seed=9)  # the same stream: the A of A = QR
    q, r = np.linalg.qr(nc.init.normal()((24,), seed=9).reshape(4, 6).T)
    w = nc.init.orthogonal()((6, 4), seed=9)
    np.testing.assert_allclose(w, q * np.sign(np.diag(r)), atol=1e-12)
    assert normal.shape == w.shape


@pytest.mark.parametrize("shape", [(400, 300), (7, 50), (30, 5, 2, 2), (12,)])
@pytest.mark.parametrize("sparsity", [0.0, 0.1, 0.5, 0.95, 1.0])
def test_sparse_has_as_many_zeros_in_every_column(shape, sparsity):
    w = nc.init.sparse(sparsity, std=0.5)(shape, seed=4).reshape(shape[0], -1)
    zeros = np.ceil(sparsity * shape[0])
    assert np.all((w == 0).sum(axis=0) == zeros)
    rest = w[w != 0]
    if len(rest) > 1000:
        assert stats.kstest(rest, stats.norm(0, 0.5).cdf).pvalue > 1e-3
        in_rows = (w == 0).sum(axis=1)  # each row is drawn as often as any other: binomial
        assert in_rows.mean() == pytest.approx(zeros / shape[0] * w.shape[1])
        assert in_rows.var() == pytest.approx(w.shape[1] * sparsity * (1 - sparsity), rel=0.3, abs=1e-9)


def test_sparse_has_torchs_zeros_and_spread(torch):
    theirs = torch.nn.init.sparse_(torch.empty(90, 70, dtype=torch.float64), 0.33, 0.2).numpy()
    ours = nc.init.sparse(0.33, 0.2)((90, 70), seed=0)
    assert np.array_equal((ours == 0).sum(axis=0), (theirs == 0).sum(axis=0))
    assert ours.std() == pytest.approx(theirs.std(), rel=0.1)


@pytest.mark.parametrize(
    "nonlinearity", ["leaky_relu", "relu", "tanh", "sigmoid", "selu", "linear", "conv1d", "conv2d", "conv3d"]
)
def test_gains_are_torchs(nonlinearity, torch):
    gain = torch.nn.init.calculate_gain(nonlinearity, 0.3 if nonlinearity == "leaky_relu" else None)
    w = nc.init.kaiming_uniform(a=0.3, nonlinearity=nonlinearity)((300, 300), seed=0)
    assert np.abs(w).max() == pytest.approx(gain * np.sqrt(3 / 300), rel=1e-3)


@pytest.mark.parametrize(("name", "args", "sample"), examples("initializer"))
def test_a_seed_decides_every_number(name, args, sample):
    init = make("initializer", name, args)
    w = init((4, 3), seed=7)
    assert np.array_equal(w, init((4, 3), seed=7))
    if name not in ("zeros", "ones", "constant"):
        assert not np.array_equal(w, init((4, 3), seed=8))
        assert not np.array_equal(init((4, 3)), init((4, 3))), "without a seed one is drawn"


@pytest.mark.parametrize(("name", "args", "sample"), examples("initializer"))
def test_float32_and_float64_models_start_from_the_same_numbers(name, args, sample):
    init = make("initializer", name, args)
    nets = [
        nc.Sequential(nc.Linear(6, 4, weight_init=init, bias_init=init), dtype=dtype, seed=2)
        for dtype in ("float32", "float64")
    ]
    for p32, p64 in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        assert p64.value.dtype == np.float64
        assert np.array_equal(p32.value, p64.value.astype(np.float32))


def test_parameters_of_a_model_differ_by_name_and_seed():
    net = nc.Sequential(nc.Linear(4, 4), nc.Linear(4, 4), seed=0)
    w = [p.value.copy() for p in net.parameters()]
    assert not np.array_equal(w[0], w[2]) and not np.array_equal(w[1], w[3])
    assert not np.array_equal(w[0][0], w[1])
    named = nc.Sequential({"a": nc.Linear(4, 4), "1": nc.Linear(4, 4)}, seed=0).parameters()
    assert not np.array_equal(named[0].value, w[0]) and np.array_equal(named[2].value, w[2])
    assert not np.array_equal(nc.Sequential(nc.Linear(4, 4), seed=1).parameters()[0].value, w[0])


def test_the_stream_of_a_parameter_is_that_of_its_name():
    net = nc.Sequential({"hidden": nc.Linear(9, 5)}, dtype="float64", seed=123)
    u = Stream(123, "init hidden.weight").uniforms(45).reshape(5, 9)
    np.testing.assert_allclose(net.parameters()[0].value, (2 * u - 1) / 3, rtol=1e-14)


def test_linear_starts_as_in_pytorch():
    net = nc.Sequential(nc.Linear(IN, OUT), dtype="float64", seed=0)
    weight, bias = (p.value for p in net.parameters())
    bound = 1 / np.sqrt(IN)
    assert stats.kstest(weight.ravel(), uniform(bound).cdf).pvalue > 1e-3
    assert stats.kstest(bias, uniform(bound).cdf).pvalue > 1e-3
    assert 0.99 * bound < np.abs(weight).max() <= bound


@pytest.mark.parametrize(("short", "full"), [("xavier", "xavier_uniform"), ("kaiming", "kaiming_uniform")])
def test_short_names_are_the_uniform_scheme_with_zero_bias(short, full):
    by_short = nc.Sequential(nc.Linear(8, 6, weight_init=short), seed=4).parameters()
    by_full = nc.Sequential(nc.Linear(8, 6, weight_init=full), seed=4).parameters()
    by_object = nc.Sequential(nc.Linear(8, 6, weight_init=getattr(nc.init, full)()), seed=4).parameters()
    assert np.array_equal(by_short[0].value, by_full[0].value)
    assert np.array_equal(by_short[0].value, by_object[0].value)
    assert np.all(by_short[1].value == 0) and np.any(by_full[1].value != 0)


def test_names_and_objects_are_accepted_for_biases():
    for given in ("ones", nc.init.ones()):
        assert np.all(nc.Sequential(nc.Linear(3, 2, bias_init=given), seed=0).parameters()[1].value == 1)
    kept = nc.Sequential(nc.Linear(3, 2, weight_init="kaiming", bias_init="ones"), seed=0).parameters()[1].value
    assert np.all(kept == 1)


def test_initialize_is_a_new_model_of_that_seed():
    net = nc.Sequential(nc.Linear(4, 3), nc.Tanh(), nc.Linear(3, 2), seed=0)
    for p in net.parameters():
        p.value = 7.0 * np.ones(p.shape)
        p.grad = np.ones(p.shape)
    assert net.initialize(5) is net and net.seed == 5
    fresh = nc.Sequential(nc.Linear(4, 3), nc.Tanh(), nc.Linear(3, 2), seed=5)
    assert np.array_equal(net.flat_parameters, fresh.flat_parameters)
    assert np.all(net.flat_gradients == 0)


@pytest.mark.parametrize("shape", [-1, (2, -1), (2.5,), "x", (True, 2), (1,) * 9, None, object()], ids=repr)
def test_a_shape_that_is_none_is_refused(shape):
    with pytest.raises((nc.ConfigError, nc.ShapeError, TypeError)):
        nc.init.zeros()(shape, seed=0)


@pytest.mark.parametrize("seed", [-1, 2**64, 1.5, "x", True])
def test_a_seed_that_is_none_is_refused(seed):
    with pytest.raises(nc.ConfigError, match="seed"):
        nc.init.normal()((2, 2), seed=seed)
    with pytest.raises(nc.ConfigError, match="seed"):
        nc.Sequential(nc.Linear(2, 2), seed=seed)


TORCH = {
    "xavier_uniform": ("xavier_uniform_", {"gain": 1.5}),
    "xavier_normal": ("xavier_normal_", {"gain": 1.5}),
    "kaiming_uniform": ("kaiming_uniform_", {"a": 0.3, "mode": "fan_out", "nonlinearity": "leaky_relu"}),
    "kaiming_normal": ("kaiming_normal_", {"nonlinearity": "tanh"}),
}


@pytest.mark.parametrize("name", TORCH)
@pytest.mark.parametrize("shape", [(300, 200), (50, 30, 5, 5)])
def test_spread_is_torchs(name, shape, torch):
    fill, args = TORCH[name]
    theirs = getattr(torch.nn.init, fill)(torch.empty(*shape, dtype=torch.float64), **args).numpy()
    ours = getattr(nc.init, name)(**args)(shape, seed=0)
    assert ours.std() == pytest.approx(theirs.std(), rel=0.02)
    if "uniform" in name:
        assert np.abs(ours).max() == pytest.approx(np.abs(theirs).max(), rel=1e-3)


def test_all_initialisers_are_tested_here():
    tested = {type(init).__name__ for init, _ in DISTRIBUTIONS} | {"zeros", "ones", "constant", "orthogonal", "sparse"}
    registered = {name for kind, name in SCHEMAS if kind == "initializer"}
    assert registered <= tested, f"add {registered - tested} to DISTRIBUTIONS in {__file__}"
