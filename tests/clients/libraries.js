// Signs in with MSAL and azure-identity for Node.js. `run` starts it, and says where the simulator is.

const { createHash, randomUUID, X509Certificate } = require("node:crypto");
const { readFileSync } = require("node:fs");
const { join } = require("node:path");
const msal = require("@azure/msal-node");
const identity = require("@azure/identity");
const { call, check } = require("./calls.js");

const { SIMULATOR, CLIENT_KEY, CLIENT_CERTIFICATE } = process.env;
const API = "https://api.partnercenter.microsoft.com";
const APP_SCOPES = [`${API}/.default`];
const USER_SCOPES = [`${API}/user_impersonation`];
const APP = "11111111-2222-4333-8444-555555555555";
const TENANT = "contoso.onmicrosoft.com";
const USER = "admin@tailspinpartner.onmicrosoft.com";

function version(name) {
  return JSON.parse(readFileSync(join(__dirname, "node_modules", name, "package.json"), "utf8")).version;
}

/** The API accepts the token. */
async function use(token) {
  const headers = { Authorization: `Bearer ${token}`, "MS-RequestId": randomUUID(), "MS-CorrelationId": randomUUID() };
  const answer = await fetch(`${SIMULATOR}/v1/customers?size=1`, { headers });
  check(answer.ok, { status: answer.status });
}

const auth = { clientId: APP, authority: `${SIMULATOR}/${TENANT}`, knownAuthorities: [new URL(SIMULATOR).host] };

async function appOnly(credential) {
  const app = new msal.ConfidentialClientApplication({ auth: { ...auth, ...credential } });
  const answer = await app.acquireTokenByClientCredential({ scopes: APP_SCOPES });
  await use(answer.accessToken);
}

async function msalForNode() {
  const client = `MSAL for Node.js ${version("@azure/msal-node")}`;
  const x5c = readFileSync(CLIENT_CERTIFICATE, "utf8");
  const clientCertificate = {
    thumbprintSha256: createHash("sha256").update(new X509Certificate(x5c).raw).digest("hex"),
    privateKey: readFileSync(CLIENT_KEY, "utf8"),
    x5c,
  };
  await call(client, "app-only with a secret", () => appOnly({ clientSecret: "a-secret" }));
  await call(client, "app-only with a certificate", () => appOnly({ clientCertificate }));
  const app = new msal.PublicClientApplication({ auth });
  let account;
  await call(client, "a user by device code", async () => {
    const answer = await app.acquireTokenByDeviceCode({ scopes: USER_SCOPES, deviceCodeCallback: () => {} });
    await use(answer.accessToken);
    account = answer.account;
    check(account.username === USER && answer.idTokenClaims.sub, answer);
  });
  await call(client, "the same user again, silently", async () => {
    const answer = await app.acquireTokenSilent({ scopes: USER_SCOPES, account, forceRefresh: true });
    check(!answer.fromCache, answer);
    await use(answer.accessToken);
  });
  await call(client, "a user by refresh token, scope `.default`", async () => {
    const answer = await app.acquireTokenByRefreshToken({ scopes: APP_SCOPES, refreshToken: "a-refresh-token" });
    await use(answer.accessToken);
  });
}

async function azureIdentity() {
  const client = `azure-identity for Node.js ${version("@azure/identity")}`;
  const options = { authorityHost: SIMULATOR, disableInstanceDiscovery: true };
  const certificate = readFileSync(CLIENT_KEY, "utf8") + readFileSync(CLIENT_CERTIFICATE, "utf8");
  await call(client, "app-only with a secret", async () => {
    const credential = new identity.ClientSecretCredential(TENANT, APP, "a-secret", options);
    await use((await credential.getToken(APP_SCOPES)).token);
  });
  await call(client, "app-only with a certificate", async () => {
    const credential = new identity.ClientCertificateCredential(TENANT, APP, { certificate }, options);
    await use((await credential.getToken(APP_SCOPES)).token);
  });
  await call(client, "a user by device code", async () => {
    const credential = new identity.DeviceCodeCredential({
      ...options, tenantId: TENANT, clientId: APP, userPromptCallback: () => {},
    });
    const record = await credential.authenticate(USER_SCOPES);
    check(record.username === USER, record);
    await use((await credential.getToken(USER_SCOPES)).token);
  });
}

msalForNode().then(azureIdentity);
