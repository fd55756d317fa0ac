"""The official Python client against the practice server: what Pointsman reads and writes with."""

from __future__ import annotations

import asyncio
import json

import pytest

ROUTES = "/apis/gateway.networking.k8s.io/v1/httproutes"


@pytest.fixture
def kubeconfig(server, certificate_files, tmp_path):
    path = tmp_path / "kubeconfig"
    server.write_kubeconfig(path, certificate_files.certificate.read_text())
    return path


def use_client(kubeconfig):
    """Runs in a thread: the client blocks."""
    from kubernetes import client, config, dynamic
    from kubernetes.client.exceptions import ApiException

    api_client = config.new_client_from_config(str(kubeconfig), context="pointsman-practice")
    seen = {}
    try:
        dynamic_client = dynamic.DynamicClient(api_client)
        routes = dynamic_client.resources.get(api_version="gateway.networking.k8s.io/v1", kind="HTTPRoute")
        seen["names"] = [item.metadata.name for item in routes.get(namespace="shop").items]
        routes.patch(
            body={"metadata": {"annotations": {"wave": "1"}}},
            name="cart",
            namespace="shop",
            content_type="application/merge-patch+json",
        )
        leases = client.CoordinationV1Api(api_client)
        body = client.V1Lease(
            metadata=client.V1ObjectMeta(name="cutover"), spec=client.V1LeaseSpec(holder_identity="me")
        )
        seen["lease"] = leases.create_namespaced_lease("shop", body).spec.holder_identity
        try:
            leases.create_namespaced_lease("shop", body)
        except ApiException as error:
            seen["second lease"] = (error.status, json.loads(error.body)["reason"])
        review = client.V1SelfSubjectAccessReview(
            spec=client.V1SelfSubjectAccessReviewSpec(
                resource_attributes=client.V1ResourceAttributes(verb="list", resource="secrets", group="")
            )
        )
        answer = client.AuthorizationV1Api(api_client).create_self_subject_access_review(review)
        seen["allowed"] = answer.status.allowed
        version = routes.get(namespace="shop").metadata.resourceVersion
        routes.delete(name="cart", namespace="shop")
        watched = routes.watch(namespace="shop", resource_version=version, timeout=1)
        seen["watched"] = [(event["type"], event["object"].metadata.name) for event in watched]
    finally:
        api_client.rest_client.pool_manager.clear()
        api_client.close()
    return seen


# the client's own warnings are not ours
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_the_official_client_finds_its_way(kubeconfig, storage, make_route):
    storage.apply(make_route("cart"))
    seen = await asyncio.to_thread(use_client, kubeconfig)
    assert seen == {
        "names": ["cart"],
        "lease": "me",
        "second lease": (409, "AlreadyExists"),
        "allowed": True,
        "watched": [("DELETED", "cart")],
    }
