// A program that uses the TypeScript client against a running server; test_typescript.py compiles and runs it.
// It has to compile in strict mode, and what it must not do has to be refused by the compiler.

import { type Event, type Home, Nearline, NearlineError, type RowKind, type Topics } from './nearline.js'

const nearline = new Nearline({ address: process.argv[2] ?? '', timeoutMs: 20000, firstPauseMs: 1 })

const page = await nearline.home('ada')
const kinds: RowKind[] = page.rows.map((row) => row.kind)
const stranger = await nearline.home('nobody/else?', { maturity: 12 })

const play: Event = {
  type: 'play',
  event_id: 'ts-1',
  viewer_id: 'ada',
  event_time_ms: 1_764_015_324_000,
  title_id: 'tide',
}
// @ts-expect-error a play names its title
const withoutTitle: Event = { type: 'play', event_id: 'ts-2', viewer_id: 'ada', event_time_ms: 1_764_015_324_000 }
// @ts-expect-error there is no such type of event
const unknown: Event = { ...play, type: 'watched' }
const onTopic: Topics['viewing.events.v1'] = play
void withoutTitle, unknown

const refused = await nearline.send({ ...play, event_time_ms: 1_764_015_324 }).catch((error: unknown) => error)
let live: Home | undefined
for await (const home of nearline.live('ada')) {
  live = home
  break
}
console.log(
  JSON.stringify({
    home: page.rows[0]?.items.map((item) => item.title_id),
    kinds,
    stranger: stranger.viewer_id,
    coldStart: 'cold_start' in stranger,
    title: (await nearline.title('tide')).name,
    trending: (await nearline.trending({ scope: 'genre:Drama' })).items[0]?.title_id,
    search: (await nearline.search('ada', { q: 'paper & tide' })).items[0]?.title_id,
    similar: (await nearline.similar('tide', { viewer: 'ada', country: null })).items[0]?.title_id,
    accepted: (await nearline.send(onTopic)).event_id,
    refused: refused instanceof NearlineError ? [refused.status, refused.detail !== ''] : refused,
    absent: await nearline.title('absent').then(() => 200, (error: NearlineError) => error.status),
    live: live?.list_id,
  }),
)
