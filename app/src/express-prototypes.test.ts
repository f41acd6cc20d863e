import { createServer, IncomingMessage, ServerResponse } from 'node:http'
import express from 'express'
import { expect, onTestFinished, test, vi } from 'vitest'
import { expressPrototypes } from './express-prototypes.ts'
import { listen } from './http.test-support.ts'

const hello = (response: object) => (response as { hello?: string }).hello

test('requests and responses have the prototypes of the application before it sees them, and nothing else changes', async () => {
  const app = express()
  const seen: unknown[] = []
  const server = createServer(expressPrototypes(app), (request, response) => {
    seen.push(Object.getPrototypeOf(request) === app.request, Object.getPrototypeOf(response) === app.response)
    seen.push(request instanceof IncomingMessage, response instanceof ServerResponse)
    seen.push(request.method, request.url, response.statusCode)
    app(request, response)
  })
  app.get('/items/:id', (request, response) => {
    response.json({ id: request.params['id'], host: request.get('Host') })
  })
  const { origin, port } = await listen(server)
  const answer = await fetch(`${origin}/items/7?full=1`)
  expect(seen).toEqual([true, true, true, true, 'GET', '/items/7?full=1', 200])
  expect(await answer.json()).toEqual({ id: '7', host: `127.0.0.1:${port}` })
})

test('Express finds the prototypes set: no object is made another kind', async () => {
  const app = express().get('/', (_request, response) => void response.sendStatus(204))
  const changed: string[] = []
  const { setPrototypeOf } = Object
  const spy = vi.spyOn(Object, 'setPrototypeOf').mockImplementation((value, prototype) => {
    if (Object.getPrototypeOf(value) !== prototype) changed.push((value as object).constructor.name)
    return setPrototypeOf(value, prototype)
  })
  onTestFinished(() => spy.mockRestore())
  const plain = await listen(createServer(app))
  const made = await listen(createServer(expressPrototypes(app), app))
  await fetch(made.origin)
  expect(changed).toEqual([])
  await fetch(plain.origin)
  expect(changed).toEqual(['IncomingMessage', 'ServerResponse'])
})

test('an application that is mounted in another one has its own prototypes while it handles the request', async () => {
  const inner = express()
  const outer = express().use('/inner', inner)
  Object.defineProperty(inner.response, 'hello', { value: 'inner' })
  Object.defineProperty(outer.response, 'hello', { value: 'outer' })
  inner.get('/here', (_request, response) => void response.send(hello(response)))
  outer.get('/inner/after', (_request, response) => void response.send(hello(response)))
  const { origin } = await listen(createServer(expressPrototypes(outer), outer))
  const text = async (path: string) => (await fetch(origin + path)).text()
  expect([await text('/inner/here'), await text('/inner/after')]).toEqual(['inner', 'outer'])
})
