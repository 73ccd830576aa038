// @platformatic/kafka on a cluster: topics, configs, producers, groups, positions, deletions.
//	node platformatic_play.mjs BOOTSTRAP TOPIC
// What it saw is one JSON object; the test that asked for it is the judge.
import { Admin, Consumer, Producer, stringDeserializers, stringSerializers } from '@platformatic/kafka'

const [bootstrap, topic] = process.argv.slice(2)
const common = { clientId: 'platformatic', bootstrapBrokers: [bootstrap], timeout: 20000 }
const saw = { groups: {} }
const admin = new Admin(common)

saw.created = (await admin.createTopics({ topics: [topic], partitions: 3, replicas: 1, configs: [{ name: 'retention.ms', value: '100000' }] }))[0].partitions
saw.again = await admin.createTopics({ topics: [topic], partitions: 3, replicas: 1 }).then(() => null, (error) => JSON.stringify(error.errors?.map((e) => e.errors?.map((f) => f.apiId ?? f.message) ?? e.message)))
const resources = [{ resourceType: 2, resourceName: topic, configurationKeys: ['retention.ms'] }]
saw.retention = (await admin.describeConfigs({ resources }))[0].configs[0].value
await admin.incrementalAlterConfigs({ resources: [{ resourceType: 2, resourceName: topic, configs: [{ name: 'retention.ms', configOperation: 0, value: '200000' }] }] })
saw.changed = (await admin.describeConfigs({ resources }))[0].configs[0].value

for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
  if (compression === 'zstd' && !(await import('node:zlib')).zstdCompressSync) continue
  const producer = new Producer({ ...common, serializers: stringSerializers, idempotent: true, compression })
  await producer.send({ acks: -1, messages: Array.from({ length: 60 }, (_, i) => ({ topic, key: `k${i % 7}`, value: `${compression}${i}`, headers: { h: 'x' } })) })
  await producer.close()
  saw.sent = (saw.sent ?? 0) + 60
}

const consumer = new Consumer({ ...common, groupId: topic, deserializers: stringDeserializers })
const stream = await consumer.consume({ topics: [topic], mode: 'earliest', autocommit: false, sessionTimeout: 10000, heartbeatInterval: 500, maxWaitTime: 200 })
saw.read = []
for await (const message of stream) {
  saw.read.push([message.partition, String(message.offset), message.key, message.value])
  await message.commit()
  if (saw.read.length === saw.sent) break
}
saw.groups.while = (await admin.describeGroups({ groups: [topic] })).get(topic).state
await stream.close()
await consumer.close()
saw.groups.after = (await admin.describeGroups({ groups: [topic] })).get(topic).state
saw.groups.listed = (await admin.listGroups()).has(topic)
saw.positions = (await admin.listConsumerGroupOffsets({ groups: [topic] }))[0].topics[0].partitions.map((p) => [p.partitionIndex, String(p.committedOffset)])
saw.ends = (await admin.listOffsets({ topics: [{ name: topic, partitions: [0, 1, 2].map((partitionIndex) => ({ partitionIndex, timestamp: -1n })) }] }))[0].partitions.map((p) => [p.partitionIndex, String(p.offset)])
saw.logs = (await admin.describeLogDirs({ topics: [{ name: topic, partitions: [0, 1, 2] }] }))[0].results[0].topics[0].partitions.length
saw.deleted = (await admin.deleteRecords({ topics: [{ name: topic, partitions: [{ partition: 0, offset: 1n }] }] }))[0].partitions.map((p) => String(p.lowWatermark))
await admin.deleteGroups({ groups: [topic] })
await admin.createPartitions({ topics: [{ name: topic, count: 5, assignments: null }] })
saw.partitions = (await admin.metadata({ topics: [topic], forceUpdate: true })).topics.get(topic).partitionsCount
await admin.deleteTopics({ topics: [topic] })
const until = Date.now() + 10000
do { // Kafka forgets it a little later
  saw.left = (await admin.listTopics()).includes(topic)
} while (saw.left && Date.now() < until)
await admin.close()
console.log(JSON.stringify(saw))
