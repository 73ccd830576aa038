import java.time.Duration;
import java.util.Arrays;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.state.Stores;

/**
 * A Kafka Streams application with a state store, a repartition topic and exactly_once_v2: it counts words, until it is ended.
 *
 *	WordCount BOOTSTRAP FROM TO FOLDER
 */
public class WordCount {
	public static void main(String[] arguments) {
		Properties settings = new Properties();
		StreamsBuilder builder = new StreamsBuilder();

		settings.put(StreamsConfig.APPLICATION_ID_CONFIG, arguments[2]);
		settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, arguments[0]);
		settings.put(StreamsConfig.STATE_DIR_CONFIG, arguments[3]);
		settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
		settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 100);
		settings.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
		settings.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
		settings.put(StreamsConfig.consumerPrefix("session.timeout.ms"), 6000);
		settings.put(StreamsConfig.consumerPrefix("heartbeat.interval.ms"), 500);
		settings.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
		builder.<String, String>stream(arguments[1])
			.flatMapValues(text -> Arrays.asList(text.split(" ")))
			.groupBy((key, word) -> word, Grouped.with(Serdes.String(), Serdes.String()))
			.count(Materialized.<String, Long>as(Stores.inMemoryKeyValueStore("counts"))
				.withKeySerde(Serdes.String()).withValueSerde(Serdes.Long()))
			.toStream()
			.mapValues(count -> Long.toString(count))
			.to(arguments[2], Produced.with(Serdes.String(), Serdes.String()));

		KafkaStreams streams = new KafkaStreams(builder.build(), settings);

		streams.setUncaughtExceptionHandler(failure -> {
			failure.printStackTrace();
			return org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
		});
		Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(10))));
		streams.start();
		System.out.println("started");
	}
}
