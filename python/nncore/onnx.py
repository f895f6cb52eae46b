"""ONNX files: `nc.onnx.export(model, path)` and `nc.onnx.load(path)`."""

from typing import TYPE_CHECKING

from nncore.interop._onnx.export import export
from nncore.interop._onnx.load import load

__all__ = ["export", "load"]

if not TYPE_CHECKING:
    from nncore._support.names import names_of as _names_of

    __getattr__ = _names_of(__name__, {"save": "nc.onnx.export(model, path)"})
