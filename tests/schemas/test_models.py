"""Typed commands mirror their Avro schemas."""

import types
import typing

import pytest
from pydantic import BaseModel, ValidationError

from schemas.avro import released
from schemas.codec import decode, encode
from schemas.identity import OPERATOR_TENANT, policy_id
from schemas.models import (
    COMMANDS,
    MAX_REGO_CHARS,
    ActivatePolicy,
    Command,
    ConfirmActivation,
    Confirmation,
    CreatePolicy,
    Evaluate,
    RepublishLane,
    RetirePolicy,
    UpdatePolicy,
)
from schemas.shape import Array, Map, Primitive, Record, Shape, Union, shape_of
from schemas.topics import topics

_PYTHON = {"string": str, "bytes": bytes, "int": int, "long": int, "boolean": bool, "null": type(None)}


def python_type(shape: Shape) -> object:
    """The plain Python type that a shape's values have."""
    match shape:
        case Primitive(name=name):
            return _PYTHON[name]
        case Array(items=items):
            return ("list", python_type(items))
        case Map(values=values):
            return ("dict", python_type(values))
        case Union(branches=branches):
            return frozenset(python_type(branch) for branch in branches)
        case Record(fields=fields):
            return ("record", frozenset((field.name, python_type(field.type)) for field in fields))
        case _:
            raise ValueError(f"{shape} has no command of ours")


def plain(annotation: object) -> object:
    """The same of a model's annotation: constraints stripped, literals as their type."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return plain(arguments[0])
    if origin is typing.Literal:
        (kind,) = {type(value) for value in arguments}
        return kind
    if origin is list:
        return ("list", plain(arguments[0]))
    if origin is dict:
        return ("dict", plain(arguments[1]))
    if origin in (types.UnionType, typing.Union):
        return frozenset(plain(argument) for argument in arguments)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return (
            "record",
            frozenset((n, plain(info.annotation)) for n, info in annotation.model_fields.items()),
        )
    return annotation


def test_every_command_type_has_a_model() -> None:
    commands = {name for name, versions in released().versions.items() if versions[-1].kind == "commands"}
    assert set(COMMANDS) == commands


@pytest.mark.parametrize("model", COMMANDS.values(), ids=lambda model: str(model.TYPE))
def test_a_model_has_the_fields_of_its_schema(model: type[Command]) -> None:
    newest = released().newest(model.TYPE)
    assert isinstance(newest.schema, dict)
    shape = shape_of(newest.schema)
    assert isinstance(shape, Record)
    assert set(model.model_fields) == {field.name for field in shape.fields}
    for field in shape.fields:
        info = model.model_fields[field.name]
        assert plain(info.annotation) == python_type(field.type), field.name
        assert info.is_required() != field.has_default, field.name
    defaults = {each["name"]: each["default"] for each in newest.schema["fields"] if "default" in each}
    assert defaults == {name: i.default for name, i in model.model_fields.items() if not i.is_required()}


EXAMPLES: list[Command] = [
    CreatePolicy(name="gate", rego_content="package p", regulation_refs=["hipaa"], timeout_ms=5),
    UpdatePolicy(policy="gate", description="d"),
    ActivatePolicy(policy="gate", version=2),
    ConfirmActivation(
        policy="gate", version=2, revision=3, confirmations=[Confirmation(opa="opa-0", revision=3)]
    ),
    Evaluate(policy="gate", input=b"{}", resource="model/m"),
    RepublishLane(topic="governance.policy.commands.v1", partition=1, from_sequence=9),
]


@pytest.mark.parametrize("command", EXAMPLES, ids=lambda command: str(command.TYPE))
def test_a_command_is_read_back_as_it_was_written(command: Command) -> None:
    body = decode(command.TYPE, encode(command.TYPE, command.model_dump()))
    assert COMMANDS[command.TYPE].model_validate(dict(body)) == command


@pytest.mark.parametrize(
    "make",
    [
        lambda: CreatePolicy(name="", rego_content="package p"),
        lambda: CreatePolicy(name="x" * 201, rego_content="package p"),
        lambda: CreatePolicy(name="a\nb", rego_content="package p"),
        lambda: CreatePolicy(name="a\0b", rego_content="package p"),
        lambda: CreatePolicy(name="gate", rego_content=""),
        lambda: CreatePolicy(name="gate", rego_content="a\0b"),
        lambda: CreatePolicy(name="gate", rego_content="x" * (MAX_REGO_CHARS + 1)),
        lambda: CreatePolicy(name="gate", rego_content="p", timeout_ms=0),
        lambda: CreatePolicy(name="gate", rego_content="p", timeout_ms=10_001),
        lambda: CreatePolicy.model_validate({"name": "gate", "rego_content": "p", "enforcement": "maybe"}),
        lambda: CreatePolicy.model_validate({"name": "gate", "rego_content": "p", "regulation_refs": ["x"]}),
        lambda: CreatePolicy.model_validate({"name": "gate", "rego_content": "p", "more": 1}),
        lambda: ActivatePolicy(policy="gate", version=0),
        lambda: ActivatePolicy.model_validate({"policy": "gate", "version": "1"}),
        lambda: ActivatePolicy.model_validate({"policy": "gate", "version": True}),
        lambda: RetirePolicy(policy="gate", reason="x" * 2001),
        lambda: RepublishLane(topic="t", partition=-1, from_sequence=1),
        lambda: RepublishLane(topic="t", partition=0, from_sequence=0),
    ],
)
def test_a_command_out_of_bounds_is_refused(make: typing.Callable[[], Command]) -> None:
    with pytest.raises(ValidationError):
        make()


def test_a_policy_is_one_aggregate_by_name_and_by_id() -> None:
    identity = policy_id("acme", "gate")
    by_name, by_id = RetirePolicy(policy="gate"), RetirePolicy(policy=identity)
    created = CreatePolicy(name="gate", rego_content="package p")
    assert by_name.aggregate("acme") == by_id.aggregate("acme") == created.aggregate("acme") == identity
    assert by_name.subject("acme") == f"policy/{identity}"
    assert policy_id("other", "gate") != identity


def test_a_lane_command_is_about_its_lane() -> None:
    command = RepublishLane(topic="governance.policy.commands.v1", partition=1, from_sequence=9)
    assert command.aggregate(OPERATOR_TENANT) == "governance.policy.commands.v1/1"
    assert command.subject(OPERATOR_TENANT) == "lane/governance.policy.commands.v1/1"


def test_every_command_but_lane_commands_belongs_to_one_topic() -> None:
    for name in COMMANDS:
        carriers = [topic.name for topic in topics().all if name in topic.messages]
        if name in topics().lane_commands:
            assert len(carriers) == 4
            with pytest.raises(KeyError):
                topics().command_topic_of(name)
        else:
            assert carriers == [topics().command_topic_of(name).name]
