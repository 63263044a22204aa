/** What the client says that it is: the document at the URL that is its `client_id`, which nobody has to register. */
export const clientDocument = {
  client_id: "https://conformance-test.local/client-metadata.json",
  client_name: "Scratchpad",
  application_type: "native",
  redirect_uris: ["http://127.0.0.1/callback"],
  token_endpoint_auth_method: "none",
  grant_types: ["authorization_code", "refresh_token"],
  response_types: ["code"]
}
