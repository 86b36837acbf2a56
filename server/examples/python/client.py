"""What is tested: a little client that asks and gets answers, over as many connections as that takes."""

import asyncio
import itertools
import json
import random

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidHandshake, InvalidStatus, WebSocketException


class Refused(Exception):
    """The server will not have it, and would not the next time."""


class Client:
    """An `async with` block in which questions are answered.

    `url` is an address, or gives the one for an attempt, counted from 0. Times are in seconds.
    """

    def __init__(self, url, answer_within=1.0, pong_within=1.0, retry_after=0.1, retry_at_most=5.0):
        self._url = url if callable(url) else lambda _: url
        self._answer_within = answer_within
        self._pong_within = pong_within
        self._retry_after = retry_after
        self._retry_at_most = retry_at_most
        self._numbers = itertools.count(1)
        self._questions = {}
        self._socket = None
        self._failures = 0
        #: How many connections there were, and the close codes of those that are gone.
        self.up = 0
        self.down = []

    async def ask(self, text):
        """The server's answer, which is the question where the server is an echo."""
        number = next(self._numbers)
        message = json.dumps({"id": number, "text": text})
        answer = asyncio.get_running_loop().create_future()
        self._questions[number] = (message, answer)
        try:
            # Whatever was lost on the way, the question or its answer: it is asked again until one comes.
            while not answer.done() and not self._task.done():
                await self._send(message)
                await asyncio.wait((answer, self._task), timeout=self._answer_within, return_when="FIRST_COMPLETED")
            return answer.result() if answer.done() else self._task.result()
        finally:
            del self._questions[number]

    async def __aenter__(self):
        self._task = asyncio.create_task(self._stay_connected())
        return self

    async def __aexit__(self, *_):
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _stay_connected(self):
        for attempt in itertools.count():
            try:
                # A connection that answers no ping is gone, whatever TCP thinks of it: websockets sees to that.
                times = {"ping_interval": self._pong_within, "ping_timeout": self._pong_within, "close_timeout": 1}
                async with connect(self._url(attempt), **times) as socket:
                    await self._serve(socket)
                self.down.append(socket.close_code)
            except InvalidStatus as error:
                # 4xx says that the request is wrong, and it would be the same the next time.
                if 400 <= error.response.status_code < 500:
                    raise Refused(error.response.status_code) from error
                self.down.append(error.response.status_code)
            except (InvalidHandshake, OSError, TimeoutError):
                self.down.append(None)
            # Twice as long each time, and never in step with the other clients of a server that comes back.
            wait = min(self._retry_after * 2 ** min(self._failures, 32), self._retry_at_most)
            self._failures += 1
            await asyncio.sleep(wait * random.uniform(0.5, 1))

    async def _serve(self, socket):
        self.up += 1
        self._socket = socket
        try:
            for message, _ in list(self._questions.values()):
                await self._send(message)
            async for data in socket:
                self._answer(data)
        except WebSocketException:
            pass  # `close_code` says the rest.
        finally:
            self._socket = None

    def _answer(self, data):
        said = json.loads(data)
        _, answer = self._questions.get(said["id"], (None, None))
        if answer is None or answer.done():
            return  # The answer came before, and this is it once more.
        self._failures = 0
        answer.set_result(said["text"])

    async def _send(self, message):
        try:
            if self._socket is not None:
                await self._socket.send(message)
        except WebSocketException:
            pass  # It is gone, and the next connection asks again.
