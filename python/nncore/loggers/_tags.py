"""The tags of TensorBoard's charts."""

from __future__ import annotations

import re

from nncore.diagnostics._kinds import kinds_of
from nncore.nn._model import Model, layers_of


class Tags:
    """Unique tags of charts: tags["fc1.weight.grad"] is "fc1/weight_gradient"."""

    def __init__(self, model: Model) -> None:
        self._taken = {"epoch", "model", "step", "_hparams_"}
        self._kinds = kinds_of(model)
        self._known: dict[str, str] = {}
        self._groups = {
            name: self._new(
                f"layer{name}_{type(layer).__name__}" if name.replace(".", "").isdecimal() else _clean(name)
            )
            for name, layer in layers_of(model).items()
        }

    def __getitem__(self, name: str) -> str:
        group, inner = self._place(name.removesuffix(".grad"))
        inner[-1] = self._kinds.get(name, inner[-1])
        return self._once(name, "/".join([group, *map(_clean, inner)]))

    def epoch(self, key: str) -> str:
        """The tag of a number of the epoch's record."""
        return self._once(f"epoch {key}", f"epoch/{_clean(key)}")

    def filters(self, name: str) -> str:
        """The tag of a parameter's filters."""
        return self._once(f"filters {name}", f"{self._place(name)[0]}/filters")

    def _place(self, name: str) -> tuple[str, list[str]]:
        """The group of the layer that a name begins with (the layer's own name may have dots), and the rest."""
        layer = next(layer for layer in self._groups if name.startswith(layer + "."))
        return self._groups[layer], name[len(layer) + 1 :].split(".")

    def _once(self, key: str, wanted: str) -> str:
        if key not in self._known:
            self._known[key] = self._new(wanted)
        return self._known[key]

    def _new(self, wanted: str) -> str:
        tag, number = wanted, 1
        while tag in self._taken:
            number += 1
            tag = f"{wanted}_{number}"
        self._taken.add(tag)
        return tag


def _clean(name: str) -> str:
    return re.sub(r"[^\w-]", "_", name)
