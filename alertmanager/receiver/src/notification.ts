/**
 * What Alertmanager posts (webhook version 4), and the log line of each alert in it.
 * Format: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
 */
import { z } from 'zod'
import type { Level } from '../../../app/src/log-line.ts'

const texts = z.record(z.string().max(256), z.string().max(8192))

const received = z.object({
  status: z.enum(['firing', 'resolved']),
  labels: texts,
  annotations: texts,
  startsAt: z.iso.datetime({ offset: true }),
  /** Of a firing alert it lies in the future, or in the year 1. */
  endsAt: z.iso.datetime({ offset: true }),
})

/** Other fields of the notification are ignored. */
export const notification = z.object({
  version: z.literal('4'),
  status: z.enum(['firing', 'resolved']),
  alerts: z.array(received).min(1).max(1000),
})

export type Alert = z.infer<typeof received>

/** How long a resolved alert lasted, in whole seconds. */
export const lastedSeconds = ({ startsAt, endsAt }: Alert): number =>
  Math.max(0, Math.round((Date.parse(endsAt) - Date.parse(startsAt)) / 1000))

const LEVELS: Record<string, Level> = { critical: 'ERROR', warning: 'WARN' }

/** The level, function and message of the log line that tells of `alert`. */
export function lineOf(alert: Alert) {
  const { alertname = '-', severity = 'none', job = '-' } = alert.labels
  const { summary = '-', description = '' } = alert.annotations
  const status = alert.status === 'resolved' ? `resolved after ${lastedSeconds(alert)} s` : 'firing'
  return {
    level: alert.status === 'resolved' ? 'INFO' : (LEVELS[severity] ?? 'INFO'),
    function: alertname,
    message: `${status}: severity ${severity}, job ${job}, since ${alert.startsAt}: ${summary}. ${description}`.trim(),
  } satisfies { level: Level; function: string; message: string }
}
