"""How the client takes what a network does to it. Each fault is in the address, so nothing is mocked."""

import asyncio
import unittest

from client import Client, Refused
from wirescope import Server


class ClientTest(unittest.IsolatedAsyncioTestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(Server("--control"))

    def client(self, path, pong_within=30):
        """A client that soon tries again."""
        url = self.server.url(path) if isinstance(path, str) else lambda attempt: self.server.url(path(attempt))
        return Client(url, answer_within=0.2, pong_within=pong_within, retry_after=0.01, retry_at_most=0.05)

    async def test_an_answer_that_is_lost_is_asked_for_again(self):
        async with self.client("/echo?drop&every=2") as asking:
            for text in ("one", "two", "three", "four"):
                self.assertEqual(await asking.ask(text), text)

    async def test_an_answer_that_comes_twice_counts_once(self):
        async with self.client("/echo?duplicate") as asking:
            for text in ("one", "two"):
                self.assertEqual(await asking.ask(text), text)

    async def test_it_connects_again(self):
        # What the server does after the first answer, and what the client reports.
        for fault, code, times in (
            ("close=1012&reason=back%20soon", 1012, {}),
            ("fin", 1006, {}),
            ("rst", 1006, {}),
            ("half-open", 1006, {"pong_within": 0.2}),
            ("inject=rsv1", 1006, {}),
        ):
            with self.subTest(fault):
                async with self.client(f"/echo?{fault}&after=1", **times) as asking:
                    for text in ("one", "two", "three"):
                        self.assertEqual(await asking.ask(text), text)
                self.assertGreaterEqual(asking.up, 3)
                self.assertEqual(set(asking.down), {code})

    async def test_a_server_that_is_overloaded_is_asked_until_it_has_time(self):
        async with self.client(lambda attempt: "/echo?status=503" if attempt < 3 else "/echo") as asking:
            self.assertEqual(await asking.ask("at last"), "at last")
            self.assertEqual((asking.up, asking.down), (1, [503, 503, 503]))

    async def test_a_server_that_will_not_have_it_is_left_alone(self):
        async with self.client("/echo?status=403") as asking:
            with self.assertRaisesRegex(Refused, "403"):
                await asking.ask("please")
            self.assertEqual((asking.up, asking.down), (0, []))

    async def test_clients_come_back_when_the_server_cuts_them_all_at_once(self):
        async with self.client("/echo") as one, self.client("/echo") as other:
            await asyncio.gather(one.ask("hello"), other.ask("hello"))
            struck = await asyncio.to_thread(self.server.strike, "rst")
            # A connection that an earlier test left hanging may be among them.
            self.assertGreaterEqual(struck["changed"], 2)
            self.assertEqual(await asyncio.gather(one.ask("1"), other.ask("2")), ["1", "2"])
            self.assertEqual((one.up, other.up), (2, 2))


if __name__ == "__main__":
    unittest.main()
