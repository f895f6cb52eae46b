"""Settings: every optimizer, loss and schedule with several arguments; batches of many sizes, penalties, clipping."""

from collections.abc import Callable
from typing import Any

from bit_cases import net, public

import nncore as nc

#: Arguments beside the default ones; an optimizer that is not named here is tried with these alone.
OPTIMIZERS: dict[str, list[dict[str, Any]]] = {
    "SGD": [
        {"lr": 0.1}, {"lr": 0.05, "momentum": 0.9}, {"lr": 0.05, "momentum": 0.9, "nesterov": True},
        {"lr": 0.05, "momentum": 0.8, "dampening": 0.3}, {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.01},
        {"lr": 0.05, "weight_decay": 0.1}, {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
    ],
    "Adam": [
        {"lr": 0.01}, {"lr": 0.01, "betas": (0.8, 0.99), "weight_decay": 0.1}, {"lr": 0.01, "amsgrad": True},
        {"lr": 0.01, "eps": 0.001, "eps_inside_sqrt": True}, {"lr": 0.001, "bias_correction": False},
        {"lr": 0.01, "amsgrad": True, "weight_decay": 0.1, "eps": 1e-4},
    ],
    "AdamW": [
        {"lr": 0.01}, {"lr": 0.01, "betas": (0.8, 0.99), "weight_decay": 0.1}, {"lr": 0.01, "amsgrad": True},
        {"lr": 0.01, "weight_decay": 0.0},
    ],
    "Adagrad": [
        {"lr": 0.05}, {"lr": 0.05, "lr_decay": 0.1, "weight_decay": 0.1},
        {"lr": 0.05, "initial_accumulator_value": 0.5, "eps": 1e-3},
    ],
    "Adadelta": [{"lr": 0.5, "rho": 0.8, "weight_decay": 0.1}, {"eps": 0.01}],
    "Adamax": [{"lr": 0.01}, {"lr": 0.01, "betas": (0.8, 0.9), "weight_decay": 0.1}, {"lr": 0.01, "eps": 0.01}],
    "NAdam": [
        {"lr": 0.01}, {"lr": 0.01, "weight_decay": 0.1}, {"lr": 0.01, "momentum_decay": 0.0, "eps": 1e-3},
        {"lr": 0.01, "weight_decay": 0.1, "decoupled_weight_decay": True, "momentum_decay": 1.0},
    ],
    "RAdam": [
        {"lr": 0.01}, {"lr": 0.01, "betas": (0.8, 0.9), "weight_decay": 0.1}, {"lr": 0.01, "betas": (0.9, 0.5)},
        {"lr": 0.01, "weight_decay": 0.1, "decoupled_weight_decay": True},
    ],
    "RMSprop": [
        {"lr": 0.01}, {"lr": 0.01, "alpha": 0.9, "weight_decay": 0.1}, {"lr": 0.01, "momentum": 0.9, "eps": 1e-3},
        {"lr": 0.01, "alpha": 0.9, "centered": True}, {"lr": 0.01, "centered": True, "momentum": 0.5},
    ],
    "Lion": [{"lr": 0.001}, {"lr": 0.01, "betas": (0.5, 0.8), "weight_decay": 0.1}],
}  # fmt: skip

#: (layers, sample, settings): nets that run by different executors.
WAYS: dict[str, tuple[Callable[[], list[nc.Layer]], tuple[int, ...], dict[str, Any]]] = {
    "narrow": (lambda: [nc.Linear(2, 20), nc.ReLU(), nc.Linear(20, 2)], (2,), {}),
    "one sample": (lambda: [nc.Linear(3, 9), nc.Tanh(), nc.Linear(9, 2)], (3,), {"batch": 1}),
    "medium": (lambda: [nc.Linear(60, 130), nc.ReLU(), nc.Linear(130, 7)], (60,), {"batch": 40}),
    "images": (
        lambda: [nc.Conv2d(2, 16, 3), nc.BatchNorm2d(16), nc.ReLU(), nc.Flatten(), nc.Linear(16 * 12, 3)],
        (2, 5, 6), {"samples": 40},
    ),
}  # fmt: skip


def said(arguments: dict[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in arguments.items())


for name in public(nc.optim, nc.Optimizer):
    for arguments in [{}, *OPTIMIZERS.get(name, [])]:
        for way, (layers, sample, settings) in WAYS.items():
            net(
                f"optimizer/{name}({said(arguments)}), {way}",
                layers,
                sample,
                optimizer=lambda n=name, a=arguments: getattr(nc, n)(**a),
                **settings,
            )
    net(
        f"optimizer/{name}, clipped and penalised",
        WAYS["medium"][0],
        (60,),
        optimizer=lambda n=name: getattr(nc, n)(**OPTIMIZERS.get(n, [{}])[0]),
        options={"clip_grad_norm": 0.1, "l2": 0.01, "l1": 0.001},
    )

#: (arguments, outputs, the net's last layer or none) beside the default ones with three outputs.
LOSSES: dict[str, list[tuple[dict[str, Any], int, str | None]]] = {
    "CrossEntropyLoss": [
        ({"label_smoothing": 0.1, "weight": (1.0, 2.0, 0.5)}, 3, None),
        ({"ignore_index": 1, "reduction": "sum"}, 4, None),
        ({"weight": (0.5, 1.5)}, 2, None), ({"label_smoothing": 0.2}, 10, None), ({}, 37, None), ({}, 2, None),
    ],
    "NLLLoss": [({"ignore_index": 1, "weight": (1.0, 2.0, 0.5)}, 3, "LogSoftmax"), ({}, 10, "LogSoftmax")],
    "MSELoss": [({"reduction": "sum"}, 2, None), ({}, 1, None), ({}, 20, "Tanh")],
    "L1Loss": [({"reduction": "sum"}, 2, None), ({}, 1, None)],
    "HuberLoss": [({"delta": 0.3}, 2, None), ({"delta": 2.0, "reduction": "sum"}, 1, None)],
    "SmoothL1Loss": [({"beta": 0.3}, 2, None), ({"beta": 0.0, "reduction": "sum"}, 1, None)],
    "BCEWithLogitsLoss": [
        ({}, 1, None), ({"pos_weight": (1.0, 2.0, 0.5)}, 3, None), ({"pos_weight": 3.0, "reduction": "sum"}, 2, None),
    ],
    "HingeLoss": [({"margin": 0.5}, 1, None), ({}, 1, None), ({"margin": 2.0, "reduction": "sum"}, 4, None)],
    "PerceptronLoss": [],
}  # fmt: skip
_OUTPUTS = {"PerceptronLoss": 1}
_ENDS = {"NLLLoss": "LogSoftmax"}
_HIDDEN = {"narrow": (2, 7, {}), "one sample": (3, 8, {"batch": 1}), "wide": (70, 150, {"batch": 64})}


def ended(inputs: int, hidden: int, outputs: int, end: str | None) -> list[nc.Layer]:
    last = [] if end is None else [getattr(nc, end)()]
    return [nc.Linear(inputs, hidden), nc.Tanh(), nc.Linear(hidden, outputs), *last]


for name in public(nc.losses, nc.Loss):
    for arguments, outputs, end in [({}, _OUTPUTS.get(name, 3), _ENDS.get(name)), *LOSSES.get(name, [])]:
        for way, (inputs, hidden, settings) in _HIDDEN.items():
            if way == "one sample" and "ignore_index" in arguments:
                continue  # a step all of whose labels are ignored has no mean
            net(
                f"loss/{name}({said(arguments)}) of {outputs}, {way}" + (f", {end}" if end else ""),
                lambda i=inputs, h=hidden, o=outputs, e=end: ended(i, h, o, e),
                (inputs,),
                loss=lambda n=name, a=arguments: getattr(nc, n)(**a),
                optimizer=lambda: nc.SGD(lr=0.001, momentum=0.5),
                **settings,
            )

SCHEDULES: dict[str, Callable[[], Any]] = {
    "CosineAnnealingLR": lambda: nc.schedules.CosineAnnealingLR(0.1, t_max=7, eta_min=0.01),
    "ExponentialLR": lambda: nc.schedules.ExponentialLR(0.1, gamma=0.95),
    "LinearWarmup": lambda: nc.schedules.LinearWarmup(0.1, steps=4),
    "MultiStepLR": lambda: nc.schedules.MultiStepLR(0.1, milestones=(1, 3), gamma=0.5),
    "OneCycleLR": lambda: nc.schedules.OneCycleLR(0.1, total_steps=20),
    "OneCycleLR, linear": lambda: nc.schedules.OneCycleLR(0.1, total_steps=20, anneal_strategy="linear", pct_start=0.5),
    "ReduceLROnPlateau": lambda: nc.schedules.ReduceLROnPlateau(0.1, factor=0.5, patience=1),
    "Schedule": lambda: nc.schedules.Schedule(0.1, lambda t: 1.0 / (1 + t)),
    "StepLR": lambda: nc.schedules.StepLR(0.1, step_size=2),
}
for name, schedule in SCHEDULES.items():
    for way in ("narrow", "medium"):
        layers, sample, settings = WAYS[way]
        for optimizer in ("SGD", "Adam"):
            net(
                f"schedule/{name}, {optimizer}, {way}",
                layers,
                sample,
                optimizer=lambda s=schedule, o=optimizer: getattr(nc, o)(lr=s()),
                **settings,
            )

BATCHES: list[int | None] = [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 89, 90, None]
for batch in BATCHES:
    for way in ("narrow", "medium", "images"):
        layers, sample, settings = WAYS[way]
        if way == "images" and batch == 1:
            continue  # BatchNorm2d takes one image, but with the other sizes there are enough
        net(f"batch/{batch}, {way}", layers, sample, **{**settings, "batch": batch, "samples": 90})

OPTIONS: dict[str, dict[str, Any]] = {
    "l2": {"l2": 0.05}, "l1": {"l1": 0.01}, "l1 and l2": {"l1": 0.01, "l2": 0.05}, "norm": {"clip_grad_norm": 0.05},
    "norm never reached": {"clip_grad_norm": 1e6}, "value": {"clip_grad_value": 0.01}, "drop_last": {"drop_last": True},
    "norm and value": {"clip_grad_norm": 0.05, "clip_grad_value": 0.02}, "in order": {"shuffle": False},
    "all": {
        "l1": 0.01, "l2": 0.05, "clip_grad_norm": 0.05, "clip_grad_value": 0.02, "shuffle": False, "drop_last": True,
    },
    "nothing checked": {"on_nonfinite": "ignore"}, "stopped": {"on_nonfinite": "stop"},
}  # fmt: skip
for name, options in OPTIONS.items():
    for way, (layers, sample, settings) in WAYS.items():
        net(f"options/{name}, {way}", layers, sample, options=options, **settings)
