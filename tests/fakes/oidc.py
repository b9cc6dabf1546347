"""A small OpenID Connect provider: discovery, authorize, token, keys, userinfo; RS256, PKCE.

It signs in whoever `provider.person` describes, without asking. What a real one would refuse (a
wrong redirect, secret, code or verifier) it refuses too, so that a test over HTTP means something.
"""

import base64
import hashlib
import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT_ID = "producthub"
CLIENT_SECRET = "a secret of the tests"


class Provider:
    """`with Provider() as provider:` serves at `provider.issuer` until the block ends."""

    def __init__(self, **person: Any) -> None:
        self.person: dict[str, Any] = person
        self.id_token_only: dict[str, Any] = {}
        self.denies = False
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.codes: dict[str, dict[str, str]] = {}
        self.tokens: set[str] = set()
        self.requests: list[str] = []
        provider = self

        class Handler(_Handler):
            fake = provider

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> "Provider":
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *args: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def settings(self) -> dict[str, Any]:
        """What the hub's settings make of OIDC_ISSUER and its companions."""
        app = {
            "provider_id": "sso",
            "name": "single sign-on",
            "client_id": CLIENT_ID,
            "secret": CLIENT_SECRET,
            "settings": {"server_url": self.issuer, "fetch_userinfo": True},
        }
        return {
            "OIDC_ISSUER": self.issuer,
            "SOCIALACCOUNT_PROVIDERS": {
                "openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [app]}
            },
        }

    def configuration(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "jwks_uri": f"{self.issuer}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
        }

    def keys(self) -> dict[str, Any]:
        jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
        return {"keys": [{**jwk, "kid": "one", "use": "sig", "alg": "RS256"}]}

    def authorize(self, query: dict[str, str]) -> tuple[int, str]:
        if query.get("client_id") != CLIENT_ID or query.get("response_type") != "code":
            return 400, "unknown client or response type"
        if query.get("code_challenge_method") != "S256" or not query.get("code_challenge"):
            return 400, "no PKCE"
        if "openid" not in query.get("scope", "").split():
            return 400, "no openid scope"
        back = {"state": query.get("state", "")}
        if self.denies:
            back["error"] = "access_denied"
        else:
            code = back["code"] = secrets.token_urlsafe(16)
            self.codes[code] = query
        return 302, f"{query['redirect_uri']}?{urlencode(back)}"

    def exchange(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        asked = self.codes.pop(form.get("code", ""), None)
        verifier = form.get("code_verifier", "").encode()
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier).digest()).rstrip(b"=")
        if (
            asked is None
            or form.get("client_id") != CLIENT_ID
            or form.get("client_secret") != CLIENT_SECRET
            or form.get("redirect_uri") != asked["redirect_uri"]
            or challenge.decode() != asked["code_challenge"]
        ):
            return 400, {"error": "invalid_grant"}
        token = secrets.token_urlsafe(24)
        self.tokens.add(token)
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            **self.person,
            **self.id_token_only,
        }
        if "nonce" in asked:
            claims["nonce"] = asked["nonce"]
        id_token = jwt.encode(claims, self.key, algorithm="RS256", headers={"kid": "one"})
        body = {"access_token": token, "token_type": "Bearer", "expires_in": 300}
        return 200, {**body, "id_token": id_token}


class _Handler(BaseHTTPRequestHandler):
    fake: Provider

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self.fake.requests.append(parts.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        if parts.path == "/.well-known/openid-configuration":
            self._json(200, self.fake.configuration())
        elif parts.path == "/jwks":
            self._json(200, self.fake.keys())
        elif parts.path == "/authorize":
            status, text = self.fake.authorize(query)
            if status == 302:
                self.send_response(302)
                self.send_header("Location", text)
                self.send_header("Content-Length", "0")
                self.end_headers()
            else:
                self._json(status, {"error": text})
        elif parts.path == "/userinfo":
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            known = token in self.fake.tokens
            self._json(200 if known else 401, self.fake.person if known else {})
        else:
            self._json(404, {})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self.fake.requests.append(self.path)
        form = {key: values[0] for key, values in parse_qs(body).items()}
        self._json(*self.fake.exchange(form) if self.path == "/token" else (404, {}))

    def _json(self, status: int, body: dict[str, Any]) -> None:
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *args: object) -> None:
        """Keep test output quiet."""
