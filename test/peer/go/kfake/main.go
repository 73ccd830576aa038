// kfake is a cluster in one process that speaks the protocol of an older Kafka: a stand-in for sources that no jar
// of ours can be.  It prints its addresses once it listens, and ends with its standard input or at a signal.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kversion"
)

func main() {
	brokers := flag.Int("brokers", 1, "how many brokers")
	speaks := flag.String("speaks", "2.8", "the version of Kafka whose protocol is spoken")
	flag.Parse()

	versions := kversion.FromString("v" + strings.TrimPrefix(*speaks, "v"))
	if versions == nil {
		fmt.Fprintln(os.Stderr, "kfake: no such version:", *speaks)
		os.Exit(64)
	}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(*brokers), kfake.MaxVersions(versions), kfake.DefaultNumPartitions(4))
	if err != nil {
		fmt.Fprintln(os.Stderr, "kfake:", err)
		os.Exit(69)
	}
	defer cluster.Close()
	fmt.Println(strings.Join(cluster.ListenAddrs(), ","))

	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		io.Copy(io.Discard, os.Stdin)
		stop <- syscall.SIGTERM
	}()
	<-stop
}
