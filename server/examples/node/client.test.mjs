// How the client takes what a network does to it. Each fault is in the address, so nothing is mocked.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { Client } from './client.mjs';
import { startServer } from './wirescope.mjs';

let server;
before(async () => (server = await startServer('--control')));
after(() => server?.stop());

/** A client that soon tries again, is closed with its test, and counts what it went through. */
function client(t, url, { pongWithin = 30_000 } = {}) {
  const client = new Client(url, { answerWithin: 200, pongWithin, retryAfter: 10, retryAtMost: 50 });
  client.seen = { up: 0, down: [] };
  client.on('up', () => client.seen.up++);
  client.on('down', (code) => client.seen.down.push(code));
  t.after(() => client.close());
  return client;
}

test('an answer that is lost is asked for again', async (t) => {
  const asking = client(t, server.url('/echo?drop&every=2'));
  for (const text of ['one', 'two', 'three', 'four']) assert.equal(await asking.ask(text), text);
});

test('an answer that comes twice counts once', async (t) => {
  const asking = client(t, server.url('/echo?duplicate'));
  for (const text of ['one', 'two']) assert.equal(await asking.ask(text), text);
});

// What the server does after the first answer, and what the client reports.
for (const [fault, code, times] of [
  ['close=1012&reason=back%20soon', 1012],
  ['fin', 1006],
  ['rst', 1006],
  ['half-open', 1006, { pongWithin: 200 }],
  ['inject=rsv1', 1006],
]) {
  test(`it connects again after ${fault}`, async (t) => {
    const asking = client(t, server.url(`/echo?${fault}&after=1`), times);
    for (const text of ['one', 'two', 'three']) assert.equal(await asking.ask(text), text);
    assert.ok(asking.seen.up >= 3, `${asking.seen.up} connections for three answers`);
    assert.ok(asking.seen.down.every((seen) => seen === code), `${asking.seen.down}`);
  });
}

test('a server that is overloaded is asked until it has time', async (t) => {
  const asking = client(t, (attempt) => server.url(attempt < 3 ? '/echo?status=503' : '/echo'));
  assert.equal(await asking.ask('at last'), 'at last');
  assert.deepEqual(asking.seen, { up: 1, down: [1006, 1006, 1006] });
});

test('a server that will not have it is left alone', async (t) => {
  const asking = client(t, server.url('/echo?status=403'));
  const question = assert.rejects(asking.ask('please'), /refused with 403/);
  assert.deepEqual(await once(asking, 'gaveUp'), [403]);
  await question;
  assert.deepEqual(asking.seen, { up: 0, down: [] });
});

test('clients come back when the server cuts them all at once', async (t) => {
  const clients = Array.from({ length: 10 }, () => client(t, server.url('/echo')));
  await Promise.all(clients.map((asking) => asking.ask('hello')));
  const back = clients.map((asking) => once(asking, 'up'));
  // A connection that an earlier test left hanging may be among them.
  assert.ok((await server.strike('rst')).changed >= 10);
  await Promise.all(back);
  const answers = await Promise.all(clients.map((asking, n) => asking.ask(`${n}`)));
  assert.deepEqual(answers, ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
});
