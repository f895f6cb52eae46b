"""scikit-learn's own checks of estimators, on all of ours; what MLPClassifier passes they pass."""

import importlib.util
import warnings
from collections import Counter
from unittest import SkipTest

import pytest

sklearn = pytest.importorskip("sklearn", "1.4")
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.utils import estimator_checks

from nncore import estimators

PEERS = {"MLPClassifier": MLPClassifier, "NetClassifier": MLPClassifier, "MLPRegressor": MLPRegressor,
         "NetRegressor": MLPRegressor}  # fmt: skip


def checks_of(estimator):
    if hasattr(estimator_checks, "estimator_checks_generator"):
        return estimator_checks.estimator_checks_generator(estimator, legacy=True)
    return estimator_checks.check_estimator(estimator, generate_only=True)  # before 1.6


def outcomes(estimator):
    """Check name -> "passed", "skipped", or the error."""
    found = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for one, check in checks_of(estimator):
            name = check.func.__name__
            try:
                check(one)
            except SkipTest:
                found[name] = "skipped"
            except Exception as error:  # all of them are shown at once
                found[name] = repr(error)
            else:
                found.setdefault(name, "passed")
    return found


@pytest.mark.parametrize("name", PEERS)
@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_checks(name):
    found = outcomes(getattr(estimators, name)())
    assert {check: outcome for check, outcome in found.items() if outcome not in ("passed", "skipped")} == {}
    peer = outcomes(PEERS[name]())
    skipped = {check for check, outcome in found.items() if outcome == "skipped"}
    if importlib.util.find_spec("pandas") is None:  # of what takes weights, which scikit-learn 1.4's own nets do not
        skipped -= {"check_sample_weights_pandas_series"}
    assert skipped <= {check for check, outcome in peer.items() if outcome != "passed"}
    assert set(peer) <= set(found)
    assert Counter(found.values())["passed"] >= 40
