// kafkajs on a cluster: topics, idempotent and transactional producers, groups, positions, deletions.
//	node kafkajs_play.mjs BOOTSTRAP TOPIC
// What it saw is one JSON object; the test that asked for it is the judge.
import kafkajs from 'kafkajs'

const { CompressionTypes, ConfigResourceTypes, Kafka, logLevel } = kafkajs
const [bootstrap, topic] = process.argv.slice(2)
const kafka = new Kafka({ brokers: [bootstrap], clientId: 'kafkajs', logLevel: logLevel.NOTHING })
const saw = { read: {}, groups: {} }
const values = (count, text) => Array.from({ length: count }, (_, i) => ({ key: `k${i % 7}`, value: `${text}${i}`, headers: { h: 'x' } }))

// Reads until `count` records were there, and commits what it read.
async function read(group, count) {
  const consumer = kafka.consumer({ groupId: group, sessionTimeout: 10000, maxWaitTimeInMs: 100 })
  const found = []
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await new Promise((resolve) => consumer.run({
    eachMessage: async ({ partition, message }) => {
      found.push([partition, message.offset, message.key.toString(), message.value.toString()])
      if (found.length === count) resolve()
    }
  }))
  saw.groups.while = (await admin.describeGroups([group])).groups[0].state
  await consumer.disconnect()
  return found
}

const admin = kafka.admin()
await admin.connect()
saw.created = await admin.createTopics({ topics: [{ topic, numPartitions: 3, replicationFactor: 1, configEntries: [{ name: 'retention.ms', value: '100000' }] }] })
saw.again = await admin.createTopics({ topics: [{ topic }] })
const shown = await admin.describeConfigs({ includeSynonyms: true, resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configNames: ['retention.ms'] }] })
saw.retention = shown.resources[0].configEntries[0].configValue
await admin.alterConfigs({ resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries: [{ name: 'retention.ms', value: '200000' }] }] })

const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
await producer.connect()
await producer.send({ topic, messages: values(200, 'plain') })
await producer.send({ topic, messages: values(100, 'gzip'), compression: CompressionTypes.GZIP })
await producer.disconnect()

const transactional = kafka.producer({ transactionalId: topic, idempotent: true, maxInFlightRequests: 1 })
await transactional.connect()
for (const [text, commits] of [['first', true], ['lost', false], ['last', true]]) {
  const transaction = await transactional.transaction()
  await transaction.send({ topic, messages: values(10, text) })
  await transaction.sendOffsets({ consumerGroupId: `${topic}-moved`, topics: [{ topic, partitions: [{ partition: 0, offset: text.length.toString() }] }] })
  await (commits ? transaction.commit() : transaction.abort())
}
await transactional.disconnect()

saw.read = await read(topic, 320)
saw.moved = (await admin.fetchOffsets({ groupId: `${topic}-moved` }))[0].partitions[0].offset
saw.positions = (await admin.fetchOffsets({ groupId: topic, topics: [topic] }))[0].partitions.map((p) => [p.partition, p.offset])
saw.ends = (await admin.fetchTopicOffsets(topic)).map((p) => [p.partition, p.offset])
saw.byTime = (await admin.fetchTopicOffsetsByTimestamp(topic, 1)).map((p) => [p.partition, p.offset])
saw.groups.after = (await admin.describeGroups([topic])).groups[0].state
saw.groups.listed = (await admin.listGroups()).groups.map((g) => g.groupId).filter((g) => g.startsWith(topic))
await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '5' }] })
saw.starts = (await admin.fetchTopicOffsets(topic)).map((p) => [p.partition, p.low])
await admin.deleteGroups([topic, `${topic}-moved`])
await admin.createPartitions({ topicPartitions: [{ topic, count: 5 }] })
saw.partitions = (await admin.fetchTopicMetadata({ topics: [topic] })).topics[0].partitions.length
await admin.deleteTopics({ topics: [topic] })
const until = Date.now() + 10000
do { // Kafka forgets it a little later
  saw.left = (await admin.listTopics()).includes(topic)
} while (saw.left && Date.now() < until)
await admin.disconnect()
console.log(JSON.stringify(saw))
