import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.function.BooleanSupplier;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListGroupsOptions;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RebalanceInProgressException;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * Members of a group are replaced one after the other: from the classic protocol to the newer one and back, while all of them
 * read and commit.  Each of the values 0 to COUNT is read, and no position falls behind one that was acknowledged.
 *
 *	RollingGroup BOOTSTRAP TOPIC PARTITIONS COUNT
 */
public class RollingGroup {
	private static final List<KafkaConsumer<String, String>> members = new ArrayList<>();
	private static final Set<String> read = new HashSet<>();
	private static final Map<TopicPartition, Long> kept = new HashMap<>();
	private static String bootstrap, topic;
	private static int partitions;

	private static void join(String protocol) {
		Properties settings = new Properties();
		KafkaConsumer<String, String> one;

		settings.put("bootstrap.servers", bootstrap);
		settings.put("group.id", topic);
		settings.put("group.protocol", protocol);
		if (protocol.equals("classic")) {
			settings.put("session.timeout.ms", "6000");
			settings.put("heartbeat.interval.ms", "200");
		}
		settings.put("auto.offset.reset", "earliest");
		settings.put("enable.auto.commit", "false");
		settings.put("max.poll.records", "20");
		settings.put("key.deserializer", StringDeserializer.class);
		settings.put("value.deserializer", StringDeserializer.class);
		one = new KafkaConsumer<>(settings);
		one.subscribe(List.of(topic));
		members.add(one);
	}

	private static void turn(KafkaConsumer<String, String> one) {
		Map<TopicPartition, OffsetAndMetadata> places = new HashMap<>();

		for (ConsumerRecord<String, String> record : one.poll(Duration.ofMillis(30))) {
			read.add(record.value());
			places.put(new TopicPartition(record.topic(), record.partition()),
				new OffsetAndMetadata(record.offset() + 1));
		}
		if (places.isEmpty())
			return;
		try {
			one.commitSync(places);
			places.forEach((place, at) -> kept.merge(place, at.offset(), Math::max));
		} catch (CommitFailedException | RebalanceInProgressException late) {
			// somebody else has them by now, and reads them again
		}
	}

	private static boolean shared() {
		Set<TopicPartition> all = new HashSet<>();
		int count = 0;

		for (KafkaConsumer<String, String> one : members) {
			if (one.assignment().isEmpty())
				return false;
			all.addAll(one.assignment());
			count += one.assignment().size();
		}
		return count == partitions && all.size() == partitions;
	}

	private static void until(String what, BooleanSupplier good) {
		long end = System.nanoTime() + Duration.ofSeconds(40).toNanos();

		while (!good.getAsBoolean()) {
			if (System.nanoTime() > end)
				throw new IllegalStateException("not in time: " + what);
			members.forEach(RollingGroup::turn);
		}
		System.out.println(what);
	}

	private static void is(Admin admin, String type) throws Exception {
		String told = admin.listGroups(new ListGroupsOptions()).all().get().stream()
			.filter(group -> group.groupId().equals(topic)).findFirst().get().type().get().toString();

		if (!told.equals(type))
			throw new IllegalStateException("the group is " + told + " and not " + type);
	}

	public static void main(String[] arguments) throws Exception {
		int count = Integer.parseInt(arguments[3]);

		bootstrap = arguments[0];
		topic = arguments[1];
		partitions = Integer.parseInt(arguments[2]);
		try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
			join("classic");
			join("classic");
			until("two of the classic protocol", RollingGroup::shared);
			is(admin, "Classic");
			for (int i = 0; i < 2; i++) {
				join("consumer");
				until("one of the newer protocol more", RollingGroup::shared);
				is(admin, "Consumer");
				members.remove(0).close();
				until("one of the classic protocol less", RollingGroup::shared);
			}
			for (int i = 0; i < 2; i++) {
				join("classic");
				until("one of the classic protocol more", RollingGroup::shared);
				is(admin, "Consumer");
				members.remove(0).close();
				until("one of the newer protocol less", RollingGroup::shared);
			}
			is(admin, "Classic");
		}
		until("all is read", () -> read.size() == count);
		members.get(0).committed(kept.keySet()).forEach((place, at) -> {
			if (at == null || at.offset() < kept.get(place))
				throw new IllegalStateException(place + " stands at " + at + ", and " + kept.get(place) + " was kept");
		});
		members.forEach(KafkaConsumer::close);
		System.out.println("all is well");
	}
}
