'use strict'

const express = require('express')

const app = express()
const orders = new Map()

const api = express.Router()
api.post('/orders', express.json(), (req, res) => {
  const id = orders.size + 1
  orders.set(id, { id, item: String(req.body.item) })
  res.status(201).json(orders.get(id))
})
api.get('/orders/:id', (req, res) => {
  const order = orders.get(Number(req.params.id))
  if (order) res.json(order)
  else res.status(404).json({ error: 'no such order' })
})

app.use('/shops/:shop', api)
app.get('/health', (req, res) => res.json({ ok: true }))
app.use((req, res) => {
  res.status(404).json({ error: 'not found' })
})

app.listen(3000)
