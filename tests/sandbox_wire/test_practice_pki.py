from __future__ import annotations

import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError
from hypothesis import given, settings
from hypothesis import strategies as st
from OpenSSL import crypto
from pointsman.sandbox.errors import SandboxError
from pointsman.sandbox.pki import Certificate, PracticeCa, default_certificate


def verify(ca: PracticeCa, certificate: Certificate, name: str) -> None:
    """As strictly as the most exact verifier there is; raises VerificationError."""
    leaf, *others = x509.load_pem_x509_certificates(certificate.chain_pem)
    roots = Store([x509.load_pem_x509_certificate(ca.root_pem)])
    PolicyBuilder().store(roots).build_server_verifier(x509.DNSName(name)).verify(leaf, others)


def openssl_error(ca: PracticeCa, certificate: Certificate) -> int:
    """OpenSSL's error number for the chain as served; 0 if it is fine."""
    store = crypto.X509Store()
    store.add_cert(crypto.load_certificate(crypto.FILETYPE_PEM, ca.root_pem))
    leaf, *others = (
        crypto.X509.from_cryptography(one) for one in x509.load_pem_x509_certificates(certificate.chain_pem)
    )
    try:
        crypto.X509StoreContext(store, leaf, others).verify_certificate()
    except crypto.X509StoreContextError as error:
        return error.errors[0]
    return 0


def test_a_leaf_passes_the_strict_verifier_and_openssl(ca: PracticeCa) -> None:
    issued = ca.issue(["store.shop.test", "*.shop.test"])
    verify(ca, issued, "store.shop.test")
    verify(ca, issued, "other.shop.test")
    assert openssl_error(ca, issued) == 0
    with pytest.raises(VerificationError):
        verify(ca, issued, "shop.example")


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"expired": True}, 10),
        ({"not_yet_valid": True}, 9),
        ({"self_signed": True}, 18),
        ({"missing_intermediate": True}, 20),
    ],
)
def test_each_fault_is_the_one_openssl_names(ca: PracticeCa, fault: dict[str, bool], error: int) -> None:
    issued = ca.issue(["store.shop.test"], **fault)  # type: ignore[arg-type]
    assert openssl_error(ca, issued) == error
    with pytest.raises(VerificationError):
        verify(ca, issued, "store.shop.test")


def test_a_wrong_name_is_valid_for_that_name_only(ca: PracticeCa) -> None:
    issued = ca.issue(["store.shop.test"], wrong_name="other.test")
    verify(ca, issued, "other.test")
    with pytest.raises(VerificationError, match="subjectAltName"):
        verify(ca, issued, "store.shop.test")


def test_addresses_become_ip_names(ca: PracticeCa) -> None:
    names = ca.issue(["127.0.0.1", "::1", "api.test"]).leaf.extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert [str(address) for address in names.value.get_values_for_type(x509.IPAddress)] == [
        "127.0.0.1",
        "::1",
    ]
    assert names.value.get_values_for_type(x509.DNSName) == ["api.test"]


@settings(max_examples=15, deadline=None)
@given(days=st.floats(min_value=0.01, max_value=199))
def test_the_lifetime_is_as_asked_and_never_beyond_200_days(days: float) -> None:
    leaf = PracticeCa().issue(["a.test"], days).leaf
    left = leaf.not_valid_after_utc - datetime.now(UTC)
    assert abs(left - timedelta(days=days)) < timedelta(minutes=1)
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc < timedelta(days=200)


@pytest.mark.parametrize("days", [0, -1, 200, 398])
def test_a_lifetime_that_no_ca_may_give_is_refused(ca: PracticeCa, days: int) -> None:
    with pytest.raises(SandboxError, match=f"199 days, not {days}"):
        ca.issue(["a.test"], days)


def test_no_name_no_certificate(ca: PracticeCa) -> None:
    with pytest.raises(SandboxError):
        ca.issue([])


def test_the_default_certificate_is_known_by_its_name() -> None:
    leaf = default_certificate().leaf
    assert leaf.subject == leaf.issuer
    assert "Kubernetes Ingress Controller Fake Certificate" in leaf.subject.rfc4514_string()


def test_repr_shows_no_key(ca: PracticeCa) -> None:
    issued = ca.issue(["a.test"])
    secret = issued.key_pem.decode().splitlines()[1]
    for shown in (repr(issued), str(issued), repr(ca), repr(vars(ca))):
        assert secret not in shown
        assert "PRIVATE" not in shown


def test_files_are_private_and_make_a_server_context(ca: PracticeCa, tmp_path: Path) -> None:
    issued = ca.issue(["a.test"])
    files = issued.write(tmp_path, "api")
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(files.chain_file, files.key_file)
    (tmp_path / "api.key").chmod(0o644)
    issued.write(tmp_path, "api")
    assert stat.S_IMODE((tmp_path / "api.key").stat().st_mode) == 0o600


def test_a_server_context_leaves_no_key_behind(ca: PracticeCa, tmp_path: Path) -> None:
    ca.issue(["a.test"]).server_context(tmp_path)
    assert list(tmp_path.iterdir()) == []
