/** What a program loads when it first asks for more than the plain code flow. */
export { begin, stepUp } from "./extendedRequest.js"
export { read } from "./extendedResponse.js"
