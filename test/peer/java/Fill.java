import java.nio.charset.StandardCharsets;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Fills a topic as fast as the Java client can: the same seed gives the same records in the same partitions, whatever
 * the cluster, the codec and the batches are.  Values are text that compresses about as well as JSON does.
 *
 *	Fill BOOTSTRAP TOPIC COUNT SIZE CODEC KEYS PARTITIONS SEED BATCH_BYTES
 */
public class Fill {
	private static final long FIRST_TIMESTAMP = 1_700_000_000_000L;

	private long state;

	private long next() {
		state ^= state << 13;
		state ^= state >>> 7;
		state ^= state << 17;
		return state;
	}

	private static String[] words(Fill chance) {
		String[] words = new String[512];

		for (int i = 0; i < words.length; i++)
			words[i] = Long.toString(chance.next() >>> 1, 36).substring(0, 3 + i % 9);
		return words;
	}

	private byte[] value(String[] words, int size) {
		StringBuilder text = new StringBuilder(size + 16);

		while (text.length() < size)
			text.append(words[(int) (next() >>> 55)]).append(' ');
		text.setLength(size);
		return text.toString().getBytes(StandardCharsets.US_ASCII);
	}

	public static void main(String[] arguments) {
		String topic = arguments[1];
		long count = Long.parseLong(arguments[2]);
		int size = Integer.parseInt(arguments[3]);
		int keys = Integer.parseInt(arguments[5]);
		int partitions = Integer.parseInt(arguments[6]);
		AtomicReference<Exception> failure = new AtomicReference<>();
		Properties settings = new Properties();
		Fill fill = new Fill();

		settings.put("bootstrap.servers", arguments[0]);
		settings.put("compression.type", arguments[4]);
		settings.put("batch.size", arguments[8]);
		settings.put("linger.ms", "20");
		settings.put("acks", "all");
		settings.put("buffer.memory", "134217728");
		fill.state = Long.parseLong(arguments[7]) * 2654435761L + 88172645463325252L;
		String[] words = words(fill);
		try (KafkaProducer<byte[], byte[]> producer =
				new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
			for (long i = 0; i < count && failure.get() == null; i++) {
				int key = (int) Long.remainderUnsigned(fill.next(), keys);
				byte[] keyBytes = ("customer-" + key).getBytes(StandardCharsets.US_ASCII);
				byte[] value = fill.value(words, size - keyBytes.length);

				producer.send(new ProducerRecord<>(topic, key % partitions, FIRST_TIMESTAMP + i / 100, keyBytes, value),
					(metadata, error) -> { if (error != null) failure.set(error); });
			}
			producer.flush();
		}
		if (failure.get() != null) {
			System.err.println("Fill: " + failure.get());
			System.exit(1);
		}
	}
}
