"""Reference implementations of the layers of images, in the form of reference_layers.py: written window by window."""

import itertools

import numpy as np

from support.reference import reference
from support.reference_layers import BatchNorm1d

reference("layer", "BatchNorm2d")(BatchNorm1d)  # its axes are all but the channels'


def pair(value):
    return (value, value) if np.ndim(value) == 0 else tuple(value)


@reference("layer", "Conv2d")
class Conv2d:
    @staticmethod
    def geometry(a, x):
        """Padding (before, after) of each axis, and the windows: (u, v, the rows and columns of the padded image)."""
        kernel, stride, dilation = pair(a.kernel_size), pair(a.stride), pair(a.dilation)
        span = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
        if a.padding == "same":
            padding = [((n - 1) // 2, n - 1 - (n - 1) // 2) for n in span]
        else:
            padding = [(p, p) for p in ((0, 0) if a.padding == "valid" else pair(a.padding))]
        padded = [n + sum(p) for n, p in zip(x.shape[2:], padding, strict=True)]
        out = [(n - s) // t + 1 for n, s, t in zip(padded, span, stride, strict=True)]
        windows = [
            (
                u,
                v,
                np.ix_(
                    u * stride[0] + dilation[0] * np.arange(kernel[0]),
                    v * stride[1] + dilation[1] * np.arange(kernel[1]),
                ),
            )
            for u, v in itertools.product(range(out[0]), range(out[1]))
        ]
        return padding, out, windows

    @staticmethod
    def grouped(a, x):
        """(N, C, …) -> (N, groups, C / groups, …)"""
        return x.reshape(len(x), a.groups, x.shape[1] // a.groups, *x.shape[2:])

    @staticmethod
    def weight(a, params):
        w = params["weight"]
        return w.reshape(a.groups, len(w) // a.groups, *w.shape[1:])

    @staticmethod
    def forward(a, params, x):
        padding, out, windows = Conv2d.geometry(a, x)
        padded = np.pad(x, ((0, 0), (0, 0), *padding))
        y = np.zeros((len(x), a.groups, a.out_channels // a.groups, *out))
        for u, v, (rows, columns) in windows:
            seen = Conv2d.grouped(a, padded[:, :, rows, columns])
            y[..., u, v] = np.einsum("ngcij,gkcij->ngk", seen, Conv2d.weight(a, params))
        y = y.reshape(len(x), a.out_channels, *out)
        return y + params["bias"][:, None, None] if a.bias else y

    @staticmethod
    def backward(a, params, x, dy):
        padding, _, windows = Conv2d.geometry(a, x)
        padded = np.pad(x, ((0, 0), (0, 0), *padding))
        w, g = Conv2d.weight(a, params), Conv2d.grouped(a, dy)
        dpadded, dw = np.zeros_like(padded), np.zeros(w.shape)
        for u, v, (rows, columns) in windows:
            dw += np.einsum("ngcij,ngk->gkcij", Conv2d.grouped(a, padded[:, :, rows, columns]), g[..., u, v])
            spread = np.einsum("gkcij,ngk->ngcij", w, g[..., u, v])
            dpadded[:, :, rows, columns] += spread.reshape(len(x), x.shape[1], *spread.shape[3:])
        (top, _), (left, _) = padding
        grads = {"weight": dw.reshape(params["weight"].shape)}
        if a.bias:
            grads["bias"] = dy.sum(axis=(0, 2, 3))
        return dpadded[:, :, top : top + x.shape[2], left : left + x.shape[3]], grads


class Pool:
    """forward and backward from `value(window)` and `slope(window)`, the derivative by the window's numbers."""

    @staticmethod
    def windows(a, x):
        """(u, v, the slice of each axis inside the image, the pixels a mean divides by)"""
        kernel, padding = pair(a.kernel_size), pair(a.padding)
        stride = kernel if a.stride is None else pair(a.stride)
        axes = []
        for n, k, s, p in zip(x.shape[2:], kernel, stride, padding, strict=True):
            starts = [first for first in range(-p, n + p, s) if first + k <= n + p or (a.ceil_mode and first < n)]
            kept = [first for i, first in enumerate(starts) if i == 0 or starts[i - 1] + k < n + p]  # one hangs over
            axes.append([(slice(max(f, 0), min(f + k, n)), min(f + k, n + p) - f) for f in kept])
        for (u, (rows, height)), (v, (columns, width)) in itertools.product(enumerate(axes[0]), enumerate(axes[1])):
            yield u, v, rows, columns, height * width

    @classmethod
    def forward(cls, a, params, x):
        found = {(u, v): cls.value(a, x[:, :, r, c], size) for u, v, r, c, size in Pool.windows(a, x)}
        U, V = max(found)
        return np.stack([np.stack([found[u, v] for v in range(V + 1)], -1) for u in range(U + 1)], -2)

    @classmethod
    def backward(cls, a, params, x, dy):
        dx = np.zeros_like(x)
        for u, v, r, c, size in Pool.windows(a, x):
            dx[:, :, r, c] += dy[:, :, u, v, None, None] * cls.slope(a, x[:, :, r, c], size)
        return dx, {}


@reference("layer", "MaxPool2d")
class MaxPool2d(Pool):
    @staticmethod
    def value(a, window, size):
        return window.max((2, 3))

    @staticmethod
    def slope(a, window, size):
        flat = window.reshape(*window.shape[:2], -1)
        one_hot = np.arange(flat.shape[-1]) == flat.argmax(-1)[..., None]
        return one_hot.reshape(window.shape)


@reference("layer", "AvgPool2d")
class AvgPool2d(Pool):
    @staticmethod
    def divisor(a, window, size):
        return size if a.count_include_pad else window.shape[2] * window.shape[3]

    @staticmethod
    def value(a, window, size):
        return window.sum((2, 3)) / AvgPool2d.divisor(a, window, size)

    @staticmethod
    def slope(a, window, size):
        return np.full(window.shape, 1 / AvgPool2d.divisor(a, window, size))


@reference("layer", "GlobalAvgPool2d")
class GlobalAvgPool2d:
    @staticmethod
    def forward(a, params, x):
        return x.mean((2, 3))

    @staticmethod
    def backward(a, params, x, dy):
        return np.broadcast_to(dy[:, :, None, None] / (x.shape[2] * x.shape[3]), x.shape), {}
