"""OpenID Connect: people sign in at a provider (authorization code flow with PKCE, OpenID Connect Core 1.0).

    href, attempt = begin(back)             # send the browser there, and keep the attempt in it
    user = finish(attempt, back, href)      # of the request by which it comes back

The library (Authlib) is in the extra `api`, and loaded only here.
"""
from __future__ import annotations

import hmac
import secrets
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from server import actors, clock
from server.config import settings
from server.errors import Refused
from server.models import OperatorUser
from server.operators import users
from server.operators.roles import Role

VIEWER = "viewer"
ATTEMPT_S = 600  # for so long somebody may take at the provider
TIMEOUT_S, LEEWAY_S, KNOWN_S = 10, 60, 3600
_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
_MANAGER = "OpenID Connect"  # who makes users, in the audit log
_known: dict[str, tuple[float, dict[str, Any]]] = {}  # what the provider publishes, by address
_lock = threading.Lock()


def is_configured() -> bool:
    """Whether people can sign in at a provider."""
    return bool(settings.openid_issuer)


def begin(back: str) -> tuple[str, str]:
    """Return the provider's address for a new attempt to sign in, and the attempt, which the browser keeps.
    `back` is where the provider sends it then. Refused (404) without a provider, (503) where it does not
    answer."""
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    href, _ = _session(back).create_authorization_url(
        _published("authorization_endpoint"), state=state, nonce=nonce, code_verifier=verifier)
    return str(href), f"{state}.{nonce}.{verifier}"


def finish(attempt: str, back: str, href: str) -> OperatorUser:
    """Return who has signed in, by the address (`href`) at which the provider has sent the browser back.

    Refused (400) where it does not belong to the attempt, (401) where the provider refuses it or its answer
    is none that counts, (403) where it names nobody who may sign in, (503) where it does not answer.
    """
    query = {name: values[0] for name, values in parse_qs(urlsplit(href).query).items()}
    state, _, rest = attempt.partition(".")
    nonce, _, verifier = rest.partition(".")
    if not verifier or not hmac.compare_digest(state.encode(), query.get("state", "").encode()):
        raise Refused(400, "this is no answer to an attempt to sign in of this browser, or it took longer "
                           f"than {ATTEMPT_S // 60} minutes: begin again")
    if "error" in query:
        raise Refused(401, f"the provider refuses it: {query.get('error_description') or query['error']}")
    if not query.get("code"):
        raise Refused(400, "the provider's answer has no code: begin again")
    return _user(_claims(_token(query["code"], verifier, back), nonce))


def _session(back: str) -> Any:
    if not is_configured():
        raise Refused(404, "no provider of OpenID Connect is configured (setting openid_issuer)")
    try:
        from authlib.integrations.requests_client import OAuth2Session
    except ImportError:
        raise Refused(501, "OpenID Connect needs a package that is not installed: pip install "
                           "'counterpoise[api]'") from None
    path = settings.openid_secret_file
    try:
        secret = Path(path).read_text().strip() if path else None
    except OSError as error:
        raise Refused(503, f"openid_secret_file: {path} cannot be read: {error.strerror}") from None
    session = OAuth2Session(settings.openid_client, secret, scope="openid profile email", redirect_uri=back,
                            code_challenge_method="S256",
                            token_endpoint_auth_method="client_secret_basic" if secret else "none")
    session.trust_env = False
    return session


def _token(code: str, verifier: str, back: str) -> str:
    from authlib.common.errors import AuthlibBaseError
    from requests.exceptions import RequestException
    try:
        answer = _session(back).fetch_token(_published("token_endpoint"), code=code, code_verifier=verifier,
                                            timeout=TIMEOUT_S, allow_redirects=False)
    except AuthlibBaseError as error:
        raise Refused(401, f"the provider refuses it: {error.description or error.error}") from None
    except (RequestException, ValueError) as error:
        raise _away(error) from None
    if not isinstance(answer.get("id_token"), str):
        raise Refused(401, "the provider's answer has no ID token")
    return str(answer["id_token"])


def _claims(token: str, nonce: str) -> dict[str, Any]:
    from authlib.oidc.core import CodeIDToken
    from joserfc import jwt
    from joserfc.errors import JoseError
    from joserfc.jwk import KeySet
    options = {"iss": {"essential": True, "value": settings.openid_issuer},
               "aud": {"essential": True, "value": settings.openid_client}}
    for fresh in (False, True):  # the provider may have new keys
        try:
            keys = KeySet.import_key_set(_fetch(_published("jwks_uri"), fresh))  # type: ignore[arg-type]
            decoded = jwt.decode(token, keys, algorithms=_ALGORITHMS)
            break
        except (JoseError, ValueError, KeyError) as error:
            if fresh:
                raise Refused(401, f"the provider's ID token is not valid: {error}") from None
    claims = CodeIDToken(decoded.claims, decoded.header, options,
                         {"nonce": nonce, "client_id": settings.openid_client})
    try:
        claims.validate(now=int(clock.system.time()), leeway=LEEWAY_S)
    except (JoseError, ValueError) as error:
        raise Refused(401, f"the provider's ID token is not valid: {error}") from None
    if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
        raise Refused(401, "the provider's ID token is that of another attempt")
    return dict(claims)


def _user(claims: dict[str, Any]) -> OperatorUser:
    name = claims.get(settings.openid_claim)
    if not isinstance(name, str) or not name:
        raise Refused(403, f"the provider does not say {settings.openid_claim}, which is to be the name of "
                           "the user (setting openid_claim)")
    if settings.openid_claim == "email" and claims.get("email_verified") is not True:
        raise Refused(403, f"the provider has not verified that {name} is yours")
    name = name.lower() if settings.openid_claim == "email" else name
    user = OperatorUser.get_or_none(OperatorUser.name == name)
    if user is None and settings.openid_new_users == VIEWER:
        with actors.acting(_MANAGER, "signed in for the first time"):
            user = users.create(name, Role.VIEWER)
    if user is None or user.disabled:
        raise Refused(403, f"{name!r} is {'disabled' if user else 'no user'} here: ask an administrator")
    return user


def _published(name: str) -> str:
    """Return an address that the provider publishes (OpenID Connect Discovery 1.0)."""
    issuer = settings.openid_issuer
    document = _fetch(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
    address = document.get(name)
    if document.get("issuer") != issuer:
        raise Refused(503, f"the provider calls itself {document.get('issuer')}, not {issuer} (setting "
                           "openid_issuer)")
    if not isinstance(address, str):
        raise Refused(503, f"the provider publishes no {name}")
    return address


def _fetch(address: str, fresh: bool = False) -> dict[str, Any]:
    with _lock:
        until, document = _known.get(address, (0.0, {}))
    if until > time.monotonic() and not fresh:
        return document
    import requests
    from requests.exceptions import RequestException
    with requests.Session() as session:
        session.trust_env = False
        try:
            answer = session.get(address, timeout=TIMEOUT_S, allow_redirects=False)
            answer.raise_for_status()
            document = answer.json()
        except (RequestException, ValueError) as error:
            raise _away(error) from None
    if not isinstance(document, dict):
        raise Refused(503, f"the provider's answer at {address} is not what it should be")
    with _lock:
        _known[address] = (time.monotonic() + KNOWN_S, document)
    return document


def _away(error: Exception) -> Refused:
    return Refused(503, f"the provider of OpenID Connect does not answer as it should "
                        f"({type(error).__name__}): try again, or sign in with a password", Retry_After="10")
