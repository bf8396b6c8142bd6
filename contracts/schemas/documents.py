"""The wire in documents for people who do not write Python: a JSON Schema a message, and AsyncAPI 3 for the bus.

What goes over HTTP in place of the bus, a bundle of parts, has its schemas beside them.
"""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import yaml
from pydantic import JsonValue

from contracts.answer import Answer
from contracts.command import Command, Slice, SliceIdentifier
from contracts.dead_letter import DeadLetter
from contracts.heartbeat import Heartbeat
from contracts.manifest import Manifest
from contracts.parts import BundleAnswer, BundleHead, SealedNotes
from contracts.topics import TOPICS, Channel
from contracts.wire import CONTRACT_VERSION, Wire

ASYNCAPI: Final = "asyncapi.yaml"

MODELS: Final[Mapping[str, type[Wire]]] = MappingProxyType(
    {
        "command": Command,
        "slice": Slice,
        "answer": Answer,
        "bundle": BundleHead,
        "bundle_answer": BundleAnswer,
        "found": SliceIdentifier,
        "sealed_notes": SealedNotes,
        "heartbeat": Heartbeat,
        "manifest": Manifest,
        "dead_letter": DeadLetter,
    }
)

CARRIES: Final[Mapping[Channel, tuple[str, ...]]] = MappingProxyType(
    {
        Channel.ACCESS: ("command",),
        Channel.ERASURE: ("command",),
        Channel.ANSWERS: ("answer", "heartbeat"),
        Channel.DEAD_LETTERS: ("dead_letter",),
    }
)

ABOUT: Final[Mapping[Channel, str]] = MappingProxyType(
    {
        Channel.ACCESS: "Commands that only read: collect, preview, probe.",
        Channel.ERASURE: "Commands that erase, or halt an erasure. Another signing key, another access list.",
        Channel.ANSWERS: "Answers and heartbeats of all custodians.",
        Channel.DEAD_LETTERS: "Records that some reader could not take. Unsigned; a replay is verified anew.",
    }
)

_LABELS: Final = ("content-type", "ce_specversion", "ce_type", "ce_id", "ce_source", "ce_time")
_KEYS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "command": "The request id, in lower case.",
        "answer": "The request id, in lower case.",
        "heartbeat": "The custodian's id.",
        "dead_letter": "The reader's name.",
    }
)
_SIGNED: Final = (
    'What is signed is "dsar-msg-v1" and then, each behind its length as an unsigned 32-bit big-endian number: '
    "environment, channel without prefix, key, value. `ed25519:` and base64 of 64 bytes is the signature of exactly "
    "that. `tree:` is one signature for several messages, each of which verifies alone: base64 of how many they are "
    "(2 or more) and the number of this one from 0, both as unsigned 32-bit big-endian numbers, then a signature of 64 "
    "bytes, then a path of up to 16 hashes of 32 bytes, this leaf's partner first. That signature covers "
    '"dsar-tree-v1", how many they are as before, and the root of the Merkle tree (RFC 6962, section 2.1, SHA-256) '
    "whose leaves are what each message alone would have had signed. Whoever sends may always use `ed25519:`; whoever "
    "reads takes both."
)
_SIGNATURE: Final = "^(ed25519:[A-Za-z0-9+/]{86}==|tree:[A-Za-z0-9+/]{138,780}={0,2})$"


def documents() -> Mapping[str, str]:
    """Return all documents by file name; the same code gives the same text."""
    return {f"{name}.json": _schema(name) for name in MODELS} | {ASYNCAPI: _asyncapi()}


def _schema(name: str) -> str:
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"urn:dsar:v{CONTRACT_VERSION}:{name}"}
    schema = MODELS[name].model_json_schema()
    for part in (schema, *schema.get("$defs", {}).values()):
        _require_constants(part)
    return json.dumps(head | schema, indent=2) + "\n"


def _require_constants(schema: dict[str, JsonValue]) -> None:
    """Our models fill in versions and kinds by themselves; whoever writes JSON by hand must say them."""
    properties, required = schema.get("properties"), schema.get("required", [])
    if isinstance(properties, dict) and isinstance(required, list):
        constant = [name for name, each in properties.items() if isinstance(each, dict) and "const" in each]
        schema["required"] = [*constant, *(name for name in required if name not in constant)]


def _asyncapi() -> str:
    document: dict[str, JsonValue] = {
        "asyncapi": "3.0.0",
        "info": {
            "title": "DSAR Orchestrator",
            "version": f"{CONTRACT_VERSION}.0.0",
            "description": "What the orchestrator and the custodians say to each other over Kafka.",
        },
        "defaultContentType": "application/json",
        "channels": {channel.name.lower(): _channel(channel) for channel in Channel},
        "operations": _operations(),
        "components": {"messages": {name: _message(name) for name in _KEYS}},
    }
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)


def _channel(channel: Channel) -> JsonValue:
    settings = TOPICS[channel]
    return {
        "address": channel.value,
        "description": ABOUT[channel],
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in CARRIES[channel]},
        "bindings": {
            "kafka": {
                "partitions": settings.partitions,
                "topicConfiguration": {
                    "cleanup.policy": ["delete"],
                    "retention.ms": settings.retention_ms,
                    "max.message.bytes": settings.max_message_bytes,
                },
            }
        },
    }


def _operations() -> JsonValue:
    """Name what a custodian does: it receives commands, and sends everything else."""
    lanes = (Channel.ACCESS, Channel.ERASURE)
    return {
        f"{'receive' if channel in lanes else 'send'}_{channel.name.lower()}": {
            "action": "receive" if channel in lanes else "send",
            "channel": {"$ref": f"#/channels/{channel.name.lower()}"},
        }
        for channel in Channel
    }


def _message(name: str) -> JsonValue:
    return {
        "name": f"dsar.{name}",
        "summary": (MODELS[name].__doc__ or "").partition("\n")[0],
        "headers": _headers(name),
        "payload": {
            "schemaFormat": "application/schema+json;version=draft-07",
            "schema": {"$ref": f"./{name}.json"},
        },
        "bindings": {"kafka": {"key": {"type": "string", "description": _KEYS[name]}}},
    }


def _headers(name: str) -> JsonValue:
    text: JsonValue = {"type": "string"}
    properties: dict[str, JsonValue] = dict.fromkeys(_LABELS, text)
    properties["ce_type"] = {"type": "string", "const": f"dsar.{name}"}
    required: list[JsonValue] = list(_LABELS)
    if name != "dead_letter":
        properties["kid"] = {"type": "string", "description": "The first 8 bytes of the public key's SHA-256, in hex."}
        properties["sig"] = {"type": "string", "pattern": _SIGNATURE, "description": _SIGNED}
        required += ["kid", "sig"]
    if name == "command":
        properties["to"] = {"type": "string", "description": "The recipients, joined by commas: only a hint."}
    return {"type": "object", "properties": properties, "required": required}
