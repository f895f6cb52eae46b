"""Reference implementations of the losses: loss(args, z, y) -> (value, dz)."""

import numpy as np

from support.reference import reference


def _log_softmax(z):
    top = z.max(axis=-1, keepdims=True)
    return z - top - np.log(np.exp(z - top).sum(axis=-1, keepdims=True))


def _class_weights(a, n_classes):
    return np.ones(n_classes) if a.weight is None else np.asarray(a.weight, dtype=np.float64)


@reference("loss", "CrossEntropyLoss")
def cross_entropy(a, z, y):
    n, c = z.shape
    log_p, w = _log_softmax(z), _class_weights(a, c)
    if np.issubdtype(y.dtype, np.integer):
        counts = y != a.ignore_index
        target = np.eye(c)[np.where(counts, y, 0)] * counts[:, None]
        total = (w[np.where(counts, y, 0)] * counts).sum()
        even = np.outer(counts, np.full(c, 1 / c))
    else:
        target, total, even = y, n, np.full((n, c), 1 / c)
    u = w * ((1 - a.label_smoothing) * target + a.label_smoothing * even)
    scale = 1 / total if a.reduction == "mean" else 1.0
    return -scale * (u * log_p).sum(), scale * (np.exp(log_p) * u.sum(axis=1, keepdims=True) - u)


@reference("loss", "NLLLoss")
def nll(a, z, y):
    counts = y != a.ignore_index
    u = np.eye(z.shape[1])[np.where(counts, y, 0)] * _class_weights(a, z.shape[1]) * counts[:, None]
    scale = 1 / u.sum() if a.reduction == "mean" else 1.0
    return -scale * (u * z).sum(), -scale * u


@reference("loss", "MSELoss")
def mse(a, z, y):
    scale = 1 / z.size if a.reduction == "mean" else 1.0
    return scale * ((z - y) ** 2).sum(), 2 * scale * (z - y)


@reference("loss", "PerceptronLoss")
def perceptron(a, z, y):
    y = y.reshape(z.shape)
    scale = 1 / len(z) if a.reduction == "mean" else 1.0
    return scale * np.maximum(0, -y * z).sum(), np.where(y * z < 0, -scale * y, 0.0)


@reference("loss", "L1Loss")
def l1(a, z, y):
    scale = 1 / z.size if a.reduction == "mean" else 1.0
    return scale * np.abs(z - y).sum(), scale * np.sign(z - y)


@reference("loss", "SmoothL1Loss")
def smooth_l1(a, z, y):
    if a.beta == 0:
        return l1(a, z, y)
    near, d = np.abs(z - y) < a.beta, z - y
    scale = 1 / z.size if a.reduction == "mean" else 1.0
    value = np.where(near, d**2 / (2 * a.beta), np.abs(d) - a.beta / 2)
    return scale * value.sum(), scale * np.where(near, d / a.beta, np.sign(d))


@reference("loss", "HuberLoss")
def huber(a, z, y):
    near, d = np.abs(z - y) <= a.delta, z - y
    scale = 1 / z.size if a.reduction == "mean" else 1.0
    value = np.where(near, d**2 / 2, a.delta * (np.abs(d) - a.delta / 2))
    return scale * value.sum(), scale * np.where(near, d, a.delta * np.sign(d))


@reference("loss", "BCEWithLogitsLoss")
def bce_with_logits(a, z, y):
    p = np.broadcast_to(1.0 if a.pos_weight is None else a.pos_weight, z.shape)
    scale, s = 1 / z.size if a.reduction == "mean" else 1.0, 1 / (1 + np.exp(-z))
    value = -(p * y * np.log(s) + (1 - y) * np.log(1 - s))
    return scale * value.sum(), scale * (-p * y * (1 - s) + (1 - y) * s)


@reference("loss", "HingeLoss")
def hinge(a, z, y):
    n, c = z.shape
    scale, dz = 1 / n if a.reduction == "mean" else 1.0, np.zeros(z.shape)
    if c == 1:
        room = a.margin - y.reshape(z.shape) * z
        return scale * np.maximum(0, room).sum(), np.where(room > 0, -scale * y.reshape(z.shape), 0.0)
    others = np.where(np.eye(c)[y] == 1, -np.inf, z)
    rival, rows = others.argmax(axis=1), np.arange(n)
    room = a.margin + others[rows, rival] - z[rows, y]
    dz[rows, rival] += scale * (room > 0)
    dz[rows, y] -= scale * (room > 0)
    return scale * np.maximum(0, room).sum(), dz


@reference("loss", "QuantileLoss")
def quantile(a, z, y):
    """As scikit-learn's mean_pinball_loss."""
    over, under = np.maximum(z - y, 0), np.maximum(y - z, 0)
    scale = 1 / z.size if a.reduction == "mean" else 1.0
    slope = np.where(z > y, 1 - a.q, np.where(z < y, -a.q, 0.0))
    return scale * (a.q * under + (1 - a.q) * over).sum(), scale * slope


@reference("loss", "PoissonNLLLoss")
def poisson_nll(a, z, y):
    scale = 1 / z.size if a.reduction == "mean" else 1.0
    log_rate = z if a.log_input else np.log(z + a.eps)
    value = (np.exp(z) if a.log_input else z) - y * log_rate
    if a.full:
        many = np.where(y > 1, y, 1.0)
        value = value + np.where(y > 1, many * np.log(many) - many + 0.5 * np.log(2 * np.pi * many), 0.0)
    return scale * value.sum(), scale * (np.exp(z) - y if a.log_input else 1 - y / (z + a.eps))
