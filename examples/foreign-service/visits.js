'use strict'

// Customers of the shop, ten requests a second.
const shop = process.env.SHOP_URL ?? 'http://shop:3000'
let visits = 0

async function visit() {
  visits++
  const url = `${shop}/shops/${visits % 7}/orders`
  const headers = { 'content-type': 'application/json' }
  const body = JSON.stringify({ item: 'tea' })
  const response = await (visits % 3 === 0
    ? fetch(url, { method: 'POST', headers, body })
    : fetch(`${url}/${visits % 50}`))
  await response.arrayBuffer()
}

setInterval(() => visit().catch(({ message }) => console.error(message)), 100)
