"""The server as Python's websockets meets it.

`cargo xtask test --only interop` puts this file beside the example's, whose `Server` it uses.
"""

import base64
import json
import os
import unittest
import uuid

from websockets.asyncio.client import connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHeader,
    InvalidMessage,
    InvalidStatus,
    InvalidUpgrade,
    NegotiationError,
)
from wirescope import Server


class InteropTest(unittest.IsolatedAsyncioTestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(Server())

    def open(self, path, **options):
        return connect(self.server.url(path), max_size=None, **options)

    async def meet(self, query, count=None):
        """Says three words and hears so many, or all that come until the connection ends.

        Gives them, the code and the reason that websockets reports, and the code that the server heard from it.
        """
        trace = uuid.uuid4()
        async with self.open(f"/trace/{trace}") as watcher:
            socket = await self.open(f"/echo?{query}&trace={trace}")
            messages = []
            try:
                for word in ("one", "two", "three"):
                    await socket.send(word)
                while count is None or len(messages) < count:
                    messages.append(await socket.recv())
                await socket.close(1000, "done")
            except ConnectionClosed:
                pass
            await socket.wait_closed()
            async for event in watcher:
                event = json.loads(event)
                if event["event"] == "verdict":
                    return messages, socket.close_code, socket.close_reason, event["close_received"]

    async def test_messages_come_back(self):
        async with self.open("/echo") as socket:
            for message in ("", "zażółć gęślą jaźń 🦀\0\ufeff", bytes(range(256)), "🦀" * 300_000, os.urandom(5_000_000)):
                await socket.send(message)
                self.assertTrue(await socket.recv() == message, f"{message[:20]}… came back as something else")

    async def test_a_message_in_fragments_comes_back_whole(self):
        async with self.open("/echo") as socket:
            await socket.send(["one ", "", "🦀", " two"])
            self.assertEqual(await socket.recv(), "one 🦀 two")
            await socket.send([b"\0", b"\xff"])
            self.assertEqual(await socket.recv(), b"\0\xff")

    async def test_a_thousand_messages_come_back_in_order(self):
        async with self.open("/echo") as socket:
            for number in range(1000):
                await socket.send(str(number))
            self.assertEqual([await socket.recv() for _ in range(1000)], [str(number) for number in range(1000)])

    async def test_a_ping_is_answered(self):
        async with self.open("/echo") as socket:
            await (await socket.ping("anybody?"))

    async def test_the_first_subprotocol_offered_is_selected_and_none_where_none_is(self):
        async with self.open("/echo", subprotocols=["v2.chat", "v1.chat"]) as socket:
            self.assertEqual(socket.subprotocol, "v2.chat")
        async with self.open("/echo") as socket:
            self.assertIsNone(socket.subprotocol)

    async def test_compression_is_offered_by_websockets_and_not_taken(self):
        async with self.open("/echo", compression="deflate") as socket:
            self.assertNotIn("Sec-WebSocket-Extensions", socket.response.headers)

    async def test_a_close_is_answered_with_the_same(self):
        for code, reason in ((1000, "done"), (1001, ""), (3000, "é" * 61), (4999, "")):
            with self.subTest(code):
                socket = await self.open("/echo")
                await socket.close(code, reason)
                self.assertEqual((socket.close_code, socket.close_reason), (code, reason))

    async def test_it_is_ended(self):
        # The fault, the code and the reason that websockets reports, and the code that the server then hears from it.
        for query, code, reason, told in (
            ("close=1000", 1000, "", 1000),
            ("close=1011&reason=broken", 1011, "broken", 1011),
            ("close=4000&reason=%C3%A9", 4000, "é", 4000),
            ("close=1014", 1014, "", 1014),
            ("close=0", 1006, "", 1002),
            ("close=1005", 1006, "", 1002),
            ("close=1006", 1006, "", 1002),
            ("close=1016", 1006, "", 1002),
            ("close=5000", 1006, "", 1002),
            ("fin", 1006, "", None),
            ("rst", 1006, "", None),
            ("inject=rsv1", 1006, "", 1002),
            ("inject=rsv2", 1006, "", 1002),
            ("inject=rsv3", 1006, "", 1002),
            ("inject=opcode3", 1006, "", 1002),
            ("inject=opcode11", 1006, "", 1002),
            ("inject=bad-utf8", 1006, "", 1007),
            ("inject=cut-utf8", 1006, "", 1007),
            ("inject=masked", 1006, "", 1002),
            ("inject=long-ping", 1006, "", 1002),
            ("inject=fragmented-ping", 1006, "", 1002),
            ("inject=continuation", 1006, "", 1002),
            ("inject=interleaved", 1006, "", 1002),
            ("inject=bad-close-code", 1006, "", 1002),
            ("inject=short-close", 1006, "", 1002),
            ("inject=close-utf8", 1006, "", 1007),
        ):
            with self.subTest(query):
                self.assertEqual(await self.meet(query), ([], code, reason, told))

    async def test_a_close_can_wait_for_a_message(self):
        seen = await self.meet("close=1012&reason=back%20soon&after=1")
        self.assertEqual(seen, (["one"], 1012, "back soon", 1012))

    async def test_a_close_in_one_packet_with_the_101_is_not_overlooked(self):
        for code in (1000, 1011):
            with self.subTest(code):
                async with self.open(f"/echo?early-close={code}") as socket:
                    with self.assertRaises(ConnectionClosed):
                        await socket.recv()
                self.assertEqual(socket.close_code, code)

    async def test_it_is_kept_from_opening(self):
        # The fault, and the error and the words of websockets for it.
        for query, error, words in (
            ("accept=wrong", InvalidHeader, "invalid Sec-WebSocket-Accept header"),
            ("accept=none", InvalidHeader, "missing Sec-WebSocket-Accept header"),
            ("without=upgrade", InvalidUpgrade, "missing Upgrade header"),
            ("without=connection", InvalidUpgrade, "missing Connection header"),
            ("subprotocol=unasked", NegotiationError, "no subprotocols supported"),
            ("garbage", InvalidMessage, "did not receive a valid HTTP response"),
            ("status=404", InvalidStatus, "HTTP 404"),
            ("status=503", InvalidStatus, "HTTP 503"),
            ("basic-auth=user:secret", InvalidStatus, "HTTP 401"),
        ):
            with self.subTest(query), self.assertRaisesRegex(error, words):
                await self.open(f"/echo?{query}")
        with self.assertRaises(NegotiationError):
            await self.open("/echo?extension=permessage-deflate", compression=None)

    async def test_a_redirect_is_followed(self):
        async with self.open("/echo?redirect=/echo") as socket:
            self.assertEqual(socket.request.path, "/echo")
            await socket.send("here")
            self.assertEqual(await socket.recv(), "here")

    async def test_credentials_and_cookies_go_both_ways(self):
        credentials = base64.b64encode(b"user:secret").decode()
        path = "/echo?basic-auth=user:secret&set-cookie=id=1;HttpOnly"
        async with self.open(path, additional_headers={"Authorization": f"Basic {credentials}"}) as socket:
            self.assertEqual(socket.response.headers["Set-Cookie"], "id=1;HttpOnly")

    async def test_it_is_lived_through(self):
        # The fault, and what comes of one, two, three.
        for query, messages in (
            ("drop&every=2", ["one", "three"]),
            ("duplicate", ["one", "one", "two", "two", "three", "three"]),
            ("reorder", ["two", "one"]),
            ("fragment=2", ["one", "two", "three"]),
            ("fragment-pings=2", ["one", "two", "three"]),
            ("chunk=1", ["one", "two", "three"]),
            ("delay=20ms", ["one", "two", "three"]),
            ("unsolicited-pong=10ms", ["one", "two", "three"]),
            ("inject=non-minimal-length", ["x", "one", "two", "three"]),
            ("handshake-drip=1ms", ["one", "two", "three"]),
            ("subprotocol=none", ["one", "two", "three"]),
        ):
            with self.subTest(query):
                self.assertEqual(await self.meet(query, len(messages)), (messages, 1000, "done", 1000))

    async def test_a_ping_is_not_answered_where_the_server_is_told_not_to(self):
        async with self.open("/echo?no-pong", ping_interval=None) as socket:
            pong = await socket.ping("anybody?")
            await socket.send("still here")
            self.assertEqual(await socket.recv(), "still here")
            self.assertFalse(pong.done())
            pong.cancel()


if __name__ == "__main__":
    unittest.main()
