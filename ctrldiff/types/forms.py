"""Strings that pydantic reads as more than a string: addresses of mail, of networks, of pages.

Each is a pattern of texts that it takes, and narrower than it: what is left out is rarely written.

All are in Python's syntax and speak of whole strings.
"""

from __future__ import annotations

from ctrldiff.json_schema.formats import FORMATS

_LABEL = r"[A-Za-z0-9](?:-?[A-Za-z0-9]){0,15}"
_LAST = r"[A-Za-z](?:(?:-?[A-Za-z0-9]){0,14}[A-Za-z])?"  # a last label of digits makes a number of it
_HOST = rf"(?:{_LABEL}\.){{0,4}}{_LAST}"
_NAME = "[A-Za-zÀ-ÖØ-öø-ÿ]{1,20}"
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]"
_SPECIAL = "arpa|invalid|local|localhost|onion|test"  # no mail is delivered there (RFC 6761), so none is read
_MAIL = rf"{_ATOM}(?:\.?{_ATOM}){{0,31}}@(?:{_LABEL}\.){{1,4}}(?!(?i:{_SPECIAL})(?:>|\Z)){_LAST}"
_SIGN = r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})"
_SCHEME = r"(?!file:)[a-z][a-z0-9]{1,15}"  # a file has no port
_SIGNS = {"path": 300, "query": 300, "fragment": 60}  # where a URL may have so many and no more: 2,083 in all, say

_IPV4, _IPV6 = FORMATS["ipv4"], FORMATS["ipv6"]
_BYTE = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_GROUP = "[0-9A-Fa-f]{1,4}"


def _ipv4_networks() -> str:
    """Addresses of which all bits behind the prefix are zero."""
    ways = []
    for prefix in range(33):
        whole, bits = divmod(prefix, 8)
        parts = [_BYTE] * whole
        if bits:
            parts.append("(?:" + "|".join(str(n) for n in range(0, 256, 2 ** (8 - bits))) + ")")
        parts += ["0"] * (4 - len(parts))
        ways.append(r"\.".join(parts) + f"/{prefix}")
    return f"(?a:{'|'.join(ways)})"


def _ipv6_networks() -> str:
    """Whole groups and nothing behind them, the whole space, or one address."""
    ways = [rf"{_GROUP}(?::{_GROUP}){{{n - 1}}}::/{16 * n}" for n in range(1, 8)]
    return f"(?:{'|'.join(ways)}|::/0|{_IPV6}/128)"


_IPV4_INTERFACES = rf"{_IPV4}(?:/(?:[12]?[0-9]|3[0-2]))?"
_IPV6_INTERFACES = rf"{_IPV6}(?:/(?:[1-9]?[0-9]|1[01][0-9]|12[0-8]))?"

FORMS = {
    "email": _MAIL,
    "name-email": rf"(?:{_NAME}(?: {_NAME}){{0,2}} <{_MAIL}>|{_MAIL})",
    "ipv4": _IPV4,
    "ipv6": _IPV6,
    "ipvanyaddress": f"(?:{_IPV4}|{_IPV6})",
    "ipv4interface": _IPV4_INTERFACES,
    "ipv6interface": _IPV6_INTERFACES,
    "ipvanyinterface": f"(?:{_IPV4_INTERFACES}|{_IPV6_INTERFACES})",
    "ipv4network": _ipv4_networks(),
    "ipv6network": _ipv6_networks(),
    "ipvanynetwork": f"(?:{_ipv4_networks()}|{_ipv6_networks()})",
}


def url(schemes: list[str] | None, bounded: bool) -> str:
    """URLs with a host by name, a port of four digits or less, and neither user nor password.

    Args:
        schemes: of which it has one; None: any in small letters, but for "file".
        bounded: of a few hundred signs at most.
    """
    scheme = "|".join(one.replace("+", r"\+").replace(".", r"\.") for one in schemes or [_SCHEME])
    path, query, fragment = (f"{{0,{most - 1}}}" if bounded else "*" for most in _SIGNS.values())
    port = "" if schemes == ["file"] else r"(?::[1-9][0-9]{0,3})?"
    place = f"(?:{_HOST})?" if schemes == ["file"] else f"{_HOST}{port}"
    rest = rf"(?:\?(?:{_SIGN}|\?){query})?(?:#(?:{_SIGN}|\?){fragment})?"
    return f"(?:{scheme})://{place}" + (
        f"/{_SIGN}{path}{rest}" if schemes == ["file"] else f"(?:/{_SIGN}{path})?{rest}"
    )
