import { assert, describe, it } from "@effect/vitest"
import * as GrantType from "../../src/protocol/GrantType.js"
import * as TokenType from "../../src/protocol/TokenType.js"

describe("GrantType", () => {
  it("seeds 4.3, RFC 6749, 7522, 7523, 8628, 8693, CIBA: the names", () => {
    assert.deepStrictEqual(
      { ...GrantType },
      {
        authorizationCode: "authorization_code",
        refreshToken: "refresh_token",
        clientCredentials: "client_credentials",
        tokenExchange: "urn:ietf:params:oauth:grant-type:token-exchange",
        jwtBearer: "urn:ietf:params:oauth:grant-type:jwt-bearer",
        saml2Bearer: "urn:ietf:params:oauth:grant-type:saml2-bearer",
        deviceCode: "urn:ietf:params:oauth:grant-type:device_code",
        ciba: "urn:openid:params:grant-type:ciba",
        clientAssertionJwtBearer: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        clientAssertionSaml2Bearer: "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"
      }
    )
  })

  it("seeds 4.2: as a form parameter", () => {
    assert.strictEqual(
      new URLSearchParams({ grant_type: GrantType.tokenExchange }).toString(),
      "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange"
    )
  })
})

describe("TokenType", () => {
  it("seeds 4.3, RFC 8693 sections 2.2.1 and 3, RFC 6750, RFC 9449: the names", () => {
    assert.deepStrictEqual(
      { ...TokenType },
      {
        accessToken: "urn:ietf:params:oauth:token-type:access_token",
        refreshToken: "urn:ietf:params:oauth:token-type:refresh_token",
        idToken: "urn:ietf:params:oauth:token-type:id_token",
        saml1: "urn:ietf:params:oauth:token-type:saml1",
        saml2: "urn:ietf:params:oauth:token-type:saml2",
        jwt: "urn:ietf:params:oauth:token-type:jwt",
        idJag: "urn:ietf:params:oauth:token-type:id-jag",
        transactionToken: "urn:ietf:params:oauth:token-type:txn_token",
        deviceSecret: "urn:openid:params:token-type:device-secret",
        substituteUser: "urn:keycard:params:oauth:token-type:substitute-user",
        bearer: "Bearer",
        dpop: "DPoP",
        notApplicable: "N_A"
      }
    )
  })
})
