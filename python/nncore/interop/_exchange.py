"""What users call: models in the forms of other programs, and from them. What they need is imported when called."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from nncore._support.names import keywords
from nncore.nn._graph import Graph
from nncore.nn._model import Model
from nncore.nn._sequential import Sequential


@keywords()
def export_c(
    model: Model,
    path: str | os.PathLike[str],
    *,
    name: str = "net",
    input_shape: int | Sequence[int] | None = None,
) -> str:
    """Writes a model as one file in C99, without dependencies and without allocation.

        void net_predict(const float *x, float *y);

    computes the raw outputs y of one sample x, as `model(x)` does for a batch of one. The file holds the weights as
    constants, the sizes as macros (NET_INPUT_SIZE, NET_OUTPUT_SIZE, NET_WORK_SIZE), and in a comment a test vector
    with its outputs. Of the standard library it uses <math.h> alone. `net_predict_in(x, y, work)` computes in a work
    space of the caller's, for use in several threads.

    Parameters
    ----------
    model : Sequential or Graph
        Its Normalize is part of the file; Dropout is left out. A float32 model is computed in float, a float64 model
        in double, between arrays of float.
    path : str or path
        The file, which appears whole or not at all.
    name : str, default "net"
        What the file's names begin with: a C identifier of at most 40 characters, which begins with a letter.
    input_shape : int or sequence of int, optional
        The shape of one sample. None: a Graph's, that of Normalize, or (in_features,) of the first Linear.

    Returns
    -------
    str
        The path.

    Raises
    ------
    ConfigError
        A layer written in Python, or a BatchNorm without running statistics, by its name; NaN or infinity among the
        parameters; a name that is no identifier; an input shape that cannot be told.
    ShapeError
        An input shape that does not fit.

    Notes
    -----
    The same model gives the same text. Outputs equal nncore's to 1e-5 of their size: sums are in another order. It
    compiles without warnings (-std=c99 -Wall -Wextra -pedantic) with gcc for x86-64 and 64-bit ARM.
    Source: ISO/IEC 9899:1999.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> net = nc.Sequential(nc.Linear(2, 8), nc.Tanh(), nc.Linear(8, 3), seed=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     text = pathlib.Path(nc.export_c(net, f"{folder}/net.c")).read_text()
    >>> [line for line in text.splitlines() if line.startswith("#define")]
    ['#define NET_INPUT_SIZE 2', '#define NET_OUTPUT_SIZE 3', '#define NET_WORK_SIZE 8']
    """
    from nncore.interop._c_export import write_c

    return write_c(model, path, name, input_shape)


@keywords()
def from_torch(module: Any, *, dtype: str | None = None) -> Sequential | Graph:
    """A model of nncore from a PyTorch module, with the same numbers, names and dtype.

    What is learnt afterwards is the same, too: training goes on in nncore as it would in PyTorch.

    Parameters
    ----------
    module : torch.nn.Module
        A Sequential of what nncore has layers for, with Sequentials inside, one such module, or what `to_torch`
        returned. Its numbers, float32 or float64, are copied.
    dtype : {"float32", "float64"}, optional
        Of the model. None: the module's; float32 for a module without numbers.

    Returns
    -------
    Sequential or Graph
        Its state_dict has the module's keys. It has the seed 0, of which Dropout draws.

    Raises
    ------
    ConfigError
        With the path of the module inside: one that nncore has no layer for, or a setting (padding_mode, dilation of
        a pooling, …); hooks and parametrisations; parameters that two modules of different kind share; dtypes that
        are mixed or others; a BatchNorm or Dropout in another mode than the whole, apart from a frozen BatchNorm.
    ImportError
        Without PyTorch (pip install nncore[torch]).

    Notes
    -----
    A module in several places is one layer in several places. Parameters with requires_grad False are frozen; a
    BatchNorm in evaluation mode whose parameters are frozen keeps its statistics, as `Layer.freeze` says.
    AdaptiveAvgPool2d(1) with a Flatten behind it is GlobalAvgPool2d. The weight and bias that a LayerNorm without them
    has here are 1 and 0 and frozen. Source: PyTorch 2.13.

    Examples
    --------
    >>> import torch
    >>> module = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU())
    >>> net = nc.from_torch(module)
    >>> x = torch.ones(1, 2)
    >>> bool(np.allclose(net(x.numpy()), module(x).detach()))
    True
    """
    from nncore.interop._from_torch import read_module

    return read_module(module, dtype)


@keywords()
def to_torch(model: Model) -> Any:
    """A torch.nn.Sequential that computes and learns as the model does, with numbers of its own.

    Its state_dict has the model's keys. Parameters that are frozen have requires_grad False, and a frozen BatchNorm
    is in evaluation mode, in which it keeps its statistics. All other modules are in training mode, as new ones are:
    call `.eval()` before predicting.

    Parameters
    ----------
    model : Sequential or Graph
        float32 and float64 models become modules of that dtype. A layer in several places is one module. A Normalize
        becomes the first module, called "input".

    Returns
    -------
    torch.nn.Sequential
        GlobalAvgPool2d becomes AdaptiveAvgPool2d(1) and Flatten in a Sequential. For Residual, Normalize, Graph, Add,
        Multiply and Concat, which torch.nn has not, it holds small modules of `nncore.interop`.

    Raises
    ------
    ConfigError
        A layer written in Python.
    ImportError
        Without PyTorch (pip install nncore[torch]).

    Examples
    --------
    >>> net = nc.Sequential(nc.Linear(2, 3), nc.ReLU(), seed=0)
    >>> nc.to_torch(net)
    Sequential(
      (0): Linear(in_features=2, out_features=3, bias=True)
      (1): ReLU()
    )
    """
    from nncore.interop._to_torch import write_modules

    return write_modules(model)


@keywords()
def from_keras(model: Any) -> Sequential:
    """A model of nncore from a Keras 3 model, with the same numbers.

    nncore's images are (N, C, H, W): where Keras' are channels_last, give `x.transpose(0, 3, 1, 2)`. Kernels are
    transposed, the Dense behind the Flatten of images is permuted, an activation inside a layer becomes a layer behind
    it ("dense_activation"), a Rescaling at the beginning the model's Normalize.

    Parameters
    ----------
    model : keras.Sequential or keras.Model
        Built, a chain of layers: Dense, Conv2D, DepthwiseConv2D, SeparableConv2D, MaxPooling2D, AveragePooling2D,
        GlobalAveragePooling2D, Flatten, BatchNormalization, LayerNormalization, Dropout, Identity, Rescaling,
        Activation, ReLU, LeakyReLU, ELU, Softmax; models inside it. float32 or float64. Its numbers are copied.

    Returns
    -------
    Sequential
        Its layers have Keras' names. It has the seed 0, of which Dropout draws.

    Raises
    ------
    ConfigError
        With the layer's name: one that nncore has not, or a setting (padding "same" that adds more behind than before
        in a strided convolution, activations, axes, dtypes, …); a model that is no chain, or not built.
    ImportError
        Without Keras (pip install nncore[keras]).

    Warns
    -----
    UserWarning
        For regularizers and constraints, which change what is learnt from here on and are no part of a model.

    Notes
    -----
    BatchNormalization's momentum is the share that is kept, here the share that is new: 0.99 becomes 0.01. Layers with
    trainable False are frozen. In training Keras keeps the biased variance of a batch, nncore, as PyTorch, the unbiased
    one. Optimizers are not taken over. Source: Keras 3.15.

    Examples
    --------
    >>> import keras
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, "tanh", name="hidden")])
    >>> list(nc.from_keras(model).state_dict())
    ['hidden.weight', 'hidden.bias']
    """
    from nncore.interop._from_keras import read_model

    return read_model(model)


@keywords()
def load_keras(path: str | os.PathLike[str]) -> Sequential:
    """A model of nncore from a `.keras` file, without Keras; see `from_keras` for what becomes of it.

    Parameters
    ----------
    path : str or path
        A file that `model.save("….keras")` of Keras 3 wrote.

    Returns
    -------
    Sequential
        As `from_keras` makes it.

    Raises
    ------
    FormatError
        What is no such file, or a damaged one.
    ConfigError
        As for from_keras: what nncore has no layer for.
    OSError
        A file that cannot be opened.
    ImportError
        Without h5py (pip install nncore[keras]).

    Notes
    -----
    Nothing in the file is executed, no other file is read, and the file's weights are all that takes memory.
    Source: Keras 3.15, `saving_lib`.

    Examples
    --------
    >>> import keras, tempfile
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model.save(f"{folder}/model.keras")
    ...     net = nc.load_keras(f"{folder}/model.keras")
    >>> net(np.zeros((5, 2))).shape
    (5, 3)
    """
    from nncore.interop._from_keras import read_file

    return read_file(path)
