"""What regressors predict: values, from the net's raw outputs."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score

from nncore.estimators._base import Data, NetEstimator


class Regressor(RegressorMixin, NetEstimator):
    """Base of the regressors."""

    def _more_options(self) -> dict[str, Any]:
        return {"multi_output": True, "y_numeric": True}

    def predict(self, X: Any) -> Any:
        """The targets (N,) or (N, targets)."""
        z, dtype = self._outputs(X)
        return self._values(z).astype(dtype, copy=False)

    def _values(self, z: Any) -> Any:
        values = np.exp(z) if self.out_activation_ == "exp" else z
        return values[:, 0] if values.shape[1] == 1 else values

    def _wanted_outputs(self, y: Any) -> int:
        return 1 if y.ndim == 1 else int(y.shape[1])

    def _targets_of(self, y: Any) -> Any:
        return y[:, None] if y.ndim == 1 else y

    def _score_of(self, held_out: Data, record: dict[str, float]) -> float:
        values = self._values(self.model_(held_out.X))
        if not np.isfinite(values).all():
            return float("nan")
        return float(r2_score(held_out.given, values, sample_weight=held_out.weights))
