"""The exceptions nncore raises; the compiled core raises these same classes."""

__all__ = ["ConfigError", "FormatError", "NumericError", "ShapeError", "StateError"]


class ShapeError(ValueError):
    """An array has the wrong number of dimensions or the wrong extents."""


class ConfigError(ValueError):
    """An argument has the wrong type or lies outside its range."""


class StateError(RuntimeError):
    """A call came at the wrong time, such as backward before forward."""


class NumericError(ArithmeticError):
    """A loss, gradient or parameter became infinite or not a number."""


class FormatError(ValueError):
    """A file is truncated, corrupt or not of the expected format."""
