"""What a check saw, as it goes on record: without secrets, bounded, each certificate once as PEM. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import ssl
from collections.abc import Mapping
from typing import Any

from ...cluster.errors import UserError
from ...probes.output import plain
from .secrecy import blot_secrets, refuse_secrets

LIMIT = 64_000
"""Bytes of one check's facts in the journal, and of its certificates as well."""

CERTIFICATES, LEFT_OUT = "certificates", "left_out"


def kept_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """``facts`` as they are journaled: plain, blotted, at most ``LIMIT`` bytes and the certificates.

    A served chain becomes a list of fingerprints (SHA-256 of the DER); ``certificates`` has each PEM once.
    Of what is too long the beginning of each list is kept, and ``left_out`` says how much there was.
    """
    certificates: dict[str, str] = {}
    whole = blot_secrets(_without_chains(plain(facts), certificates))
    if not isinstance(whole, dict) or not whole:
        return {}
    encoded = _bytes(whole)
    kept = whole if len(encoded) <= LIMIT else _beginning(whole)
    if len(encoded) > LIMIT:
        digest = hashlib.sha256(encoded).hexdigest()
        kept[LEFT_OUT] = {"bytes": len(encoded), "sha256": digest, "why": f"longer than {LIMIT} bytes"}
    pems = _bounded(certificates)
    if pems:
        kept[CERTIFICATES] = pems
    try:
        refuse_secrets(kept)
    except UserError:
        # what a server says must not end a run
        return {LEFT_OUT: {"bytes": len(encoded), "why": "something in it looks like a secret"}}
    return kept


def _bytes(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _without_chains(value: Any, certificates: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {
            key: _chain(one, certificates) if key == "chain" else _without_chains(one, certificates)
            for key, one in value.items()
        }
    return [_without_chains(one, certificates) for one in value] if isinstance(value, list) else value


def _chain(value: Any, certificates: dict[str, str]) -> Any:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        return _without_chains(value, certificates)
    return [_fingerprint(one, certificates) for one in value]


def _fingerprint(encoded: str, certificates: dict[str, str]) -> str:
    try:
        der = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return encoded
    digest = hashlib.sha256(der).hexdigest()
    certificates[digest] = ssl.DER_cert_to_PEM_cert(der)
    return digest


def _beginning(whole: dict[str, Any]) -> dict[str, Any]:
    """As much of each part as its share of the room allows."""
    share = LIMIT // max(len(whole), 1)
    kept: dict[str, Any] = {}
    for key, value in whole.items():
        if len(_bytes(value)) <= share:
            kept[key] = value
        elif isinstance(value, list):
            kept[key], room = [], share
            for one in value:
                room -= len(_bytes(one))
                if room < 0:
                    break
                kept[key].append(one)
    return kept


def _bounded(certificates: Mapping[str, str]) -> dict[str, str]:
    kept: dict[str, str] = {}
    room = LIMIT
    for digest, pem in certificates.items():
        room -= len(pem)
        if room < 0:
            break
        kept[digest] = pem
    return kept
