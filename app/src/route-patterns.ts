/**
 * Which route took a request, as its full pattern: `/items/:id` with every mount path in front.
 *
 * `req.baseUrl + req.route.path` would be wrong twice: a parameter in a mount path is filled in there, and a handler
 * that throws inside a mounted router loses the prefix (https://github.com/expressjs/express/issues/2883). So the
 * pattern is found by the identity of the route object, from a walk through the routers.
 */

type Path = string | RegExp | readonly Path[]

interface RouteLike {
  path: Path
  methods: Record<string, boolean | undefined>
}

interface LayerLike {
  route?: RouteLike
  rawPath?: Path
  handle: unknown
}

export interface Route {
  /** The full pattern; patterns of a list are joined by commas. */
  pattern: string
  /** Upper case; empty for `all`. */
  methods: string[]
}

const textsOf = (path: Path): string[] => (Array.isArray(path) ? path.flatMap(textsOf) : [String(path)])

const join = (prefixes: readonly string[], path: Path): string[] =>
  prefixes.flatMap((prefix) =>
    textsOf(path).map((text) => `${prefix.replace(/\/$/, '')}${text === '/' && prefix !== '' ? '' : text}`),
  )

const stackOf = (value: unknown): LayerLike[] | undefined => {
  const { stack, router } = (value ?? {}) as { stack?: LayerLike[]; router?: { stack?: LayerLike[] } }
  return Array.isArray(stack) ? stack : router?.stack
}

function* walk(stack: LayerLike[], prefixes: readonly string[]): Generator<[RouteLike, string[]]> {
  for (const layer of stack) {
    if (layer.route) yield [layer.route, join(prefixes, layer.route.path)]
    else {
      const inner = stackOf(layer.handle)
      if (inner)
        yield* walk(
          inner,
          layer.rawPath === undefined || layer.rawPath === '/' ? prefixes : join(prefixes, layer.rawPath),
        )
    }
  }
}

/** Finds the routes of an Express 5 application; `app` is the application or a router (router 2.3 or later). */
export function createRoutePatterns(app: unknown) {
  const patterns = new Map<object, string>()

  function read(): void {
    const found = new Map<RouteLike, string[]>()
    // A router that is mounted twice has the same route objects under both paths.
    for (const [route, texts] of walk(stackOf(app) ?? [], ['']))
      found.set(route, [...(found.get(route) ?? []), ...texts])
    for (const [route, texts] of found) patterns.set(route, texts.map((text) => text || '/').join(','))
  }

  return {
    /** The full pattern of the route object that Express left in `req.route`, or undefined. */
    patternOf(route: object | undefined): string | undefined {
      if (route === undefined) return undefined
      const known = patterns.get(route)
      if (known !== undefined) return known
      read()
      // A route of an application that hides its routers: its own part of the path is bounded, too.
      const pattern = patterns.get(route) ?? textsOf((route as RouteLike).path).join(',')
      patterns.set(route, pattern)
      return pattern
    },

    /** Every route there is now. */
    list(): Route[] {
      read()
      return [...patterns].map(([route, pattern]) => ({
        pattern,
        methods: Object.keys((route as RouteLike).methods)
          .filter((method) => method !== '_all')
          .map((method) => method.toUpperCase()),
      }))
    },
  }
}
