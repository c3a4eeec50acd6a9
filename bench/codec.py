"""Records as JSON objects, and back: what a journal keeps and what processes say to each other.

A record is a frozen dataclass, written as its fields and a tag that names its type. A field with a default is
left out where it is None or empty; the trailing underscore of `pass_` is not written. Reading checks every
field against its annotation, so that a damaged line is an error where it is read. The standard library alone
is used: workers run where nothing of ours is installed.
"""

import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from json import JSONDecoder, dumps
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from bench import plain

Read = Callable[[Any], Any]
"""Turns a JSON value into what an annotation asks for; raises SchemaError where it is something else."""


class SchemaError(ValueError):
    """What was read, and what was expected there."""


class Codec:
    """Types of records by tag, as one kind of file or channel knows them; `key` is the tag's own name."""

    def __init__(self, key: str, types_: Mapping[str, type]) -> None:
        self._key, self._types = key, types_
        self._tags = {type_: tag for tag, type_ in types_.items()}

    def encode(self, record: Any) -> bytes:
        """A record as one line of JSON, without its end."""
        tagged = {self._key: self._tags[type(record)], **written(record)}
        return dumps(tagged, separators=(",", ":"), allow_nan=False).encode()

    def decode(self, line: bytes) -> Any:
        """The record on a line. Raises SchemaError where there is none, or one of an unknown type."""
        try:
            values = _loads(line.decode())  # or json would guess the encoding of every line
            if b"\\u" in line:
                values = plain.valid(values)
        except (ValueError, RecursionError):
            values = None
        if not isinstance(values, dict) or self._key not in values:
            raise SchemaError(f"seen {line[:40]!r}, expected one JSON object with {self._key!r}")
        tag = values[self._key]
        if not isinstance(tag, str) or tag not in self._types:
            raise SchemaError(f"seen {self._key} {tag!r:.40}, expected one of {', '.join(self._types)}")
        return read(self._types[tag], values)


def written(record: Any) -> dict[str, Any]:
    """The fields of a record as JSON takes them."""
    values = [(field, _written(getattr(record, field.name))) for field in _fields(record.__class__)]
    return {field.key: value for field, value in values if field.required or not _is_nothing(value)}


def _is_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, list | dict) and not value)


def _written(value: Any) -> Any:
    type_ = type(value)  # an object may lie about its class, or raise
    if issubclass(type_, Mapping):
        return {plain.text(key): _written(item) for key, item in value.items()}
    if issubclass(type_, list | tuple):
        return [_written(item) for item in value]
    return written(value) if is_dataclass(type_) else plain.scalar(value)


_loads = JSONDecoder(parse_int=lambda digits: plain.whole(int(digits)), parse_constant=lambda _: None).decode
"""JSON with its numbers made to fit: others write what a table cannot hold."""


def read(type_: type, json_object: Mapping[str, Any]) -> Any:
    """A record of this type from a JSON object; fields that the type does not have are ignored."""
    values = {}
    for field in _fields(type_):
        if field.key in json_object:
            try:
                values[field.name] = field.read(json_object[field.key])
            except SchemaError as error:
                raise SchemaError(f"{field.key}: {error}") from None
        elif field.required:
            raise SchemaError(f"{type_.__name__} without {field.key!r}")
    return type_(**values)


class _Field(NamedTuple):
    """A field: its name, its name in JSON, whether it has no default, and how it is read."""

    name: str
    key: str
    required: bool
    read: Read


@cache
def _fields(type_: Any) -> list[_Field]:
    hints = get_type_hints(type_)
    return [
        _Field(
            name=field.name,
            key=field.name.rstrip("_"),
            required=field.default is MISSING and field.default_factory is MISSING,
            read=_reader(hints[field.name]),
        )
        for field in fields(type_)
    ]


def _reader(hint: Any) -> Read:
    """How a value of this annotation is read."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any:
        return lambda value: value
    if origin is tuple:
        item, listed = _reader(arguments[0]), _checked(list)
        return lambda value: tuple(map(item, listed(value)))
    if origin is Literal:
        return _checked(str)  # a later version may have more of them
    if origin in (Union, types.UnionType):
        some = [argument for argument in arguments if argument is not types.NoneType]
        one = _reader(some[0]) if len(some) == 1 else _checked(*some)
        return lambda value: None if value is None and types.NoneType in arguments else one(value)
    if is_dataclass(hint):
        fielded = _checked(dict)
        return lambda value: read(hint, fielded(value))  # type: ignore[arg-type]  # it is a type
    return _checked(origin or hint)


def _checked(*types_: type) -> Read:
    """Reads a value as it is, where it is of one of these types; a whole number is a float, too."""
    allowed = (*types_, int) if float in types_ else types_

    def read_checked(value: Any) -> Any:
        if isinstance(value, allowed):
            return value
        raise SchemaError(f"seen {value!r:.40}, expected {' or '.join(type_.__name__ for type_ in types_)}")

    return read_checked
