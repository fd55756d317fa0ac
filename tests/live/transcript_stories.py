"""All stories of the transcripts, and in what the two servers may differ."""

from __future__ import annotations

from transcript_reads import HTTP, READING, RIGHTS
from transcript_writes import BUILTIN, OWNERS, SCHEMA, WRITES
from transcripts_kit import Allowed, Step

STORIES: dict[str, list[Step]] = {
    "reading": READING,
    "rights": RIGHTS,
    "http": HTTP,
    "writes": WRITES,
    "schema": SCHEMA,
    "owners": OWNERS,
    "builtin": BUILTIN,
}

_PARSER = "the words of another JSON or YAML parser"
_UNSERVED = (
    r"^(apiregistration|autoscaling|batch|certificates|flowcontrol.apiserver|node|policy|rbac.authorization"
    r"|resource|scheduling|storage)(\.k8s\.io)?/v\d\n"
)

ALLOWED: tuple[Allowed, ...] = (
    Allowed("^kubectl version", r"Server Version: .*|\n?WARNING: version.*", "another version"),
    Allowed("^GET /version", r"(?s)\{\n \"buildDate.*", "another version"),
    Allowed("^kubectl api-versions", _UNSERVED, "kinds that no probe asks for are not served"),
    Allowed(
        "^kubectl explain httproute$",
        r"(?s)apiVersion\t.*?(?=^  spec\t)",
        "of the fields of every object the real server has sentences of its own, the CRDs have others",
    ),
    Allowed("^kubectl scale", r"(?s).*", "no scale subresource: nothing here would run the Pods"),
    Allowed("as=Table", r'"description": ".*"', "descriptions of columns, which are printed nowhere"),
    Allowed(r"application/xml", r'"message": ".*"', "JSON is all that is served"),
    Allowed("continue=nonsense", r"not valid: .*", _PARSER),
    Allowed("labelSelector=", r'"message": ".*"', "the words of another parser of selectors"),
    Allowed(r"^(PUT|POST) \S+/httproutes(/www)? \{\}", r"(?s).*", "methods that no client uses there"),
    Allowed(
        "auth whoami|selfsubjectreviews",
        r'^UID.*\n|(?<=\[) |^    "",\n|^   "uid": .*\n',
        "the real server's token file gives its users a uid, and the reader an empty group",
    ),
    Allowed(r'^POST \S+ "(\{|\[\])"', r"json parse error: .*", _PARSER),
    Allowed(r'^PATCH \S+ "(nonsense|\{)"', r"error decoding patch: .*", _PARSER),
    Allowed(r'fieldManager=me "\{"', r"error decoding YAML: .*", _PARSER),
    Allowed(r'"labels": \{"n": 1\}', r"(?s).*", "refused with 400 instead of 422"),
    Allowed(
        r'^POST \S+/httproutes .*"kind": "Gateway"',
        r'(?s)"causes": .*',
        "CEL rules, which are not evaluated by the practice server",
    ),
    Allowed(
        r'^POST .*"name": "twice"',
        r'(?s)"causes": .*',
        "a CEL rule: they are not evaluated by the practice server",
    ),
)
