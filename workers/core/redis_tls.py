"""What the options of a rediss:// URL say of the server's certificate, in redis-py's words.

The settings, the commands and the Smart Response stubs ask here, so that none of them verifies less than the others.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

#: What `ssl_cert_reqs` may say; to a client, optional is the same as required (Python's ssl module).
CERT_REQS = ("required", "optional", "none")

#: What redis-py reads as false; everything else is true.
_FALSE = ("0", "F", "FALSE", "N", "NO")


def verifies_certificate(options: Mapping[str, str]) -> bool:
    """Tell whether the server has to show a certificate of an authority that we know."""
    return options.get("ssl_cert_reqs", "required") != "none"


def verifies_name(options: Mapping[str, str]) -> bool:
    """Tell whether that certificate has to name the host of the URL."""
    return verifies_certificate(options) and options.get("ssl_check_hostname", "true").upper() not in _FALSE


def unverified(options: Mapping[str, str]) -> str:
    """Return the option that switches verification off, as the URL has it; "" where the server is verified."""
    if not verifies_certificate(options):
        return "ssl_cert_reqs=none"
    return "" if verifies_name(options) else f"ssl_check_hostname={options['ssl_check_hostname']}"


def warning(option: str) -> str:
    """Return what an operator is told in each run while `option` stands in the URL."""
    return (
        f"the Redis URL says {option}: another machine on the way can pose as Redis and read its password; "
        "take that out, and name the authority with ssl_ca_certs=FILE"
    )
