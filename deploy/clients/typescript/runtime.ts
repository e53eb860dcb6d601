// What the generated client needs: requests with retries, errors, and server-sent events. No package is needed:
// `fetch` is there in browsers and in Node 18.

/** An answer that is an error; `detail` says what was wrong and what to do. */
export class NearlineError extends Error {
  constructor(
    /** HTTP status; 0: the server did not answer. */
    readonly status: number,
    readonly title: string,
    readonly detail: string,
  ) {
    super(`${status} ${title}${detail ? `: ${detail}` : ''}`)
    this.name = 'NearlineError'
  }
}

export interface Options {
  /** Address of `nearline serve`, such as http://127.0.0.1:8080, perhaps with a path in front of /v1. */
  address: string
  /** API key (`nearline keys add`). */
  key?: string
  /** Longest wait for an answer, ms. Default: 2,000. */
  timeoutMs?: number
  /** Most attempts of a request. Default: 3. */
  attempts?: number
  /** Pause before the second attempt, ms; then twice as long each time. Default: 50. */
  firstPauseMs?: number
}

export type Query = Record<string, string | number | null | undefined>

const LONGEST_PAUSE_MS = 5000 // also where the server asks for more: a player does not wait longer for a page
/** Statuses that another attempt may not get. */
const PASSING = new Set([429, 502, 503, 504])

export class Transport {
  private readonly address: string
  private readonly headers: Record<string, string>

  constructor(private readonly options: Options) {
    this.address = options.address.replace(/\/+$/, '')
    this.headers = options.key === undefined ? {} : { Authorization: `Bearer ${options.key}` }
  }

  /** Make a request; repeat it while its failure may pass. Events may be repeated: they count once by their id. */
  async request<T>(method: string, path: string, query: Query, body?: unknown): Promise<T> {
    const url = this.url(path, query)
    const headers = body === undefined ? this.headers : { ...this.headers, 'Content-Type': 'application/json' }
    const text = body === undefined ? null : JSON.stringify(body)
    let pauseMs = this.options.firstPauseMs ?? 50
    for (let left = (this.options.attempts ?? 3) - 1; ; left--) {
      let failure: NearlineError
      let wantedMs = pauseMs * (1 + Math.random())
      try {
        const signal = AbortSignal.timeout(this.options.timeoutMs ?? 2000)
        const answer = await fetch(url, { method, headers, body: text, signal })
        if (answer.ok) return (await answer.json()) as T
        failure = await problem(answer)
        if (!PASSING.has(answer.status)) throw failure
        const asked = Number(answer.headers.get('Retry-After') ?? Number.NaN)
        if (asked >= 0) wantedMs = asked * 1000
      } catch (error) {
        if (error instanceof NearlineError && !PASSING.has(error.status)) throw error
        failure = error instanceof NearlineError ? error : new NearlineError(0, 'no answer', String(error))
      }
      if (left <= 0) throw failure
      await new Promise((done) => setTimeout(done, Math.min(wantedMs, LONGEST_PAUSE_MS)))
      pauseMs *= 2
    }
  }

  /** Yield the data of a stream of server-sent events, until `signal` aborts it or the server ends it. */
  async *stream<T>(path: string, signal?: AbortSignal): AsyncGenerator<T> {
    const answer = await fetch(this.url(path, {}), { headers: this.headers, signal: signal ?? null })
    if (!answer.ok || answer.body === null) throw await problem(answer)
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader()
    let text = ''
    try {
      for (;;) {
        const { done, value } = await reader.read()
        if (done) return
        text += value
        const events = text.split('\n\n')
        text = events.pop() ?? ''
        for (const event of events) {
          const data = event.split('\n').filter((line) => line.startsWith('data:')).map((line) => line.slice(5).trimStart())
          if (data.length > 0) yield JSON.parse(data.join('\n')) as T
        }
      }
    } finally {
      await reader.cancel().catch(() => undefined)
    }
  }

  private url(path: string, query: Query): string {
    const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null)
    const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString()
    return `${this.address}${path}${search ? `?${search}` : ''}`
  }
}

async function problem(answer: Response): Promise<NearlineError> {
  const text = await answer.text().catch(() => '')
  try {
    const found = JSON.parse(text) as { title?: string; detail?: string }
    return new NearlineError(answer.status, found.title ?? answer.statusText, found.detail ?? '')
  } catch {
    return new NearlineError(answer.status, answer.statusText, '')
  }
}
