// A producer and a consumer of nearline in Node: `node sample.js send TITLE VIEWER...`, `node sample.js lists`.
//
// NEARLINE_BROKERS: address of Kafka (127.0.0.1:19092); NEARLINE_TOPIC_PREFIX: prefix of all topics.

import { randomUUID } from 'node:crypto'
import kafkajs from 'kafkajs'
import lz4 from 'lz4js'

const { CompressionCodecs, CompressionTypes, Kafka, Partitioners, logLevel } = kafkajs

// pages are compressed with lz4, for which kafkajs needs a package
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: async (encoder) => Buffer.from(lz4.compress(encoder.buffer)),
  decompress: async (buffer) => Buffer.from(lz4.decompress(buffer)),
})

const PREFIX = process.env.NEARLINE_TOPIC_PREFIX ?? ''
const EVENTS = `${PREFIX}viewing.events.v1`
const HOME = `${PREFIX}recs.home.v1`
const QUIET_MS = 2000 // `lists` ends after this time without records; a service runs on
const PATIENCE_MS = 30000 // limit for the first record

const kafka = new Kafka({
  clientId: 'sample',
  brokers: (process.env.NEARLINE_BROKERS ?? '127.0.0.1:19092').split(','),
  logLevel: logLevel.ERROR,
})

/** Send a stop event for each viewer: fifty minutes of a title watched. */
async function send(title, viewers) {
  // DefaultPartitioner of kafkajs 2 is murmur2, as in Java; LegacyPartitioner gives other partitions
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner, idempotent: true })
  await producer.connect()
  const messages = viewers.map((viewer) => ({
    key: viewer,
    value: JSON.stringify({
      type: 'stop',
      event_id: randomUUID(), // a duplicate with the same id is not counted again
      viewer_id: viewer,
      event_time_ms: Date.now(),
      title_id: title,
      watched_s: 3000,
      position_s: 3000,
    }),
  }))
  await producer.send({ topic: EVENTS, messages, acks: -1 })
  await producer.disconnect()
}

/** Print the newest page of every viewer, in the current topic. */
async function lists() {
  const pages = new Map()
  const consumer = kafka.consumer({ groupId: `sample-${randomUUID()}`, readUncommitted: false })
  await consumer.connect()
  await consumer.subscribe({ topic: HOME, fromBeginning: true })
  let due = Date.now() + PATIENCE_MS
  await consumer.run({
    eachMessage: async ({ message }) => {
      due = Date.now() + QUIET_MS
      const viewer = message.key.toString()
      if (message.value === null) {
        pages.delete(viewer) // a tombstone: forget this viewer
        return
      }
      const page = JSON.parse(message.value.toString())
      if (page.seq > (pages.get(viewer)?.seq ?? 0)) pages.set(viewer, page)
    },
  })
  while (Date.now() < due) await new Promise((done) => setTimeout(done, 100))
  await consumer.disconnect()
  for (const [viewer, page] of pages) {
    if (page.expires_at_ms <= Date.now()) continue
    const titles = page.rows.flatMap((row) => row.items.map((item) => item.title_id))
    console.log(JSON.stringify({ viewer_id: viewer, seq: page.seq, titles }))
  }
}

const [command, ...words] = process.argv.slice(2)
if (command === 'send' && words.length > 1) await send(words[0], words.slice(1))
else if (command === 'lists' && words.length === 0) await lists()
else {
  console.error('sample.js send TITLE VIEWER... | sample.js lists')
  process.exitCode = 2
}
