"""The exceptions nncore raises; all but FormatError are those of the compiled core."""

from nncore._core import ConfigError, NumericError, ShapeError, StateError

__all__ = ["ConfigError", "FormatError", "NumericError", "ShapeError", "StateError"]


class FormatError(ValueError):
    """A file is truncated, corrupt or not of the expected format."""
