"""A reference implementation of every layer, written from the formula in its schema.

forward(args, params, x) -> y;  backward(args, params, x, dy) -> (dx, {name: gradient}).
args is a namespace of all fields, with `mask` for layers that draw random numbers and `training`.
"""

import math

import numpy as np

import nncore as nc
from support.reference import namespace, reference, reference_of


@reference("layer", "Linear")
class Linear:
    @staticmethod
    def forward(a, params, x):
        y = np.einsum("...k,ck->...c", x, params["weight"])
        return y + params["bias"] if a.bias else y

    @staticmethod
    def backward(a, params, x, dy):
        grads = {"weight": np.einsum("nk,nc->ck", _rows(x), _rows(dy))}
        if a.bias:
            grads["bias"] = _rows(dy).sum(axis=0)
        return np.einsum("...c,ck->...k", dy, params["weight"]), grads


def _rows(x):
    return x.reshape(-1, x.shape[-1])


@reference("layer", "Tanh")
class Tanh:
    @staticmethod
    def forward(a, params, x):
        return np.tanh(x)

    @staticmethod
    def backward(a, params, x, dy):
        return dy / np.cosh(x) ** 2, {}


@reference("layer", "Sigmoid")
class Sigmoid:
    @staticmethod
    def forward(a, params, x):
        return 1 / (1 + np.exp(-x))

    @staticmethod
    def backward(a, params, x, dy):
        return dy * np.exp(-x) / (1 + np.exp(-x)) ** 2, {}


@reference("layer", "ReLU")
class ReLU:
    @staticmethod
    def forward(a, params, x):
        return np.maximum(x, 0)

    @staticmethod
    def backward(a, params, x, dy):
        return dy * (x > 0), {}


@reference("layer", "LeakyReLU")
class LeakyReLU:
    @staticmethod
    def forward(a, params, x):
        return np.where(x > 0, x, a.negative_slope * x)

    @staticmethod
    def backward(a, params, x, dy):
        return np.where(x > 0, dy, a.negative_slope * dy), {}


@reference("layer", "ELU")
class ELU:
    @staticmethod
    def forward(a, params, x):
        return np.where(x > 0, x, a.alpha * np.expm1(np.minimum(x, 0)))

    @staticmethod
    def backward(a, params, x, dy):
        return np.where(x > 0, dy, dy * a.alpha * np.exp(np.minimum(x, 0))), {}


@reference("layer", "Softplus")
class Softplus:
    @staticmethod
    def forward(a, params, x):
        return np.where(a.beta * x > a.threshold, x, np.logaddexp(0, a.beta * x) / a.beta)

    @staticmethod
    def backward(a, params, x, dy):
        return np.where(a.beta * x > a.threshold, dy, dy / (1 + np.exp(-a.beta * x))), {}


@reference("layer", "SiLU")
class SiLU:
    @staticmethod
    def forward(a, params, x):
        return x / (1 + np.exp(-x))

    @staticmethod
    def backward(a, params, x, dy):
        s = 1 / (1 + np.exp(-x))
        return dy * (s + x * s * (1 - s)), {}


@reference("layer", "GELU")
class GELU:
    @staticmethod
    def forward(a, params, x):
        return x * GELU.share(a, x)

    @staticmethod
    def backward(a, params, x, dy):
        if a.approximate == "tanh":
            slope = np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * x**2) / 2
            t = 2 * GELU.share(a, x) - 1
            return dy * ((1 + t) / 2 + x * (1 - t**2) * slope), {}
        return dy * (GELU.share(a, x) + x * np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)), {}

    @staticmethod
    def share(a, x):
        if a.approximate == "tanh":
            return (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))) / 2
        return np.vectorize(math.erfc, otypes=[np.float64])(-x / np.sqrt(2)) / 2


@reference("layer", "Identity")
class Identity:
    @staticmethod
    def forward(a, params, x):
        return x

    @staticmethod
    def backward(a, params, x, dy):
        return dy, {}


@reference("layer", "Softmax")
class Softmax:
    @staticmethod
    def forward(a, params, x):
        return np.exp(LogSoftmax.forward(a, params, x))

    @staticmethod
    def backward(a, params, x, dy):
        y = Softmax.forward(a, params, x)
        jacobian = np.einsum("...i,ij->...ij", y, np.eye(x.shape[-1])) - np.einsum("...i,...j->...ij", y, y)
        return np.einsum("...ij,...i->...j", jacobian, dy), {}


@reference("layer", "LogSoftmax")
class LogSoftmax:
    @staticmethod
    def forward(a, params, x):
        top = x.max(axis=-1, keepdims=True)
        return x - top - np.log(np.exp(x - top).sum(axis=-1, keepdims=True))

    @staticmethod
    def backward(a, params, x, dy):
        return dy - Softmax.forward(a, params, x) * dy.sum(axis=-1, keepdims=True), {}


@reference("layer", "Dropout")
class Dropout:
    """a.mask holds 0 or 1 / (1 - p) for each element; in inference it is all ones."""

    @staticmethod
    def forward(a, params, x):
        return x * a.mask

    @staticmethod
    def backward(a, params, x, dy):
        return dy * a.mask, {}


@reference("layer", "BatchNorm1d")
class BatchNorm1d:
    """a.training says whether mean and variance are the batch's; the running ones are those of a new layer, 0 and 1."""

    @staticmethod
    def axes(x):
        return (0, *range(2, x.ndim))

    @staticmethod
    def per_channel(params, key, x, other):
        return params.get(key, np.full(x.shape[1], other)).reshape(1, -1, *[1] * (x.ndim - 2))

    @staticmethod
    def moments(a, x):
        if a.training or not a.track_running_stats:
            axes = BatchNorm1d.axes(x)
            return x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
        return np.float64(0), np.float64(1)

    @staticmethod
    def forward(a, params, x):
        mean, var = BatchNorm1d.moments(a, x)
        weight = BatchNorm1d.per_channel(params, "weight", x, 1.0)
        return (x - mean) / np.sqrt(var + a.eps) * weight + BatchNorm1d.per_channel(params, "bias", x, 0.0)

    @staticmethod
    def backward(a, params, x, dy):
        axes = BatchNorm1d.axes(x)
        mean, var = BatchNorm1d.moments(a, x)
        root = np.sqrt(var + a.eps)
        h, g = (x - mean) / root, dy * BatchNorm1d.per_channel(params, "weight", x, 1.0)
        dx = (g - g.mean(axes, keepdims=True) - h * (g * h).mean(axes, keepdims=True)) / root
        grads = {"weight": (dy * h).sum(axes), "bias": dy.sum(axes)} if a.affine else {}
        return dx, grads


@reference("layer", "LayerNorm")
class LayerNorm:
    @staticmethod
    def normalized(a, params, x):
        axes = tuple(range(-params["weight"].ndim, 0))
        root = np.sqrt(x.var(axes, keepdims=True) + a.eps)
        return axes, root, (x - x.mean(axes, keepdims=True)) / root

    @staticmethod
    def forward(a, params, x):
        return LayerNorm.normalized(a, params, x)[2] * params["weight"] + params["bias"]

    @staticmethod
    def backward(a, params, x, dy):
        axes, root, h = LayerNorm.normalized(a, params, x)
        g = dy * params["weight"]
        dx = (g - g.mean(axes, keepdims=True) - h * (g * h).mean(axes, keepdims=True)) / root
        lead = tuple(range(x.ndim - len(axes)))
        return dx, {"weight": (dy * h).sum(lead), "bias": dy.sum(lead)}


@reference("layer", "Residual")
class Residual:
    """a.layers holds specs; the parameters of layer i are called "i.name"."""

    @staticmethod
    def inner(a, params):
        for i, spec in enumerate(a.layers):
            own = {key.split(".", 1)[1]: value for key, value in params.items() if key.startswith(f"{i}.")}
            cls = getattr(nc, spec.name)
            yield (
                reference_of("layer", spec.name),
                namespace({**cls(**spec.args)._spec.args, "training": a.training}),
                own,
            )

    @staticmethod
    def forward(a, params, x):
        y = x
        for layer, args, own in Residual.inner(a, params):
            y = layer.forward(args, own, y)
        return x + y

    @staticmethod
    def backward(a, params, x, dy):
        inner, inputs, grads, g = list(Residual.inner(a, params)), [x], {}, dy
        for layer, args, own in inner:
            inputs.append(layer.forward(args, own, inputs[-1]))
        for i, (layer, args, own) in reversed(list(enumerate(inner))):
            g, found = layer.backward(args, own, inputs[i], g)
            grads |= {f"{i}.{key}": value for key, value in found.items()}
        return dy + g, grads


class Merge:
    """Of one input a layer of several is the identity; more of them are in tests/layers/test_merging.py."""

    @staticmethod
    def forward(a, params, x):
        return x

    @staticmethod
    def backward(a, params, x, dy):
        return dy, {}


for name in ("Add", "Multiply", "Concat"):
    reference("layer", name)(Merge)


@reference("layer", "Flatten")
class Flatten:
    @staticmethod
    def forward(a, params, x):
        return x.reshape(len(x), -1)

    @staticmethod
    def backward(a, params, x, dy):
        return dy.reshape(x.shape), {}
