"""Sends again what Microsoft's PowerShell module sends; the module itself needs PowerShell, and is not run.

The order of the requests is that of its source, microsoft/Partner-Center-PowerShell of 2021-02-11: `Connect-PartnerCenter`
with a refresh token (MSAL for .NET), `New-PartnerCustomer`, and `Get-PartnerCustomer` with an id. Their headers are those
of recorded calls (tests/wire/country-rules-US-recorded.http). `run` starts it, and says where the simulator is.
"""

import os
import uuid

import requests

from calls import call

CLIENT = "Microsoft's PowerShell module of 2021 (its requests, sent again)"
SIMULATOR = os.environ["SIMULATOR"]
API = "https://api.partnercenter.microsoft.com"
DOMAIN = "powershell.onmicrosoft.com"
ADDRESS = {
    "AddressLine1": "One Microsoft Way", "AddressLine2": None, "City": "Redmond", "Country": "US", "FirstName": "Gena",
    "LastName": "Soto", "MiddleName": None, "PhoneNumber": "4255550101", "PostalCode": "98052", "Region": None, "State": "WA",
}
CUSTOMER = {
    "AssociatedPartnerId": None,
    "BillingProfile": {
        "CompanyName": "Wingtip Toys", "Culture": "en-US", "DefaultAddress": ADDRESS, "Email": "gena@wingtiptoys.com",
        "FirstName": "Gena", "Language": "en", "LastName": "Soto",
    },
    "CompanyProfile": {"CompanyName": "Wingtip Toys", "Domain": DOMAIN},
}


def sign_in():
    form = {
        "client_id": "11111111-2222-4333-8444-555555555555", "client_info": "1", "grant_type": "refresh_token",
        "refresh_token": "a-refresh-token", "scope": f"{API}/user_impersonation offline_access openid profile",
    }
    answer = requests.post(f"{SIMULATOR}/contoso.onmicrosoft.com/oauth2/v2.0/token", data=form, timeout=60).json()
    assert {"access_token", "refresh_token", "id_token", "client_info"} <= answer.keys(), answer
    return answer["access_token"]


def send(token, method, path, body=None, status=200):
    headers = {
        "Accept": "application/json", "Authorization": f"Bearer {token}", "MS-CorrelationId": str(uuid.uuid4()),
        "MS-PartnerCenter-Client": "Partner Center PowerShell", "MS-RequestId": str(uuid.uuid4()), "X-Locale": "en-US",
    }
    answer = requests.request(method, f"{SIMULATOR}/v1{path}", headers=headers, json=body, timeout=60)
    assert answer.status_code == status, f"{answer.status_code} {answer.text}"
    return answer


def created(token):
    answer = send(token, "POST", "/customers", CUSTOMER, 201).json()
    assert answer["userCredentials"]["password"], answer
    return answer


def follow(token, customer):
    for profile in ("companyProfile", "billingProfile"):
        link = customer[profile]["links"]["self"]
        send(token, link["method"], link["uri"])


TOKEN = call(CLIENT, "a user by refresh token", sign_in)
call(CLIENT, "is the domain free?", lambda: send(TOKEN, "HEAD", f"/domains/{DOMAIN}", status=404))
call(CLIENT, "address rules of the country", lambda: send(TOKEN, "GET", "/countryvalidationrules/US"))
call(CLIENT, "validate the address", lambda: send(TOKEN, "POST", "/validations/address", ADDRESS))
CREATED = call(CLIENT, "create the customer", lambda: created(TOKEN))
FOUND = call(CLIENT, "get the customer", lambda: send(TOKEN, "GET", f"/customers/{CREATED['id']}").json())
call(CLIENT, "follow its links", lambda: follow(TOKEN, FOUND))
