"""Send an export to a labeling tool that runs: `segdrone data export-labels --push`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from segdrone.annotations.export import LabelSummary
from segdrone.annotations.servers import cvat, label_studio
from segdrone.annotations.servers.label_studio import LabelStudio
from segdrone.errors import ConfigError


def push_labels(
    export: Callable[[], LabelSummary],
    out: Path,
    label_format: str,
    address: str,
    project: str | None = None,
    *,
    progress: bool = True,
) -> tuple[LabelSummary, str]:
    """Asks a labeling tool for a project, writes an export, and sends it.

    Address, token and project are checked before the export is written.

    Args:
        export: Writes the export to `out`.
        out: Folder of the export.
        label_format: `label-studio` or `cvat`.
        address: Address of the tool.
        project: Name or number of the project (Label Studio) or the task (CVAT); None: the name of `out`. One that
            does not exist is made.
        progress: Whether to show progress bars.

    Returns:
        What was exported, and a line about what was sent.

    Raises:
        ConfigError: The address, the token or the project cannot be used.
        DataError: As `export_labels`; or the tool cannot be reached, refuses, or has other labels in the project.
    """
    title = project or out.absolute().name
    if not project and title.isdecimal():
        raise ConfigError(f"--out {out} has a number as its name, by which a project would be found: give --project")
    if label_format == "cvat":
        return cvat.push(export, out, address, title, show_progress=progress)
    if label_format != "label-studio":
        raise ConfigError(f"--push does not go with --to {label_format}: give --to label-studio or --to cvat")
    server = LabelStudio(address)
    number = server.find_project(title)
    if number is None:
        label_studio.check_title(title)
    summary = export()
    photographs = label_studio.check_photographs(summary.files)
    config = (out / "label_config.xml").read_text(encoding="utf-8")
    number = server.open_project(number, title, config)
    pushed = server.push(number, out / "tasks.json", photographs, show_progress=progress)
    line = f"sent: {pushed.sent} photographs to {server.address}/projects/{number}"
    return summary, line + (f", where {pushed.known} were already" if pushed.known else "")


def pull_labels(tool: str, address: str, project: str, out: Path) -> str:
    """Fetches the annotations of a project from a labeling tool that runs, and returns a line about them.

    Args:
        tool: `label-studio` or `cvat`.
        address: Its address.
        project: Name or number of the project (Label Studio) or the task (CVAT).
        out: File to write: `.json` of Label Studio, `.xml` of CVAT.

    Raises:
        ConfigError: The address, the token, the project or the name of the file cannot be used.
        DataError: The tool cannot be reached, or refuses; or the file cannot be written.
    """
    suffixes = {"label-studio": ".json", "cvat": ".xml"}
    if tool not in suffixes:
        raise ConfigError(f"--from {tool} is not a tool: give --from label-studio or --from cvat")
    if out.suffix.lower() != suffixes[tool] or out.is_dir():
        raise ConfigError(f"--out {out} must be a file with the suffix {suffixes[tool]}")
    if tool == "cvat":
        size = cvat.pull(address, project, out)
    else:
        size = LabelStudio(address, "the address").pull(project, out)
    return f"{size / 1e6:.1f} MB in {out}: segdrone data import {out} DATASET --images PHOTOGRAPHS"
