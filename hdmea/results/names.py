"""Names of dictionary entries as names of HDF5 objects and attributes, and back."""

from __future__ import annotations

import re

__all__ = ["TYPE_MARK", "decode_name", "encode_name"]

TYPE_MARK = "hdmea_type"
"""Attribute that names what HDF5 has no word for."""

_EMPTY = "%empty"
_UNSAFE = re.compile(r"[/\x00\ud800-\udfff]|%(?=[0-9A-F]{2}|u[0-9A-F]{4}|empty$)")
_ESCAPED = re.compile(r"%(?:([0-9A-F]{2})|u([0-9A-F]{4}))")


def encode_name(name: str) -> str:
    """Return the name under which HDF5 stores an entry called `name`.

    Nearly always `name` itself. ``/``, NUL, lone surrogates, ``.``, the empty name and our own reserved
    names become percent escapes, and so does a ``%`` that would read as one.
    """
    if name.isalnum() and name.isascii():
        return name
    if name in ("", ".", TYPE_MARK):
        return _EMPTY if not name else f"%{ord(name[0]):02X}{name[1:]}"
    return _UNSAFE.sub(_escape, name)


def decode_name(name: str) -> str:
    """Return the entry's name that `encode_name` made `name` from."""
    if "%" not in name:
        return name
    if name == _EMPTY:
        return ""
    return _ESCAPED.sub(lambda found: chr(int(found[1] or found[2], 16)), name)


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"%{code:02X}" if code < 256 else f"%u{code:04X}"
