"""What a run has to say, in five dresses: JSON, Markdown, one HTML file, a forest plot, a terminal table.

All of them are functions of a `ReportContent` (or of its verdicts) and none computes a verdict. Importing this
package is cheap: the renderers load their libraries when they are called.
"""

from workingpapers.bench.report.content import ReportContent
from workingpapers.bench.report.json_report import report_json, verdict_json
from workingpapers.bench.report.markdown import page_markdown, report_markdown, verdict_table_markdown

__all__ = [
    "ReportContent",
    "page_markdown",
    "report_json",
    "report_markdown",
    "verdict_json",
    "verdict_table_markdown",
]
