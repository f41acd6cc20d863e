/**
 * Shows the routers of an Express 4 application as route-patterns.ts reads them, which is the way of Express 5: there a
 * mounted router keeps its path. In Express 4 only the regular expression made of it is left, so the path is read back
 * from that: `^\/shops(?:\/([^/]+?))\/?(?=\/|$)` with the key `shop` is `/shops/:shop`.
 */

interface Layer4 {
  route?: object
  handle: unknown
  regexp: RegExp & { fast_slash?: boolean }
  keys: readonly { name: string | number }[]
}

interface Router4 {
  stack: readonly Layer4[]
}

const END = String.raw`\/?(?=\/|$)`
// What path-to-regexp 0.1 makes of `/:name`: since Express 4.20, and before.
const PARAMETER = /\(\?:\\\/\(\[\^\/\]\+\?\)\)|\\\/\(\?:\(\[\^\\\/\]\+\?\)\)/g

/** The path a router is mounted on. One that is no plain path stands for itself, as a regular expression: it is bounded. */
export function mountPath({ regexp, keys }: Pick<Layer4, 'regexp' | 'keys'>): string {
  if (regexp.fast_slash) return '/'
  const { source } = regexp
  if (!source.startsWith('^') || !source.endsWith(END)) return String(regexp)
  let key = 0
  const path = source
    .slice(1, -END.length)
    .replaceAll(PARAMETER, () => `/:${keys[key++]?.name}`)
    .replaceAll(/\\([/.-])/g, '$1')
  return key === keys.length && /^[/\w.:~-]*$/.test(path) ? path : String(regexp)
}

const isRouter = (value: unknown): value is Router4 => Array.isArray((value as Partial<Router4> | null)?.stack)

// A mounted application wraps itself in a function that does not show it: its routes keep their own part of the path.
const adapt = ({ stack }: Router4): object[] =>
  stack.map((layer) =>
    layer.route
      ? { route: layer.route }
      : { rawPath: mountPath(layer), handle: isRouter(layer.handle) ? { stack: adapt(layer.handle) } : undefined },
  )

interface Application4 {
  lazyrouter: () => void
  _router: Router4
}

export const isExpress4 = (app: unknown): app is Application4 =>
  typeof (app as Partial<Application4> | null)?.lazyrouter === 'function'

/** The application's routers, as they are at the time of reading. */
export function express4Router(app: Application4): { readonly stack: object[] } {
  app.lazyrouter()
  return {
    get stack() {
      // oxlint-disable-next-line no-underscore-dangle -- Express 4 has it under no other name
      return adapt(app._router)
    },
  }
}
