"""DNS: what external-dns will do to a record by itself, before and after a cutover changes it."""

from __future__ import annotations

from .rule import Rule

_REGISTRY = "external-dns docs: registry, TXT"
_SOURCES = "external-dns docs: sources and annotations"

DNS_OWNER_RULES: tuple[Rule, ...] = (
    Rule(
        "DNS070",
        "moves-by-itself",
        "external-dns would move the record now",
        "Clients are led to the new side before the gates were asked and before anybody watches.",
        "Keep it off the route until the switch (its controller annotation), or let it make the switch: "
        "provider external-dns.",
        _SOURCES,
    ),
    Rule(
        "DNS071",
        "would-be-deleted",
        "external-dns would delete the record",
        "The name is not found any more, and resolvers remember that for the zone's SOA minimum.",
        "Use --policy=upsert-only until the soak is over; see to it that some source wants the name.",
        "external-dns docs: flags, policy",
    ),
    Rule(
        "DNS072",
        "never-moves",
        "external-dns will not move the record",
        "The resource that owns the name keeps it: however long one waits, clients stay on the old side.",
        "Hand the name over: the route first, then ingress-hostname-source: annotation-only on the Ingress.",
        "external-dns docs: conflict resolution of the plan",
    ),
    Rule(
        "DNS073",
        "would-be-reverted",
        "external-dns would put a changed record back",
        "The switch, or the lowered TTL, is undone at its next round: clients go back and forth.",
        "Let external-dns make the change (provider external-dns), or take the name out of its hands: "
        "a filter, or --policy=create-only.",
        _REGISTRY,
    ),
    Rule(
        "DNS074",
        "owner-not-here",
        "The name is owned by an external-dns that this cluster does not have",
        "Whoever owns it writes the record by objects that cannot be seen from here.",
        "Find the cluster with that owner id, and make the change there.",
        _REGISTRY,
    ),
    Rule(
        "DNS075",
        "ownership-missing",
        "No ownership record stands beside the record",
        "external-dns leaves the record alone: it never follows the route, and nothing warns of that.",
        "Change the record itself, or give external-dns the ownership record that it looks for.",
        _REGISTRY,
    ),
    Rule(
        "DNS076",
        "prefix-not-read",
        "An annotation for external-dns has a prefix that it does not read",
        "The setting does nothing, and does something the day external-dns is updated (v0.22).",
        "Write it with the prefix that is read, or set --annotation-prefix.",
        "external-dns release notes, v0.22",
    ),
    Rule(
        "DNS077",
        "outlook-not-known",
        "What external-dns would do cannot be told",
        "The record may move, stay or go at its next round.",
        "Mend what is named, or look at its log with --dry-run.",
    ),
    Rule(
        "DNS078",
        "left-alone",
        "external-dns leaves the records as the plan makes them",
        "Nobody undoes the change.",
        "Nothing.",
        _SOURCES,
    ),
    Rule(
        "DNS079",
        "handover-works",
        "The handover by annotations moves the record, and back",
        "The switch is external-dns's own doing.",
        "Nothing.",
        _SOURCES,
    ),
)
