// The page's half of the benchmark. The driver calls `prepare` for a cell of the table, reads the browser's clock of the
// main thread, calls `run`, reads the clock again, and calls `close`.

const TEXT = "(a text message, 32 ASCII bytes)";
const BYTES = new Uint8Array(1024).fill(0x5a);
BYTES[0] = 1;
BYTES[1023] = 2;

const rows = { js };
let cell;

/** One implementation on one workload; src/work.rs has its counterpart. */
class Cell {
  constructor(url, binary, messages, inFlight) {
    Object.assign(this, { url, binary, messages, inFlight });
    this.failed = new Promise((_, reject) => (this.reject = reject));
    // It is awaited only while the driver waits for something.
    this.failed.catch(() => {});
    this.ready = new Promise((resolve) => (this.isReady = resolve));
    this.begun = new Promise((resolve) => (this.begin = resolve));
    this.finished = new Promise((resolve) => (this.isFinished = resolve));
    this.left = new Promise((resolve) => (this.leave = resolve));
  }

  connected() {
    this.isReady();
    return this.begun;
  }

  finish() {
    this.isFinished(performance.now());
  }

  measured() {
    return this.left;
  }

  fail(why) {
    this.reject(new Error(why));
  }

  or(promise) {
    return Promise.race([promise, this.failed]);
  }
}

/** Loads a build of the Rust implementations; another build's rows have a prefix. */
export async function load(folder, prefix, names) {
  const module = await import(`${folder}/bench.js`);
  await module.default({ module_or_path: `${folder}/bench_bg.wasm` });
  for (const name of names) rows[prefix + name] = module[name];
}

/** Connects, and resolves when the connection is open. */
export function prepare(row, url, binary, messages, inFlight) {
  cell = new Cell(url, binary, messages, inFlight);
  cell.ended = rows[row](cell);
  cell.ended.catch((error) => cell.reject(error));
  return cell.or(cell.ready);
}

/** Resolves when every message came back, with the milliseconds that it took. */
export async function run() {
  const began = performance.now();
  cell.begin();
  return (await cell.or(cell.finished)) - began;
}

/** Closes the connection. */
export function close() {
  cell.leave();
  return cell.or(cell.ended);
}

/** Keeps the main thread busy for so many milliseconds. */
export function spin(milliseconds) {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

/** Leaves the main thread alone for so many milliseconds. */
export function idle(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** The yardstick: what one writes by hand in JavaScript. */
async function js(cell) {
  const { binary, messages, inFlight } = cell;
  const payload = binary ? BYTES : TEXT;
  const socket = new WebSocket(cell.url);
  socket.binaryType = "arraybuffer";
  await new Promise((resolve) => (socket.onopen = resolve));

  let received = 0;
  socket.onmessage = ({ data }) => {
    if (!(typeof data === "string" ? isText(data) : isBytes(new Uint8Array(data)))) {
      return cell.fail("the echo differs");
    }
    received += 1;
    if (received === messages) {
      cell.finish();
    } else if (received + inFlight <= messages) {
      socket.send(payload);
    }
  };

  await cell.connected();
  for (let sent = 0; sent < inFlight; sent += 1) socket.send(payload);
  await cell.measured();
  socket.onmessage = null;
  socket.close();
}

function isText(text) {
  return (
    text.length === TEXT.length &&
    text.charCodeAt(0) === TEXT.charCodeAt(0) &&
    text.charCodeAt(text.length - 1) === TEXT.charCodeAt(TEXT.length - 1)
  );
}

function isBytes(bytes) {
  return bytes.length === BYTES.length && bytes[0] === BYTES[0] && bytes[1023] === BYTES[1023];
}
