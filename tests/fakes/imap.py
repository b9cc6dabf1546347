"""A mailbox over IMAP: as much of the protocol as `imaplib` needs to read unseen mails."""

import re
import socketserver
import threading
from typing import Any, Self
from urllib.parse import quote


class FakeMailbox:
    """`mails` by their number from 1; `seen` those marked; `fails_on` breaks at a command."""

    def __init__(self, password: str) -> None:
        self.password = password
        self.mails: list[bytes] = []
        self.seen: set[int] = set()
        self.logins = 0
        self.fails_on = ""
        box = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                box._talk(self)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        port = self._server.server_address[1]
        return f"imap://hub:{quote(self.password, safe='')}@127.0.0.1:{port}/INBOX"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _talk(self, line: Any) -> None:
        def say(text: bytes) -> None:
            line.wfile.write(text + b"\r\n")

        say(b"* OK ready")
        while raw := line.rfile.readline():
            tag, _, rest = raw.strip().decode().partition(" ")
            command = rest.upper()
            if self.fails_on and self.fails_on in command:
                return
            if command.startswith("CAPABILITY"):
                say(b"* CAPABILITY IMAP4rev1")
            elif command.startswith("LOGIN"):
                self.logins += 1
                if f'"{self.password}"' not in rest and not rest.endswith(f" {self.password}"):
                    say(f"{tag} NO wrong".encode())
                    continue
            elif command.startswith("SELECT"):
                say(f"* {len(self.mails)} EXISTS".encode())
            elif command.startswith("UID SEARCH"):
                unseen = [n for n in range(1, len(self.mails) + 1) if n not in self.seen]
                say(("* SEARCH " + " ".join(map(str, unseen))).encode())
            elif found := re.match(r"UID FETCH (\d+)", command):
                number = int(found[1])
                mail = self.mails[number - 1]
                say(f"* {number} FETCH (UID {number} BODY[] {{{len(mail)}}}".encode())
                line.wfile.write(mail)
                say(b")")
            elif found := re.match(r"UID STORE (\d+)", command):
                self.seen.add(int(found[1]))
            elif command.startswith("LOGOUT"):
                say(b"* BYE")
            say(f"{tag} OK done".encode())
