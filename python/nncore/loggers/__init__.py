"""Where a fit is written or drawn while it runs, and its report."""

from nncore.loggers import _report  # noqa: F401  History.report shows it
