// Starts wirescope-server for a test file. Copy it beside your tests.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/**
 * Starts a server on a free port; WIRESCOPE_SERVER names the program where it is not on PATH.
 * It ends with `stop()`, and in any case with this process.
 */
export async function startServer(...flags) {
  const program = process.env.WIRESCOPE_SERVER ?? 'wirescope-server';
  const child = spawn(program, ['--listen', '127.0.0.1:0', '--log', 'warn', ...flags], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const kill = () => child.kill();
  process.once('exit', kill);

  // The first line is "listening on http://ADDR:PORT".
  const [line] = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    once(child, 'exit').then(([code]) => {
      throw new Error(`${program} ended with status ${code} before it listened`);
    }),
  ]);
  const address = line.replace('listening on http://', '');

  return {
    /** The address of a WebSocket, such as `url('/echo?drop=2%')`. */
    url: (path) => `ws://${address}${path}`,

    /** Gives all live connections other faults, such as `strike('rst')`; an empty text mends them. Needs --control. */
    async strike(faults) {
      const response = await fetch(`http://${address}/control/connections/all/faults?${faults}`, { method: 'POST' });
      if (!response.ok) throw new Error(await response.text());
      return response.json();
    },

    async stop() {
      process.off('exit', kill);
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill();
      await once(child, 'exit');
    },
  };
}
