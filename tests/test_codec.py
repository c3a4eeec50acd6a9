"""Events and messages survive the way into JSON and back; damage is an error where it is read."""

import json
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import plain
from bench.codec import Codec, SchemaError
from bench.events import EVENTS, Event, Header, Initialized, Note, Visit
from bench.measure.worker.protocol import COMMANDS, REPLIES, Answer, Command, Exit, Reply, TimeBlock
from bench.records import Block

INTEGERS = st.integers(plain.WHOLE[0], plain.WHOLE[-1])
FLOATS = st.floats(allow_nan=False, allow_infinity=False) | INTEGERS
TEXTS = st.text() | st.sampled_from(["", "\n", '"', "\\", "\x00", ',"blocks":[', "é\u2028", "{}"])
JSON = st.recursive(
    st.none() | st.booleans() | FLOATS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Anything that the annotation of a field allows."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any:
        return JSON.filter(lambda value: value not in ([], {}))  # where empty is left out, it reads as None
    if origin in (Union, UnionType):
        return st.one_of([values(each) for each in arguments])
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is tuple:
        return st.lists(values(arguments[0]), max_size=3).map(tuple)
    if origin is Mapping:
        return st.dictionaries(TEXTS, values(arguments[1]), max_size=3)
    if origin is Sequence:
        return st.lists(values(arguments[0]), max_size=3)
    if is_dataclass(hint):
        hints = get_type_hints(hint)
        return st.builds(
            cast(type, hint), **{field.name: values(hints[field.name]) for field in fields(hint)}
        )
    of_type = {float: FLOATS, str: TEXTS, bool: st.booleans(), int: INTEGERS, NoneType: st.none()}
    return of_type[hint]


RECORDS = [
    pytest.param(codec, type_, id=f"{kind}-{type_.__name__}")
    for kind, codec, types in (
        ("event", EVENTS, get_args(Event)),
        ("command", COMMANDS, get_args(Command)),
        ("reply", REPLIES, get_args(Reply)),
    )
    for type_ in types
]


@pytest.mark.parametrize(("codec", "type_"), RECORDS)
@settings(max_examples=25)
@given(data=st.data())
def test_every_record_comes_back_as_it_was(codec: Codec, type_: type, data: st.DataObject) -> None:
    record = data.draw(values(type_))
    line = codec.encode(record)
    assert b"\n" not in line
    assert codec.decode(line) == record
    later = json.loads(line) | {"a field of a later version": data.draw(JSON)}
    assert codec.decode(json.dumps(later).encode()) == record


@given(st.binary() | st.text().map(str.encode) | JSON.map(json.dumps).map(str.encode))
def test_what_is_no_record_is_a_schema_error(line: bytes) -> None:
    with pytest.raises(SchemaError):
        EVENTS.decode(line)


@given(st.data())
def test_a_cut_or_changed_line_is_read_or_a_schema_error(data: st.DataObject) -> None:
    line = bytearray(EVENTS.encode(data.draw(values(Visit))))
    place = data.draw(st.integers(0, len(line) - 1))
    line[place : place + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=9))
    with suppress(SchemaError):
        EVENTS.decode(bytes(line))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"[" * 100_000, "expected one JSON object"),
        (b'{"event":["note"]}', r"event \['note'\], expected one of header"),
        (b'{"event":"thing"}', "event 'thing', expected one of header"),
        (b'{"event":"note","text":""}', "Note without 'level'"),
        (b'{"event":"note","level":"info","text":1}', "text: seen 1, expected str"),
        (b'{"event":"visit","case":"a","launch":0,"pass":0.5}', "pass: seen 0.5, expected int"),
        (b'{"event":"visit","case":"a","launch":0,"blocks":[{"kind":"wall"}]}', "blocks: Block without"),
        (b'{"event":"launched","worker":null,"round":0}', "worker: seen None, expected str"),
    ],
)
def test_a_schema_error_names_what_is_wrong(line: bytes, message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        EVENTS.decode(line)


def test_numbers_that_json_lacks_are_unknown() -> None:
    for number in (math.nan, math.inf, -math.inf):
        assert EVENTS.decode(EVENTS.encode(Initialized("cuda", number))) == Initialized("cuda", None)
        assert REPLIES.decode(REPLIES.encode(Answer({"a": [number]}))).answer == {"a": [None]}


def test_a_line_is_its_tag_and_what_differs_from_the_defaults() -> None:
    block = Block("wall", 1.0, 2, 3.0)
    assert (
        COMMANDS.encode(TimeBlock("wall", 2, 0.5))
        == b'{"command":"TimeBlock","kind":"wall","calls":2,"expected_s":0.5,"peak":false}'
    )
    assert COMMANDS.encode(Exit()) == b'{"command":"Exit"}'
    line = EVENTS.encode(Visit("a", 0, pass_=3, blocks=(block,))).decode()
    assert line.startswith('{"event":"visit","case":"a","launch":0,"pass":3,')
    assert line.endswith(
        '"blocks":[{"kind":"wall","start_s":1.0,"calls":2,"wall_s":3.0,"threads":1,"children":0,"processors":1}]}'
    )


def test_a_record_of_another_channel_is_refused() -> None:
    with pytest.raises(KeyError):
        COMMANDS.encode(Note("info", ""))
    with pytest.raises(SchemaError):
        COMMANDS.decode(EVENTS.encode(Header()))
