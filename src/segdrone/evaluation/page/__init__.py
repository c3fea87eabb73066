"""The report's page: one HTML file for people, which asks nothing of the network."""

from segdrone.evaluation.page.write import Report, write_page

__all__ = ["Report", "write_page"]
