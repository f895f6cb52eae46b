# The compiled core: private to this package, which gives everything in it a typed face.
from typing import Any

def __getattr__(name: str) -> Any: ...
