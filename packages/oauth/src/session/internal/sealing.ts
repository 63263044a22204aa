/** A text under a key of a keyring: JWE (RFC 7516) in the flattened JSON form, A256KW and A256GCM. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { decode as fromBase64Url } from "jose/base64url"
import { flattenedDecrypt } from "jose/jwe/flattened/decrypt"
import { FlattenedEncrypt } from "jose/jwe/flattened/encrypt"
import type { SigningKey } from "../../keys/SigningKey.js"
import * as Text from "../../protocol/Text.js"

const Sealed = Schema.parseJson(
  Schema.Struct({
    protected: Schema.String,
    encrypted_key: Schema.String,
    iv: Schema.String,
    ciphertext: Schema.String,
    tag: Schema.String
  })
)
const Header = Schema.parseJson(
  Schema.Struct({
    alg: Schema.Literal("A256KW"),
    enc: Schema.Literal("A256GCM"),
    kid: Schema.optional(Schema.String)
  })
)
const decodeSealed = Schema.decodeOption(Sealed)
const decodeHeader = Schema.decodeOption(Header)

/** A text that claims to be sealed, and the kid of the key that it claims. */
export interface SealedText {
  readonly jwe: typeof Sealed.Type
  readonly kid: string | undefined
}

/** None for what was not sealed as it is here. */
export const parse = (text: string): Option.Option<SealedText> =>
  Option.flatMap(decodeSealed(text), (jwe) =>
    Option.map(Option.flatMap(Option.liftThrowable(headerText)(jwe.protected), decodeHeader), ({ kid }) => ({
      jwe,
      kid
    }))
  )

const headerText = (segment: string): string =>
  new TextDecoder("utf-8", { fatal: true }).decode(fromBase64Url(segment))

/** A key for this purpose alone, made of the secret part of a key that has another (RFC 5869). */
const derived = async (secret: string): Promise<CryptoKey> => {
  const material = await crypto.subtle.importKey("raw", copyOf(fromBase64Url(secret)), "HKDF", false, [
    "deriveKey"
  ])
  const purpose = {
    name: "HKDF",
    hash: "SHA-256",
    salt: new Uint8Array(),
    info: copyOf(new TextEncoder().encode("effect-oauth/EncryptedSecretStore/1"))
  }
  return crypto.subtle.deriveKey(purpose, material, { name: "AES-KW", length: 256 }, false, [
    "wrapKey",
    "unwrapKey"
  ])
}

/** Its memory is surely not shared, as WebCrypto wants it. */
const copyOf = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(bytes)

/** The key to seal with; none where the key cannot leave its place. */
const sealingKey = ({ privateJwk }: SigningKey): Option.Option<() => Promise<CryptoKey>> =>
  Option.flatMap(privateJwk, (redacted) => {
    const jwk = Redacted.value(redacted)
    const secret: unknown = jwk.kty === "oct" ? jwk["k"] : jwk["d"]
    return typeof secret === "string" && secret !== ""
      ? Option.some(() => derived(secret))
      : Option.none<() => Promise<CryptoKey>>()
  })

/** The name is authenticated, and not in the text: under another name it does not open. */
const boundTo = (name: string): Uint8Array => new TextEncoder().encode(JSON.stringify(name))

/** As JSON, in which any text has a form in UTF-8. */
const decodeText = Schema.decodeOption(Schema.parseJson(Schema.String))

/** None where the key cannot be used for it. */
export const seal = (key: SigningKey, name: string, text: string): Effect.Effect<Option.Option<string>> =>
  Option.match(sealingKey(key), {
    onNone: () => Effect.succeedNone,
    onSome: (derive) =>
      Effect.promise(async () => {
        const { aad: _, ...jwe } = await new FlattenedEncrypt(new TextEncoder().encode(JSON.stringify(text)))
          .setProtectedHeader({
            alg: "A256KW",
            enc: "A256GCM",
            ...(key.kid === undefined ? {} : { kid: key.kid })
          })
          .setAdditionalAuthenticatedData(boundTo(name))
          .encrypt(await derive())
        return Option.some(JSON.stringify(jwe))
      })
  })

/** None where it does not open, whatever the reason. */
export const open = (
  key: SigningKey,
  name: string,
  { jwe }: SealedText
): Effect.Effect<Option.Option<string>> =>
  Option.match(sealingKey(key), {
    onNone: () => Effect.succeedNone,
    onSome: (derive) =>
      Effect.option(
        Effect.tryPromise(async () => {
          const { plaintext } = await flattenedDecrypt(
            { ...jwe, aad: Text.base64Url(boundTo(name)) },
            await derive(),
            { keyManagementAlgorithms: ["A256KW"], contentEncryptionAlgorithms: ["A256GCM"] }
          )
          return new TextDecoder("utf-8", { fatal: true }).decode(plaintext)
        })
      ).pipe(Effect.map(Option.flatMap(decodeText)))
  })
