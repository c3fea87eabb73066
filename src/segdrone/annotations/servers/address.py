"""Read the address and the token of a labeling tool."""

from __future__ import annotations

import ipaddress
import logging
import os
from urllib.parse import urlsplit, urlunsplit

from segdrone.errors import ConfigError

log = logging.getLogger(__name__)


def parse_address(text: str, option: str) -> str:
    """Returns an address of http or https without a slash at its end.

    Nothing of the text is in an error, as it may hold a password.

    Args:
        text: What the user gave.
        option: How the command calls it, for errors.

    Raises:
        ConfigError: It is no such address, or holds a user, a password, a query or a fragment.

    Example:
        >>> parse_address("https://labels.example.org/studio/", "--push")
        'https://labels.example.org/studio'
    """
    wrong = ConfigError(f"{option} must be an address such as http://localhost:8080")
    if not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
        raise wrong
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise wrong from None
    if parts.username is not None or parts.password is not None or "?" in text or "#" in text:
        raise ConfigError(
            f"{option} holds a user, a password or a query, which others can see in the list of processes: give "
            "the address alone, and the token in the environment"
        )
    if parts.scheme not in ("http", "https") or not host or port == 0:
        raise wrong
    if parts.scheme == "http" and not _is_own_machine(host):
        log.warning("the token goes to %s without encryption: give an https address if there is one", host)
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))


def read_token(names: tuple[str, ...], where: str) -> str:
    """Returns the token in the first environment variable that is set.

    Args:
        names: Of the variables.
        where: Where a user gets a token.

    Raises:
        ConfigError: None is set, or the token is not one word of ASCII characters.
    """
    name = next((name for name in names if os.environ.get(name, "").strip()), None)
    if name is None:
        raise ConfigError(f"{' or '.join(names)} is not set in the environment: give it a token, from {where}")
    token = os.environ[name].strip()
    if not token.isascii() or not token.isprintable() or " " in token:
        raise ConfigError(f"{name} is not one word of ASCII characters: copy the token again, from {where}")
    return token


def _is_own_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
