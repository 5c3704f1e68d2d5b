"""The lab's own API, on its control port: states, stop and start of one service.

`GET /` tells each service's processes and whether they run, `POST /stop/SERVICE` and
`POST /start/SERVICE` answer when it is down, or healthy again. `POST /pause/SERVICE` lets it take
calls and answer none until `POST /resume/SERVICE`.
"""

import asyncio
import json

from .place import HOST
from .process import Died


async def serve(lab):
    """Listen; the server lives as long as what is given back."""
    one_at_a_time = asyncio.Lock()

    async def answer(reader, writer):
        try:
            line = (await reader.readline()).decode().split()
            while (await reader.readline()).strip():
                pass
            async with one_at_a_time:
                status, body = await _do(lab, *line[:2])
            raw = json.dumps(body, indent=1).encode() + b"\n"
            writer.write(
                b"HTTP/1.1 %d .\r\nContent-Type: application/json\r\nConnection: close\r\n"
                b"Content-Length: %d\r\n\r\n" % (status, len(raw)) + raw
            )
            await writer.drain()
        finally:
            writer.close()

    return await asyncio.start_server(answer, HOST, lab.place.ports["control"])


async def _do(lab, method="", path=""):
    if (method, path) == ("GET", "/"):
        return 200, lab.states()
    verb, _, name = path.lstrip("/").partition("/")
    actions = {"stop": lab.stop, "start": lab.start, "pause": lab.pause, "resume": lab.resume}
    action = actions.get(verb)
    if method != "POST" or action is None:
        return 404, {"error": f"GET /, or POST /VERB/SERVICE with VERB one of {', '.join(actions)}"}
    if name not in lab.services:
        return 404, {"error": f"no service {name}; there are {', '.join(lab.services)}"}
    try:
        await action(name)
    except Died as error:
        return 500, {"error": str(error)}
    lab.say(f"{name}: {verb}")
    return 200, lab.states()
