"""Loads damaged ONNX models: `mutated_onnx.py FIRST COUNT FOLDER`. Whatever they hold, load raises FormatError or
ConfigError, or returns a model, within 5 s and 64 MB beyond the file's size."""

import copy
import resource
import signal
import sys

import numpy as np
import onnx

import nncore as nc

HUGE = [-1, 0, 1, 2, 3, 7, 1000, 2**16, 2**31 - 1, 2**31, 2**40, 2**62, -(2**63)]
TEXTS = ["", "input", "output", "0.weight", "1", "\u00e9" * 50, "Relu", "x" * 1000, "../secret", "/etc/passwd", "a\0b"]
OPS = ["Relu", "Gemm", "MatMul", "Conv", "MaxPool", "AveragePool", "Add", "Mul", "Concat", "Reshape", "Shape", "Gather",
       "Unsqueeze", "Squeeze", "Transpose", "Slice", "ConstantOfShape", "Expand", "Identity", "Cast", "Flatten", "Log",
       "BatchNormalization", "LayerNormalization", "ReduceMean", "Softmax", "Dropout", "Where", "Loop", "If", "PRelu",
       "GlobalAveragePool", "GlobalMaxPool", "Clip", "Pow", "Div", "Sub", "Sum", "Max", "Erf", "Constant"]  # fmt: skip


def samples():
    """Files of every kind of layer."""
    x = nc.Input((4, 8, 8))
    h = nc.ReLU()(nc.Conv2d(4, 4, 3, padding=1)(x))
    s = nc.Sigmoid()(nc.Linear(4, 4)(nc.GlobalAvgPool2d()(h)))
    y = nc.Linear(8, 3)(nc.GlobalAvgPool2d()(nc.Concat()(nc.Multiply()(h, s), nc.Add()(x, h))))
    nets = [
        (nc.Graph(x, y, seed=0), None),
        (nc.Sequential(nc.Linear(4, 5), nc.SiLU(), nc.LayerNorm(5), nc.Softplus(2.0, 3.0), nc.Linear(5, 2), seed=0), 4),
        (nc.Sequential(nc.Conv2d(2, 4, 2, padding="same"), nc.BatchNorm2d(4), nc.GELU(), nc.MaxPool2d(3, 2, 1),
                       nc.AvgPool2d(2, ceil_mode=True), nc.Flatten(), nc.Linear(16, 3), nc.LogSoftmax(), seed=0,
                       input=nc.Normalize(0.0, 255.0)), (2, 8, 8)),
        (nc.Sequential(nc.Linear(3, 4), nc.Residual(nc.BatchNorm1d(4), nc.ELU(0.5)), nc.Softmax(), seed=0), (2, 3)),
    ]  # fmt: skip
    protos = [nc.onnx.export(net, input_shape=shape) for net, shape in nets[:3]]
    make = onnx.helper.make_node
    nodes = [
        make("Shape", ["input"], ["s"]),
        make("Gather", ["s", "zero"], ["n"]),
        make("Unsqueeze", ["n", "axes"], ["n1"]),
        make("Concat", ["n1", "rest"], ["target"], axis=0),
        make("Reshape", ["input", "target"], ["rows"]),
        make("MatMul", ["rows", "w"], ["z"]),
        make("Add", ["z", "b"], ["z1"]),
        make("Div", ["z1", "root"], ["r"]),
        make("Erf", ["r"], ["e"]),
        make("Add", ["e", "one"], ["e1"]),
        make("Mul", ["e1", "z1"], ["m"]),
        make("Mul", ["m", "half"], ["output"]),
    ]
    numbers = {
        "zero": np.array(0), "axes": np.array([0]), "rest": np.array([-1]), "w": np.ones((8, 3), np.float32),
        "b": np.ones(3, np.float32),
        "half": np.array(0.5, np.float32), "one": np.array(1.0, np.float32), "root": np.array(2**0.5, np.float32),
    }  # fmt: skip
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        nodes, "g", [value("input", 1, ["N", 2, 4])], [value("output", 1, ["N", 3])],
        [onnx.numpy_helper.from_array(array, name) for name, array in numbers.items()],
    )  # fmt: skip
    return [*protos, onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])]


class Mutator:
    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def pick(self, given):
        return given[int(self.rng.integers(len(given)))]

    def of_bytes(self, content):
        content = bytearray(content)
        for _ in range(self.pick([1, 1, 2, 5, 20])):
            at = int(self.rng.integers(len(content)))
            how = self.pick(["set", "cut", "drop", "repeat"])
            if how == "set":
                content[at] = int(self.rng.integers(256))
            elif how == "cut" and len(content) > 10:
                del content[at:]
            elif how == "drop":
                del content[at : at + int(self.rng.integers(1, 20))]
            else:
                content[at:at] = content[at : at + int(self.rng.integers(1, 40))]
            if not content:
                break
        return bytes(content)

    def of_model(self, proto):
        proto = copy.deepcopy(proto)
        for _ in range(self.pick([1, 1, 2, 4])):
            try:
                self.pick([self.node, self.node, self.attribute, self.tensor, self.names, self.shape, self.head])(proto)
            except (IndexError, ValueError, TypeError):  # nothing left to change, or not to this
                continue
        return proto.SerializeToString()

    def node(self, proto):
        graph = proto.graph
        node = self.pick(graph.node)
        how = int(self.rng.integers(6))
        if how == 0:
            node.op_type = self.pick(OPS)
        elif how == 1:
            graph.node.remove(node)
        elif how == 2:
            graph.node.add().CopyFrom(node)
        elif how == 3:
            node.input[int(self.rng.integers(len(node.input)))] = self.pick(self.known(graph))
        elif how == 4:
            node.input.append(self.pick(self.known(graph)))
        else:
            node.input.pop()

    def known(self, graph):
        return [name for node in graph.node for name in node.output] + [t.name for t in graph.initializer] + TEXTS

    def attribute(self, proto):
        node = self.pick(proto.graph.node)
        given = [each.name for each in node.attribute] or ["axis"]
        others = ["axis", "pads", "strides", "auto_pad", "perm", "axes", "group", "alpha", "to"]
        name = self.pick([*given, *given, *others])
        for each in [each for each in node.attribute if each.name == name]:
            node.attribute.remove(each)
        values = [self.pick(HUGE), [self.pick(HUGE) for _ in range(self.pick([0, 1, 2, 4]))], self.pick(TEXTS)]
        values += [self.pick([0.0, 1e30, float("nan"), -1.0]), [0.5]]
        node.attribute.append(onnx.helper.make_attribute(name, self.pick([v for v in values if v != []])))

    def tensor(self, proto):
        tensor = self.pick(proto.graph.initializer)
        how = int(self.rng.integers(6))
        if how == 0:
            tensor.dims[int(self.rng.integers(len(tensor.dims)))] = self.pick(HUGE)
        elif how == 1:
            tensor.dims.append(self.pick(HUGE))
        elif how == 2:
            tensor.data_type = self.pick(range(30))
        elif how == 3:
            tensor.raw_data = tensor.raw_data[: int(self.rng.integers(len(tensor.raw_data) + 1))]
        elif how == 4:
            tensor.data_location = 1
            for key in ("location", "offset", "length"):
                tensor.external_data.add(key=key, value=self.pick([*TEXTS, "0", "16", "other", str(2**62), "-1"]))
        else:  # numbers of a shape may be anything
            numbers = np.frombuffer(tensor.raw_data, np.int64) if tensor.data_type == 7 else np.zeros(0, np.int64)
            tensor.raw_data = np.array([self.pick(HUGE) for _ in numbers], np.int64).tobytes()

    def names(self, proto):
        graph = proto.graph
        kind = self.pick(["initializer", "input", "output", "node"])
        if kind == "node":
            self.pick(graph.node).output[0] = self.pick(self.known(graph))
        else:
            self.pick(getattr(graph, kind)).name = self.pick(self.known(graph))

    def shape(self, proto):
        dims = proto.graph.input[0].type.tensor_type.shape.dim
        how = int(self.rng.integers(3))
        if how == 0:
            self.pick(dims).dim_value = self.pick(HUGE)
        elif how == 1:
            dims.add().dim_value = self.pick(HUGE)
        else:
            dims.pop()

    def head(self, proto):
        how = int(self.rng.integers(4))
        if how == 0:
            proto.opset_import[0].version = self.pick([*range(1, 30), *HUGE])
        elif how == 1:
            proto.graph.input[0].type.tensor_type.elem_type = self.pick(range(25))
        elif how == 2:
            proto.graph.input.add().CopyFrom(proto.graph.input[0])
        else:
            proto.functions.add(name="f")


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main(first, count, folder):
    protos = samples()
    contents = [proto.SerializeToString() for proto in protos]
    path = f"{folder}/damaged.onnx"
    for content in contents:  # as they are, and so that what is imported is imported
        with open(path, "wb") as file:
            file.write(content)
        nc.onnx.load(path)
    outcomes = {"loaded": 0, "FormatError": 0, "ConfigError": 0}
    for seed in range(first, first + count):
        mutator, at = Mutator(seed), seed % len(protos)
        content = mutator.of_bytes(contents[at]) if seed % 3 == 0 else mutator.of_model(protos[at])
        with open(path, "wb") as file:
            file.write(content)
        before = peak()
        signal.alarm(5)
        try:
            nc.onnx.load(path, dtype=mutator.pick(["float32", "float64"]))
            outcomes["loaded"] += 1
        except (nc.FormatError, nc.ConfigError) as error:
            outcomes[type(error).__name__] += 1
        except BaseException:
            print(f"seed {seed}", flush=True)
            raise
        signal.alarm(0)
        assert peak() - before < 64 * 1024 + len(content) // 1024, f"seed {seed}: {peak() - before} KiB"
    print(outcomes)


main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
