/** Dashboards in a browser, as a viewer without a login sees them. */
import { existsSync } from 'node:fs'
import { chromium, type BrowserContext, type Page } from 'playwright-core'
import { eventually } from './stack.ts'

export const browserPath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
)

/** One context for all pages, so that Grafana's scripts are loaded once. */
export async function launch(): Promise<BrowserContext> {
  const browser = await chromium.launch({
    executablePath: browserPath ?? '',
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'],
  })
  return browser.newContext()
}

export interface SeenPanel {
  title: string
  text: string
  hasError: boolean
}

// Runs in the page.
const PANELS = `[...document.querySelectorAll('section[data-testid^="data-testid Panel header"]')].map((section) => ({
  title: section.getAttribute('data-testid').replace('data-testid Panel header ', ''),
  text: section.innerText,
  hasError: section.querySelector('[data-testid="data-testid Panel status error"]') !== null,
}))`

/** The panels that the page shows now, as soon as none of them loads any more. */
const settled = (page: Page): Promise<SeenPanel[]> =>
  eventually(90, async () => {
    const loading = await page.locator('[aria-label="Panel loading bar"]:visible').count()
    const seen = await page.evaluate<SeenPanel[]>(PANELS)
    if (loading > 0 || seen.length === 0) throw new Error(`${page.url()}: ${loading} panels still load`)
    return seen
  })

/** Every panel of a dashboard, from the top to the bottom: panels load when they come into view. */
export async function panelsOnPage(page: Page): Promise<Map<string, SeenPanel>> {
  const seen = new Map<string, SeenPanel>()
  const { height = 600 } = page.viewportSize() ?? {}
  for (let y = 0; y < (await page.evaluate<number>('document.documentElement.scrollHeight')); y += height / 2) {
    await page.evaluate(`window.scrollTo(0, ${y})`)
    // What comes into view starts to load with the next frames.
    await page.waitForTimeout(200)
    for (const panel of await settled(page)) seen.set(panel.title, panel)
  }
  return seen
}
