"""What a stream of changes is made of: messages as server-sent events have them, and their ids.

An id says to its holder from where to go on, and nothing else: positions are encrypted, since the distance of
two would tell how much has changed that somebody may not see.
"""
from __future__ import annotations

import json
import secrets

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from server import statechanges
from server.models import KeyValue
from server.statechanges import ChangeRow

KEY = "stream key"  # of the KeyValue
BEAT = b": \n\n"
RETRY_MS = 3000
_BYTES = 16  # of a block, of which a position takes the last half


def key() -> bytes:
    """Return the key of the ids, which all processes share."""
    row = KeyValue.get_or_none(KeyValue.name == KEY)
    if row is None:
        KeyValue.insert(name=KEY, value=secrets.token_hex(_BYTES)).on_conflict_ignore().execute()
        row = KeyValue.get(KeyValue.name == KEY)
    return bytes.fromhex(row.value)


def id_of(position: int, key: bytes) -> str:
    """Return the id of a position: one block, and no two are the same. Pure."""
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return encryptor.update(position.to_bytes(_BYTES)).hex()


def position_of(text: str, key: bytes) -> int | None:
    """Return the position of an id; None for what is none of this database. Pure."""
    try:
        block = bytes.fromhex(text)
    except ValueError:
        return None
    if len(block) != _BYTES:
        return None
    position = int.from_bytes(Cipher(algorithms.AES(key), modes.ECB()).decryptor().update(block))
    return position if position < 1 << 63 else None


def message(row: ChangeRow, key: bytes) -> bytes:
    """Return a change as a message. Pure."""
    return _block(id_of(row.position, key), json.dumps(statechanges.document(row), ensure_ascii=False))


def beat(position: int, key: bytes) -> bytes:
    """Return a sign of life that says how far all has come. Pure."""
    return f"id: {id_of(position, key)}\n\n".encode()


def opening(position: int, key: bytes, lost: bool) -> bytes:
    """Return what a stream begins with: from where it goes on, or that changes were lost between. Pure."""
    name = "reset" if lost else "ready"
    start = f"retry: {RETRY_MS}\n".encode()
    return start + _block(id_of(position, key), "{}", f"event: {name}\n")


def _block(id_: str, data: str, event: str = "") -> bytes:
    return f"id: {id_}\n{event}data: {data}\n\n".encode()


def chunk(text: bytes) -> bytes:
    """Return bytes as a chunk of HTTP/1.1. Pure."""
    return b"%x\r\n%s\r\n" % (len(text), text)


def backlog(position: int, most: int) -> list[ChangeRow]:
    """Return the visible changes after a position."""
    return [row for row in statechanges.after(position, most) if statechanges.sees(row.audience)]
