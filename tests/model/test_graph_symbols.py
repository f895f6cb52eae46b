"""What graphs are written with: symbols, which belong to one process, and the shapes that are told of them."""

import copy
import pickle

import pytest

import nncore as nc


@pytest.mark.parametrize("how", [pickle.dumps, copy.copy, copy.deepcopy])
def test_symbols_are_not_copied(how):
    x = nc.Input(5)
    for symbol in (x, nc.Linear(5, 4)(x)):
        with pytest.raises(nc.ConfigError, match=r"^\[Graph\] copies and pickles: expected a Graph, got "):
            how(symbol)


def test_the_shape_of_an_input_stays():
    x = nc.Input(5)
    with pytest.raises(AttributeError):
        x.shape = (4,)
    assert x.shape == (5,)


@pytest.mark.parametrize("shape", [(2**40, 2**40), (0, 2**40, 2**40), (1,) * 9])
def test_shapes_that_no_array_has(shape):
    with pytest.raises(nc.ShapeError, match=r"^\[Input\] shape: expected at most 8 axes and 2\^62 elements, got \("):
        nc.Input(shape)


def test_a_concatenation_longer_than_any_integer():
    x = h = nc.Input(4)
    for _ in range(61):
        h = nc.Concat()(h, h)
    with pytest.raises(nc.ShapeError, match=r'^\[Concat "60"\] x: expected axes that add up to less than 2\^63, got '):
        nc.Graph(x, h)


def test_a_summary_is_of_the_inputs_shape():
    x = nc.Input((3, 6, 6))
    net = nc.Graph(x, nc.Linear(7, 2)(nc.GlobalAvgPool2d()(nc.Conv2d(3, 7, 3)(x))), seed=0)
    assert net.summary().input_shape == (3, 6, 6)  # not what its Linear reads
    assert net.summary().rows[-1].output_shape == (2,)
