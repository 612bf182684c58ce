// An OpenID provider for tests: argument 1 is the library's entry, 2 the port, 3 its clients as JSON.
// Its own pages take any name with any password; the name decides what the provider says of somebody.
import http from "node:http";
import { pathToFileURL } from "node:url";

const [, , entry, port, clients] = process.argv;
const { Provider } = await import(pathToFileURL(entry).href);
const provider = new Provider(`http://127.0.0.1:${port}`, {
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
http.createServer(provider.callback()).listen(Number(port), "127.0.0.1");
