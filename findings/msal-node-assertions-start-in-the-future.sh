#!/usr/bin/env bash
# @azure/msal-node 7.2.3 (Node.js): half of all client assertions are not valid yet when they are sent.
#
# MSAL for Node.js signs `nbf` (not before) with the app's certificate and takes it from `Math.round(Date.now() / 1000)`. In
# the second half of every second that is the next second, so the assertion starts up to half a second in the future.
# Microsoft tolerates clocks that differ by minutes. A token endpoint on the same machine that compares `nbf` with its clock,
# which is right and needs no tolerance there, refuses every other sign-in, and the next try works. Tolerate at least a
# second.
#
# Needs: Node.js with npm, its registry, and OpenSSL. Prints what was seen, and fails if it changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > sign.js <<'JS'
const { readFileSync } = require("node:fs");
const msal = require("@azure/msal-node");

const host = "https://login.example/t";
const configuration = {
  issuer: host, authorization_endpoint: `${host}/authorize`, token_endpoint: `${host}/token`, jwks_uri: `${host}/keys`,
};

// The clock shows the same time all along.
const now = Number(process.argv[2]);
Date = class extends Date {
  constructor(...time) {
    super(...(time.length ? time : [now]));
  }
  static now() {
    return now;
  }
};

// In place of the network: no request leaves the machine.
const networkClient = {
  sendGetRequestAsync: async () => ({ headers: {}, status: 200, body: configuration }),
  sendPostRequestAsync: async (_, { body }) => {
    const claims = new URLSearchParams(body).get("client_assertion").split(".")[1];
    const { nbf } = JSON.parse(Buffer.from(claims, "base64url"));
    console.log(`it is ${now / 1000}, nbf ${nbf}`);
    return { headers: {}, status: 200, body: { token_type: "Bearer", access_token: "t", expires_in: 3600 } };
  },
};

const app = new msal.ConfidentialClientApplication({
  auth: {
    clientId: "app",
    authority: host,
    knownAuthorities: ["login.example"],
    clientCertificate: { thumbprintSha256: "a".repeat(64), privateKey: readFileSync("key.pem", "utf8") },
  },
  system: { networkClient },
});
app.acquireTokenByClientCredential({ scopes: ["s/.default"] });
JS
npm install --silent --no-fund --no-audit @azure/msal-node@7.2.3 >/dev/null
openssl genrsa -out key.pem 2048 2>/dev/null
seen="$(node sign.js 1800000000400)
$(node sign.js 1800000000600)"
printf '%s\n' "$seen"
# Seen on 2026-11-29, Node.js v20.20.2:
expected='it is 1800000000.4, nbf 1800000000
it is 1800000000.6, nbf 1800000001'
[ "$seen" = "$expected" ] || { echo "this has changed" >&2; exit 1; }
