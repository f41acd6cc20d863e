/**
 * Lets Node make requests and responses as Express wants them: with its prototypes.
 *
 * Express sets the prototypes of each request and each response that it gets. For V8 these are then objects of another
 * kind, found out anew each time, and code that has seen both kinds is slower: a tenth of what a request costs
 * (docs/performance.md). Objects that have the right prototypes from the start are left as they are.
 */
import { IncomingMessage, ServerResponse, type ServerOptions } from 'node:http'

/** `base`, whose instances have this prototype. Not a class of its own: that would be one more prototype in between. */
function withPrototype<Base extends typeof IncomingMessage | typeof ServerResponse>(
  base: Base,
  prototype: object,
): Base {
  function Made(...values: unknown[]): object {
    return Reflect.construct(base, values, Made) as object
  }
  Made.prototype = prototype
  return Made as unknown as Base
}

/** For the options of `http.createServer`; `app` is an Express application, 5 or 4. */
export const expressPrototypes = (app: { request: object; response: object }) =>
  ({
    IncomingMessage: withPrototype(IncomingMessage, app.request),
    ServerResponse: withPrototype(ServerResponse, app.response),
  }) satisfies ServerOptions
