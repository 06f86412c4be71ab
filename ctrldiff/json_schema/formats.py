"""The formats that are enforced, as patterns over the plain text of the string.

Every text written is valid; some formats are written narrower than their standard has it (NARROWED says how). A format
that JSON Schema does not define is an annotation, as the specification says.
"""

_DATE_OF_YEAR = (
    r"(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)|02-(?:0[1-9]|1\d|2[0-8]))"
)
_LEAP = r"(?:\d\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
_DATE = rf"(?:\d{{4}}-{_DATE_OF_YEAR}|{_LEAP}-02-29)"
_CLOCK = r"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?"
_OFFSET = r"(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)"
_DAYS = r"(?:\d+Y(?:\d+M(?:\d+D)?)?|\d+M(?:\d+D)?|\d+D)"
_HOURS = r"T(?:\d+H(?:\d+M(?:\d+S)?)?|\d+M(?:\d+S)?|\d+S)"

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]"
_LABEL = r"[A-Za-z0-9](?:-?[A-Za-z0-9]){0,15}"
_HOST = rf"{_LABEL}(?:\.{_LABEL}){{0,6}}"
_MAIL = rf"{_ATOM}(?:\.?{_ATOM}){{0,31}}@{_LABEL}(?:\.{_LABEL}){{0,4}}"

_BYTE = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_IPV4 = rf"{_BYTE}(?:\.{_BYTE}){{3}}"
_GROUP = r"[0-9A-Fa-f]{1,4}"
_PAIR = rf"(?:{_GROUP}:{_GROUP}|{_IPV4})"
_IPV6 = "|".join(
    [rf"(?:{_GROUP}:){{6}}{_PAIR}"]
    + [
        (rf"(?:{_GROUP}(?::{_GROUP}){{0,{before}}})?" if before >= 0 else "")
        + "::"
        + (rf"(?:{_GROUP}:){{{4 - before}}}{_PAIR}" if before < 5 else _GROUP if before == 5 else "")
        for before in range(-1, 7)
    ]
)
_IPV6 = f"(?:{_IPV6})"


def _identifier(letters: str) -> tuple[str, str]:
    """RFC 3986 and RFC 3987: an identifier with a scheme, and a reference, over these unreserved letters."""
    plain = rf"[{letters}0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{{2}}"
    sign = f"(?:{plain}|[:@])"
    authority = rf"(?:(?:{plain}|:)*@)?(?:\[{_IPV6}\]|(?:{plain})*)(?::\d{{1,4}})?"
    path = f"(?:/{sign}*)*"
    whole = f"//{authority}{path}|/(?:{sign}+{path})?"
    end = rf"(?:\?(?:{sign}|[/?])*)?(?:#(?:{sign}|[/?])*)?"
    absolute = f"[A-Za-z][A-Za-z0-9+.-]*:(?:{whole}|{sign}+{path}|){end}"
    relative = f"(?:{whole}|(?:{plain}|@)+{path}|){end}"
    return absolute, f"(?:{absolute}|{relative})"


_BEYOND = r"\u00a0-\ud7ff\uf900-\ufdcf\ufdf0-\uffef"
_URI, _URI_REFERENCE = _identifier("A-Za-z")
_IRI, _IRI_REFERENCE = _identifier("A-Za-z" + _BEYOND)
_NAME = r"(?:[A-Za-z0-9_]|%[0-9A-Fa-f]{2})(?:\.?(?:[A-Za-z0-9_]|%[0-9A-Fa-f]{2}))*"
_VARIABLE = rf"{_NAME}(?::[1-9]\d{{0,3}}|\*)?"
_TEMPLATE = rf"(?:[!#$&()*+,./0-9:;=?@A-Z\[\]_a-z~-]|%[0-9A-Fa-f]{{2}}|\{{[+#./;?&]?{_VARIABLE}(?:,{_VARIABLE})*\}})*"
_POINTER = r"(?s:(?:/(?:[^~/]|~[01])*)*)"

FORMATS = {
    "date": f"(?a:{_DATE})",
    "time": f"(?a:{_CLOCK}{_OFFSET})",
    "date-time": f"(?a:{_DATE}T{_CLOCK}{_OFFSET})",
    "duration": rf"(?a:P(?:\d+W|{_DAYS}(?:{_HOURS})?|{_HOURS}))",
    "uuid": r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    "email": _MAIL,
    "idn-email": _MAIL,
    "hostname": _HOST,
    "idn-hostname": _HOST,
    "ipv4": f"(?a:{_IPV4})",
    "ipv6": f"(?a:{_IPV6})",
    "uri": f"(?a:{_URI})",
    "uri-reference": f"(?a:{_URI_REFERENCE})",
    "iri": f"(?a:{_IRI})",
    "iri-reference": f"(?a:{_IRI_REFERENCE})",
    "uri-template": f"(?a:{_TEMPLATE})",
    "json-pointer": _POINTER,
    "relative-json-pointer": rf"(?a:(?:0|[1-9]\d*))(?:#|{_POINTER})",
}
_ASCII = "ASCII only, labels of at most 31 signs and no double hyphen, at most seven of them"
NARROWED = {
    "time": "no leap seconds, at most six decimals, capital Z",
    "date-time": "no leap seconds, at most six decimals, capital T and Z",
    "uuid": "lower case",
    "email": f"no quoted names, at most 32 signs and dots between them; no addresses for a host; {_ASCII}",
    "idn-email": f"no quoted names, at most 32 signs and dots between them; no addresses for a host; {_ASCII}",
    "hostname": _ASCII,
    "idn-hostname": _ASCII,
    "uri": "ports of at most four digits",
    "uri-reference": "ports of at most four digits",
    "iri": "ports of at most four digits, the basic plane",
    "iri-reference": "ports of at most four digits, the basic plane",
    "uri-template": "ASCII outside of percent signs, the operators of level 4",
}
REFUSED = {"regex": "patterns nest, and no finite automaton counts brackets"}
