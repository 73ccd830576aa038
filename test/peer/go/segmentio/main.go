// segmentio is a short play of segmentio/kafka-go on a cluster: topics, every codec, a partition's reader, a group's reader
// with its positions, and the administrator's questions.  It ends with 0 when it saw what it had to see.
//
//	segmentio BOOTSTRAP TOPIC
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/compress"
)

const records = 500

func must(err error, what string) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "segmentio: %s: %v\n", what, err)
		os.Exit(1)
	}
}

func hold(is bool, what string, about ...any) {
	if !is {
		must(fmt.Errorf(what, about...), "it is not so")
	}
}

func write(ctx context.Context, bootstrap, topic string) {
	for part, codec := range []compress.Compression{compress.None, compress.Gzip, compress.Snappy, compress.Lz4, compress.Zstd} {
		writer := &kafka.Writer{Addr: kafka.TCP(bootstrap), Topic: topic, Balancer: &kafka.Hash{}, RequiredAcks: kafka.RequireAll,
			Compression: codec, BatchTimeout: 5 * time.Millisecond}
		var batch []kafka.Message
		for i := part * records / 5; i < (part+1)*records/5; i++ {
			batch = append(batch, kafka.Message{Key: []byte(fmt.Sprint("k", i%11)), Value: []byte(strconv.Itoa(i)),
				Headers: []kafka.Header{{Key: "h", Value: []byte("x")}}})
		}
		must(writer.WriteMessages(ctx, batch...), "WriteMessages")
		must(writer.Close(), "Close")
	}
}

// Reads as a group until all records were there, each key in order, nothing twice; commits as it goes.
func readGroup(ctx context.Context, bootstrap, topic string) {
	reader := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{bootstrap}, GroupID: topic, Topic: topic, MinBytes: 1,
		MaxBytes: 1 << 20, MaxWait: 100 * time.Millisecond, StartOffset: kafka.FirstOffset, IsolationLevel: kafka.ReadCommitted})
	last := map[string]int{}
	for range records {
		message, err := reader.FetchMessage(ctx)
		must(err, "FetchMessage")
		value, err := strconv.Atoi(string(message.Value))
		must(err, "a value")
		before, has := last[string(message.Key)]
		hold(string(message.Key) == fmt.Sprint("k", value%11), "key %s of value %d", message.Key, value)
		hold(!has && value < 11 || has && value == before+11, "%d after %d", value, before)
		last[string(message.Key)] = value
		must(reader.CommitMessages(ctx, message), "CommitMessages")
	}
	must(reader.Close(), "Close of the group's reader")
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	bootstrap, topic := os.Args[1], os.Args[2]
	client := &kafka.Client{Addr: kafka.TCP(bootstrap), Timeout: 20 * time.Second}
	created, err := client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{Topic: topic, NumPartitions: 3,
		ReplicationFactor: 1, ConfigEntries: []kafka.ConfigEntry{{ConfigName: "retention.ms", ConfigValue: "100000"}}}}})
	must(err, "CreateTopics")
	must(created.Errors[topic], "CreateTopics")
	write(ctx, bootstrap, topic)
	readGroup(ctx, bootstrap, topic)

	var places []kafka.OffsetRequest
	for partition := range 3 {
		places = append(places, kafka.FirstOffsetOf(partition), kafka.LastOffsetOf(partition))
	}
	listed, err := client.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{topic: places}})
	must(err, "ListOffsets")
	positions, err := client.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: topic, Topics: map[string][]int{topic: {0, 1, 2}}})
	must(err, "OffsetFetch")
	sum := int64(0)
	for _, place := range listed.Topics[topic] {
		must(place.Error, "ListOffsets")
		sum += place.LastOffset - place.FirstOffset
		at := positions.Topics[topic][place.Partition].CommittedOffset
		hold(at == place.LastOffset || place.LastOffset == 0, "partition %d is committed at %d of %d", place.Partition, at, place.LastOffset)
	}
	hold(sum == records, "%d records", sum)

	reader := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{bootstrap}, Topic: topic, Partition: 0, MaxBytes: 1 << 20,
		MaxWait: 100 * time.Millisecond})
	must(reader.SetOffset(3), "SetOffset")
	message, err := reader.ReadMessage(ctx)
	must(err, "ReadMessage")
	hold(message.Offset == 3, "offset %d", message.Offset)
	must(reader.Close(), "Close of a partition's reader")

	described, err := client.DescribeGroups(ctx, &kafka.DescribeGroupsRequest{GroupIDs: []string{topic}})
	must(err, "DescribeGroups")
	hold(described.Groups[0].GroupState == "Empty", "the group is %s", described.Groups[0].GroupState)
	deleted, err := client.DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: []string{topic}})
	must(err, "DeleteTopics")
	must(deleted.Errors[topic], "DeleteTopics")
}
