"""When a certificate ends is read as a library for certificates reads it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.launch.tls import self_signed
from workers.core.certificates import certificate_ends_ms

KEY = ec.generate_private_key(ec.SECP256R1())

#: What X.509 can say: two digits of a year until 2049, four of them after it.
ENDS = st.datetimes(dt.datetime(1951, 1, 1), dt.datetime(9999, 12, 31), timezones=st.just(dt.UTC))


def ending(ends: dt.datetime, common_name: str = "tq") -> bytes:
    """Return a certificate as PEM."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    builder = x509.CertificateBuilder(name, name, KEY.public_key(), x509.random_serial_number())
    signed = (
        builder.not_valid_before(dt.datetime(1950, 1, 2)).not_valid_after(ends).sign(KEY, hashes.SHA256())
    )
    return signed.public_bytes(serialization.Encoding.PEM)


#: One of which only a part may be there.
WHOLE = ending(dt.datetime(2031, 5, 6, tzinfo=dt.UTC))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ends=ENDS, common_name=st.text("äb", min_size=1, max_size=64))
def test_the_end_of_any_certificate_is_read_to_the_second(
    tmp_path: Path, ends: dt.datetime, common_name: str
) -> None:
    (tmp_path / "any.pem").write_bytes(ending(ends, common_name))
    assert certificate_ends_ms(str(tmp_path / "any.pem")) == ends.replace(microsecond=0).timestamp() * 1000


def test_of_a_bundle_the_first_counts_and_a_key_before_it_does_not(tmp_path: Path) -> None:
    # Given a key, our certificate and that of its authority in one file
    files = self_signed(tmp_path)
    authority = Path(files["ssl_certfile"]).read_bytes()
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(b"# \xe4 note\n" + Path(files["ssl_keyfile"]).read_bytes() + WHOLE + authority)
    # Then ours is read
    assert certificate_ends_ms(str(bundle)) == dt.datetime(2031, 5, 6, tzinfo=dt.UTC).timestamp() * 1000


@given(cut=st.integers(1, 300))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_certificate_that_is_cut_short_has_no_end(tmp_path: Path, cut: int) -> None:
    start, end = b"-----BEGIN CERTIFICATE-----\n", b"\n-----END CERTIFICATE-----\n"
    body = WHOLE.removeprefix(start).removesuffix(end)
    (tmp_path / "cut.pem").write_bytes(start + body[:-cut] + end)
    assert certificate_ends_ms(str(tmp_path / "cut.pem")) == 0


@pytest.mark.parametrize("content", [b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\n!\n"])
def test_a_file_without_a_certificate_has_no_end(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "none.pem").write_bytes(content)
    assert certificate_ends_ms(str(tmp_path / "none.pem")) == 0
    assert certificate_ends_ms(str(tmp_path / "missing.pem")) == 0
    assert certificate_ends_ms("") == 0
