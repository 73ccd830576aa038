//! rustplay is a short play of the crate rdkafka on a cluster: every codec that it is built with, a group whose member is
//! replaced, exactly once from topic to topic with an abort between, and what may be read of it. It ends with 0 when it saw
//! what it had to see.
//!
//!     rustplay BOOTSTRAP TOPIC
//!
//! Without an async runtime: BaseProducer, BaseConsumer and the client's own threads.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};

const RECORDS: usize = 600;
const WAIT: Duration = Duration::from_secs(60); // for one answer
const LONG: Duration = Duration::from_secs(600); // for a whole scene: only what hangs takes so long

fn settings(more: &[(&str, &str)]) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", std::env::args().nth(1).expect("BOOTSTRAP"));
    config.set("reconnect.backoff.max.ms", "200");
    for (name, value) in more {
        config.set(*name, *value);
    }
    config
}

fn key(number: usize) -> String {
    format!("k{}", number % 13)
}

fn send(producer: &BaseProducer, topic: &str, from: usize, to: usize) {
    for number in from..to {
        let (key, value) = (key(number), format!("v{number}"));
        let headers = OwnedHeaders::new().insert(Header { key: "number", value: Some(&value) });
        let mut record = BaseRecord::to(topic).key(&key).payload(&value).headers(headers);
        loop {
            match producer.send(record) {
                Ok(()) => break,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    producer.poll(Duration::from_millis(50));
                    record = back;
                }
                Err((error, _)) => panic!("record {number}: {error}"),
            }
        }
    }
    producer.flush(WAIT).expect("flush");
    assert_eq!(producer.in_flight_count(), 0);
}

/// Numbers by key, in the order in which a group's member reads them; it commits them and leaves.
fn read(topic: &str, group: &str, count: usize) -> HashMap<String, Vec<usize>> {
    let consumer: BaseConsumer = settings(&[
        ("group.id", group),
        ("auto.offset.reset", "earliest"),
        ("enable.auto.commit", "false"),
        ("isolation.level", "read_committed"),
    ])
    .create()
    .expect("a consumer");
    let mut found: HashMap<String, Vec<usize>> = HashMap::new();
    let (mut seen, end) = (0, Instant::now() + LONG);

    consumer.subscribe(&[topic]).expect("subscribe");
    while seen < count {
        assert!(Instant::now() < end, "{group} read {seen} of {count}");
        let Some(message) = consumer.poll(Duration::from_millis(200)) else { continue };
        let message = message.expect("a message");
        let value = std::str::from_utf8(message.payload().unwrap()).unwrap();
        let header = message.headers().unwrap().get(0);
        assert_eq!((header.key, header.value), ("number", Some(value.as_bytes())));
        let key = std::str::from_utf8(message.key().unwrap()).unwrap();
        found.entry(key.to_string()).or_default().push(value[1..].parse().unwrap());
        seen += 1;
    }
    consumer.commit_consumer_state(CommitMode::Sync).expect("commit");
    found
}

/// Each number once, and those of one key in order.
fn hold(found: HashMap<String, Vec<usize>>, from: usize, to: usize) {
    let mut all: Vec<usize> = found.values().flatten().copied().collect();
    all.sort_unstable();
    assert_eq!(all, (from..to).collect::<Vec<_>>());
    for (name, numbers) in found {
        assert!(numbers.is_sorted(), "{name}: {numbers:?}");
        assert!(numbers.iter().all(|number| key(*number) == name));
    }
}

/// Moves all of a topic to another with its positions, aborting every second attempt.
fn exactly_once(from: &str, to: &str, group: &str, count: usize) {
    let producer: BaseProducer = settings(&[("transactional.id", group)]).create().expect("a producer");
    let consumer: BaseConsumer = settings(&[
        ("group.id", group),
        ("auto.offset.reset", "earliest"),
        ("enable.auto.commit", "false"),
        ("isolation.level", "read_committed"),
    ])
    .create()
    .expect("a consumer");
    let (mut done, mut attempt, end) = (0, 0, Instant::now() + LONG);

    producer.init_transactions(WAIT).expect("init_transactions");
    consumer.subscribe(&[from]).expect("subscribe");
    while done < count {
        assert!(Instant::now() < end, "moved {done} of {count}");
        let Some(first) = consumer.poll(Duration::from_millis(200)) else { continue };
        let mut batch = vec![first.expect("a message").detach()];
        while batch.len() < 200 {
            match consumer.poll(Duration::from_millis(20)) {
                Some(message) => batch.push(message.expect("a message").detach()),
                None => break,
            }
        }
        let mut positions = TopicPartitionList::new();
        let mut firsts = TopicPartitionList::new();
        for message in &batch {
            let place = (message.topic(), message.partition());
            if positions.find_partition(place.0, place.1).is_none() {
                positions.add_partition(place.0, place.1);
                firsts.add_partition_offset(place.0, place.1, Offset::Offset(message.offset())).unwrap();
            }
            positions.set_partition_offset(place.0, place.1, Offset::Offset(message.offset() + 1)).unwrap();
        }
        attempt += 1;
        producer.begin_transaction().expect("begin_transaction");
        for message in &batch {
            let record: BaseRecord<[u8], [u8]> = BaseRecord::to(to)
                .key(message.key().unwrap())
                .payload(message.payload().unwrap())
                .headers(message.headers().unwrap().clone());
            producer.send(record).map_err(|(error, _)| error).expect("send");
        }
        producer
            .send_offsets_to_transaction(&positions, &consumer.group_metadata().expect("a group"), WAIT)
            .expect("send_offsets_to_transaction");
        if attempt % 2 == 1 {
            producer.flush(WAIT).expect("flush"); // it is on the log, and must never be seen
            producer.abort_transaction(WAIT).expect("abort_transaction");
            for place in firsts.elements() {
                consumer.seek(place.topic(), place.partition(), place.offset(), WAIT).expect("seek");
            }
        } else {
            producer.commit_transaction(WAIT).expect("commit_transaction");
            done += batch.len();
        }
    }
}

fn main() {
    let topic = std::env::args().nth(2).expect("TOPIC");
    let copy = format!("{topic}-copy");
    let codecs = ["none", "gzip", "snappy", "lz4"];
    let all = RECORDS * codecs.len();

    for (number, codec) in codecs.iter().enumerate() {
        let producer: BaseProducer =
            settings(&[("compression.codec", *codec), ("enable.idempotence", "true"), ("linger.ms", "5")]).create().expect("a producer");
        send(&producer, &topic, number * RECORDS, (number + 1) * RECORDS);
    }
    let group = format!("{topic}-readers");
    hold(read(&topic, &group, all), 0, all);
    let producer: BaseProducer = settings(&[]).create().expect("a producer");
    send(&producer, &topic, all, all + 100);
    hold(read(&topic, &group, 100), all, all + 100); // goes on where the one before it stopped

    exactly_once(&topic, &copy, &format!("{topic}-mover"), all + 100);
    hold(read(&copy, &format!("{copy}-readers"), all + 100), 0, all + 100);
    let told = producer.client().fetch_metadata(Some(&copy), WAIT).expect("metadata");
    assert_eq!(told.topics().len(), 1);
    println!("rustplay: librdkafka {} is content", rdkafka::util::get_rdkafka_version().1);
}
