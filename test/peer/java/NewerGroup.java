import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.function.BooleanSupplier;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.SubscriptionPattern;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidRegularExpression;
import org.apache.kafka.common.errors.UnsupportedAssignorException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * The Java client in a group of the newer protocol: two members that subscribe by a pattern of RE2 and prefer "range" share the
 * topics NAME-a and NAME-b of three partitions each, read the 30 records of the first, commit, and hand over.
 *
 *	NewerGroup BOOTSTRAP NAME
 */
public class NewerGroup {
	private static final List<KafkaConsumer<byte[], byte[]>> members = new ArrayList<>();
	private static int read;

	private static KafkaConsumer<byte[], byte[]> member(String bootstrap, String group, String assignor) {
		Properties settings = new Properties();

		settings.put("bootstrap.servers", bootstrap);
		settings.put("group.id", group);
		settings.put("group.protocol", "consumer");
		settings.put("group.remote.assignor", assignor);
		settings.put("auto.offset.reset", "earliest");
		settings.put("enable.auto.commit", "false");
		settings.put("key.deserializer", ByteArrayDeserializer.class);
		settings.put("value.deserializer", ByteArrayDeserializer.class);
		return new KafkaConsumer<>(settings);
	}

	private static void until(String what, BooleanSupplier good) {
		long end = System.nanoTime() + Duration.ofSeconds(30).toNanos();

		while (!good.getAsBoolean()) {
			if (System.nanoTime() > end)
				throw new IllegalStateException("not in time: " + what);
			for (KafkaConsumer<byte[], byte[]> one : members)
				read += one.poll(Duration.ofMillis(50)).count();
		}
		System.out.println(what);
	}

	private static void check(String what, boolean good) {
		if (!good)
			throw new IllegalStateException("not so: " + what);
		System.out.println(what);
	}

	/* Each partition of a topic to one of the two, by "range": the first two, and the third. */
	private static boolean shared(String topic) {
		Set<Integer> first = new TreeSet<>(), second = new TreeSet<>();

		members.get(0).assignment().stream().filter(p -> p.topic().equals(topic)).forEach(p -> first.add(p.partition()));
		members.get(1).assignment().stream().filter(p -> p.topic().equals(topic)).forEach(p -> second.add(p.partition()));
		return (first.equals(Set.of(0, 1)) && second.equals(Set.of(2))) ||
			(second.equals(Set.of(0, 1)) && first.equals(Set.of(2)));
	}

	private static void refused(String bootstrap, String name) {
		try (KafkaConsumer<byte[], byte[]> one = member(bootstrap, name + "-refused", "nobody-knows")) {
			one.subscribe(List.of(name + "-a"));
			for (int i = 0; i < 100; i++)
				one.poll(Duration.ofMillis(100));
			throw new IllegalStateException("an assignor that is not known was taken");
		} catch (UnsupportedAssignorException expected) {
			System.out.println("an unknown assignor is refused");
		}
		try (KafkaConsumer<byte[], byte[]> one = member(bootstrap, name + "-refused", "uniform")) {
			one.subscribe(new SubscriptionPattern("(?=a)b"));
			for (int i = 0; i < 100; i++)
				one.poll(Duration.ofMillis(100));
			throw new IllegalStateException("a look-ahead was taken");
		} catch (InvalidRegularExpression expected) {
			System.out.println("what RE2 does not know is refused");
		}
	}

	public static void main(String[] arguments) throws ExecutionException, InterruptedException {
		String bootstrap = arguments[0], name = arguments[1];

		refused(bootstrap, name);
		for (int i = 0; i < 2; i++) {
			members.add(member(bootstrap, name, "range"));
			members.get(i).subscribe(new SubscriptionPattern(name + "-(?:a|b)"));
		}
		until("both share both topics", () -> shared(name + "-a") && shared(name + "-b"));
		until("all is read", () -> read >= 30);
		try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
			ConsumerGroupDescription told =
				admin.describeConsumerGroups(List.of(name)).all().get().get(name);

			check("the group is told as it is",
				told.members().size() == 2 && told.partitionAssignor().equals("range") &&
				told.groupState().toString().equals("Stable") &&
				told.type().toString().equals("Consumer") && told.groupEpoch().isPresent());
		}
		for (KafkaConsumer<byte[], byte[]> one : members)
			one.commitSync();
		members.remove(0).close();
		until("one is left with everything", () -> members.get(0).assignment().size() == 6);
		check("each record was read once", read == 30);
		Set<TopicPartition> all = Set.of(new TopicPartition(name + "-a", 0), new TopicPartition(name + "-a", 1),
			new TopicPartition(name + "-a", 2));
		long sum = 0;

		for (OffsetAndMetadata one : members.get(0).committed(all).values())
			sum += one.offset();
		check("positions are kept", sum == 30);
		members.get(0).close();
		System.out.println("all is well");
	}
}
