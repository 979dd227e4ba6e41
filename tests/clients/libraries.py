"""Signs in with MSAL and azure-identity for Python. `run` starts it, and says where the simulator is."""

import hashlib
import os
import ssl
import uuid
from importlib.metadata import version

import msal
import requests
from azure.identity import CertificateCredential, ClientSecretCredential, DeviceCodeCredential

from calls import call

SIMULATOR = os.environ["SIMULATOR"]
AUTHORITY = f"{SIMULATOR}/contoso.onmicrosoft.com"
API = "https://api.partnercenter.microsoft.com"
APP_SCOPES, USER_SCOPES = [f"{API}/.default"], [f"{API}/user_impersonation"]
APP = "11111111-2222-4333-8444-555555555555"
KEY, CERTIFICATE = (open(os.environ[name]).read() for name in ("CLIENT_KEY", "CLIENT_CERTIFICATE"))
THUMBPRINT = hashlib.sha1(ssl.PEM_cert_to_DER_cert(CERTIFICATE)).hexdigest()


def use(token):
    """The API accepts the token."""
    headers = {"Authorization": f"Bearer {token}", "MS-RequestId": str(uuid.uuid4()), "MS-CorrelationId": str(uuid.uuid4())}
    requests.get(f"{SIMULATOR}/v1/customers?size=1", headers=headers, timeout=60).raise_for_status()


def token_of(answer):
    if "access_token" not in answer:
        raise RuntimeError(answer.get("error_description", answer))
    return answer["access_token"]


def confidential(credential):
    return msal.ConfidentialClientApplication(
        APP, client_credential=credential, authority=AUTHORITY, instance_discovery=False)


def public():
    return msal.PublicClientApplication(APP, authority=AUTHORITY, instance_discovery=False)


def msal_for_python():
    client = f"MSAL for Python {version('msal')}"
    certificate = {"private_key": KEY, "thumbprint": THUMBPRINT, "public_certificate": CERTIFICATE}
    call(client, "app-only with a secret",
        lambda: use(token_of(confidential("a-secret").acquire_token_for_client(APP_SCOPES))))
    call(client, "app-only with a certificate",
        lambda: use(token_of(confidential(certificate).acquire_token_for_client(APP_SCOPES))))
    app = public()

    def by_device_code():
        flow = app.initiate_device_flow(USER_SCOPES)
        if "device_code" not in flow:
            raise RuntimeError(flow)
        answer = app.acquire_token_by_device_flow(flow)
        use(token_of(answer))
        assert answer["refresh_token"] and answer["id_token_claims"]["sub"], answer

    def silently():
        [account] = app.get_accounts()
        assert account["username"] == "admin@tailspinpartner.onmicrosoft.com", account
        use(token_of(app.acquire_token_silent(USER_SCOPES, account, force_refresh=True)))

    def by_refresh_token():
        answer = public().acquire_token_by_refresh_token("a-refresh-token", APP_SCOPES)
        use(token_of(answer))
        assert answer["refresh_token"], answer

    call(client, "a user by device code", by_device_code)
    call(client, "the same user again, silently", silently)
    call(client, "a user by refresh token, scope `.default`", by_refresh_token)


def azure_identity():
    client = f"azure-identity for Python {version('azure-identity')}"
    common = {"authority": SIMULATOR, "disable_instance_discovery": True}
    tenant = "contoso.onmicrosoft.com"
    certificate = (KEY + CERTIFICATE).encode()
    call(client, "app-only with a secret",
        lambda: use(ClientSecretCredential(tenant, APP, "a-secret", **common).get_token(*APP_SCOPES).token))
    call(client, "app-only with a certificate",
        lambda: use(CertificateCredential(tenant, APP, certificate_data=certificate, **common).get_token(*APP_SCOPES).token))
    user = DeviceCodeCredential(APP, tenant_id=tenant, prompt_callback=lambda *_: None, **common)

    def by_device_code():
        record = user.authenticate(scopes=USER_SCOPES)
        assert record.username == "admin@tailspinpartner.onmicrosoft.com", record.username
        use(user.get_token(*USER_SCOPES).token)

    call(client, "a user by device code", by_device_code)


msal_for_python()
azure_identity()
