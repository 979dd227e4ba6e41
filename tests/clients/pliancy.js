// Works with pliancy's client, which sends no request ids. `run` builds it from its source, unchanged.
//
// The client knows no other addresses than those of Microsoft, so its requests are sent to the simulator here.

const axios = require("axios");
const { MicrosoftPartnerCenter } = require("./client.js");
const { call, check } = require("./calls.js");

const { SIMULATOR } = process.env;
const CLIENT = "microsoft-partnercenter 6.7.0 (pliancy), which sends no request ids";

function redirect(request) {
  request.baseURL = request.baseURL?.replace("https://api.partnercenter.microsoft.com", SIMULATOR);
  request.url = request.url.replace("https://login.microsoftonline.com", SIMULATOR);
  return request;
}

function client(authentication) {
  const made = new MicrosoftPartnerCenter({
    partnerDomain: "tailspinpartner.onmicrosoft.com",
    authentication: { clientId: "11111111-2222-4333-8444-555555555555", clientSecret: "a-secret", ...authentication },
  });
  made.httpAgent.interceptors.request.use(redirect);
  return made;
}

const CUSTOMER = {
  enableGDAPByDefault: true,
  CompanyProfile: { Domain: "pliancy.onmicrosoft.com" },
  BillingProfile: {
    Culture: "EN-US",
    Email: "gena@wingtiptoys.com",
    Language: "en",
    CompanyName: "Wingtip Toys",
    DefaultAddress: {
      FirstName: "Gena",
      LastName: "Soto",
      AddressLine1: "One Microsoft Way",
      City: "Redmond",
      State: "WA",
      PostalCode: "98052",
      Country: "US",
    },
  },
};

async function main() {
  axios.interceptors.request.use(redirect);
  const user = client({ refreshToken: "a-refresh-token" });
  let created;
  await call(CLIENT, "app-only, `getAllCustomers`", async () => {
    check((await client({}).getAllCustomers()).length === 0, "there are customers");
  });
  await call(CLIENT, "a user by refresh token, scope `.default`", async () => {
    // Before the first call, `getRefreshToken` signs in and returns an empty text.
    await user.getAllCustomers();
    const next = await user.getRefreshToken();
    check(next && next !== "a-refresh-token", next);
  });
  await call(CLIENT, "`createCustomer`", async () => {
    created = await user.createCustomer(CUSTOMER);
    check(created.userCredentials.password, created);
  });
  await call(CLIENT, "`getAllCustomers`", async () => {
    const found = await user.getAllCustomers();
    check(found.length === 1 && found[0].id === created.id, found);
  });
  await call(CLIENT, "`getCustomerById`", async () => {
    const found = await user.getCustomerById(created.id);
    check(found.companyProfile.domain === CUSTOMER.CompanyProfile.Domain, found);
  });
}

main();
