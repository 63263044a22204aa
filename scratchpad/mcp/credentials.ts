/** What the client was given beforehand: the context of a scenario of @modelcontextprotocol/conformance. */
import * as Config from "effect/Config"
import * as Schema from "effect/Schema"

const Employee = Schema.Struct({
  client_id: Schema.String,
  client_secret: Schema.Redacted(Schema.String),
  idp_client_id: Schema.String,
  idp_issuer: Schema.String,
  idp_id_token: Schema.Redacted(Schema.String)
})
const Key = Schema.Struct({
  client_id: Schema.String,
  private_key_pem: Schema.Redacted(Schema.String),
  signing_algorithm: Schema.Literal("ES256")
})
const Secret = Schema.Struct({
  name: Schema.String,
  client_id: Schema.String,
  client_secret: Schema.Redacted(Schema.String)
})

/** None where the client begins with nothing but the URL. */
export const config = Config.option(
  Schema.Config("MCP_CONFORMANCE_CONTEXT", Schema.parseJson(Schema.Union(Employee, Key, Secret)))
)
