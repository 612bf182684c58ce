// An OpenID provider for tests: argument 1 is the library's entry, 2 the port, 3 its clients as JSON, 4 its issuer,
// 5 a PEM file of key and certificate where that is https.
// Its own pages take any name with any password; the name decides what the provider says of somebody.
import fs from "node:fs";
import http from "node:http";
import https from "node:https";
import { pathToFileURL } from "node:url";

const [, , entry, port, clients, issuer, file] = process.argv;
const { Provider } = await import(pathToFileURL(entry).href);
const provider = new Provider(issuer, {
  clients: JSON.parse(clients),
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["preferred_username", "name"] },
  conformIdTokenClaims: false, // claims stand in the ID token, as with most providers
  pkce: { required: () => true },
  findAccount: (_ctx, id) => ({
    accountId: id,
    claims: () => ({
      sub: id,
      preferred_username: id,
      email: `${id}@example.com`,
      email_verified: !id.startsWith("unverified"),
    }),
  }),
});
const pem = file && fs.readFileSync(file);
const server = pem ? https.createServer({ key: pem, cert: pem }, provider.callback()) : http.createServer(provider.callback());
server.listen(Number(port), "127.0.0.1");
