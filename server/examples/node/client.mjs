// What is tested: a little client that asks and gets answers, over as many connections as that takes.

import { EventEmitter } from 'node:events';
import WebSocket from 'ws';

/**
 * Emits `up` for each connection, `down` with the close code of each that is gone, and `gaveUp` with the HTTP status when
 * the server will not have it.
 */
export class Client extends EventEmitter {
  #url;
  #times;
  #questions = new Map();
  #asked = 0;
  #attempt = 0;
  #failures = 0;
  #socket;
  #retry;
  #closed = false;

  /** `url` is an address, or gives the one for an attempt, counted from 0. Times are in milliseconds. */
  constructor(url, { answerWithin = 1000, pongWithin = 1000, retryAfter = 100, retryAtMost = 5000 } = {}) {
    super();
    this.#url = typeof url === 'function' ? url : () => url;
    this.#times = { answerWithin, pongWithin, retryAfter, retryAtMost };
    this.#connect();
  }

  /** Resolves with the server's answer, which is the question where the server is an echo. */
  ask(text) {
    const id = ++this.#asked;
    return new Promise((resolve, reject) => {
      const question = { message: JSON.stringify({ id, text }), resolve, reject };
      // Whatever was lost on the way, the question or its answer: it is asked again until one comes.
      question.timer = setInterval(() => this.#send(question), this.#times.answerWithin);
      this.#questions.set(id, question);
      this.#send(question);
    });
  }

  close() {
    this.#end(new Error('closed'));
    this.#socket.close(1000);
  }

  #connect() {
    const socket = new WebSocket(this.#url(this.#attempt++));
    this.#socket = socket;
    let refused = false;
    let heartbeat;
    socket.on('open', () => {
      heartbeat = this.#watch(socket);
      this.emit('up');
      for (const question of this.#questions.values()) this.#send(question);
    });
    socket.on('message', (data) => this.#answer(data));
    socket.on('unexpected-response', (_request, response) => {
      // 4xx says that the request is wrong, and it would be the same the next time.
      refused = response.statusCode >= 400 && response.statusCode < 500;
      socket.terminate();
      if (!refused) return;
      this.emit('gaveUp', response.statusCode);
      this.#end(new Error(`refused with ${response.statusCode}`));
    });
    socket.on('error', () => {}); // `close` follows and says the rest.
    socket.on('close', (code) => {
      clearInterval(heartbeat);
      if (refused || this.#closed) return;
      this.emit('down', code);
      // Twice as long each time, and never in step with the other clients of a server that comes back.
      const wait = Math.min(this.#times.retryAfter * 2 ** this.#failures++, this.#times.retryAtMost);
      this.#retry = setTimeout(() => this.#connect(), wait * (0.5 + Math.random() / 2));
    });
  }

  /** A connection that answers no ping is gone, whatever TCP thinks of it. */
  #watch(socket) {
    let alive = true;
    socket.on('pong', () => (alive = true));
    return setInterval(() => {
      if (!alive) return socket.terminate();
      alive = false;
      socket.ping();
    }, this.#times.pongWithin);
  }

  #send({ message }) {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(message);
  }

  #answer(data) {
    const { id, text } = JSON.parse(data);
    const question = this.#questions.get(id);
    if (!question) return; // The answer came before, and this is it once more.
    this.#questions.delete(id);
    clearInterval(question.timer);
    this.#failures = 0;
    question.resolve(text);
  }

  #end(error) {
    this.#closed = true;
    clearTimeout(this.#retry);
    for (const question of this.#questions.values()) {
      clearInterval(question.timer);
      question.reject(error);
    }
    this.#questions.clear();
  }
}
