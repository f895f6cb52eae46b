"""Models from Keras 3, in memory and in files: the same outputs, and by its name what has no counterpart."""

import subprocess
import sys

import numpy as np
import pytest

import nncore as nc

# Facts of Keras 3.15.1, which is what .ci/run installs; what it warns of by itself:
pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword"),
    pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`"),
    pytest.mark.filterwarnings("ignore:You passed `rms_scaling=True`"),
    pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths"),
]


@pytest.fixture(scope="module")
def keras():
    return pytest.importorskip("keras")


@pytest.fixture(scope="module")
def L(keras):
    return keras.layers


def channels_first(x):
    return np.moveaxis(x, -1, 1) if x.ndim == 4 else x


def randomise(keras, model, rng):
    """As after training: gains and statistics that differ from those of a new model."""
    for weight in model.weights:
        low, high = (0.5, 2.0) if "variance" in weight.path or "gamma" in weight.path else (-0.6, 0.6)
        weight.assign(rng.uniform(low, high, weight.shape))


def check(keras, model, x, path=None, rtol=1e-5):
    """The outputs of a model from memory, and of the same from a file; the model from memory.

    Keras multiplies float64 matrices in float32 (matmul of the PyTorch backend), hence one tolerance for both.
    """
    net = nc.from_keras(model)
    x = x.astype("float32").astype(net.dtype)  # a Sequential rounds what it is given to its own dtype
    wanted = channels_first(keras.ops.convert_to_numpy(model(x, training=False)))
    np.testing.assert_allclose(net(channels_first(x)), wanted, rtol=rtol, atol=rtol)
    if path is not None:
        model.save(path)
        loaded = nc.load_keras(path)
        assert repr(loaded) == repr(net)
        np.testing.assert_array_equal(loaded.flat_parameters, net.flat_parameters)
        np.testing.assert_array_equal(loaded(channels_first(x)), net(channels_first(x)))
    return net


# ---- Random models -----------------------------------------------------------------------------------------------

ACTIVATIONS = [None, "relu", "gelu", "silu", "elu", "tanh", "sigmoid", "softplus", "leaky_relu"]


class RandomModel:
    """A Sequential of Keras: convolutions, norms and pools on images in two of three, then dense layers."""

    def __init__(self, keras, seed, dtype):
        self.rng, self.L, self.dtype = np.random.default_rng(seed), keras.layers, dtype
        self.images = seed % 3 > 0
        self.shape = (int(self.rng.integers(6, 10)), 7, self.pick(1, 2, 4)) if self.images else (5,)
        self.model = keras.Sequential([keras.Input(self.shape)])
        for _ in range(self.rng.integers(1, 4)) if self.images else ():
            self.block()
        if self.images:
            self.add("GlobalAveragePooling2D" if self.rng.random() < 0.3 else "Flatten")
        for _ in range(self.rng.integers(1, 4)):
            self.add("Dense", int(self.rng.integers(1, 9)), self.pick(*ACTIVATIONS), use_bias=self.pick(True, False))
            self.extra()
        self.add("Dense", 3, self.pick(None, "softmax", "log_softmax"))
        randomise(keras, self.model, self.rng)

    @property
    def out(self):
        return self.model.output_shape if self.model.layers else (None, *self.shape)

    def pick(self, *values):
        return values[self.rng.integers(len(values))]

    def add(self, kind, *given, **named):
        self.model.add(getattr(self.L, kind)(*given, dtype=self.dtype, **named))

    def extra(self):
        kind = self.pick("Dropout", "BatchNormalization", "LayerNormalization", "Activation", "LeakyReLU", "ReLU", None)
        if len(self.out) > 2 and kind == "LayerNormalization":
            self.add(kind, axis=[1, 2, 3])
        elif kind in ("Dropout", "Activation"):
            self.add(kind, 0.3 if kind == "Dropout" else self.pick("tanh", "relu"))
        elif kind == "BatchNormalization":
            self.add(kind, momentum=self.pick(0.99, 0.9), center=self.pick(True, False), scale=self.pick(True, False))
        elif kind is not None:
            self.add(kind)

    def block(self):
        channels = self.out[-1]
        kind = self.pick("Conv2D", "Conv2D", "DepthwiseConv2D", "SeparableConv2D")
        kernel = tuple(min(self.pick(1, 2, 3), size) for size in self.out[1:3])
        named = {"padding": self.pick("same", "valid"), "use_bias": self.pick(True, False)}
        if named["padding"] == "valid":
            named["strides"] = self.pick(1, 1, 2)
        if kind == "Conv2D" and self.rng.random() < 0.4:
            named["groups"] = channels
        filters = [] if kind == "DepthwiseConv2D" else [channels * self.pick(1, 2)]
        self.add(kind, *filters, kernel, activation=self.pick(*ACTIVATIONS), **named)
        self.extra()
        if min(self.out[1:3]) >= 3:
            kind, size = self.pick("MaxPooling2D", "AveragePooling2D"), self.pick(2, 3, (3, 2))
            self.add(kind, size, strides=self.pick(None, 1, 2))


@pytest.mark.parametrize("seed", range(40))
def test_random_models(keras, seed, tmp_path):
    pytest.importorskip("h5py")
    dtype = ("float32", "float64")[seed % 2]
    made = RandomModel(keras, seed, dtype)
    x = made.rng.normal(size=(4, *made.shape)).astype(dtype)
    net = check(keras, made.model, x, tmp_path / "model.keras", 2e-5)
    assert net.dtype == dtype
    assert "Conv" not in repr(made.model.layers) or any(isinstance(layer, nc.Conv2d) for layer in net)


# ---- Layer by layer ----------------------------------------------------------------------------------------------


def images(keras, rng, shape, *layers):
    model = keras.Sequential([keras.Input(shape), *layers])
    randomise(keras, model, rng)
    return model, rng.normal(size=(3, *shape)).astype("float32")


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("strides", [1, 2, 3, (1, 2)])
@pytest.mark.parametrize("kernel", [1, 2, 3, (3, 2)])
def test_padding_of_convolutions(keras, L, rng, padding, strides, kernel):
    """ "same" adds its spare cell behind: said where strides are 1, or where there is none."""
    said = 0
    for size in ((6, 7), (7, 7), (8, 9)):
        model, x = images(keras, rng, (*size, 2), L.Conv2D(3, kernel, strides=strides, padding=padding))
        try:
            check(keras, model, x)
            said += 1
        except nc.ConfigError as error:
            assert padding == "same" and strides != 1 and 'Conv2D "' in str(error) and "padding='same'" in str(error)
    assert said or padding == "same"
    assert said == 3 or (padding == "same" and strides != 1)


@pytest.mark.parametrize("kind", ["MaxPooling2D", "AveragePooling2D"])
@pytest.mark.parametrize("pool", [2, 3, (3, 2)])
@pytest.mark.parametrize("strides", [None, 1, 2, 3])
def test_padding_of_poolings(keras, L, rng, kind, pool, strides):
    """The spare cells of "same" are those of ceil_mode, but for strides of 1. PyTorch's and JAX's means of uneven
    padding differ in Keras.
    """
    for size in ((6, 7), (7, 7), (8, 9)):
        for padding in ("same", "valid"):
            model, x = images(keras, rng, (*size, 2), getattr(L, kind)(pool, strides=strides, padding=padding))
            try:
                check(keras, model, x)
            except nc.ConfigError as error:
                assert padding == "same" and f'{kind} "' in str(error) and "'same'" in str(error)
                assert kind == "AveragePooling2D" or strides == 1


@pytest.mark.parametrize("kernel", [1, 2, 3])
def test_dilation(keras, L, rng, kernel):
    for padding in ("same", "valid"):
        layer = L.Conv2D(3, kernel, dilation_rate=(1, 2), padding=padding)
        check(keras, *images(keras, rng, (7, 8, 2), layer))


def test_dense_behind_flatten(keras, L, rng):
    """With norms and functions between, in both layouts of images."""
    between = [L.BatchNormalization(), L.LayerNormalization(), L.Activation("tanh"), L.Dropout(0.3)]
    check(keras, *images(keras, rng, (4, 5, 3), L.Conv2D(2, 2), L.Flatten(), *between, L.Dense(3)))
    check(keras, *images(keras, rng, (4, 5, 3), L.Flatten(), L.Dense(3)))
    for flatten in ("channels_first", "channels_last"):
        layers = [L.Conv2D(2, 2, data_format="channels_first"), L.BatchNormalization(axis=1)]
        model, x = images(keras, rng, (3, 4, 5), *layers, L.Flatten(data_format=flatten), L.Dense(3))
        wanted = keras.ops.convert_to_numpy(model(x))
        np.testing.assert_allclose(nc.from_keras(model)(x), wanted, rtol=1e-5, atol=1e-5)


def test_rows_of_features(keras, L, rng):
    layers = [L.Dense(3, "relu"), L.LayerNormalization(), L.LayerNormalization(axis=[1, 2]), L.Softmax(), L.Flatten()]
    model = keras.Sequential([keras.Input((4, 5)), *layers, L.Dense(2)])
    randomise(keras, model, rng)
    check(keras, model, rng.normal(size=(3, 4, 5)).astype("float32"))


@pytest.mark.parametrize("name", ["linear", *ACTIVATIONS[1:], "swish", "softmax", "log_softmax"])
def test_activations(keras, L, rng, name):
    x = 3 * rng.normal(size=(4, 6)).astype("float64")
    for layers in ([L.Activation(name, dtype="float64")], [L.Dense(4, name, dtype="float64")]):
        check(keras, keras.Sequential([keras.Input((6,)), *layers]), x)


def test_layers_as_activations(keras, L, rng):
    layers = [L.Dense(4, activation=L.LeakyReLU(negative_slope=0.1)), L.Dense(3, activation=keras.activations.gelu)]
    layers += [L.ReLU(negative_slope=0.2), L.ELU(alpha=0.5), L.ReLU()]
    net = check(keras, keras.Sequential([keras.Input((6,)), *layers]), rng.normal(size=(4, 6)).astype("float32"))
    assert net["dense_activation"].negative_slope == 0.1 if "dense_activation" in net.state_dict() else len(net) == 7


def test_norms_are_translated(keras, L, rng):
    model = keras.Sequential(
        [keras.Input((3,)), L.BatchNormalization(momentum=0.9, epsilon=0.01), L.LayerNormalization()]
    )
    net = nc.from_keras(model)
    assert (net[0].momentum, net[0].eps, net[1].eps) == (0.1, 0.01, 1e-3)
    bare = nc.from_keras(keras.Sequential([keras.Input((3,)), L.BatchNormalization(scale=False)]))
    assert [p.requires_grad for p in bare.parameters()] == [False, True]
    assert (
        nc.from_keras(keras.Sequential([keras.Input((3,)), L.BatchNormalization(scale=False, center=False)]))[0].affine
        is False
    )


def test_layers_that_do_not_learn_are_frozen(keras, L, tmp_path):
    pytest.importorskip("h5py")
    inner = keras.Sequential([keras.Input((3,)), L.Dense(4), L.BatchNormalization()])
    inner.trainable = False
    model = keras.Sequential([keras.Input((3,)), inner, L.Dense(2)])
    model.save(tmp_path / "model.keras")
    for net in (nc.from_keras(model), nc.load_keras(tmp_path / "model.keras")):
        assert [layer.frozen for layer in net] == [True, True, False]


def test_a_rescaling_at_the_beginning(keras, L, rng):
    model = keras.Sequential([keras.Input((4, 4, 1)), L.Rescaling(1 / 127.5, offset=-1.0), L.Flatten(), L.Dense(3)])
    x = rng.integers(0, 256, (5, 4, 4, 1))
    net = nc.from_keras(model)
    wanted = keras.ops.convert_to_numpy(model(x.astype("float32")))
    np.testing.assert_allclose(net(x.transpose(0, 3, 1, 2).astype(np.uint8)), wanted, rtol=1e-5, atol=1e-5)


def test_functional_chains(keras, L, rng, tmp_path):
    pytest.importorskip("h5py")
    shared = L.Dense(3, name="same")
    inner = keras.Sequential([L.Dense(5), L.Dense(3)])
    x = keras.Input((3,))
    model = keras.Model(x, L.Activation("tanh")(shared(inner(L.Dense(3, "relu")(shared(x))))))
    randomise(keras, model, rng)
    net = check(keras, model, rng.normal(size=(4, 3)).astype("float32"), tmp_path / "model.keras")
    assert net["same"] is net["same_2"] and len(net.parameters()) == 8
    first = {name.split(".")[0] for name in net.state_dict()}
    assert any(name.startswith("sequential") for name in first)


def test_more_than_ten_layers_of_a_class(keras, L, rng, tmp_path):
    """The groups of a file are listed as dense, dense_1, dense_10, dense_2, …"""
    pytest.importorskip("h5py")
    layers = [L.Dense(3, name=f"layer{23 - i}") for i in range(12)]
    model = keras.Sequential([keras.Input((3,)), *layers])
    check(keras, model, rng.normal(size=(2, 3)).astype("float32"), tmp_path / "model.keras")


def test_a_model_that_was_built_by_calling_it(keras, L, rng):
    model = keras.Sequential([L.Dense(3), L.Dense(2)])
    with pytest.raises(nc.ConfigError, match="model: expected one that is built"):
        nc.from_keras(model)
    model(np.zeros((1, 4), "float32"))
    check(keras, model, rng.normal(size=(2, 4)).astype("float32"))


def test_files_are_read_without_keras(keras, L, tmp_path):
    pytest.importorskip("h5py")
    keras.Sequential([keras.Input((3,)), L.Dense(2)]).save(tmp_path / "model.keras")
    code = "import sys; sys.modules['keras'] = None; import nncore as nc; assert len(nc.load_keras(sys.argv[1])) == 1"
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "model.keras")], check=True, timeout=60)


# ---- What is refused, by its name --------------------------------------------------------------------------------


def refused(keras, model, message):
    with pytest.raises(nc.ConfigError, match=message):
        nc.from_keras(model)


@pytest.mark.parametrize(
    ("shape", "make", "message"),
    [
        ((4, 4, 2), lambda L: L.Conv2DTranspose(2, 2), 'Conv2DTranspose "bad": expected a layer that nncore has'),
        ((4, 4, 2), lambda L: L.GlobalMaxPooling2D(), 'GlobalMaxPooling2D "bad"'),
        (
            (4, 4, 2),
            lambda L: L.GlobalAveragePooling2D(keepdims=True),
            'Average.* "bad": expected keepdims=False, got True',
        ),
        ((4, 4, 2), lambda L: L.ZeroPadding2D(), 'ZeroPadding2D "bad"'),
        ((4, 4, 2), lambda L: L.SpatialDropout2D(0.2), 'SpatialDropout2D "bad"'),
        ((4, 4, 2), lambda L: L.Dense(2), 'Dense "bad": expected features, got images'),
        ((4, 4, 2), lambda L: L.Softmax(), 'Softmax "bad": expected softmax over features'),
        ((4, 4, 2), lambda L: L.LayerNormalization(), 'LayerNormalization "bad": expected axes'),
        (
            (4, 4, 2),
            lambda L: L.BatchNormalization(axis=2),
            'BatchNormalization "bad": expected the axis of the channels',
        ),
        ((4, 3), lambda L: L.BatchNormalization(), 'BatchNormalization "bad": expected the axis of the channels'),
        ((4, 4, 2), lambda L: L.Flatten(), "expected a Dense behind the Flatten of images"),
        ((None, None, 2), lambda L: L.Conv2D(2, 3, 2, padding="same"), 'Conv2D "bad": expected a known input shape'),
        ((4, 3), lambda L: L.Conv1D(2, 2), 'Conv1D "bad"'),
        ((4, 3), lambda L: L.LSTM(2), 'LSTM "bad"'),
        ((3,), lambda L: L.PReLU(), 'PReLU "bad"'),
        ((3,), lambda L: L.Reshape((3, 1)), 'Reshape "bad"'),
        ((3,), lambda L: L.GaussianNoise(0.1), 'GaussianNoise "bad"'),
        ((3,), lambda L: L.Activation("selu"), 'Activation "bad": expected an activation that nncore has'),
        ((3,), lambda L: L.Dense(2, "hard_sigmoid"), 'Dense "bad": expected an activation'),
        ((3,), lambda L: L.Dense(2, lambda x: x), 'Dense "bad": expected an activation'),
        ((3,), lambda L: L.ReLU(max_value=6.0), 'ReLU "bad": expected max_value=None, got 6.0'),
        ((3,), lambda L: L.ReLU(threshold=1.0), 'ReLU "bad": expected threshold=0.0'),
        ((3, 4), lambda L: L.Softmax(axis=1), 'Softmax "bad": expected the last axis'),
        ((3,), lambda L: L.Dropout(0.1, noise_shape=(1, 3)), 'Dropout "bad": expected noise_shape=None'),
        (
            (3,),
            lambda L: L.LayerNormalization(rms_scaling=True),
            'LayerNormalization "bad": expected rms_scaling=False',
        ),
        ((3,), lambda L: L.Rescaling(-1.0), 'Rescaling "bad": expected scale > 0'),
    ],
)
def test_layers_without_a_counterpart(keras, L, shape, make, message):
    layer = make(L)
    layer.name = "bad"
    refused(keras, keras.Sequential([keras.Input(shape), layer]), message)


def test_dtypes(keras, L):
    for name in ("float16", "bfloat16", "mixed_float16", "mixed_bfloat16"):
        refused(
            keras,
            keras.Sequential([keras.Input((3,)), L.Dense(2, dtype=name)]),
            f"dtype float32 or float64, got '{name}'",
        )
    layers = [L.Dense(2, dtype="float32"), L.Dense(2, dtype="float64")]
    refused(keras, keras.Sequential([keras.Input((3,)), *layers]), "expected one dtype")


def test_models_that_are_no_chain(keras, L):
    x = keras.Input((3,))
    h = L.Dense(3)(x)
    refused(keras, keras.Model(x, L.Add()([h, x])), "expected a chain of layers, got .*add.*, which reads 2 values")
    refused(keras, keras.Model(x, [h, L.Dense(2)(x)]), "expected one input and one output")
    z = keras.Input((3,))
    refused(keras, keras.Model([x, z], L.Concatenate()([x, z])), "expected one input and one output")

    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.inner = L.Dense(2)

        def call(self, x):
            return self.inner(x)

    own = Own()
    own(np.zeros((1, 3), "float32"))
    refused(keras, own, r"\[from_keras\] model: expected")
    refused(keras, None, r"\[from_keras\] model: expected a Sequential or Model of Keras, got None")
    refused(keras, L.Dense(2), r"\[from_keras\] model: expected a Sequential or Model of Keras")


def test_layers_of_ones_own(keras, L):
    class Dense(L.Dense):
        def call(self, x):
            return 2 * super().call(x)

    refused(keras, keras.Sequential([keras.Input((3,)), Dense(2)]), "expected layers of Keras, got Dense of")
    refused(keras, keras.Sequential([keras.Input((3,)), L.Lambda(lambda x: x)]), 'Lambda "')


def test_penalties_are_told(keras, L):
    model = keras.Sequential([keras.Input((3,)), L.Dense(2, kernel_regularizer="l2")])
    with pytest.warns(UserWarning, match='Dense ".*": kernel_regularizer is no part'):
        nc.from_keras(model)


@pytest.mark.parametrize("missing", ["keras", "h5py"])
def test_without_the_library(monkeypatch, missing, tmp_path):
    monkeypatch.setitem(sys.modules, missing, None)
    (tmp_path / "model.keras").write_bytes(b"")
    with pytest.raises(ImportError, match=rf"needs {missing}: pip install nncore\[keras\]"):
        nc.from_keras(None) if missing == "keras" else nc.load_keras(tmp_path / "model.keras")
