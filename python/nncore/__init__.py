"""Small neural networks, trained fast on a CPU, with everything inside to be seen.

    import nncore as nc

    X, y = nc.datasets.make_moons(1000, noise=0.2, seed=0)
    net = nc.Sequential(nc.Linear(2, 20), nc.ReLU(), nc.Linear(20, 2), seed=0)
    trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.1), batch_size=16)
    print(trainer.fit(X, y, epochs=200))
    nc.plot.decision_boundary(net, X, y).show()

nets         Sequential, Graph, Input, Symbol, mlp, mnist_cnn, load
layers       Linear, Conv2d, MaxPool2d, AvgPool2d, GlobalAvgPool2d, Flatten, Dropout, BatchNorm1d, BatchNorm2d,
             LayerNorm, Identity, Residual, Add, Multiply, Concat, Layer (for one's own)
activations  ReLU, LeakyReLU, ELU, GELU, SiLU, Softplus, Tanh, Sigmoid, Softmax, LogSoftmax
losses       CrossEntropyLoss, NLLLoss, BCEWithLogitsLoss, HingeLoss, PerceptronLoss, MSELoss, L1Loss, SmoothL1Loss,
             HuberLoss, QuantileLoss, PoissonNLLLoss, Loss (for one's own)
optimizers   SGD, Adam, AdamW, RMSprop, Adagrad, Adadelta, Adamax, NAdam, RAdam, Lion, Optimizer
rates        StepLR, MultiStepLR, ExponentialLR, CosineAnnealingLR, LinearWarmup, OneCycleLR, ReduceLROnPlateau,
             Schedule; to find one lr_finder, LRFinderResult
input        Normalize, Augment
training     Trainer, History, sweep, SweepTable, Perceptron
callbacks    EarlyStopping, ModelCheckpoint, CSVLogger, TensorBoard, LivePlot, Film, Monitor, LambdaCallback, Callback
inside       gradcheck, GradientReport, gradient_flow, GradientFlow, numeric_gradient, Parameter
functions    minimize, OptimizeResult
exchange     from_torch, to_torch, from_keras, load_keras, export_c, onnx.export, onnx.load
errors       ShapeError, ConfigError, StateError, NumericError, FormatError
machine      info, set_num_threads, get_num_threads
modules      datasets, plot, functional, init, objectives; callbacks, layers, losses, optim, schedules hold the above

help(nc.Adam) tells formula, shapes, defaults, errors and source of each, with an example. On the command line:
python -m nncore --help.
"""

from typing import TYPE_CHECKING

from nncore import (  # noqa: F401
    _pickles,
    callbacks,
    datasets,
    functional,
    init,
    layers,
    losses,
    objectives,
    optim,
    plot,
    schedules,
)
from nncore._core import __version__
from nncore._support.names import names_of as _names_of
from nncore._support.runtime import get_num_threads, info, set_num_threads
from nncore.callbacks import Callback, CSVLogger, EarlyStopping, LambdaCallback, ModelCheckpoint, Monitor, TensorBoard
from nncore.diagnostics._gradcheck import GradientReport, gradcheck, numeric_gradient
from nncore.diagnostics._gradient_flow import GradientFlow, gradient_flow
from nncore.diagnostics._lr_finder import LRFinderResult, lr_finder
from nncore.errors import ConfigError, FormatError, NumericError, ShapeError, StateError
from nncore.estimators._perceptron import Perceptron
from nncore.interop._exchange import export_c, from_keras, from_torch, load_keras, to_torch
from nncore.layers import *  # noqa: F403
from nncore.loggers._film import Film
from nncore.loggers._live_plot import LivePlot
from nncore.losses import *  # noqa: F403
from nncore.nn._files.load import load
from nncore.nn._graph import Graph
from nncore.nn._models import mlp, mnist_cnn
from nncore.nn._normalize import Normalize
from nncore.nn._parameter import Parameter
from nncore.nn._sequential import Sequential
from nncore.nn._symbol import Input, Symbol
from nncore.nn.layers import __all__ as _layers
from nncore.nn.losses import __all__ as _losses
from nncore.optim import *  # noqa: F403
from nncore.optim._minimize import OptimizeResult, minimize
from nncore.optim.optimizers import __all__ as _optim
from nncore.optim.schedules import __all__ as _schedules
from nncore.schedules import *  # noqa: F403
from nncore.sweeps._sweep import sweep
from nncore.sweeps._table import SweepTable
from nncore.train._augment import Augment
from nncore.train._history import History
from nncore.train._trainer import Trainer

__all__ = [
    "Augment",
    "CSVLogger",
    "Callback",
    "ConfigError",
    "EarlyStopping",
    "Film",
    "FormatError",
    "Graph",
    "GradientFlow",
    "GradientReport",
    "History",
    "Input",
    "LRFinderResult",
    "LambdaCallback",
    "LivePlot",
    "ModelCheckpoint",
    "Monitor",
    "Normalize",
    "NumericError",
    "OptimizeResult",
    "Parameter",
    "Perceptron",
    "Sequential",
    "ShapeError",
    "StateError",
    "SweepTable",
    "Symbol",
    "TensorBoard",
    "Trainer",
    "__version__",
    "callbacks",
    "datasets",
    "export_c",
    "from_keras",
    "from_torch",
    "functional",
    "get_num_threads",
    "gradcheck",
    "gradient_flow",
    "info",
    "init",
    "load",
    "load_keras",
    "lr_finder",
    "minimize",
    "mlp",
    "mnist_cnn",
    "numeric_gradient",
    "objectives",
    "onnx",
    "plot",
    "set_num_threads",
    "sweep",
    "to_torch",
    *_layers,
    *_losses,
    *_optim,
    *_schedules,
]

if TYPE_CHECKING:
    from nncore import onnx
else:
    __getattr__ = _names_of(
        __name__,
        {
            "Dense": "nc.Linear(in_features, out_features)",
            "Module": "nc.Sequential, nc.Graph, or a subclass of nc.Layer",
            "Model": "nc.Sequential or nc.Graph",
            "Tensor": "NumPy arrays",
            "tensor": "NumPy arrays",
            "nn": "layers and losses are here: nc.Linear, nc.CrossEntropyLoss",
            "save": "net.save(path), trainer.save(path)",
            "BCELoss": "nc.BCEWithLogitsLoss() without a Sigmoid before it",
            "Conv1d": "nc.Conv2d(channels, filters, (1, size)) on arrays (N, channels, 1, length)",
            "DataLoader": "arrays are given to fit whole; for batches of your own trainer.step(xb, yb)",
            "StandardScaler": "nc.Normalize.from_data(X), as Sequential(…, input=…)",
            "LambdaLR": "a function of the step: nc.SGD(lr=lambda step: …)",
            "lr_scheduler": "nc.schedules, as nc.SGD(lr=nc.StepLR(0.1, 30))",
            **dict.fromkeys(("manual_seed", "set_seed", "seed"), "seed= of Sequential and Trainer"),
            **dict.fromkeys(
                ("MLPClassifier", "MLPRegressor", "NetClassifier", "NetRegressor"), "from nncore.estimators import …"
            ),
            "NNClassifier": "from nncore.estimators import NetClassifier",
            "NNRegressor": "from nncore.estimators import NetRegressor",
            **dict.fromkeys(("export_onnx", "to_onnx"), 'nc.onnx.export(net, "net.onnx")'),
            **dict.fromkeys(("from_onnx", "load_onnx"), 'nc.onnx.load("net.onnx")'),
            **dict.fromkeys(("no_grad", "inference_mode"), "net(x) predicts and keeps nothing"),
            "metrics": 'metrics go by name: trainer.fit(X, y, metrics=["accuracy", "f1"])',
            **dict.fromkeys(
                ("Embedding", "LSTM", "GRU", "RNN", "MultiheadAttention", "Transformer"),
                "layers of sequences are not there",
            ),
        },
        modules=("onnx",),
    )

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
