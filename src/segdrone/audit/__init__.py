"""Find labels of a dataset that models doubt: regions of its masks, the most doubtful first."""

from segdrone.audit.run import Audit, audit

__all__ = ["Audit", "audit"]
