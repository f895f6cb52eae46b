"""What `output=` asks for beyond the raw outputs: the same that predict_proba and predict make of them."""

from __future__ import annotations

from typing import Any

from nncore.errors import ConfigError
from nncore.interop._onnx.writer import Value, Writer


def probabilities(writer: Writer, z: Value, several: bool, link: str | None, kind: str) -> Value:
    """As predict_proba gives them. several: two outputs or more; link: of the last loss; kind: of the outputs."""
    writer.place = "probabilities"
    if kind == "probabilities":
        return z
    if kind == "log_probabilities":
        return writer.node("Exp", [z], z.rank)
    link = link or ("softmax" if z.rank == 2 and several else "sigmoid")
    if link not in ("softmax", "log_softmax", "sigmoid"):
        raise ConfigError(
            f'[onnx.export] output: expected "raw" or "labels", got "probabilities"; the loss it was trained with '
            f"({link}) gives none"
        )
    if link == "sigmoid":
        return writer.node("Sigmoid", [z], z.rank)
    return writer.node("Softmax", [z], z.rank, axis=-1)


def labels(writer: Writer, z: Value, several: bool, link: str | None, kind: str) -> Value:
    """As predict gives them, in int64: the index of the largest output, 0 or 1, or -1 or 1."""
    writer.place = "labels"
    if z.rank == 2 and (link == "sigmoid" or (link is None and not several and kind == "probabilities")):
        threshold = writer.number("threshold", 0.5 if kind == "probabilities" else 0.0)
        yes = writer.node("Cast", [writer.node("GreaterOrEqual", [z, threshold], 2)], 2, to=_INT64)
        return yes if several else _row(writer, yes)
    if z.rank == 2 and several and link != "identity":
        return writer.node("ArgMax", [z], 1, axis=1, keepdims=0)
    if z.rank == 2 and link == "sign":
        above = writer.node("GreaterOrEqual", [z, writer.number("threshold", 0.0)], 2)
        signs: list[Any] = [above, writer.integers("above", 1), writer.integers("below", -1)]
        return _row(writer, writer.node("Where", signs, 2))
    raise ConfigError(
        '[onnx.export] output: expected "raw", got "labels"; the model gives values, as predict of it does'
    )


def _row(writer: Writer, x: Value) -> Value:
    return writer.node("Squeeze", [x.name, writer.integers("axes", [1])], 1)


_INT64 = 7  # onnx.TensorProto.INT64
