"""The package onnx, which is imported when it is first needed."""

from __future__ import annotations

from typing import Any

from nncore.interop._needs import needs

#: The oldest set of operators that files are written in. It is the first one with LayerNormalization.
LOWEST_OPSET = 17


def library() -> Any:
    """The package onnx; ImportError that says how to install it."""
    return needs("onnx", "onnx", "nncore[onnx]")
