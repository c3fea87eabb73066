"""Turn exceptions of Hydra, OmegaConf and the operating system into one line for the user."""

from __future__ import annotations

import re

from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf.errors import OmegaConfBaseException

from segdrone.errors import SegdroneError, explain_error

EXTRAS = {  # Hydra plugins that conf/search and conf/launcher choose, and the extra that installs each
    "hydra/sweeper/optuna": "sweeps",
    "hydra/launcher/joblib": "sweeps",
    "hydra/launcher/submitit_slurm": "slurm",
    "hydra/launcher/ray": "ray",
}


def explain_config_error(error: Exception) -> str | None:
    """Returns one line for an error raised outside of a job; None if the user can only read the traceback.

    Example:
        >>> explain_config_error(MissingConfigException("", missing_cfg_file="hydra/launcher/ray"))
        "hydra/launcher/ray is not installed: pip install 'segdrone[ray]'"
        >>> explain_config_error(ZeroDivisionError()) is None
        True
    """
    if isinstance(error, MissingConfigException) and error.missing_cfg_file in EXTRAS:
        extra = EXTRAS[error.missing_cfg_file]
        return f"{error.missing_cfg_file} is not installed: pip install 'segdrone[{extra}]'"
    if isinstance(error, OverrideParseException) and "=" not in error.override.strip("="):
        return f"{error.override} is not a setting: give KEY=VALUE, without spaces around the ="
    if isinstance(error, OverrideParseException):
        return (
            f"{error.override} cannot be parsed: a path or text with characters other than letters, digits, spaces "
            "and ._-/ needs quotes of its own inside the shell's quotes: 'data.root=\"FOLDER\"'"
        )
    if isinstance(error, HydraException | OmegaConfBaseException):
        return f"{_explain_hydra(' '.join(str(error).split()))} (see --help for all keys)"
    if isinstance(error, ValueError) and "Config group override" in str(error):
        return "a config group, such as callbacks= or model=, takes the name of a file, or a list of names (see --help)"
    if isinstance(error, ValueError) and isinstance(error.__cause__, OSError):  # of the log file in the run's folder
        return f"{explain_error(error.__cause__)}, or give another output_dir"
    if isinstance(error, SegdroneError | OSError):
        return explain_error(error)
    return None


def _explain_hydra(text: str) -> str:
    """Replaces Hydra's advice for an unknown key: appending it would create a key that nothing reads."""
    unknown = re.match(r"Could not override '(.+?)'", text)
    if unknown is None:
        return text.partition(" Config search path:")[0]
    key = unknown[1]
    alternative = f", or give +{key}=VALUE if the component accepts it" if "." in key else ""
    return f"{key} is not a known setting: fix the name{alternative}"
