"""Watch: what happens after each epoch of an estimator's fit: the curves, when to stop, other rates, what is told."""

from __future__ import annotations

from typing import Any

from nncore.nn._model import Model
from nncore.train._callback import Callback


class Watch(Callback):
    """One callback for scikit-learn's rules: tol, n_iter_no_change, early_stopping, adaptive and invscaling rates.

    `score(record)` tells the score of held-out data; None: the rule follows the training loss. `loss_of(record)` is
    scikit-learn's loss; `set_rate(rate)` sets the rate of SGD in its units.
    """

    def __init__(self, estimator: Any, model: Model, loss_of: Any, score: Any, set_rate: Any, tasks: Any) -> None:
        self.estimator, self.model, self.tasks = estimator, model, tasks
        self.loss_of, self.score, self.set_rate = loss_of, score, set_rate
        self.n_samples = 0  # of an epoch
        self.n_epochs = 0
        self.stopped = False
        self.best_state: Any = None

    def _may_set(self, name: str, value: Any) -> bool:
        return True

    def on_epoch_end(self, record: dict[str, Any]) -> bool:
        """Keeps the curves; True where scikit-learn's rules end the fit."""
        estimator = self.estimator
        estimator._begun = True
        self.n_epochs += 1
        loss = self.loss_of(record)
        estimator.n_iter_ = self.n_epochs
        estimator.t_ += self.n_samples
        estimator.loss_ = loss
        estimator.loss_curve_.append(loss)
        if estimator.verbose:
            print(f"Iteration {self.n_epochs}, loss = {loss:.8f}")
        if self.score is None:
            improved = not loss > estimator.best_loss_ - estimator.tol
            estimator.best_loss_ = min(loss, estimator.best_loss_)
        else:
            improved = self._keep_best(self.score(record))
        estimator._no_improvement_count = 0 if improved else estimator._no_improvement_count + 1
        if self.set_rate is not None and estimator.learning_rate == "invscaling":
            self.set_rate(estimator.learning_rate_init / (estimator.t_ + 1) ** estimator.power_t)
        if estimator._no_improvement_count > estimator.n_iter_no_change:
            self.stopped = self._without_progress()
        asked = self.tasks is not None and self.tasks.epoch_ended(last=self.stopped)
        return self.stopped or asked

    def _keep_best(self, score: float) -> bool:
        estimator = self.estimator
        estimator.validation_scores_.append(score)
        if estimator.verbose:
            print(f"Validation score: {score:f}")
        improved = not score < estimator.best_validation_score_ + estimator.tol
        if score > estimator.best_validation_score_:
            estimator.best_validation_score_ = score
            self.best_state = self.model.state_dict()
        return improved

    def _without_progress(self) -> bool:
        """Stops, or with an adaptive rate goes on with a fifth of it until that is tiny."""
        estimator = self.estimator
        what = "Training loss" if self.score is None else "Validation score"
        text = f"{what} did not improve more than tol={estimator.tol:f} for {estimator.n_iter_no_change} "
        text += "consecutive epochs."
        adaptive = self.set_rate is not None and estimator.learning_rate == "adaptive"
        if not adaptive or estimator._rate <= 1e-6:
            ending = " Learning rate too small. Stopping." if adaptive else " Stopping."
            self._tell(text + ending)
            return True
        self.set_rate(estimator._rate / 5.0)
        self._tell(f"{text} Setting learning rate to {estimator._rate:f}")
        estimator._no_improvement_count = 0
        return False

    def _tell(self, text: str) -> None:
        if self.estimator.verbose:
            print(text)


class Tasks:
    """An estimator's epochs as tasks of scikit-learn's callbacks (1.9)."""

    def __init__(
        self, estimator: Any, context: Any, n_epochs: int, X: Any, y: Any, weights: Any, attributes: Any
    ) -> None:
        self.context, self.n_epochs, self.attributes = context, n_epochs, attributes
        metadata = None if weights is None else {"sample_weight": weights}
        self.given = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
        self.n_begun = 0
        self.current: Any = None
        context.call_on_fit_task_begin(**self.given)

    def begin_epoch(self) -> None:
        """The next epoch's task, if there can be one."""
        self.current = None
        if self.n_begun < self.n_epochs:
            self.n_begun += 1
            self.current = self.context.subcontext(task_name="epoch")
            self.current.call_on_fit_task_begin(**self.given)

    def epoch_ended(self, *, last: bool) -> bool:
        """Ends the task; True if a callback wants the fit to end."""
        stop = self._end(self.current)
        if last or stop:
            self.current = None
        else:
            self.begin_epoch()
        return stop

    def fit_ended(self) -> None:
        """Ends the task of an epoch that has not come, and the fit's."""
        if self.current is not None:
            self._end(self.current)
        self._end(self.context)

    def _end(self, context: Any) -> bool:
        return bool(context.call_on_fit_task_end(**self.given, reconstruction_attributes=self.attributes))
