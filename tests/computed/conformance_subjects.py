"""Whom each expected condition of the conformance tests is about, read in the tests' manifests.

The expectations name a test and a condition; the manifests' names and comments say which object is meant
(``invalid-nonexistent-backend-ref`` and so on). A listener is ``holder/listener``, a route ``route -> parent``.
"""

from __future__ import annotations

SUBJECTS: dict[str, dict[tuple[str, str, str], tuple[str, ...]]] = {
    "BackendTLSPolicyConflictResolution": {
        ("PolicyConditionAccepted", "False", "PolicyReasonConflicted"): (
            "conflicted-without-section-name-2",
            "conflicted-with-section-name-2",
        ),
        ("PolicyConditionAccepted", "True", "PolicyReasonAccepted"): (
            "conflicted-without-section-name-1",
            "conflicted-with-section-name-1",
            "not-conflicted-with-section-name",
            "not-conflicted-without-section-name",
        ),
    },
    "BackendTLSPolicyInvalidCACertificateRef": {
        ("BackendTLSPolicyConditionResolvedRefs", "False", "BackendTLSPolicyReasonInvalidCACertificateRef"): (
            "nonexistent-ca-certificate-ref",
            "malformed-ca-certificate-ref",
        ),
        ("PolicyConditionAccepted", "False", "BackendTLSPolicyReasonNoValidCACertificate"): (
            "nonexistent-ca-certificate-ref",
            "malformed-ca-certificate-ref",
        ),
    },
    "BackendTLSPolicyInvalidKind": {
        ("BackendTLSPolicyConditionResolvedRefs", "False", "BackendTLSPolicyReasonInvalidKind"): (
            "invalid-kind",
        ),
        ("PolicyConditionAccepted", "False", "BackendTLSPolicyReasonNoValidCACertificate"): ("invalid-kind",),
    },
    "BackendTLSPolicyObservedGenerationBump": {
        ("PolicyConditionAccepted", "True", ""): ("observed-generation-bump",),
    },
    "BackendTLSPolicySANValidation": {
        ("PolicyConditionAccepted", "True", "PolicyReasonAccepted"): (
            "san-dns",
            "san-dns-mismatch",
            "san-uri",
            "san-uri-mismatch",
            "multiple-sans",
            "multiple-mismatch-sans",
        ),
    },
    "BackendTLSPolicy": {
        (
            "BackendTLSPolicyConditionResolvedRefs",
            "False",
            "BackendTLSPolicyReasonInvalidCACertificateRef",
        ): (),
        ("BackendTLSPolicyConditionResolvedRefs", "True", "BackendTLSPolicyReasonResolvedRefs"): (
            "normative-test",
            "host-mismatch",
            "cert-mismatch",
            "reconcile-test",
        ),
        ("PolicyConditionAccepted", "False", "BackendTLSPolicyReasonNoValidCACertificate"): (),
        ("PolicyConditionAccepted", "True", "PolicyReasonAccepted"): (
            "normative-test",
            "host-mismatch",
            "cert-mismatch",
            "reconcile-test",
        ),
    },
    "GatewayInfrastructure": {
        ("GatewayConditionAccepted", "True", ""): ("gateway-with-infrastructure-metadata",),
    },
    "GatewayFrontendInvalidDefaultClientCertificateValidation": {
        ("ListenerConditionAccepted", "False", "ListenerReasonNoValidCACertificate"): (
            "invalid-default-client-validation-config/https",
        ),
        ("ListenerConditionAccepted", "True", ""): ("invalid-default-client-validation-config/http",),
        ("ListenerConditionProgrammed", "False", ""): ("invalid-default-client-validation-config/https",),
        ("ListenerConditionProgrammed", "True", ""): ("invalid-default-client-validation-config/http",),
        ("ListenerConditionResolvedRefs", "False", "ListenerReasonInvalidCACertificateRef"): (
            "invalid-default-client-validation-config/https",
        ),
        ("ListenerConditionResolvedRefs", "True", ""): ("invalid-default-client-validation-config/http",),
    },
    "GatewayListenerUnsupportedProtocol": {
        ("GatewayConditionAccepted", "False", "GatewayReasonListenersNotValid"): (
            "gateway-only-unsupported-protocols",
        ),
        ("GatewayConditionAccepted", "True", "GatewayReasonListenersNotValid"): (
            "gateway-supported-and-unsupported-protocols",
        ),
        ("ListenerConditionAccepted", "False", "ListenerReasonUnsupportedProtocol"): (
            "gateway-only-unsupported-protocols/invalid",
            "gateway-supported-and-unsupported-protocols/invalid",
        ),
        ("ListenerConditionAccepted", "True", "ListenerReasonAccepted"): (
            "gateway-supported-and-unsupported-protocols/http",
        ),
    },
    "GatewayInvalidParametersRef": {
        ("GatewayConditionAccepted", "False", "GatewayReasonInvalidParameters"): (
            "gateway-invalid-parameters-ref",
        ),
    },
    "GatewayInvalidRouteKind": {
        ("ListenerConditionResolvedRefs", "False", "ListenerReasonInvalidRouteKinds"): (
            "gateway-only-invalid-route-kind/http",
            "gateway-supported-and-invalid-route-kind/http",
        ),
    },
    "GatewayInvalidTLSBackendConfiguration": {
        ("GatewayConditionAccepted", "True", "GatewayReasonAccepted"): (
            "gateway-client-certificate-nonexistent-secret",
            "gateway-client-certificate-unsupported-group",
            "gateway-client-certificate-unsupported-kind",
            "gateway-client-certificate-malformed-secret",
            "gateway-client-certificate-missing-reference-grant",
        ),
        ("GatewayConditionResolvedRefs", "False", "resolveRefsReason"): (),
    },
    "GatewayInvalidTLSConfiguration": {
        ("ListenerConditionResolvedRefs", "False", "ListenerReasonInvalidCertificateRef"): (
            "gateway-certificate-nonexistent-secret/https",
            "gateway-certificate-unsupported-group/https",
            "gateway-certificate-unsupported-kind/https",
        ),
    },
    "GatewayModifyListeners": {
        ("ListenerConditionAccepted", "True", ""): (
            "gateway-add-listener/https",
            "gateway-remove-listener/https",
            "gateway-remove-listener/http",
        ),
        ("ListenerConditionResolvedRefs", "True", ""): (
            "gateway-add-listener/https",
            "gateway-remove-listener/https",
            "gateway-remove-listener/http",
        ),
    },
    "GatewaySecretInvalidReferenceGrant": {
        ("ListenerConditionResolvedRefs", "False", "ListenerReasonRefNotPermitted"): (
            "gateway-secret-invalid-reference-grant/https",
        ),
    },
    "GatewaySecretMissingReferenceGrant": {
        ("ListenerConditionResolvedRefs", "False", "ListenerReasonRefNotPermitted"): (
            "gateway-secret-missing-reference-grant/https",
        ),
    },
    "GatewaySecretReferenceGrantAllInNamespace": {
        ("ListenerConditionProgrammed", "True", "ListenerReasonProgrammed"): (
            "gateway-secret-reference-grant-all-in-namespace/https",
        ),
        ("ListenerConditionResolvedRefs", "True", ""): (
            "gateway-secret-reference-grant-all-in-namespace/https",
        ),
    },
    "GatewaySecretReferenceGrantSpecific": {
        ("ListenerConditionProgrammed", "True", "ListenerReasonProgrammed"): (
            "gateway-secret-reference-grant-specific/https",
        ),
        ("ListenerConditionResolvedRefs", "True", ""): ("gateway-secret-reference-grant-specific/https",),
    },
    "GatewayStaticAddresses": {
        ("GatewayConditionAccepted", "False", "GatewayReasonUnsupportedAddress"): (),
        ("GatewayConditionAccepted", "True", "GatewayReasonAccepted"): (),
        ("GatewayConditionProgrammed", "False", "GatewayReasonAddressNotUsable"): (),
        ("GatewayConditionProgrammed", "True", "GatewayReasonProgrammed"): (),
        ("ListenerConditionAccepted", "True", ""): ("gateway-static-addresses/http",),
        ("ListenerConditionResolvedRefs", "True", ""): ("gateway-static-addresses/http",),
    },
    "GatewayTLSBackendClientCertificate": {
        ("GatewayConditionResolvedRefs", "True", "GatewayReasonResolvedRefs"): (
            "gateway-tls-backend-client-certificate",
        ),
    },
    "GatewayWithAttachedRoutes": {
        ("ListenerConditionAccepted", "True", ""): (
            "gateway-with-one-attached-route/http",
            "gateway-with-two-attached-routes/http",
            "unresolved-gateway-with-one-attached-unresolved-route/tls",
        ),
        ("ListenerConditionProgrammed", "False", ""): (
            "unresolved-gateway-with-one-attached-unresolved-route/tls",
        ),
        ("ListenerConditionResolvedRefs", "False", ""): (
            "unresolved-gateway-with-one-attached-unresolved-route/tls",
        ),
        ("ListenerConditionResolvedRefs", "True", ""): (
            "gateway-with-one-attached-route/http",
            "gateway-with-two-attached-routes/http",
        ),
        ("RouteConditionAccepted", "False", "RouteReasonNoMatchingListenerHostname"): (
            "http-route-not-accepted -> gateway-with-two-attached-routes",
        ),
        ("RouteConditionResolvedRefs", "False", ""): (
            "http-route-4 -> unresolved-gateway-with-one-attached-unresolved-route/tls",
        ),
    },
    "GatewayInvalidFrontendClientCertificateValidation": {
        ("ListenerConditionAccepted", "False", "ListenerReasonNoValidCACertificate"): (
            "gateway-with-invalid-client-cert-validation/https-unresolved",
            "gateway-with-invalid-client-cert-validation/https-invalid-kind",
            "gateway-with-invalid-client-cert-validation/https-grant-missing",
        ),
        ("ListenerConditionAccepted", "True", ""): ("gateway-with-invalid-client-cert-validation/https",),
        ("ListenerConditionProgrammed", "False", ""): (
            "gateway-with-invalid-client-cert-validation/https-unresolved",
            "gateway-with-invalid-client-cert-validation/https-invalid-kind",
            "gateway-with-invalid-client-cert-validation/https-grant-missing",
        ),
        ("ListenerConditionProgrammed", "True", ""): ("gateway-with-invalid-client-cert-validation/https",),
        ("ListenerConditionResolvedRefs", "False", "ListenerReasonInvalidCACertificateKind"): (
            "gateway-with-invalid-client-cert-validation/https-invalid-kind",
        ),
        ("ListenerConditionResolvedRefs", "False", "ListenerReasonInvalidCACertificateRef"): (
            "gateway-with-invalid-client-cert-validation/https-unresolved",
        ),
        ("ListenerConditionResolvedRefs", "False", "ListenerReasonRefNotPermitted"): (
            "gateway-with-invalid-client-cert-validation/https-grant-missing",
        ),
        ("ListenerConditionResolvedRefs", "True", ""): ("gateway-with-invalid-client-cert-validation/https",),
    },
    "HTTPRouteDisallowedKind": {
        ("RouteConditionAccepted", "False", "RouteReasonNotAllowedByListeners"): (
            "disallowed-kind -> tlsroutes-only",
        ),
    },
    "HTTPRouteHostnameIntersection": {
        ("ListenerConditionAccepted", "True", ""): (
            "httproute-hostname-intersection/listener-1",
            "httproute-hostname-intersection/listener-2",
            "httproute-hostname-intersection/listener-3",
            "httproute-hostname-intersection-all/listener-1",
        ),
        ("ListenerConditionResolvedRefs", "True", ""): (
            "httproute-hostname-intersection/listener-1",
            "httproute-hostname-intersection/listener-2",
            "httproute-hostname-intersection/listener-3",
            "httproute-hostname-intersection-all/listener-1",
        ),
        ("RouteConditionAccepted", "False", "RouteReasonNoMatchingListenerHostname"): (
            "no-intersecting-hosts -> httproute-hostname-intersection",
        ),
    },
    "HTTPRouteInvalidBackendRefUnknownKind": {
        ("RouteConditionResolvedRefs", "False", "RouteReasonInvalidKind"): (
            "invalid-backend-ref-unknown-kind -> same-namespace",
        ),
    },
    "HTTPRouteInvalidCrossNamespaceBackendRef": {
        ("RouteConditionResolvedRefs", "False", "RouteReasonRefNotPermitted"): (
            "invalid-cross-namespace-backend-ref -> same-namespace",
        ),
    },
    "HTTPRouteInvalidCrossNamespaceParentRef": {
        ("RouteConditionAccepted", "False", "RouteReasonNotAllowedByListeners"): (
            "invalid-cross-namespace-parent-ref -> same-namespace",
        ),
    },
    "HTTPRouteInvalidNonExistentBackendRef": {
        ("RouteConditionResolvedRefs", "False", "RouteReasonBackendNotFound"): (
            "invalid-nonexistent-backend-ref -> same-namespace",
        ),
    },
    "HTTPRouteInvalidParentRefNotMatchingListenerPort": {
        ("RouteConditionAccepted", "False", "RouteReasonNoMatchingParent"): (
            "httproute-listener-not-matching-route-port -> same-namespace",
        ),
    },
    "HTTPRouteInvalidParentRefNotMatchingSectionName": {
        ("RouteConditionAccepted", "False", "RouteReasonNoMatchingParent"): (
            "httproute-listener-not-matching-section-name -> same-namespace/http1",
        ),
    },
    "HTTPRouteInvalidParentRefSectionNameNotMatchingPort": {
        ("RouteConditionAccepted", "False", "RouteReasonNoMatchingParent"): (
            "httproute-listener-section-name-not-matching-port -> gateway-with-one-not-matching-port-and-section-name-route/http",
        ),
    },
    "HTTPRouteInvalidReferenceGrant": {
        ("RouteConditionResolvedRefs", "False", "RouteReasonRefNotPermitted"): (
            "reference-grant -> same-namespace",
        ),
    },
    "HTTPRouteObservedGenerationBump": {
        ("RouteConditionAccepted", "True", ""): ("observed-generation-bump -> same-namespace",),
    },
    "HTTPRoutePartiallyInvalidViaInvalidReferenceGrant": {
        ("RouteConditionResolvedRefs", "False", "RouteReasonRefNotPermitted"): (
            "invalid-reference-grant -> same-namespace",
        ),
    },
    "ListenerSetAllowedNamespaceNone": {
        ("GatewayConditionAccepted", "True", ""): ("gateway-does-not-allow-listenerset",),
        ("ListenerSetConditionAccepted", "False", "ListenerSetReasonNotAllowed"): (
            "listenerset-not-allowed",
        ),
        ("ListenerSetConditionProgrammed", "False", "ListenerSetReasonNotAllowed"): (
            "listenerset-not-allowed",
        ),
    },
    "ListenerSetAllowedNamespaceSame": {
        ("GatewayConditionAccepted", "True", ""): ("gateway-allows-listenerset-in-same-namespace",),
        ("ListenerConditionAccepted", "True", ""): (
            "gateway-allows-listenerset-in-same-namespace/gateway-listener",
            "listenerset-in-same-namespace/listenerset-in-same-namespace-listener",
        ),
        ("ListenerConditionProgrammed", "True", ""): (
            "gateway-allows-listenerset-in-same-namespace/gateway-listener",
            "listenerset-in-same-namespace/listenerset-in-same-namespace-listener",
        ),
        ("ListenerConditionResolvedRefs", "True", ""): (
            "gateway-allows-listenerset-in-same-namespace/gateway-listener",
            "listenerset-in-same-namespace/listenerset-in-same-namespace-listener",
        ),
        ("ListenerSetConditionAccepted", "False", "ListenerSetReasonNotAllowed"): (
            "listenerset-in-different-namespace",
        ),
        ("ListenerSetConditionAccepted", "True", "ListenerSetReasonAccepted"): (
            "listenerset-in-same-namespace",
        ),
        ("ListenerSetConditionProgrammed", "False", "ListenerSetReasonNotAllowed"): (
            "listenerset-in-different-namespace",
        ),
        ("ListenerSetConditionProgrammed", "True", "ListenerSetReasonProgrammed"): (
            "listenerset-in-same-namespace",
        ),
    },
    "ListenerSetAllowedNamespaceSelector": {
        ("GatewayConditionAccepted", "True", ""): ("gateway-allows-listenerset-in-selected-namespace",),
        ("ListenerSetConditionAccepted", "False", "ListenerSetReasonNotAllowed"): (
            "listenerset-not-in-selected-namespace",
        ),
        ("ListenerSetConditionAccepted", "True", "ListenerSetReasonAccepted"): (
            "listenerset-in-selected-namespace",
        ),
        ("ListenerSetConditionProgrammed", "False", "ListenerSetReasonNotAllowed"): (
            "listenerset-not-in-selected-namespace",
        ),
        ("ListenerSetConditionProgrammed", "True", "ListenerSetReasonProgrammed"): (
            "listenerset-in-selected-namespace",
        ),
    },
    "ListenerSetAllowedRoutesNamespaces": {
        ("GatewayConditionAccepted", "True", ""): ("gateway-with-listener-sets-test-allowed-routes",),
        ("RouteConditionAccepted", "False", "RouteReasonNotAllowedByListeners"): (
            "route-in-gateway-namespace -> listenerset-test-allowed-routes-cross-ns",
        ),
    },
    "ListenerSetAllowedRoutesSupportedKinds": {
        ("GatewayConditionAccepted", "True", ""): ("gateway-with-listener-sets-test-supported-route-kinds",),
        ("ListenerConditionResolvedRefs", "False", "ListenerReasonInvalidRouteKinds"): (
            "listenerset-test-allowed-routes-supported-kinds/listener-set-listener-allowed-routes-tls-only",
        ),
    },
    "ListenerSetDefaultNotAllowed": {
        ("GatewayConditionAccepted", "True", ""): ("gateway-default-does-not-allow-listenerset",),
        ("ListenerSetConditionAccepted", "False", "ListenerSetReasonNotAllowed"): (
            "listenerset-default-not-allowed",
        ),
        ("ListenerSetConditionProgrammed", "False", "ListenerSetReasonNotAllowed"): (
            "listenerset-default-not-allowed",
        ),
    },
    "ListenerSetDualParentRefIndependence": {
        ("GatewayConditionAccepted", "True", ""): ("gateway-dual-parentref",),
        ("RouteConditionAccepted", "False", "RouteReasonNoMatchingParent"): (
            "route-dual-parentref-one -> gateway-dual-parentref/ls-dual-parentref-listener",
        ),
        ("RouteConditionAccepted", "True", ""): (
            "route-dual-parentref-both -> gateway-dual-parentref",
            "route-dual-parentref-both -> ls-dual-parentref",
            "route-dual-parentref-one -> ls-dual-parentref/ls-dual-parentref-listener",
        ),
    },
    "ListenerSetGatewayParentSectionNameNotFound": {
        ("GatewayConditionAccepted", "True", ""): ("gateway-section-name",),
        ("RouteConditionAccepted", "False", "RouteReasonNoMatchingParent"): (
            "route-via-gateway -> gateway-section-name/ls-only-listener",
        ),
    },
    "ListenerSetHostnameConflict": {
        ("GatewayConditionAccepted", "True", ""): ("gateway-with-listenerset-hostname-conflict",),
        ("ListenerConditionAccepted", "False", "ListenerReasonHostnameConflict"): (
            "listenerset-with-hostname-conflict-with-gateway-1/hostname-conflict-with-gateway-listener",
            "listenerset-with-hostname-conflict-with-gateway-2/hostname-conflict-with-gateway-listener",
            "listenerset-with-hostname-conflict-with-listener-set-1/hostname-conflict-with-listener-set-listener",
            "listenerset-with-hostname-conflict-with-listener-set-2/hostname-conflict-with-listener-set-listener",
        ),
        ("ListenerConditionConflicted", "True", "ListenerReasonHostnameConflict"): (
            "listenerset-with-hostname-conflict-with-gateway-1/hostname-conflict-with-gateway-listener",
            "listenerset-with-hostname-conflict-with-gateway-2/hostname-conflict-with-gateway-listener",
            "listenerset-with-hostname-conflict-with-listener-set-1/hostname-conflict-with-listener-set-listener",
            "listenerset-with-hostname-conflict-with-listener-set-2/hostname-conflict-with-listener-set-listener",
        ),
        ("ListenerConditionProgrammed", "False", "ListenerReasonHostnameConflict"): (
            "listenerset-with-hostname-conflict-with-gateway-1/hostname-conflict-with-gateway-listener",
            "listenerset-with-hostname-conflict-with-gateway-2/hostname-conflict-with-gateway-listener",
            "listenerset-with-hostname-conflict-with-listener-set-1/hostname-conflict-with-listener-set-listener",
            "listenerset-with-hostname-conflict-with-listener-set-2/hostname-conflict-with-listener-set-listener",
        ),
        ("ListenerSetConditionAccepted", "False", "ListenerSetReasonListenersNotValid"): (
            "listenerset-with-hostname-conflict-with-gateway-2",
            "listenerset-with-hostname-conflict-with-listener-set-2",
        ),
        ("ListenerSetConditionAccepted", "True", ""): (
            "listenerset-with-hostname-conflict-with-gateway-1",
            "listenerset-with-hostname-conflict-with-listener-set-1",
        ),
        ("ListenerSetConditionProgrammed", "False", "ListenerSetReasonListenersNotValid"): (
            "listenerset-with-hostname-conflict-with-gateway-2",
            "listenerset-with-hostname-conflict-with-listener-set-2",
        ),
        ("ListenerSetConditionProgrammed", "True", "ListenerSetReasonProgrammed"): (
            "listenerset-with-hostname-conflict-with-gateway-1",
            "listenerset-with-hostname-conflict-with-listener-set-1",
        ),
    },
    "ListenerSetProtocolConflict": {
        ("GatewayConditionAccepted", "True", ""): ("gateway-with-listenerset-protocol-conflict",),
        ("ListenerConditionAccepted", "False", "ListenerReasonProtocolConflict"): (
            "listenerset-with-protocol-conflict-with-gateway-1/protocol-conflict-with-gateway-listener",
            "listenerset-with-protocol-conflict-with-gateway-2/protocol-conflict-with-gateway-listener",
            "listenerset-with-protocol-conflict-with-listener-set-1/protocol-conflict-with-listener-set-listener",
            "listenerset-with-protocol-conflict-with-listener-set-2/protocol-conflict-with-listener-set-listener",
        ),
        ("ListenerConditionConflicted", "True", "ListenerReasonProtocolConflict"): (
            "listenerset-with-protocol-conflict-with-gateway-1/protocol-conflict-with-gateway-listener",
            "listenerset-with-protocol-conflict-with-gateway-2/protocol-conflict-with-gateway-listener",
            "listenerset-with-protocol-conflict-with-listener-set-1/protocol-conflict-with-listener-set-listener",
            "listenerset-with-protocol-conflict-with-listener-set-2/protocol-conflict-with-listener-set-listener",
        ),
        ("ListenerConditionProgrammed", "False", "ListenerReasonProtocolConflict"): (
            "listenerset-with-protocol-conflict-with-gateway-1/protocol-conflict-with-gateway-listener",
            "listenerset-with-protocol-conflict-with-gateway-2/protocol-conflict-with-gateway-listener",
            "listenerset-with-protocol-conflict-with-listener-set-1/protocol-conflict-with-listener-set-listener",
            "listenerset-with-protocol-conflict-with-listener-set-2/protocol-conflict-with-listener-set-listener",
        ),
        ("ListenerSetConditionAccepted", "False", "ListenerSetReasonListenersNotValid"): (
            "listenerset-with-protocol-conflict-with-gateway-2",
            "listenerset-with-protocol-conflict-with-listener-set-2",
        ),
        ("ListenerSetConditionAccepted", "True", ""): (
            "listenerset-with-protocol-conflict-with-gateway-1",
            "listenerset-with-protocol-conflict-with-listener-set-1",
        ),
        ("ListenerSetConditionProgrammed", "False", "ListenerSetReasonListenersNotValid"): (
            "listenerset-with-protocol-conflict-with-gateway-2",
            "listenerset-with-protocol-conflict-with-listener-set-2",
        ),
        ("ListenerSetConditionProgrammed", "True", "ListenerSetReasonProgrammed"): (
            "listenerset-with-protocol-conflict-with-gateway-1",
            "listenerset-with-protocol-conflict-with-listener-set-1",
        ),
    },
    "ListenerSetReferenceGrant": {
        ("GatewayConditionAccepted", "True", ""): ("gateway-with-listener-sets-test-reference-grant",),
        ("ListenerConditionResolvedRefs", "False", "ListenerReasonRefNotPermitted"): (
            "listenerset-without-reference-grant/listenerset-without-reference-grant-listener",
        ),
        ("ListenerConditionResolvedRefs", "True", ""): (
            "gateway-with-listener-sets-test-reference-grant/gateway-listener",
            "listenerset-with-reference-grant/listenerset-with-reference-grant-listener",
        ),
        ("ListenerSetConditionAccepted", "False", "ListenerSetReasonListenersNotValid"): (
            "listenerset-without-reference-grant",
        ),
        ("ListenerSetConditionAccepted", "True", ""): ("listenerset-with-reference-grant",),
        ("ListenerSetConditionProgrammed", "False", "ListenerSetReasonListenersNotValid"): (
            "listenerset-without-reference-grant",
        ),
        ("ListenerSetConditionProgrammed", "True", ""): ("listenerset-with-reference-grant",),
    },
    "ListenerSetRouteStatusScopedToParentRef": {
        ("GatewayConditionAccepted", "True", ""): ("gateway-parentref",),
        ("RouteConditionAccepted", "True", ""): (
            "route-parentref-gwonly -> gateway-parentref",
            "route-parentref-lsonly -> listenerset-parentref",
        ),
    },
    "TCPRouteInvalidBackendRefNonexistent": {
        ("RouteConditionResolvedRefs", "False", "RouteReasonBackendNotFound"): (
            "tcp-route-invalid-backend-ref-nonexistent -> tcp-gateway-invalid-backend/tcp",
        ),
    },
    "TCPRouteInvalidCrossNamespaceBackendRef": {
        ("RouteConditionResolvedRefs", "False", "RouteReasonRefNotPermitted"): (
            "tcp-invalid-cross-namespace-backend-ref -> tcp-invalid-cross-namespace-backend-ref-gateway/tcp",
        ),
    },
    "TCPRouteInvalidNonTCPListener": {
        ("RouteConditionAccepted", "False", "RouteReasonNotAllowedByListeners"): (
            "tcp-route -> tcp-mixed-protocol-gateway/only-allow-http-routes",
        ),
    },
    "TCPRouteMultipleRoutesAttachment": {
        ("ListenerConditionAccepted", "True", "ListenerReasonAccepted"): (
            "tcp-multi-route-attach-gateway/tcp",
        ),
        ("RouteConditionAccepted", "True", "RouteReasonAccepted"): (
            "tcproute-attach-older -> tcp-multi-route-attach-gateway/tcp",
        ),
    },
    "TCPRouteParentRefAttachAll": {
        ("RouteConditionAccepted", "True", "RouteReasonAccepted"): (
            "tcp-route-attach-all -> tcp-attach-all-gateway",
        ),
    },
    "TCPRouteParentRefPortAndSectionName": {
        ("RouteConditionAccepted", "True", "RouteReasonAccepted"): (
            "tcp-route-by-port -> tcp-multi-listener-gateway",
            "tcp-route-by-section -> tcp-multi-listener-gateway/two",
            "tcp-route-by-section-and-port -> tcp-multi-listener-gateway/three",
        ),
    },
    "TCPRouteReferenceGrant": {
        ("RouteConditionResolvedRefs", "False", "RouteReasonRefNotPermitted"): (),
    },
    "TLSRouteInvalidBackendRefNonexistent": {
        ("RouteConditionResolvedRefs", "False", "RouteReasonBackendNotFound"): (
            "invalid-backend-ref-nonexistent -> gateway-tlsroute-invalid-backend-ref-nonexistent",
        ),
    },
    "TLSRouteInvalidBackendRefUnknownKind": {
        ("RouteConditionResolvedRefs", "False", "RouteReasonInvalidKind"): (
            "invalid-backend-ref-unknown-kind -> gateway-tlsroute-invalid-backend-ref-unknown-kind",
        ),
    },
    "TLSRouteInvalidNoMatchingListenerHostname": {
        ("RouteConditionAccepted", "False", "RouteReasonNoMatchingListenerHostname"): (
            "tlsroute-hostname-mismatch-1 -> gateway-tls-exact-hostname",
            "tlsroute-hostname-mismatch-2 -> gateway-tls-wildcard-hostname",
        ),
    },
    "TLSRouteInvalidNoMatchingListener": {
        ("RouteConditionAccepted", "False", "RouteReasonNoMatchingParent"): (
            "tlsroute-no-matching-section-name -> gateway-tlsroute-tls-passthrough-only/nonexistent-listener",
        ),
        ("RouteConditionAccepted", "False", "RouteReasonNotAllowedByListeners"): (
            "tlsroute-not-allowed-protocol-http -> gateway-tlsroute-http-only",
            "tlsroute-not-allowed-protocol-https -> gateway-tlsroute-https-only",
        ),
    },
    "TLSRouteInvalidReferenceGrant": {
        ("RouteConditionResolvedRefs", "False", "RouteReasonRefNotPermitted"): (
            "gateway-conformance-infra-test -> gateway-tlsroute-referencegrant",
        ),
    },
    "TLSRouteListenerMixedTerminationNotSupported": {
        ("ListenerConditionAccepted", "False", "ListenerReasonProtocolConflict"): (
            "gateway-tlsroute-mixed-termination-not-supported/tls-terminate",
            "gateway-tlsroute-mixed-termination-not-supported/tls-passthrough",
        ),
    },
    "TLSRouteListenerPassthroughSupportedKinds": {
        ("ListenerConditionResolvedRefs", "False", "ListenerReasonInvalidRouteKinds"): (
            "gateway-tlsroute-passthrough-supported-kind/tls-passthrough",
        ),
    },
    "TLSRouteListenerTerminateNotSupported": {
        ("ListenerConditionAccepted", "False", "ListenerReasonUnsupportedValue"): (
            "gateway-tlsroute-terminate-unsupported/tls-terminate",
        ),
    },
    "TLSRouteListenerTerminateSupportedKinds": {
        ("ListenerConditionAccepted", "True", "ListenerReasonAccepted"): (
            "gateway-tlsroute-terminate-supported/tls-terminate",
        ),
    },
    "TLSRouteMixedTerminationSameNamespace": {
        ("ListenerConditionAccepted", "True", "ListenerReasonAccepted"): (
            "gateway-tlsroute-mixed-termination/tls-terminate",
            "gateway-tlsroute-mixed-termination/tls-passthrough",
        ),
    },
    "UDPRouteInvalidBackendRefNonexistent": {
        ("RouteConditionResolvedRefs", "False", "RouteReasonBackendNotFound"): (
            "udp-route-invalid-backend-ref-nonexistent -> udp-gateway-invalid-backend/udp",
        ),
    },
    "UDPRouteInvalidCrossNamespaceBackendRef": {
        ("RouteConditionResolvedRefs", "False", "RouteReasonRefNotPermitted"): (
            "udp-route-invalid-cross-namespace-backend-ref -> udp-gateway-invalid-cross-namespace-backend-ref/udp",
        ),
    },
    "UDPRouteMultipleRoutesAttachment": {
        ("ListenerConditionAccepted", "True", "ListenerReasonAccepted"): (
            "udp-multi-route-attach-gateway/udp",
        ),
        ("RouteConditionAccepted", "True", "RouteReasonAccepted"): (
            "udproute-attach-older -> udp-multi-route-attach-gateway/udp",
        ),
    },
    "UDPRouteNotAllowedByListeners": {
        ("RouteConditionAccepted", "False", "RouteReasonNotAllowedByListeners"): (
            "udproute-not-allowed-by-listeners -> udproute-tls-only-gateway/tls",
        ),
    },
    "UDPRouteParentRefAttachAllListeners": {
        ("ListenerConditionAccepted", "True", ""): (
            "udp-attach-all-listeners-gateway/udp-1",
            "udp-attach-all-listeners-gateway/udp-2",
            "udp-attach-all-listeners-gateway/udp-3",
        ),
        ("ListenerConditionResolvedRefs", "True", ""): (
            "udp-attach-all-listeners-gateway/udp-1",
            "udp-attach-all-listeners-gateway/udp-2",
            "udp-attach-all-listeners-gateway/udp-3",
        ),
        ("RouteConditionAccepted", "True", "RouteReasonAccepted"): (
            "udp-route-attach-all -> udp-attach-all-listeners-gateway",
        ),
    },
    "UDPRouteParentRefPortAndSectionName": {
        ("RouteConditionAccepted", "True", "RouteReasonAccepted"): (
            "udp-route-by-port -> udp-multi-listener-gateway",
            "udp-route-by-section -> udp-multi-listener-gateway/by-section",
            "udp-route-by-section-and-port -> udp-multi-listener-gateway/by-section-and-port",
        ),
    },
    "UDPRouteReferenceGrant": {
        ("RouteConditionResolvedRefs", "False", "RouteReasonRefNotPermitted"): (),
        ("RouteConditionResolvedRefs", "True", "RouteReasonResolvedRefs"): (
            "udp-route-reference-grant -> udp-gateway-reference-grant/udp",
        ),
    },
}
