"""The report's page: one HTML file for people, which asks nothing of the network."""

from segdrone.evaluation.html_report.write import HtmlReport, write_html

__all__ = ["HtmlReport", "write_html"]
