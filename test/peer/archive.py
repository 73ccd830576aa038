"""The classes of a node as an archive that the next JVM maps: half of what a start costs a processor is loading them.

    script/peers archives       calls it: archive.py VERSION FILE
"""

import sys
import tempfile
from pathlib import Path

from kafka_cluster import KafkaCluster
from records import create_topic, end_offsets, produce, stream, transaction


def main(version, file):
    with tempfile.TemporaryDirectory() as folder:
        with KafkaCluster(version, folder, java_options=[f"-XX:ArchiveClassesAtExit={file}"]) as cluster:
            create_topic(cluster, "orders", 1)
            produce(cluster, "orders", stream(10, partitions=1))
            end_offsets(cluster, "orders")
            cluster.stop(timeout=120)     # an orderly end writes it
    if not Path(file).is_file():
        sys.exit(f"Kafka {version} left no archive of its classes")


if __name__ == "__main__":
    main(*sys.argv[1:])
