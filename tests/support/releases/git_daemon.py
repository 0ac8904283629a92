"""A git remote over `git://` on loopback: `git daemon --inetd` behind a listening socket of this process."""

from __future__ import annotations

import socketserver
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.services.required import program


@contextmanager
def served(repositories: Path, env: dict[str, str]) -> Iterator[str]:
    """Serve the repositories below a folder for the body; gives the base URL. `env`: of `git daemon`."""

    class Handler(socketserver.BaseRequestHandler):
        """Passes the connection to a git process, as inetd does, since `git daemon` cannot choose a free port."""

        def handle(self) -> None:
            """Run git until the connection ends."""
            argv = [program("git"), "daemon", "--inetd", "--export-all", f"--base-path={repositories}"]
            subprocess.run(argv, env=env, stdin=self.request, stdout=self.request, check=False, timeout=60)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"git://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
