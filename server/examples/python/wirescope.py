"""Starts wirescope-server for a test module. Copy it beside your tests."""

import json
import os
import subprocess
import urllib.request


class Server:
    """A server on a free port, in a `with` block; WIRESCOPE_SERVER names the program where it is not on PATH."""

    def __init__(self, *flags):
        program = os.environ.get("WIRESCOPE_SERVER", "wirescope-server")
        command = [program, "--listen", "127.0.0.1:0", "--log", "warn", *flags]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        # The first line is "listening on http://ADDR:PORT".
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{program} ended with status {self._process.wait()} before it listened")
        self._address = line.strip().removeprefix("listening on http://")

    def url(self, path):
        """The address of a WebSocket, such as `url("/echo?drop=2%")`."""
        return f"ws://{self._address}{path}"

    def strike(self, faults):
        """Gives all live connections other faults, such as `strike("rst")`; an empty text mends them. Needs --control."""
        url = f"http://{self._address}/control/connections/all/faults?{faults}"
        with urllib.request.urlopen(urllib.request.Request(url, method="POST")) as response:
            return json.load(response)

    def stop(self):
        self._process.terminate()
        self._process.wait()
        self._process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
