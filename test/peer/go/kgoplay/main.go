// kgoplay is a short play of franz-go on a cluster: topics and configs, every codec, groups under the balancers, exactly
// once from topic to topic, and the administrator's questions.  It ends with 0 when it saw what it had to see.
//
//	kgoplay BOOTSTRAP TOPIC
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const records = 700

func must(err error, what string) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "kgoplay: %s: %v\n", what, err)
		os.Exit(1)
	}
}

func hold(is bool, what string, about ...any) {
	if !is {
		must(fmt.Errorf(what, about...), "it is not so")
	}
}

func client(options ...kgo.Opt) *kgo.Client {
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(os.Args[1]), kgo.RetryTimeout(20 * time.Second)}, options...)...)
	must(err, "a client")
	return cl
}

func createTopics(ctx context.Context, cl *kgo.Client, names ...string) {
	req := kmsg.NewPtrCreateTopicsRequest()
	for _, name := range names {
		topic := kmsg.NewCreateTopicsRequestTopic()
		topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, 5, -1
		req.Topics = append(req.Topics, topic)
	}
	resp, err := req.RequestWith(ctx, cl)
	must(err, "CreateTopics")
	for _, topic := range resp.Topics {
		must(kerr.ErrorForCode(topic.ErrorCode), topic.Topic)
	}
}

func key(i int) string { return fmt.Sprintf("k%d", i%13) }

// Every codec in turn, so that one topic holds all of them.
func produce(ctx context.Context, topic string) {
	codecs := []kgo.CompressionCodec{kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(),
		kgo.ZstdCompression()}
	for part, codec := range codecs {
		cl := client(kgo.DefaultProduceTopic(topic), kgo.ProducerBatchCompression(codec))
		for i := part * records / 5; i < (part+1)*records/5; i++ {
			cl.Produce(ctx, kgo.KeyStringRecord(key(i), fmt.Sprint(i)), func(_ *kgo.Record, err error) { must(err, "Produce") })
		}
		must(cl.Flush(ctx), "Flush")
		cl.Close()
	}
}

// Reads until all records were there; each key in order, nothing twice.
func read(ctx context.Context, topic, what string, options ...kgo.Opt) {
	cl := client(append([]kgo.Opt{kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxWait(200 * time.Millisecond)}, options...)...)
	defer cl.Close()
	last := map[string]int{}
	for seen := 0; seen < records; {
		fetches := cl.PollFetches(ctx)
		must(fetches.Err(), "PollFetches of "+what)
		fetches.EachRecord(func(record *kgo.Record) {
			var value int
			_, err := fmt.Sscan(string(record.Value), &value)
			must(err, "a value")
			before, has := last[string(record.Key)]
			hold(string(record.Key) == key(value), "%s: key %s of value %d", what, record.Key, value)
			hold(!has && value < 13 || has && value == before+13, "%s: %d after %d", what, value, before)
			last[string(record.Key)] = value
			seen++
		})
	}
	if len(options) > 0 {
		must(cl.CommitUncommittedOffsets(ctx), "CommitUncommittedOffsets of "+what)
	}
}

// From topic to topic in transactions, of which every third is aborted and done again.
func copyOnce(ctx context.Context, from, to string) {
	session, err := kgo.NewGroupTransactSession(kgo.SeedBrokers(os.Args[1]), kgo.TransactionalID(to), kgo.ConsumerGroup(to),
		kgo.ConsumeTopics(from), kgo.DefaultProduceTopic(to), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.RequireStableFetchOffsets(), kgo.FetchMaxWait(200*time.Millisecond))
	must(err, "NewGroupTransactSession")
	defer session.Close()
	for copied, round := 0, 0; copied < records; round++ {
		fetches := session.PollRecords(ctx, 50)
		must(fetches.Err(), "PollRecords")
		must(session.Begin(), "Begin")
		batch := 0
		fetches.EachRecord(func(record *kgo.Record) {
			session.Produce(ctx, &kgo.Record{Key: record.Key, Value: record.Value}, func(_ *kgo.Record, err error) {
				if !errors.Is(err, kgo.ErrAborting) { /* what was not sent when its transaction was aborted */
					must(err, "Produce")
				}
			})
			batch++
		})
		committed, err := session.End(ctx, kgo.TransactionEndTry(round%3 != 2))
		must(err, "End")
		if committed {
			copied += batch
		}
	}
}

func questions(ctx context.Context, cl *kgo.Client, topic string) {
	groups, err := kmsg.NewPtrListGroupsRequest().RequestWith(ctx, cl)
	must(err, "ListGroups")
	found := 0
	for _, group := range groups.Groups {
		if group.Group == topic+"-copy" || group.Group == topic+"-range" || group.Group == topic+"-sticky" {
			found++
		}
	}
	hold(found == 3, "%d of 3 groups are listed", found)
	ask := kmsg.NewPtrDescribeConfigsRequest()
	resource := kmsg.NewDescribeConfigsRequestResource()
	resource.ResourceType, resource.ResourceName = kmsg.ConfigResourceTypeTopic, topic
	ask.Resources = append(ask.Resources, resource)
	configs, err := ask.RequestWith(ctx, cl)
	must(err, "DescribeConfigs")
	hold(len(configs.Resources[0].Configs) > 25, "%d configs", len(configs.Resources[0].Configs))
	gone := kmsg.NewPtrDeleteTopicsRequest()
	for _, name := range []string{topic, topic + "-copy"} {
		name := name
		one := kmsg.NewDeleteTopicsRequestTopic()
		one.Topic = &name
		gone.Topics, gone.TopicNames = append(gone.Topics, one), append(gone.TopicNames, name)
	}
	deleted, err := gone.RequestWith(ctx, cl)
	must(err, "DeleteTopics")
	for _, one := range deleted.Topics {
		must(kerr.ErrorForCode(one.ErrorCode), *one.Topic)
	}
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	topic := os.Args[2]
	cl := client()
	defer cl.Close()
	createTopics(ctx, cl, topic, topic+"-copy")
	produce(ctx, topic)
	read(ctx, topic, "nobody's group")
	read(ctx, topic, "range", kgo.ConsumerGroup(topic+"-range"), kgo.Balancers(kgo.RangeBalancer()))
	read(ctx, topic, "cooperative-sticky", kgo.ConsumerGroup(topic+"-sticky"), kgo.InstanceID("one"))
	copyOnce(ctx, topic, topic+"-copy")
	read(ctx, topic+"-copy", "the copy")
	questions(ctx, cl, topic)
}
