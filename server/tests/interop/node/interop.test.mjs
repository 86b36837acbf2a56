// The server as Node's ws meets it. `cargo xtask test --only interop` puts this file beside the example's, whose
// `startServer` it uses.

import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import WebSocket from 'ws';
import { startServer } from './wirescope.mjs';

let server;
before(async () => (server = await startServer()));
after(() => server?.stop());

/** An open connection, which ends with its test. */
async function open(t, path, ...options) {
  const socket = new WebSocket(server.url(path), ...options);
  t.after(() => socket.terminate());
  await once(socket, 'open');
  return socket;
}

/** The next message: its data, and whether it is binary. */
async function hear(socket) {
  const [data, isBinary] = await once(socket, 'message');
  return { data, isBinary };
}

/**
 * Says three words, then closes the connection or waits for its end, and gives all that was seen until then. `verdict`
 * gives what the server saw of it.
 */
async function meet(t, query, { closes = false, ...options } = {}) {
  const trace = randomUUID();
  const watcher = await open(t, `/trace/${trace}`);
  const seen = { opened: false, messages: [], pings: 0, error: '' };
  const verdict = new Promise((resolve) => {
    watcher.on('message', (data) => {
      const event = JSON.parse(data);
      if (event.event === 'verdict') resolve(event);
    });
  });
  const socket = new WebSocket(server.url(`/echo?${query}&trace=${trace}`), options);
  t.after(() => socket.terminate());
  socket.on('open', () => {
    seen.opened = true;
    for (const word of ['one', 'two', 'three']) socket.send(word);
    if (closes) socket.close(1000, 'done');
  });
  socket.on('ping', () => seen.pings++);
  socket.on('message', (data) => seen.messages.push(`${data}`));
  socket.on('error', (error) => (seen.error = error.code ?? error.message));
  const [code, reason] = await new Promise((resolve) => socket.on('close', (...how) => resolve(how)));
  return { ...seen, code, reason: `${reason}`, verdict };
}

for (const [what, data] of [
  ['an empty text', ''],
  ['a text', 'zażółć gęślą jaźń 🦀\u0000\ufeff'],
  ['a message of every byte', Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))],
  ['a long text', '🦀'.repeat(300_000)],
  ['a message of 5 MB', randomBytes(5_000_000)],
]) {
  test(`${what} comes back`, async (t) => {
    const socket = await open(t, '/echo');
    socket.send(data);
    const answer = await hear(socket);
    assert.equal(answer.isBinary, typeof data !== 'string');
    assert.ok(answer.data.equals(Buffer.from(data)), 'not what was sent');
  });
}

test('a message in fragments comes back whole, with a ping between them answered', async (t) => {
  const socket = await open(t, '/echo');
  const crab = Buffer.from('🦀');
  socket.send(crab.subarray(0, 1), { binary: false, fin: false });
  socket.ping('between');
  socket.send(crab.subarray(1, 3), { binary: false, fin: false });
  const [pong] = await once(socket, 'pong');
  assert.equal(`${pong}`, 'between');
  socket.send(crab.subarray(3), { binary: false, fin: true });
  const { data, isBinary } = await hear(socket);
  assert.deepEqual([`${data}`, isBinary], ['🦀', false]);
});

test('a thousand messages come back in order', async (t) => {
  const socket = await open(t, '/echo');
  const came = [];
  const all = new Promise((resolve) => {
    socket.on('message', (data) => came.push(Number(data)) === 1000 && resolve());
  });
  for (let number = 0; number < 1000; number++) socket.send(`${number}`);
  await all;
  assert.deepEqual(came, Array.from({ length: 1000 }, (_, number) => number));
});

test('the first subprotocol offered is selected, and none where none is', async (t) => {
  assert.equal((await open(t, '/echo', ['v2.chat', 'v1.chat'])).protocol, 'v2.chat');
  assert.equal((await open(t, '/echo')).protocol, '');
});

test('compression is offered by ws and not taken', async (t) => {
  assert.equal((await open(t, '/echo', { perMessageDeflate: true })).extensions, '');
});

for (const [code, reason, answered = code] of [
  [1000, 'done'],
  [1001, ''],
  [3000, 'é'.repeat(61)],
  [4999, ''],
  [undefined, '', 1005],
]) {
  test(`a close with ${code} is answered with the same`, async (t) => {
    const socket = await open(t, '/echo');
    socket.close(code, reason);
    const [heard, why] = await once(socket, 'close');
    assert.deepEqual([heard, `${why}`], [answered, reason]);
  });
}

// The fault, the code and the reason that ws reports, its error, and the code that the server then hears from it.
for (const [query, code, reason, error, told] of [
  ['close=1000', 1000, '', '', 1000],
  ['close=1011&reason=broken', 1011, 'broken', '', 1011],
  ['close=4000&reason=%C3%A9', 4000, 'é', '', 4000],
  ['close=1014', 1014, '', '', 1014],
  ['close=0', 1006, '', 'WS_ERR_INVALID_CLOSE_CODE', 1002],
  ['close=1005', 1006, '', 'WS_ERR_INVALID_CLOSE_CODE', 1002],
  ['close=1006', 1006, '', 'WS_ERR_INVALID_CLOSE_CODE', 1002],
  ['close=1016', 1006, '', 'WS_ERR_INVALID_CLOSE_CODE', 1002],
  ['close=5000', 1006, '', 'WS_ERR_INVALID_CLOSE_CODE', 1002],
  ['fin', 1006, '', '', null],
  ['inject=rsv1', 1006, '', 'WS_ERR_UNEXPECTED_RSV_1', 1002],
  ['inject=rsv2', 1006, '', 'WS_ERR_UNEXPECTED_RSV_2_3', 1002],
  ['inject=rsv3', 1006, '', 'WS_ERR_UNEXPECTED_RSV_2_3', 1002],
  ['inject=opcode3', 1006, '', 'WS_ERR_INVALID_OPCODE', 1002],
  ['inject=opcode11', 1006, '', 'WS_ERR_INVALID_OPCODE', 1002],
  ['inject=bad-utf8', 1006, '', 'WS_ERR_INVALID_UTF8', 1007],
  ['inject=cut-utf8', 1006, '', 'WS_ERR_INVALID_UTF8', 1007],
  ['inject=masked', 1006, '', 'WS_ERR_UNEXPECTED_MASK', 1002],
  ['inject=long-ping', 1006, '', 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH', 1002],
  ['inject=fragmented-ping', 1006, '', 'WS_ERR_EXPECTED_FIN', 1002],
  ['inject=continuation', 1006, '', 'WS_ERR_INVALID_OPCODE', 1002],
  ['inject=interleaved', 1006, '', 'WS_ERR_INVALID_OPCODE', 1002],
  ['inject=bad-close-code', 1006, '', 'WS_ERR_INVALID_CLOSE_CODE', 1002],
  ['inject=short-close', 1006, '', 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH', 1002],
  ['inject=close-utf8', 1006, '', 'WS_ERR_INVALID_UTF8', 1007],
  ['inject=huge-length', 1006, '', 'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH', 1009],
]) {
  test(`${query} ends it`, async (t) => {
    const { verdict, ...seen } = await meet(t, query);
    assert.deepEqual(seen, { opened: true, messages: [], pings: 0, error, code, reason });
    const { close_received } = await verdict;
    assert.equal(close_received, told);
  });
}

for (const code of [1000, 1011]) {
  test(`a close with ${code} in one packet with the 101 is not overlooked`, async (t) => {
    const { verdict: _, ...seen } = await meet(t, `early-close=${code}`);
    assert.deepEqual(seen, { opened: true, messages: [], pings: 0, error: '', code, reason: '' });
  });
}

test('a close can wait for a message', async (t) => {
  const seen = await meet(t, 'close=1012&reason=back%20soon&after=1');
  assert.deepEqual([seen.messages, seen.code, seen.reason], [['one'], 1012, 'back soon']);
});

test('a reset ends it without a word', async (t) => {
  const { opened, messages, code, verdict } = await meet(t, 'rst');
  assert.deepEqual([opened, messages, code], [true, [], 1006]);
  assert.equal((await verdict).close_received, null);
});

// The fault, and the words of ws for it.
for (const [query, error] of [
  ['accept=wrong', 'Invalid Sec-WebSocket-Accept header'],
  ['accept=none', 'Invalid Sec-WebSocket-Accept header'],
  ['without=upgrade', 'Unexpected server response: 101'],
  ['without=connection', 'Unexpected server response: 101'],
  ['subprotocol=unasked', 'Server sent a subprotocol but none was requested'],
  ['garbage', 'HPE_INVALID_CONSTANT'],
  ['status=503', 'Unexpected server response: 503'],
  ['redirect=/echo', 'Unexpected server response: 302'],
  ['basic-auth=user:secret', 'Unexpected server response: 401'],
]) {
  test(`${query} keeps it from opening`, async (t) => {
    const { verdict: _, ...seen } = await meet(t, query);
    assert.deepEqual(seen, { opened: false, messages: [], pings: 0, error, code: 1006, reason: '' });
  });
}

test('an extension that was not asked for keeps it from opening', async (t) => {
  const seen = await meet(t, 'extension=permessage-deflate', { perMessageDeflate: false });
  assert.deepEqual([seen.opened, seen.code], [false, 1006]);
  assert.match(seen.error, /Sec-WebSocket-Extensions/);
});

test('a redirect is followed where ws is told to', async (t) => {
  const socket = await open(t, '/echo?redirect=/echo', { followRedirects: true });
  assert.ok(socket.url.endsWith('/echo'), socket.url);
});

test('credentials and cookies go both ways', async (t) => {
  const socket = new WebSocket(server.url('/echo?basic-auth=user:secret&set-cookie=id=1;HttpOnly'), {
    auth: 'user:secret',
  });
  t.after(() => socket.terminate());
  const [response] = await once(socket, 'upgrade');
  assert.deepEqual(response.headers['set-cookie'], ['id=1;HttpOnly']);
});

// The fault, and what comes of one, two, three.
for (const [query, messages, pings = 0] of [
  ['drop&every=2', ['one', 'three']],
  ['duplicate', ['one', 'one', 'two', 'two', 'three', 'three']],
  ['reorder', ['two', 'one', 'three']],
  ['fragment=2', ['one', 'two', 'three']],
  ['fragment-pings=2', ['one', 'two', 'three'], 4],
  ['chunk=1', ['one', 'two', 'three']],
  ['delay=20ms', ['one', 'two', 'three']],
  ['unsolicited-pong=10ms', ['one', 'two', 'three']],
  ['inject=non-minimal-length', ['x', 'one', 'two', 'three']],
  ['handshake-drip=1ms', ['one', 'two', 'three']],
  ['subprotocol=none', ['one', 'two', 'three']],
]) {
  test(`${query} is lived through`, async (t) => {
    const { verdict, ...seen } = await meet(t, query, { closes: true });
    assert.deepEqual(seen, { opened: true, messages, pings, error: '', code: 1000, reason: 'done' });
    assert.equal((await verdict).close_received, 1000);
  });
}

test('pings are not answered where the server is told not to', async (t) => {
  const socket = await open(t, '/echo?no-pong');
  socket.on('pong', () => assert.fail('a pong came'));
  socket.ping('anybody?');
  socket.send('still here');
  assert.equal(`${(await hear(socket)).data}`, 'still here');
});
