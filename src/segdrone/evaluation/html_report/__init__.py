"""Write the report as one HTML file that needs no network."""

from segdrone.evaluation.html_report.write import HtmlReport, write_html, write_page

__all__ = ["HtmlReport", "write_html", "write_page"]
