"""URLs as they are asked for, and what of them may be shown."""

import re
from urllib.parse import quote, unquote, urljoin, urlsplit, urlunsplit

from yarl import URL

from ..names import printable
from ..sources import shown
from .faults import Refused

SAFE = "!#$%&'()*+,-./:;=?@[]_~"
"""What stays as it is, as in browsers; the % too, for what is quoted already must not be quoted twice."""

SECRET = re.compile("^x-(amz|goog|oss|cos|obs)-|signature|token|secret|passw|credential|access-?_?key|api-?_?key")
"""Found in names of a query whose values let one in, or tell until when."""
SECRET_NAMES = {"sig", "sign", "hmac", "auth", "authorization", "policy", "expires", "key-pair-id", "googleaccessid"}
SHARED_ACCESS = {"se", "sp", "spr", "sr", "st", "sv", "skoid", "sktid", "skt", "ske", "sks", "skv"}
"""Of Azure, whose names others may use for something else."""


def address(url: str) -> URL:
    """The URL, ready to be asked for.

    Raises:
        Refused: it is no http:// or https:// URL.
    """
    url = url.strip()
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise Refused("bad url", f"{shown_briefly(url)} is no URL: {error}") from None
    if parts.scheme.lower() not in {"http", "https"} or not host:
        kind = (
            "it begins with // only: write https: before it"
            if url.startswith("//")
            else "http:// or https:// is wanted"
        )
        raise Refused("bad url", f"{shown_briefly(url)!r} is no URL to fetch; {kind}")
    try:
        name = host if host.isascii() else host.encode("idna").decode()
        user = parts.netloc.rpartition("@")[0]
        netloc = (f"{_quoted(user)}@" if user else "") + (f"[{name}]" if ":" in name else name)
        netloc += f":{port}" if port is not None else ""
        return URL(
            urlunsplit((parts.scheme.lower(), netloc, _quoted(parts.path) or "/", _quoted(parts.query), "")),
            encoded=True,
        )
    except (ValueError, UnicodeError) as error:
        raise Refused("bad url", f"{shown_briefly(url)} is no URL: {error}") from None


def key_of_url(url: str) -> str:
    """What a URL is known by: itself, without user and password, and without a signature and what goes with it.

    A link that is signed anew leads to the same file.
    """
    parts = urlsplit(url.strip())
    fields = parts.query.split("&")
    names = [unquote(field.partition("=")[0]).lower() for field in fields]
    secret = SHARED_ACCESS | SECRET_NAMES if "sig" in names else SECRET_NAMES
    kept = [field for field, name in zip(fields, names, strict=True) if name not in secret and not SECRET.search(name)]
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="&".join(kept)).geturl()


def redirected(at: URL, location: str | None) -> URL:
    """Where a redirect leads.

    Raises:
        Refused: nowhere, to something other than the web, or from https to http.
    """
    if not location:
        raise Refused("redirect", f"{shown(str(at))} redirects without saying where to")
    try:
        target = address(urljoin(str(at), location))
    except (Refused, ValueError):
        raise Refused(
            "redirect", f"{shown(str(at))} redirects to {shown_briefly(location)!r}, which is no web address"
        ) from None
    if at.scheme == "https" and target.scheme == "http":
        raise Refused("redirect", f"{shown(str(at))} redirects from https to http ({shown(str(target))}); not followed")
    return target if target.origin() == at.origin() else target.with_user(None)


def _quoted(text: str) -> str:
    return quote(re.sub("%(?![0-9A-Fa-f]{2})", "%25", text), SAFE)


def shown_briefly(url: str) -> str:
    """As `shown`, and for what is no URL at all: on one short line, its query left out."""
    try:
        return printable(shown(url).partition("?")[0][:100])
    except ValueError:
        return "the address"
