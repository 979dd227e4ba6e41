#!/usr/bin/env bash
# @azure/msal-node 7.2.3 (Node.js): a device code is redeemed with a grant type that no standard has.
#
# RFC 8628 and the documentation of Microsoft's own endpoint have `urn:ietf:params:oauth:grant-type:device_code`, and MSAL
# for Python sends it. MSAL for Node.js sends `grant_type=device_code`. Microsoft accepts both. A token endpoint that was
# written after the RFC answers `unsupported_grant_type`, in a proxy, a simulator or another identity server, and every
# other way to sign in works, so the fault is looked for in the wrong place. Accept both names in the endpoint.
#
# Needs: Node.js with npm, and its registry. Prints what was seen, and fails if it changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > poll.js <<'JS'
const msal = require("@azure/msal-node");

const host = "https://login.example/t";
const answers = {
  "/openid-configuration": {
    issuer: host, authorization_endpoint: `${host}/authorize`, token_endpoint: `${host}/token`, jwks_uri: `${host}/keys`,
  },
  "/devicecode": { device_code: "d", user_code: "u", verification_uri: host, expires_in: 900, interval: 0, message: "" },
  "/token": { error: "authorization_declined", error_description: "AADSTS70017" },
};

function answer(url) {
  const [, body] = Object.entries(answers).find(([end]) => new URL(url).pathname.endsWith(end));
  return { headers: {}, status: body.error ? 400 : 200, body };
}

// In place of the network: no request leaves the machine.
const networkClient = {
  sendGetRequestAsync: async (url) => answer(url),
  sendPostRequestAsync: async (url, { body }) => {
    const grantType = new URLSearchParams(body).get("grant_type");
    if (grantType) console.log("grant_type", grantType);
    return answer(url);
  },
};

const app = new msal.PublicClientApplication({
  auth: { clientId: "app", authority: host, knownAuthorities: ["login.example"] },
  system: { networkClient },
});
app.acquireTokenByDeviceCode({ scopes: ["s"], deviceCodeCallback() {} }).catch(() => {});
JS
npm install --silent --no-fund --no-audit @azure/msal-node@7.2.3 >/dev/null
seen=$(node poll.js)
printf '%s\n' "$seen"
# Seen on 2026-11-29, Node.js v20.20.2:
expected='grant_type device_code'
[ "$seen" = "$expected" ] || { echo "this has changed" >&2; exit 1; }
