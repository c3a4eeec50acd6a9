"""The private channel between a coordinator and a worker: JSON messages, nothing pickled."""

import json
from multiprocessing.connection import Connection
from typing import Any

Message = dict[str, Any]


class Channel:
    """One end of a duplex connection that carries JSON objects."""

    def __init__(self, connection: "Connection[Any, Any]") -> None:
        self._connection = connection

    def send(self, message: Message) -> None:
        self._connection.send_bytes(json.dumps(message).encode())

    def receive(self) -> Message:
        """The next message; raises EOFError when the other end is gone."""
        message: Message = json.loads(self._connection.recv_bytes())
        return message

    def poll(self, timeout_s: float) -> bool:
        """True as soon as `receive` would not wait."""
        return self._connection.poll(timeout_s)

    def close(self) -> None:
        self._connection.close()
