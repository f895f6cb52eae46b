"""Dense nets that tests of training share, with the executors that must take them.

Every net is trained by plans and compared with its layers one by one. The trainer has an executor of its own for single
samples of some of them and another layout for narrow ones, and a sweep trains some as one batch of models.
"""

from collections.abc import Callable
from dataclasses import dataclass

import nncore as nc

ONLINE, FEATURE_MAJOR, MODEL_BATCH = "online", "feature major", "model batch"


@dataclass(frozen=True)
class Net:
    layers: Callable  # makes them anew
    sample: tuple  # the shape of one
    outputs: int
    executors: frozenset = frozenset()

    def build(self, **options):
        return nc.Sequential(*self.layers(), **options)

    def samples(self, n, rng):
        return rng.normal(size=(n, *self.sample))

    def labels(self, n, rng):
        return rng.integers(0, self.outputs, n)


def net(sample, outputs, *executors):
    """Decorator of a function that makes layers; its name, in words, names the net."""
    shape = (sample,) if isinstance(sample, int) else sample

    def register(layers):
        NETS[layers.__name__.replace("_", " ")] = Net(layers, shape, outputs, frozenset(executors))
        return layers

    return register


NETS: dict[str, Net] = {}


def for_executor(executor):
    """The names of the nets that it must take."""
    return [name for name, made in NETS.items() if executor in made.executors]


# ---- Linear layers and what they are fused with ------------------------------------------------------------------


@net(3, 4, ONLINE, MODEL_BATCH)
def one_layer():
    return [nc.Linear(3, 4)]


@net(5, 4, ONLINE)
def one_layer_of_five_inputs():
    return [nc.Linear(5, 4)]


@net(4, 3, ONLINE)
def two_linear_layers():
    return [nc.Linear(4, 6), nc.Linear(6, 3)]


@net(2, 2, ONLINE, FEATURE_MAJOR)
def tiny():
    return [nc.Linear(2, 3), nc.Tanh(), nc.Linear(3, 2)]


@net(2, 2, ONLINE, FEATURE_MAJOR)
def moons():
    return [nc.Linear(2, 20), nc.ReLU(), nc.Linear(20, 2)]


@net(3, 4, ONLINE, MODEL_BATCH)
def relu():
    return [nc.Linear(3, 20), nc.ReLU(), nc.Linear(20, 4)]


@net(20, 3, ONLINE)
def relu_of_odd_widths():
    return [nc.Linear(20, 33), nc.ReLU(), nc.Linear(33, 17), nc.ReLU(), nc.Linear(17, 3)]


@net(3, 4, ONLINE, MODEL_BATCH)
def relu_at_the_end():
    return [nc.Linear(3, 4), nc.ReLU()]


@net(3, 3, ONLINE)
def tanh_and_relu_at_the_end():
    return [nc.Linear(3, 9), nc.Tanh(), nc.Linear(9, 3), nc.ReLU()]


@net(3, 4, ONLINE, MODEL_BATCH)
def linear_then_tanh_at_the_end():
    return [nc.Linear(3, 9), nc.Linear(9, 4), nc.Tanh()]


@net(3, 4, ONLINE, MODEL_BATCH)
def deep():
    return [nc.Linear(3, 7), nc.Tanh(), nc.Linear(7, 6, bias=False), nc.Sigmoid(), nc.Linear(6, 4)]


@net(3, 5, ONLINE)
def deeper():
    return [nc.Linear(3, 33), nc.ReLU(), nc.Linear(33, 17), nc.Sigmoid(), nc.Linear(17, 5)]


@net(3, 4, ONLINE, MODEL_BATCH)
def one_unit_inside():
    layers = [nc.Linear(3, 1), nc.Tanh(), nc.Linear(1, 11), nc.ReLU(), nc.Linear(11, 5), nc.ReLU()]
    return [*layers, nc.Linear(5, 4)]


@net(6, 18, ONLINE)
def narrow_then_wide():
    return [nc.Linear(6, 2), nc.ReLU(), nc.Linear(2, 40), nc.ReLU(), nc.Linear(40, 18)]


@net(3, 4, ONLINE, MODEL_BATCH)
def leaky_without_bias():
    return [nc.Linear(3, 5, bias=False), nc.LeakyReLU(0.2), nc.Linear(5, 4, bias=False)]


@net(5, 3, ONLINE)
def leaky_of_five_inputs_without_bias():
    return [nc.Linear(5, 7, bias=False), nc.LeakyReLU(0.1), nc.Linear(7, 3, bias=False)]


@net(9, 5, ONLINE)
def sigmoid_without_bias():
    return [nc.Linear(9, 31, bias=False), nc.Sigmoid(), nc.Linear(31, 5, bias=False)]


@net(3, 3, FEATURE_MAJOR)
def narrow_and_deep():
    return [nc.Linear(3, 9), nc.Sigmoid(), nc.Linear(9, 5, bias=False), nc.LeakyReLU(), nc.Linear(5, 3)]


@net(150, 10)
def wide():
    return [nc.Linear(150, 260), nc.ReLU(), nc.Linear(260, 100), nc.Tanh(), nc.Linear(100, 10)]


@net(3, 5)
def many_inputs_inside():
    return [nc.Linear(3, 1030), nc.ReLU(), nc.Linear(1030, 70), nc.ReLU(), nc.Dropout(0.5), nc.Linear(70, 5)]


# ---- Other functions, and activations in other places ------------------------------------------------------------


@net(6, 3)
def two_activations():
    return [nc.Linear(6, 8), nc.Tanh(), nc.Sigmoid(), nc.Identity(), nc.Linear(8, 3), nc.Tanh()]


@net(2, 2, FEATURE_MAJOR)
def two_activations_of_narrow_layers():
    return [nc.Identity(), nc.Linear(2, 5), nc.Tanh(), nc.Sigmoid(), nc.Linear(5, 2), nc.Tanh()]


@net(6, 3)
def activation_first():
    return [nc.Tanh(), nc.Linear(6, 8), nc.ReLU(), nc.Linear(8, 3)]


@net(6, 3)
def functions_of_the_input():
    """Their derivatives are computed from what they were given."""
    return [nc.Linear(6, 37), nc.ELU(0.5), nc.Linear(37, 20), nc.GELU(), nc.SiLU(), nc.Linear(20, 3)]


@net(3, 3, ONLINE)
def functions_of_the_input_at_the_end():
    return [nc.Linear(3, 10), nc.GELU(), nc.Linear(10, 6), nc.SiLU(), nc.Linear(6, 3), nc.ELU()]


@net(2, 2, FEATURE_MAJOR)
def functions_of_the_input_of_narrow_layers():
    return [nc.Linear(2, 7), nc.SiLU(), nc.Linear(7, 5), nc.ELU(), nc.GELU(), nc.Linear(5, 2)]


@net(2, 2, FEATURE_MAJOR)
def functions_of_the_input_at_the_end_of_narrow_layers():
    return [nc.Linear(2, 7), nc.GELU("tanh"), nc.Linear(7, 2), nc.Softplus()]


@net(6, 3)
def gelu_first_and_softplus():
    return [nc.GELU("tanh"), nc.Linear(6, 8), nc.Softplus(), nc.Linear(8, 3)]


@net(6, 3)
def layer_norm():
    return [nc.Linear(6, 37), nc.LayerNorm(37), nc.ReLU(), nc.Linear(37, 3), nc.LayerNorm(3)]


@net(6, 3)
def softmax_inside():
    return [nc.Linear(6, 8), nc.Softmax(), nc.Linear(8, 3)]


@net((3, 4), 4)
def flatten_and_leaky():
    return [nc.Flatten(), nc.Linear(12, 40), nc.LeakyReLU(0.2), nc.Linear(40, 4)]


@net((3, 4), 3)
def rows_of_a_matrix():
    return [nc.Linear(4, 6), nc.Tanh(), nc.Flatten(), nc.Linear(18, 3)]


# ---- Dropout -----------------------------------------------------------------------------------------------------


@net(10, 4)
def dropout():
    return [nc.Dropout(0.2), nc.Linear(10, 30), nc.ReLU(), nc.Dropout(0.5), nc.Linear(30, 4)]


@net(7, 5)
def dropped_tanh():
    return [nc.Linear(7, 9), nc.Tanh(), nc.Dropout(0.3), nc.Linear(9, 5), nc.Dropout(0.1)]


@net(7, 5)
def dropped_gelu():
    return [nc.Linear(7, 260), nc.GELU(), nc.Dropout(0.4), nc.Dropout(0.1), nc.Linear(260, 5)]


@net(7, 5)
def all_dropped():
    return [nc.Linear(7, 130), nc.Dropout(1.0), nc.ReLU(), nc.Dropout(0.0), nc.Linear(130, 5)]


@net(1030, 5)
def many_inputs_and_dropped_gelu():
    return [nc.Linear(1030, 70), nc.GELU(), nc.Dropout(0.6), nc.Linear(70, 5)]


@net(1024, 5)
def many_inputs_all_dropped():
    return [nc.Linear(1024, 66), nc.Sigmoid(), nc.Dropout(1.0), nc.Linear(66, 5)]
