#!/usr/bin/env bash
# msal 1.39.0 (Python): the times in a client assertion are fractions.
#
# `exp` and `iat` of a JWT are numbers of seconds, and every other library writes whole ones, so parsers read them into an
# integer. MSAL for Python puts `time.time()` into the assertion that it signs with the app's certificate:
# `"exp": 1796000000.123456`. RFC 7519 allows that (NumericDate), and Microsoft accepts it. A strict integer field refuses
# the whole assertion as malformed, and sign-in with a secret works, so the certificate is suspected. Read these claims as
# numbers that may have a fraction.
#
# Needs: Python, its registry, and OpenSSL. Prints what was seen, and fails if it changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > sign_in.py <<'PY'
import base64
import json
import sys

import msal

HOST = "https://login.example/t"


class Answer:
    status_code, headers = 200, {}

    def __init__(self, body):
        self.text = json.dumps(body)

    def raise_for_status(self):
        pass


class Http:
    """In place of the network: no request leaves the machine."""

    def get(self, url, **_):
        return Answer({"issuer": HOST, "authorization_endpoint": HOST + "/authorize", "token_endpoint": HOST + "/token"})

    def post(self, url, data, **_):
        assertion = data["client_assertion"]
        claims = (assertion if isinstance(assertion, str) else assertion.decode()).split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
        for name in ("exp", "iat"):
            print(name, type(claims[name]).__name__)
        return Answer({"token_type": "Bearer", "access_token": "t", "expires_in": 3600})

    def close(self):
        pass


credential = {"private_key": open(sys.argv[1]).read(), "thumbprint": "a" * 40}
app = msal.ConfidentialClientApplication(
    "app", client_credential=credential, authority=HOST, instance_discovery=False, http_client=Http())
app.acquire_token_for_client(["s/.default"])
PY
python3 -m venv python
./python/bin/pip install --quiet --disable-pip-version-check msal==1.39.0
openssl genrsa -out key.pem 2048 2>/dev/null
seen=$(./python/bin/python sign_in.py key.pem)
printf '%s\n' "$seen"
# Seen on 2026-11-29, Python 3.11.7:
expected='exp float
iat float'
[ "$seen" = "$expected" ] || { echo "this has changed" >&2; exit 1; }
