"""Let clients get an answer that comes before the end of their upload.

Many send all of a body before they read the answer. If the connection is closed meanwhile, they report a broken
connection instead of, say, 413. So the rest of the body is read and dropped, for some seconds.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SECONDS = 5.0


class DrainBody:
    """Middleware that reads what the answer has left of a body, then closes the connection."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request."""
        headers = Headers(scope=scope) if scope["type"] == "http" else {}
        if headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers:
            await self._app(scope, receive, send)
            return
        is_complete = is_slow = False

        async def follow() -> Message:
            nonlocal is_complete
            message = await receive()
            is_complete = is_complete or message["type"] != "http.request" or not message.get("more_body", False)
            return message

        async def answer(message: Message) -> None:
            nonlocal is_slow
            if message["type"] == "http.response.start" and not is_complete:
                MutableHeaders(scope=message)["Connection"] = "close"
                is_slow = message["status"] == 408
            is_last = message["type"] == "http.response.body" and not message.get("more_body", False)
            if is_last and not is_complete and not is_slow:
                await send({**message, "more_body": True})
                with suppress(TimeoutError):
                    async with asyncio.timeout(_SECONDS):
                        while not is_complete:
                            await follow()
                message = {"type": "http.response.body", "body": b""}
            await send(message)

        await self._app(scope, follow, answer)
