"""What a program uses that runs under Hyperion: signs of life, events, output, approvals.

One file without dependencies, for Python 3.8 and newer: copy it beside your program. What it speaks is described in
docs/tool-developers.md.

    import hyperion_client

    run = hyperion_client.Run.from_env()      # None where Hyperion does not supervise this process
    if run:
        run.heartbeat(progress=40, action="compiling")
        decision = run.decide("deploy-1", "deploy", "Deploy to production", {"host": "a"}, risk="high", timeout_sec=600)
        if decision.status != "approved":
            raise SystemExit("not deployed: %s" % decision.reason)
"""

import collections
import json
import os
import socket
import threading

__all__ = ["Run", "Asked", "Decision", "Refused", "EXIT_PARKED", "is_resumed"]

#: The exit status of a tool that cannot wait: it is started again, with HYPERION_RESUME=1, once the decision is there.
EXIT_PARKED = 75

#: How long an answer may take that does not wait for anybody.
ANSWER_WITHIN_SEC = 30.0

#: An approval that was asked for: its id, its status ("pending", "approved", "rejected", "expired", "cancelled"), and, where it is decided
#: already, who decided, why, and whether they rejected it so that something else is asked.
Asked = collections.namedtuple("Asked", "id status decided_by reason changes_requested")

#: How an approval stands: the same, with the id of the question's last generation.
Decision = collections.namedtuple("Decision", "status decided_by reason changes_requested id")


def _standing(result):
    return result["status"], result.get("decided_by"), result.get("reason"), bool(result.get("changes_requested"))


def is_resumed(environ=os.environ):
    """Tells whether this is another start of a program that had left to wait for a decision."""
    return environ.get("HYPERION_RESUME") == "1"


class Refused(Exception):
    """The run's socket refused a message; `code` is the house's name for why, `number` JSON-RPC's."""

    def __init__(self, number, code, message):
        super().__init__(message)
        self.number, self.code = number, code


class Run:
    """The run that this process belongs to. Threads may share it; one that waits for an approval has one of its own."""

    def __init__(self, path, token):
        self._path, self._token = path, token
        self._lock = threading.Lock()
        self._last_id = 0
        self._connection = self._lines = None

    @classmethod
    def from_env(cls, environ=os.environ):
        """Gives the run that the environment names, or None where nobody supervises this process."""
        path, token = environ.get("HYPERION_SOCKET"), environ.get("HYPERION_RUN_TOKEN")
        return cls(path, token) if path and token else None

    def heartbeat(self, progress=None, action=None):
        """Says that the tool is alive, how far it is (0 to 100) and what it does."""
        self._call("heartbeat", progress=progress, action=action)

    def event(self, kind, data=None):
        """Records that something happened; `data` is anything that can be JSON."""
        self._call("event", kind=kind, data=data)

    def log(self, data, stream="tool"):
        """Adds text to a stream of the run's log."""
        self._call("run.log", stream=stream, data=data)

    def request_approval(self, key, action, summary, details=None, risk="medium", diff=None, ttl_sec=None):
        """Asks for an approval; the same key gives the same approval again, also after a restart."""
        details = {} if details is None else details
        result = self._call(
            "approval.request", key=key, action=action, summary=summary, details=details, risk=risk, diff=diff, ttl_sec=ttl_sec
        )
        return Asked(result["approval_id"], *_standing(result))

    def wait(self, approval_id, timeout_sec=60):
        """Waits for a decision; after `timeout_sec` the status is still "pending"."""
        result = self._call(
            "approval.wait", within=timeout_sec + ANSWER_WITHIN_SEC, approval_id=approval_id, timeout_sec=timeout_sec
        )
        return Decision(*_standing(result), result.get("approval_id") or approval_id)

    def decide(self, key, action, summary, details=None, risk="medium", diff=None, ttl_sec=None, timeout_sec=0):
        """Asks, waits at most `timeout_sec`, and gives the decision. While there is none, the program ends with EXIT_PARKED: it is started
        again, with HYPERION_RESUME=1, once there is one, and this call gives it then."""
        asked = self.request_approval(key, action, summary, details, risk, diff, ttl_sec)
        decision = Decision(asked.status, asked.decided_by, asked.reason, asked.changes_requested, asked.id)
        if decision.status == "pending" and timeout_sec > 0:
            decision = self.wait(asked.id, timeout_sec)
        if decision.status == "pending":
            raise SystemExit(EXIT_PARKED)
        return decision

    def close(self):
        """Closes the connection; the next call opens a new one."""
        with self._lock:
            self._close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _close(self):
        for part in (self._lines, self._connection):
            if part is not None:
                part.close()
        self._connection = self._lines = None

    def _call(self, method, within=ANSWER_WITHIN_SEC, **params):
        params = {name: value for name, value in params.items() if value is not None}
        with self._lock:
            # A connection from before may be gone: then the message did not arrive, and goes out once more.
            if self._connection is not None:
                try:
                    self._send(method, params)
                except OSError:
                    self._close()
            if self._connection is None:
                self._connect()
                self._send(method, params)
            try:
                return self._answer(within)
            except OSError:
                # What comes on this connection later would be taken for the answer to something else.
                self._close()
                raise

    def _connect(self):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(ANSWER_WITHIN_SEC)
            connection.connect(self._path)
        except OSError:
            connection.close()
            raise
        self._connection, self._lines = connection, connection.makefile("rb")
        self._send("hello", {"token": self._token})
        try:
            self._answer(ANSWER_WITHIN_SEC)
        except (OSError, Refused):
            self._close()
            raise

    def _send(self, method, params):
        self._last_id += 1
        message = {"jsonrpc": "2.0", "id": self._last_id, "method": method, "params": params}
        self._connection.sendall(json.dumps(message).encode() + b"\n")

    def _answer(self, within):
        self._connection.settimeout(within)
        while True:
            line = self._lines.readline()
            if not line.endswith(b"\n"):
                raise ConnectionError("the run's socket was closed before the answer")
            answer = json.loads(line)
            # An answer without an id is to what could not be read at all, or to a connection too many.
            if answer.get("id") not in (self._last_id, None):
                continue
            if "error" in answer:
                error = answer["error"]
                raise Refused(error["code"], (error.get("data") or {}).get("code"), error["message"])
            return answer["result"]
