"""The table of entry points: name -> function of a Draw that tries one case and says how it ended."""

import numpy as np
import values
from verdict import agree, settle

import nncore as nc
from support.cases import SCHEMAS, class_of

TABLE = {}


def entry(name, files=False):
    """Adds a function to the table; with `files` an OSError is an answer, too."""

    def add(function):
        function.files = files
        assert name not in TABLE, name
        TABLE[name] = function
        return function

    return add


def kinds(kind):
    """(name, schema) of all registered things of a kind."""
    return [(name, schema) for (k, name), schema in SCHEMAS.items() if k == kind]


def example(draw, schema):
    """Arguments that are right, and the sample shape they are for."""
    args, sample = draw.choice(schema["examples"]) if schema["examples"] else ({}, ())
    return dict(args), tuple(sample)


def construct(draw, kind, name, schema):
    """A registered thing from arguments some of which are hostile."""
    args, _ = example(draw, schema)
    for field in schema["fields"]:
        if draw.chance(1.5 / len(schema["fields"])):
            draw.note(field["name"])
            args[field["name"]] = values.anything(draw)
    if draw.chance(0.1):
        args[draw.choice(values.TEXTS)] = 1
    rest = [values.anything(draw) for _ in range(draw.choice([0, 0, 0, 1, 2]))]
    return class_of(kind, name)(*rest, **args)


def _constructors():
    for (kind, name), schema in SCHEMAS.items():

        def run(draw, kind=kind, name=name, schema=schema):
            made = construct(draw, kind, name, schema)
            repr(made), made.config
            return "made"

        entry(f"{kind}.{name}")(run)


def _layers():
    for name, schema in kinds("layer"):

        def run(draw, name=name, schema=schema):
            args, sample = example(draw, schema)
            layer = class_of("layer", name)(**args)
            n = draw.choice([2, 5])
            call = draw.choice([layer, lambda x: layer.forward(x, draw_training, 7)])
            draw_training = draw.chance(0.5)
            if draw.chance(0.4):
                plain, strange, verdict = values.numbers(draw, (n, *sample))
                return agree(call, strange, plain, verdict)
            x = values.array(draw, [(n, *sample), (0, *sample), sample, (n, *sample, 1)])
            return settle(layer, x, np.float64)

        def backward(draw, name=name, schema=schema):
            args, sample = example(draw, schema)
            layer = class_of("layer", name)(**args)
            if draw.chance(0.2):
                return layer.backward(values.array(draw, [(2, *sample)])) and "ran"
            y = layer.forward(np.ones((2, *sample)), values.scalar(draw) if draw.chance(0.1) else True)
            if draw.chance(0.3):
                plain, strange, verdict = values.numbers(draw, y.shape)
                layer.forward(np.ones((2, *sample)), True, 3)
                want = layer.backward(plain)
                layer.forward(np.ones((2, *sample)), True, 3)
                return agree(lambda dy: want if dy is plain else layer.backward(dy), strange, plain, verdict)
            layer.backward(values.array(draw, [y.shape, y.shape, (3, *y.shape[1:])]))

        entry(f"layer.{name}.call")(run)
        entry(f"layer.{name}.backward")(backward)


def _losses():
    for name, schema in kinds("loss"):

        def run(draw, name=name, schema=schema):
            args, sample = example(draw, schema)
            loss = class_of("loss", name)(**args)
            call = draw.choice([loss, loss.value])
            n = draw.choice([1, 3])
            z, strange_z, verdict_z = values.numbers(draw, (n, *sample), dtypes=values.DOUBLES)
            y, strange_y, verdict_y = good_targets(draw, name, n, sample)
            which = draw.randrange(4)
            if which == 0:
                want = call(z, y)
                return agree(lambda given: want if given is z else call(given, y), strange_z, z, verdict_z)
            if which == 1:
                want = call(z, y)
                return agree(lambda given: want if given is y else call(z, given), strange_y, y, verdict_y)
            if which == 2:
                call(z, values.array(draw, [(n,), (n, 1), (n, *sample), (0,)]))
            else:
                call(values.array(draw, [(n, *sample), (0, *sample)]), values.anything(draw) if draw.chance(0.5) else y)

        entry(f"loss.{name}.call")(run)


def good_targets(draw, name, n, sample):
    """(plain, strange, verdict): targets that suit a loss."""
    schema = SCHEMAS["loss", name]
    if schema["traits"].get("signs"):
        plain = np.array([draw.choice([-1, 1]) for _ in range(n)])
        strange, verdict = values.dressed(draw, plain.astype(draw.choice(["i1", "i8", ">i2"])))
        return plain, strange, verdict
    if any(field["name"] == "ignore_index" for field in schema["fields"]):
        return values.labels(draw, n, sample[0])
    return values.numbers(draw, (n, *sample), 0, 8)


def _rest():
    for name, schema in kinds("schedule"):

        def rate(draw, name=name, schema=schema):
            index = draw.choice([0, 1, 10, 2**31, 2**62, values.anything(draw)])
            rate = class_of("schedule", name)(**example(draw, schema)[0])(index)
            assert np.isfinite(rate) and rate >= 0, rate

        entry(f"schedule.{name}.call")(rate)
    for name, schema in kinds("initializer"):

        def fill(draw, name=name, schema=schema):
            shape = draw.choice(
                [values.anything(draw), [draw.choice(values.INTEGERS) for _ in range(draw.randrange(4))], (3, 4)]
            )
            values.note(draw, shape)
            out = class_of("initializer", name)(**example(draw, schema)[0])(
                shape, draw.choice([None, 0, values.scalar(draw)])
            )
            assert np.isfinite(out).all()

        entry(f"initializer.{name}.call")(fill)
    for name, _ in kinds("objective"):

        def evaluate(draw, name=name):
            f = nc.objectives.get(name)
            call = draw.choice([f, f.gradient])
            if draw.chance(0.4):
                plain, strange, verdict = values.numbers(draw, (len(f.start),))
                return agree(call, strange, plain, verdict)
            with np.errstate(all="ignore"):
                return settle(call, values.array(draw, [(len(f.start),)]), np.float64)

        entry(f"objective.{name}.call")(evaluate)


_constructors()
_layers()
_losses()
_rest()
