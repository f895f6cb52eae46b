"""Models with fit and predict of their own, as in scikit-learn."""
