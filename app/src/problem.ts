/** Problem answers: RFC 9457, application/problem+json. */
import { STATUS_CODES } from 'node:http'
import type { ErrorRequestHandler, RequestHandler } from 'express'
import type { ZodType } from 'zod'
import type { Logger } from './logger.ts'
import { requestContext } from './request-context.ts'

/** An answer other than success; `detail` is shown to the client. */
export class Problem extends Error {
  override name = 'Problem'
  readonly status: number
  readonly detail: string
  readonly headers: Record<string, string>

  constructor(status: number, detail: string, headers: Record<string, string> = {}) {
    super(detail)
    this.status = status
    this.detail = detail
    this.headers = headers
  }
}

/** Checks `input` against `schema`. Throws a 400 `Problem` that names each wrong field. */
export function checked<T>(schema: ZodType<T>, input: unknown): T {
  const result = schema.safeParse(input)
  if (result.success) return result.data
  throw new Problem(
    400,
    result.error.issues
      .map(({ path, message }) => (path.length > 0 ? `${path.join('.')}: ${message}` : message))
      .join('; '),
  )
}

/** Answers what no route took. A route that passed the request on did not take it either. */
export const notFound: RequestHandler = (request) => {
  delete (request as { route?: unknown }).route
  throw new Problem(404, 'There is nothing here; GET / lists what there is')
}

/** Turns every error into a problem answer; only a 5xx is logged, and none of its text reaches the client. */
export function problemHandler(logger: Logger): ErrorRequestHandler {
  // Express knows an error handler by its four parameters.
  return (error: unknown, _request, response, next) => {
    const {
      status: claimed,
      expose,
      message,
    } = (error ?? {}) as { status?: number; expose?: boolean; message?: string }
    const status = claimed !== undefined && claimed >= 400 && claimed <= 599 ? claimed : 500
    if (status >= 500) {
      logger.error(
        error instanceof Error && !(error instanceof Problem) ? (error.stack ?? error.message) : String(error),
        {
          module: 'problem',
          function: 'problemHandler',
        },
      )
    }
    if (response.headersSent) {
      next(error)
      return
    }
    const detail = error instanceof Problem ? error.detail : expose ? message : undefined
    if (error instanceof Problem) response.set(error.headers)
    response
      .status(status)
      .type('application/problem+json')
      .send(
        JSON.stringify({
          type: 'about:blank',
          title: STATUS_CODES[status] ?? 'Error',
          status,
          ...(detail === undefined ? {} : { detail }),
          requestId: requestContext.getStore()?.requestId,
        }),
      )
  }
}
