/** The API described: /openapi.json, and Swagger UI from its package, served by ourselves. */
import { Router } from 'express'
import helmet from 'helmet'
import swaggerUi from 'swagger-ui-express'
import { openapi } from '../openapi.ts'

const secure = helmet({
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      defaultSrc: ["'none'"],
      scriptSrc: ["'self'"],
      // Swagger UI sets style attributes, and its page has a style element.
      styleSrc: ["'self'", "'unsafe-inline'"],
      imgSrc: ["'self'", 'data:'],
      connectSrc: ["'self'"],
      frameAncestors: ["'none'"],
      baseUri: ["'none'"],
      formAction: ["'none'"],
    },
  },
  // The service speaks plain HTTP on loopback.
  strictTransportSecurity: false,
})

export function docsRoutes(): Router {
  // Routes, not static mounts: each has one bounded label. What they do not have falls through to the 404.
  const pages = Router({ caseSensitive: true, strict: true })
    .get('/', secure, swaggerUi.setup(openapi, { customSiteTitle: 'Sample service' }))
    .get('/*asset', secure, ...swaggerUi.serve)
  return Router({ caseSensitive: true, strict: true })
    .get('/openapi.json', (_request, response) => {
      response.json(openapi)
    })
    .get('/docs', (_request, response) => {
      response.redirect(302, '/docs/')
    })
    .use('/docs/', pages)
}
