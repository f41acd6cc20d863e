/** The sample service's API, as OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.0). */

const json = (schema: object, description: string) => ({ description, content: { 'application/json': { schema } } })
const problem = (description: string) => ({
  description,
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
})
const body = (name: string) => ({
  required: true,
  content: { 'application/json': { schema: { $ref: `#/components/schemas/${name}` } } },
})
const item = { $ref: '#/components/schemas/Item' }
const id = { name: 'id', in: 'path', required: true, schema: { type: 'string' } }

export const openapi = {
  openapi: '3.1.0',
  info: { title: 'Sample service', version: '1', description: 'A small service to be observed.' },
  paths: {
    '/': { get: { summary: 'What is here', responses: { 200: json({ type: 'object' }, 'Links') } } },
    '/health': {
      get: {
        summary: 'Whether the service takes requests',
        responses: { 200: json({ type: 'object' }, 'Ready'), 503: json({ type: 'object' }, 'Stopping') },
      },
    },
    '/metrics': {
      get: {
        summary: 'Metrics in the Prometheus text format',
        responses: { 200: { description: 'Metrics', content: { 'text/plain': { schema: { type: 'string' } } } } },
      },
    },
    '/openapi.json': { get: { summary: 'This document', responses: { 200: json({ type: 'object' }, 'OpenAPI') } } },
    '/docs': { get: { summary: 'This document to read', responses: { 302: { description: 'To /docs/' } } } },
    '/cat_facts': {
      get: {
        summary: 'Facts about cats',
        parameters: [{ name: 'count', in: 'query', schema: { type: 'integer', minimum: 1, maximum: 100, default: 1 } }],
        responses: {
          200: json({ type: 'object', properties: { facts: { type: 'array', items: { type: 'string' } } } }, 'Facts'),
          400: problem('count is not a whole number from 1 to 100'),
        },
      },
    },
    '/items': {
      get: {
        summary: 'The newest items',
        parameters: [
          { name: 'limit', in: 'query', schema: { type: 'integer', minimum: 1, maximum: 100, default: 20 } },
        ],
        responses: {
          200: json(
            { type: 'object', properties: { total: { type: 'integer' }, items: { type: 'array', items: item } } },
            'Items',
          ),
          400: problem('limit is not a whole number from 1 to 100'),
        },
      },
      post: {
        summary: 'Create an item',
        requestBody: body('NewItem'),
        responses: { 201: json(item, 'Created'), 400: problem('Not an item'), 409: problem('All places are taken') },
      },
    },
    '/items/{id}': {
      parameters: [id],
      get: { summary: 'One item', responses: { 200: json(item, 'The item'), 404: problem('No such item') } },
      put: {
        summary: 'Change an item',
        requestBody: body('NewItem'),
        responses: { 200: json(item, 'Changed'), 400: problem('Not an item'), 404: problem('No such item') },
      },
      delete: {
        summary: 'Delete an item',
        responses: { 204: { description: 'Deleted' }, 404: problem('No such item') },
      },
    },
    '/faults': {
      get: { summary: 'Which faults are on', responses: { 200: json({ type: 'object' }, 'Faults') } },
      put: {
        summary: 'Break the service on purpose',
        requestBody: body('Faults'),
        responses: { 200: json({ type: 'object' }, 'Faults'), 400: problem('Not faults'), 403: problem('Not enabled') },
      },
    },
  },
  components: {
    schemas: {
      NewItem: {
        type: 'object',
        required: ['name'],
        additionalProperties: false,
        properties: {
          name: { type: 'string', minLength: 1, maxLength: 200 },
          price: { type: 'number', minimum: 0, maximum: 1_000_000 },
        },
      },
      Item: {
        allOf: [{ $ref: '#/components/schemas/NewItem' }, { type: 'object', properties: { id: { type: 'string' } } }],
      },
      Faults: {
        type: 'object',
        additionalProperties: false,
        properties: {
          errorRate: { type: 'number', minimum: 0, maximum: 1, default: 0, description: 'Share answered with 500' },
          latencyMs: { type: 'integer', minimum: 0, maximum: 30_000, default: 0, description: 'Added to each answer' },
          cpuMs: { type: 'integer', minimum: 0, maximum: 900, default: 0, description: 'Blocked within each second' },
          durationSeconds: { type: 'number', minimum: 1, maximum: 3600, default: 300 },
        },
      },
      Problem: {
        type: 'object',
        description: 'RFC 9457',
        properties: {
          type: { type: 'string' },
          title: { type: 'string' },
          status: { type: 'integer' },
          detail: { type: 'string' },
          requestId: { type: 'string' },
        },
      },
    },
  },
}
