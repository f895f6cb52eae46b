"""nncore: small neural networks, trained fast on a CPU, with everything inside to be seen."""

from nncore import callbacks, datasets, functional, init, layers, losses, objectives, optim, plot, schedules
from nncore._augment import Augment
from nncore._core import __version__
from nncore._gradcheck import GradientReport, gradcheck, numeric_gradient
from nncore._gradient_flow import GradientFlow, gradient_flow
from nncore._history import History
from nncore._live import LivePlot
from nncore._minimize import OptimizeResult, minimize
from nncore._mlp import mlp
from nncore._mnist_cnn import mnist_cnn
from nncore._model_file import load
from nncore._normalize import Normalize
from nncore._parameter import Parameter
from nncore._perceptron import Perceptron
from nncore._sequential import Sequential
from nncore._support.runtime import get_num_threads, info, set_num_threads
from nncore._sweep import sweep
from nncore._sweep_table import SweepTable
from nncore._trainer import Trainer
from nncore.callbacks import Callback, CSVLogger, EarlyStopping, LambdaCallback, ModelCheckpoint, Monitor, TensorBoard
from nncore.errors import ConfigError, FormatError, NumericError, ShapeError, StateError
from nncore.layers import *  # noqa: F403
from nncore.losses import *  # noqa: F403
from nncore.optim import *  # noqa: F403
from nncore.schedules import *  # noqa: F403

__all__ = [
    "Augment",
    "CSVLogger",
    "Callback",
    "ConfigError",
    "EarlyStopping",
    "FormatError",
    "GradientFlow",
    "GradientReport",
    "History",
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
    "TensorBoard",
    "Trainer",
    "__version__",
    "callbacks",
    "datasets",
    "functional",
    "get_num_threads",
    "gradcheck",
    "gradient_flow",
    "info",
    "init",
    "load",
    "minimize",
    "mlp",
    "mnist_cnn",
    "numeric_gradient",
    "objectives",
    "plot",
    "set_num_threads",
    "sweep",
    *layers.__all__,
    *losses.__all__,
    *optim.__all__,
    *schedules.__all__,
]
