import eslint from "@eslint/js"
import tseslint from "typescript-eslint"

const barrel = (name, example) => ({
  name,
  message: `Import the module, as in: import * as ${example.split("/").at(-1)} from "${example}"`
})
const barrels = [
  barrel("effect", "effect/Effect"),
  barrel("@effect/platform", "@effect/platform/HttpClient"),
  barrel("@effect/platform-node", "@effect/platform-node/NodeRuntime")
]
const ownBarrels = [
  barrel("effect-oauth", "effect-oauth/TokenExchange"),
  barrel("effect-oauth-node", "effect-oauth-node/PkceLogin"),
  barrel("effect-oauth-resource-server", "effect-oauth-resource-server/BearerAuth"),
  barrel("effect-oauth-testing", "effect-oauth-testing/TestIssuer")
]
const expects = ["vitest", "@effect/vitest"].map((name) => ({
  name,
  importNames: ["expect"],
  message: "Use `assert`."
}))

const property = (object, property, message) => ({ object, property, message })
const clock = "Time comes from Effect's Clock, so that TestClock rules it."
const chance = "Randomness comes from a service, so that tests can fix it."
const client = "Requests go through the HttpClient that the program provides."
const machine = "This package runs wherever Effect runs; what needs a machine belongs in packages/node."
const edge = "Sources describe effects; the program that uses them runs them."

const timeAndChance = [property("Date", "now", clock), property("Math", "random", chance)]
const syntax = [
  { selector: "MemberExpression[object.name='Effect'][property.name=/^run/]", message: edge },
  { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: clock },
  { selector: "CallExpression[callee.name='Date']", message: clock }
]

export default tseslint.config(
  { ignores: ["**/dist/", "**/node_modules/", "**/.cache/", "**/coverage/"] },
  eslint.configs.recommended,
  tseslint.configs.strict,
  {
    files: ["**/*.ts"],
    rules: {
      "@typescript-eslint/array-type": ["error", { default: "generic", readonly: "generic" }],
      "@typescript-eslint/ban-ts-comment": [
        "error",
        { "ts-expect-error": true, "ts-ignore": true, "ts-nocheck": true }
      ],
      "@typescript-eslint/consistent-type-imports": ["error", { disallowTypeAnnotations: false }],
      "@typescript-eslint/no-empty-object-type": ["error", { allowInterfaces: "with-single-extends" }],
      "@typescript-eslint/no-import-type-side-effects": "error",
      "@typescript-eslint/no-invalid-void-type": "off", // Effect<void> is everywhere
      "@typescript-eslint/no-namespace": ["error", { allowDeclarations: true }],
      "@typescript-eslint/no-unused-vars": [
        "error",
        { argsIgnorePattern: "^_", varsIgnorePattern: "^_", ignoreRestSiblings: true }
      ],
      "@typescript-eslint/unified-signatures": "off", // overloads document themselves one by one
      "no-control-regex": "off", // refusing control characters is what the expressions are for
      "no-restricted-imports": ["error", { paths: [...barrels, ...expects] }]
    }
  },
  { files: ["**/*.tst.ts"], rules: { "@typescript-eslint/ban-ts-comment": "off" } },
  {
    files: ["packages/*/src/**/*.ts"],
    ignores: ["packages/*/src/**/index.ts"],
    rules: {
      "no-console": "error",
      "no-restricted-imports": ["error", { paths: [...barrels, ...ownBarrels] }],
      "no-restricted-properties": ["error", ...timeAndChance],
      "no-restricted-syntax": ["error", ...syntax]
    }
  },
  {
    files: ["packages/{oauth,testing,resource-server}/src/**/*.ts"],
    rules: {
      "no-restricted-imports": [
        "error",
        { paths: [...barrels, ...ownBarrels], patterns: [{ group: ["node:*"], message: machine }] }
      ],
      "no-restricted-globals": [
        "error",
        { name: "fetch", message: client },
        ...["process", "Buffer", "require", "__dirname", "__filename"].map((name) => ({
          name,
          message: machine
        }))
      ],
      "no-restricted-properties": [
        "error",
        ...timeAndChance,
        property("globalThis", "fetch", client),
        property("globalThis", "process", machine),
        property("globalThis", "Buffer", machine)
      ]
    }
  },
  {
    files: ["**/*.{js,mjs}"],
    languageOptions: { globals: { console: "readonly", process: "readonly", URL: "readonly" } }
  }
)
