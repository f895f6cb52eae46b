"""All else that computes: trainings side by side, minimize, gradcheck, Monitor, functions, files, single steps."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from bit_cases import activations, case, public, targets

import nncore as nc

ACTIVATIONS = activations()


def moons(n: int = 70) -> tuple[Any, Any]:
    return nc.datasets.make_moons(n, noise=0.2, seed=0)


def side_by_side(make: Callable[..., nc.Trainer], grid: Any, seeds: int = 5) -> Callable[[str, int], dict[str, Any]]:
    """A sweep: its rows, and the weights and optimizer states of all trainers. Builds differ in the epochs that measure
    held-out data, which is left out."""

    def run(dtype: str, threads: int) -> dict[str, Any]:
        nc.set_num_threads(threads)
        made: list[nc.Trainer] = []

        def build(**point: Any) -> nc.Trainer:
            made.append(make(dtype=dtype, **point))
            return made[-1]

        held = nc.datasets.make_moons(33, noise=0.2, seed=1)
        table = nc.sweep(
            build, grid, *moons(), validation_data=held, steps=20, seeds=seeds, n_jobs=threads, progress=False
        )
        return {
            "rows": [{key: value for key, value in row.items() if not key.startswith("best_")} for row in table],
            "weights": [trainer.model.state_dict() for trainer in made],
            "optimizer": [trainer.optimizer.state_dict() for trainer in made],
            "histories": [
                [trainer.history["loss"], trainer.history.steps] for trainer in made if trainer.history is not None
            ],
        }

    return run


def trainer(
    dtype: str, seed: int, activation: str = "ReLU", lr: float = 0.05, hidden: int = 12, **settings: Any
) -> nc.Trainer:
    layers = [nc.Linear(2, hidden), getattr(nc, activation)(), nc.Linear(hidden, 2)]
    name, arguments = settings.pop("optimizer", ("SGD", {}))
    loss = settings.pop("loss", nc.CrossEntropyLoss)
    model = nc.Sequential(*layers, dtype=dtype, seed=seed)
    optimizer = getattr(nc, name)(lr=lr, **arguments)
    return nc.Trainer(model, loss(), optimizer, seed=seed, **{"batch_size": 16, **settings})


for kind in ACTIVATIONS:
    case(f"side by side/{kind}", side_by_side(lambda k=kind, **p: trainer(activation=k, **p), {"lr": [0.01, 0.1]}, 9))
for name in public(nc.optim, nc.Optimizer):
    for settings in ({}, {"momentum": 0.9}) if name == "SGD" else ({}, {"weight_decay": 0.1}):
        case(
            f"side by side/{name} {settings}",
            side_by_side(lambda o=(name, settings), **p: trainer(optimizer=o, **p), {"lr": [0.001, 0.01]}),
        )
case("side by side/penalties", side_by_side(trainer, {"l1": [0.0, 0.01], "l2": [0.0, 0.01]}, 3))
case("side by side/widths", side_by_side(trainer, {"hidden": [1, 5, 20], "batch_size": [1, 7, None]}, 3))
case("side by side/in order", side_by_side(lambda **p: trainer(shuffle=False, drop_last=True, **p), {"lr": [0.1]}, 17))
case("side by side/clipped", side_by_side(lambda **p: trainer(clip_grad_norm=0.1, **p), {"lr": [0.1]}, 3))


def minimised(objective: str, optimizer: str, arguments: dict[str, Any]) -> Callable[[str, int], dict[str, Any]]:
    def run(dtype: str, threads: int) -> dict[str, Any]:
        result = nc.minimize(objective, None, getattr(nc, optimizer)(**arguments), 300)
        return {"result": [result.x, result.fun, result.nit, result.path, result.values, result.steps]}

    return run


for objective in nc.objectives.names:
    for name in public(nc.optim, nc.Optimizer):
        others = {"SGD": [{"lr": 1e-4, "momentum": 0.9, "nesterov": True}], "Adam": [{"amsgrad": True}],
                  "RMSprop": [{"lr": 1e-3, "centered": True, "momentum": 0.5}]}.get(name, [])  # fmt: skip
        for arguments in [{"lr": 1e-4} if name == "SGD" else {}, *others]:
            case(f"minimize/{objective}, {name} {arguments}", minimised(objective, name, arguments))


def own_function(dtype: str, threads: int) -> dict[str, Any]:
    result = nc.minimize(lambda x: (float((x**2).sum()), 2 * x), [1.0, -3.0], nc.Adam(lr=0.1), 50, record=5)
    scheduled = nc.minimize("booth", None, nc.SGD(lr=nc.schedules.ExponentialLR(0.01, gamma=0.99)), 50, tol=1e-3)
    return {"own": [result.x, result.path], "scheduled": [scheduled.x, scheduled.path, scheduled.nit]}


case("minimize/function of one's own", own_function)


def watched_net(dtype: str, images: bool) -> tuple[nc.Sequential, Any, Any]:
    rng = np.random.default_rng(2)
    if images:
        inner = nc.Residual(nc.Conv2d(16, 16, 3, padding=1), nc.BatchNorm2d(16), nc.ReLU())
        layers = [nc.Conv2d(1, 16, 3), inner, nc.MaxPool2d(2), nc.Flatten(), nc.Linear(16 * 9, 3)]
        return nc.Sequential(*layers, dtype=dtype, seed=1), rng.normal(size=(20, 1, 8, 8)), rng.integers(0, 3, 20)
    layers = [
        nc.Linear(5, 30),
        nc.BatchNorm1d(30),
        nc.Tanh(),
        nc.Residual(nc.Linear(30, 30), nc.ReLU()),
        nc.Dropout(0.3),
    ]
    return (
        nc.Sequential(*layers, nc.Linear(30, 3), dtype=dtype, seed=1),
        rng.normal(size=(20, 5)),
        rng.integers(0, 3, 20),
    )


def monitored(images: bool) -> Callable[[str, int], dict[str, Any]]:
    def run(dtype: str, threads: int) -> dict[str, Any]:
        model, X, y = watched_net(dtype, images)
        monitor = nc.Monitor(every=3, bins=16)
        training = nc.Trainer(
            model, nc.CrossEntropyLoss(), nc.Adam(lr=0.01), batch_size=6, num_threads=threads, l2=0.01
        )
        training.fit(X, y, steps=20, callbacks=[monitor], progress=False)
        records = {name: monitor[name] for name in monitor}
        return {"monitor": [monitor.steps, monitor.loss, monitor.grad_norm, records], "weights": model.state_dict()}

    return run


def checked(images: bool) -> Callable[[str, int], dict[str, Any]]:
    def run(dtype: str, threads: int) -> dict[str, Any]:
        nc.set_num_threads(threads)
        if images:
            layers = [nc.Conv2d(1, 2, 2), nc.BatchNorm2d(2), nc.Tanh(), nc.AvgPool2d(2), nc.Flatten(), nc.Linear(8, 2)]
            shape: tuple[int, ...] = (6, 1, 5, 5)
        else:
            layers = [
                nc.Linear(4, 6),
                nc.Residual(nc.Linear(6, 6), nc.GELU()),
                nc.LayerNorm(6),
                nc.Dropout(0.3),
                nc.Linear(6, 2),
            ]
            shape = (6, 4)
        rng = np.random.default_rng(3)
        model, X, y = nc.Sequential(*layers, dtype=dtype, seed=1), rng.normal(size=shape), rng.integers(0, 2, 6)
        report = nc.gradcheck(model, nc.CrossEntropyLoss(), X, y)
        flow = nc.gradient_flow(model, nc.CrossEntropyLoss(), X, y)
        worst = report.per_parameter
        numbers = {name: [w.max_relative_error, w.position, w.analytic, w.numeric] for name, w in worst.items()}
        return {"gradcheck": numbers, "gradient flow": [flow.norms, flow.ratio]}

    return run


for images in (False, True):
    case(f"monitor/{'images' if images else 'dense'}", monitored(images))
    case(f"gradcheck/{'images' if images else 'dense'}", checked(images))


def functions(dtype: str, threads: int) -> dict[str, Any]:
    """Every activation by itself, over the whole range of numbers that it treats in its own ways."""
    nc.set_num_threads(threads)
    x = np.concatenate([np.linspace(-100, 100, 501), np.linspace(-3, 3, 500), [0.0, -0.0, 1e-30, -1e-30, 1e4, -1e4]])
    x = x[: 7 * 141].reshape(141, 7).astype(dtype)
    parts: dict[str, Any] = {}
    for kind in ACTIVATIONS:
        layer = nc.Sequential(getattr(nc, kind)(), dtype=dtype, seed=1)
        parts[kind] = [layer.forward(x), layer.backward(np.cos(x)), layer(x)]
    rng = np.random.default_rng(4)
    a, b, c = (rng.normal(size=shape).astype(dtype) for shape in ((40, 33), (17, 33), (17,)))
    image, weight = rng.normal(size=(3, 4, 9, 8)).astype(dtype), rng.normal(size=(6, 2, 3, 3)).astype(dtype)
    parts["linear"] = nc.functional.linear(a, b, c)
    parts["conv2d"] = nc.functional.conv2d(image, weight, stride=2, padding=1, groups=2)
    parts["pools"] = [nc.functional.max_pool2d(image, 3, 2, 1), nc.functional.avg_pool2d(image, 2, ceil_mode=True)]
    return parts


case("functions/activations, products, pools", functions)


def losses(dtype: str, threads: int) -> dict[str, Any]:
    nc.set_num_threads(threads)
    rng, parts = np.random.default_rng(5), {}
    for name in public(nc.losses, nc.Loss):
        for n in (1, 16, 37, 700):
            loss = getattr(nc, name)()
            z = rng.normal(size=(n, 1 if name == "PerceptronLoss" else 3)).astype(dtype)
            y = targets(loss, z.shape)
            parts[f"{name}, {n}"] = [*loss(z, y), loss.value(z, y)]
    return parts


case("functions/losses", losses)


def files(dtype: str, threads: int) -> dict[str, Any]:
    """A fit, a file of the trainer, the same fit from the file: the numbers, not the bytes of the file."""
    nc.set_num_threads(threads)
    model, X, y = watched_net(dtype, images=False)
    first = nc.Trainer(model, nc.CrossEntropyLoss(), nc.Adam(lr=0.01), batch_size=6, seed=3)
    first.fit(X, y, epochs=3, progress=False)
    with tempfile.TemporaryDirectory() as folder:
        first.save(Path(folder) / "trainer.safetensors")
        again = nc.Trainer.resume(Path(folder) / "trainer.safetensors")
        model.save(Path(folder) / "model.safetensors")
        read = nc.load(Path(folder) / "model.safetensors")
    again.fit(X, y, epochs=2, progress=False)
    return {"resumed": again.model.state_dict(), "optimizer": again.optimizer.state_dict(), "read": read(X)}


case("files/trainer and model", files)


def steps(dtype: str, threads: int) -> dict[str, Any]:
    """Trainer.step with batches of changing sizes, and steps by hand between them."""
    model, X, y = watched_net(dtype, images=False)
    training = nc.Trainer(model, nc.CrossEntropyLoss(), nc.RMSprop(lr=0.001), num_threads=threads, seed=9)
    values = []
    for step in range(20):
        n = (20, 7, 2, 16)[step % 4]
        values.append(training.step(X[:n], y[:n]))
        if step % 5 == 0:
            value, dz = nc.MSELoss()(z := model.forward(X, seed=step), np.zeros(z.shape))
            model.zero_grad()
            model.backward(dz)
            training.optimizer.step(model)
            values.append(value)
    return {"losses": values, "weights": model.state_dict(), "optimizer": training.optimizer.state_dict()}


case("steps/sizes change", steps)


def perceptrons(dtype: str, threads: int) -> dict[str, Any]:
    X, y = nc.datasets.make_gaussians([[2, 2], [-2, -2]], 3.0, labels=[1, -1], seed=0)
    fitted = [nc.Perceptron(rule=rule, seed=0).fit(X, y) for rule in ("batch", "online")]
    return {"perceptrons": [[p.weights, p.bias, p.n_epochs_, p.history_["errors"], p.predict(X)] for p in fitted]}


case("perceptron/both rules", perceptrons)


def metrics(dtype: str, threads: int) -> dict[str, Any]:
    """Metrics of labels and of values, in history and evaluate."""
    X, y = moons(130)
    values = np.random.default_rng(6).normal(size=(130, 1))
    parts: dict[str, Any] = {}
    for loss, target, names in ((nc.CrossEntropyLoss, y, ["accuracy"]), (nc.MSELoss, values, ["mae", "r2"])):
        model = nc.mlp([2, 40, 2 if loss is nc.CrossEntropyLoss else 1], "tanh", dtype=dtype, seed=1)
        training = nc.Trainer(model, loss(), nc.SGD(lr=0.01), batch_size=50, num_threads=threads)
        fit = training.fit(
            X, target, epochs=4, validation_split=0.3, test_data=(X, target), metrics=names, progress=False
        )
        parts[loss.__name__] = [fit.epochs, fit.steps, training.evaluate(X, target), model.predict(X)]
    parts["probabilities"] = nc.mlp([2, 40, 3], dtype=dtype, seed=1).predict_proba(X)
    return parts


case("metrics/labels and values", metrics)
