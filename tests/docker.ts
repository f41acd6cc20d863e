/** Runs programs, Docker above all, for tests. */
import { execFile } from 'node:child_process'

export interface Outcome {
  code: number
  stdout: string
  stderr: string
}

export interface RunOptions {
  /** Added to the environment. */
  environment?: Record<string, string>
  /** Written to standard input. */
  input?: string
  /** Resolve whatever the exit code is. */
  mayFail?: boolean
  cwd?: string
  timeoutMs?: number
}

/** Runs a program to its end. Throws with its output when it exits with anything but 0, unless it may fail. */
export function run(program: string, args: string[], options: RunOptions = {}): Promise<Outcome> {
  const { environment = {}, input, mayFail = false, cwd, timeoutMs = 600_000 } = options
  return new Promise((resolve, reject) => {
    const child = execFile(
      program,
      args,
      { env: { ...process.env, ...environment }, cwd, timeout: timeoutMs, maxBuffer: 256 * 1024 ** 2 },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1
        if (error !== null && !mayFail) {
          reject(new Error(`${program} ${args.join(' ')} exited with ${code}:\n${stdout}${stderr}`))
        } else resolve({ code, stdout, stderr })
      },
    )
    child.stdin?.on('error', () => {})
    child.stdin?.end(input)
  })
}

/** Whether an image is here or can be pulled. */
export async function hasImage(image: string): Promise<boolean> {
  const { code } = await run('docker', ['image', 'inspect', image], { mayFail: true })
  if (code === 0) return true
  return (await run('docker', ['pull', '--quiet', image], { mayFail: true, timeoutMs: 180_000 })).code === 0
}
