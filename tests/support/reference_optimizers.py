"""Reference implementations of the optimizers: rule(args, t, rate, w, g, state) -> (new w, new state); t is 1 for the
first step.

`state` maps names to arrays; they start from 0, or from what `start` says.

Beside the rule stand `by_hand`, steps with numbers worked by hand, and `pytorch`, the arguments that are compared with
the optimizer of the same name in torch.optim.
"""

import itertools
from types import SimpleNamespace

import numpy as np

from support.reference import reference


def hand(args, w, g, to, state=(), step=0, new=()):
    """One step worked by hand: after `step` steps with this `state` the weight w goes along gradient g `to` a number,
    and arrays of the state to those in `new`.
    """
    return SimpleNamespace(args=args, w=w, g=g, to=to, state=dict(state), step=step, new=dict(new))


def grid(**choices):
    return [dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values())]


DECAYS, BETAS = [0.0, 0.1], [(0.9, 0.999), (0.5, 0.7), (0.0, 0.0)]


@reference("optimizer", "SGD")
class SGD:
    by_hand = (
        hand({"lr": 0.25}, 1.0, 2.0, 0.5),
        hand({"lr": 0.25, "weight_decay": 0.5}, 4.0, 2.0, 3.0),
        hand({"lr": 0.25, "momentum": 0.5, "dampening": 0.5}, 1.0, 2.0, 0.5, new={"momentum_buffer": 2.0}),
        hand({"lr": 0.25, "momentum": 0.5, "dampening": 0.5}, 1.0, 2.0, 0.25, {"momentum_buffer": 4.0}, 1,
             {"momentum_buffer": 3.0}),
        hand({"lr": 0.25, "momentum": 0.5, "nesterov": True}, 1.0, 2.0, 0.0, {"momentum_buffer": 4.0}, 1,
             {"momentum_buffer": 4.0}),
    )  # fmt: skip
    pytorch = tuple(
        args
        for args in grid(
            lr=[0.05], momentum=[0.0, 0.5, 0.9], dampening=[0.0, 0.3], weight_decay=DECAYS, nesterov=[False, True]
        )
        if not args["nesterov"] or (args["momentum"] > 0 and args["dampening"] == 0)
    )

    @staticmethod
    def state_names(a):
        return ["momentum_buffer"] if a.momentum else []

    @staticmethod
    def rule(a, t, rate, w, g, state):
        g = g + a.weight_decay * w
        if not a.momentum:
            return w - rate * g, {}
        v = g if t == 1 else a.momentum * state["momentum_buffer"] + (1 - a.dampening) * g
        return w - rate * (g + a.momentum * v if a.nesterov else v), {"momentum_buffer": v}


@reference("optimizer", "Adam")
class Adam:
    by_hand = (
        hand({"lr": 0.5, "weight_decay": 0.25, "eps": 0.0}, 8.0, 0.0, 7.5, new={"exp_avg": 0.2}),
        hand({"lr": 0.5, "betas": (0.5, 0.75), "eps": 1.0}, 1.0, 4.0, 0.6, new={"exp_avg": 2.0, "exp_avg_sq": 4.0}),
    )
    pytorch = grid(lr=[0.01], betas=BETAS, eps=[1e-8, 1e-2], weight_decay=DECAYS, amsgrad=[False, True])

    @staticmethod
    def state_names(a):
        return ["exp_avg", "exp_avg_sq"] + (["max_exp_avg_sq"] if a.amsgrad else [])

    @staticmethod
    def rule(a, t, rate, w, g, state):
        g = g + a.weight_decay * w
        b1, b2 = a.betas
        m = b1 * state["exp_avg"] + (1 - b1) * g
        v = b2 * state["exp_avg_sq"] + (1 - b2) * g * g
        new = {"exp_avg": m, "exp_avg_sq": v}
        top = v
        if a.amsgrad:
            top = new["max_exp_avg_sq"] = np.maximum(state["max_exp_avg_sq"], v)
        c1, c2 = (1 - b1**t, 1 - b2**t) if a.bias_correction else (1.0, 1.0)
        eps = a.eps
        if a.eps_hat:  # beside the root of v, or of v under it, before the division
            eps /= c2 if a.eps_inside_sqrt else np.sqrt(c2)
        root = np.sqrt(top / c2 + eps) if a.eps_inside_sqrt else np.sqrt(top / c2) + eps
        return w - rate * (m / c1) / root, new


@reference("optimizer", "AdamW")
class AdamW(Adam):
    by_hand = (hand({"lr": 0.5, "weight_decay": 0.25}, 8.0, 0.0, 7.0, new={"exp_avg": 0.0, "exp_avg_sq": 0.0}),)
    pytorch = grid(lr=[0.01], betas=BETAS, eps=[1e-8, 1e-2], weight_decay=[0.0, 0.3], amsgrad=[False, True])

    @staticmethod
    def rule(a, t, rate, w, g, state):
        plain = SimpleNamespace(**{**vars(a), "weight_decay": 0.0})
        moved, new = Adam.rule(plain, t, rate, w, g, state)
        return moved - rate * a.weight_decay * w, new


@reference("optimizer", "RMSprop")
class RMSprop:
    by_hand = (
        hand({"lr": 0.25, "alpha": 0.0, "eps": 0.0}, 1.0, 3.0, 0.75),
        hand({"lr": 0.25, "alpha": 0.75, "eps": 0.0}, 1.0, 3.0, 0.5, new={"square_avg": 2.25}),
    )
    pytorch = (
        *grid(lr=[0.01], alpha=[0.99, 0.5], eps=[1e-8, 1e-2], weight_decay=DECAYS, momentum=[0.0, 0.9],
              centered=[False, True]),
        {"lr": 0.01, "alpha": 0.0},
        {"lr": 0.01, "alpha": 1.0, "eps": 0.5},
    )  # fmt: skip

    @staticmethod
    def state_names(a):
        return ["square_avg"] + ["momentum_buffer"] * (a.momentum > 0) + ["grad_avg"] * a.centered

    @staticmethod
    def rule(a, t, rate, w, g, state):
        g = g + a.weight_decay * w
        new = {"square_avg": a.alpha * state["square_avg"] + (1 - a.alpha) * g**2}
        spread = new["square_avg"]
        if a.centered:
            new["grad_avg"] = a.alpha * state["grad_avg"] + (1 - a.alpha) * g
            spread = spread - new["grad_avg"] ** 2
        step = g / (np.sqrt(spread) + a.eps)
        if a.momentum:
            step = new["momentum_buffer"] = a.momentum * state["momentum_buffer"] + step
        return w - rate * step, new


@reference("optimizer", "Adagrad")
class Adagrad:
    by_hand = (  # sqrt(7 + 9) = 4
        hand({"lr": 1.0, "initial_accumulator_value": 7.0, "eps": 0.0}, 1.0, 3.0, 0.25, new={"sum": 16.0}),
        hand({"lr": 1.0, "lr_decay": 0.1, "eps": 0.0}, 1.0, 3.0, 1 - 0.75 / 2, {"sum": 7.0}, 10),
    )
    pytorch = grid(
        lr=[0.01], lr_decay=[0.0, 0.1], weight_decay=DECAYS, initial_accumulator_value=[0.0, 0.7], eps=[1e-10, 1e-2]
    )

    @staticmethod
    def state_names(a):
        return ["sum"]

    @staticmethod
    def start(a):
        return a.initial_accumulator_value

    @staticmethod
    def rule(a, t, rate, w, g, state):
        g = g + a.weight_decay * w
        total = state["sum"] + g**2
        return w - rate / (1 + (t - 1) * a.lr_decay) * g / (np.sqrt(total) + a.eps), {"sum": total}


@reference("optimizer", "Adadelta")
class Adadelta:
    by_hand = (hand({"rho": 0.0, "eps": 1e-6}, 1.0, 1.0, 1 - 1e-3 / np.sqrt(1 + 1e-6)),)  # begins with the root of eps
    pytorch = grid(lr=[0.5], rho=[0.9, 0.5, 0.0], eps=[1e-6, 1e-2], weight_decay=DECAYS)

    @staticmethod
    def state_names(a):
        return ["square_avg", "acc_delta"]

    @staticmethod
    def rule(a, t, rate, w, g, state):
        g = g + a.weight_decay * w
        v = a.rho * state["square_avg"] + (1 - a.rho) * g**2
        step = g * np.sqrt((state["acc_delta"] + a.eps) / (v + a.eps))
        return w - rate * step, {"square_avg": v, "acc_delta": a.rho * state["acc_delta"] + (1 - a.rho) * step**2}


@reference("optimizer", "Adamax")
class Adamax:
    by_hand = (
        hand({"lr": 1.0, "betas": (0.5, 0.5), "eps": 0.0}, 1.0, 3.0, 1 - 1.5 / 0.75 / 4,
             {"exp_avg": 0.0, "exp_inf": 8.0}, 1, {"exp_avg": 1.5, "exp_inf": 4.0}),
    )  # fmt: skip
    pytorch = grid(lr=[0.01], betas=BETAS, eps=[1e-8, 1e-2], weight_decay=DECAYS)

    @staticmethod
    def state_names(a):
        return ["exp_avg", "exp_inf"]

    @staticmethod
    def rule(a, t, rate, w, g, state):
        g = g + a.weight_decay * w
        m = a.betas[0] * state["exp_avg"] + (1 - a.betas[0]) * g
        u = np.maximum(a.betas[1] * state["exp_inf"], np.abs(g) + a.eps)
        return w - rate * m / (1 - a.betas[0] ** t) / u, {"exp_avg": m, "exp_inf": u}


def _adam_averages(a, w, g, state):
    """The weight after decay by itself, the gradient after decay through it, and both averages."""
    if a.decoupled_weight_decay:
        decayed, gradient = a.weight_decay * w, g
    else:
        decayed, gradient = 0.0, g + a.weight_decay * w
    m = a.betas[0] * state["exp_avg"] + (1 - a.betas[0]) * gradient
    v = a.betas[1] * state["exp_avg_sq"] + (1 - a.betas[1]) * gradient**2
    return decayed, gradient, {"exp_avg": m, "exp_avg_sq": v}


@reference("optimizer", "NAdam")
class NAdam:
    # Without momentum_decay mu = 1/4: (3/4) / (3/4) g + (1/4) / (15/16) m, m = 2, over sqrt(v / (1/2)) = 4 and eps.
    by_hand = (
        hand({"lr": 1.5, "betas": (0.5, 0.5), "eps": 1.0, "momentum_decay": 0.0}, 1.0, 4.0, -0.36,
             new={"exp_avg": 2.0, "exp_avg_sq": 8.0}),
    )  # fmt: skip
    pytorch = grid(
        lr=[0.01], betas=BETAS, eps=[1e-8, 1e-2], weight_decay=DECAYS, momentum_decay=[4e-3, 0.0, 1.0, 50.0],
        decoupled_weight_decay=[False, True],
    )  # fmt: skip

    @staticmethod
    def state_names(a):
        return ["exp_avg", "exp_avg_sq"]

    @staticmethod
    def rule(a, t, rate, w, g, state):
        decayed, g, new = _adam_averages(a, w, g, state)
        mu = a.betas[0] * (1 - 0.5 * 0.96 ** (a.momentum_decay * np.arange(1, t + 2)))  # mu_1 ... mu_{t+1}
        product, next_product = np.prod(mu[:-1]), np.prod(mu)
        step = (1 - mu[-2]) / (1 - product) * g + mu[-1] / (1 - next_product) * new["exp_avg"]
        root = np.sqrt(new["exp_avg_sq"] / (1 - a.betas[1] ** t)) + a.eps
        return w - rate * decayed - rate * step / root, new


@reference("optimizer", "RAdam")
class RAdam:
    by_hand = (hand({"lr": 0.25}, 1.0, 2.0, 0.5),)  # begins as momentum: m / (1 - beta1) = g
    pytorch = grid(
        lr=[0.01], betas=BETAS, eps=[1e-8, 1e-2], weight_decay=DECAYS, decoupled_weight_decay=[False, True]
    )

    @staticmethod
    def state_names(a):
        return ["exp_avg", "exp_avg_sq"]

    @staticmethod
    def rule(a, t, rate, w, g, state):
        decayed, g, new = _adam_averages(a, w, g, state)
        b2 = a.betas[1]
        step = new["exp_avg"] / (1 - a.betas[0] ** t)
        rho = 2 / (1 - b2) - 1
        rho_t = rho - 2 * t * b2**t / (1 - b2**t)
        if rho_t > 5:
            r = np.sqrt((rho_t - 4) * (rho_t - 2) * rho / ((rho - 4) * (rho - 2) * rho_t))
            step = r * step * np.sqrt(1 - b2**t) / (np.sqrt(new["exp_avg_sq"]) + a.eps)
        return w - rate * decayed - rate * step, new


@reference("optimizer", "Lion")
class Lion:
    by_hand = (
        hand({"lr": 0.25}, 1.0, 1e-9, 0.75),
        hand({"lr": 0.25}, 1.0, -1e9, 1.25),
        hand({"lr": 0.25}, 1.0, 0.0, 1.0),
        hand({"lr": 0.25, "weight_decay": 0.5, "betas": (0.5, 0.75)}, 2.0, 4.0, 1.5, new={"exp_avg": 1.0}),
        # the direction is of one average, c = -0.5 + 0.25, and another one is kept
        hand({"lr": 0.25, "betas": (0.5, 0.75)}, 1.0, 0.5, 1.25, {"exp_avg": -1.0}, 3, {"exp_avg": -0.625}),
    )

    @staticmethod
    def state_names(a):
        return ["exp_avg"]

    @staticmethod
    def rule(a, t, rate, w, g, state):
        b1, b2 = a.betas
        m = state["exp_avg"]
        direction = np.sign(b1 * m + (1 - b1) * g)
        return w - rate * (direction + a.weight_decay * w), {"exp_avg": b2 * m + (1 - b2) * g}
