"""Answers with many items: sent page by page as they are read. Called by :mod:`.frame`."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import hdrs, web

from odimra.midpoint.asking import Answer
from odimra.midpoint.media import Form, Writer


async def streamed(
    request: web.Request, answer: Answer, form: Form, headers: Mapping[str, str]
) -> web.StreamResponse:
    """Send an answer whose items come in pages."""
    stream = answer.stream
    assert stream is not None
    response = web.StreamResponse(status=answer.status, headers=headers)
    await response.prepare(request)
    if request.method == hdrs.METH_HEAD:
        # What would be sent here would be taken for the next answer.
        await response.write_eof()
        return response
    writer = Writer(form, answer.name, answer.type, stream.path)
    await response.write(writer.begin())
    async for page in stream.pages:
        if page:
            await response.write(b"".join(writer.item(one) for one in page))
    await response.write(writer.end(answer.content))
    await response.write_eof()
    return response
